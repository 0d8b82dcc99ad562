//! Work that spans streams, cut off anywhere and carried on by whoever is left: what a ban takes back, many deletions at once,
//! and clearing away a deleted guild.

use std::sync::Arc;
use std::time::Duration;

use madang::chat::{Code, Identity, NewInvite, Post, Scopes};
use madang_storage::model::{Fact, GuildId, RoomId, RowPrefix, SessionId, StateTable, StreamId, UserId};
use madang_storage::sim::{Faults, Random, Trace};
use madang_storage::{Anchor, Store};

use super::check::Violation;
use super::nodes::Nodes;
use super::races::events;
use super::run::{append, keep_up};

const GUILD: GuildId = GuildId::from_u128(1);
const NAME: &str = "guild";
const ROOMS: u128 = 3;
const BANNED: u64 = 1;
/// How long a world may take.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// What came of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<Violation>,
    /// How many messages a ban took back.
    pub(crate) purged: usize,
    /// Whether a guild was deleted.
    pub(crate) is_deleted: bool,
    pub(crate) trace: String,
}

fn identity(number: u64) -> Identity {
    Identity {
        user: user(number),
        session: SessionId::from_u128(1_000 + u128::from(number)),
        scopes: Scopes::ALL,
    }
}

fn user(number: u64) -> UserId {
    UserId::from_u128(100 + u128::from(number))
}

fn room(number: u128) -> RoomId {
    RoomId::from_u128(10 + number)
}

/// Somebody is banned and what the person wrote is taken back; in every second world the guild is deleted then.
pub(crate) async fn jobs(seed: u64, is_traced: bool) -> Outcome {
    let random = Random::new(seed);
    let trace = if is_traced { Trace::on() } else { Trace::default() };
    let ended = tokio::time::timeout(PATIENCE, run(random, trace.clone())).await;
    let never = |_| Outcome {
        violations: vec![Violation("it never ends".to_owned())],
        ..Outcome::default()
    };
    Outcome {
        trace: trace.text(),
        ..ended.unwrap_or_else(never)
    }
}

