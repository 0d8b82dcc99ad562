//! This node's connections: who listens to what, bounded queues, delivery in order.

mod signal;

pub use signal::Signal;

use madang_storage::model::{SessionId, UserId};

/// All connections of this node. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hub {}

impl Hub {
    /// Signals to all connections of a user but those of one session.
    pub fn signal_user(&self, _user: UserId, _except: Option<SessionId>, _signal: Signal) {}

    /// Closes all connections of a session that has ended. They are gone within a second.
    pub fn close_session(&self, _session: SessionId) {}
}
