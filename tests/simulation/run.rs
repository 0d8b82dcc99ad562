//! One simulated run: a seed in, a checked history out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use madang_storage::model::{EventId, Fact, GuildId, Head, RoomId, Rows, StreamId, UserId};
use madang_storage::sim::{Faults, Random, Trace};
use madang_storage::{Anchor, AppendError, Command, Store};

use super::check::{Violation, check_heard, check_posted, check_removed};
use super::client::{Client, Connected, Heard};
use super::nodes::Nodes;

const GUILD: GuildId = GuildId::from_u128(1);
/// Longer than the time after which the store is asked what nobody told.
const REST: Duration = Duration::from_secs(25);

/// What to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// Whether nodes look for what nobody told.
    pub(crate) follow: bool,
    pub(crate) trace: bool,
}

impl Options {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            follow: true,
            trace: false,
        }
    }
}

/// What came of it.
pub(crate) struct Run {
    pub(crate) violations: Vec<Violation>,
    pub(crate) heard: usize,
    pub(crate) resets: usize,
    pub(crate) trace: String,
}

pub(crate) async fn run(options: Options) -> Run {
    let random = Random::new(options.seed);
    let trace = if options.trace {
        Trace::on()
    } else {
        Trace::default()
    };
    let count = random.between(2, 4) as usize;
    let nodes = Arc::new(Nodes::start(count, random.clone(), trace.clone(), options.follow).await);
    let rooms: Vec<RoomId> = (0..=u128::from(random.below(2)))
        .map(|number| RoomId::from_u128(10 + number))
        .collect();
    set_up(&nodes, &rooms).await;
    let clients: Vec<Arc<Client>> = (0..u128::from(random.between(2, 5)))
        .map(|number| {
            let room = rooms[number as usize % rooms.len()];
            Client::new(number, UserId::from_u128(100 + number), room)
        })
        .collect();

    let faults = Faults::random(&random);
    trace.note(|| format!("{options:?} on {count} nodes: {faults:?}"));
    nodes.cluster.set_faults(faults);
    nodes.bad_days(true);
    // In every second world somebody is removed from the guild; the others go on.
    let victim = clients.last().filter(|_| random.chance(500)).cloned();
    let removed_at = bad_time(&nodes, &clients, victim.clone()).await;
    let stays = |client: &&Arc<Client>| victim.as_ref().is_none_or(|victim| !Arc::ptr_eq(victim, client));
    let staying: Vec<Arc<Client>> = clients.iter().filter(stays).cloned().collect();
    let connected = stay(&nodes, &staying).await;
    nodes.cluster.set_faults(Faults::default());
    nodes.bad_days(false);
    let connected = come_to_rest(&nodes, &staying, connected).await;
    let mut violations = check(&nodes, &staying).await;
    if let Some(victim) = &victim {
        violations.extend(check_victim(&nodes, victim, removed_at).await);
    }
    connected.iter().for_each(Connected::leave);
    trace.note(|| format!("{violations:#?}"));
    let heard: Vec<Heard> = clients
        .iter()
        .flat_map(|client| client.heard.lock().unwrap().clone())
        .collect();
    let resets = heard
        .iter()
        .filter(|heard| matches!(heard, Heard::Reset(_)))
        .count();
    Run {
        violations,
        heard: heard.len() - resets,
        resets,
        trace: trace.text(),
    }
}

async fn set_up(nodes: &Nodes, rooms: &[RoomId]) {
    let store = nodes.cluster.store(0);
    let owner = UserId::from_u128(100);
    let name = "a guild".to_owned();
    let guild = StreamId::Guild(GUILD);
    append(nodes, &store, guild, Fact::GuildCreated { name, owner }).await;
    for number in 0..5 {
        let user = UserId::from_u128(100 + number);
        append(nodes, &store, guild, Fact::MemberJoined { user }).await;
    }
    for room in rooms {
        let fact = Fact::channel_created(GUILD, format!("room {room}"), String::new());
        append(nodes, &store, StreamId::Room(*room), fact).await;
    }
}

/// Appends a fact; whether it worked is open on a bad day.
pub(crate) async fn append(nodes: &Nodes, store: &Store, stream: StreamId, fact: Fact) {
    let command = Command {
        stream,
        event_id: EventId::from_u128(nodes.cluster.env(0).next_id()),
        actor: None,
        access_rev: 0,
        nonce: None,
        rows: Vec::new(),
    };
    let decide = move |_: &Head, _: &Rows| Ok::<_, ()>(fact.clone().into());
    if let Err(AppendError::Refused(())) = store.append(command, decide).await {
        unreachable!("the decision always agrees");
    }
}

/// People talk while nodes die and the broker loses what it is told.
async fn bad_time(nodes: &Arc<Nodes>, clients: &[Arc<Client>], victim: Option<Arc<Client>>) -> u64 {
    let random = &nodes.random;
    let mut work = Vec::new();
    for client in clients {
        let rounds = random.between(1, 6);
        work.push(tokio::spawn(
            Arc::clone(client).come_and_go(Arc::clone(nodes), rounds),
        ));
        let posts = random.between(0, 12);
        work.push(tokio::spawn(
            Arc::clone(client).post_some(Arc::clone(nodes), posts),
        ));
    }
    let newcomers = tokio::spawn(join_meanwhile(Arc::clone(nodes), random.below(4)));
    let removal = tokio::spawn(remove_meanwhile(Arc::clone(nodes), victim.clone()));
    let keeper = tokio::spawn(keep_up(Arc::clone(nodes)));
    for task in work {
        task.await.unwrap();
    }
    newcomers.await.unwrap();
    let removed_at = removal.await.unwrap();
    keeper.abort();
    // An aborted task ends when it runs next; nothing of it may come after.
    assert!(keeper.await.unwrap_err().is_cancelled());
    removed_at
}

