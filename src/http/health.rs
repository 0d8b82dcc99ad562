//! Whether the server lives and works.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use madang_storage::{Readiness, Space, Status, Store};

use super::metrics::Requests;
use super::{Settings, metrics};

/// How long the store has to say how it is. Load balancers wait for seconds only, and would be told nothing.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// `/healthz`, `/readyz` and `/metrics`.
pub(super) fn routes(settings: &Arc<Settings>, requests: &Arc<Requests>) -> Router<Arc<Settings>> {
    let told = (Arc::clone(settings), Arc::clone(requests));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::metrics).with_state(told))
}

/// What the parts of a node beside its store say of themselves.
#[derive(Debug, Default)]
pub struct Health {
    /// Why nobody should be sent to this node, if that is so.
    pub refusal: Option<String>,
    /// What does not work as it should, while people are served.
    pub doubts: Vec<String>,
}

/// 200 when the store reads and writes, with a line for each doubt; else 503 with the reason.
async fn ready(State(settings): State<Arc<Settings>>) -> Response {
    let Health { refusal, doubts } = (settings.health)();
    let refusal = refusal.or(why_not_ready(&status_of(&settings.store).await.readiness));
    match refusal {
        None => {
            let lines = ["ready".to_owned()].into_iter().chain(doubts);
            let text: String = lines.map(|line| format!("{line}\n")).collect();
            text.into_response()
        }
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// The state of a store. One that does not tell it in time cannot be reached.
pub(super) async fn status_of(store: &Store) -> Status {
    let told = tokio::time::timeout(TOLD_WITHIN, store.status()).await;
    told.unwrap_or_else(|_| Status {
        readiness: Readiness::Unreachable(format!("it says nothing for {} s", TOLD_WITHIN.as_secs())),
        space: Space::default(),
    })
}

/// Why nothing can be posted, if that is so.
pub fn why_not_ready(readiness: &Readiness) -> Option<String> {
    match readiness {
        Readiness::Ready => None,
        Readiness::DiskFull => Some("the disk is nearly full: nothing is written".to_owned()),
        Readiness::ReadOnly(reason) => Some(format!("nothing is written until a restart: {reason}")),
        Readiness::Damaged(what) => Some(format!("stored data is damaged: {what}")),
        Readiness::Unreachable(reason) => Some(format!("the store cannot be reached: {reason}")),
    }
}
