//! This node's connections: who listens to what, and delivery in order.
//!
//! The hub knows frames, not formats: codecs make the bytes ([`Encoder`]), connections take them ([`Outlet`]), and the logic
//! says who may hear what ([`Audience`]). It is told of every commit, and reads from the store whatever it was not told.

mod audience;
mod conversation;
mod frames;
mod heads;
mod instance;
mod lane;
mod listener;
mod membership;
mod signal;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use madang_storage::model::{Commit, GuildId, Head, RoomId, SessionId, StreamId, UserId};
use madang_storage::{Result, Store};

pub use audience::{Audience, MAX_FOLLOWERS_TOLD, Standing};
use frames::EventFrames;
pub use frames::{Encoder, FrameKey};
use heads::Heads;
use lane::{Delivery, Joined, Lane};
pub use listener::{CloseReason, Listener, MAX_OPEN_ROOMS, Outlet};
pub use signal::{Seen, Signal, Words};

/// Resuming answers at most so many events of one stream; above it a reset is told.
pub const MAX_MISSED_PER_STREAM: u64 = 200;
/// How many events are read from the store at a time. With the longest texts a page stays within a connection's bound.
const PAGE: usize = 20;

/// All connections of this node. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    encoder: Arc<dyn Encoder>,
    runtime: tokio::runtime::Handle,
    attached: OnceLock<Attached>,
    lanes: RwLock<HashMap<StreamId, Arc<Lane>>>,
    people: Mutex<People>,
    heads: Heads,
    /// The `rev` by which all were told last how the instance is called.
    instance_told: AtomicU64,
    counters: Arc<Counters>,
    next_number: AtomicU64,
}

/// What the hub gets once it exists: both need the hub to be made.
#[derive(Clone)]
struct Attached {
    store: Store,
    audience: Arc<dyn Audience>,
}

/// Who is here.
#[derive(Default)]
struct People {
    users: HashMap<UserId, Vec<Arc<Listener>>>,
    /// Connections that watch a guild's rooms without having them open.
    guilds: HashMap<GuildId, Arc<Vec<Arc<Listener>>>>,
}

/// What happened since the start.
#[derive(Debug, Default)]
struct Counters {
    delivered: AtomicU64,
    fills: AtomicU64,
    given_up: AtomicU64,
    let_go: AtomicU64,
}

/// How the hub is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Connections that are signed in.
    pub connections: usize,
    /// Streams that somebody listens to.
    pub lanes: usize,
    /// Events that were handed to a connection, since the start.
    pub delivered: u64,
    /// How often events were read from the store that nobody told in time, since the start.
    pub fills: u64,
    /// How often all listeners of a stream were sent away because the store could not tell what is missing.
    pub given_up: u64,
    /// How often a connection was let go of because it may not hear a stream any more.
    pub let_go: u64,
}

/// How an opening begins.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    /// Where the stream stands.
    pub head: Head,
    /// Too much was missed: read a page, and go on from `head`.
    pub reset: bool,
}

