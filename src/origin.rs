//! Where a request comes from: its origin, its session token, its address. One answer for every transport.

use std::any::Any;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, ORIGIN};

/// The cookie that carries a browser's session.
pub const SESSION_COOKIE: &str = "madang_session";

/// A connection's place among all that may be open. It comes with each request, and whoever takes the connection over
/// keeps it until the socket is closed.
#[derive(Clone)]
pub struct Place {
    _held: Arc<dyn Any + Send + Sync>,
}

impl Place {
    /// A place that is given back when the last clone is dropped.
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Self {
            _held: Arc::new(held),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

/// How links to this server begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnUrl {
    /// The address that people type, as `https://chat.example`.
    Known(String),
    /// However the client calls it.
    AsCalled {
        /// Whether it calls over TLS.
        encrypted: bool,
    },
}

impl Default for OwnUrl {
    fn default() -> Self {
        Self::AsCalled { encrypted: false }
    }
}

impl OwnUrl {
    /// The address for whoever has sent these headers.
    pub fn called_by(&self, headers: &HeaderMap) -> String {
        let called = || headers.get(HOST).and_then(|host| host.to_str().ok());
        match self {
            Self::Known(url) => url.clone(),
            Self::AsCalled { .. } => format!("{}://{}", self.scheme(), called().unwrap_or("localhost")),
        }
    }

    /// Whether people reach the server over TLS only: then a browser must not send its cookies in the clear.
    pub fn is_https(&self) -> bool {
        self.scheme() == "https"
    }

    fn scheme(&self) -> &'static str {
        let encrypted = match self {
            Self::Known(url) => url.to_ascii_lowercase().starts_with("https://"),
            Self::AsCalled { encrypted } => *encrypted,
        };
        if encrypted { "https" } else { "http" }
    }
}

/// Which pages may speak with this server in a browser's name.
///
/// A browser sends its cookies along with requests that other sites make it send. It cannot be made to lie about the
/// `Origin` of such a request, so a cookie only counts together with an origin that is admitted here.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The server's own; as long as nobody has said what it is called, the `Host` of each request stands for it.
    own: OwnUrl,
    allowed: Vec<String>,
}

impl Origins {
    /// The server's own address and further origins.
    pub fn new(own: &OwnUrl, allowed: Vec<String>) -> Self {
        let normal = |url: &str| {
            let origin = origin_of(url).unwrap_or(url);
            origin.to_ascii_lowercase()
        };
        Self {
            own: match own {
                OwnUrl::Known(url) => OwnUrl::Known(normal(url)),
                called => called.clone(),
            },
            allowed: allowed.iter().map(|url| normal(url)).collect(),
        }
    }

    /// Whether the request may be done. Without an `Origin` it comes from no other site's page; that alone is trusted
    /// only when no cookie speaks for it.
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return session_cookie(headers).is_none();
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let origin = origin.to_ascii_lowercase();
        if origins.next().is_some() || origin_of(&origin) != Some(&origin) {
            return false;
        }
        self.is_own(&origin, headers) || self.allowed.contains(&origin)
    }

    fn is_own(&self, origin: &str, headers: &HeaderMap) -> bool {
        if let OwnUrl::Known(own) = &self.own {
            return origin == own;
        }
        // A page whose name was made to point here sends its own name as `Host`, too. It gains nothing: the browser
        // keeps cookies by name, and sends it none of ours.
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        match (host, origin.split_once("://")) {
            // Behind a proxy that nobody told of, the page may be an encrypted one; the other way round somebody has
            // come between, and made the page.
            (Some(host), Some((scheme, authority))) => {
                host.eq_ignore_ascii_case(authority) && (scheme == "https" || !self.own.is_https())
            }
            _ => false,
        }
    }
}

/// The part of a URL that makes its origin: `https://host:port`. `None` for anything else than HTTP.
pub fn origin_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.is_empty() || authority.contains(['@', ' ', '\\']) {
        return None;
    }
    url.get(..scheme.len() + "://".len() + authority.len())
}

/// The token in the session's cookie.
pub fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, value)| *name == SESSION_COOKIE && !value.is_empty())
        .map(|(_, value)| value)
}

