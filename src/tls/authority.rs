//! The way to a certificate authority: HTTPS as a client, as little of it as ACME needs.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;

use super::certificate::{self, CertificateError, Pem, read_file};
use super::socket::Socket;

/// How long one question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Longer answers are not read: a chain of certificates has some thousand bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

type Failure = Box<dyn StdError + Send + Sync>;

/// Asks a certificate authority. A connection for each question: there are ten of them in two months.
pub(super) struct Client(Arc<ClientConfig>);

/// What went wrong with one question.
#[derive(Debug)]
struct Unanswered {
    host: String,
    reason: String,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.reason)
    }
}

impl StdError for Unanswered {}

/// By which certificates the authority itself is known: those of the file, else those that browsers trust.
pub(super) fn roots(file: Option<&Path>) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let text = read_file(path)?;
    let pem = Pem {
        place: &path.display(),
        text: &text,
    };
    for root in certificate::certificates(&pem)? {
        roots.add(root).map_err(|error| CertificateError::BadAuthority {
            place: path.display().to_string(),
            reason: error.to_string(),
        })?;
    }
    if roots.is_empty() {
        return Err(CertificateError::NoCertificate(path.display().to_string()));
    }
    Ok(roots)
}

impl Client {
    pub(super) fn new(
        roots: RootCertStore,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, CertificateError> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let config = Arc::clone(&self.0);
        Box::pin(async move {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let asked = tokio::time::timeout(ANSWER_WITHIN, ask(config, request)).await;
            let reason = match asked {
                Ok(Ok(response)) => return Ok(BytesResponse::from(response)),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            Err(instant_acme::Error::Other(Box::new(Unanswered { host, reason })))
        })
    }
}

async fn ask(
    config: Arc<ClientConfig>,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<Response<Body>, Failure> {
    let uri = request.uri().clone();
    if uri.scheme_str() != Some("https") {
        return Err("only https is spoken with a certificate authority".into());
    }
    let host = uri.host().ok_or("an address without a host")?;
    // An IPv6 address stands in brackets in a URL, and nowhere else.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host.clone())?;
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
    let socket = Socket::connect(stream, config, name).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    // It ends with the answer; what ends it badly is told by the answer, too.
    let connection = tokio::spawn(async move { connection.await.ok() });
    address(&mut request, &uri)?;
    let answered = async {
        let response = sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(Body::new(body), MAX_ANSWER_BYTES).await?;
        Ok(Response::from_parts(parts, Body::from(body)))
    };
    let answered = answered.await;
    connection.abort();
    answered
}

/// From a whole address to what an HTTP/1.1 server expects: the path, and the host in its header.
fn address(request: &mut Request<BodyWrapper<Bytes>>, uri: &Uri) -> Result<(), Failure> {
    let authority = uri.authority().map(|authority| authority.as_str());
    let host = HeaderValue::from_str(authority.unwrap_or_default())?;
    request.headers_mut().insert(HOST, host);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;
    Ok(())
}