/// Somebody is removed from the guild while everybody talks; answers the guild's `rev` at which that was so.
async fn remove_meanwhile(nodes: Arc<Nodes>, victim: Option<Arc<Client>>) -> u64 {
    let Some(victim) = victim else { return u64::MAX };
    let guild = StreamId::Guild(GUILD);
    let user = victim.identity.user;
    tokio::time::sleep(Duration::from_millis(nodes.random.between(1, 3_000))).await;
    loop {
        let node = nodes.random.below(nodes.count() as u64) as usize;
        let fact = Fact::MemberLeft {
            user,
            kicked_by: None,
        };
        let work = async |store: Store| {
            append(&nodes, &store, guild, fact).await;
            store.is_member(GUILD, user).await
        };
        if let Some(Ok(false)) = nodes.cluster.on(node, work).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nodes
        .cluster
        .trace()
        .note(|| format!("{} is removed", victim.name));
    removal_rev(&nodes, user).await
}

/// The first `rev` of the guild at which somebody was removed.
async fn removal_rev(nodes: &Nodes, user: UserId) -> u64 {
    let is_removal = |fact: &Fact| matches!(fact, Fact::MemberLeft { user: gone, .. } if *gone == user);
    loop {
        let node = nodes.random.below(nodes.count() as u64) as usize;
        let read = async |store: Store| store.events(StreamId::Guild(GUILD), 0, 100).await;
        if let Some(Ok(page)) = nodes.cluster.on(node, read).await {
            let mut commits = page.commits.iter();
            let removal = commits.find(|commit| is_removal(&commit.event.fact));
            return removal.map_or(u64::MAX, |commit| commit.event.rev());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The guild changes: what is posted afterwards rests on a copy that other nodes may not have yet.
async fn join_meanwhile(nodes: Arc<Nodes>, count: u64) {
    for number in 0..count {
        tokio::time::sleep(Duration::from_millis(nodes.random.between(1, 1_500))).await;
        let node = nodes.random.below(nodes.count() as u64) as usize;
        let user = UserId::from_u128(500 + u128::from(number));
        let guild = StreamId::Guild(GUILD);
        let fact = Fact::MemberJoined { user };
        let appended = nodes
            .cluster
            .on(node, async |store| append(&nodes, &store, guild, fact).await)
            .await;
        nodes
            .cluster
            .trace()
            .note(|| format!("user {user} joins by node {node}: {appended:?}"));
    }
}

/// Starts dead nodes again after a while, and now and then kills one.
pub(crate) async fn keep_up(nodes: Arc<Nodes>) {
    loop {
        tokio::time::sleep(Duration::from_millis(nodes.random.between(20, 800))).await;
        for node in 0..nodes.count() {
            if !nodes.cluster.is_alive(node) || nodes.random.chance(60) {
                nodes.restart(node).await;
            }
        }
    }
}

/// Everybody connects once more, and only then the last messages are posted: whoever misses one of them will not come
/// back and ask.
async fn stay(nodes: &Arc<Nodes>, clients: &[Arc<Client>]) -> Vec<Connected> {
    let mut connected = Vec::new();
    for client in clients {
        connected.push(client.connect_at_last(nodes).await);
    }
    for client in clients {
        let posts = nodes.random.below(2);
        Arc::clone(client).post_some(Arc::clone(nodes), posts).await;
    }
    connected
}

/// Nothing goes wrong any more, and time passes. Those whose node died connect to another one.
async fn come_to_rest(
    nodes: &Arc<Nodes>,
    clients: &[Arc<Client>],
    mut connected: Vec<Connected>,
) -> Vec<Connected> {
    for node in 0..nodes.count() {
        if nodes.of(node).is_none() {
            nodes.restart(node).await;
        }
    }
    // Twice: a connection may be closed because its node cannot tell in time what is missing.
    for _ in 0..2 {
        for (client, line) in clients.iter().zip(&mut connected) {
            if !line.is_open() {
                *line = client.connect_at_last(nodes).await;
            }
        }
        tokio::time::sleep(REST).await;
    }
    connected
}

/// What somebody heard who was removed: nothing that was written after it and because of it.
async fn check_victim(nodes: &Nodes, victim: &Client, removed_at: u64) -> Vec<Violation> {
    let store = nodes.cluster.store(0);
    let page = store.events(StreamId::Room(victim.room), 0, 500).await.unwrap();
    let judged_at = page
        .commits
        .iter()
        .map(|commit| (commit.event.rev(), commit.event.access_rev))
        .collect();
    check_removed(
        &victim.name,
        &victim.heard.lock().unwrap(),
        &judged_at,
        removed_at,
    )
}

async fn check(nodes: &Nodes, clients: &[Arc<Client>]) -> Vec<Violation> {
    let store = nodes.cluster.store(0);
    let mut violations = Vec::new();
    for client in clients {
        let head = store.head(StreamId::Room(client.room)).await.unwrap();
        violations.extend(check_heard(&client.name, &client.heard.lock().unwrap(), head.rev));
        let page = store.history(client.room, Anchor::Latest, 100).await.unwrap();
        let mut stored: BTreeMap<String, usize> = BTreeMap::new();
        for message in page.messages {
            *stored.entry(message.text).or_default() += 1;
        }
        let (tried, acknowledged) = (client.tried.lock().unwrap(), client.acknowledged.lock().unwrap());
        violations.extend(check_posted(&client.name, &stored, &tried, &acknowledged));
    }
    violations
}
