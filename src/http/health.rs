//! Whether the server lives and works, and its figures.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use madang_storage::Readiness;

use super::Settings;

/// `/healthz`, `/readyz` and `/metrics`.
pub(super) fn routes() -> Router<Arc<Settings>> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// 200 when the store reads and writes, else 503 with the reason.
async fn ready(State(settings): State<Arc<Settings>>) -> Response {
    match reason(&settings.store.status().await.readiness) {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

fn reason(readiness: &Readiness) -> Option<String> {
    match readiness {
        Readiness::Ready => None,
        Readiness::DiskFull => Some("the disk is nearly full: nothing is written".to_owned()),
        Readiness::ReadOnly(reason) => Some(format!("nothing is written until a restart: {reason}")),
        Readiness::Damaged(what) => Some(format!("stored data is damaged: {what}")),
        Readiness::Unreachable(reason) => Some(format!("the store cannot be reached: {reason}")),
    }
}

/// Figures in the text format of Prometheus.
async fn metrics(State(settings): State<Arc<Settings>>) -> Response {
    let status = settings.store.status().await;
    let sockets = (settings.sockets)();
    let mut text = String::new();
    let is_ready = u64::from(status.readiness == Readiness::Ready);
    let figures = [
        (
            "madang_store_ready",
            "Whether the store reads and writes",
            is_ready,
        ),
        (
            "madang_store_logical_bytes",
            "Bytes of keys and values",
            status.space.logical_bytes,
        ),
        (
            "madang_store_file_bytes",
            "Bytes of the store's files",
            status.space.file_bytes,
        ),
        (
            "madang_store_free_bytes",
            "Bytes that are free on the disk",
            status.space.free_bytes,
        ),
        (
            "madang_sockets_open",
            "WebSockets that are open",
            sockets.open as u64,
        ),
        (
            "madang_sockets_unauthenticated",
            "WebSockets that wait for a sign-in",
            sockets.unauthenticated as u64,
        ),
    ];
    for (name, help, value) in figures {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} gauge\n{name} {value}");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