/// The token in the header `Authorization`.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The address that a request comes from. A proxy's word is taken only from a proxy that is known: everybody can write
/// `X-Forwarded-For`.
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted_proxies: &[IpAddr]) -> IpAddr {
    let mut address = peer.ip().to_canonical();
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    // Each proxy appends the address it was called from, so the list is read from its end.
    for hop in forwarded.iter().rev() {
        if !trusted_proxies.contains(&address) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(hop) => address = hop.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        headers
    }

    #[test]
    fn own_host_is_an_origin() {
        let origins = Origins::new(&OwnUrl::default(), Vec::new());
        let from = |origin| headers(&[("host", "chat.example:8080"), ("origin", origin)]);
        assert!(origins.allows(&from("http://chat.example:8080")));
        assert!(origins.allows(&from("http://Chat.Example:8080")));
        for foreign in [
            "http://chat.example",
            "http://evil.example:8080",
            "http://chat.example:8080.evil.example",
            "http://chat.example:8080/",
            "http://user@chat.example:8080",
            "null",
            "",
            "file://chat.example:8080",
        ] {
            assert!(!origins.allows(&from(foreign)), "{foreign}");
        }
    }

    #[test]
    fn a_page_in_the_clear_is_not_the_one_over_tls() {
        let own = OwnUrl::AsCalled { encrypted: true };
        let origins = Origins::new(&own, Vec::new());
        let from = |origin| headers(&[("host", "chat.example:8443"), ("origin", origin)]);
        assert!(origins.allows(&from("https://chat.example:8443")));
        assert!(!origins.allows(&from("http://chat.example:8443")));
    }

    #[test]
    fn links_begin_as_the_server_is_called() {
        let called = headers(&[("host", "chat.example:8443")]);
        for (own, link, is_https) in [
            (OwnUrl::default(), "http://chat.example:8443", false),
            (
                OwnUrl::AsCalled { encrypted: true },
                "https://chat.example:8443",
                true,
            ),
            (
                OwnUrl::Known("HTTPS://a.example".to_owned()),
                "HTTPS://a.example",
                true,
            ),
        ] {
            assert_eq!(own.called_by(&called), link);
            assert_eq!(own.is_https(), is_https);
        }
    }

    #[test]
    fn a_known_address_is_exact() {
        let origins = Origins::new(
            &OwnUrl::Known("https://chat.example/".to_owned()),
            vec!["http://127.0.0.1:5173".to_owned()],
        );
        let from = |origin| headers(&[("host", "chat.example"), ("origin", origin)]);
        assert!(origins.allows(&from("https://chat.example")));
        assert!(origins.allows(&from("http://127.0.0.1:5173")));
        assert!(!origins.allows(&from("http://chat.example")));
        assert!(!origins.allows(&from("http://127.0.0.1")));
    }

    #[test]
    fn without_an_origin_a_cookie_does_not_count() {
        let origins = Origins::new(&OwnUrl::default(), Vec::new());
        assert!(origins.allows(&headers(&[("host", "a")])));
        assert!(!origins.allows(&headers(&[("host", "a"), ("cookie", "madang_session=x")])));
        let twice = headers(&[("host", "a"), ("origin", "http://a"), ("origin", "http://b")]);
        assert!(!origins.allows(&twice));
    }

    #[test]
    fn tokens_are_found() {
        let both = headers(&[
            ("cookie", "theme=dark; madang_session=abc"),
            ("authorization", "Bearer  def"),
        ]);
        assert_eq!(session_cookie(&both), Some("abc"));
        assert_eq!(bearer_token(&both), Some("def"));
        assert_eq!(
            session_cookie(&headers(&[("cookie", "xmadang_session=abc")])),
            None
        );
        assert_eq!(bearer_token(&headers(&[("authorization", "Basic abc")])), None);
    }

    #[test]
    fn only_known_proxies_are_believed() {
        let peer: SocketAddr = "[::ffff:10.0.0.1]:80".parse().expect("an address");
        let proxy: IpAddr = "10.0.0.1".parse().expect("an address");
        let said = headers(&[("x-forwarded-for", "6.6.6.6, 1.2.3.4")]);
        assert_eq!(client_address(peer, &said, &[]), proxy);
        assert_eq!(client_address(peer, &said, &[proxy]).to_string(), "1.2.3.4");
        assert_eq!(client_address(peer, &headers(&[]), &[proxy]), proxy);
    }
}
