//! What nodes tell each other, so that nobody has to wait for what another node has just stored.
//!
//! A broker is a hint and the store is the truth: what is told may be lost, repeated or late, and whoever hears it has to
//! manage. Nothing waits for a broker, and nothing is read back from one.

#[cfg(test)]
pub mod conformance;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use madang_storage::model::{Commit, GuildId, NodeId, RoomId, SessionId, StreamId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// What nodes tell each other besides events. Never stored, never numbered, may be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// Somebody types in a room.
    Typing {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
    },
    /// Somebody has read a room: the person's other sessions learn of it.
    Marker {
        /// Who.
        user: UserId,
        /// Where.
        room: RoomId,
        /// The newest message that was read.
        seq: u64,
        /// Its `n`.
        n: u64,
        /// How many messages are left.
        unread: u64,
        /// Whether it was moved back on purpose.
        is_back: bool,
    },
    /// Somebody has switched itself on or off in a room.
    Switched {
        /// Who.
        user: UserId,
        /// Where.
        room: RoomId,
        /// Until when it is off; `None` for on.
        until: Option<Timestamp>,
    },
    /// Somebody asked for every message of a room or guild, or does not any more.
    Asked {
        /// Who.
        user: UserId,
        /// Of this room,
        room: Option<RoomId>,
        /// or of all rooms of this guild.
        guild: Option<GuildId>,
        /// Whether it is asked for.
        on: bool,
    },
    /// A login has ended: its connections close.
    SessionEnded {
        /// Which.
        session: SessionId,
    },
    /// All logins and tokens of somebody have ended but these: the connections of all others close.
    SessionsEnded {
        /// Whose.
        user: UserId,
        /// Those that go on.
        kept: Vec<SessionId>,
    },
    /// Somebody says something else of itself: those who see the person read it anew.
    Profile {
        /// Who.
        user: UserId,
        /// By which login; it knows already.
        session: SessionId,
        /// The profile's version.
        version: u64,
        /// Where the person is a member.
        guilds: Vec<GuildId>,
    },
}

#[cfg(feature = "kafka")]
impl Signal {
    /// Whom or what it is about: signals about the same arrive in the order in which they were told.
    fn about(&self) -> UserId {
        match self {
            Self::Typing { user, .. }
            | Self::Marker { user, .. }
            | Self::Switched { user, .. }
            | Self::Asked { user, .. }
            | Self::SessionsEnded { user, .. }
            | Self::Profile { user, .. } => *user,
            Self::SessionEnded { session } => UserId::from_u128(session.as_u128()),
        }
    }
}

/// Who hears what other nodes tell. Must not block: a broker calls it one after the other.
pub trait Receiver: Send + Sync + 'static {
    /// A durable event. It may be old, come twice, or be ahead of one that never comes.
    fn event(&self, commit: Arc<Commit>);

    /// A durable event of a kind that this node does not know: its number is all there is to it.
    fn passed(&self, stream: StreamId, rev: u64);

    /// A signal.
    fn signal(&self, signal: Signal);
}

/// How a broker is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// The last moment at which this node is known to have heard everything that was told by then; `None` while that
    /// is not known. What rests on having heard of everything is good for a second after it.
    pub current_at: Option<Instant>,
    /// How many events this node told.
    pub events_told: u64,
    /// How many events of this node were not told to everybody: the others find them in the store.
    pub events_lost: u64,
    /// How many events of others this node heard.
    pub events_heard: u64,
}

/// How long what rests on having heard of everything is good after that was last known.
pub const CURRENT_FOR: Duration = Duration::from_secs(1);

impl Status {
    /// Whether this node can be sure that it has heard of everything that others did.
    pub fn is_current(&self) -> bool {
        self.current_at.is_some_and(|at| at.elapsed() < CURRENT_FOR)
    }
}

/// What a broker does. Held behind [`Broker`]; the conformance suite has a named test for each promise.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The broker's name in logs.
    fn name(&self) -> &'static str;

    /// Begins to hear what is told from now on. Called once, before the first connection is taken; what was told
    /// before is in the store.
    async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error>;

    /// Tells every other node of durable events. Never blocks and never fails: it is called on the thread that
    /// commits. What cannot be told within bounds is counted as lost.
    ///
    /// Events of one stream that one node told arrive in the order in which it told them, unless they are lost. The
    /// node itself may hear them, too.
    fn tell_events(&self, commits: &[Arc<Commit>]);

    /// Tells every other node a signal. Never blocks; one that cannot be told is gone.
    fn tell_signal(&self, signal: Signal);

    /// Which nodes are there, as the store says: one of them that is not heard makes this node doubt, however long it
    /// is silent.
    fn expect(&self, nodes: &[NodeId]);

    /// Everything that was stored before this moment has been found in the store.
    fn looked(&self, began: Instant);

    /// How the broker is doing. Cheap: asked with each request.
    fn status(&self) -> Status;

    /// Ends hearing and telling, once what was told is on its way. Later calls do nothing.
    async fn close(&self);
}

/// Why a broker cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not answer as it should.
    #[error("the broker cannot be reached: {0}")]
    Unavailable(String),
}

/// This node's broker. Cheap to clone; see [`Backend`] for what each method promises.
#[derive(Clone)]
pub struct Broker(Arc<dyn Backend>);

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broker").field(&self.0.name()).finish()
    }
}

impl Broker {
    /// Wraps a backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self(backend)
    }

    /// Begins to hear. See [`Backend::start`].
    pub async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error> {
        self.0.start(receiver).await
    }

    /// Tells of durable events. See [`Backend::tell_events`].
    pub fn tell_events(&self, commits: &[Arc<Commit>]) {
        self.0.tell_events(commits);
    }

    /// Tells a signal. See [`Backend::tell_signal`].
    pub fn tell_signal(&self, signal: Signal) {
        self.0.tell_signal(signal);
    }

    /// Which nodes are there. See [`Backend::expect`].
    pub fn expect(&self, nodes: &[NodeId]) {
        self.0.expect(nodes);
    }

    /// The store was looked through. See [`Backend::looked`].
    pub fn looked(&self, began: Instant) {
        self.0.looked(began);
    }

    /// How the broker is doing. See [`Backend::status`].
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// Ends hearing and telling. See [`Backend::close`].
    pub async fn close(&self) {
        self.0.close().await;
    }
}
