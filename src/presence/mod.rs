//! Who is there: the sessions of all nodes, what they add up to for each user, and who looks at which room.
//!
//! Nothing in here is the truth of the chat: it may be away, or know nothing after a start, and comes back by itself,
//! because every node says again and again which sessions it has. While it is away nobody knows who is there.

#[cfg(test)]
pub mod conformance;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
mod tally;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use madang_storage::model::{RoomId, Timestamp, UserId};

/// How many users can be asked for at once.
pub const MAX_ASKED: usize = 100;
/// A node that was not heard of for so long is dead: its sessions ended when it was heard of last.
pub const DEAD_AFTER: Duration = Duration::from_secs(15);
/// How long is known when and where somebody was last.
pub const KEPT_FOR: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What somebody has chosen to be seen as while being here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice {
    /// Here.
    #[default]
    Online,
    /// Here, but not in front of it.
    Idle,
    /// Not to be disturbed.
    DoNotDisturb,
    /// Others see nobody.
    Invisible,
}

/// A few words that somebody is seen with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// The words; may be empty.
    pub text: String,
    /// The emoji before them.
    pub emoji: Option<String>,
    /// When they are not meant any more.
    pub expires_at: Option<Timestamp>,
}

/// What somebody says of itself, for all sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Grows with each change: what is older is passed over.
    pub version: u64,
    /// How to be seen.
    pub choice: Choice,
    /// With which words.
    pub custom: Option<Custom>,
}

/// What all sessions of a user add up to. What others may see of it is for the logic to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// There is no session, and the last one ended longer than the grace ago.
    #[default]
    Offline,
    /// Here.
    Online,
    /// All sessions are idle, or so it was chosen.
    Idle,
    /// So it was chosen.
    DoNotDisturb,
    /// So it was chosen.
    Invisible,
}

/// A user as of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// What the sessions add up to.
    pub status: Status,
    /// What the user says of itself; `None` for nothing.
    pub said: Option<Arc<Said>>,
}

/// A session as its node has it: one connection of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub user: UserId,
    /// Nobody was seen in front of it for a while.
    pub is_idle: bool,
    /// The room that it looks at.
    pub room: Option<RoomId>,
    /// What the user said of itself when the session began; `None` leaves it at what is known.
    pub said: Option<Arc<Said>>,
}

/// Something became different for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub user: UserId,
    /// Grows with each change of the user: of two changes the one with the higher number is the truth.
    pub number: u64,
    /// What was so.
    pub before: State,
    /// What is so.
    pub after: State,
    /// The rooms that the user looks at.
    pub rooms: Vec<RoomId>,
}

/// Who looks at a room. Those who chose to be invisible are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookers {
    /// The first of them, by their ids.
    pub users: Vec<UserId>,
    /// How many there are.
    pub count: usize,
}

/// Where somebody was last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The room.
    pub room: RoomId,
    /// When it was left.
    pub at: Timestamp,
}

/// Who hears what becomes different, on every node. Must not block.
pub trait Receiver: Send + Sync + 'static {
    /// One change: each is told once to each node that is there, also to the one that made it.
    fn changed(&self, change: &Change);

    /// A user looks at a room no more. Told to one node: the one that ended the last session that did.
    fn left(&self, user: UserId, left: Left);

    /// Changes may have been missed, or nobody knows any more: what is shown must be asked for again.
    fn unsure(&self);
}

/// How presence is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many sessions this node has.
    pub sessions: usize,
    /// How many changes this node was told of.
    pub changes: u64,
    /// Whether it can be asked who is there.
    pub is_known: bool,
}

