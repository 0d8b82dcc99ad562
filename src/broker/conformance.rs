//! The conformance suite of brokers: one named test for each promise of [`Backend`](super::Backend), for every broker.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use madang_storage::model::{
    Commit, Event, EventId, Fact, GuildId, Head, MessageRecord, RoomId, Sealed, SessionId, StreamId,
    Timestamp, UserId,
};
use tokio::sync::watch;

use super::{Broker, Receiver, Signal};

/// How long a suite waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where brokers of one kind meet.
pub(crate) trait Home {
    /// Another node's broker.
    fn join(&self) -> impl Future<Output = Broker> + Send;
}

/// Makes a test of every case for the broker whose [`Home`] the expression makes.
macro_rules! broker_conformance {
    ($home:expr) => {
        $crate::broker::conformance::broker_conformance! { @each $home,
            events_reach_every_other_node_whole
            events_of_a_stream_keep_their_order
            what_was_told_before_the_start_is_not_heard
            signals_reach_every_other_node
            telling_never_waits_and_other_nodes_still_hear
            a_closed_node_neither_tells_nor_hears
            a_node_alone_is_current
            a_node_that_has_heard_everything_is_current
        }
    };
    (@each $home:expr, $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(home) = $home {
                    $crate::broker::conformance::$case(&home).await;
                }
            }
        )*
    };
}

pub(crate) use broker_conformance;

/// Remembers what it hears. Can be made to stop hearing.
pub(crate) struct Ear {
    heard: watch::Sender<Heard>,
    stopped: Mutex<bool>,
    goes_on: Condvar,
}

#[derive(Default, Clone)]
pub(crate) struct Heard {
    events: Vec<Arc<Commit>>,
    signals: Vec<Signal>,
}

impl Heard {
    /// What was heard of each stream, the first time each event came.
    fn revs(&self) -> BTreeMap<StreamId, Vec<u64>> {
        let mut revs: BTreeMap<StreamId, Vec<u64>> = BTreeMap::new();
        for commit in &self.events {
            let known = revs.entry(commit.event.stream).or_default();
            if !known.contains(&commit.event.rev()) {
                known.push(commit.event.rev());
            }
        }
        revs
    }
}

impl Ear {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            heard: watch::Sender::new(Heard::default()),
            stopped: Mutex::new(false),
            goes_on: Condvar::new(),
        })
    }

    fn set_stopped(&self, stopped: bool) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = stopped;
        self.goes_on.notify_all();
    }

    fn wait(&self) {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.goes_on
                .wait_while(stopped, |stopped| *stopped)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    async fn until(&self, what: impl FnMut(&Heard) -> bool) -> Heard {
        let mut heard = self.heard.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, heard.wait_for(what)).await;
        arrived.unwrap().unwrap().clone()
    }
}

impl Receiver for Ear {
    fn event(&self, commit: Arc<Commit>) {
        self.wait();
        self.heard.send_modify(|heard| heard.events.push(commit));
    }

    fn passed(&self, stream: StreamId, rev: u64) {
        panic!("{stream} {rev}: every kind is known here");
    }

    fn signal(&self, signal: Signal) {
        self.wait();
        self.heard.send_modify(|heard| heard.signals.push(signal));
    }
}

async fn started(home: &impl Home) -> (Broker, Arc<Ear>) {
    let (broker, ear) = (home.join().await, Ear::new());
    broker.start(Arc::clone(&ear) as Arc<dyn Receiver>).await.unwrap();
    (broker, ear)
}

pub(crate) fn commit(room: u128, rev: u64) -> Arc<Commit> {
    let (author, at) = (
        UserId::from_u128(7),
        Timestamp::from_millis(1_800_000_000_000 + rev),
    );
    let text = "안녕, `code` & more";
    let head = Head {
        rev,
        seq: rev,
        n: rev,
        at,
        ..Head::default()
    };
    let event = Event {
        id: EventId::from_u128(room << 64 | u128::from(rev)),
        stream: StreamId::Room(RoomId::from_u128(room)),
        head,
        actor: Some(author),
        access_rev: 3,
        nonce: None,
        fact: Fact::MessagePosted {
            author,
            text: text.to_owned(),
            reply_to: Some(1),
            reply_to_author: None,
            mentions: Default::default(),
            system: None,
        },
        sealed: Some(Sealed {
            reason: "for the audit".to_owned(),
            details: Default::default(),
        }),
    };
    let record = MessageRecord {
        seq: rev,
        rev,
        n: rev,
        author,
        at,
        text: text.to_owned(),
        reply_to: Some(1),
        edited_at: None,
        deleted: None,
        reactions: Vec::new(),
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
        pinned_at: None,
        has_thread: false,
        earlier: Vec::new(),
    };
    Arc::new(Commit {
        event,
        record: Some(Arc::new(record)),
    })
}

fn stream(room: u128) -> StreamId {
    StreamId::Room(RoomId::from_u128(room))
}

fn typing(room: u128) -> Signal {
    Signal::Typing {
        room: RoomId::from_u128(room),
        user: UserId::from_u128(1),
    }
}

pub(crate) async fn events_reach_every_other_node_whole(home: &impl Home) {
    let (teller, _ear) = started(home).await;
    let (_first, first_ear) = started(home).await;
    let (_second, second_ear) = started(home).await;
    let told = commit(1, 1);
    teller.tell_events(&[Arc::clone(&told)]);
    for ear in [first_ear, second_ear] {
        let heard = ear.until(|heard| !heard.events.is_empty()).await;
        assert_eq!(*heard.events[0], *told, "with its record and its sealed part");
    }
    assert_eq!(teller.status().events_told, 1);
}

