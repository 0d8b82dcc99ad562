//! What handlers read from requests: who asks, and the fields of body and query.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use serde::de::DeserializeOwned;

use super::Settings;
use super::error::Problem;
use super::server::Peer;
use crate::chat::{Code, Error, Identity, Visitor};
use crate::fields::{Distinct, Fields, MAX_DEPTH, is_shallow};
use crate::origin;

/// The largest body.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// How much of what a client says of itself is kept.
const MAX_DEVICE_CHARACTERS: usize = 200;

/// A signed-in caller.
pub(super) struct Caller {
    pub(super) identity: Identity,
    /// What proved it.
    pub(super) token: String,
}

impl FromRequestParts<Arc<Settings>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, settings: &Arc<Settings>) -> Result<Self, Problem> {
        check_origin(&parts.method, &parts.headers, settings)?;
        let token = origin::bearer_token(&parts.headers)
            .or_else(|| origin::session_cookie(&parts.headers))
            .ok_or_else(Error::unauthenticated)?
            .to_owned();
        let identity = settings.chat.authenticate(&token).await?;
        Ok(Self { identity, token })
    }
}

/// Somebody who is not signed in yet.
pub(super) struct AtTheDoor(pub(super) Visitor);

impl FromRequestParts<Arc<Settings>> for AtTheDoor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, settings: &Arc<Settings>) -> Result<Self, Problem> {
        // Otherwise another site could sign somebody in as somebody else.
        check_origin(&parts.method, &parts.headers, settings)?;
        let address = match parts.extensions.get::<Peer>() {
            Some(Peer(peer)) => origin::client_address(*peer, &parts.headers, &settings.trusted_proxies),
            // Every connection has a peer; what had none would share one limit.
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let device = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        let device = device
            .unwrap_or_default()
            .chars()
            .take(MAX_DEVICE_CHARACTERS)
            .collect();
        Ok(Self(Visitor { address, device }))
    }
}

/// A request that says nothing in its query.
pub(super) struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Fields::of_query(parts.uri.query().unwrap_or_default())?.finish()?;
        Ok(Self)
    }
}

/// The fields of a JSON body.
pub(super) struct Body(pub(super) Fields);

impl FromRequest<Arc<Settings>> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<Settings>) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(not_json().into());
        }
        Self::of(&read(request.into_body()).await?)
    }
}

impl Body {
    /// The fields of a body that may be left out. Where none is expected, too: what somebody says is never passed over.
    pub(super) async fn if_any(request: Request) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let body = read(request.into_body()).await?;
        if body.is_empty() {
            return Ok(Self(Fields::of(None, "body")?));
        }
        if !is_json {
            return Err(not_json().into());
        }
        Self::of(&body)
    }

    fn of(bytes: &[u8]) -> Result<Self, Problem> {
        let malformed = || {
            Error::new(
                Code::Malformed,
                "the body is not one JSON value within the depth allowed and with each key once",
            )
        };
        let Distinct(value) = serde_json::from_slice(bytes).map_err(|_| malformed())?;
        if !value.is_object() || !is_shallow(&value, MAX_DEPTH) {
            return Err(malformed().into());
        }
        Ok(Self(Fields::of(Some(value), "body")?))
    }
}

/// The variable parts of a path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // All parts are texts, so the only thing that can be wrong with one is its encoding.
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(parts)| Self(parts))
            .map_err(|_| Error::new(Code::Malformed, "the path is not percent-encoded UTF-8").into())
    }
}

/// Refuses what another site's page makes a browser do.
fn check_origin(method: &Method, headers: &HeaderMap, settings: &Settings) -> Result<(), Problem> {
    if method == Method::GET || method == Method::HEAD || settings.origins.allows(headers) {
        return Ok(());
    }
    Err(Error::new(Code::WrongOrigin, "this page may not do that from another site").into())
}

fn not_json() -> Error {
    Error::new(Code::UnsupportedMediaType, "the body must be application/json")
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(body: axum::body::Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let text = format!("a body has at most {MAX_BODY_BYTES} bytes");
        Problem::from(Error::new(Code::TooLarge, text))
    };
    // Whoever says so beforehand need not send it.
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, MAX_BODY_BYTES)).await {
        Err(_) => Err(Error::new(Code::Timeout, "the body took too long to arrive").into()),
        Ok(Ok(bytes)) => Ok(bytes),
        // A body that breaks off has nobody left to answer, so what remains is one that is too large.
        Ok(Err(_)) => Err(too_large()),
    }
}
