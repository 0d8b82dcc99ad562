//! What this node can be relied on for, as far as it knows.

use std::sync::Arc;
use std::time::Duration;

use super::roster::Nodes;
use crate::broker::Broker;
use crate::http::Health;
use crate::presence::Presence;

/// How long this node may not have heard of the others before that is worth a word.
const WORTH_A_WORD: Duration = Duration::from_secs(2);

/// Who knows how this node does.
pub(super) struct Sources {
    pub(super) broker: Broker,
    pub(super) presence: Presence,
    pub(super) nodes: Arc<Nodes>,
}

/// Tells how this node does now, each time it is called.
pub(super) fn of(sources: Sources) -> Arc<dyn Fn() -> Health + Send + Sync> {
    Arc::new(move || Health {
        refusal: refusal(&sources),
        doubts: doubts(&sources),
    })
}

fn refusal(sources: &Sources) -> Option<String> {
    let text = "another process lives under this node's id: restart one of both";
    sources.nodes.is_taken().then(|| text.to_owned())
}

fn doubts(sources: &Sources) -> Vec<String> {
    let mut doubts = Vec::new();
    match sources.broker.status().current_at {
        Some(at) if at.elapsed() < WORTH_A_WORD => {}
        Some(at) => doubts.push(format!(
            "broker: not all that others told in the last {} s was heard; the store is asked instead",
            at.elapsed().as_secs()
        )),
        None => doubts.push("broker: what others tell is not heard; the store is asked instead".to_owned()),
    }
    if !sources.presence.figures().is_known {
        doubts.push("presence: nobody knows who is there".to_owned());
    }
    doubts
}
