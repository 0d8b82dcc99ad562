//! The file format of backups: what streams and state hold, without an engine's own ways of keeping it.
//!
//! ```text
//! magic(8) | format(4)
//! manifest:  length(4) | crc32(4) | manifest             when, where from: differs between backups of one content
//! frames:    length(4) | crc32(4) | key length(2) | key | content        in strictly rising order of keys
//! end:       0(4)
//! trailer:   length(4) | crc32(4) | counts and SHA-256 over all frames
//! ```
//! Numbers are little-endian. Everything after the manifest is *compared*: equal content gives equal bytes, whatever
//! the engine, because frames hold whole contents and no row of one node only.

mod read;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) use read::Reader;
pub(crate) use write::{Writer, beside};

use crate::engine::MAX_KEY_BYTES;
use crate::error::{Error, Result};
use crate::model::{Epoch, Timestamp};

const MAGIC: [u8; 8] = *b"MADANGBK";
/// The format of the file. A binary refuses a newer one.
const FORMAT: u32 = 2;
/// The longest manifest or trailer: both have a few hundred bytes.
const MAX_NOTE_BYTES: usize = 64 * 1024;
/// The longest frame, without its length and checksum.
const MAX_FRAME_BYTES: usize = 2 + MAX_KEY_BYTES + super::frame::MAX_CONTENT_BYTES;

/// Where and when a backup was made. Not part of what is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of Madang that wrote the file.
    pub madang: String,
    /// The life of the data that was backed up.
    pub epoch: Epoch,
    /// The newest commit group in the backup.
    pub tick: u64,
    /// When the backup began.
    pub created_at: Timestamp,
    /// The engine that the data was in.
    pub engine: String,
    /// How often each state table had been written, by the table's number. Goes on from there after a restore.
    pub state_writes: BTreeMap<u8, u64>,
}

/// What a backup holds, and a hash of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Rows by the number of their table.
    pub rows: BTreeMap<u8, u64>,
    /// The bytes of all frames.
    pub bytes: u64,
    /// SHA-256 over all frames.
    pub hash: ContentHash,
}

impl Contents {
    /// All rows.
    pub fn total_rows(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// SHA-256 over everything that is compared: equal for backups of equal content.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentHash([u8; 32]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, &'static str> {
        let parsed = (0..32)
            .map(|index| u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok())
            .collect::<Option<Vec<u8>>>()
            .and_then(|bytes| bytes.try_into().ok());
        match parsed {
            Some(bytes) if text.len() == 64 => Ok(Self(bytes)),
            _ => Err("expected 64 hexadecimal digits"),
        }
    }
}

/// One row of a backup: the key that all engines use, and the whole content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) key: Vec<u8>,
    pub(crate) content: Vec<u8>,
}

/// Reads a whole backup and answers its manifest and contents, or why it is none.
pub fn check(file: &Path) -> Result<(Manifest, Contents)> {
    let mut reader = Reader::open(file)?;
    while reader.next_frame()?.is_some() {}
    let manifest = reader.manifest().clone();
    Ok((manifest, reader.finish()?))
}

/// The hash of what a backup holds, after checking the whole file. Equal content has equal hashes.
pub fn content_hash(file: &Path) -> Result<ContentHash> {
    check(file).map(|(_, contents)| contents.hash)
}

/// Where the compared bytes of a backup start: everything from there on is equal for equal content.
pub fn compared_from(file: &Path) -> Result<u64> {
    Reader::open(file).map(|reader| reader.position())
}

fn invalid(file: &Path, what: impl fmt::Display) -> Error {
    Error::CannotOpen(format!("{} is no whole backup: {what}", file.display()))
}

fn failed(what: &str, file: &Path, error: &std::io::Error) -> Error {
    Error::Unavailable(format!("cannot {what} {}: {error}", file.display()))
}
