//! The sockets of the HTTP server: accepting, limits of time and number, and an orderly end.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tower_service::Service as _;

use super::admission::{Admission, Full};
use crate::origin::Place;
use crate::tls::Socket;

/// How long a request's head may take to arrive, counted from the connection's first moment, and how long a kept
/// connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a handshake of TLS may take. It takes a place, so whoever dawdles must lose it.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How much of a request's head is read.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long accepting rests when the system has no more sockets to give.
const REST_AFTER_ERROR: Duration = Duration::from_millis(100);
/// How long a refused client may take to read why.
const REFUSE_WITHIN: Duration = Duration::from_secs(1);
/// How many refused clients are told why at a time; the rest are just closed.
const MAX_REFUSALS: usize = 64;

/// Who is at the other end of the socket: a client, or a proxy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// What limits the sockets.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many connections may be open at a time, WebSockets included.
    pub max_connections: usize,
    /// How many of them may come from one address; 0 for as many as there may be.
    pub max_connections_per_address: usize,
    /// Proxies, for which the limit of an address does not hold.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long requests may take to end once the server stops.
    pub drain: Duration,
}

/// Where connections come in, and what they find.
pub struct Entrance {
    /// Bound by whoever made this.
    pub listener: TcpListener,
    /// What is served.
    pub router: Router,
    /// How connections are encrypted, if they are.
    pub tls: Option<Arc<ServerConfig>>,
}

/// What the entrances share: a limit holds for all of them together.
#[derive(Clone)]
struct Gate {
    admission: Admission,
    refusals: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
    /// Every connection holds one: the channel ends when the last one has.
    _open: mpsc::Sender<Infallible>,
}

/// Serves until `stop` turns true, then lets requests end.
pub async fn serve(entrances: Vec<Entrance>, limits: Limits, stop: watch::Receiver<bool>) {
    let (open, mut all_ended) = mpsc::channel::<Infallible>(1);
    let gate = Gate {
        admission: Admission::new(
            limits.max_connections,
            limits.max_connections_per_address,
            &limits.trusted_proxies,
        ),
        refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        stop,
        _open: open,
    };
    let accepting: Vec<_> = entrances
        .into_iter()
        .map(|entrance| tokio::spawn(accept(entrance, gate.clone())))
        .collect();
    drop(gate);
    for entrance in accepting {
        if let Err(error) = entrance.await {
            tracing::error!(%error, "an entrance ended badly");
        }
    }
    if tokio::time::timeout(limits.drain, all_ended.recv())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time");
    }
}

/// Accepts connections until the server stops.
async fn accept(entrance: Entrance, mut gate: Gate) {
    let Entrance {
        listener,
        router,
        tls,
    } = entrance;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The sender is gone only together with the server.
            _ = gate.stop.wait_for(|stop| *stop) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(REST_AFTER_ERROR).await;
                continue;
            }
        };
        match gate.admission.admit(peer.ip()) {
            Ok(admitted) => {
                let place = Place::new(admitted);
                let (router, tls, gate) = (router.clone(), tls.clone(), gate.clone());
                tokio::spawn(async move {
                    if let Some(socket) = socket(stream, peer, tls, gate.stop.clone()).await {
                        connection(socket, peer, place, router, gate.stop.clone()).await;
                    }
                    drop(gate);
                });
            }
            // Saying it over TLS would cost more than the place that there is not.
            Err(full) if tls.is_some() => tracing::debug!(%peer, ?full, "a connection was refused"),
            Err(full) => refuse(stream, peer, full, &gate.refusals),
        }
    }
}

/// What is read and written: the stream itself, or what is within TLS once both have shaken hands.
async fn socket(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    mut stop: watch::Receiver<bool>,
) -> Option<Socket> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a socket is gone already");
        return None;
    }
    let Some(config) = tls else {
        return Some(stream.into());
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE_WITHIN, Socket::accept(stream, config)) => shaken,
        // Nobody waits for whoever has not asked for anything yet.
        _ = stop.wait_for(|stop| *stop) => return None,
    };
    match shaken {
        Ok(Ok(socket)) => Some(socket),
        Ok(Err(error)) => {
            tracing::debug!(%error, %peer, "a handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "a handshake took too long");
            None
        }
    }
}

/// Serves one connection, until it ends or has become a WebSocket. Once the server stops, the request that it is at is
/// its last.
async fn connection(
    socket: Socket,
    peer: SocketAddr,
    place: Place,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let mut router = router.clone();
        request.extensions_mut().insert(Peer(peer));
        // A WebSocket keeps the place for as long as it is open.
        request.extensions_mut().insert(place.clone());
        async move {
            let response = router.call(request.map(Body::new)).await;
            response.map_err(|never: Infallible| match never {})
        }
    });
    // HTTP/1 and nothing else: whatever would have to be found out first could take forever. No wrapper around the
    // socket: the gateway takes it back as it is after its handshake.
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let stopped = async move {
        // The sender is gone only together with the server.
        stop.wait_for(|stop| *stop).await.map(drop).ok();
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended badly");
    }
}

/// Says why there is no place, and closes. What the client has sent is read: closing a socket with something unread
/// takes back what was written to it.
fn refuse(mut stream: TcpStream, peer: SocketAddr, full: Full, refusals: &Arc<Semaphore>) {
    tracing::debug!(%peer, ?full, "a connection was refused");
    let Ok(permit) = Arc::clone(refusals).try_acquire_owned() else {
        return;
    };
    let answer = refusal(full);
    tokio::spawn(async move {
        let told = async {
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            let mut unread = [0; 1024];
            while stream.read(&mut unread).await? > 0 {}
            std::io::Result::Ok(())
        };
        // Whoever does not listen is closed without having heard.
        tokio::time::timeout(REFUSE_WITHIN, told).await.ok();
        drop(permit);
    });
}

fn refusal(full: Full) -> String {
    let detail = match full {
        Full::Everything => "too many connections at the moment",
        Full::Address => "too many connections from your address",
    };
    let body = format!(
        r#"{{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable","detail":"{detail}"}}"#
    );
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Retry-After: 30\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
