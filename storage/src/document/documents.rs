//! The database as the store needs it: single documents, nothing else.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::{Event, Head, MessageRecord, NodeBeat, Row, RowKey, Timestamp};

/// Why an operation has no clear answer. There is no other kind of failure: whatever went wrong, a write may have
/// happened, may happen later, or may be lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database gave no clear answer: {0}")]
pub struct Unclear(pub String);

/// What became of an operation on documents.
pub type Answer<T> = Result<T, Unclear>;

/// Where documents lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collection {
    /// One document for each event; that of a posted event is also the message's record.
    Events,
    /// One document for each stream: how far its events are projected.
    Streams,
    /// Projected rows other than messages.
    Rows,
    /// State rows.
    State,
    /// The epoch and the cursors of consumers.
    Settings,
    /// One document for each node.
    Nodes,
}

impl Collection {
    /// Every collection.
    pub const ALL: [Self; 6] = [
        Self::Events,
        Self::Streams,
        Self::Rows,
        Self::State,
        Self::Settings,
        Self::Nodes,
    ];
}

/// An index of a collection. Keys order by their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// The documents' own names. Unique.
    Id,
    /// [`Document::message`]. Sparse.
    Message,
    /// [`Document::nonce`]. Sparse and unique.
    Nonce,
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its name within the collection.
    pub id: String,
    /// The stream's `rev` that wrote the content last; what [`Guard::RevIs`] and [`Guard::RevBelow`] compare.
    pub rev: u64,
    /// The name of the write that made the content, never used twice; what [`Guard::StampIs`] compares.
    pub stamp: u128,
    /// `<room's stream>/<seq>` for the document that is a message's record.
    pub message: Option<String>,
    /// `<stream>/<actor>/<nonce>` for an event with a nonce.
    pub nonce: Option<String>,
    /// When a sweep may look at the document.
    pub expires_at: Option<Timestamp>,
    /// The database's own clock at the insert, and at each update that says [`Update::touch`]. Ignored in an insert.
    pub stored_at: Timestamp,
    /// The rest.
    pub content: Content,
}

impl Document {
    /// A document without anything that is optional.
    pub fn new(id: String, rev: u64, stamp: u128, content: Content) -> Self {
        let stored_at = Timestamp::default();
        Self {
            id,
            rev,
            stamp,
            message: None,
            nonce: None,
            expires_at: None,
            stored_at,
            content,
        }
    }
}

/// What a document says.
#[expect(
    clippy::large_enum_variant,
    reason = "most documents are events and rows: few would be smaller"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// An event.
    Event(Box<StoredEvent>),
    /// How far a stream is projected.
    Applied(Head),
    /// A projected row.
    Row {
        /// Its name.
        key: RowKey,
        /// Its value. A removed row stays for a while without one, so that a late writer cannot bring it back.
        row: Option<Row>,
    },
    /// A state row.
    State(StoredState),
    /// A setting.
    Bytes(Vec<u8>),
    /// A node's last beat; when it was is told by [`Document::stored_at`].
    Node(NodeBeat),
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// The event. A posted one's text lies in the record only; an edit's text is removed once it is projected.
    pub event: Event,
    /// What the event's nonce stood for.
    pub fingerprint: Option<u64>,
    /// The message as it is now, for a posted event.
    pub record: Option<MessageRecord>,
}

/// A state row as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredState {
    /// The row's key.
    pub key: Vec<u8>,
    /// 1 when inserted, one more with each change.
    pub version: u64,
    /// The content. A removed row stays for a while without one, so that the removal is found among the changes.
    pub value: Option<Vec<u8>>,
    /// When the row's owner lets a sweep remove it.
    pub expires_at: Option<Timestamp>,
}

/// What must be true of a document at the moment it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Its `rev` is this.
    RevIs(u64),
    /// Its `rev` is lower than this.
    RevBelow(u64),
    /// Its `stamp` is this.
    StampIs(u128),
}