impl Hub {
    /// A hub without connections. Delivery runs on the present runtime.
    pub fn new(encoder: Arc<dyn Encoder>) -> Self {
        let inner = Inner {
            encoder,
            runtime: tokio::runtime::Handle::current(),
            attached: OnceLock::new(),
            lanes: RwLock::default(),
            people: Mutex::default(),
            heads: Heads::default(),
            instance_told: AtomicU64::new(0),
            counters: Arc::default(),
            next_number: AtomicU64::new(1),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Says where to read what the hub was not told, and who judges who may hear it.
    pub fn attach(&self, store: Store, audience: Arc<dyn Audience>) {
        // A second call would be a defect of the composition root; what came first stays.
        let first = self.inner.attached.set(Attached { store, audience }).is_ok();
        debug_assert!(first, "the hub has a store already");
    }

    /// Takes a durable event: from this node's store, or from another node.
    pub fn hear(&self, commit: &Arc<Commit>) {
        let stream = commit.event.stream;
        if let Some(lane) = self.lane(stream)
            && lane.enqueue(commit)
        {
            self.spawn_drain(lane);
        }
        if let StreamId::Room(room) = stream {
            self.inner.heads.note(room, commit);
        }
        if stream == StreamId::Instance {
            self.hear_of_instance(commit.event.rev());
        }
        self.follow_membership(commit);
        self.follow_conversation(commit);
    }

    /// Notes that a stream is at `rev`, which nobody may have told: what is missing is read from the store.
    pub fn hear_of(&self, stream: StreamId, rev: u64) {
        if stream == StreamId::Instance {
            self.hear_of_instance(rev);
        }
        if let Some(lane) = self.lane(stream)
            && lane.hear_of(rev)
        {
            self.spawn_drain(lane);
        }
    }

    /// Notes that watchers of a room's guild may not have been told that the room is at `rev`.
    pub fn hear_of_head(&self, room: RoomId, rev: u64) {
        self.inner.heads.note_rev(room, rev);
    }

    /// Lets go of all who may not hear a stream any more. Their events would let them go, too, but may be long in coming.
    pub async fn judge(&self, stream: StreamId) {
        if let (Some(lane), Some(by)) = (self.lane(stream), self.delivery()) {
            lane.judge(&by).await;
            self.remove_if_emptied(&lane);
        }
    }

    /// Judges everybody who listens to a guild or to one of its rooms. Looks at every lane of this node: for what
    /// happens now and then.
    pub async fn judge_guild(&self, guild: GuildId) {
        let Some(attached) = self.inner.attached.get() else {
            return;
        };
        let streams: Vec<StreamId> = {
            let lanes = self.inner.lanes.read().unwrap_or_else(PoisonError::into_inner);
            lanes.keys().copied().collect()
        };
        for stream in streams {
            if attached.audience.guild_of(stream) == Some(guild) {
                self.judge(stream).await;
            }
        }
    }

    /// Registers a signed-in connection.
    pub fn enter(
        &self,
        user: UserId,
        session: SessionId,
        key: FrameKey,
        outlet: Arc<dyn Outlet>,
    ) -> Arc<Listener> {
        let number = self.inner.next_number.fetch_add(1, Ordering::Relaxed);
        let listener = Arc::new(Listener::new(number, user, session, key, outlet));
        self.people()
            .users
            .entry(user)
            .or_default()
            .push(Arc::clone(&listener));
        listener
    }

    /// Forgets a connection.
    pub fn leave(&self, listener: &Arc<Listener>) {
        for room in listener.heard_rooms() {
            self.close_room(listener, room);
        }
        let watched: Vec<GuildId> = {
            let mut people = self.people();
            if let Some(connections) = people.users.get_mut(&listener.user) {
                connections.retain(|known| known.number != listener.number);
                if connections.is_empty() {
                    people.users.remove(&listener.user);
                }
            }
            let mut watched = Vec::new();
            people.guilds.retain(|guild, watchers| {
                if watchers.iter().any(|known| known.number == listener.number) {
                    watched.push(*guild);
                    Arc::make_mut(watchers).retain(|known| known.number != listener.number);
                }
                !watchers.is_empty()
            });
            watched
        };
        for guild in watched {
            self.leave_lane(listener, StreamId::Guild(guild));
        }
    }

    /// How many connections are signed in.
    pub fn connections(&self) -> usize {
        self.people().users.values().map(Vec::len).sum()
    }

    /// How the hub is doing.
    pub fn figures(&self) -> Figures {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.inner.counters;
        let lanes = self.inner.lanes.read().unwrap_or_else(PoisonError::into_inner);
        Figures {
            connections: self.connections(),
            lanes: lanes.len(),
            delivered: count(&counters.delivered),
            fills: count(&counters.fills),
            given_up: count(&counters.given_up),
            let_go: count(&counters.let_go),
        }
    }

    /// Opens a room: from now on its events reach the listener whole, after what it missed since `since`.
    /// `begin` is called once, before the first event. `Ok(None)` when too many rooms are open.
    pub async fn open_room(
        &self,
        listener: &Arc<Listener>,
        room: RoomId,
        since: Option<u64>,
        begin: impl FnOnce(Opened),
    ) -> Result<Option<Opened>> {
        if !listener.note_open(room) {
            return Ok(None);
        }
        let opened = self.listen(listener, StreamId::Room(room), since, begin).await;
        if opened.is_err() {
            listener.note_closed(room);
        }
        opened.map(Some)
    }

    /// Closes a room.
    pub fn close_room(&self, listener: &Arc<Listener>, room: RoomId) {
        listener.note_closed(room);
        self.leave_lane(listener, StreamId::Room(room));
    }

    /// Watches a guild: its own events, and heads of rooms that are not open.
    pub async fn watch_guild(
        &self,
        listener: &Arc<Listener>,
        guild: GuildId,
        since: Option<u64>,
        begin: impl FnOnce(Opened),
    ) -> Result<Opened> {
        {
            let mut people = self.people();
            let watchers = people.guilds.entry(guild).or_default();
            if !watchers.iter().any(|known| known.number == listener.number) {
                Arc::make_mut(watchers).push(Arc::clone(listener));
            }
        }
        self.listen(listener, StreamId::Guild(guild), since, begin).await
    }

    /// Stops watching a guild.
    /// Answers whether the connection watched the guild.
    fn unwatch_guild(&self, listener: &Arc<Listener>, guild: GuildId) -> bool {
        let mut watched = false;
        {
            let mut people = self.people();
            if let Some(watchers) = people.guilds.get_mut(&guild) {
                watched = watchers.iter().any(|known| known.number == listener.number);
                Arc::make_mut(watchers).retain(|known| known.number != listener.number);
                if watchers.is_empty() {
                    people.guilds.remove(&guild);
                }
            }
        }
        self.leave_lane(listener, StreamId::Guild(guild));
        watched
    }

    /// The connections of a user on this node.
    pub fn connections_of(&self, user: UserId) -> Vec<Arc<Listener>> {
        self.people().users.get(&user).cloned().unwrap_or_default()
    }

    fn is_connected(&self, listener: &Listener) -> bool {
        let people = self.people();
        let connections = people.users.get(&listener.user);
        connections.is_some_and(|known| known.iter().any(|known| known.number == listener.number))
    }

    /// Tells the heads of rooms that changed to those who watch their guilds. Called once a second.
    pub async fn tell_heads(&self) {
        if let Some(attached) = self.inner.attached.get() {
            heads::tell(self, attached).await;
        }
    }

    /// Listens first, reads second: nothing between can be missed. Whoever may not hear the stream is told so on the
    /// way, as if the stream did not exist.
    async fn listen(
        &self,
        listener: &Arc<Listener>,
        stream: StreamId,
        since: Option<u64>,
        begin: impl FnOnce(Opened),
    ) -> Result<Opened> {
        let by = self.delivery().ok_or_else(no_store)?;
        let mut lane = self.lane_or_new(stream, &by.store).await?;
        let head = by.store.head(stream).await?;
        let since = since.unwrap_or(head.rev);
        // A client cannot be ahead of the stream; one that says so starts over.
        let reset = since > head.rev || head.rev - since > MAX_MISSED_PER_STREAM;
        let opened = Opened { head, reset };
        begin(opened);
        let mut rev = if reset { head.rev } else { since };
        loop {
            let Some(read) = replay(listener, &lane, rev, &by).await? else {
                lane.let_go(listener, &by);
                return Ok(opened);
            };
            rev = read;
            match lane.join(listener, rev, &by) {
                Joined::Yes => return Ok(opened),
                Joined::Behind => {}
                Joined::Retired => lane = self.lane_or_new(stream, &by.store).await?,
                Joined::Refused => {
                    lane.let_go(listener, &by);
                    return Ok(opened);
                }
            }
        }
    }

    fn lane(&self, stream: StreamId) -> Option<Arc<Lane>> {
        self.inner
            .lanes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&stream)
            .cloned()
    }

    async fn lane_or_new(&self, stream: StreamId, store: &Store) -> Result<Arc<Lane>> {
        let (lane, is_new) = {
            let mut lanes = self.inner.lanes.write().unwrap_or_else(PoisonError::into_inner);
            match lanes.get(&stream) {
                Some(lane) if !lane.is_retired() => (Arc::clone(lane), false),
                _ => {
                    let lane = Arc::new(Lane::new(stream));
                    lanes.insert(stream, Arc::clone(&lane));
                    (lane, true)
                }
            }
        };
        if is_new {
            match store.head(stream).await {
                Ok(head) => {
                    lane.start(head.rev);
                    self.spawn_drain(lane.clone());
                }
                Err(error) => {
                    self.remove_lane(&lane);
                    return Err(error);
                }
            }
        }
        Ok(lane)
    }

    fn leave_lane(&self, listener: &Listener, stream: StreamId) {
        let Some(lane) = self.lane(stream) else { return };
        if lane.leave(listener) {
            self.remove_lane(&lane);
        }
    }

    /// Takes a lane out if nobody listens. Under the lock of the lanes, so that nobody can join it at the same time.
    fn remove_lane(&self, lane: &Arc<Lane>) {
        let mut lanes = self.inner.lanes.write().unwrap_or_else(PoisonError::into_inner);
        if lane.retire()
            && lanes
                .get(&lane.stream)
                .is_some_and(|known| Arc::ptr_eq(known, lane))
        {
            lanes.remove(&lane.stream);
        }
    }

    fn remove_if_emptied(&self, lane: &Arc<Lane>) {
        if lane.was_emptied() {
            self.remove_lane(lane);
        }
    }

    fn spawn_drain(&self, lane: Arc<Lane>) {
        let Some(by) = self.delivery() else {
            return;
        };
        let hub = self.clone();
        self.inner.runtime.spawn(async move {
            lane.drain(&by).await;
            hub.remove_if_emptied(&lane);
        });
    }

    fn delivery(&self) -> Option<Delivery> {
        let attached = self.inner.attached.get()?.clone();
        Some(Delivery {
            store: attached.store,
            audience: attached.audience,
            encoder: Arc::clone(&self.inner.encoder),
            counters: Arc::clone(&self.inner.counters),
        })
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.inner.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends everything that is stored after `rev`, in bounded pages; answers how far that was, or `None` when the listener
/// may not hear what is there.
async fn replay(listener: &Listener, lane: &Lane, mut rev: u64, by: &Delivery) -> Result<Option<u64>> {
    loop {
        let page = by.store.events(lane.stream, rev, PAGE).await?;
        match lane.may_hear(listener, &page.commits, by).await {
            Some(true) => {}
            Some(false) => return Ok(None),
            None => {
                let text = format!("nobody can tell who may hear {}", lane.stream);
                return Err(madang_storage::Error::Unavailable(text));
            }
        }
        for commit in page.commits {
            rev = commit.event.rev();
            let frames = EventFrames::new(Arc::new(commit));
            listener.send(&frames.get(listener.key, &*by.encoder));
        }
        listener.outlet.drained().await;
        if rev >= page.head.rev {
            return Ok(Some(rev));
        }
    }
}

fn no_store() -> madang_storage::Error {
    madang_storage::Error::Unavailable("the hub has no store yet".to_owned())
}
