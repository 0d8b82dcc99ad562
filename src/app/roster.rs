//! Which nodes work on the same data: each says again and again that it lives, and hears who else does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use madang_storage::model::{NodeBeat, NodeId};
use madang_storage::{Error as StoreError, Store};
use tokio::time::MissedTickBehavior;

use crate::broker::Broker;
use crate::chat::Chat;

/// How often a node says that it lives: five times within the time after which it counts as dead.
const BEAT_EVERY: Duration = Duration::from_secs(3);
/// Who reads which kinds of events: grows with each kind that older builds cannot read.
pub(super) const READS: u32 = 1;

/// What is known of the nodes, for whoever asks.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    living: AtomicU32,
    is_taken: AtomicBool,
}

impl Nodes {
    /// How many nodes live, this one included; 0 before it is known.
    pub(super) fn living(&self) -> u32 {
        self.living.load(Ordering::Relaxed)
    }

    /// Whether another process lives under this node's id.
    pub(super) fn is_taken(&self) -> bool {
        self.is_taken.load(Ordering::Relaxed)
    }
}

/// Says that this node lives.
pub(super) struct Roster {
    pub(super) me: NodeBeat,
    pub(super) store: Store,
    pub(super) broker: Broker,
    pub(super) chat: Chat,
    pub(super) nodes: Arc<Nodes>,
}

impl Roster {
    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        let mut known = BTreeSet::from([self.me.node]);
        let mut ticks = tokio::time::interval(BEAT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.store.beat(&self.me).await {
                Ok(living) => self.hear(&living, &mut known),
                Err(StoreError::NodeTaken(other)) => {
                    if !self.nodes.is_taken.swap(true, Ordering::Relaxed) {
                        tracing::error!(%other, "another process lives under this node's id: restart one of both");
                    }
                }
                // Said once, where it began; this comes every few seconds.
                Err(error) => tracing::debug!(%error, "nobody could be told that this node lives"),
            }
        }
    }

    fn hear(&self, living: &[NodeBeat], known: &mut BTreeSet<NodeId>) {
        let present: BTreeSet<NodeId> = living.iter().map(|beat| beat.node).collect();
        for beat in living.iter().filter(|beat| !known.contains(&beat.node)) {
            tracing::info!(node = %beat.node, name = beat.name, build = beat.build, "a node has come");
        }
        for node in known.difference(&present) {
            tracing::info!(%node, "a node has gone");
        }
        *known = present;
        let ids: Vec<NodeId> = known.iter().copied().collect();
        self.broker.expect(&ids);
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        self.chat.share_limits(count);
        self.nodes.living.store(count, Ordering::Relaxed);
        self.nodes.is_taken.store(false, Ordering::Relaxed);
    }
}
