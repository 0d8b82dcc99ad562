//! The native protocol on one connection: hello, authenticate, then requests with one answer each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use madang_storage::model::{GuildId, RoomId};
use serde::Serialize;
use serde_json::Value;

use super::close::CloseCode;
use super::codec::Codec;
use super::connection::{Connection, Input};
use super::frame::{self, FrameReader, Incoming, Kind};
use super::wire::{Answer, Refusal};
use super::{Gateway, requests, wire};
use crate::chat::{Code, Error, Identity, Result, Scopes};
use crate::fields::Fields;
use crate::hub::{CloseReason, Listener, MAX_OPEN_ROOMS, Outlet};

/// How often a connection notes that its login is used.
const NOTE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How many guilds a client may name when it resumes.
const MAX_RESUMED_GUILDS: usize = 100;

/// A connection that speaks the native protocol.
pub(super) struct Session {
    pub(super) gateway: Gateway,
    pub(super) connection: Arc<Connection>,
    pub(super) codec: Codec,
    /// The address by which the client knows this server.
    pub(super) own_url: Box<str>,
    /// The token that came with the upgrade, in a cookie or a header.
    token: Option<String>,
    signed_in: Option<SignedIn>,
    /// When it was noted last that the login is used.
    noted: Instant,
    budget: Budget,
}

/// Who is at the other end.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub(super) identity: Identity,
    pub(super) listener: Arc<Listener>,
}

/// What a client had when it lost its connection.
#[derive(Default)]
pub(super) struct Resume {
    pub(super) epoch: Option<String>,
    pub(super) rooms: Vec<(RoomId, u64)>,
    pub(super) guilds: Vec<(GuildId, u64)>,
}

/// A connection's outlet for the hub.
struct NativeOutlet(Arc<Connection>);

#[async_trait::async_trait]
impl Outlet for NativeOutlet {
    fn send(&self, frame: &Bytes) {
        self.0.send(frame);
    }

    fn close(&self, reason: CloseReason) {
        self.0.close(match reason {
            CloseReason::SessionEnded => CloseCode::SessionEnded,
            CloseReason::Draining => CloseCode::Draining,
            CloseReason::Lost => CloseCode::TooSlow,
        });
    }

    async fn drained(&self) {
        self.0.drained().await;
    }
}

impl Session {
    pub(super) fn new(
        gateway: Gateway,
        connection: Arc<Connection>,
        codec: Codec,
        own_url: Box<str>,
        token: Option<String>,
    ) -> Self {
        let budget = Budget::new(gateway.settings().requests_per_second);
        Self {
            gateway,
            connection,
            codec,
            own_url,
            token,
            signed_in: None,
            noted: Instant::now(),
            budget,
        }
    }

    /// Runs until the connection ends. `first` are bytes that arrived together with the upgrade.
    pub(super) async fn run(mut self, first: Bytes) {
        let mut reader = FrameReader::default();
        let mut messages = Vec::new();
        let settings = self.gateway.settings();
        let (heartbeat, within) = (settings.heartbeat_ms(), settings.authenticate_within_ms());
        self.connection
            .send(&wire::hello(self.codec, self.gateway.epoch(), heartbeat, within));
        if let Err(code) = reader.feed(&first, &mut messages) {
            self.connection.close(code);
        }
        drop(first);
        loop {
            // No more is read before all of this is answered: a client that does not take its answers waits, and what
            // it has asked ahead is one read's worth.
            for message in messages.drain(..) {
                if self.connection.is_over() {
                    break;
                }
                self.take(message).await;
            }
            messages = match self.connection.next(&mut reader).await {
                Input::Incoming(messages) => messages,
                Input::Ended => break,
                Input::Broken(code) => {
                    self.connection.close(code);
                    Vec::new()
                }
            };
        }
        if let Some(signed_in) = self.signed_in.take() {
            self.gateway.chat().went(&signed_in.listener);
            self.gateway.hub().leave(&signed_in.listener);
        }
    }

    async fn take(&mut self, message: Incoming) {
        match message {
            Incoming::Ping(payload) => self.connection.send(&frame::pong(&payload)),
            Incoming::Pong => {}
            Incoming::Close => self.connection.closed_by_peer(CloseCode::Gone),
            Incoming::Message(kind, message) => self.take_message(kind, &message).await,
        }
    }

