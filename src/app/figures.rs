//! What the parts of a node tell of themselves, gathered for the metrics.

use std::sync::Arc;

use super::delivery::Delivery;
use crate::gateway::Gateway;
use crate::http::{Figure, Kind};

/// Tells the figures of now, each time it is called.
pub(super) fn of(gateway: Gateway, delivery: Delivery) -> Arc<dyn Fn() -> Vec<Figure> + Send + Sync> {
    Arc::new(move || gather(&gateway, &delivery))
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
