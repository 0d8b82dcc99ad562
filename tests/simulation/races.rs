//! People of one guild who act upon each other at the same moment, on several nodes, while everything goes wrong: they give
//! the guild away and leave it, kick, ban and promote each other, post, edit and delete.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madang::chat::{Chat, Identity, Post, Result as ChatResult, RoleChanges, RoomChanges, Scopes};
use madang_storage::model::{
    Event, Fact, Guild, GuildId, Member, Permissions, Role, RoleId, RoomId, SessionId, StreamId, Timestamp,
    UserId,
};
use madang_storage::sim::{Faults, Random, Trace};

use super::check::Violation;
use super::laws::{check_channel, check_guild};
use super::nodes::Nodes;
use super::run::{append, keep_up};

const GUILD: GuildId = GuildId::from_u128(1);
const ROOM: RoomId = RoomId::from_u128(10);
/// A role between moderators and everybody, which may change what is below it.
const HELPER: RoleId = RoleId::from_u128(70);
const PEOPLE: u64 = 5;

/// What came of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<Violation>,
    /// How often each deed was done, and how often refused.
    pub(crate) done: Times,
    pub(crate) refused: Times,
    pub(crate) trace: String,
}

/// What happened so far.
#[derive(Default)]
struct Tally(Mutex<(Times, Times)>);

/// How often each kind of deed.
type Times = BTreeMap<&'static str, usize>;

fn user(number: u64) -> UserId {
    UserId::from_u128(100 + u128::from(number))
}

fn moderator() -> RoleId {
    let [_, (moderator, _), _] = Role::built_in_of(GUILD);
    moderator
}

/// Runs a seed in a world of its own, with people of whom each does so many things.
pub(crate) async fn race(seed: u64, deeds: u64, is_traced: bool) -> Outcome {
    let random = Random::new(seed);
    let trace = if is_traced { Trace::on() } else { Trace::default() };
    let count = random.between(2, 3) as usize;
    let nodes = Arc::new(Nodes::start(count, random.clone(), trace.clone(), true).await);
    set_up(&nodes).await;
    nodes.cluster.set_faults(Faults::random(&random));
    nodes.bad_days(true);
    let tally = Arc::new(Tally::default());
    let people = (0..PEOPLE).map(|number| {
        let (nodes, tally) = (Arc::clone(&nodes), Arc::clone(&tally));
        tokio::spawn(async move { act(&nodes, number, deeds, &tally).await })
    });
    let people: Vec<_> = people.collect();
    let keeper = tokio::spawn(keep_up(Arc::clone(&nodes)));
    for person in people {
        person.await.unwrap();
    }
    keeper.abort();
    assert!(keeper.await.unwrap_err().is_cancelled());
    nodes.cluster.set_faults(Faults::default());
    nodes.bad_days(false);
    // What was late has come by then.
    tokio::time::sleep(Duration::from_secs(25)).await;
    nodes.restart(0).await;
    let guild = events(&nodes, StreamId::Guild(GUILD)).await;
    let (mut violations, standings) = check_guild(GUILD, &guild);
    let room = events(&nodes, StreamId::Room(ROOM)).await;
    violations.extend(check_channel(&standings, &room));
    for event in guild.iter().chain(&room) {
        trace.note(|| format!("{:?}", (event.stream, event.rev(), event.actor, &event.fact)));
    }
    let (done, refused) = std::mem::take(&mut *tally.0.lock().unwrap());
    Outcome {
        violations,
        done,
        refused,
        trace: trace.text(),
    }
}

/// Everybody is a member; one is a moderator and one a helper, so that there are some whom only some can act upon.
async fn set_up(nodes: &Nodes) {
    let store = nodes.cluster.store(0);
    let stream = StreamId::Guild(GUILD);
    for number in 0..PEOPLE {
        let name = format!("user {number}");
        append(
            nodes,
            &store,
            StreamId::User(user(number)),
            Fact::UserCreated { name },
        )
        .await;
    }
    let (name, owner) = ("guild".to_owned(), user(0));
    append(nodes, &store, stream, Fact::GuildCreated { name, owner }).await;
    for number in 1..PEOPLE {
        append(nodes, &store, stream, Fact::MemberJoined { user: user(number) }).await;
    }
    let helper = Role {
        name: "helper".to_owned(),
        permissions: Permissions::MANAGE_ROLES
            | Permissions::KICK
            | Permissions::MANAGE_CHANNELS
            | Permissions::MANAGE_MESSAGES,
        position: 5,
        colour: None,
        is_mentionable: false,
        built_in: None,
    };
    let mut lower = helper.clone();
    (lower.position, lower.permissions) = (2, Permissions::KICK);
    append(
        nodes,
        &store,
        stream,
        Fact::RoleChanged {
            id: HELPER,
            role: helper,
        },
    )
    .await;
    let id = RoleId::from_u128(71);
    append(nodes, &store, stream, Fact::RoleChanged { id, role: lower }).await;
    for (number, role) in [(1, moderator()), (2, HELPER)] {
        let member = Member {
            roles: vec![role],
            ..Member::new(Timestamp::from_millis(0))
        };
        let user = user(number);
        append(nodes, &store, stream, Fact::MemberChanged { user, member }).await;
    }
    let guild = Guild {
        is_public: true,
        ..Guild::new("guild".to_owned(), owner, Timestamp::from_millis(0))
    };
    append(nodes, &store, stream, Fact::GuildChanged { guild }).await;
    let channel = Fact::channel_created(GUILD, "general", "");
    append(nodes, &store, StreamId::Room(ROOM), channel).await;
}

