//! A node with its people, and connections that keep what they hear.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use madang_storage::embedded::{self, Embedded, Options};
use madang_storage::model::{
    Commit, EventId, Fact, GuildId, Head, Room, RoomId, RoomKind, Rows, SessionId, StreamId, Timestamp,
    UserId,
};
use madang_storage::{Clock, Command, CommitSink, Env, SystemIds};
use tokio::sync::watch;

use super::super::*;
use crate::broker::memory::Bus;
use crate::chat::{Missed, Places, Post, Rules, Scopes};
use crate::hub::{CloseReason, Encoder, FrameKey, Hub, Outlet, Signal};
use crate::presence::memory::Commons;
use crate::presence::{Change, Left, Receiver};

pub(super) const GUILD: GuildId = GuildId::from_u128(1);
pub(super) const OTHERS: GuildId = GuildId::from_u128(2);
pub(super) const CHANNEL: RoomId = RoomId::from_u128(3);
pub(super) const DM: RoomId = RoomId::from_u128(4);
pub(super) const ANA: UserId = UserId::from_u128(10);
pub(super) const BO: UserId = UserId::from_u128(11);
pub(super) const CY: UserId = UserId::from_u128(12);
pub(super) const GRACE: Duration = Duration::from_secs(10);
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Clone)]
struct Sink {
    places: Places,
    hub: Hub,
}

impl CommitSink for Sink {
    fn committed(&self, commits: &[Arc<Commit>]) {
        for commit in commits {
            self.places.hear(commit);
            self.hub.hear(commit);
        }
    }
}

/// Frames that say what they are.
struct Plain;

impl Encoder for Plain {
    fn event(&self, _: FrameKey, _: &Commit) -> Bytes {
        Bytes::from_static(b"event")
    }

    fn signal(&self, _: FrameKey, signal: &Signal) -> Bytes {
        let text = match signal {
            Signal::Presence { users } => {
                let users = users
                    .iter()
                    .map(|seen| format!("{}={}", seen.user.as_u128(), seen.status));
                users.collect::<Vec<String>>().join(" ")
            }
            _ => "other".to_owned(),
        };
        Bytes::from(text)
    }
}

/// Keeps what a connection was told of who is there.
#[derive(Default)]
pub(super) struct Line(Mutex<Vec<String>>);

impl Line {
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Outlet for Line {
    fn send(&self, frame: &Bytes) {
        let text = String::from_utf8_lossy(frame).into_owned();
        if text.contains('=') {
            self.0.lock().unwrap().push(text);
        }
    }

    fn close(&self, _: CloseReason) {}

    async fn drained(&self) {}
}

/// Notes who missed what.
pub(super) struct Double(pub(super) watch::Sender<Vec<(u64, Vec<UserId>)>>);

impl Absent for Double {
    fn absent(&self, missed: &Missed) {
        self.0
            .send_modify(|all| all.push((missed.record.seq, missed.people.clone())));
    }
}

struct Ear(Chat);

impl Receiver for Ear {
    fn changed(&self, change: &Change) {
        self.0.note_presence(change);
    }

    fn left(&self, user: UserId, left: Left) {
        self.0.note_left(user, left);
    }

    fn unsure(&self) {
        self.0.doubt_presence();
    }
}

pub(super) struct World {
    pub(super) chat: Chat,
    pub(super) commons: Commons,
    hands: Arc<Hands>,
    pub(super) absent: Arc<Double>,
    pub(super) embedded: Embedded,
    pub(super) folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(tempfile::tempdir().unwrap(), Duration::ZERO, true).await
    }

