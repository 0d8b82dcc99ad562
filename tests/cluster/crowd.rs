//! Clients that follow rooms, post there, and go on at another node when theirs is gone.

mod client;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use client::Client;

use super::history::{Chain, History, Pages, Post, Stored, stream_of};
use super::nodes::{Nodes, Person, Place, text, wait_until};
use super::rest::call;

/// How long opening a connection may take.
const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// How long a client sleeps when nothing comes; it must not wake too often among a hundred.
const READ_LIMIT: Duration = Duration::from_millis(15);
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const HEARTBEAT: Duration = Duration::from_secs(10);
const OPEN_ROOMS_LIMIT: usize = 16;

/// What a client does.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    /// At which node it begins.
    pub(crate) node: usize,
    /// How often it posts; never for `None`.
    pub(crate) pace: Option<Duration>,
    /// After how many posts it has said everything.
    pub(crate) posts: usize,
    /// After how long without an answer it goes elsewhere.
    pub(crate) patience: Duration,
}

impl Habits {
    /// Only listens.
    pub(crate) const fn listens(node: usize) -> Self {
        Self {
            node,
            pace: None,
            posts: 0,
            patience: Duration::from_secs(90),
        }
    }

    /// Posts at a pace until it is told to be quiet.
    pub(crate) const fn posts(node: usize, pace: Duration) -> Self {
        Self {
            pace: Some(pace),
            posts: usize::MAX,
            ..Self::listens(node)
        }
    }
}

/// What a client and its test share.
struct Shared {
    addresses: Vec<SocketAddr>,
    rooms: Vec<String>,
    /// Nobody says anything new.
    quiet: AtomicBool,
    /// Everybody goes.
    over: AtomicBool,
    /// How many clients there are.
    count: usize,
    /// How many have opened their rooms. Before all have nobody says anything.
    open: AtomicUsize,
    /// How often somebody had to connect again.
    reconnects: AtomicUsize,
    /// Answers to posts that were errors, by their code.
    refusals: Mutex<BTreeMap<String, usize>>,
}

impl Shared {
    fn is_complete(&self) -> bool {
        self.open.load(Ordering::Acquire) == self.count
    }
}

struct Member {
    chain: Arc<Mutex<Chain>>,
    posts: Arc<Mutex<Vec<Post>>>,
    thread: JoinHandle<()>,
}

/// Clients at work.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    members: Vec<Member>,
}

impl Crowd {
    /// Connects a client for each person, with its habits, and waits until all have their rooms open.
    pub(crate) fn gather(nodes: &Nodes, place: &Place, people: &[(&Person, Habits)]) -> Self {
        let shared = Arc::new(Shared {
            addresses: nodes.addresses(),
            rooms: place.rooms.clone(),
            quiet: AtomicBool::new(false),
            over: AtomicBool::new(false),
            count: people.len(),
            open: AtomicUsize::new(0),
            reconnects: AtomicUsize::new(0),
            refusals: Mutex::default(),
        });
        assert!(place.rooms.len() <= OPEN_ROOMS_LIMIT);
        let members = people.iter().enumerate().map(|(number, (person, habits))| {
            let chain = Chain {
                name: format!("client {number}, first at node {}", habits.node),
                ..Chain::default()
            };
            let (chain, posts) = (Arc::new(Mutex::new(chain)), Arc::default());
            let client = Client {
                shared: Arc::clone(&shared),
                number,
                token: person.token.clone(),
                habits: habits.clone(),
                chain: Arc::clone(&chain),
                posts: Arc::clone(&posts),
                node: habits.node,
                epoch: None,
                pending: None,
                next_id: 1,
                due: Instant::now(),
                beaten_at: Instant::now(),
            };
            let thread = thread::spawn(move || client.live());
            Member { chain, posts, thread }
        });
        let crowd = Self {
            members: members.collect(),
            shared,
        };
        wait_until("everybody has the rooms open", || crowd.shared.is_complete());
        crowd
    }

