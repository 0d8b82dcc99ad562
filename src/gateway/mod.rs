//! The native WebSocket protocol, as in `docs/protocol.md`: a thin codec over `chat`, and the sockets of this node.

mod close;
mod codec;
mod connection;
mod frame;
mod requests;
mod session;
mod upgrade;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::any;
use madang_storage::model::Epoch;

use crate::chat::Chat;
use crate::hub::{Encoder as _, Hub, Signal};
use crate::origin::{Origins, OwnUrl};
use close::CloseCode;
use codec::Codec;
use connection::Connection;
pub use wire::NativeEncoder;

/// After this share of the heart-beat's interval without a word a connection is closed.
const SILENCE_FACTOR: u32 = 5;
/// How long a closing connection may take to take its last frames and close.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// So many numbers of sockets that are gone may be remembered without a reason.
const SPARE: usize = 1_000;
/// How long it may take when the node goes down, which waits for it.
const CLOSE_WITHIN_DRAINING: Duration = Duration::from_secs(1);
/// How long clients of a node that goes down wait before they come back: spread, so that they do not come all at once.
const RETRY_MS: std::ops::Range<u64> = 500..5_000;

/// What can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How links to this server begin.
    pub own_url: OwnUrl,
    /// How many sockets may be open.
    pub max_connections: usize,
    /// How many of them may be unauthenticated.
    pub max_unauthenticated: usize,
    /// How much may wait to be sent to one connection, in bytes.
    pub max_queue_bytes: usize,
    /// How often a client must be heard of.
    pub heartbeat: Duration,
    /// How long a client has to authenticate.
    pub authenticate_within: Duration,
    /// How many requests a connection may make a second, over ten seconds.
    pub requests_per_second: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            own_url: OwnUrl::default(),
            max_connections: 20_000,
            max_unauthenticated: 1_000,
            max_queue_bytes: 512 * 1024,
            heartbeat: Duration::from_secs(30),
            authenticate_within: Duration::from_secs(10),
            requests_per_second: 100,
        }
    }
}

impl Settings {
    fn heartbeat_ms(&self) -> u64 {
        u64::try_from(self.heartbeat.as_millis()).unwrap_or(u64::MAX)
    }

