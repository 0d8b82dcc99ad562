//! What listeners get, whatever the hub is told and whenever they join: every event once, in order, without holes.

use std::sync::atomic::{AtomicU64, Ordering};
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
    Audience, CloseReason, Encoder, FrameKey, Hub, MAX_MISSED_PER_STREAM, MAX_OPEN_ROOMS, Opened, Outlet,
    Signal, Standing,
};

const ROOM: RoomId = RoomId::from_u128(7);

/// Frames that only say their rev.
struct RevEncoder;

impl Encoder for RevEncoder {
    fn event(&self, _key: FrameKey, commit: &Commit) -> Bytes {
        Bytes::copy_from_slice(&commit.event.rev().to_be_bytes())
    }

    fn signal(&self, _key: FrameKey, signal: &Signal) -> Bytes {
        if let Signal::Reset { stream, head } = signal {
            assert_eq!((*stream, head.exists()), (StreamId::Room(ROOM), false));
            return Bytes::from_static(b"reset");
        }
        Bytes::from_static(b"signal")
    }
}

/// Remembers the revs, and tells how many there are.
struct Recorder {
    revs: Mutex<Vec<u64>>,
    resets: AtomicU64,
    closed: AtomicU64,
    /// How many frames came.
    count: watch::Sender<usize>,
}

impl Recorder {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            revs: Mutex::default(),
            resets: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            count: watch::Sender::new(0),
        })
    }

    async fn until(&self, last: u64) -> Vec<u64> {
        self.until_true(|| self.revs.lock().unwrap().last() == Some(&last))
            .await;
        self.revs.lock().unwrap().clone()
    }

    async fn until_true(&self, is_so: impl Fn() -> bool) {
        let mut count = self.count.subscribe();
        let arrived = count.wait_for(|_| is_so());
        tokio::time::timeout(std::time::Duration::from_secs(20), arrived)
            .await
            .unwrap()
            .unwrap();
    }
}

#[async_trait]
impl Outlet for Recorder {
    fn send(&self, frame: &Bytes) {
        if let Ok(rev) = <[u8; 8]>::try_from(frame.as_ref()) {
            self.revs.lock().unwrap().push(u64::from_be_bytes(rev));
        } else if frame.as_ref() == b"reset" {
            self.resets.fetch_add(1, Ordering::SeqCst);
        }
        self.count.send_modify(|count| *count += 1);
    }

    fn close(&self, reason: CloseReason) {
        assert_eq!(reason, CloseReason::Lost);
        self.closed.fetch_add(1, Ordering::SeqCst);
        self.count.send_modify(|count| *count += 1);
    }

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
            told.iter()
                .chain(told.iter().rev())
                .for_each(|commit| hub.hear(commit));
        }
    }
}

/// Lets in whom a test lets in, and knows of the guild what a test tells it.
struct Gate {
    applied: AtomicU64,
    /// Up to where the guild can be found out.
    reachable: AtomicU64,
    asked: AtomicU64,
    judged: AtomicU64,
    banned: Mutex<Option<UserId>>,
}

impl Gate {
    fn open() -> Self {
        Self {
            applied: AtomicU64::new(u64::MAX),
            reachable: AtomicU64::new(u64::MAX),
            asked: AtomicU64::new(0),
            judged: AtomicU64::new(0),
            banned: Mutex::default(),
        }
    }
}

#[async_trait]
impl Audience for Gate {
    fn standing(&self, _stream: StreamId) -> Option<Standing> {
        Some(Standing {
            guild: self.applied.load(Ordering::SeqCst),
            room: 1,
        })
    }

    async fn reach(&self, stream: StreamId, needed: Standing) -> madang_storage::Result<Standing> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let reached = needed.guild.min(self.reachable.load(Ordering::SeqCst));
        self.applied.fetch_max(reached, Ordering::SeqCst);
        Ok(self.standing(stream).unwrap())
    }

    fn is_restricted(&self, _stream: StreamId) -> bool {
        self.banned.lock().unwrap().is_some()
    }

    async fn conversation(&self, _: RoomId) -> madang_storage::Result<Option<Vec<UserId>>> {
        Ok(None)
    }

    async fn followers(&self, _: RoomId) -> madang_storage::Result<Vec<UserId>> {
        Ok(Vec::new())
    }

    fn guild_of(&self, _stream: StreamId) -> Option<GuildId> {
        Some(GuildId::from_u128(1))
    }

    fn may_hear(&self, user: UserId, _stream: StreamId) -> Option<bool> {
        self.judged.fetch_add(1, Ordering::SeqCst);
        Some(*self.banned.lock().unwrap() != Some(user))
    }
}

struct World {
    store: Store,
    gate: Arc<Gate>,
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
    let gate = Arc::new(Gate::open());
    hub.attach(store.clone(), Arc::clone(&gate) as Arc<dyn Audience>);
    let world = World {
        store,
        gate,
        hub,
        env: Env::system(),
        _folder: folder,
    };
    let fact = Fact::channel_created(GuildId::from_u128(1), "room", "");
    append(&world.store, &world.env, fact).await;
    world
}

async fn append(store: &Store, env: &Env, fact: Fact) -> u64 {
    append_judged_at(store, env, fact, 0).await
}

async fn append_judged_at(store: &Store, env: &Env, fact: Fact, access_rev: u64) -> u64 {
    let command = Command {
        stream: StreamId::Room(ROOM),
        event_id: EventId::from_u128(env.next_id()),
        actor: None,
        access_rev,
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
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    }
}

