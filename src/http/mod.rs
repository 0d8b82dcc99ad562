//! REST under `/api/v1`, and what runs the server: one file per noun. A thin layer over `chat`.

mod admission;
mod error;
mod extract;
mod guilds;
mod health;
mod members;
mod messages;
mod metrics;
mod roles;
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
use metrics::Requests;
pub use metrics::{Figure, Kind};
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
    /// What the parts of this node that are no business of HTTP have to tell.
    pub figures: Arc<dyn Fn() -> Vec<Figure> + Send + Sync>,
}

/// All routes but the gateway's.
pub fn router(settings: Settings) -> Router {
    let requests = Arc::new(Requests::default());
    let settings = Arc::new(settings);
    let routes = Router::new()
        .merge(health::routes(&settings, &requests))
        .merge(sessions::routes())
        .merge(guilds::routes())
        .merge(members::routes())
        .merge(roles::routes())
        .merge(messages::routes())
        .with_state(settings);
    shell::around(routes, requests)
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
