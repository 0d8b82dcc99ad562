//! What follows from a stream's events, computed here and compared with what the store keeps.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use madang_storage::model::{
    Commit, Event, Fact, Head, Marker, MessageRecord, RoomId, Row, RowChange, RowKey, Rows, StreamId, UserId,
    advance, project, rows_needed,
};

use super::Findings;
use crate::content::{hash_of, text_for};
use crate::knowledge::{Knowledge, hash_of_event};

/// Rows and markers as the events make them.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// Rows that exist.
    pub(super) rows: BTreeMap<RowKey, Row>,
    /// Rows that existed and are gone.
    pub(super) gone: BTreeSet<RowKey>,
    /// Where markers are at least.
    pub(super) markers: BTreeMap<(UserId, RoomId), Marker>,
}

impl Fold {
    /// Adds a stream's events; answers the head after them.
    pub(super) fn stream(&mut self, stream: StreamId, commits: &[Commit], findings: &mut Findings) -> Head {
        let mut head = Head::default();
        let mut ids = HashSet::new();
        let mut nonces = HashSet::new();
        for commit in commits {
            let event = &commit.event;
            let rev = event.rev();
            findings.check(rev == head.rev + 1, || {
                format!("{stream}: {rev} comes after {}", head.rev)
            });
            let expected = advance(&head, &event.fact, event.at());
            findings.check(event.head == expected, || {
                format!(
                    "{stream}: event {rev} says {:?} and follows to {expected:?}",
                    event.head
                )
            });
            findings.check(event.stream == stream, || {
                format!("{stream} holds an event of {}", event.stream)
            });
            findings.check(ids.insert(event.id), || {
                format!("{stream}: {} was appended twice", event.id)
            });
            if let Some(nonce) = event.nonce {
                let new = nonces.insert((event.actor, nonce));
                findings.check(new, || format!("{stream}: nonce {nonce} was appended twice"));
            }
            head = event.head;
            self.event(event, findings);
        }
        head
    }

    fn event(&mut self, event: &Event, findings: &mut Findings) {
        let event = with_text(event, findings);
        let mut rows = Rows::default();
        for key in rows_needed(event.stream, &event.fact) {
            if let Some(row) = self.rows.get(&key) {
                rows.insert(key, row.clone());
            }
        }
        match project(&event, &rows) {
            Ok(changes) => changes.into_iter().for_each(|change| self.change(change)),
            Err(error) => findings.lose(format!(
                "{}: event {} does not fit: {error}",
                event.stream,
                event.rev()
            )),
        }
    }

    fn change(&mut self, change: RowChange) {
        match change {
            RowChange::Put(key, row) => {
                self.gone.remove(&key);
                self.rows.insert(key, row);
            }
            RowChange::Delete(key) => {
                self.rows.remove(&key);
                self.gone.insert(key);
            }
            RowChange::MoveMarker { user, room, to } => {
                let marker = self.markers.entry((user, room)).or_default();
                if to.seq > marker.seq {
                    *marker = to;
                }
            }
        }
    }

    /// The records of a room's history are exactly what its events make.
    pub(super) fn check_records(&self, room: RoomId, records: &[MessageRecord], findings: &mut Findings) {
        let mut seqs = 0;
        for record in records {
            seqs += 1;
            findings.check(record.seq == seqs, || {
                format!("{room}: message {} stands at {seqs}", record.seq)
            });
            self.check_record(room, record, "history", findings);
        }
        let made = self.message_count(room);
        findings.check(made == seqs, || {
            format!("{room}: {seqs} messages are listed and {made} were posted")
        });
    }

    /// Events come with the message as it is now.
    pub(super) fn check_commits(&self, room: RoomId, commits: &[Commit], findings: &mut Findings) {
        for commit in commits {
            let event = &commit.event;
            let expected = event.fact.message_seq(&event.head);
            let given = commit.record.as_ref().map(|record| record.seq);
            findings.check(expected == given, || {
                format!(
                    "{room}: event {} is about {expected:?} and comes with {given:?}",
                    event.rev()
                )
            });
            if let Some(record) = &commit.record {
                self.check_record(room, record, "event", findings);
            }
        }
    }

    fn check_record(&self, room: RoomId, record: &MessageRecord, from: &str, findings: &mut Findings) {
        let seq = record.seq;
        let Some(Row::Message(expected)) = self.rows.get(&RowKey::Message { room, seq }) else {
            findings.lose(format!("{room}: {from} has message {seq} that nobody posted"));
            return;
        };
        findings.check(record == expected, || {
            format!(
                "{room}: {from} has message {seq} as {}, its events make {}",
                brief(record),
                brief(expected)
            )
        });
    }

    fn message_count(&self, room: RoomId) -> u64 {
        let first = RowKey::Message { room, seq: 0 };
        let last = RowKey::Message { room, seq: u64::MAX };
        self.rows.range(first..=last).count() as u64
    }
}

/// A stored event has no text once its message has it; what the text was follows from the event's id.
fn with_text(event: &Event, findings: &mut Findings) -> Event {
    let mut event = event.clone();
    let id = event.id;
    if let Fact::MessagePosted { text, .. } | Fact::MessageEdited { text, .. } = &mut event.fact {
        let expected = text_for(id);
        findings.check(text.is_empty() || *text == expected, || {
            format!("event {id} has another text")
        });
        *text = expected;
    }
    event
}

/// What was acknowledged or seen of a stream stands in it.
pub(super) fn check_known(
    stream: StreamId,
    commits: &[Commit],
    knowledge: &Knowledge,
    findings: &mut Findings,
) {
    let Some(known) = knowledge.events.get(&stream) else {
        return;
    };
    let present: BTreeMap<u64, &Event> = commits
        .iter()
        .map(|commit| (commit.event.rev(), &commit.event))
        .collect();
    for (rev, hash) in known {
        match present.get(rev) {
            None => findings.lose(format!("{stream}: event {rev} is missing")),
            Some(event) => {
                findings.check(hash_of_event(event) == *hash, || {
                    format!("{stream}: event {rev} is another one")
                });
            }
        }
    }
}

/// What was acknowledged or seen of a room's messages stands in its history, or something newer.
pub(super) fn check_known_records(
    room: RoomId,
    records: &[MessageRecord],
    knowledge: &Knowledge,
    findings: &mut Findings,
) {
    let present: BTreeMap<u64, &MessageRecord> = records.iter().map(|record| (record.seq, record)).collect();
    for ((_, seq), least) in knowledge.records.range((room, 0)..=(room, u64::MAX)) {
        let Some(record) = present.get(seq) else {
            findings.lose(format!("{room}: message {seq} is missing"));
            continue;
        };
        let rev = record.rev;
        findings.check(rev >= least.version, || {
            format!(
                "{room}: message {seq} was at rev {} and is at {rev}",
                least.version
            )
        });
        let same = rev != least.version || hash_of(*record) == least.hash;
        findings.check(same, || {
            format!("{room}: message {seq} at rev {rev} is another one")
        });
    }
}

fn brief(record: &MessageRecord) -> String {
    let text: String = record.text.chars().take(40).collect();
    let MessageRecord {
        rev,
        author,
        edited_at,
        deleted,
        reactions,
        ..
    } = record;
    let length = record.text.len();
    format!("rev {rev} by {author}, {length} bytes {text:?}, {edited_at:?}, {deleted:?}, {reactions:?}")
}
