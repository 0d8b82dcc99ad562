//! What a case gets: a store in a home of its own, a clock that it sets, and a record of what the sink was told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::fold::Fold;
use super::support::{self, Writer};
use crate::model::{Commit, Epoch, EventId, RoomId, Timestamp};
use crate::{Clock, CommitSink, Env, Ids, Result, Store};

/// A clock that stands still until it is set. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at this moment.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_millis())))
    }

    /// Sets the clock, also back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Identifiers with the time of a clock and a running number in place of the random bits.
#[derive(Debug)]
pub struct NumberedIds {
    clock: ManualClock,
    next: AtomicU64,
}

impl NumberedIds {
    /// Starts to number at 1.
    pub fn new(clock: ManualClock) -> Self {
        Self {
            clock,
            next: AtomicU64::new(1),
        }
    }
}

impl Ids for NumberedIds {
    fn next(&self) -> u128 {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        u128::from(self.clock.now().as_millis()) << 80 | u128::from(number)
    }
}

/// A sink that remembers everything it is told.
#[derive(Debug)]
pub struct RecordingSink {
    commits: Mutex<Vec<Arc<Commit>>>,
    /// How many commits were told, for those who wait.
    count: watch::Sender<usize>,
}

impl Default for RecordingSink {
    fn default() -> Self {
        Self {
            commits: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }
}

impl CommitSink for RecordingSink {
    fn committed(&self, commits: &[Arc<Commit>]) {
        self.commits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(commits);
        self.count.send_modify(|count| *count += commits.len());
    }
}

impl RecordingSink {
    /// Everything that was told, in that order.
    pub fn told(&self) -> Vec<Arc<Commit>> {
        self.commits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was told of this event: nothing, or one commit, or more by a defect.
    pub fn told_of(&self, event: EventId) -> Vec<Arc<Commit>> {
        self.told()
            .into_iter()
            .filter(|commit| commit.event.id == event)
            .collect()
    }

    /// Waits until the event was told.
    pub async fn wait_for(&self, event: EventId) {
        let mut count = self.count.subscribe();
        while self.told_of(event).is_empty() {
            support::in_time(count.changed())
                .await
                .expect("the sink outlives its waiters");
        }
    }
}

/// Where the data of one store lives, so that it can be opened again.
#[async_trait]
pub trait Home: Send + Sync + 'static {
    /// Opens the data, and makes it the first time. Called again only after the store from before was closed and
    /// every handle of it was dropped.
    async fn open(&mut self, env: Env, sink: Arc<dyn CommitSink>) -> Result<Store>;

    /// Lets time pass for whatever dates the nodes' beats: the clock of the fixture, unless the data has another one.
    async fn pass_time(&self, clock: &ManualClock, by: Duration) {
        clock.advance(by);
    }
}

/// A store with everything around it that a case needs.
pub struct Fixture {
    home: Box<dyn Home>,
    /// `None` only while it is opened again.
    store: Option<Store>,
    closed: bool,
    clock: ManualClock,
    env: Env,
    sink: Arc<RecordingSink>,
}

impl Fixture {
    /// When the clock of a fixture starts: in September 2020.
    pub const START: Timestamp = Timestamp::from_millis(1_600_000_000_000);

    /// Opens new data in `home`.
    pub async fn open(home: impl Home) -> Self {
        let clock = ManualClock::at(Self::START);
        let env = Env {
            clock: Arc::new(clock.clone()),
            ids: Arc::new(NumberedIds::new(clock.clone())),
        };
        let sink = Arc::new(RecordingSink::default());
        let mut fixture = Self {
            home: Box::new(home),
            store: None,
            closed: false,
            clock,
            env,
            sink,
        };
        fixture.open_home().await;
        fixture
    }

    async fn open_home(&mut self) {
        let sink: Arc<dyn CommitSink> = Arc::<RecordingSink>::clone(&self.sink);
        let store = self
            .home
            .open(self.env.clone(), sink)
            .await
            .expect("the data opens");
        self.store = Some(store);
        self.closed = false;
    }

    /// The store. Every clone must be gone before [`Self::reopen`].
    pub fn store(&self) -> &Store {
        self.store
            .as_ref()
            .expect("a fixture that is not being opened has a store")
    }

    /// Somebody who writes to the store: [`support::user`] number 1. Holds a clone of the store.
    pub fn writer(&self) -> Writer {
        Writer::new(self.store(), &self.env)
    }

    /// The clock of the store.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The clock and the identifiers of the store.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// What the store told of its commits, over all times it was open.
    pub fn sink(&self) -> &Arc<RecordingSink> {
        &self.sink
    }

    /// Lets time pass for what dates the beats of nodes.
    pub async fn pass_time(&self, by: Duration) {
        self.home.pass_time(&self.clock, by).await;
    }

    /// Makes [`support::room`] number 1 in [`support::guild`] number 1.
    pub async fn make_room(&self) -> RoomId {
        let room = support::room(1);
        self.writer()
            .create_room(support::guild(1), room)
            .await
            .expect("a new room is made");
        room
    }

    /// Closes the store. Its handle stays, to ask a closed store.
    pub async fn close(&mut self) {
        self.store().close().await.expect("an open store closes");
        self.closed = true;
    }

    /// Closes the store, drops it, and opens the same data.
    pub async fn reopen(&mut self) {
        if !self.closed {
            self.close().await;
        }
        self.store = None;
        self.open_home().await;
    }

    /// What must hold after every case: after closing and opening again each event that the sink was told of, once
    /// and in order, is there with everything that follows from it, and nothing else is.
    pub async fn verify(mut self) {
        let epoch = if self.closed {
            None
        } else {
            Some(self.epoch().await)
        };
        self.reopen().await;
        if let Some(epoch) = epoch {
            assert_eq!(self.epoch().await, epoch, "the epoch changed without a reason");
        }
        let told = self.sink.told();
        Fold::of(&told).assert_matches(self.store()).await;
    }

    async fn epoch(&self) -> Epoch {
        self.store().epoch().await.expect("an open store has an epoch")
    }
}
