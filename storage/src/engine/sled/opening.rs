//! Opening sled's files without making anything worse.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::super::EngineOptions;
use super::super::files::{cannot_open, has_data, make_whole, no_data, sync_folder};
use super::super::guard::caught;
use super::inspect::{Snapshots, log_end};
use crate::error::{Error, Result};

const FOLDER: &str = "sled";
/// sled's name for its log.
const LOG: &str = "db";
/// Together five seconds.
const CLOSE_TRIES: u32 = 1000;
const CLOSE_PAUSE: Duration = Duration::from_millis(5);

/// An open database, and our own handle on its log for syncing it.
pub(super) struct Opened {
    pub(super) database: ::sled::Db,
    pub(super) log: File,
}

/// Opens the data below `parent`, or makes it.
pub(super) fn open(parent: &Path, options: &EngineOptions) -> Result<Opened> {
    let folder = parent.join(FOLDER);
    if !has_data(&folder)? {
        if !options.create {
            return Err(no_data(&folder));
        }
        make_whole(parent, FOLDER, |unfinished| {
            let database = start(unfinished, options)?;
            let log = File::open(unfinished.join(LOG)).map_err(|error| cannot_open(unfinished, &error))?;
            close(database, &log)
        })?;
    }
    open_existing(&folder, options)
}

fn open_existing(folder: &Path, options: &EngineOptions) -> Result<Opened> {
    let path = folder.join(LOG);
    // Opened before sled writes anything, so that no write error between then and our sync is missed. Never with
    // `create`: sled would make a new database next to whatever else lies here.
    let log = match File::options().read(true).write(true).open(&path) {
        Ok(log) => log,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged(folder, "its log is missing"));
        }
        Err(error) => return Err(cannot_open(&path, &error)),
    };
    // The lock is sled's own, taken for as long as we look and tidy up: what looks left over could belong to another
    // process that is opening the same data.
    log.try_lock().map_err(|error| locked(&path, error))?;
    let moved = prepare(folder, &log)?;
    // After a kill, what sled finds may be known to the kernel only. It is shown to readers from here on and counted on
    // by sled's next snapshot, so it has to be on the disk before either.
    log.sync_all().map_err(|error| cannot_open(&path, &error))?;
    log.unlock().map_err(|error| cannot_open(&path, &error))?;

    let opened = start(folder, options).and_then(|database| {
        if database.was_recovered() {
            return Ok(database);
        }
        Err(damaged(folder, "sled did not recognise it"))
    });
    let database = match opened {
        Ok(database) => database,
        Err(error) => {
            if let Some(snapshots) = moved
                && let Err(error) = snapshots.move_back(folder)
            {
                tracing::error!(%error, "cannot move the snapshots back");
            }
            return Err(error);
        }
    };
    // The snapshot that sled wrote, and the one it removed.
    sync_folder(folder).map_err(|error| cannot_open(folder, &error))?;
    Ok(Opened { database, log })
}

/// Writes out what is left and waits until sled has let go of its log.
pub(super) fn close(database: ::sled::Db, log: &File) -> Result<()> {
    caught("sled", || {
        database.flush().map_err(super::read_error)?;
        // Trees flush once more when they go.
        drop(database);
        Ok(())
    })?;
    log.sync_data()
        .map_err(|error| Error::Unavailable(format!("cannot sync sled's log: {error}")))?;

    // The threads that sled writes with let go of the log a moment after it says that all is written, and whoever
    // opens the data next would find it in use.
    for _ in 0..CLOSE_TRIES {
        if log.try_lock().is_ok() {
            return log
                .unlock()
                .map_err(|error| Error::Unavailable(format!("cannot unlock sled's log: {error}")));
        }
        std::thread::sleep(CLOSE_PAUSE);
    }
    tracing::warn!("sled still holds its log after it was closed");
    Ok(())
}

/// Looks whether sled can be let loose on its files. Answers with the snapshots when they had to be moved aside.
fn prepare(folder: &Path, log: &File) -> Result<Option<Snapshots>> {
    let failed = |error: std::io::Error| cannot_open(folder, &error);
    let snapshots = Snapshots::find(folder).map_err(failed)?;
    let Some(end) = log_end(log).map_err(failed)? else {
        return Err(damaged(folder, "its log holds nothing that sled has written"));
    };
    if !snapshots.covered_by(end) {
        return Err(damaged(folder, "its log ends before its last snapshot"));
    }
    // Only a damaged snapshot is moved aside. When a whole one does not fit the log, then it is the log that lacks
    // something, and without the snapshot sled would open it and silently leave that out.
    if !snapshots.damaged().map_err(failed)? {
        return Ok(None);
    }
    tracing::warn!(folder = %folder.display(), "the snapshot is damaged, reading all of the log");
    snapshots.move_aside(folder).map_err(failed)?;
    Ok(Some(snapshots))
}

fn start(folder: &Path, options: &EngineOptions) -> Result<::sled::Db> {
    let config = ::sled::Config::new()
        .path(folder)
        .cache_capacity(options.cache_bytes)
        // We own every sync; nothing is written behind our back.
        .flush_every_ms(None);
    caught("sled", || {
        config.open().map_err(|error| match error {
            ::sled::Error::Io(error) => cannot_open(folder, &error),
            ::sled::Error::Unsupported(reason) => {
                Error::CannotOpen(format!("cannot open {}: {reason}", folder.display()))
            }
            other => Error::Damaged(other.to_string()),
        })
    })
    .map_err(|error| match error {
        Error::Damaged(reason) => damaged(folder, &reason),
        other => other,
    })
}

fn locked(path: &Path, error: TryLockError) -> Error {
    match error {
        TryLockError::WouldBlock => {
            Error::CannotOpen(format!("{} is in use by another process", path.display()))
        }
        TryLockError::Error(error) => cannot_open(path, &error),
    }
}

fn damaged(folder: &Path, reason: &str) -> Error {
    Error::Damaged(format!(
        "{}: {reason}; nothing was made anew: keep the folder as it is and restore a backup into another one",
        folder.display()
    ))
}
