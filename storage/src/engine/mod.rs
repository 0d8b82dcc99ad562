//! A small ordered key-value layer, and the engines that provide it.
//!
//! An engine knows nothing of streams. It promises three things that the embedded store rests on: a batch is atomic,
//! a batch that was answered is durable, and no read ever shows a batch that is not durable yet.

mod files;
mod guard;
mod hooks;
mod redb;
mod sled;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};

/// The longest key.
pub const MAX_KEY_BYTES: usize = 1024;
/// The longest value. Above it sled keeps values in separate files that it never syncs; measured from about 8 KB on.
pub const MAX_VALUE_BYTES: usize = 4096;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Which engine keeps the data. Every engine stands here, so that "unknown" and "not this one" are different errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// sled 0.34: the default.
    #[default]
    Sled,
    /// redb 4.
    Redb,
}

impl EngineKind {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::Sled, Self::Redb];

    /// The engine's name in configuration and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EngineKind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("unknown engine {text:?}, expected sled or redb"))
    }
}

/// What a key held before a batch, if the committer knows it. Saves the engine a read per written key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previous {
    /// The committer did not look.
    Unknown,
    /// There was nothing.
    Absent,
    /// This.
    Value(Vec<u8>),
}

/// One key's change within a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// At most [`MAX_KEY_BYTES`].
    pub key: Vec<u8>,
    /// The new value, at most [`MAX_VALUE_BYTES`]; `None` removes the key.
    pub value: Option<Vec<u8>>,
    /// What the key held before.
    pub previous: Previous,
}

impl Previous {
    /// The value, if there was one and it is known.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unknown | Self::Absent => None,
        }
    }
}

impl Entry {
    /// How much the key takes with this value, in bytes.
    pub(crate) fn length(&self, value: Option<&[u8]>) -> u64 {
        value.map_or(0, |value| (self.key.len() + value.len()) as u64)
    }
}

/// What belongs together: all of it is durable, or nothing. Each key stands in it once.
pub type Batch = Vec<Entry>;

/// The promises of an engine. Reads may come from any thread at any time; [`commit`](Self::commit) is called by one
/// thread only.
pub trait Engine: Send + Sync + 'static {
    /// Which engine this is.
    fn kind(&self) -> EngineKind;

    /// The value of a key, as of the last durable batch.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Up to `limit` pairs with `from <= key < to`, ascending, or descending when `reverse`, all as of one and the same
    /// durable batch.
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Pair>>;

    /// Writes a batch and returns once it would survive a loss of power. After an error nothing may be written any
    /// more until the data is opened anew, because what reached the disk is unknown: later commits answer
    /// [`Error::ReadOnly`]. Reads never show the failed batch. They go on, but what is not in memory may be
    /// [`Error::Unavailable`] from then on: after a failed write to the disk, both engines refuse to read from it.
    fn commit(&self, batch: Batch) -> Result<()>;

    /// What the engine's files take on disk, in bytes.
    fn file_bytes(&self) -> Result<u64>;

    /// Writes out what is left, syncs and lets go of the files. Called once, when nobody reads any more.
    fn close(&self) -> Result<()>;
}

/// How to open an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How much memory the engine may use to keep pages at hand, in bytes.
    pub cache_bytes: u64,
    /// Whether missing data is made. When `false`, a folder without data is an error: nothing is ever made anew over
    /// something that would not open.
    pub create: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * 1024 * 1024,
            create: false,
        }
    }
}

/// Opens the engine's data in `folder`, which must exist. Damage found on the way is [`Error::Damaged`].
pub fn open(kind: EngineKind, folder: &Path, options: &EngineOptions) -> Result<Arc<dyn Engine>> {
    match kind {
        EngineKind::Sled => Ok(Arc::new(sled::SledEngine::open(folder, options)?)),
        EngineKind::Redb => Ok(Arc::new(redb::RedbEngine::open(folder, options)?)),
    }
}

/// The bytes of all files below a folder.
pub(crate) fn folder_bytes(folder: &Path) -> Result<u64> {
    let failed =
        |error: std::io::Error| Error::Unavailable(format!("cannot measure {}: {error}", folder.display()));
    let mut total = 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // sled replaces snapshots while we look.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        total += if metadata.is_dir() {
            folder_bytes(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(total)
}
