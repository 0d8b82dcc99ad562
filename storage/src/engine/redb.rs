//! The engine on redb 4.
//!
//! Reads use a snapshot that the committer takes after each commit. redb itself shows a commit only once it is synced:
//! `TransactionalMemory::commit` writes the header, syncs the file, and sets the state that new read transactions
//! start from after that. But its commit can still fail behind that point, while it returns freed pages. It would then
//! answer with an error and show the batch, so that reads do not follow redb's own idea of what is newest.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use ::redb::{
    Builder, Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase, StorageError,
    TableDefinition, TableError,
};

use super::files::{cannot_open, has_data, make_whole, no_data};
use super::guard::{Failure, caught, check_batch, closed, is_damage, read_lock, write_lock};
use super::hooks::{Hooks, Stage};
use super::{Batch, Engine, EngineKind, EngineOptions, Pair, folder_bytes};
use crate::error::{Error, Result};

const FOLDER: &str = "redb";
const FILE: &str = "data.redb";
const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("data");

type Snapshot = Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// redb with one table.
pub(super) struct RedbEngine {
    folder: PathBuf,
    /// `None` once it is closed.
    open: RwLock<Option<Open>>,
    failure: Failure,
    hooks: Arc<Hooks>,
}

/// In this order, because the snapshot goes first.
struct Open {
    /// The last durable state. Swapped for each commit and never held for long.
    snapshot: RwLock<Snapshot>,
    database: Database,
}

impl RedbEngine {
    /// Opens or makes the data below `parent`.
    pub(super) fn open(parent: &Path, options: &EngineOptions) -> Result<Self> {
        let folder = parent.join(FOLDER);
        if !has_data(&folder)? {
            if !options.create {
                return Err(no_data(&folder));
            }
            make_whole(parent, FOLDER, |unfinished| {
                caught("redb", || make(&unfinished.join(FILE)))
            })?;
        }
        let path = folder.join(FILE);
        // After a kill, what redb finds may be known to the kernel only, and it is shown to readers from here on.
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|error| cannot_open(&path, &error))?;
        let open = caught("redb", || {
            // Never `create`: it would make an empty file a new database.
            let database = builder(options).open(&path).map_err(|error| open_error(&path, error))?;
            let snapshot = RwLock::new(take_snapshot(&database)?);
            Ok(Open { snapshot, database })
        })
        .map_err(|error| match error {
            Error::Damaged(reason) => Error::Damaged(format!(
                "{}: {reason}; nothing was made anew: keep the file as it is and restore a backup into another \
                 folder",
                path.display()
            )),
            other => other,
        })?;
        Ok(Self {
            folder,
            open: RwLock::new(Some(open)),
            failure: Failure::default(),
            hooks: Arc::default(),
        })
    }

    #[cfg(test)]
    pub(super) fn hooks(&self) -> Arc<Hooks> {
        Arc::clone(&self.hooks)
    }

    fn read<T>(&self, read: impl FnOnce(&Snapshot) -> Result<T>) -> Result<T> {
        let open = read_lock(&self.open);
        let Some(open) = open.as_ref() else {
            return Err(closed());
        };
        let snapshot = Arc::clone(&read_lock(&open.snapshot));
        self.failure.of_read(caught("redb", || read(&snapshot)))
    }

    fn write(&self, open: &Open, batch: &Batch) -> Result<()> {
        self.hooks.reach(Stage::Prepared)?;
        let mut transaction = open.database.begin_write().map_err(storage_error)?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(storage_error)?;
        {
            let mut table = transaction.open_table(TABLE).map_err(storage_error)?;
            for entry in batch {
                let key = entry.key.as_slice();
                match &entry.value {
                    Some(value) => table.insert(key, value.as_slice()),
                    None => table.remove(key),
                }
                .map_err(storage_error)?;
            }
        }
        self.hooks.reach(Stage::Written)?;
        transaction.commit().map_err(storage_error)?;
        self.hooks.reach(Stage::Synced)?;
        let newest = take_snapshot(&open.database)?;
        let old = std::mem::replace(&mut *write_lock(&open.snapshot), newest);
        // Let go of here and not under the lock.
        drop(old);
        Ok(())
    }

    fn release(&self) -> Result<()> {
        let Some(open) = write_lock(&self.open).take() else {
            return Ok(());
        };
        caught("redb", || {
            drop(open);
            Ok(())
        })
    }
}

impl Engine for RedbEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Redb
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.read(|snapshot| {
            Ok(snapshot
                .get(key)
                .map_err(storage_error)?
                .map(|value| value.value().to_vec()))
        })
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Pair>> {
        if from >= to || limit == 0 {
            return Ok(Vec::new());
        }
        self.read(|snapshot| {
            let mut rows = snapshot.range::<&[u8]>(from..to).map_err(storage_error)?;
            let mut pairs = Vec::new();
            while pairs.len() < limit {
                let Some(row) = (if reverse { rows.next_back() } else { rows.next() }) else {
                    break;
                };
                let (key, value) = row.map_err(storage_error)?;
                pairs.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(pairs)
        })
    }

    fn commit(&self, batch: Batch) -> Result<()> {
        self.failure.check()?;
        check_batch(&batch)?;
        let open = read_lock(&self.open);
        let Some(open) = open.as_ref() else {
            return Err(closed());
        };
        if batch.is_empty() {
            return Ok(());
        }
        caught("redb", || self.write(open, &batch)).map_err(|error| self.failure.of_commit(error))
    }

    fn file_bytes(&self) -> Result<u64> {
        folder_bytes(&self.folder)
    }

    fn close(&self) -> Result<()> {
        self.release()
    }
}

impl Drop for RedbEngine {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            tracing::error!(%error, "redb did not close cleanly");
        }
    }
}

fn builder(options: &EngineOptions) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(usize::try_from(options.cache_bytes).unwrap_or(usize::MAX));
    builder
}

fn make(path: &Path) -> Result<()> {
    let database = Builder::new()
        .create(path)
        .map_err(|error| open_error(path, error))?;
    let transaction = database.begin_write().map_err(storage_error)?;
    // A file without the table would be an error for every reader.
    drop(transaction.open_table(TABLE).map_err(storage_error)?);
    transaction.commit().map_err(storage_error)
}

fn take_snapshot(database: &Database) -> Result<Snapshot> {
    let transaction = database.begin_read().map_err(storage_error)?;
    // The table keeps the transaction.
    match transaction.open_table(TABLE) {
        Ok(table) => Ok(Arc::new(table)),
        Err(TableError::Storage(error)) => Err(storage_error(error)),
        Err(other) => Err(Error::Damaged(other.to_string())),
    }
}

fn open_error(path: &Path, error: DatabaseError) -> Error {
    match error {
        DatabaseError::Storage(StorageError::Io(error)) if is_damage(&error) => {
            Error::Damaged(error.to_string())
        }
        DatabaseError::Storage(StorageError::Corrupted(reason)) => Error::Damaged(reason),
        DatabaseError::DatabaseAlreadyOpen => {
            Error::CannotOpen(format!("{} is in use by another process", path.display()))
        }
        other => Error::CannotOpen(format!("cannot open {}: {other}", path.display())),
    }
}

fn storage_error(error: impl Into<::redb::Error>) -> Error {
    match error.into() {
        ::redb::Error::Io(error) if is_damage(&error) => Error::Damaged(error.to_string()),
        ::redb::Error::Io(error) => Error::Unavailable(format!("redb failed: {error}")),
        ::redb::Error::PreviousIo => Error::Unavailable("redb failed before".to_owned()),
        other => Error::Damaged(other.to_string()),
    }
}
