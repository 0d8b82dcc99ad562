//! The sockets of the HTTP server: accepting, limits of time and number, and an orderly end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower_service::Service as _;

/// How long a request's head may take to arrive, and a kept connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How much of a request's head is read.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long accepting rests when the system has no more sockets to give.
const REST_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Who is at the other end of the socket: a client, or a proxy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// What limits the sockets.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections may be open at a time, WebSockets included until their handshake.
    pub max_connections: usize,
    /// How long requests may take to end once the server stops.
    pub drain: Duration,
}

/// Serves until `stop` turns true, then lets requests end. Whoever calls has bound the listener.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits.max_connections));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            // The sender is gone only together with the server.
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        serve_connection(stream, peer, place, &router, &graceful);
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time");
    }
}

/// Takes a place first: above the limit connections wait in the system's queue, where they cost nothing.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(REST_AFTER_ERROR).await;
            None
        }
    }
}

fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    router: &Router,
    graceful: &GracefulShutdown,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a socket is gone already");
        return;
    }
    let router = router.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let mut router = router.clone();
        request.extensions_mut().insert(Peer(peer));
        async move {
            let response = router.call(request.map(Body::new)).await;
            response.map_err(|never: Infallible| match never {})
        }
    });
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES);
    // No wrapper around the stream: the gateway takes the bare socket back after its handshake.
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .into_owned();
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, %peer, "a connection ended badly");
        }
        drop(place);
    });
}