    fn authenticate_within_ms(&self) -> u64 {
        u64::try_from(self.authenticate_within.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The sockets of this node. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    chat: Chat,
    hub: Hub,
    epoch: Epoch,
    origins: Origins,
    settings: Settings,
    sockets: Mutex<Sockets>,
    next_number: AtomicU64,
    draining: AtomicBool,
}

/// All sockets. Those that have not authenticated are counted, because each handshake asks.
#[derive(Default)]
struct Sockets {
    by_number: HashMap<u64, Socket>,
    unauthenticated: usize,
    /// Those that had not authenticated when they came, in that order; some have since, or are gone.
    came: VecDeque<u64>,
}

/// A socket in the list: its connection, once the handshake is done.
struct Socket {
    connection: Weak<Connection>,
    authenticated: bool,
    /// Counts among those that have not authenticated. One that was told to go does not any more.
    is_waiting: bool,
    /// When what it authenticated with ends by itself.
    ends_at: Option<Instant>,
    codec: Codec,
}

impl Sockets {
    /// Takes out of the count who has waited longest for its sign-in.
    fn longest_waiting(&mut self) -> Option<Arc<Connection>> {
        while let Some(number) = self.came.pop_front() {
            let Some(socket) = self.by_number.get_mut(&number) else {
                continue;
            };
            if socket.is_waiting {
                socket.is_waiting = false;
                self.unauthenticated -= 1;
                // A handshake that is not done has no connection yet; it ends by its own deadline.
                return socket.connection.upgrade();
            }
        }
        None
    }
}

/// A place among the sockets, given back when it is dropped.
struct Slot {
    gateway: Gateway,
    number: u64,
}

impl Slot {
    fn number(&self) -> u64 {
        self.number
    }

    fn fill(&self, connection: &Arc<Connection>) {
        if let Some(socket) = self.gateway.sockets().by_number.get_mut(&self.number) {
            socket.connection = Arc::downgrade(connection);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut sockets = self.gateway.sockets();
        let gone = sockets.by_number.remove(&self.number);
        if gone.is_some_and(|socket| socket.is_waiting) {
            sockets.unauthenticated -= 1;
        }
        // Numbers of those that are gone must not pile up while nobody has to make place.
        if sockets.came.len() > 2 * sockets.by_number.len() + SPARE {
            let Sockets { by_number, came, .. } = &mut *sockets;
            came.retain(|number| by_number.get(number).is_some_and(|socket| socket.is_waiting));
        }
    }
}

/// How many sockets there are.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// All of them.
    pub connections: usize,
    /// Those that have not authenticated.
    pub unauthenticated: usize,
}

impl Gateway {
    /// A gateway without sockets. `epoch` is the data's.
    pub fn new(chat: Chat, hub: Hub, epoch: Epoch, origins: Origins, settings: Settings) -> Self {
        let inner = Inner {
            chat,
            hub,
            epoch,
            origins,
            settings,
            sockets: Mutex::default(),
            next_number: AtomicU64::new(1),
            draining: AtomicBool::new(false),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The route of the handshake.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/gateway", any(upgrade::upgrade))
            .with_state(self.clone())
    }

    /// How many sockets there are.
    pub fn counts(&self) -> Counts {
        let sockets = self.sockets();
        Counts {
            connections: sockets.by_number.len(),
            unauthenticated: sockets.unauthenticated,
        }
    }

    /// Closes what is overdue: unauthenticated for too long, silent, too slow to close, or with a token that has run out. Called once a second.
    pub fn tick(&self) {
        let now = Instant::now();
        let settings = self.settings();
        let close_within = match self.inner.draining.load(Ordering::SeqCst) {
            true => CLOSE_WITHIN_DRAINING,
            false => CLOSE_WITHIN,
        };
        for (connection, authenticated, _) in self.connections() {
            connection.enforce_close(now, close_within);
            if !authenticated && connection.age(now) > settings.authenticate_within {
                connection.close(CloseCode::NotAuthenticated);
            } else if connection.silence(now) > settings.heartbeat * SILENCE_FACTOR / 2 {
                connection.close(CloseCode::Silent);
            }
        }
        for connection in self.run_out(now) {
            connection.close(CloseCode::SessionEnded);
        }
    }

    /// Tells all clients when to come back, closes them, and waits until they are gone or `within` has passed.
    pub async fn drain(&self, within: Duration) {
        self.inner.draining.store(true, Ordering::SeqCst);
        let connections = self.connections();
        let count = connections.len().max(1) as u64;
        for (index, (connection, _, codec)) in connections.into_iter().enumerate() {
            // Evenly spread: as good as random for the whole, and no two clients share a moment by chance.
            let retry_ms = RETRY_MS.start + (RETRY_MS.end - RETRY_MS.start) * index as u64 / count;
            let signal = Signal::Draining { retry_ms };
            connection.send(&wire::NativeEncoder.signal(codec.key(), &signal));
            connection.close(CloseCode::Draining);
        }
        let deadline = Instant::now() + within;
        while !self.sockets().by_number.is_empty() && Instant::now() < deadline {
            self.tick();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The most that waits to be sent to one connection, in bytes.
    pub fn longest_queue_bytes(&self) -> usize {
        self.connections()
            .iter()
            .map(|(connection, ..)| connection.queued_bytes())
            .max()
            .unwrap_or(0)
    }

    fn chat(&self) -> &Chat {
        &self.inner.chat
    }

    fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    fn epoch(&self) -> Epoch {
        self.inner.epoch
    }

    fn origins(&self) -> &Origins {
        &self.inner.origins
    }

    fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    fn sockets(&self) -> MutexGuard<'_, Sockets> {
        self.inner.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> Vec<(Arc<Connection>, bool, Codec)> {
        let sockets = self.sockets();
        sockets
            .by_number
            .values()
            .filter_map(|socket| Some((socket.connection.upgrade()?, socket.authenticated, socket.codec)))
            .collect()
    }

    /// A place for one more socket, if there is one.
    fn slot(&self, codec: Codec) -> Option<Slot> {
        if self.inner.draining.load(Ordering::SeqCst) {
            return None;
        }
        let number = self.inner.next_number.fetch_add(1, Ordering::Relaxed);
        let mut sockets = self.sockets();
        let settings = self.settings();
        if sockets.by_number.len() >= settings.max_connections {
            return None;
        }
        // Whoever means to sign in does so at once. So those who wait longest make place, and strangers who never sign
        // in shut nobody out, however many they are.
        let overdue = if sockets.unauthenticated >= settings.max_unauthenticated {
            sockets.longest_waiting()
        } else {
            None
        };
        sockets.unauthenticated += 1;
        sockets.came.push_back(number);
        sockets.by_number.insert(
            number,
            Socket {
                connection: Weak::new(),
                authenticated: false,
                is_waiting: true,
                ends_at: None,
                codec,
            },
        );
        drop(sockets);
        if let Some(connection) = overdue {
            connection.close(CloseCode::NotAuthenticated);
        }
        Some(Slot {
            gateway: self.clone(),
            number,
        })
    }

    fn authenticated(&self, number: u64, lives_for: Option<Duration>) {
        let mut sockets = self.sockets();
        if let Some(socket) = sockets.by_number.get_mut(&number) {
            socket.ends_at = lives_for.and_then(|lives_for| Instant::now().checked_add(lives_for));
            socket.authenticated = true;
            if std::mem::replace(&mut socket.is_waiting, false) {
                sockets.unauthenticated -= 1;
            }
        }
    }

    /// Connections whose token has run out.
    fn run_out(&self, now: Instant) -> Vec<Arc<Connection>> {
        let sockets = self.sockets();
        let sockets = sockets.by_number.values();
        let run_out = sockets.filter(|socket| socket.ends_at.is_some_and(|at| at <= now));
        run_out.filter_map(|socket| socket.connection.upgrade()).collect()
    }
}
