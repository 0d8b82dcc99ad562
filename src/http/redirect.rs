//! What answers in the clear beside a server that speaks TLS: where to go instead, and what a certificate authority looks
//! for. Nothing else.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::origin::{OwnUrl, origin_of};
use crate::tls::Challenges;

/// The port of https that is not written.
const HTTPS_PORT: u16 = 443;

struct Redirect {
    own_url: OwnUrl,
    /// The port at which the server speaks TLS.
    port: u16,
    challenges: Challenges,
}

/// All that there is in the clear.
pub fn redirect(own_url: OwnUrl, port: u16, challenges: Challenges) -> Router {
    let redirect = Redirect {
        own_url,
        port,
        challenges,
    };
    Router::new().fallback(answer).with_state(Arc::new(redirect))
}

async fn answer(State(redirect): State<Arc<Redirect>>, request: Request) -> Response {
    if request.method() == Method::GET
        && let Some(answer) = redirect.challenges.answer(request.uri().path())
    {
        return answer.into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let location = redirect
        .origin(request.headers())
        .and_then(|origin| HeaderValue::try_from(format!("{origin}{path}")).ok());
    let Some(location) = location else {
        return (StatusCode::BAD_REQUEST, "this server is called by https\n").into_response();
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, location);
    response
}

impl Redirect {
    /// Where the server is found: as it was told, else at the host that the client has called.
    fn origin(&self, headers: &HeaderMap) -> Option<String> {
        if let OwnUrl::Known(url) = &self.own_url {
            return origin_of(url).map(str::to_owned);
        }
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let authority: Authority = host.parse().ok()?;
        // A name and password before the host would go to wherever it leads.
        if authority.host().is_empty() || host.contains('@') {
            return None;
        }
        Some(match self.port {
            HTTPS_PORT => format!("https://{}", authority.host()),
            port => format!("https://{}:{port}", authority.host()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(own_url: OwnUrl, port: u16, host: &str) -> Option<String> {
        let redirect = Redirect {
            own_url,
            port,
            challenges: Challenges::default(),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        redirect.origin(&headers)
    }

    #[test]
    fn the_host_stays_and_the_port_changes() {
        let called = || OwnUrl::AsCalled { encrypted: true };
        for (port, host, found) in [
            (443, "chat.example", Some("https://chat.example")),
            (443, "chat.example:80", Some("https://chat.example")),
            (8443, "chat.example:8080", Some("https://chat.example:8443")),
            (8443, "[::1]:8080", Some("https://[::1]:8443")),
            (443, "me:secret@evil.example", None),
            (443, "", None),
            (443, "a b", None),
        ] {
            assert_eq!(origin(called(), port, host).as_deref(), found, "{host:?}");
        }
        let known = OwnUrl::Known("https://chat.example".to_owned());
        let found = origin(known, 8443, "evil.example");
        assert_eq!(
            found.as_deref(),
            Some("https://chat.example"),
            "it knows its name"
        );
    }
}
