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

/// The address under which links to this server are made: as configured, or as the client calls it.
pub fn own_url(public_url: Option<&str>, headers: &HeaderMap) -> String {
    let called = || headers.get(HOST).and_then(|host| host.to_str().ok());
    match public_url {
        Some(url) => url.to_owned(),
        None => format!("http://{}", called().unwrap_or("localhost")),
    }
}

/// Which pages may speak with this server in a browser's name.
///
/// A browser sends its cookies along with requests that other sites make it send. It cannot be made to lie about the
/// `Origin` of such a request, so a cookie only counts together with an origin that is admitted here.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The server's own origin, where it was told; else the `Host` of each request stands for it.
    own: Option<String>,
    allowed: Vec<String>,
}

impl Origins {
    /// The server's own address, if it is known, and further origins.
    pub fn new(public_url: Option<&str>, allowed: Vec<String>) -> Self {
        let normal = |url: &str| {
            let origin = origin_of(url).unwrap_or(url);
            origin.to_ascii_lowercase()
        };
        Self {
            own: public_url.map(normal),
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
        if let Some(own) = &self.own {
            return origin == own;
        }
        // A page whose name was made to point here sends its own name as `Host`, too. It gains nothing: the browser
        // keeps cookies by name, and sends it none of ours.
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        match (host, authority) {
            (Some(host), Some(authority)) => host.eq_ignore_ascii_case(authority),
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
        let origins = Origins::new(None, Vec::new());
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
    fn a_known_address_is_exact() {
        let origins = Origins::new(
            Some("https://chat.example/"),
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
        let origins = Origins::new(None, Vec::new());
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
