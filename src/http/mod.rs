//! REST under `/api/v1`, and what runs the server: one file per noun. A thin layer over `chat`.

mod error;
mod extract;
mod guilds;
mod health;
mod messages;
mod server;
mod sessions;
mod shell;
#[cfg(feature = "ui")]
mod ui;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, header};
use madang_storage::Store;

use crate::chat::{Chat, Error};
use crate::origin::Origins;
pub use server::{Limits, serve};

/// What the routes need. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    /// The logic.
    pub chat: Chat,
    /// Asked for its health only.
    pub store: Store,
    /// Which pages may use cookies here.
    pub origins: Origins,
    /// The address that people type; links are made with it.
    pub public_url: Option<String>,
    /// Proxies whose word about a client's address is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How many WebSockets there are, for the metrics.
    pub sockets: Arc<dyn Fn() -> Sockets + Send + Sync>,
}

/// How many WebSockets there are.
#[derive(Debug, Clone, Copy)]
pub struct Sockets {
    /// All of them.
    pub open: usize,
    /// Those that have not authenticated.
    pub unauthenticated: usize,
}

/// All routes but the gateway's.
pub fn router(settings: Settings) -> Router {
    Router::new()
        .merge(health::routes())
        .with_state(Arc::new(settings))
}
