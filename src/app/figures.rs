//! What the parts of a node tell of themselves, gathered for the metrics.

use std::sync::Arc;

use super::absent::Missing;
use super::delivery::{CURRENT_FOR, Delivery};
use crate::chat::Chat;
use crate::gateway::Gateway;
use crate::http::{Figure, Kind};
use crate::presence::Presence;

/// Who has something to tell.
pub(super) struct Sources {
    pub(super) gateway: Gateway,
    pub(super) delivery: Delivery,
    pub(super) chat: Chat,
    pub(super) presence: Presence,
    pub(super) absent: Arc<Missing>,
}

/// Tells the figures of now, each time it is called.
pub(super) fn of(sources: Sources) -> Arc<dyn Fn() -> Vec<Figure> + Send + Sync> {
    Arc::new(move || {
        let mut figures = gather(&sources.gateway, &sources.delivery);
        figures.extend(of_presence(&sources));
        figures
    })
}

fn of_presence(sources: &Sources) -> [Figure; 4] {
    let presence = sources.presence.figures();
    [
        gauge(
            "madang_presence_sessions",
            "Connections by which somebody is there",
            presence.sessions as u64,
        ),
        counter(
            "madang_presence_changes_total",
            "Times that somebody came, went, or was seen in another way",
            presence.changes,
        ),
        counter(
            "madang_presence_told_total",
            "Times that a connection was told who is there",
            sources.chat.presences_told(),
        ),
        counter(
            "madang_presence_absent_total",
            "People who did not look when a message for them arrived",
            sources.absent.count(),
        ),
    ]
}

fn gather(gateway: &Gateway, delivery: &Delivery) -> Vec<Figure> {
    let sockets = gateway.counts();
    let hub = delivery.hub.figures();
    let broker = delivery.broker.status();
    let is_current = broker.current_at.is_some_and(|at| at.elapsed() < CURRENT_FOR);
    vec![
        gauge(
            "madang_sockets_open",
            "WebSockets that are open",
            sockets.connections as u64,
        ),
        gauge(
            "madang_sockets_unauthenticated",
            "WebSockets that wait for a sign-in",
            sockets.unauthenticated as u64,
        ),
        gauge(
            "madang_hub_connections",
            "Connections that are signed in",
            hub.connections as u64,
        ),
        gauge(
            "madang_hub_lanes",
            "Streams that somebody listens to",
            hub.lanes as u64,
        ),
        counter(
            "madang_hub_deliveries_total",
            "Events handed to connections",
            hub.delivered,
        ),
        counter(
            "madang_hub_fills_total",
            "Times that events were read from the store because nobody told them in time",
            hub.fills,
        ),
        counter(
            "madang_hub_given_up_total",
            "Times that all listeners of a stream were sent away because the store could not be read",
            hub.given_up,
        ),
        counter(
            "madang_hub_let_go_total",
            "Times that a connection lost the right to hear a stream",
            hub.let_go,
        ),
        gauge(
            "madang_broker_current",
            "Whether this node is sure to have heard of everything that others did until a second ago",
            u64::from(is_current),
        ),
        counter(
            "madang_broker_events_told_total",
            "Events of this node told to others",
            broker.events_told,
        ),
        counter(
            "madang_broker_events_lost_total",
            "Events of this node that others were not told",
            broker.events_lost,
        ),
        counter(
            "madang_broker_events_heard_total",
            "Events of other nodes heard",
            broker.events_heard,
        ),
    ]
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Figure {
    Figure {
        name,
        help,
        kind: Kind::Gauge,
        value,
    }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Figure {
    Figure {
        name,
        help,
        kind: Kind::Counter,
        value,
    }
}
