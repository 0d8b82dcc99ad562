//! What a caller hands to an append, and gets back.

use std::sync::Arc;

use crate::model::{Commit, EventId, Nonce, RowKey, StreamId, UserId};

/// An append without its decision.
#[derive(Debug, Clone)]
pub struct Command {
    /// The stream to append to.
    pub stream: StreamId,
    /// The event's id, chosen before the first try, so that an unclear error can be cleared up.
    pub event_id: EventId,
    /// Who does it; `None` for the server itself.
    pub actor: Option<UserId>,
    /// The guild's `rev` at which the caller checked permissions; 0 where none applies.
    pub access_rev: u64,
    /// The client's own id of the request.
    pub nonce: Option<NonceUse>,
    /// The rows that the decision wants to see. All must be projected from `stream`; at most 16.
    pub rows: Vec<RowKey>,
}

impl Command {
    /// The most rows that a decision may name.
    pub const MAX_ROWS: usize = 16;
}

/// A nonce and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceUse {
    /// The client's ULID.
    pub nonce: Nonce,
    /// A hash of what the request says: a retry says the same.
    pub fingerprint: u64,
}

/// A durable event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The event, and the message that it is about.
    pub commit: Arc<Commit>,
    /// Whether it was appended by an earlier request with the same nonce.
    pub replayed: bool,
}