async fn run(random: Random, trace: Trace) -> Outcome {
    let count = random.between(2, 3) as usize;
    let nodes = Arc::new(Nodes::start(count, random.clone(), trace.clone(), true).await);
    set_up(&nodes).await;
    // A purge knows its ban by the time: whoever puts a clock back in between loses the purge.
    nodes.cluster.set_faults(Faults {
        clock: 0,
        ..Faults::random(&random)
    });
    nodes.bad_days(true);
    let keeper = tokio::spawn(keep_up(Arc::clone(&nodes)));
    let worker = tokio::spawn(work(Arc::clone(&nodes)));
    let poster = tokio::spawn(post_meanwhile(Arc::clone(&nodes)));
    let deletes = random.chance(500);
    insist(&nodes, Deed::Ban).await;
    if deletes {
        insist(&nodes, Deed::DeleteGuild).await;
    } else {
        insist(&nodes, Deed::DeleteMany).await;
    }
    poster.await.unwrap();
    tokio::time::sleep(Duration::from_millis(random.below(3_000))).await;
    for task in [keeper, worker] {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    nodes.cluster.set_faults(Faults::default());
    nodes.bad_days(false);
    tokio::time::sleep(Duration::from_secs(25)).await;
    for node in 0..nodes.count() {
        nodes.restart(node).await;
    }
    // What nobody may count on any more ends after a minute.
    for _ in 0..3 {
        let (chat, _) = nodes.of(0).unwrap();
        chat.carry_on().await.unwrap();
        tokio::time::sleep(Duration::from_secs(65)).await;
    }
    let outcome = check(&nodes, deletes).await;
    for event in events(&nodes, StreamId::Guild(GUILD)).await {
        trace.note(|| format!("{:?}", (event.rev(), event.at(), event.actor, &event.fact)));
    }
    outcome
}

async fn set_up(nodes: &Nodes) {
    let store = nodes.cluster.store(0);
    for number in 0..4 {
        let name = format!("user {number}");
        append(
            nodes,
            &store,
            StreamId::User(user(number)),
            Fact::UserCreated { name },
        )
        .await;
    }
    let guild = StreamId::Guild(GUILD);
    let (name, owner) = (NAME.to_owned(), user(0));
    append(nodes, &store, guild, Fact::GuildCreated { name, owner }).await;
    for number in 1..4 {
        append(nodes, &store, guild, Fact::MemberJoined { user: user(number) }).await;
    }
    for number in 0..ROOMS {
        let stream = StreamId::Room(room(number));
        let fact = Fact::channel_created(GUILD, format!("room {number}"), "");
        append(nodes, &store, stream, fact).await;
        for author in [BANNED, 2, BANNED, 3, 3, BANNED] {
            append(
                nodes,
                &store,
                stream,
                Fact::posted(user(author), format!("by {author}")),
            )
            .await;
        }
    }
    let (chat, _) = nodes.of(0).unwrap();
    let invite = NewInvite {
        guild: GUILD,
        max_uses: None,
        expires_in_seconds: None,
    };
    chat.create_invite(&identity(0), invite).await.unwrap();
}

/// Nodes carry on with what was begun, at any time and several at once.
async fn work(nodes: Arc<Nodes>) {
    loop {
        let node = nodes.random.below(nodes.count() as u64) as usize;
        if let Some((chat, _)) = nodes.of(node) {
            // What fails is tried again.
            let worked = nodes.cluster.on(node, |_| chat.carry_on()).await;
            nodes
                .cluster
                .trace()
                .note(|| format!("node {node} works: {worked:?}"));
        }
        tokio::time::sleep(Duration::from_millis(nodes.random.between(1, 200))).await;
    }
}

async fn post_meanwhile(nodes: Arc<Nodes>) {
    for number in 0..10 {
        let node = nodes.random.below(nodes.count() as u64) as usize;
        if let Some((chat, _)) = nodes.of(node) {
            let post = Post {
                text: format!("late {number}"),
                reply_to: None,
                nonce: None,
            };
            let room = room(u128::from(nodes.random.below(ROOMS as u64)));
            let by = identity(BANNED);
            // Whether it goes through is open.
            drop(nodes.cluster.on(node, |_| chat.post(&by, room, post)).await);
        }
        tokio::time::sleep(Duration::from_millis(nodes.random.below(60))).await;
    }
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Ban,
    DeleteMany,
    DeleteGuild,
}

/// The owner asks until it is done, as somebody does whose connection breaks.
async fn insist(nodes: &Nodes, deed: Deed) {
    loop {
        let node = nodes.random.below(nodes.count() as u64) as usize;
        if let Some((chat, _)) = nodes.of(node) {
            let owner = identity(0);
            let asking = async |_| match deed {
                Deed::Ban => chat.ban(&owner, GUILD, user(BANNED), None, Some(1)).await,
                Deed::DeleteMany => {
                    let deleted = chat.delete_messages(&owner, room(0), &[2, 4, 5], None);
                    deleted.await.map(drop)
                }
                Deed::DeleteGuild => chat.delete_guild(&owner, GUILD, NAME, None).await,
            };
            let outcome = nodes.cluster.on(node, asking).await;
            nodes
                .cluster
                .trace()
                .note(|| format!("the owner on node {node}: {deed:?}: {outcome:?}"));
            match outcome {
                Some(Ok(())) => return,
                Some(Err(error)) if error.code == Code::NotFound => return,
                Some(Err(_)) | None => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(nodes.random.below(100))).await;
    }
}

async fn check(nodes: &Nodes, is_deleted: bool) -> Outcome {
    let store = nodes.cluster.store(0);
    let mut outcome = Outcome {
        is_deleted,
        ..Outcome::default()
    };
    let mut left = rows_left(&store, StateTable::Jobs, &[]).await;
    if is_deleted {
        for prefix in [RowPrefix::MembersOf(GUILD), RowPrefix::ChannelsOf(GUILD)] {
            left += store.list_rows(&prefix, None, 100).await.unwrap().rows.len();
        }
        for table in [StateTable::Claims, StateTable::InviteSlots, StateTable::Arrivals] {
            left += rows_left(&store, table, &GUILD.to_bytes()).await;
        }
        left += rows_left(&store, StateTable::Invites, &[]).await;
    }
    if left > 0 {
        outcome
            .violations
            .push(Violation(format!("{left} rows are left")));
    }
    if is_deleted {
        outcome.violations.extend(texts_left(&store).await);
        return outcome;
    }
    for number in 0..ROOMS {
        let page = store.history(room(number), Anchor::Latest, 200).await.unwrap();
        for message in page.messages {
            let is_banned = message.author == user(BANNED);
            let is_named = number == 0 && [2, 4, 5].contains(&message.seq);
            let is_gone = message.deleted.is_some();
            outcome.purged += usize::from(is_banned && is_gone);
            if is_gone != (is_banned || is_named) || is_gone != message.text.is_empty() {
                outcome
                    .violations
                    .push(Violation(format!("room {number}: {message:?}")));
            }
        }
    }
    outcome
}

/// What can still be read in the channels of the deleted guild.
async fn texts_left(store: &Store) -> Vec<Violation> {
    let mut left = Vec::new();
    for number in 0..ROOMS {
        let page = store.history(room(number), Anchor::Latest, 200).await.unwrap();
        let messages = page
            .messages
            .into_iter()
            .filter(|message| message.deleted.is_none());
        left.extend(messages.map(|message| Violation(format!("room {number} still has {message:?}"))));
    }
    left
}

async fn rows_left(store: &Store, table: StateTable, prefix: &[u8]) -> usize {
    let page = store.state_list(table, prefix, None, 100).await.unwrap();
    page.rows.len()
}
