//! Whose turn it is on a stream, and what closing waits for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, RwLock, oneshot};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::model::StreamId;
use crate::store::backend::{AppendOutcome, Decide};
use crate::store::command::Command;

/// An append that waits for its turn.
pub(super) struct Waiting {
    pub(super) command: Command,
    pub(super) decide: Decide,
    pub(super) answer: oneshot::Sender<Result<AppendOutcome>>,
    /// When it joined the queue.
    pub(super) since: Instant,
    /// Until it is answered.
    pub(super) work: Work,
}

/// One at a time works on a stream, first come, first served, and takes along what came meanwhile. Racing with oneself
/// would only cost retries, and the sink's order would be lost.
#[derive(Default)]
pub(super) struct Turns {
    /// What waits for each stream that somebody works on.
    streams: Mutex<BTreeMap<StreamId, VecDeque<Waiting>>>,
    /// Held shared by everything under way, and alone by `close`.
    working: Arc<RwLock<()>>,
    closed: AtomicBool,
}

/// Work under way. `close` waits until it is dropped.
pub(super) type Work = OwnedRwLockReadGuard<()>;

impl Turns {
    /// Takes work, unless the store is closed.
    pub(super) fn take_work(&self) -> Result<Work> {
        let closed = || Error::Unavailable("the store is closed".to_owned());
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        Arc::clone(&self.working).try_read_owned().map_err(|_| closed())
    }

    /// Queues an append. Answers whether nobody works on its stream: then the caller must, until nothing waits.
    #[must_use]
    pub(super) fn queue(&self, waiting: Waiting) -> bool {
        let mut streams = self.streams();
        let is_free = !streams.contains_key(&waiting.command.stream);
        streams
            .entry(waiting.command.stream)
            .or_default()
            .push_back(waiting);
        is_free
    }

    /// Up to `most` appends that wait, for whoever works on the stream; none ends that work.
    pub(super) fn next(&self, stream: StreamId, most: usize) -> Vec<Waiting> {
        let mut streams = self.streams();
        let Some(waiting) = streams.get_mut(&stream) else {
            return Vec::new();
        };
        let next: Vec<Waiting> = waiting.drain(..waiting.len().min(most)).collect();
        if next.is_empty() {
            streams.remove(&stream);
        }
        next
    }

    /// Takes no more work and waits for what was taken.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.working.write().await);
    }

    fn streams(&self) -> std::sync::MutexGuard<'_, BTreeMap<StreamId, VecDeque<Waiting>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
