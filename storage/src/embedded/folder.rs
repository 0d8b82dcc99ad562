//! The data folder: its lock, which engine it was made with, and the file `tip`.
//!
//! ```text
//! lock          held while a process has the folder open
//! store/engine  the engine's name and the format of the data; written last, so a folder without it is unfinished
//! store/tip     the newest commit group, beside the engine's own files
//! store/...     the engine's files
//! store.new     a folder in the making, by creation, compaction or restore
//! store.old     what compaction replaced; removed once the new one has opened
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::private;
use super::stored::Tick;
use crate::engine::EngineKind;
use crate::error::{Error, Result};
use crate::model::Epoch;

/// The format of the data. A binary refuses a newer one. Format 1 was never released: it kept each posted event beside
/// its message.
pub(crate) const FORMAT: u32 = 2;

/// What the refusal of a second process says.
const IN_USE: &str = "is in use by another process";

/// A locked data folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    // Held for its lock.
    _lock: File,
}

impl Folder {
    /// Locks the folder, making it if it is missing. A second process is refused.
    pub(crate) fn lock(path: &Path) -> Result<Self> {
        private::create_folder(path).map_err(|error| cannot("make the folder", path, &error))?;
        let lock_path = path.join("lock");
        let mut lock = private::file()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|error| cannot_lock(path, &error))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // The holder's number only makes the message better.
                let holder = match lock.read_to_string(&mut holder) {
                    Ok(_) if !holder.trim().is_empty() => format!(" (process {})", holder.trim()),
                    _ => String::new(),
                };
                let text = format!(
                    "the data folder {} {IN_USE}{holder}: stop that one first, or choose another folder",
                    path.display()
                );
                return Err(Error::CannotOpen(text));
            }
            Err(error) => return Err(cannot("lock", &lock_path, &error.into())),
        }
        lock.set_len(0)
            .map_err(|error| cannot("write", &lock_path, &error))?;
        lock.write_all_at(std::process::id().to_string().as_bytes(), 0)
            .map_err(|error| cannot("write", &lock_path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Whether locking failed because another process has the folder open.
    pub(crate) fn is_in_use(error: &Error) -> bool {
        matches!(error, Error::CannotOpen(text) if text.contains(IN_USE))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the data is.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    /// Where data in the making is.
    pub(crate) fn new_store(&self) -> PathBuf {
        self.path.join("store.new")
    }

    fn old_store(&self) -> PathBuf {
        self.path.join("store.old")
    }

    /// Brings an interrupted creation or replacement to its end or back to its start, and answers which engine the data
    /// was made with; `None` when there is no data.
    pub(crate) fn recover(&self) -> Result<Option<EngineKind>> {
        let (store, new, old) = (self.store(), self.new_store(), self.old_store());
        if !store.exists() {
            if new.join("engine").exists() && old.exists() {
                rename(&new, &store)?;
                sync_folder(&self.path)?;
            } else if old.exists() {
                rename(&old, &store)?;
                sync_folder(&self.path)?;
            } else {
                remove_folder(&new)?;
                return Ok(None);
            }
        }
        remove_folder(&new)?;
        read_engine(&store).map(Some)
    }

    /// Starts an empty `store.new`.
    pub(crate) fn begin_new(&self) -> Result<PathBuf> {
        let new = self.new_store();
        remove_folder(&new)?;
        private::create_folder(&new).map_err(|error| cannot("make the folder", &new, &error))?;
        Ok(new)
    }

    /// Removes an unfinished `store.new`. What cannot be removed now is when the folder is opened next.
    pub(crate) fn abandon_new(&self) {
        remove_folder(&self.new_store()).ok();
    }

    /// Removes a lock that was made for nothing, and the folders that were made for it, the innermost first.
    pub(crate) fn unmake(&self, folders: &[PathBuf]) {
        // Whatever somebody has put there meanwhile keeps its folder.
        fs::remove_file(self.path.join("lock")).ok();
        for folder in folders {
            fs::remove_dir(folder).ok();
        }
    }

    /// Puts a complete `store.new` in the place of `store`, if there is one. Durable when it returns.
    pub(crate) fn finish_new(&self, kind: EngineKind) -> Result<()> {
        let (store, new, old) = (self.store(), self.new_store(), self.old_store());
        let marker = new.join("engine");
        let made = private::file()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&marker);
        let mut file = made.map_err(|error| cannot("make", &marker, &error))?;
        file.write_all(format!("{kind} {FORMAT}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| cannot("write", &marker, &error))?;
        sync_folder(&new)?;
        sync_folder(&self.path)?;
        if store.exists() {
            remove_folder(&old)?;
            rename(&store, &old)?;
        }
        rename(&new, &store)?;
        sync_folder(&self.path)
    }

    /// Takes everything in the folder away from others.
    pub(crate) fn tighten(&self) {
        private::tighten_folder(&self.path);
        private::tighten(&self.path.join("lock"));
        private::tighten(&self.store());
    }

    /// Removes what was replaced, once its successor has opened.
    pub(crate) fn forget_old(&self) -> Result<()> {
        remove_folder(&self.old_store())
    }

    /// What the files of the data take, in bytes.
    pub(crate) fn store_bytes(&self) -> Result<u64> {
        crate::engine::folder_bytes(&self.store())
    }

    /// What is free on the folder's file system for this process, in bytes.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let stat =
            rustix::fs::statvfs(&self.path).map_err(|error| cannot("measure", &self.path, &error.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

fn read_engine(store: &Path) -> Result<EngineKind> {
    let path = store.join("engine");
    let text = fs::read_to_string(&path).map_err(|error| cannot("read", &path, &error))?;
    let unknown = || {
        Error::CannotOpen(format!(
            "{} says {text:?}, which is no engine and format",
            path.display()
        ))
    };
    let (engine, format) = text.trim_end().split_once(' ').ok_or_else(unknown)?;
    let format: u32 = format.parse().map_err(|_| unknown())?;
    if format > FORMAT {
        return Err(Error::CannotOpen(format!(
            "{} was written in format {format} by a newer version; this one reads up to format {FORMAT}",
            store.display()
        )));
    }
    if format < FORMAT {
        return Err(Error::CannotOpen(format!(
            "{} was written in format {format} by a version before the first release; this one reads format {FORMAT} \
             and cannot convert it",
            store.display()
        )));
    }
    engine.parse().map_err(|_| unknown())
}

/// The file `tip`: which commit group the engine must at least have. Written after each group without a sync of its
/// own: after a loss of power it may be behind the data, never the other way round.
#[derive(Debug)]
pub(crate) struct Tip {
    file: File,
}

/// What `tip` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TipContent {
    pub(crate) epoch: Epoch,
    pub(crate) number: u64,
    pub(crate) hash: u32,
}

impl Tip {
    const BYTES: usize = 16 + 8 + 4 + 4;

    pub(crate) fn open(store: &Path) -> Result<Self> {
        let path = store.join("tip");
        let file = private::file()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| cannot("open", &path, &error))?;
        Ok(Self { file })
    }

    /// What the file says. `None` when it says nothing: it is new, or its first write never reached the disk.
    pub(crate) fn read(&self) -> Result<Option<TipContent>> {
        let mut bytes = [0; Self::BYTES];
        match self.file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(Error::Unavailable(format!("cannot read the file tip: {error}"))),
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let (content, checksum) = bytes.split_at(Self::BYTES - 4);
        if checksum != crc32fast::hash(content).to_le_bytes() {
            return Err(Error::Damaged(
                "the file tip does not have its checksum".to_owned(),
            ));
        }
        let (epoch, rest) = content.split_at(16);
        let (number, hash) = rest.split_at(8);
        let parsed = (|| {
            Some(TipContent {
                epoch: Epoch::from_bytes(epoch.try_into().ok()?),
                number: u64::from_be_bytes(number.try_into().ok()?),
                hash: u32::from_be_bytes(hash.try_into().ok()?),
            })
        })();
        Ok(parsed)
    }

    /// Says that the group is durable. One write of 32 bytes at the start of the file, so it never tears.
    pub(crate) fn write(&self, epoch: Epoch, tick: &Tick) -> Result<()> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend_from_slice(&epoch.to_bytes());
        bytes.extend_from_slice(&tick.number.to_be_bytes());
        bytes.extend_from_slice(&tick.hash.to_be_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        self.file
            .write_all_at(&bytes, 0)
            .map_err(|error| Error::Unavailable(format!("cannot write the file tip: {error}")))
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| cannot("rename", from, &error))
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| cannot("sync", path, &error))
}

/// Reading alone needs the right to write, too: to lock the data, and because engines tidy up when they open.
fn cannot_lock(path: &Path, error: &std::io::Error) -> Error {
    let text = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => format!(
            "cannot lock {}: {error}. Also what only reads must be able to write there: run it as the account that \
             the data belongs to, or on a copy of the folder that can be written",
            path.display()
        ),
        _ => return cannot("open", &path.join("lock"), error),
    };
    Error::CannotOpen(text)
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::CannotOpen(format!("cannot {what} {}: {error}", path.display()))
}
