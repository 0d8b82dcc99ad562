//! What is around every request: its id, its line in the log, its place in the figures, its headers of security, and answers for unknown paths.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::Settings;
use super::error::Problem;
use super::metrics::Requests;
use super::server::Peer;
use crate::chat::{Code, Error};
use crate::origin;

/// How many requests are carried out at a time. A request waits for the store at most, so this is far above what a store
/// that answers lets pile up; when it does not answer, further ones are refused instead of kept.
const MAX_REQUESTS: usize = 2_000;
/// How long a request may take once its body is there. What it has begun and must not stay half done goes on.
const REQUEST_WITHIN: Duration = Duration::from_secs(60);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Scripts, styles and connections of this server only; nobody may frame it; no HTML is made from strings.
/// The one script that is named by a string is the page's service worker, which has a policy of its own.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
    frame-ancestors 'none'; form-action 'self'; require-trusted-types-for 'script'; \
    trusted-types svelte-trusted-html madang-worker";

/// Puts the shell around routes.
pub(super) fn around(routes: Router, requests: Arc<Requests>, settings: Arc<Settings>) -> Router {
    routes
        .fallback(unknown)
        .method_not_allowed_fallback(|| async {
            Problem(Error::new(
                Code::MethodNotAllowed,
                "this path knows other methods",
            ))
        })
        .layer(middleware::from_fn_with_state(
            Arc::new(Semaphore::new(MAX_REQUESTS)),
            bounded,
        ))
        .layer(middleware::from_fn_with_state(settings, counted))
        .layer(middleware::from_fn_with_state(requests, log))
}

/// What is no route is a place within the bundled page, where there is one.
async fn unknown(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if uri.path().starts_with("/api/") || (method != Method::GET && method != Method::HEAD) {
        return Problem(Error::not_found()).into_response();
    }
    super::ui::serve(uri.path(), &headers).unwrap_or_else(|| Problem(Error::not_found()).into_response())
}

/// Counts requests by the address that they come from. The page's own files are not counted: they cost nothing.
async fn counted(State(settings): State<Arc<Settings>>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/api/")
        && let Some(Peer(peer)) = request.extensions().get::<Peer>()
    {
        let address = origin::client_address(*peer, request.headers(), &settings.trusted_proxies);
        if let Err(error) = settings.chat.count_visit(address) {
            return Problem(error).into_response();
        }
    }
    next.run(request).await
}

/// Bounds how many requests are under way, and for how long each.
async fn bounded(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let busy = |text: &'static str| {
        let error = Error {
            retry_after: Some(1),
            ..Error::new(Code::Unavailable, text)
        };
        Problem(error).into_response()
    };
    let Ok(_place) = places.try_acquire() else {
        return busy("too many requests at the moment");
    };
    match tokio::time::timeout(REQUEST_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => busy("this took too long; it may have been done all the same"),
    }
}

/// A line for each request. Without its query and its headers: both may hold secrets.
async fn log(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = format!("{:016x}", rand::random::<u64>());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let took = start.elapsed();
    requests.count(response.status(), took);
    let millis = took.as_millis();
    let status = response.status().as_u16();
    // What makes the server unavailable is logged where it happens, and once; each refused request only repeats it.
    if response.status().is_server_error() && response.status() != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(%id, %method, path = shown(&path), status, millis, "a request failed");
    } else {
        tracing::debug!(%id, %method, path = shown(&path), status, millis, "request");
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if path.starts_with("/api/") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// A path as the log may show it: an invite's code lets people in.
fn shown(path: &str) -> &str {
    if path.starts_with("/api/v1/invites/") {
        "/api/v1/invites/..."
    } else {
        path
    }
}
