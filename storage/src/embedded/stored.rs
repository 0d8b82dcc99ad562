//! Stored forms that differ from the model's types.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::{
    Event, EventId, Fact, Head, Nonce, Row, RowKey, Sealed, StateRow, StreamId, Timestamp, UserId,
};

use super::frame;

/// An event as it is kept: its stream stands in the key, its text in the message record.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredEvent {
    id: EventId,
    head: Head,
    actor: Option<UserId>,
    access_rev: u64,
    nonce: Option<Nonce>,
    fact: Fact,
    #[serde(default)]
    sealed: Option<Sealed>,
}

impl StoredEvent {
    pub(crate) fn new(event: &Event) -> Self {
        Self {
            id: event.id,
            head: event.head,
            actor: event.actor,
            access_rev: event.access_rev,
            nonce: event.nonce,
            fact: event.fact.without_text(),
            sealed: event.sealed.clone(),
        }
    }

    pub(crate) fn into_event(self, stream: StreamId) -> Event {
        Event {
            id: self.id,
            stream,
            head: self.head,
            actor: self.actor,
            access_rev: self.access_rev,
            nonce: self.nonce,
            fact: self.fact,
            sealed: self.sealed,
        }
    }
}

/// Which event a nonce stands for.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredNonce {
    pub(crate) rev: u64,
    pub(crate) fingerprint: u64,
}

/// A state row.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredState {
    pub(crate) version: u64,
    expires_at: Option<Timestamp>,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
}

impl From<StateRow> for StoredState {
    fn from(row: StateRow) -> Self {
        Self {
            version: row.version,
            expires_at: row.expires_at,
            value: row.value,
        }
    }
}

impl From<StoredState> for StateRow {
    fn from(row: StoredState) -> Self {
        Self {
            version: row.version,
            expires_at: row.expires_at,
            value: row.value,
        }
    }
}

/// The newest commit group. Overwritten by each group; the file `tip` holds the same beside the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tick {
    /// How many groups were committed.
    pub(crate) number: u64,
    /// A hash over all groups up to this one.
    pub(crate) hash: u32,
    /// Bytes of all keys and values.
    pub(crate) logical_bytes: u64,
    /// The oldest group whose change row is kept; all from there to `number` are.
    pub(crate) changes_from: u64,
}

/// What a commit group changed: the names of streams and state tables with their heads, and every state row.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredChanges {
    pub(crate) at: Timestamp,
    pub(crate) streams: Vec<(StreamId, u64)>,
    pub(crate) tables: Vec<(u8, u64)>,
    /// State rows with their versions after the group, 0 for a removed one. No event names them, so this alone tells
    /// the start check that one went back to what it was before.
    #[serde(default)]
    pub(crate) states: Vec<StateNote>,
}

/// One state row that a commit group wrote.
#[derive(Serialize, Deserialize)]
pub(crate) struct StateNote {
    pub(crate) table: u8,
    #[serde(with = "serde_bytes")]
    pub(crate) key: Vec<u8>,
    pub(crate) version: u64,
}

/// The stored content of a projected row. The variant follows from the key, so only the inside is kept.
pub(crate) fn encode_row(row: &Row) -> Result<Vec<u8>> {
    match row {
        Row::Instance(row) => frame::encode(row),
        Row::Guild(row) => frame::encode(row),
        Row::Member(row) => frame::encode(row),
        Row::User(row) => frame::encode(row),
        Row::Room(row) => frame::encode(row),
        Row::Channel => frame::encode(&()),
        Row::Message(row) => frame::encode(row),
        Row::Reaction(row) => frame::encode(row),
        Row::Role(row) => frame::encode(row),
        Row::Category(row) => frame::encode(row),
        Row::Ban(row) => frame::encode(row),
        Row::RoomMember(row) => frame::encode(row),
        Row::Thread => frame::encode(&()),
        Row::Pin(row) => frame::encode(row),
        Row::WideMention(row) => frame::encode(row),
        Row::Inbox(row) => frame::encode(row),
        Row::Relation(row) => frame::encode(row),
    }
}

/// The inverse of [`encode_row`].
pub(crate) fn decode_row(row: &RowKey, key: &[u8], content: &[u8]) -> Result<Row> {
    Ok(match row {
        RowKey::Instance => Row::Instance(frame::decode(key, content)?),
        RowKey::Guild(_) => Row::Guild(frame::decode(key, content)?),
        RowKey::Member { .. } | RowKey::GuildOf { .. } => Row::Member(frame::decode(key, content)?),
        RowKey::User(_) => Row::User(frame::decode(key, content)?),
        RowKey::Room(_) => Row::Room(frame::decode(key, content)?),
        RowKey::Channel { .. } => frame::decode::<()>(key, content).map(|()| Row::Channel)?,
        RowKey::Message { .. } => Row::Message(frame::decode(key, content)?),
        RowKey::Reaction { .. } => Row::Reaction(frame::decode(key, content)?),
        RowKey::Role { .. } => Row::Role(frame::decode(key, content)?),
        RowKey::Category { .. } => Row::Category(frame::decode(key, content)?),
        RowKey::Ban { .. } => Row::Ban(frame::decode(key, content)?),
        RowKey::RoomMember { .. } | RowKey::RoomOf { .. } => Row::RoomMember(frame::decode(key, content)?),
        RowKey::Thread { .. } => frame::decode::<()>(key, content).map(|()| Row::Thread)?,
        RowKey::Pin { .. } => Row::Pin(frame::decode(key, content)?),
        RowKey::WideMention { .. } => Row::WideMention(frame::decode(key, content)?),
        RowKey::Inbox { .. } => Row::Inbox(frame::decode(key, content)?),
        RowKey::Follow { .. } | RowKey::Follower { .. } | RowKey::Block { .. } => {
            Row::Relation(frame::decode(key, content)?)
        }
    })
}
