//! What was said, what was answered, and what arrived where: and whether all of it fits together.
//!
//! Nothing here forgives: logs hold what came over the wire, in the order in which it came, with whatever came twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// One event as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) at: Instant,
    pub(crate) stream: String,
    pub(crate) rev: u64,
    pub(crate) kind: String,
    pub(crate) seq: u64,
    pub(crate) text: String,
}

impl Record {
    /// The kind of a record that says that events up to its `rev` were left out.
    pub(crate) const RESET: &str = "reset";
    /// The kind of a record that says what a message is.
    pub(crate) const POSTED: &str = "message.posted";
}

/// One connection: at which node, and what arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    pub(crate) node: usize,
    pub(crate) records: Vec<Record>,
}

/// One client's connections, each of which went on where the one before had ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    pub(crate) name: String,
    /// Where each stream stood when it was opened: what comes after that must arrive.
    pub(crate) from: BTreeMap<String, u64>,
    pub(crate) connections: Vec<Connection>,
}

impl Chain {
    /// The messages that arrived.
    pub(crate) fn texts(&self) -> Vec<String> {
        let records = self.connections.iter().flat_map(|connection| &connection.records);
        let posted = records.filter(|record| record.kind == Record::POSTED);
        posted.map(|record| record.text.clone()).collect()
    }

    /// How far a stream came.
    pub(crate) fn last(&self, stream: &str) -> u64 {
        let begin = self.from.get(stream).copied().unwrap_or(0);
        let records = self.connections.iter().flat_map(|connection| &connection.records);
        let of_stream = records.filter(|record| record.stream == stream);
        of_stream.map(|record| record.rev).fold(begin, u64::max)
    }
}

/// A post, with whatever became of it.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) room: String,
    pub(crate) text: String,
    /// At which node it was tried first.
    pub(crate) node: usize,
    pub(crate) sent_at: Instant,
    pub(crate) acknowledged: Option<Acknowledged>,
}

/// What an answer to a post said.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) at: Instant,
    pub(crate) seq: u64,
    pub(crate) rev: u64,
    pub(crate) text: String,
}

/// A message as a page has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) seq: u64,
    pub(crate) rev: u64,
    pub(crate) text: String,
}

/// The pages of one room, from its first message to its last, as one node answers them.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    pub(crate) room: String,
    pub(crate) node: usize,
    pub(crate) messages: Vec<Stored>,
}

/// Everything that was seen of one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) posts: Vec<Post>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) pages: Vec<Pages>,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An acknowledged message is not in the store.
    Lost { text: String },
    /// An acknowledged message is in the store as something else.
    StoredDifferently { text: String },
    /// A message was stored that nobody sent.
    Invented { text: String },
    /// A message was stored twice.
    StoredTwice { text: String },
    /// Messages are numbered with a hole, or not in order.
    BadPage { room: String, seq: u64 },
    /// Two nodes answer different pages.
    PagesDisagree { room: String, node: usize },
    /// A client never got a message.
    Missed { chain: String, text: String },
    /// A client got an event twice.
    Repeated { chain: String, stream: String, rev: u64 },
    /// A client got an event after a later one.
    Disordered { chain: String, stream: String, rev: u64 },
    /// A client got a message otherwise than it is stored.
    ArrivedDifferently { chain: String, text: String },
    /// A client got a message that is not stored.
    NotStored { chain: String, text: String },
    /// A client was told to begin anew, or got events from before it asked.
    Reset { chain: String, stream: String },
}

/// The name of a room's stream.
pub(crate) fn stream_of(room: &str) -> String {
    format!("room:{room}")
}

