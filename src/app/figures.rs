//! What the parts of a node tell of themselves, gathered for the metrics.

use std::sync::Arc;

use super::absent::Missing;
use super::delivery::Delivery;
use super::roster::Nodes;
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
    pub(super) nodes: Arc<Nodes>,
}

/// Tells the figures of now, each time it is called.
pub(super) fn of(sources: Sources) -> Arc<dyn Fn() -> Vec<Figure> + Send + Sync> {
    Arc::new(move || {
        let mut figures = gather(&sources.gateway, &sources.delivery);
        figures.extend(of_presence(&sources));
        figures.extend(of_nodes(&sources));
        figures
    })
}

fn of_nodes(sources: &Sources) -> Vec<Figure> {
    let current_at = sources.delivery.broker.status().current_at;
    let lag = current_at.map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
    let mut figures = vec![gauge(
        "madang_nodes",
        "Nodes that live on the same data, this one included",
        u64::from(sources.nodes.living()),
    )];
    figures.push(gauge(
        "madang_broker_is_heard",
        "1 when this node knows up to when it has heard of everything, else 0",
        u64::from(lag.is_some()),
    ));
    figures.extend(lag.map(|lag| {
        let help = "How long ago this node has heard of everything that was told by then, in milliseconds";
        gauge("madang_broker_lag_milliseconds", help, lag)
    }));
    figures
}

fn of_presence(sources: &Sources) -> [Figure; 5] {
    let presence = sources.presence.figures();
    [
        gauge(
            "madang_presence_sessions",
            "Connections by which somebody is there",
            presence.sessions as u64,
        ),
        gauge(
            "madang_presence_is_known",
            "1 when it can be asked who is there, else 0",
            u64::from(presence.is_known),
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
