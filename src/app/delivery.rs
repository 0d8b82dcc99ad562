//! What connects a node's store, its connections, its logic and the other nodes: who is told of what.

use std::sync::Arc;

use madang_storage::CommitSink;
use madang_storage::model::{Commit, StreamId, UserId};

use crate::broker::{Broker, Receiver, Signal};
use crate::chat::{Chat, Places};
use crate::hub::Hub;
use crate::presence::{self, Change, Left};

/// Everybody on this node who wants to know of events. Cheap to clone.
#[derive(Clone)]
pub struct Delivery {
    /// Who belongs where: told first, so that the others judge by what is true.
    pub places: Places,
    /// This node's connections.
    pub hub: Hub,
    /// The other nodes.
    pub broker: Broker,
}

impl Delivery {
    fn hear(&self, commit: &Arc<Commit>) {
        self.places.hear(commit);
        self.hub.hear(commit);
    }

    /// Notes that a stream is at `rev`, which nobody may have told.
    pub(super) fn hear_of(&self, stream: StreamId, rev: u64) {
        self.places.hear_of(stream, rev);
        self.hub.hear_of(stream, rev);
    }
}

/// Events of this node: told to its own connections first, then to the other nodes.
impl CommitSink for Delivery {
    fn committed(&self, commits: &[Arc<Commit>]) {
        commits.iter().for_each(|commit| self.hear(commit));
        self.broker.tell_events(commits);
    }
}

/// What other nodes tell.
pub struct Ear {
    /// Who wants to know of events.
    pub delivery: Delivery,
    /// Who wants to know of signals.
    pub chat: Chat,
}

impl Receiver for Ear {
    fn event(&self, commit: Arc<Commit>) {
        self.delivery.hear(&commit);
    }

    fn passed(&self, stream: StreamId, rev: u64) {
        self.delivery.hear_of(stream, rev);
    }

    fn signal(&self, signal: Signal) {
        self.chat.hear_signal(&signal);
    }
}

impl presence::Receiver for Ear {
    fn changed(&self, change: &Change) {
        self.chat.note_presence(change);
    }

    fn left(&self, user: UserId, left: Left) {
        self.chat.note_left(user, left);
    }

    fn unsure(&self) {
        self.chat.doubt_presence();
    }
}
