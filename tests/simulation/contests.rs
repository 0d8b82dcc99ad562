//! What can be had only so often: the last uses of an invite, and the right to administer the instance, which the last
//! one who has it keeps.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use madang::chat::{Chat, Credentials, Identity, NewInvite, Scopes, SetUp, Visitor};
use madang_storage::model::{Fact, GuildId, SessionId, StreamId, UserId};
use madang_storage::sim::{Faults, Random, Trace};

use super::nodes::Nodes;
use super::races::events;
use super::run::{append, keep_up};

const GUILD: GuildId = GuildId::from_u128(1);
const PASSWORD: &str = "correct horse";

/// How many came by an invite, and how many it lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrivals {
    pub(crate) came: u64,
    pub(crate) uses: u64,
    pub(crate) is_quiet: bool,
}

fn identity(user: UserId) -> Identity {
    Identity {
        user,
        session: SessionId::from_u128(user.as_u128()),
        scopes: Scopes::ALL,
    }
}

fn user(number: u64) -> UserId {
    UserId::from_u128(100 + u128::from(number))
}

async fn begin(random: &Random) -> Arc<Nodes> {
    let count = random.between(2, 3) as usize;
    Arc::new(Nodes::start(count, random.clone(), Trace::default(), true).await)
}

/// Bad days on which all of this is done, and the good ones after them.
async fn through_bad_days<W: Future<Output = ()> + Send + 'static>(nodes: &Arc<Nodes>, works: Vec<W>) {
    nodes.cluster.set_faults(Faults::random(&nodes.random));
    nodes.bad_days(true);
    let keeper = tokio::spawn(keep_up(Arc::clone(nodes)));
    all(works).await;
    keeper.abort();
    assert!(keeper.await.unwrap_err().is_cancelled());
    nodes.cluster.set_faults(Faults::default());
    nodes.bad_days(false);
    tokio::time::sleep(Duration::from_secs(25)).await;
    nodes.restart(0).await;
}

async fn all<W: Future<Output = ()> + Send + 'static>(works: Vec<W>) {
    let works: Vec<_> = works.into_iter().map(tokio::spawn).collect();
    for work in works {
        work.await.unwrap();
    }
}

/// More people than an invite has uses follow it at the same moment.
pub(crate) async fn last_uses(seed: u64) -> Arrivals {
    let random = Random::new(seed);
    let nodes = begin(&random).await;
    let store = nodes.cluster.store(0);
    for number in 0..6 {
        let name = format!("user {number}");
        append(
            &nodes,
            &store,
            StreamId::User(user(number)),
            Fact::UserCreated { name },
        )
        .await;
    }
    let (name, owner) = ("guild".to_owned(), user(0));
    let stream = StreamId::Guild(GUILD);
    append(&nodes, &store, stream, Fact::GuildCreated { name, owner }).await;
    let uses = random.between(1, 3);
    let (chat, _) = nodes.of(0).unwrap();
    let invite = NewInvite {
        guild: GUILD,
        max_uses: Some(uses),
        expires_in_seconds: None,
    };
    let code = chat.create_invite(&identity(owner), invite).await.unwrap().code;
    let is_quiet = random.chance(300);
    let follow = |number: u64| {
        let (nodes, code) = (Arc::clone(&nodes), code.clone());
        async move {
            for _ in 0..4 {
                let node = nodes.random.below(nodes.count() as u64) as usize;
                if let Some((chat, _)) = nodes.of(node) {
                    let by = identity(user(number));
                    let joined = nodes.cluster.on(node, |_| chat.join_by_invite(&by, &code)).await;
                    if matches!(joined, Some(Ok(_))) {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(nodes.random.below(30))).await;
            }
        }
    };
    let works: Vec<_> = (1..6).map(follow).collect();
    if is_quiet {
        all(works).await;
    } else {
        through_bad_days(&nodes, works).await;
    }
    let joined = |fact: &Fact| matches!(fact, Fact::MemberJoined { .. });
    let history = events(&nodes, stream).await;
    let came = history.iter().filter(|event| joined(&event.fact)).count() as u64;
    Arrivals { came, uses, is_quiet }
}

/// Three administrators take the right from each other and from themselves, and now and then give it back. Answers how
/// many are left, and how often somebody lost it.
pub(crate) async fn administrators(seed: u64) -> (usize, usize) {
    let random = Random::new(seed);
    let nodes = begin(&random).await;
    let (chat, _) = nodes.of(0).unwrap();
    let people = three_administrators(&chat).await;
    let lost = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let act = |place: usize| {
        let (nodes, people, lost) = (Arc::clone(&nodes), people.clone(), Arc::clone(&lost));
        async move {
            for _ in 0..30 {
                let node = nodes.random.below(nodes.count() as u64) as usize;
                if let Some((chat, _)) = nodes.of(node) {
                    let by = identity(people[place]);
                    let whom = people[nodes.random.below(people.len() as u64) as usize];
                    let gives = nodes.random.chance(300);
                    let work = async |_| {
                        if gives {
                            chat.grant_administrator(&by, whom).await
                        } else {
                            chat.revoke_administrator(&by, whom).await
                        }
                    };
                    if let (Some(Ok(())), false) = (nodes.cluster.on(node, work).await, gives) {
                        lost.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    }
                }
                tokio::time::sleep(Duration::from_millis(nodes.random.below(10))).await;
            }
        }
    };
    through_bad_days(&nodes, (0..people.len()).map(act).collect()).await;
    let (chat, _) = nodes.of(0).unwrap();
    let mut left = 0;
    for user in &people {
        left += usize::from(chat.me(&identity(*user)).await.unwrap().owner);
    }
    (left, lost.load(std::sync::atomic::Ordering::SeqCst))
}

async fn three_administrators(chat: &Chat) -> Vec<UserId> {
    let request = SetUp {
        token: chat.open_setup().await.unwrap().unwrap(),
        instance_name: "yard".to_owned(),
        guild_name: "guild".to_owned(),
        channel_name: None,
        owner: Credentials {
            name: "minji".to_owned(),
            password: PASSWORD.to_owned(),
        },
    };
    let visitor = Visitor {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        device: "a test".to_owned(),
    };
    chat.set_up(request, &visitor).await.unwrap();
    for name in ["jiho", "sora"] {
        chat.operator_adds(name, Some(PASSWORD)).await.unwrap();
        chat.operator_makes_administrator(name, true).await.unwrap();
    }
    let list = chat.operator_lists(None).await.unwrap();
    list.accounts.into_iter().map(|account| account.id).collect()
}