    /// How many posts were answered so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.members
            .iter()
            .map(|member| {
                let posts = member.posts.lock().unwrap();
                posts.iter().filter(|post| post.acknowledged.is_some()).count()
            })
            .sum()
    }

    /// How many posts that were sent to a node since then were answered.
    pub(crate) fn acknowledged_by(&self, node: usize, since: Instant) -> usize {
        let is_one = |post: &&Post| post.node == node && post.sent_at > since && post.acknowledged.is_some();
        self.members
            .iter()
            .map(|member| member.posts.lock().unwrap().iter().filter(is_one).count())
            .sum()
    }

    /// How many messages arrived so far, counted at each client.
    pub(crate) fn arrived(&self) -> usize {
        self.members
            .iter()
            .map(|member| member.chain.lock().unwrap().texts().len())
            .sum()
    }

    /// Sends everybody away at once; answers the messages that arrived.
    pub(crate) fn leave(self) -> Vec<String> {
        self.shared.over.store(true, Ordering::Release);
        let mut texts = Vec::new();
        for member in self.members {
            member.thread.join().expect("the client lived on");
            texts.extend(member.chain.lock().unwrap().texts());
        }
        texts
    }

    /// Waits until so many more posts were answered.
    pub(crate) fn wait_for_posts(&self, more: usize) -> Duration {
        let goal = self.acknowledged() + more;
        wait_until("more was posted", || self.acknowledged() >= goal)
    }

    /// How often somebody had to connect again.
    pub(crate) fn reconnects(&self) -> usize {
        self.shared.reconnects.load(Ordering::Acquire)
    }

    /// How often posts were answered with which error.
    pub(crate) fn refusals(&self) -> BTreeMap<String, usize> {
        self.shared.refusals.lock().unwrap().clone()
    }

    /// How long after `since` the first message that was sent after it had arrived at every client. Waits for it.
    pub(crate) fn healed(&self, since: Instant) -> Duration {
        let found = Mutex::new(None);
        wait_until("a message reaches everybody", || {
            *found.lock().unwrap() = self.first_everywhere(since);
            found.lock().unwrap().is_some()
        });
        found.into_inner().unwrap().unwrap()
    }

    fn first_everywhere(&self, since: Instant) -> Option<Duration> {
        let mut arrivals: BTreeMap<(String, u64), (usize, Instant)> = BTreeMap::new();
        let sent: std::collections::HashSet<String> = self
            .members
            .iter()
            .flat_map(|member| {
                let posts = member.posts.lock().unwrap();
                let late = posts.iter().filter(|post| post.sent_at > since);
                late.map(|post| post.text.clone()).collect::<Vec<_>>()
            })
            .collect();
        for member in &self.members {
            let chain = member.chain.lock().unwrap();
            let records = chain
                .connections
                .iter()
                .flat_map(|connection| &connection.records);
            for record in records.filter(|record| record.at > since && sent.contains(&record.text)) {
                let entry = arrivals
                    .entry((record.stream.clone(), record.rev))
                    .or_insert((0, record.at));
                entry.0 += 1;
                entry.1 = entry.1.max(record.at);
            }
        }
        let everywhere = arrivals
            .into_values()
            .filter(|(count, _)| *count == self.members.len());
        everywhere.map(|(_, at)| at - since).min()
    }

    /// Lets everybody fall silent, waits until all posts are answered and everything has arrived everywhere, and answers
    /// what was seen.
    pub(crate) fn finish(self, nodes: &Nodes, place: &Place) -> History {
        self.shared.quiet.store(true, Ordering::Release);
        wait_until("every post is answered", || {
            self.members.iter().all(|member| {
                let posts = member.posts.lock().unwrap();
                posts.iter().all(|post| post.acknowledged.is_some())
            })
        });
        let heads: Vec<(String, u64)> = place
            .rooms
            .iter()
            .map(|room| (stream_of(room), head(nodes.address(0), place, room)))
            .collect();
        // Whoever never gets there is found by the checker.
        let began = Instant::now();
        let has_all = |member: &Member| {
            let chain = member.chain.lock().unwrap();
            heads.iter().all(|(stream, rev)| chain.last(stream) >= *rev)
        };
        while began.elapsed() < super::nodes::PATIENCE && !self.members.iter().all(has_all) {
            thread::sleep(READ_LIMIT);
        }
        self.shared.over.store(true, Ordering::Release);
        let mut history = History::default();
        for member in self.members {
            member.thread.join().expect("the client lived on");
            history.chains.push(member.chain.lock().unwrap().clone());
            history.posts.extend(member.posts.lock().unwrap().iter().cloned());
        }
        for room in &place.rooms {
            for node in 0..nodes.all.len() {
                history.pages.push(pages(nodes, node, place, room));
            }
        }
        history
    }
}

fn head(node: SocketAddr, place: &Place, room: &str) -> u64 {
    let path = format!("/api/v1/rooms/{room}/messages?limit=1");
    let page = call(node, "GET", &path, Some(&place.owner.token), None);
    page["head"]["rev"].as_u64().expect("a rev")
}

fn pages(nodes: &Nodes, node: usize, place: &Place, room: &str) -> Pages {
    let mut messages: Vec<Stored> = Vec::new();
    loop {
        let before = messages
            .first()
            .map(|first| format!("&before={}", first.seq))
            .unwrap_or_default();
        let path = format!("/api/v1/rooms/{room}/messages?limit=200{before}");
        let page = call(nodes.address(node), "GET", &path, Some(&place.owner.token), None);
        let page = page["messages"].as_array().expect("messages").iter();
        let mut page: Vec<Stored> = page
            .map(|message| Stored {
                seq: message["seq"].as_u64().unwrap(),
                rev: message["rev"].as_u64().unwrap(),
                text: text(&message["text"]),
            })
            .collect();
        let is_last = page.is_empty() || page[0].seq == 1;
        page.append(&mut messages);
        messages = page;
        if is_last {
            break;
        }
    }
    Pages {
        room: room.to_owned(),
        node,
        messages,
    }
}