    pub(super) async fn with(folder: tempfile::TempDir, quiet: Duration, is_new: bool) -> Self {
        let hands = Arc::new(Hands(AtomicU64::new(1_800_000_000_000)));
        let env = Env {
            clock: Arc::clone(&hands) as Arc<dyn Clock>,
            ids: Arc::new(SystemIds),
        };
        let sink = Sink {
            places: Places::default(),
            hub: Hub::new(Arc::new(Plain)),
        };
        let options = Options {
            engine: None,
            cache_bytes: 1024 * 1024,
            min_free_bytes: 0,
            env: env.clone(),
            sink: Arc::new(sink.clone()),
        };
        let embedded = embedded::open(folder.path(), options).unwrap();
        let store = embedded.store();
        let commons = Commons::new(env.clone(), GRACE);
        let absent = Arc::new(Double(watch::Sender::new(Vec::new())));
        let backend = commons.join();
        let presences = Presences::new(backend.clone(), Arc::clone(&absent) as Arc<dyn Absent>, quiet);
        let broker = Bus::new().join();
        let Sink { places, hub } = sink;
        let chat = Chat::new(
            store.clone(),
            env,
            places,
            hub.clone(),
            broker,
            presences,
            Rules::default(),
        );
        hub.attach(store, Arc::new(chat.clone()));
        backend.start(Arc::new(Ear(chat.clone()))).await.unwrap();
        chat.load_switches().await.unwrap();
        let world = Self {
            chat,
            commons,
            hands,
            absent,
            embedded,
            folder,
        };
        if is_new {
            world.set_up().await;
        }
        world
    }

    pub(super) async fn set_up(&self) {
        for (guild, owner) in [(GUILD, ANA), (OTHERS, CY)] {
            let name = "a guild".to_owned();
            self.append(StreamId::Guild(guild), Fact::GuildCreated { name, owner })
                .await;
            self.append(StreamId::Guild(guild), Fact::MemberJoined { user: owner })
                .await;
        }
        for user in [ANA, BO, CY] {
            let name = user.to_string();
            self.append(StreamId::User(user), Fact::UserCreated { name })
                .await;
        }
        self.join(BO).await;
        let fact = Fact::channel_created(GUILD, "hall", "");
        self.append(StreamId::Room(CHANNEL), fact).await;
        let kind = RoomKind::Dm { users: [ANA, CY] };
        let room = Room::new(kind, String::new(), String::new());
        let members = vec![ANA, CY];
        self.append(StreamId::Room(DM), Fact::RoomCreated { room, members })
            .await;
    }

    pub(super) async fn join(&self, user: UserId) {
        self.append(StreamId::Guild(GUILD), Fact::MemberJoined { user })
            .await;
    }

    pub(super) async fn append(&self, stream: StreamId, fact: Fact) {
        let command = Command {
            stream,
            event_id: EventId::from_u128(self.chat.env().next_id()),
            actor: None,
            access_rev: 0,
            nonce: None,
            rows: Vec::new(),
        };
        let decide = move |_: &Head, _: &Rows| Ok::<_, ()>(fact.clone().into());
        assert!(self.chat.store().append(command, decide).await.is_ok());
    }

    /// A connection that watches its guild, as those of the gateway do.
    pub(super) async fn connect(&self, user: UserId) -> (Arc<Listener>, Arc<Line>) {
        let line = Arc::new(Line::default());
        let outlet = Arc::clone(&line) as Arc<dyn Outlet>;
        let session = SessionId::from_u128(user.as_u128());
        let listener = self.chat.hub().enter(user, session, FrameKey(0), outlet);
        self.chat.came(&listener).await.unwrap();
        for guild in self.chat.guild_ids(user).await.unwrap() {
            let watching = self.chat.hub().watch_guild(&listener, guild, None, |_| {});
            watching.await.unwrap();
        }
        (listener, line)
    }

    pub(super) fn leave(&self, listener: &Arc<Listener>) {
        self.chat.went(listener);
        self.chat.hub().leave(listener);
    }

    pub(super) async fn tick(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.hands.0.fetch_add(millis, Ordering::SeqCst);
        self.chat.beat().await;
        self.chat.tell_presence().await;
    }

    pub(super) async fn status_of(&self, user: UserId, asker: UserId) -> Option<&'static str> {
        let seen = self.chat.presence_of(&who(asker), &[user]).await.unwrap();
        seen.first().map(|seen| seen.status)
    }
}

pub(super) fn who(user: UserId) -> Identity {
    Identity {
        user,
        session: SessionId::from_u128(user.as_u128()),
        scopes: Scopes::ALL,
    }
}

pub(super) fn post(text: &str) -> Post {
    Post {
        text: text.to_owned(),
        reply_to: None,
        nonce: None,
    }
}
