//! REST under `/api/v1`, and what runs the server. A thin layer: what can be asked for stands in `operations`, and only
//! what makes sessions, which live in cookies, stands here.

mod admission;
mod error;
mod exports;
mod extract;
mod health;
mod metrics;
mod openapi;
mod operations;
mod redirect;
mod server;
mod sessions;
mod shell;
mod ui;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use madang_storage::Store;

use crate::chat::Chat;
use crate::origin::{Origins, OwnUrl};
pub use health::{Health, why_not_ready};
use metrics::Requests;
pub use metrics::{Figure, Kind};
pub use redirect::redirect;
pub use server::{Entrance, Limits, serve};

/// What the routes need. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    /// The logic.
    pub chat: Chat,
    /// Asked for its health only.
    pub store: Store,
    /// Which pages may use cookies here.
    pub origins: Origins,
    /// How links to this server begin.
    pub own_url: OwnUrl,
    /// Proxies whose word about a client's address is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// What the parts of this node that are no business of HTTP have to tell.
    pub figures: Arc<dyn Fn() -> Vec<Figure> + Send + Sync>,
    /// How those parts do.
    pub health: Arc<dyn Fn() -> Health + Send + Sync>,
}

/// All routes but the gateway's.
pub fn router(settings: Settings) -> Router {
    let requests = Arc::new(Requests::default());
    let settings = Arc::new(settings);
    let counted = Arc::clone(&settings);
    let routes = Router::new()
        .merge(health::routes(&settings, &requests))
        .merge(sessions::routes())
        .merge(exports::routes())
        .merge(openapi::routes())
        .merge(operations::routes())
        .with_state(settings);
    shell::around(routes, requests, counted)
}
