//! A node's connection to the simulated database: where things go wrong.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::database::{Database, LogPlace, Write, inserted};
use super::faults::Faults;
use super::random::Random;
use super::surroundings::SimClock;
use super::trace::Trace;
use crate::Clock as _;
use crate::document::{
    Answer, Collection, Document, Documents, Guard, Index, Inserted, Position, Span, Unclear, Update,
};
use crate::model::Timestamp;

/// How much the database's clocks may disagree: within half of what a follower of changes reads twice.
const DATABASE_WRONG_BY_MS: u64 = 25_000;
/// How much a node's clock may be wrong.
const NODE_WRONG_BY_MS: u64 = 600_000;

/// What all nodes share.
pub(super) struct Shared {
    pub(super) database: Mutex<Database>,
    pub(super) random: Random,
    pub(super) trace: Trace,
    /// The clock of the present primary.
    pub(super) clock: SimClock,
    faults: Mutex<Faults>,
}

impl Shared {
    pub(super) fn new(random: Random, trace: Trace, clock: SimClock, faults: Faults) -> Self {
        Self {
            database: Mutex::default(),
            random,
            trace,
            clock,
            faults: Mutex::new(faults),
        }
    }

    pub(super) fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is such a day.
    pub(super) fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Another primary takes over, with a clock of its own.
    pub(super) fn fail_over(&self) {
        let lost = self.database().fail_over();
        let wrong_by = self.random.below(2 * DATABASE_WRONG_BY_MS + 1) as i64 - DATABASE_WRONG_BY_MS as i64;
        self.clock.set_wrong_by(wrong_by);
        self.trace
            .note(|| format!("database: fail-over, {lost} writes lost, clock {wrong_by} ms"));
    }

    async fn delay(&self) {
        let faults = self.faults();
        if self.random.chance(faults.delay) {
            tokio::time::sleep(Duration::from_millis(self.random.between(1, faults.delay_ms))).await;
        }
    }
}

/// One life of a node, from a start to its death.
///
/// Not a channel of the runtime's: some of them wake their receivers in an order that no seed decides.
#[derive(Default)]
pub(super) struct Life {
    has_ended: AtomicBool,
    ending: Notify,
}

impl Life {
    pub(super) fn is_on(&self) -> bool {
        !self.has_ended.load(Ordering::SeqCst)
    }

    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
        self.ending.notify_waiters();
    }

    /// Carries out `work` as long as this life lasts; `None` when it ended first.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut ended = pin!(self.ending.notified());
        let mut work = pin!(work);
        poll_fn(|context| {
            let has_ended = ended.as_mut().poll(context).is_ready();
            if has_ended || !self.is_on() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }
}

/// What one life of a node uses the database through.
pub(super) struct NodeDocuments {
    pub(super) shared: Arc<Shared>,
    pub(super) number: usize,
    pub(super) life: Arc<Life>,
    pub(super) clock: Arc<SimClock>,
    /// Reads show what the primary has, whether a majority has it or not. A deliberate defect.
    pub(super) local_reads: bool,
}

impl NodeDocuments {
    /// Whatever may happen to a node between two steps. Never returns on a dead node.
    async fn step(&self) {
        self.shared.delay().await;
        let faults = self.shared.faults();
        if self.shared.random.chance(faults.clock) {
            let wrong_by = self.shared.random.below(2 * NODE_WRONG_BY_MS) as i64 - NODE_WRONG_BY_MS as i64;
            self.clock.set_wrong_by(wrong_by);
            self.note(|| format!("clock {wrong_by} ms"));
        }
        if self.life.is_on() && self.shared.random.chance(faults.kill) {
            self.note(|| "dies".to_owned());
            self.life.end();
        }
        if !self.life.is_on() {
            pending::<()>().await;
        }
    }

    fn note(&self, text: impl FnOnce() -> String) {
        self.shared
            .trace
            .note(|| format!("node {}: {}", self.number, text()));
    }

    async fn write(&self, write: Write) -> Answer<Option<LogPlace>> {
        self.step().await;
        let (shared, faults) = (&self.shared, self.shared.faults());
        let text = if shared.trace.is_on() {
            write.describe()
        } else {
            String::new()
        };
        if shared.random.chance(faults.lost) {
            self.note(|| format!("{text}: lost"));
            return Err(unclear());
        }
        if shared.random.chance(faults.late) {
            self.note(|| format!("{text}: comes later"));
            tokio::spawn(write_later(Arc::clone(shared), write, text));
            self.step().await;
            return Err(unclear());
        }
        let place = shared.database().write(write, shared.clock.now());
        self.note(|| {
            format!(
                "{text}: {}",
                if place.is_some() { "done" } else { "does not fit" }
            )
        });
        let Some(place) = place else {
            self.step().await;
            return Ok(None);
        };
        if shared.random.chance(faults.fail_over) {
            shared.fail_over();
        }
        // The database does this, whatever becomes of the node that asked: it may die meanwhile.
        let database = Arc::clone(shared);
        let replicated = tokio::spawn(async move {
            replicate(&database).await;
            database.database().commit(place)
        });
        let kept = replicated.await.unwrap_or(false);
        self.step().await;
        if !kept || shared.random.chance(faults.unclear) {
            self.note(|| format!("{text}: no clear answer"));
            return Err(unclear());
        }
        Ok(Some(place))
    }

