//! The engine on sled 0.34.
//!
//! sled's `flush` hands everything to the kernel and does not sync: of 60 simulated losses of power with it alone, 48
//! left damaged data. A commit therefore syncs the log through a handle of our own, and counts only after that; of 390
//! losses with the sync, none did any harm. `flush_async` is never called, because it deadlocks from eight callers on.

mod inspect;
mod opening;
mod overlay;

use std::fs::File;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use self::opening::Opened;
use self::overlay::{OldValues, Overlay, merge};
use super::guard::{Failure, caught, check_batch, closed, is_damage, read_lock, write_lock};
use super::hooks::{Hooks, Stage};
use super::{Batch, Engine, EngineKind, EngineOptions, Pair, Previous, folder_bytes};
use crate::error::{Error, Result};

/// sled with a durable commit, and with reads that see nothing else.
pub(super) struct SledEngine {
    folder: PathBuf,
    /// `None` once it is closed.
    database: RwLock<Option<::sled::Db>>,
    /// Our own handle on sled's log.
    log: File,
    overlay: Overlay,
    failure: Failure,
    hooks: Arc<Hooks>,
}

impl SledEngine {
    /// Opens or makes the data below `parent`.
    pub(super) fn open(parent: &Path, options: &EngineOptions) -> Result<Self> {
        let Opened { database, log } = opening::open(parent, options)?;
        Ok(Self {
            folder: parent.join("sled"),
            database: RwLock::new(Some(database)),
            log,
            overlay: Overlay::default(),
            failure: Failure::default(),
            hooks: Arc::default(),
        })
    }

    #[cfg(test)]
    pub(super) fn hooks(&self) -> Arc<Hooks> {
        Arc::clone(&self.hooks)
    }

    /// Runs `read` until it saw one durable state, see [`Overlay::read`].
    fn read<T>(&self, mut read: impl FnMut(&::sled::Db, Option<&OldValues>) -> Result<T>) -> Result<T> {
        let database = read_lock(&self.database);
        let Some(database) = database.as_ref() else {
            return Err(closed());
        };
        self.failure
            .of_read(caught("sled", || self.overlay.read(|old| read(database, old))))
    }

    fn write(&self, database: &::sled::Db, batch: Batch) -> Result<()> {
        let mut old = OldValues::new();
        let mut changes = ::sled::Batch::default();
        for entry in batch {
            let previous = known_previous(database, &entry.key, entry.previous)?;
            match entry.value {
                Some(value) => changes.insert(entry.key.as_slice(), value),
                None => changes.remove(entry.key.as_slice()),
            }
            old.insert(entry.key, previous);
        }

        self.overlay.publish(old);
        self.hooks.reach(Stage::Prepared)?;
        database.apply_batch(changes).map_err(read_error)?;
        self.hooks.reach(Stage::Written)?;
        database.flush().map_err(read_error)?;
        self.log
            .sync_data()
            .map_err(|error| Error::Unavailable(format!("cannot sync sled's log: {error}")))?;
        self.hooks.reach(Stage::Synced)?;
        // Not reached after an error: reads keep showing what was there before the batch that failed.
        self.overlay.clear();
        Ok(())
    }

    fn release(&self) -> Result<()> {
        let Some(database) = write_lock(&self.database).take() else {
            return Ok(());
        };
        if self.failure.happened() {
            // Dropping a database flushes it. sled would then write the rows of a batch that failed half way without
            // what holds them together, or wait for ever for a buffer that a panic left unfinished. So the memory and
            // the lock stay taken until the process ends, which is what follows a failure.
            mem::forget(database);
            return Ok(());
        }
        opening::close(database, &self.log)
    }
}

impl Engine for SledEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Sled
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.read(|database, old| match old.and_then(|old| old.get(key)) {
            Some(value) => Ok(value.clone()),
            None => stored(database, key),
        })
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Pair>> {
        if from >= to || limit == 0 {
            return Ok(Vec::new());
        }
        let none = OldValues::new();
        self.read(|database, old| {
            let old = old.unwrap_or(&none);
            let stored = database.range(from..to);
            if reverse {
                merge(
                    stored.rev().map(|row| row.map_err(read_error)),
                    old,
                    from,
                    to,
                    limit,
                    reverse,
                )
            } else {
                merge(
                    stored.map(|row| row.map_err(read_error)),
                    old,
                    from,
                    to,
                    limit,
                    reverse,
                )
            }
        })
    }

    fn commit(&self, batch: Batch) -> Result<()> {
        self.failure.check()?;
        check_batch(&batch)?;
        let database = read_lock(&self.database);
        let Some(database) = database.as_ref() else {
            return Err(closed());
        };
        if batch.is_empty() {
            return Ok(());
        }
        caught("sled", || self.write(database, batch)).map_err(|error| self.failure.of_commit(error))
    }

    fn file_bytes(&self) -> Result<u64> {
        folder_bytes(&self.folder)
    }

    fn close(&self) -> Result<()> {
        self.release()
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            tracing::error!(%error, "sled did not close cleanly");
        }
    }
}

fn stored(database: &::sled::Db, key: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(database.get(key).map_err(read_error)?.map(|value| value.to_vec()))
}

fn known_previous(database: &::sled::Db, key: &[u8], previous: Previous) -> Result<Option<Vec<u8>>> {
    let known = match previous {
        Previous::Unknown => return stored(database, key),
        Previous::Absent => None,
        Previous::Value(value) => Some(value),
    };
    // A wrong one would be shown to readers until the batch is durable.
    debug_assert_eq!(
        stored(database, key).ok().as_ref(),
        Some(&known),
        "the previous value is another one"
    );
    Ok(known)
}

fn read_error(error: ::sled::Error) -> Error {
    match error {
        ::sled::Error::Io(error) if is_damage(&error) => Error::Damaged(error.to_string()),
        ::sled::Error::Io(error) => Error::Unavailable(format!("sled failed: {error}")),
        other => Error::Damaged(other.to_string()),
    }
}