    async fn take_message(&mut self, kind: Kind, message: &[u8]) {
        if kind != self.codec.kind() {
            return self.connection.close(CloseCode::WrongKind);
        }
        if !self.budget.take() {
            return self.connection.close(CloseCode::TooFast);
        }
        let Some(Value::Object(mut request)) = self.codec.decode(message) else {
            return self.connection.close(CloseCode::Unreadable);
        };
        // Without an id there is nothing to answer to.
        let id = request
            .remove("id")
            .and_then(|id| id.as_u64())
            .filter(|id| (1..1 << 53).contains(id));
        let Some(id) = id else {
            return self.connection.close(CloseCode::Unreadable);
        };
        // Before the next request is begun its client takes the answers to the last ones: so few of them wait.
        self.connection.drained().await;
        // Nor may one that takes them quickly keep a thread to itself.
        tokio::task::yield_now().await;
        if self.connection.is_over() {
            return;
        }
        // Boxed: the future of the largest request would otherwise be part of every idle connection.
        let outcome = Box::pin(self.request(id, Value::Object(request))).await;
        if let Err(error) = outcome {
            self.connection
                .send(&self.codec.encode(&Refusal::new(id, &error)));
        }
    }

    async fn request(&mut self, id: u64, request: Value) -> Result<()> {
        let mut request = Fields::of(Some(request), "request")?;
        let op = request.text("op")?;
        let args = Fields::of(request.value("args"), "args")?;
        request.finish()?;
        self.note_use().await;
        if op == "authenticate" {
            return self.authenticate(id, args).await;
        }
        if op == "heartbeat" {
            args.finish()?;
            self.answer(id, wire::Empty {});
            return Ok(());
        }
        let signed_in = self.signed_in.clone().ok_or_else(Error::unauthenticated)?;
        self.gateway.chat().make_sure_of_sessions().await?;
        if self.connection.is_over() {
            return Err(Error::unauthenticated());
        }
        requests::handle(self, &signed_in, id, &op, args).await
    }

    /// A login that is only used by one socket must not end under it.
    async fn note_use(&mut self) {
        let Some(signed_in) = self
            .signed_in
            .as_ref()
            .filter(|_| self.noted.elapsed() >= NOTE_EVERY)
        else {
            return;
        };
        self.noted = Instant::now();
        if let Err(error) = self.gateway.chat().note_session_use(&signed_in.identity).await {
            tracing::warn!(%error, "cannot note that a session is used");
        }
    }

    async fn authenticate(&mut self, id: u64, mut args: Fields) -> Result<()> {
        let token = args.optional_text("token")?;
        let mut resume = Fields::of(args.value("resume"), "resume")?;
        args.finish()?;
        let asked = Resume {
            epoch: resume.optional_text("epoch")?,
            rooms: resume.numbers_by_id("rooms", MAX_OPEN_ROOMS)?,
            guilds: resume.numbers_by_id("guilds", MAX_RESUMED_GUILDS)?,
        };
        resume.finish()?;
        if self.signed_in.is_some() {
            return Err(Error::new(
                Code::Conflict,
                "this connection is authenticated already",
            ));
        }
        let token = token
            .or_else(|| self.token.clone())
            .ok_or_else(Error::unauthenticated)?;
        let identity = self.gateway.chat().authenticate(&token).await?;
        identity.require(Scopes::READ)?;
        self.token = None;
        let outlet = Arc::new(NativeOutlet(Arc::clone(&self.connection)));
        let listener = self
            .gateway
            .hub()
            .enter(identity.user, identity.session, self.codec.key(), outlet);
        let signed_in = SignedIn { identity, listener };
        self.signed_in = Some(signed_in.clone());
        // Whatever ended before the hub knew of this connection closed the others only.
        let lives_for = match self.gateway.chat().prove(&token).await {
            Ok(proof) => proof.lives_for,
            Err(error) => {
                let ended = error.code == Code::Unauthenticated;
                let code = if ended {
                    CloseCode::SessionEnded
                } else {
                    CloseCode::TooSlow
                };
                self.connection.close(code);
                return Ok(());
            }
        };
        self.gateway.authenticated(self.connection.number, lives_for);
        self.gateway.chat().came(&signed_in.listener).await?;
        requests::ready(self, &signed_in, id, asked).await
    }

    /// Sends an answer.
    pub(super) fn answer<T: Serialize>(&self, id: u64, ok: T) {
        self.connection.answer(&self.codec.encode(&Answer { id, ok }));
    }
}

/// How many requests a connection may still make: refilled steadily, and ten seconds' worth at most.
struct Budget {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            left: per_second * 10.0,
            at: Instant::now(),
        }
    }

    fn take(&mut self) -> bool {
        let now = Instant::now();
        let refill = now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + refill).min(self.per_second * 10.0);
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}
