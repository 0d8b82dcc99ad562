//! Certificates of an authority that only the tests trust, and clients that do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::support::{Form, PATIENCE, Server};

/// A client's end of TLS.
pub(crate) type Encrypted = StreamOwned<ClientConnection, TcpStream>;

/// Makes certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Files of a certificate and its key.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes a certificate for `localhost`, over the one that is there.
    pub(crate) fn write(&self, folder: &Path, change: impl FnOnce(&mut CertificateParams)) -> Files {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut parameters = CertificateParams::new(names).unwrap();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        let files = Files {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    pub(crate) fn trusted(&self) -> Trust {
        Trust::of(&self.pem())
    }
}

impl Files {
    pub(crate) fn set(&self, command: &mut Command) {
        command
            .env("MADANG_TLS__CERTIFICATE", &self.certificate)
            .env("MADANG_TLS__KEY", &self.key);
    }

    /// What the server says when it cannot start, and what the check of the configuration says.
    pub(crate) fn refused(&self, data: &Path) -> String {
        let run = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
            self.set(&mut command);
            let output = command.args(arguments).arg("--data").arg(data).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        let checked = run(&["config", "check"]);
        let started = run(&["serve", "--listen", "127.0.0.1:0"]);
        assert!(started.contains(checked.trim()), "{started} <> {checked}");
        checked
    }
}

/// Clients that believe one authority.
#[derive(Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    pub(crate) fn of(pem: &str) -> Self {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(root.unwrap()).unwrap();
        }
        let provider = rustls::crypto::ring::default_provider();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    /// Connects and shakes hands as with `localhost`.
    pub(crate) fn connect(&self, address: &str) -> std::io::Result<Encrypted> {
        self.connect_to("localhost", address)
    }

    pub(crate) fn connect_to(&self, name: &str, address: &str) -> std::io::Result<Encrypted> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut state = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        while state.is_handshaking() {
            state.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(state, stream))
    }

    /// The certificate that the server shows.
    pub(crate) fn shown(&self, name: &str, address: &str) -> std::io::Result<Vec<u8>> {
        let client = self.connect_to(name, address)?;
        Ok(client.conn.peer_certificates().unwrap()[0].to_vec())
    }

    /// Bytes as they are; answers the whole answer.
    pub(crate) fn exchange(&self, address: &str, request: &str) -> String {
        let mut stream = self.connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // Without a proper end this is an error: whoever cuts the connection must not pass for the server.
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }
}

/// An address where nobody listens yet.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A server that speaks TLS with these files.
pub(crate) fn server(form: Form, data: &Path, files: &Files, prepare: impl Fn(&mut Command)) -> Server {
    Server::start_with(form, data, None, |command| {
        files.set(command);
        prepare(command);
    })
}
