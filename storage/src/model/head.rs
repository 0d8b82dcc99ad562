//! A stream's head, and how an event moves it.

use serde::{Deserialize, Serialize};

use super::{Fact, Timestamp};

/// Where a stream stands. A stream without events has the default head. Because revs and seqs are dense, the head
/// is also the count that a check compares the rows with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the newest event; events are numbered 1, 2, 3 ... without holes.
    pub rev: u64,
    /// The number of the newest message; messages are numbered 1, 2, 3 ... without holes.
    pub seq: u64,
    /// How many countable messages were ever posted. Deleting does not lower it.
    pub n: u64,
    /// The highest `seq` ever deleted. Above a read marker it means that unread must be counted, not subtracted.
    pub deleted_seq: u64,
    /// When the newest event was appended.
    pub at: Timestamp,
    /// The `rev` of the newest event that changed what the stream's owner is, and not its messages.
    pub meta_rev: u64,
    /// The oldest event still kept. A stream may lose its front, never its middle.
    pub first_rev: u64,
    /// The newest message that calls many at once. At or below a read marker it means that nothing of the kind is
    /// left to be counted.
    #[serde(default)]
    pub wide_seq: u64,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            rev: 0,
            seq: 0,
            n: 0,
            deleted_seq: 0,
            at: Timestamp::default(),
            meta_rev: 0,
            first_rev: 1,
            wide_seq: 0,
        }
    }
}

impl Head {
    /// Whether the stream has any event.
    pub const fn exists(&self) -> bool {
        self.rev > 0
    }
}

/// The head after `fact` is appended at `now`. Time never runs backwards within a stream, whatever the clock does.
#[must_use]
pub fn advance(head: &Head, fact: &Fact, now: Timestamp) -> Head {
    let mut next = *head;
    next.rev += 1;
    next.at = now.max(head.at);
    match fact {
        Fact::MessagePosted { system, mentions, .. } => {
            next.seq += 1;
            next.n += u64::from(system.is_none());
            if mentions.is_wide() {
                next.wide_seq = next.seq;
            }
        }
        Fact::MessageDeleted { seq, .. } => next.deleted_seq = next.deleted_seq.max(*seq),
        Fact::MessageEdited { .. }
        | Fact::ReactionChanged { .. }
        | Fact::MessagePinned { .. }
        | Fact::ThreadStarted { .. } => {}
        // Whatever is not about a message is about the stream's owner itself.
        _ => next.meta_rev = next.rev,
    }
    next
}
