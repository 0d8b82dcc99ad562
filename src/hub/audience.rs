//! Who may hear a stream, as far as this node knows.

use async_trait::async_trait;
use madang_storage::Result;
use madang_storage::model::{Commit, StreamId, UserId};

/// Who may hear what. Implemented by the logic; the hub asks before it delivers.
///
/// What decides about a stream is the guild that it belongs to. A node may hear of a message before it hears that
/// somebody was removed from the guild, although the message was written after that and because of it. So every event
/// says at which `rev` of the guild its author was judged, and a hub delivers it only when this node's own copy of the
/// guild is at least as new.
#[async_trait]
pub trait Audience: Send + Sync + 'static {
    /// The `rev` of the guild that this node judges the stream's audience by; `None` when that must be found out
    /// first. For a stream without a guild any number that never changes.
    fn applied_rev(&self, stream: StreamId) -> Option<u64>;

    /// Finds out what it takes to judge by at least `rev`; answers the `rev` that is judged by from now on.
    async fn reach(&self, stream: StreamId, rev: u64) -> Result<u64>;

    /// Whether the user may hear the stream. What is not known is not allowed. Cheap, and never blocks.
    fn may_hear(&self, user: UserId, stream: StreamId) -> bool;
}

/// The guild's `rev` that an event's audience must be judged by at least.
pub(super) fn needed_rev(commit: &Commit) -> u64 {
    match commit.event.stream {
        // An event of the guild itself changes its audience: it is judged by what it leaves behind.
        StreamId::Guild(_) => commit.event.rev(),
        _ => commit.event.access_rev,
    }
}