impl History {
    /// Everything that does not fit, in no order of weight. Nothing for a good history.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let truth = self.check_pages(&mut faults);
        self.check_posts(&truth, &mut faults);
        for chain in &self.chains {
            check_order(chain, &mut faults);
            check_content(chain, &truth, &mut faults);
        }
        faults
    }

    /// Checks the pages for themselves; answers them by room.
    fn check_pages(&self, faults: &mut Vec<Fault>) -> BTreeMap<&str, &[Stored]> {
        let mut truth: BTreeMap<&str, &[Stored]> = BTreeMap::new();
        for pages in &self.pages {
            let first = *truth.entry(&pages.room).or_insert(&pages.messages);
            if first != pages.messages {
                faults.push(Fault::PagesDisagree {
                    room: pages.room.clone(),
                    node: pages.node,
                });
            }
        }
        for (room, messages) in &truth {
            let mut rev = 0;
            for (seq, message) in (1..).zip(*messages) {
                if message.seq != seq || message.rev <= rev {
                    faults.push(Fault::BadPage {
                        room: (*room).to_owned(),
                        seq: message.seq,
                    });
                    break;
                }
                rev = message.rev;
            }
        }
        truth
    }

    /// Checks the store against what was sent and what was answered. What was never answered may be there or not.
    fn check_posts(&self, truth: &BTreeMap<&str, &[Stored]>, faults: &mut Vec<Fault>) {
        let mut stored: HashMap<(&str, &str), Vec<&Stored>> = HashMap::new();
        for (room, messages) in truth {
            for message in *messages {
                stored.entry((room, &message.text)).or_default().push(message);
            }
        }
        let sent: BTreeSet<(&str, &str)> = self.posts.iter().map(|post| (&*post.room, &*post.text)).collect();
        for ((room, text), found) in &stored {
            if !sent.contains(&(*room, *text)) {
                faults.push(Fault::Invented {
                    text: (*text).to_owned(),
                });
            }
            if found.len() > 1 {
                faults.push(Fault::StoredTwice {
                    text: (*text).to_owned(),
                });
            }
        }
        for post in &self.posts {
            let Some(answer) = &post.acknowledged else {
                continue;
            };
            let text = post.text.clone();
            let Some(found) = stored.get(&(&*post.room, &*post.text)) else {
                faults.push(Fault::Lost { text });
                continue;
            };
            let fits = |found: &&Stored| {
                (found.seq, found.rev, &found.text) == (answer.seq, answer.rev, &answer.text)
            };
            if !found.iter().any(fits) {
                faults.push(Fault::StoredDifferently { text });
            }
        }
    }
}

/// Each stream's numbers grow, over all connections of a client.
fn check_order(chain: &Chain, faults: &mut Vec<Fault>) {
    let mut seen: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    let mut highest: BTreeMap<&str, u64> = BTreeMap::new();
    for record in chain
        .connections
        .iter()
        .flat_map(|connection| &connection.records)
    {
        let stream = &*record.stream;
        let from = chain.from.get(stream).copied().unwrap_or(0);
        let last = highest.entry(stream).or_insert(from);
        if record.kind == Record::RESET {
            faults.push(Fault::Reset {
                chain: chain.name.clone(),
                stream: stream.to_owned(),
            });
            *last = (*last).max(record.rev);
            continue;
        }
        let (chain, stream, rev) = (chain.name.clone(), stream.to_owned(), record.rev);
        if !seen.entry(&record.stream).or_default().insert(rev) {
            faults.push(Fault::Repeated { chain, stream, rev });
        } else if rev <= *last {
            faults.push(Fault::Disordered { chain, stream, rev });
        }
        *last = (*last).max(record.rev);
    }
}

/// What a client got of each room is what is stored there: nothing less, nothing else.
fn check_content(chain: &Chain, truth: &BTreeMap<&str, &[Stored]>, faults: &mut Vec<Fault>) {
    for (room, messages) in truth {
        let stream = stream_of(room);
        let Some(from) = chain.from.get(&stream) else {
            continue;
        };
        let records = chain
            .connections
            .iter()
            .flat_map(|connection| &connection.records);
        let mut arrived: BTreeMap<u64, &Record> = BTreeMap::new();
        for record in records.filter(|record| record.stream == stream && record.kind == Record::POSTED) {
            arrived.insert(record.rev, record);
        }
        for message in messages.iter().filter(|message| message.rev > *from) {
            let (chain, text) = (chain.name.clone(), message.text.clone());
            match arrived.remove(&message.rev) {
                None => faults.push(Fault::Missed { chain, text }),
                Some(record) if record.seq != message.seq || record.text != message.text => {
                    faults.push(Fault::ArrivedDifferently { chain, text });
                }
                Some(_) => {}
            }
        }
        for record in arrived.into_values() {
            faults.push(Fault::NotStored {
                chain: chain.name.clone(),
                text: record.text.clone(),
            });
        }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
