//! Whose turn it is on a stream, and what closing waits for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as FairMutex, OwnedMutexGuard, OwnedRwLockReadGuard, RwLock};

use crate::error::{Error, Result};
use crate::model::StreamId;

/// One append at a time for each stream, first come, first served. Racing with oneself would only cost retries, and
/// the sink's order would be lost.
#[derive(Default)]
pub(super) struct Turns {
    streams: Mutex<BTreeMap<StreamId, Arc<FairMutex<()>>>>,
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

    /// Waits for the stream's turn.
    pub(super) async fn turn(&self, stream: StreamId) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(self.streams().entry(stream).or_default());
        turn.lock_owned().await
    }

    /// Forgets streams that nobody waits for.
    pub(super) fn tidy(&self, stream: StreamId) {
        let mut streams = self.streams();
        if streams
            .get(&stream)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            streams.remove(&stream);
        }
    }

    /// Takes no more work and waits for what was taken.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.working.write().await);
    }

    fn streams(&self) -> std::sync::MutexGuard<'_, BTreeMap<StreamId, Arc<FairMutex<()>>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
