//! What listeners get, whatever the hub is told and whenever they join: every event once, in order, without holes.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use madang_storage::embedded::{self, Options};
use madang_storage::model::{
    Commit, Draft, EventId, Fact, GuildId, Head, RoomId, Rows, SessionId, StreamId, UserId,
};
use madang_storage::{AppendError, Command, CommitSink, Env, Store};
use tokio::sync::watch;

use super::{
    CloseReason, Encoder, FrameKey, Hub, MAX_MISSED_PER_STREAM, MAX_OPEN_ROOMS, Opened, Outlet, Signal,
};

const ROOM: RoomId = RoomId::from_u128(7);

/// Frames that only say their rev.
struct RevEncoder;

impl Encoder for RevEncoder {
    fn event(&self, _key: FrameKey, commit: &Commit) -> Bytes {
        Bytes::copy_from_slice(&commit.event.rev().to_be_bytes())
    }

    fn signal(&self, _key: FrameKey, _signal: &Signal) -> Bytes {
        Bytes::from_static(b"signal")
    }
}

/// Remembers the revs, and tells how many there are.
struct Recorder {
    revs: Mutex<Vec<u64>>,
    count: watch::Sender<usize>,
}

impl Recorder {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            revs: Mutex::default(),
            count: watch::Sender::new(0),
        })
    }

    async fn until(&self, last: u64) -> Vec<u64> {
        let mut count = self.count.subscribe();
        let arrived = count.wait_for(|_| self.revs.lock().unwrap().last() == Some(&last));
        tokio::time::timeout(std::time::Duration::from_secs(20), arrived)
            .await
            .unwrap()
            .unwrap();
        self.revs.lock().unwrap().clone()
    }
}

#[async_trait]
impl Outlet for Recorder {
    fn send(&self, frame: &Bytes) {
        if let Ok(rev) = <[u8; 8]>::try_from(frame.as_ref()) {
            self.revs.lock().unwrap().push(u64::from_be_bytes(rev));
            self.count.send_modify(|count| *count += 1);
        }
    }

    fn close(&self, _reason: CloseReason) {}

    async fn drained(&self) {}
}

/// Passes on what it is told as a test decides.
struct Unreliable {
    hub: Mutex<Option<Hub>>,
    tells: fn(u64) -> bool,
}

impl CommitSink for Unreliable {
    fn committed(&self, commits: &[Arc<Commit>]) {
        let told: Vec<_> = commits
            .iter()
            .filter(|commit| (self.tells)(commit.event.rev()))
            .cloned()
            .collect();
        if let Some(hub) = &*self.hub.lock().unwrap() {
            // Twice, and the second time backwards: what was delivered already must not come again.
            hub.committed(&told);
            hub.committed(&told.iter().rev().cloned().collect::<Vec<_>>());
        }
    }
}

struct World {
    store: Store,
    hub: Hub,
    env: Env,
    _folder: tempfile::TempDir,
}

async fn world(tells: fn(u64) -> bool) -> World {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(Arc::new(RevEncoder));
    let sink = Arc::new(Unreliable {
        hub: Mutex::new(Some(hub.clone())),
        tells,
    });
    let options = Options {
        min_free_bytes: 0,
        sink,
        ..Options::default()
    };
    let store = embedded::open(folder.path(), options).unwrap().store();
    hub.attach_store(store.clone());
    let world = World {
        store,
        hub,
        env: Env::system(),
        _folder: folder,
    };
    let fact = Fact::RoomCreated {
        guild: GuildId::from_u128(1),
        name: "room".into(),
        topic: String::new(),
    };
    append(&world.store, &world.env, fact).await;
    world
}

async fn append(store: &Store, env: &Env, fact: Fact) -> u64 {
    let command = Command {
        stream: StreamId::Room(ROOM),
        event_id: EventId::from_u128(env.next_id()),
        actor: None,
        access_rev: 0,
        nonce: None,
        rows: Vec::new(),
    };
    let decide = move |_: &Head, _: &Rows| Ok::<_, ()>(Draft::from(fact.clone()));
    match store.append(command, decide).await {
        Ok(appended) => appended.commit.event.rev(),
        Err(AppendError::Refused(())) => unreachable!("the decision always agrees"),
        Err(AppendError::Store(error)) => panic!("{error}"),
    }
}

fn message() -> Fact {
    Fact::MessagePosted {
        author: UserId::from_u128(1),
        text: "hello".into(),
        reply_to: None,
    }
}

