//! Listening to commit groups, for a view of the store as it was at one moment.

use crate::engine::Batch;

/// Told of every group, on the committer's thread, right before it is written. The group may still fail: then what it
/// was to replace is simply still there.
pub(crate) trait Tap: Send + Sync {
    /// A group that is about to be written. Must not take long: everybody who writes waits.
    fn committing(&self, batch: &Batch);
}
