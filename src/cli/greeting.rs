//! What the server says at its start: what to open, and who else can.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use crate::config::Config;

/// The port of https that is not written.
const HTTPS_PORT: u16 = 443;

/// Where the server listens, and what it is called.
pub(super) struct Greeting {
    address: SocketAddr,
    public_url: String,
    is_encrypted: bool,
    /// The name that a certificate is got for.
    domain: Option<String>,
    /// This machine's address in its network, where it has one.
    near: Option<IpAddr>,
}

impl Greeting {
    pub(super) fn of(config: &Config, address: SocketAddr) -> Self {
        Self {
            address,
            public_url: config.server.public_url.clone(),
            is_encrypted: config.tls.is_on(),
            domain: config.tls.acme_domains.first().cloned(),
            near: near_address(),
        }
    }

    /// The lines. `token` opens the set-up, as long as there is no owner.
    pub(super) fn text(&self, token: Option<&str>) -> String {
        let url = self.url();
        let mut text = format!("listening on {}://{}\n", self.scheme(), self.address);
        match token {
            Some(token) => text.push_str(&format!("set-up link: {url}/setup#token={token}\n")),
            None => text.push_str(&format!("open {url}\n")),
        }
        for hint in self.hints() {
            text.push_str(&hint);
            text.push('\n');
        }
        text
    }

    fn scheme(&self) -> &'static str {
        if self.is_encrypted { "https" } else { "http" }
    }

    /// What is typed to get here.
    fn url(&self) -> String {
        if !self.public_url.is_empty() {
            return self.public_url.clone();
        }
        match (&self.domain, self.address.port()) {
            (Some(domain), HTTPS_PORT) => format!("https://{domain}"),
            (Some(domain), port) => format!("https://{domain}:{port}"),
            (None, _) => format!("{}://{}", self.scheme(), self.reachable()),
        }
    }

    /// What whoever has started it may not expect.
    fn hints(&self) -> Vec<String> {
        let mut hints = Vec::new();
        let is_local = self.address.ip().to_canonical().is_loopback();
        let is_everywhere = self.address.ip().is_unspecified();
        // With a name and without TLS there is a proxy on this machine, which lets others in.
        if is_local && (self.is_encrypted || !self.has_name()) {
            hints.extend(self.ways_in());
        } else if is_everywhere && self.near.is_none() && !self.has_name() {
            hints.push("from another machine use this one's name or address instead of localhost".to_owned());
        }
        if !is_local && !self.is_encrypted && !self.public_url.starts_with("https://") {
            hints.push(
                "passwords and messages travel unencrypted: see [tls] in the configuration file, or put a proxy in front \
                 that speaks https and say --public-url https://..."
                    .to_owned(),
            );
        }
        if self.domain.is_some() {
            hints.push("it opens once there is a certificate; the log tells how that goes".to_owned());
        } else if self.is_encrypted && !self.has_name() {
            hints.push(
                "browsers want the name that the certificate is for: say it with --public-url https://..."
                    .to_owned(),
            );
        }
        hints
    }

    /// The address as it can be typed. All addresses together are none that can be called; that in the network also
    /// works for others, whom an invite then leads there.
    fn reachable(&self) -> String {
        let port = self.address.port();
        match self.near {
            _ if !self.address.ip().is_unspecified() => self.address.to_string(),
            Some(near) => SocketAddr::new(near, port).to_string(),
            None => format!("localhost:{port}"),
        }
    }

    fn has_name(&self) -> bool {
        !self.public_url.is_empty() || self.domain.is_some()
    }

    /// How others can be let in.
    fn ways_in(&self) -> Vec<String> {
        let port = self.address.port();
        let mut ways = vec![
            "only this machine can connect. To let others in:".to_owned(),
            format!("  --listen 0.0.0.0:{port}   listens on all addresses of this machine"),
        ];
        if !self.has_name() {
            ways.push("  --public-url https://...  is what people type; behind a proxy always".to_owned());
        }
        if !self.is_encrypted {
            ways.push(
                "  [tls] in a --config file  speaks https without a proxy: see `madang config example`"
                    .to_owned(),
            );
        }
        ways
    }
}

/// From which address this machine would talk to others. Asking the system's routes sends nothing, and no packet
/// could reach the address that is asked for: RFC 5737 keeps it for examples.
fn near_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(address: &str) -> Greeting {
        Greeting {
            address: address.parse().unwrap(),
            public_url: String::new(),
            is_encrypted: false,
            domain: None,
            near: None,
        }
    }

    #[test]
    fn what_is_printed_can_be_opened() {
        for (listens, alone, in_a_network) in [
            ("0.0.0.0:80", "localhost:80", "192.168.0.7:80"),
            ("[::]:8080", "localhost:8080", "192.168.0.7:8080"),
            ("127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080"),
            ("[fd00::1]:8080", "[fd00::1]:8080", "[fd00::1]:8080"),
        ] {
            assert_eq!(greeting(listens).reachable(), alone);
            let near = Greeting {
                near: Some("192.168.0.7".parse().unwrap()),
                ..greeting(listens)
            };
            assert_eq!(near.reachable(), in_a_network);
            assert!(!near.text(None).contains("instead of localhost"));
        }
    }

    #[test]
    fn it_says_who_can_connect() {
        let local = greeting("127.0.0.1:8080").text(Some("abc"));
        assert!(
            local.starts_with(
                "listening on http://127.0.0.1:8080\nset-up link: http://127.0.0.1:8080/setup#token=abc\nonly this machine"
            ),
            "{local}"
        );
        assert!(
            local.contains("--listen 0.0.0.0:8080 ") && local.contains("--public-url"),
            "{local}"
        );
        let open = greeting("0.0.0.0:8080").text(None);
        assert!(open.contains("\nopen http://localhost:8080\n"), "{open}");
        assert!(!open.contains("only this machine"), "{open}");
        assert!(open.contains("unencrypted"), "{open}");
    }

    #[test]
    fn behind_a_proxy_there_is_nothing_to_say() {
        let proxied = Greeting {
            public_url: "https://chat.example".to_owned(),
            ..greeting("127.0.0.1:8080")
        };
        let text = proxied.text(None);
        assert_eq!(
            text,
            "listening on http://127.0.0.1:8080\nopen https://chat.example\n"
        );
    }

    #[test]
    fn with_tls_links_are_https() {
        let files = Greeting {
            is_encrypted: true,
            ..greeting("0.0.0.0:8443")
        };
        let text = files.text(None);
        assert!(
            text.starts_with("listening on https://0.0.0.0:8443\nopen https://localhost:8443\n"),
            "{text}"
        );
        assert!(text.contains("the name that the certificate is for"), "{text}");
        assert!(!text.contains("unencrypted"), "{text}");
        let acme = |port: u16| Greeting {
            is_encrypted: true,
            domain: Some("chat.example".to_owned()),
            ..greeting(&format!("0.0.0.0:{port}"))
        };
        assert!(acme(443).text(None).contains("open https://chat.example\n"));
        assert!(acme(8443).text(None).contains("open https://chat.example:8443\n"));
        let local = Greeting {
            is_encrypted: true,
            public_url: "https://chat.example".to_owned(),
            ..greeting("127.0.0.1:443")
        };
        assert!(
            local.text(None).contains("only this machine"),
            "no proxy is needed"
        );
    }
}
