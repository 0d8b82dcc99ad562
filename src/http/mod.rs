//! REST under `/api/v1`, and what runs the server: one file per noun. A thin layer over `chat`.

mod error;
mod extract;
mod guilds;
mod health;
mod messages;
mod server;
mod sessions;
mod shell;
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
    let routes = Router::new()
        .merge(health::routes())
        .merge(sessions::routes())
        .merge(guilds::routes())
        .merge(messages::routes())
        .with_state(Arc::new(settings));
    shell::around(routes)
}

impl Settings {
    /// The address under which links to this server are made: as configured, or as the client calls it.
    fn own_url(&self, headers: &HeaderMap) -> String {
        let host = || {
            headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
                .unwrap_or("localhost")
        };
        self.public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", host()))
    }
}

/// An identifier in a path. One that is none names nothing.
fn parse_id<T: FromStr>(text: &str) -> Result<T, error::Problem> {
    text.parse().map_err(|_| Error::not_found().into())
}

/// A number in a path. One that is none names nothing.
fn parse_number(text: &str) -> Result<u64, error::Problem> {
    text.parse().map_err(|_| Error::not_found().into())
}