    async fn read<T>(&self, what: &str, read: impl FnOnce(&Database) -> T) -> Answer<T> {
        self.step().await;
        let faults = self.shared.faults();
        if self.shared.random.chance(faults.lost) {
            self.note(|| format!("{what}: no answer"));
            return Err(unclear());
        }
        let answer = read(&self.shared.database());
        self.note(|| what.to_owned());
        self.step().await;
        Ok(answer)
    }
}

async fn replicate(shared: &Shared) {
    let longest = shared.faults().replication_ms;
    if longest > 0 {
        tokio::time::sleep(Duration::from_millis(shared.random.between(0, longest))).await;
    }
}

/// Ordered writes that were on their way when their writer gave up.
async fn write_all_later(shared: Arc<Shared>, writes: Vec<Write>) {
    for write in writes {
        let text = write.describe();
        if !write_later(Arc::clone(&shared), write, text).await {
            return;
        }
    }
}

/// A write that was on its way when its writer gave up. Answers whether it was carried out.
async fn write_later(shared: Arc<Shared>, write: Write, text: String) -> bool {
    // Mostly soon: then it races with its writer's next try. Sometimes long after that writer has gone on.
    let longest = if shared.random.chance(700) { 4 } else { 400 };
    let pause = shared.random.between(0, longest);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    let place = shared.database().write(write, shared.clock.now());
    shared.trace.note(|| {
        format!(
            "late {text}: {}",
            if place.is_some() { "done" } else { "does not fit" }
        )
    });
    replicate(&shared).await;
    match place {
        Some(place) => shared.database().commit(place),
        None => false,
    }
}

fn unclear() -> Unclear {
    Unclear("simulated".to_owned())
}

#[async_trait]
impl Documents for NodeDocuments {
    async fn insert(&self, collection: Collection, document: Document) -> Answer<Inserted> {
        self.write(Write::Insert(collection, document))
            .await
            .map(inserted)
    }

    async fn insert_all(&self, collection: Collection, documents: Vec<Document>) -> Vec<Answer<Inserted>> {
        let (shared, faults) = (&self.shared, self.shared.faults());
        let mut answers = Vec::with_capacity(documents.len());
        let mut documents = documents.into_iter();
        while let Some(document) = documents.next() {
            if shared.random.chance(faults.late) {
                // The whole rest of the command is on its way when its writer gives up.
                self.step().await;
                self.note(|| "the rest of a group comes later".to_owned());
                let rest = std::iter::once(document).chain(documents);
                let writes = rest.map(|document| Write::Insert(collection, document));
                tokio::spawn(write_all_later(Arc::clone(shared), writes.collect()));
                self.step().await;
                answers.push(Err(unclear()));
                return answers;
            }
            let answer = self.insert(collection, document).await;
            let goes_on = answer == Ok(Inserted::Done);
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        answers
    }

    async fn update(&self, collection: Collection, id: &str, guard: Guard, update: Update) -> Answer<bool> {
        let place = self
            .write(Write::Update(collection, id.to_owned(), guard, update))
            .await?;
        Ok(place.is_some())
    }

    async fn remove(&self, collection: Collection, id: &str, guard: Guard) -> Answer<bool> {
        let place = self
            .write(Write::Remove(collection, id.to_owned(), guard))
            .await?;
        Ok(place.is_some())
    }

    async fn find(&self, collection: Collection, index: Index, keys: &[String]) -> Answer<Vec<Document>> {
        let local = self.local_reads;
        self.read("find", |database| database.find(local, collection, index, keys))
            .await
    }

    async fn range(&self, collection: Collection, index: Index, span: Span) -> Answer<Vec<Document>> {
        let local = self.local_reads;
        self.read("range", |database| {
            database.range(local, collection, index, &span)
        })
        .await
    }

    async fn expired(&self, collection: Collection, now: Timestamp, limit: usize) -> Answer<Vec<Document>> {
        let local = self.local_reads;
        self.read("expired", |database| {
            database.expired(local, collection, now, limit)
        })
        .await
    }

    async fn stored(&self, collection: Collection, after: &Position, limit: usize) -> Answer<Vec<Position>> {
        let local = self.local_reads;
        self.read("stored", |database| {
            database.stored(local, collection, after, limit)
        })
        .await
    }

    async fn newest(&self, collection: Collection, from: Timestamp) -> Answer<Option<Timestamp>> {
        let local = self.local_reads;
        self.read("newest", |database| database.newest(local, collection, from))
            .await
    }

    async fn now(&self) -> Answer<Timestamp> {
        self.read("now", |_| self.shared.clock.now()).await
    }
}
