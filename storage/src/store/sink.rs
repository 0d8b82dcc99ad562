//! Who is told of commits.

use std::sync::Arc;

use crate::model::Commit;

/// Told of every durable event of this node, before its append is answered.
pub trait CommitSink: Send + Sync + 'static {
    /// Events that just became durable, in `rev` order within each stream, also from one call to the next.
    /// Must not block: it runs on the thread that commits.
    fn committed(&self, commits: &[Arc<Commit>]);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy)]
pub struct NoSink;

impl CommitSink for NoSink {
    fn committed(&self, _commits: &[Arc<Commit>]) {}
}
