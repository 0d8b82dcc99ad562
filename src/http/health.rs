//! Whether the server lives and works.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use madang_storage::Readiness;

use super::metrics::Requests;
use super::{Settings, metrics};

/// `/healthz`, `/readyz` and `/metrics`.
pub(super) fn routes(settings: &Arc<Settings>, requests: &Arc<Requests>) -> Router<Arc<Settings>> {
    let told = (Arc::clone(settings), Arc::clone(requests));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::metrics).with_state(told))
}

/// 200 when the store reads and writes, else 503 with the reason.
async fn ready(State(settings): State<Arc<Settings>>) -> Response {
    match why_not_ready(&settings.store.status().await.readiness) {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
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
