//! What connects a node's store, its connections, its logic and the other nodes: who is told of what.

use std::sync::Arc;
use std::time::Duration;

use madang_storage::model::{Commit, StreamId, UserId};
use madang_storage::{Changed, CommitSink, Cursor, MAX_ROWS_PER_PAGE, Store};
use tokio::time::Instant;

use crate::broker::{Broker, Receiver, Signal};
use crate::chat::{Chat, Places};
use crate::hub::Hub;
use crate::presence::{self, Change, Left};

/// How often the store is asked what nobody told.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often it is asked while this node cannot be sure that it hears of everything.
const LOOK_EVERY_IN_DOUBT: Duration = Duration::from_millis(500);
/// How long ago this node must have heard of everything at least, not to be in doubt.
pub(super) const CURRENT_FOR: Duration = Duration::from_secs(1);

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

    fn hear_of(&self, stream: StreamId, rev: u64) {
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

/// Asks the store again and again what changed: finds what nobody told, because whoever stored it died before, or because
/// the broker lost it. Runs until it is dropped.
pub async fn follow(store: Store, delivery: Delivery) {
    let mut cursor = Cursor::start();
    let mut is_first = true;
    loop {
        let began = Instant::now();
        match look(&store, &delivery, &mut cursor, is_first).await {
            Ok(()) => {
                is_first = false;
                delivery.broker.looked(began);
            }
            Err(error) => tracing::warn!(%error, "what changed cannot be read"),
        }
        wait(&delivery.broker, began).await;
    }
}

/// Waits until it is time to look again. Time that passed while nothing of this process ran counts as doubt: others
/// may have given up on this node meanwhile.
async fn wait(broker: &Broker, began: Instant) {
    while began.elapsed() < LOOK_EVERY {
        let asleep = Instant::now();
        tokio::time::sleep(LOOK_EVERY_IN_DOUBT).await;
        let was_stopped = asleep.elapsed() > LOOK_EVERY_IN_DOUBT + CURRENT_FOR;
        let current_at = broker.status().current_at;
        if was_stopped || current_at.is_none_or(|at| at.elapsed() >= CURRENT_FOR) {
            return;
        }
    }
}

/// One round: everything that changed since the last one.
async fn look(
    store: &Store,
    delivery: &Delivery,
    cursor: &mut Cursor,
    is_first: bool,
) -> madang_storage::Result<()> {
    loop {
        let page = store.changed_since(cursor, MAX_ROWS_PER_PAGE).await?;
        for change in &page.entries {
            let Changed::Stream(stream) = change.what else {
                continue;
            };
            let was_told = delivery.places.has_heard(stream, change.head);
            delivery.hear_of(stream, change.head);
            // The first round tells of all that there is. Whoever is here has read where the rooms stand after this
            // node began to hear of changes.
            if let (StreamId::Room(room), false) = (stream, is_first) {
                delivery.hub.hear_of_head(room, change.head);
                if !was_told {
                    delivery.hub.hear_of_conversation(room).await;
                }
            }
        }
        *cursor = page.cursor;
        if !page.more {
            return Ok(());
        }
    }
}