/// All events of a stream.
pub(crate) async fn events(nodes: &Nodes, stream: StreamId) -> Vec<Event> {
    let store = nodes.cluster.store(0);
    let mut events: Vec<Event> = Vec::new();
    loop {
        let page = store.events(stream, events.len() as u64, 500).await.unwrap();
        if page.commits.is_empty() {
            return events;
        }
        events.extend(page.commits.into_iter().map(|commit| commit.event));
    }
}

/// Does one thing after the other, each on some node, whoever else does what.
async fn act(nodes: &Nodes, number: u64, deeds: u64, tally: &Tally) {
    let identity = Identity {
        user: user(number),
        session: SessionId::from_u128(1_000 + u128::from(number)),
        scopes: Scopes::ALL,
    };
    for _ in 0..deeds {
        let node = nodes.random.below(nodes.count() as u64) as usize;
        if let Some((chat, _)) = nodes.of(node) {
            let deed = Deed::random(&nodes.random, number);
            let work = nodes.cluster.on(node, |_| deed.carry_out(&chat, &identity));
            let outcome = work.await;
            let what = || format!("user {number} on node {node}: {deed:?}: {outcome:?}");
            nodes.cluster.trace().note(what);
            let (done, refused) = &mut *tally.0.lock().unwrap();
            match outcome {
                Some(Ok(())) => *done.entry(deed.name()).or_default() += 1,
                Some(Err(_)) => *refused.entry(deed.name()).or_default() += 1,
                None => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(nodes.random.below(40))).await;
    }
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Transfer(UserId),
    Leave,
    Join,
    Kick(UserId),
    Ban(UserId),
    LiftBan(UserId),
    Promote(UserId),
    Demote(UserId),
    TakeRight,
    GiveRight,
    Post,
    Edit(u64),
    Delete(u64),
    DeleteMany(u64),
    SetTopic(u64),
}

impl Deed {
    fn random(random: &Random, number: u64) -> Self {
        let other = user((number + random.between(1, PEOPLE - 1)) % PEOPLE);
        let seq = random.between(1, 8);
        match random.below(24) {
            0 | 1 => Self::Transfer(other),
            2 | 3 => Self::Leave,
            4..=6 => Self::Join,
            7 => Self::Kick(other),
            8 => Self::Ban(other),
            9 => Self::LiftBan(other),
            10 | 11 => Self::Promote(other),
            12 => Self::Demote(other),
            13 => Self::TakeRight,
            14 => Self::GiveRight,
            15..=17 => Self::Post,
            18 | 19 => Self::Edit(seq),
            20 | 21 => Self::Delete(seq),
            22 => Self::DeleteMany(seq),
            _ => Self::SetTopic(random.below(1_000)),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Transfer(_) => "transfer",
            Self::Leave => "leave",
            Self::Join => "join",
            Self::Kick(_) => "kick",
            Self::Ban(_) => "ban",
            Self::LiftBan(_) => "lift ban",
            Self::Promote(_) => "promote",
            Self::Demote(_) => "demote",
            Self::TakeRight => "take right",
            Self::GiveRight => "give right",
            Self::Post => "post",
            Self::Edit(_) => "edit",
            Self::Delete(_) => "delete",
            Self::DeleteMany(_) => "delete many",
            Self::SetTopic(_) => "set topic",
        }
    }

    async fn carry_out(self, chat: &Chat, by: &Identity) -> ChatResult<()> {
        match self {
            Self::Transfer(to) => chat.transfer_guild(by, GUILD, to).await,
            Self::Leave => chat.leave_guild(by, GUILD).await,
            Self::Join => chat.join_public_guild(by, GUILD).await.map(drop),
            Self::Kick(user) => chat.kick(by, GUILD, user, None).await,
            Self::Ban(user) => chat.ban(by, GUILD, user, None, None).await,
            Self::LiftBan(user) => chat.lift_ban(by, GUILD, user).await,
            Self::Promote(user) => chat.set_roles(by, GUILD, user, vec![RoleId::from_u128(71)]).await,
            Self::Demote(user) => chat.set_roles(by, GUILD, user, Vec::new()).await,
            Self::TakeRight => self.change_helpers(chat, by, &["manage_roles"]).await,
            Self::GiveRight => {
                let rights = ["manage_roles", "kick", "manage_channels", "manage_messages"];
                self.change_helpers(chat, by, &rights).await
            }
            Self::Post => {
                let post = Post {
                    text: "hello".to_owned(),
                    reply_to: None,
                    nonce: None,
                };
                chat.post(by, ROOM, post).await.map(drop)
            }
            Self::Edit(seq) => chat.edit(by, ROOM, seq, "edited".to_owned()).await.map(drop),
            Self::Delete(seq) => chat.delete(by, ROOM, seq, None).await.map(drop),
            Self::DeleteMany(seq) => {
                let seqs = [seq, seq + 1, seq + 2];
                chat.delete_messages(by, ROOM, &seqs, None).await.map(drop)
            }
            Self::SetTopic(topic) => {
                let topic = Some(format!("topic {topic}"));
                let changes = RoomChanges {
                    topic,
                    ..RoomChanges::default()
                };
                chat.change_channel(by, ROOM, changes).await
            }
        }
    }

    async fn change_helpers(self, chat: &Chat, by: &Identity, rights: &[&str]) -> ChatResult<()> {
        let permissions = rights.iter().map(|right| (*right).to_owned()).collect();
        let changes = RoleChanges {
            permissions: Some(permissions),
            ..RoleChanges::default()
        };
        chat.change_role(by, GUILD, HELPER, changes).await.map(drop)
    }
}
