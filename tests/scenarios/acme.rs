//! Certificates from an authority: Pebble, the one that its makers test clients with.

use std::io::Read as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use super::support::{Form, PATIENCE, Server};
use super::trust::{self, Authority, Trust};

/// A running authority.
struct Pebble(Child);

impl Drop for Pebble {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Where everything of one test is.
struct Places {
    folder: tempfile::TempDir,
    /// By which the authority itself is known.
    authority: Authority,
    directory: String,
    management: String,
    redirect: String,
}

impl Places {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            authority: Authority::new(),
            directory: trust::free_address(),
            management: trust::free_address(),
            redirect: trust::free_address(),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn kept(&self) -> PathBuf {
        self.data().join("tls/acme.json")
    }

    fn server(&self, form: Form) -> Server {
        let authority = self.folder.path().join("authority.pem");
        std::fs::write(&authority, self.authority.pem()).unwrap();
        Server::start_with(form, &self.data(), None, |command| {
            command
                .env("MADANG_TLS__ACME_DOMAINS", "localhost")
                .env("MADANG_TLS__ACME_CONTACT", "minji@chat.example")
                .env(
                    "MADANG_TLS__ACME_DIRECTORY",
                    format!("https://{}/dir", self.directory),
                )
                .env("MADANG_TLS__ACME_AUTHORITY", &authority)
                .env("MADANG_TLS__ACME_ACCEPT_TERMS", "true")
                .env("MADANG_TLS__REDIRECT_LISTEN", &self.redirect);
        })
    }

    fn pebble(&self, program: &Path) -> Pebble {
        let files = self.authority.write(self.folder.path(), |_| {});
        let port: u16 = self.redirect.rsplit_once(':').unwrap().1.parse().unwrap();
        let config = json!({ "pebble": {
            "listenAddress": self.directory, "managementListenAddress": self.management,
            "certificate": files.certificate, "privateKey": files.key, "httpPort": port, "tlsPort": 1,
            "retryAfter": { "authz": 1, "order": 1 }, "keyAlgorithm": "ecdsa",
            "profiles": { "default": { "description": "three months", "validityPeriod": 7_776_000 } },
        }});
        let file = self.folder.path().join("pebble.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let pebble = Command::new(program)
            .arg("-config")
            .arg(&file)
            .env("PEBBLE_VA_NOSLEEP", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Pebble)
            .expect("pebble starts");
        let began = Instant::now();
        while TcpStream::connect(&self.directory).is_err() || TcpStream::connect(&self.management).is_err() {
            assert!(began.elapsed() < PATIENCE, "pebble listens");
            std::thread::yield_now();
        }
        pebble
    }

    /// Clients that believe the certificates that the running authority gives.
    fn given(&self) -> Trust {
        let request = "GET /roots/0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut stream = self.authority.trusted().connect(&self.management).unwrap();
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        Trust::of(answer.split_once("\r\n\r\n").unwrap().1)
    }

    /// Puts a certificate of the test's own in the place of the one that was given: most of its time is over.
    fn make_old(&self) {
        let files = self.authority.write(self.folder.path(), |parameters| {
            parameters.not_before = rcgen::date_time_ymd(1990, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2040, 1, 1);
        });
        let mut kept: Value = serde_json::from_slice(&std::fs::read(self.kept()).unwrap()).unwrap();
        let text = |path: &Path| Value::String(std::fs::read_to_string(path).unwrap());
        kept["certificate"]["chain"] = text(&files.certificate);
        kept["certificate"]["key"] = text(&files.key);
        std::fs::write(self.kept(), kept.to_string()).unwrap();
    }
}

/// The authority's program, if there is one here.
#[allow(clippy::print_stderr, reason = "what was not run must be seen")]
fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("MADANG_TEST_PEBBLE") {
        return Some(program.into());
    }
    let is_required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(
        !is_required,
        "MADANG_TEST_PEBBLE does not name the ACME server pebble"
    );
    eprintln!("NOT RUN: MADANG_TEST_PEBBLE does not name the ACME server pebble");
    None
}

/// Connects until the server shows a certificate that is believed.
fn wait_for(trust: &Trust, server: &Server) {
    let began = Instant::now();
    while let Err(error) = trust.connect(server.address()) {
        assert!(began.elapsed() < PATIENCE, "{error}");
        std::thread::yield_now();
    }
}

pub(crate) fn a_certificate_is_got_kept_and_renewed(form: Form) {
    let Some(program) = program() else { return };
    let places = Places::new();
    let pebble = places.pebble(&program);
    let mut server = places.server(form);
    let given = places.given();
    wait_for(&given, &server);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    // It is in use before it is written down; both are done when the next order begins, or at the end.
    let began = Instant::now();
    while !std::fs::read_to_string(places.kept()).is_ok_and(|text| text.contains("BEGIN CERTIFICATE")) {
        assert!(began.elapsed() < PATIENCE, "it is kept");
    }
    assert_eq!(mode(&places.kept()), 0o600);
    assert_eq!(mode(places.kept().parent().unwrap()), 0o700);
    assert!(server.stop());

    // Without the authority the certificate that is kept goes on being used, though another one is due.
    drop(pebble);
    places.make_old();
    let mut server = places.server(form);
    let old = places.authority.trusted();
    wait_for(&old, &server);
    let answer = old.exchange(server.address(), "GET /healthz HTTP/1.0\r\n\r\n");
    assert!(answer.ends_with("ok\n"), "{answer}");

    // The authority is there again, and has forgotten everything: the account, too.
    let pebble = places.pebble(&program);
    let given = places.given();
    let began = Instant::now();
    while given.connect(server.address()).is_err() {
        assert!(began.elapsed() < PATIENCE, "another one is given");
        let id = server.process_id().to_string();
        assert!(
            Command::new("kill")
                .args(["-HUP", &id])
                .status()
                .unwrap()
                .success()
        );
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(server.stop());

    drop(pebble);
    let server = places.server(form);
    given.connect(server.address()).expect("the one that was kept");
}
