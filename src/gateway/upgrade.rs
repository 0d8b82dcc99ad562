//! The handshake: from an HTTP request to a raw socket.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use tungstenite::handshake::derive_accept_key;

use super::codec::Codec;
use super::connection::Connection;
use super::session::Session;
use super::{Gateway, Slot};
use crate::origin;
use crate::tls::Socket;

/// Answers `GET /gateway`.
pub(super) async fn upgrade(State(gateway): State<Gateway>, mut request: Request) -> Response {
    if !gateway.origins().allows(request.headers()) {
        return refuse(
            StatusCode::FORBIDDEN,
            "wrong_origin",
            "this page may not connect from another site",
        );
    }
    let (accept, codec) = match negotiate(request.method(), request.headers()) {
        Ok(negotiated) => negotiated,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, "malformed", reason),
    };
    let Some(slot) = gateway.slot(codec) else {
        let mut response = refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "too many connections at the moment",
        );
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        return response;
    };
    let token = origin::bearer_token(request.headers())
        .or_else(|| origin::session_cookie(request.headers()))
        .map(str::to_owned);
    let own_url = gateway.settings().own_url.called_by(request.headers());
    let place = request.extensions_mut().remove::<origin::Place>();
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // The client may be gone before the handshake's answer is written; then there is nothing to serve.
        if let Ok(upgraded) = upgraded.await {
            serve(gateway, slot, codec, own_url.into(), token, upgraded).await;
        }
        drop(place);
    });
    switching(accept, codec)
}

async fn serve(
    gateway: Gateway,
    slot: Slot,
    codec: Codec,
    own_url: Box<str>,
    token: Option<String>,
    upgraded: hyper::upgrade::Upgraded,
) {
    let parts = match upgraded.downcast::<TokioIo<Socket>>() {
        Ok(parts) => parts,
        Err(_) => {
            tracing::error!("a connection was upgraded that is no socket of ours");
            return;
        }
    };
    let stream = parts.io.into_inner();
    let max_queue_bytes = gateway.settings().max_queue_bytes;
    let connection = Arc::new(Connection::new(slot.number(), stream, max_queue_bytes));
    slot.fill(&connection);
    Session::new(gateway, connection, codec, own_url, token)
        .run(parts.read_buf)
        .await;
    drop(slot);
}

/// Judges the handshake (RFC 6455, section 4.2.1); answers the key's counterpart and the subprotocol.
fn negotiate(method: &Method, headers: &HeaderMap) -> Result<(String, Codec), &'static str> {
    if method != Method::GET {
        return Err("a WebSocket begins with GET");
    }
    if !has_token(headers, header::UPGRADE, "websocket") || !has_token(headers, header::CONNECTION, "upgrade")
    {
        return Err("this is the address of a WebSocket");
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err("only version 13 of WebSocket is spoken here");
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    // 16 bytes in base 64.
    let key = key
        .filter(|key| key.len() == 24 && key.ends_with(b"=="))
        .ok_or("the WebSocket key is not one")?;
    let codec = Codec::ALL
        .into_iter()
        .find(|codec| has_token(headers, header::SEC_WEBSOCKET_PROTOCOL, codec.subprotocol()))
        .ok_or("expected one of the subprotocols madang.v1.json and madang.v1.msgpack")?;
    Ok((derive_accept_key(key), codec))
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn switching(accept: String, codec: Codec) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(codec.subprotocol()),
    );
    // Base 64 is always a header's value.
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

fn refuse(status: StatusCode, code: &'static str, detail: &'static str) -> Response {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
    });
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
