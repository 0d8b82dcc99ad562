//! Stored forms that differ from the model's types.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{
    Event, EventId, Fact, Head, MessageRecord, Nonce, RoomId, Row, RowKey, Sealed, StateRow, StreamId,
    Timestamp, UserId,
};

use super::frame;
use super::nonces::{Place, Used};

/// An event as it is kept, unless it posted a message: its stream stands in the key, its text in the message record.
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
    /// What the request of the nonce said.
    #[serde(default)]
    pub(crate) fingerprint: u64,
}

impl StoredEvent {
    pub(crate) fn new(event: &Event, fingerprint: u64) -> Self {
        Self {
            id: event.id,
            head: event.head,
            actor: event.actor,
            access_rev: event.access_rev,
            nonce: event.nonce,
            fact: event.fact.without_text(),
            sealed: event.sealed.clone(),
            fingerprint,
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

/// A message as it is kept: the record as it is now, and what the event that posted it has besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMessage {
    pub(crate) record: MessageRecord,
    pub(crate) post: StoredPost,
}

impl StoredMessage {
    /// The event that posted the message, without its text.
    pub(crate) fn event(&self, room: RoomId) -> Event {
        let (record, post) = (&self.record, &self.post);
        let head = Head {
            rev: post.rev,
            seq: record.seq,
            n: record.n,
            deleted_seq: post.deleted_seq,
            at: record.at,
            meta_rev: post.meta_rev,
            first_rev: post.first_rev,
            wide_seq: post.wide_seq,
        };
        Event {
            id: post.id,
            stream: StreamId::Room(room),
            head,
            actor: if post.by_author {
                Some(record.author)
            } else {
                post.actor
            },
            access_rev: post.access_rev,
            nonce: post.nonce,
            fact: Fact::MessagePosted {
                author: record.author,
                text: String::new(),
                reply_to: record.reply_to,
                reply_to_author: record.reply_to_author,
                mentions: record.mentions.clone(),
                system: record.system.clone(),
            },
            sealed: post.sealed.clone(),
        }
    }

    /// Encodes the two halves of a stored message without making one.
    pub(crate) fn encode(record: &MessageRecord, post: &StoredPost) -> Result<Vec<u8>> {
        frame::encode(&(record, post))
    }
}

/// What the event that posted a message has beside the message's record. Never rewritten, also when the message is
/// edited or deleted: the stream stays whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPost {
    id: EventId,
    /// The event's own number; the record's is that of its last change.
    pub(crate) rev: u64,
    // The rest of the head right after the event.
    deleted_seq: u64,
    meta_rev: u64,
    first_rev: u64,
    wide_seq: u64,
    /// Whether the author is the actor, which then need not be kept twice.
    by_author: bool,
    actor: Option<UserId>,
    access_rev: u64,
    nonce: Option<Nonce>,
    /// What the request of the nonce said.
    pub(crate) fingerprint: u64,
    #[serde(default)]
    sealed: Option<Sealed>,
}

impl StoredPost {
    /// What is kept of `event`, which posted a message of `author`.
    pub(crate) fn new(event: &Event, author: UserId, fingerprint: u64) -> Self {
        let by_author = event.actor == Some(author);
        Self {
            id: event.id,
            rev: event.rev(),
            deleted_seq: event.head.deleted_seq,
            meta_rev: event.head.meta_rev,
            first_rev: event.head.first_rev,
            wide_seq: event.head.wide_seq,
            by_author,
            actor: event.actor.filter(|_| !by_author),
            access_rev: event.access_rev,
            nonce: event.nonce,
            fingerprint,
            sealed: event.sealed.clone(),
        }
    }
}

/// The nonces of one day that a commit group used: their hashes, and where in their streams the events are.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct StoredNonces {
    streams: Vec<(StreamId, Vec<(u64, u64)>)>,
}

impl StoredNonces {
    /// Adds one; those of a stream come one after the other.
    pub(crate) fn add(&mut self, used: &Used) {
        let entry = (used.hash, used.place.to_number());
        match self.streams.last_mut() {
            Some((stream, entries)) if *stream == used.stream => entries.push(entry),
            _ => self.streams.push((used.stream, vec![entry])),
        }
    }

    /// Stream, hash and place of each.
    pub(crate) fn all(&self) -> impl Iterator<Item = (StreamId, u64, Place)> {
        self.streams.iter().flat_map(|(stream, entries)| {
            let entries = entries.iter();
            entries.map(|(hash, place)| (*stream, *hash, Place::from_number(*place)))
        })
    }
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
    /// Nonces of earlier days were swept; all later ones have their rows.
    #[serde(default)]
    pub(crate) nonces_from: u32,
}

/// What a commit group changed: the names of streams and state tables with their heads, and state rows.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredChanges {
    pub(crate) at: Timestamp,
    pub(crate) streams: Vec<(StreamId, u64)>,
    pub(crate) tables: Vec<(u8, u64)>,
    /// State rows with their versions after the group, 0 for a removed one. No event names them, so this alone tells
    /// the start check that one went back to what it was before. The markers of those who posted are not among them:
    /// their posts tell of them.
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
        // Kept with the event that posted it: `StoredMessage`.
        Row::Message(_) => Err(Error::InvalidFact("a message has no row of its own".to_owned())),
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
        Row::PublicGuild => frame::encode(&()),
        Row::Audit(row) => frame::encode(row),
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
        RowKey::Message { .. } => Row::Message(frame::decode::<StoredMessage>(key, content)?.record),
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
        RowKey::PublicGuild(_) => frame::decode::<()>(key, content).map(|()| Row::PublicGuild)?,
        RowKey::Audit { .. } => Row::Audit(frame::decode(key, content)?),
    })
}
