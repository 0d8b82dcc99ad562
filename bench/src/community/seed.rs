//! Fills a data folder with a community, below the server's doors: ten thousand sign-ups would be ten thousand slow hashes.

use std::path::Path;

use madang_storage::embedded::{self, Options};
use madang_storage::model::{Draft, EventId, Fact, GuildId, Head, RoomId, Rows, StreamId, UserId};
use madang_storage::{AppendError, Command, Env, Store};
use tokio::task::JoinSet;

use super::Arguments;
use crate::world::World;

/// How many appends wait at a time.
const AT_ONCE: usize = 256;

/// What there is now.
pub(super) struct Seeded {
    /// Members of the large guild.
    pub(super) members: usize,
    /// Channels of the large guild.
    pub(super) channels: usize,
}

/// What happens when an append is refused: never, these decisions always agree.
#[derive(Debug)]
enum Never {}

/// Fills the folder. No server may run on it.
pub(super) fn fill(
    folder: &Path,
    world: &World,
    owner: &str,
    arguments: &Arguments,
) -> anyhow::Result<Seeded> {
    let (large, owner): (GuildId, UserId) = (world.guild.parse()?, owner.parse()?);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let options = Options {
            min_free_bytes: 0,
            ..Options::default()
        };
        let embedded = embedded::open(folder, options)?;
        let (store, env) = (embedded.store(), Env::system());
        let mut facts: Vec<(StreamId, Fact)> = Vec::new();
        for _ in 1..arguments.members {
            let user = UserId::from_u128(env.next_id());
            let name = format!("user-{user}").to_lowercase();
            facts.push((StreamId::User(user), Fact::UserCreated { name }));
            facts.push((StreamId::Guild(large), Fact::MemberJoined { user }));
        }
        for number in 1..arguments.channels {
            facts.push(channel(&env, large, number));
        }
        for _ in 0..arguments.guilds {
            let guild = GuildId::from_u128(env.next_id());
            let name = format!("guild {guild}");
            facts.push((StreamId::Guild(guild), Fact::GuildCreated { name, owner }));
            for number in 0..arguments.channels_each {
                facts.push(channel(&env, guild, number));
            }
        }
        append_all(&store, &env, owner, facts).await?;
        store.close().await?;
        anyhow::Ok(())
    })?;
    Ok(Seeded {
        // Whoever joins is one more.
        members: arguments.members,
        channels: arguments.channels,
    })
}

fn channel(env: &Env, guild: GuildId, number: usize) -> (StreamId, Fact) {
    let room = RoomId::from_u128(env.next_id());
    let fact = Fact::channel_created(guild, format!("channel-{number}"), String::new());
    (StreamId::Room(room), fact)
}

async fn append_all(
    store: &Store,
    env: &Env,
    actor: UserId,
    facts: Vec<(StreamId, Fact)>,
) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    for (stream, fact) in facts {
        if running.len() >= AT_ONCE
            && let Some(done) = running.join_next().await
        {
            done??;
        }
        let (store, event_id) = (store.clone(), EventId::from_u128(env.next_id()));
        running.spawn(async move {
            let command = Command {
                stream,
                event_id,
                actor: Some(actor),
                access_rev: u64::from(matches!(stream, StreamId::Room(_))),
                nonce: None,
                rows: Vec::new(),
            };
            let decide = move |_: &Head, _: &Rows| Ok::<Draft, Never>(fact.clone().into());
            match store.append(command, decide).await {
                Ok(_) => anyhow::Ok(()),
                Err(AppendError::Refused(never)) => match never {},
                Err(AppendError::Store(error)) => Err(error.into()),
            }
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}