/// What an update sets; fields that are `None` stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// The new `rev`.
    pub rev: Option<u64>,
    /// The new stamp.
    pub stamp: Option<u128>,
    /// The new content.
    pub content: Option<Content>,
    /// The new time for a sweep; `Some(None)` removes it.
    pub expires_at: Option<Option<Timestamp>>,
    /// Whether the nonce is forgotten.
    pub forget_nonce: bool,
    /// Whether `stored_at` becomes the database's present time.
    pub touch: bool,
}

/// What became of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The document is there, on a majority.
    Done,
    /// A document with this id or this nonce is there already; it may still be rolled back.
    Taken,
}

/// A part of an index, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The first key that may be in it.
    pub from: String,
    /// The first key behind it.
    pub until: String,
    /// The most documents to answer.
    pub limit: usize,
}

/// A place in the index over `(stored_at, id)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The database's clock at the write.
    pub stored_at: Timestamp,
    /// The document's name.
    pub id: String,
}

/// A database of documents, of which one at a time is atomic.
///
/// - A write answers once a majority holds it; before that it may vanish again, with its writer told [`Unclear`].
/// - A write that answers [`Unclear`] may have happened, may happen later, or never.
/// - A guard is compared with what the node that takes the write sees, which a majority need not hold. So `Taken`
///   and `false` prove nothing: read before relying on them.
/// - Reads answer what a majority holds, and never less than an earlier read or an answered write showed.
#[async_trait]
pub trait Documents: Send + Sync + 'static {
    /// Makes a document unless its id or nonce is taken.
    async fn insert(&self, collection: Collection, document: Document) -> Answer<Inserted>;

    /// Makes documents in this order, up to the first whose answer is not [`Inserted::Done`]; that answer is the last
    /// one. Behind an unclear answer more of them may have been made, or may be later, still in this order.
    async fn insert_all(&self, collection: Collection, documents: Vec<Document>) -> Vec<Answer<Inserted>> {
        let mut answers = Vec::with_capacity(documents.len());
        for document in documents {
            let answer = self.insert(collection, document).await;
            let goes_on = answer == Ok(Inserted::Done);
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        answers
    }

    /// [`Self::update`] of several documents, in no certain order; one answer for each.
    async fn update_all(
        &self,
        collection: Collection,
        updates: Vec<(String, Guard, Update)>,
    ) -> Vec<Answer<bool>> {
        let mut answers = Vec::with_capacity(updates.len());
        for (id, guard, update) in updates {
            answers.push(self.update(collection, &id, guard, update).await);
        }
        answers
    }

    /// Changes a document that fits the guard; answers whether there was one.
    async fn update(&self, collection: Collection, id: &str, guard: Guard, update: Update) -> Answer<bool>;

    /// Removes a document that fits the guard; answers whether there was one.
    async fn remove(&self, collection: Collection, id: &str, guard: Guard) -> Answer<bool>;

    /// The documents with these keys, in no certain order.
    async fn find(&self, collection: Collection, index: Index, keys: &[String]) -> Answer<Vec<Document>>;

    /// The documents of a part of an index, in its order.
    async fn range(&self, collection: Collection, index: Index, span: Span) -> Answer<Vec<Document>>;

    /// Up to `limit` documents whose `expires_at` is before `now`.
    async fn expired(&self, collection: Collection, now: Timestamp, limit: usize) -> Answer<Vec<Document>>;

    /// Up to `limit` places after `after`, ascending. The index alone answers this.
    async fn stored(&self, collection: Collection, after: &Position, limit: usize) -> Answer<Vec<Position>>;

    /// The highest `stored_at` in the collection, of those not before `from`.
    async fn newest(&self, collection: Collection, from: Timestamp) -> Answer<Option<Timestamp>>;

    /// The present time by the database's clock.
    async fn now(&self) -> Answer<Timestamp>;

    /// Lets go of the database. Nothing is asked of it afterwards.
    async fn close(&self) {}
}