async fn join(world: &World, since: Option<u64>) -> (Arc<Recorder>, Opened) {
    let recorder = Recorder::new();
    let outlet: Arc<dyn Outlet> = recorder.clone();
    let (user, session) = (
        UserId::from_u128(world.env.next_id()),
        SessionId::from_u128(world.env.next_id()),
    );
    let listener = world.hub.enter(user, session, FrameKey(0), outlet);
    let opened = world
        .hub
        .open_room(&listener, ROOM, since, |_| {})
        .await
        .unwrap()
        .unwrap();
    (recorder, opened)
}

/// Writers post while listeners join; everybody ends with a dense run from where they began.
async fn everybody_gets_everything(tells: fn(u64) -> bool) {
    const WRITERS: u64 = 4;
    const POSTS: u64 = 150;
    let world = Arc::new(world(tells).await);
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let world = Arc::clone(&world);
        writers.push(tokio::spawn(async move {
            for _ in 0..POSTS {
                append(&world.store, &world.env, message()).await;
            }
        }));
    }
    let mut joined = Vec::new();
    for round in 0..40 {
        let head = world.store.head(StreamId::Room(ROOM)).await.unwrap().rev;
        let since = (round % 2 == 0).then(|| head.saturating_sub(round * 3));
        let (recorder, opened) = join(&world, since).await;
        assert!(!opened.reset);
        joined.push((recorder, since.unwrap_or(opened.head.rev)));
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    // What the hub was told last makes it look for what it was not told.
    let mut last = world.store.head(StreamId::Room(ROOM)).await.unwrap().rev;
    while !tells(last) {
        last = append(&world.store, &world.env, message()).await;
    }
    for (recorder, since) in joined {
        let revs = if since == last {
            Vec::new()
        } else {
            recorder.until(last).await
        };
        assert_eq!(revs, (since + 1..=last).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_get_everything_in_order() {
    everybody_gets_everything(|_| true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_get_what_the_hub_was_not_told() {
    everybody_gets_everything(|rev| rev % 7 == 0).await;
}

#[tokio::test]
async fn too_much_missed_is_a_reset() {
    let world = world(|_| true).await;
    let mut last = 1;
    while last <= MAX_MISSED_PER_STREAM + 1 {
        last = append(&world.store, &world.env, message()).await;
    }
    let (recorder, opened) = join(&world, Some(1)).await;
    assert!(opened.reset);
    assert_eq!(opened.head.rev, last);
    let next = append(&world.store, &world.env, message()).await;
    assert_eq!(
        recorder.until(next).await,
        vec![next],
        "only what comes after the head"
    );
    let (_, ahead) = join(&world, Some(last + 1_000)).await;
    assert!(ahead.reset, "a client that is ahead of the stream starts over");
}

#[tokio::test]
async fn whoever_left_gets_nothing_and_the_lane_ends() {
    let world = world(|_| true).await;
    let recorder = Recorder::new();
    let outlet: Arc<dyn Outlet> = recorder.clone();
    let listener = world
        .hub
        .enter(UserId::from_u128(1), SessionId::from_u128(1), FrameKey(0), outlet);
    world
        .hub
        .open_room(&listener, ROOM, None, |_| {})
        .await
        .unwrap()
        .unwrap();
    let rev = append(&world.store, &world.env, message()).await;
    recorder.until(rev).await;
    world.hub.leave(&listener);
    let (other, _) = join(&world, None).await;
    let last = append(&world.store, &world.env, message()).await;
    other.until(last).await;
    assert_eq!(*recorder.revs.lock().unwrap(), vec![rev]);
    assert_eq!(world.hub.connections(), 1);
}

#[tokio::test]
async fn open_rooms_have_a_limit() {
    let world = world(|_| true).await;
    let outlet: Arc<dyn Outlet> = Recorder::new();
    let listener = world
        .hub
        .enter(UserId::from_u128(1), SessionId::from_u128(1), FrameKey(0), outlet);
    for room in 0..MAX_OPEN_ROOMS {
        let room = RoomId::from_u128(1_000 + room as u128);
        assert!(
            world
                .hub
                .open_room(&listener, room, None, |_| {})
                .await
                .unwrap()
                .is_some()
        );
    }
    assert!(
        world
            .hub
            .open_room(&listener, ROOM, None, |_| {})
            .await
            .unwrap()
            .is_none()
    );
    world.hub.close_room(&listener, RoomId::from_u128(1_000));
    assert!(
        world
            .hub
            .open_room(&listener, ROOM, None, |_| {})
            .await
            .unwrap()
            .is_some()
    );
}