async fn join(world: &World, since: Option<u64>) -> (Arc<Recorder>, Opened) {
    join_as(world, UserId::from_u128(world.env.next_id()), since).await
}

async fn join_as(world: &World, user: UserId, since: Option<u64>) -> (Arc<Recorder>, Opened) {
    let recorder = Recorder::new();
    let outlet: Arc<dyn Outlet> = recorder.clone();
    let session = SessionId::from_u128(world.env.next_id());
    let listener = world.hub.enter(user, session, FrameKey(0), outlet);
    let opened = world.hub.open_room(&listener, ROOM, since, |_| {}).await;
    (recorder, opened.unwrap().unwrap())
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

#[tokio::test]
async fn an_event_waits_until_its_audience_is_known() {
    let world = world(|_| true).await;
    let (recorder, _) = join(&world, None).await;
    world.gate.applied.store(3, Ordering::SeqCst);
    let known = append_judged_at(&world.store, &world.env, message(), 3).await;
    recorder.until(known).await;
    assert_eq!(
        world.gate.asked.load(Ordering::SeqCst),
        0,
        "the node knows enough"
    );
    let ahead = append_judged_at(&world.store, &world.env, message(), 5).await;
    recorder.until(ahead).await;
    assert_eq!(world.gate.asked.load(Ordering::SeqCst), 1);
    assert_eq!(world.gate.applied.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn whoever_was_removed_hears_nothing_that_was_written_after_it() {
    let world = world(|_| true).await;
    world.gate.applied.store(3, Ordering::SeqCst);
    let removed = UserId::from_u128(66);
    let (removed_ear, _) = join_as(&world, removed, None).await;
    let (other_ear, _) = join(&world, None).await;
    let before = append_judged_at(&world.store, &world.env, message(), 3).await;
    removed_ear.until(before).await;
    // The guild removed somebody at its rev 4, of which this node has not heard when the next message comes.
    *world.gate.banned.lock().unwrap() = Some(removed);
    let after = append_judged_at(&world.store, &world.env, message(), 4).await;
    other_ear.until(after).await;
    assert_eq!(*removed_ear.revs.lock().unwrap(), vec![before]);
    assert_eq!(
        removed_ear.resets.load(Ordering::SeqCst),
        1,
        "it is told that the room is gone"
    );
}

#[tokio::test]
async fn whoever_was_removed_is_let_go_without_an_event() {
    let world = world(|_| true).await;
    let removed = UserId::from_u128(66);
    let (ear, _) = join_as(&world, removed, None).await;
    world.hub.judge(StreamId::Room(ROOM)).await;
    assert_eq!(ear.resets.load(Ordering::SeqCst), 0, "it may hear the room");
    *world.gate.banned.lock().unwrap() = Some(removed);
    world.gate.applied.store(7, Ordering::SeqCst);
    world.hub.judge_guild(GuildId::from_u128(1)).await;
    assert_eq!(ear.resets.load(Ordering::SeqCst), 1);
    // The lane ended with its last listener, and a new one begins.
    let (other, _) = join(&world, None).await;
    let rev = append(&world.store, &world.env, message()).await;
    other.until(rev).await;
    assert!(ear.revs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_audience_is_judged_once_for_each_state_of_the_guild() {
    let world = world(|_| true).await;
    let judged = || world.gate.judged.load(Ordering::SeqCst);
    let (recorder, _) = join(&world, None).await;
    let at_the_door = judged();
    for _ in 0..10 {
        let rev = append(&world.store, &world.env, message()).await;
        recorder.until(rev).await;
    }
    assert_eq!(judged() - at_the_door, 1);
    let before = judged();
    let (newcomer, _) = join(&world, None).await;
    let rev = append(&world.store, &world.env, message()).await;
    newcomer.until(rev).await;
    assert_eq!(
        judged() - before,
        at_the_door + 2,
        "somebody is new: both are judged"
    );
}

#[tokio::test(start_paused = true)]
async fn without_knowing_the_audience_nobody_hears_anything() {
    let world = world(|_| true).await;
    let (recorder, opened) = join(&world, None).await;
    world.gate.applied.store(3, Ordering::SeqCst);
    world.gate.reachable.store(3, Ordering::SeqCst);
    append_judged_at(&world.store, &world.env, message(), 4).await;
    recorder
        .until_true(|| recorder.closed.load(Ordering::SeqCst) == 1)
        .await;
    assert!(
        recorder.revs.lock().unwrap().is_empty(),
        "it reconnects and resumes from {opened:?}"
    );
}

#[tokio::test]
async fn what_nobody_told_is_found_when_the_hub_hears_of_it() {
    let world = world(|rev| rev == 1).await;
    let (recorder, _) = join(&world, None).await;
    let mut last = 0;
    for _ in 0..5 {
        last = append(&world.store, &world.env, message()).await;
    }
    world.hub.hear_of(StreamId::Room(ROOM), last);
    assert_eq!(recorder.until(last).await, (2..=last).collect::<Vec<_>>());
    // Hearing of it again asks the store for nothing and tells nothing twice.
    world.hub.hear_of(StreamId::Room(ROOM), last);
    let next = append(&world.store, &world.env, message()).await;
    world.hub.hear_of(StreamId::Room(ROOM), next);
    assert_eq!(recorder.until(next).await, (2..=next).collect::<Vec<_>>());
}