pub(crate) async fn events_of_a_stream_keep_their_order(home: &impl Home) {
    const EVENTS: u64 = 500;
    let (teller, _ear) = started(home).await;
    let (_other, ear) = started(home).await;
    for rev in 1..=EVENTS {
        teller.tell_events(&[commit(1, rev), commit(2, rev)]);
        tokio::task::yield_now().await;
    }
    let all: Vec<u64> = (1..=EVENTS).collect();
    let expected = BTreeMap::from([(stream(1), all.clone()), (stream(2), all)]);
    ear.until(|heard| heard.revs() == expected).await;
}

pub(crate) async fn what_was_told_before_the_start_is_not_heard(home: &impl Home) {
    let (teller, _ear) = started(home).await;
    teller.tell_events(&[commit(1, 1)]);
    let (_late, ear) = started(home).await;
    teller.tell_events(&[commit(1, 2)]);
    let heard = ear.until(|heard| !heard.events.is_empty()).await;
    assert_eq!(heard.revs(), BTreeMap::from([(stream(1), vec![2])]));
}

pub(crate) async fn signals_reach_every_other_node(home: &impl Home) {
    let (teller, _ear) = started(home).await;
    let (_other, ear) = started(home).await;
    let (user, session) = (UserId::from_u128(1), SessionId::from_u128(2));
    let signals = [
        typing(1),
        Signal::Marker {
            user,
            room: RoomId::from_u128(1),
            seq: 9,
            n: 8,
            unread: 1,
            is_back: false,
        },
        Signal::Switched {
            user,
            room: RoomId::from_u128(1),
            until: Some(Timestamp::from_millis(1_800_000_000_000)),
        },
        Signal::Asked {
            user,
            room: None,
            guild: Some(GuildId::from_u128(1)),
            on: true,
        },
        Signal::SessionEnded { session },
    ];
    for signal in &signals {
        teller.tell_signal(signal.clone());
    }
    let heard = ear.until(|heard| heard.signals.len() == signals.len()).await;
    for signal in &signals {
        assert!(heard.signals.contains(signal), "{signal:?}");
    }
}

pub(crate) async fn telling_never_waits_and_other_nodes_still_hear(home: &impl Home) {
    /// More than any broker may keep for one node.
    const EVENTS: u64 = 20_000;
    let (teller, _ear) = started(home).await;
    let (_stopped, stopped_ear) = started(home).await;
    let (_other, ear) = started(home).await;
    stopped_ear.set_stopped(true);
    for rev in 1..=EVENTS {
        // Returns at once, or this test hangs: nobody but this loop could set the stopped node free.
        teller.tell_events(&[commit(1, rev)]);
        if rev % 100 == 0 {
            ear.until(|heard| heard.events.len() as u64 == rev).await;
        }
    }
    stopped_ear.set_stopped(false);
    // Whatever did not fit is counted; the rest comes.
    stopped_ear
        .until(|heard| heard.events.len() as u64 + teller.status().events_lost >= EVENTS)
        .await;
    teller.tell_events(&[commit(2, 1)]);
    ear.until(|heard| heard.revs().contains_key(&stream(2))).await;
}

pub(crate) async fn a_closed_node_neither_tells_nor_hears(home: &impl Home) {
    let (teller, _ear) = started(home).await;
    let (closed, closed_ear) = started(home).await;
    let (_other, ear) = started(home).await;
    closed.close().await;
    closed.tell_events(&[commit(1, 1)]);
    closed.tell_signal(typing(1));
    teller.tell_events(&[commit(2, 1)]);
    teller.tell_signal(typing(2));
    let heard = ear
        .until(|heard| heard.events.len() == 1 && heard.signals.len() == 1)
        .await;
    assert_eq!(heard.revs(), BTreeMap::from([(stream(2), vec![1])]));
    assert_eq!(heard.signals, vec![typing(2)]);
    assert!(closed_ear.heard.borrow().events.is_empty());
    assert_eq!(closed.status().current_at, None, "it cannot know any more");
}

pub(crate) async fn a_node_alone_is_current(home: &impl Home) {
    let broker = home.join().await;
    assert_eq!(broker.status().current_at, None, "it does not hear yet");
    broker.start(Ear::new()).await.unwrap();
    until_current(&broker).await;
    broker.tell_events(&[commit(1, 1)]);
    until_current(&broker).await;
}

pub(crate) async fn a_node_that_has_heard_everything_is_current(home: &impl Home) {
    let (teller, _ear) = started(home).await;
    let (hearer, ear) = started(home).await;
    // Before the other one was heard of, a node is current by itself alone.
    teller.tell_events(&[commit(1, 1)]);
    ear.until(|heard| !heard.events.is_empty()).await;
    until_current_after_looks(&hearer).await;
    ear.set_stopped(true);
    let before = tokio::time::Instant::now();
    teller.tell_events(&[commit(1, 2)]);
    let still = hearer.status().current_at;
    assert!(
        still.is_none_or(|at| at <= before),
        "there is something to hear: {still:?}"
    );
    ear.set_stopped(false);
    ear.until(|heard| heard.events.len() == 2).await;
    until_current(&hearer).await;
    assert_eq!(hearer.status().events_heard, 2);
}

/// The same for a node that comes later: what the others told before stands in the store, where it looks while in doubt.
async fn until_current_after_looks(broker: &Broker) {
    let now = tokio::time::Instant::now();
    let current = async {
        while broker.status().current_at.is_none_or(|at| at < now) {
            broker.looked(tokio::time::Instant::now());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, current).await.unwrap();
}

/// Waits until the broker knows that it has heard everything told before now.
async fn until_current(broker: &Broker) {
    let now = tokio::time::Instant::now();
    let current = async {
        while broker.status().current_at.is_none_or(|at| at < now) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, current).await.unwrap();
}