/// What presence does. Held behind [`Presence`]; the conformance suite has a named test for each promise.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The backend's name in logs.
    fn name(&self) -> &'static str;

    /// Begins to hear of changes. Called once, before the first session.
    async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error>;

    /// A session of this node is new or has become different. Never waits, and never fails: what cannot be told now is
    /// told with the next beat. `number` tells the sessions of this node apart.
    ///
    /// When no session of the user looks at a room any more, that room and the time are noted and told.
    fn put(&self, number: u64, entry: Entry);

    /// A session of this node has ended. After the last one of a user, on whichever node, the user is still seen as
    /// before for the grace, and offline only after it; a session that comes within it is no change.
    fn end(&self, number: u64);

    /// Somebody says something else of itself, here or not. Holds for all sessions on all nodes, also for those that
    /// begin with something older.
    fn say(&self, user: UserId, said: Arc<Said>);

    /// This node lives: called every second. Also ends what is overdue, whoever began it: graces, sessions of dead nodes,
    /// and what is known of those who were away for two weeks.
    async fn beat(&self) -> Result<(), Error>;

    /// What is so for each of these users, at most [`MAX_ASKED`], in the order asked.
    async fn states(&self, users: &[UserId]) -> Result<Vec<State>, Error>;

    /// Who looks at a room, at most `limit` by name.
    async fn lookers(&self, room: RoomId, limit: usize) -> Result<Lookers, Error>;

    /// Which of these users look at a room, at most [`MAX_ASKED`], in the order asked; also those who are invisible.
    async fn looking(&self, room: RoomId, users: &[UserId]) -> Result<Vec<bool>, Error>;

    /// Where a user was last.
    async fn left(&self, user: UserId) -> Result<Option<Left>, Error>;

    /// How it is doing. Cheap.
    fn figures(&self) -> Figures;

    /// Ends all sessions of this node. Later calls do nothing.
    async fn close(&self);
}

/// Why nobody knows who is there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be asked just now.
    #[error("nobody knows who is there: {0}")]
    Unavailable(String),
    /// It can never be asked with these settings.
    #[error("presence cannot be used as it is set up: {0}")]
    Settings(String),
}

/// This node's presence. Cheap to clone; see [`Backend`] for what each method promises.
#[derive(Clone)]
pub struct Presence(Arc<dyn Backend>);

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Presence").field(&self.0.name()).finish()
    }
}

impl Presence {
    /// Wraps a backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self(backend)
    }

    /// Begins to hear of changes. See [`Backend::start`].
    pub async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error> {
        self.0.start(receiver).await
    }

    /// A session is new or different. See [`Backend::put`].
    pub fn put(&self, number: u64, entry: Entry) {
        self.0.put(number, entry);
    }

    /// A session has ended. See [`Backend::end`].
    pub fn end(&self, number: u64) {
        self.0.end(number);
    }

    /// Somebody says something else of itself. See [`Backend::say`].
    pub fn say(&self, user: UserId, said: Arc<Said>) {
        self.0.say(user, said);
    }

    /// This node lives. See [`Backend::beat`].
    pub async fn beat(&self) -> Result<(), Error> {
        self.0.beat().await
    }

    /// What is so for some users. See [`Backend::states`].
    pub async fn states(&self, users: &[UserId]) -> Result<Vec<State>, Error> {
        self.0.states(users).await
    }

    /// Who looks at a room. See [`Backend::lookers`].
    pub async fn lookers(&self, room: RoomId, limit: usize) -> Result<Lookers, Error> {
        self.0.lookers(room, limit).await
    }

    /// Which of some users look at a room. See [`Backend::looking`].
    pub async fn looking(&self, room: RoomId, users: &[UserId]) -> Result<Vec<bool>, Error> {
        self.0.looking(room, users).await
    }

    /// Where a user was last. See [`Backend::left`].
    pub async fn left(&self, user: UserId) -> Result<Option<Left>, Error> {
        self.0.left(user).await
    }

    /// How it is doing. See [`Backend::figures`].
    pub fn figures(&self) -> Figures {
        self.0.figures()
    }

    /// Ends all sessions of this node. See [`Backend::close`].
    pub async fn close(&self) {
        self.0.close().await;
    }
}
