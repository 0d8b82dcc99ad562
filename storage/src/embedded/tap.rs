//! Listening to commit groups, for a backup while the store runs.

use crate::engine::Batch;

/// Told of every group, on the committer's thread, once it is durable.
pub(crate) trait Tap: Send + Sync {
    /// A durable group. Must not take long: everybody who writes waits.
    fn committed(&self, batch: &Batch);
}
