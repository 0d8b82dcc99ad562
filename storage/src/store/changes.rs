//! What changed since: the only read across streams.

use crate::model::{StateTable, StreamId};

/// Where a consumer stands in the changes. Its bytes mean something to the store that made them only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// Before everything: the first pages answer all that there is.
    pub fn start() -> Self {
        Self::default()
    }

    /// Wraps stored bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Changed {
    /// A stream got events.
    Stream(StreamId),
    /// Rows of a state table were written.
    State(StateTable),
}

/// A change and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What changed.
    pub what: Changed,
    /// The stream's `rev` at the time of reading or before. For a state table a number that a later write never
    /// lowers on purpose, and no more: a store without a counter per table answers a time. Whether a row changed is
    /// told by its version only.
    pub head: u64,
}

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// At least once each; may repeat.
    pub entries: Vec<Change>,
    /// Where to go on.
    pub cursor: Cursor,
    /// Whether to ask for the next page at once. Otherwise later, even where it would repeat something already: what is
    /// missing then was stored after the first page of this round was asked for.
    pub more: bool,
}
