//! What it costs to ask whether somebody may hear a room: every delivery asks it of its receivers.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use madang::broker::memory::Bus;
use madang::chat::{Absent, Chat, Missed, Places, Presences, Rules};
use madang::hub::{Audience, Encoder, FrameKey, Hub, Signal, Standing};
use madang::presence::memory::Commons;
use madang_storage::embedded::{self, Options};
use madang_storage::model::{
    Commit, Draft, EventId, Fact, GuildId, Head, Member, Override, OverrideTarget, Permissions, Role, RoleId,
    Room, RoomId, RoomKind, Rows, StreamId, Timestamp, UserId,
};
use madang_storage::{AppendError, Command, Env, Store};

use crate::report::Report;

/// Whether somebody may hear a room.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many members the guild has.
    #[arg(long, default_value_t = 10_000)]
    members: u64,
    /// How many roles each of them has.
    #[arg(long, default_value_t = 5)]
    roles: u64,
    /// How many exceptions the channel has.
    #[arg(long, default_value_t = 10)]
    exceptions: u64,
    /// How often it is asked.
    #[arg(long, default_value_t = 5_000_000)]
    times: u64,
    /// How many runs the figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// Nobody is connected.
struct Silent;

impl Encoder for Silent {
    fn event(&self, _: FrameKey, _: &Commit) -> Bytes {
        Bytes::new()
    }

    fn signal(&self, _: FrameKey, _: &Signal) -> Bytes {
        Bytes::new()
    }
}

impl Absent for Silent {
    fn absent(&self, _: &Missed) {}
}

/// What happens when an append is refused: never, these decisions always agree.
#[derive(Debug)]
enum Never {}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut report = Report::default();
    runtime.block_on(async {
        let options = Options {
            min_free_bytes: 0,
            ..Options::default()
        };
        let store = embedded::open(folder.path(), options)?.store();
        let (guild, room) = (GuildId::from_u128(1 << 64), RoomId::from_u128(2 << 64));
        seed(&store, arguments, guild, room).await?;
        let chat = node(&store);
        let stream = StreamId::Room(room);
        let any = Standing { guild: 0, room: 0 };
        chat.reach(stream, any).await.context("nobody knows the room")?;
        let row = format!(
            "{} members with {} roles, {} exceptions",
            arguments.members, arguments.roles, arguments.exceptions
        );
        for _ in 0..arguments.runs {
            let begin = Instant::now();
            let mut heard = 0_u64;
            for time in 0..arguments.times {
                // Not one after the other: members lie anywhere in memory.
                let user = UserId::from_u128(u128::from(1 + time.wrapping_mul(7_919) % arguments.members));
                heard += u64::from(chat.may_hear(black_box(user), stream) == Some(true));
            }
            anyhow::ensure!(
                heard == arguments.times,
                "{heard} of {} may hear",
                arguments.times
            );
            let nanos = begin.elapsed().as_nanos() as f64 / arguments.times as f64;
            report.add(&row, "ns a question", nanos);
        }
        store.close().await?;
        anyhow::Ok(())
    })?;
    report.print();
    Ok(())
}

fn node(store: &Store) -> Chat {
    let env = Env::system();
    let hub = Hub::new(Arc::new(Silent));
    let presence = Commons::new(env.clone(), Duration::ZERO).join();
    let presences = Presences::new(presence, Arc::new(Silent), Duration::ZERO);
    let chat = Chat::new(
        store.clone(),
        env,
        Places::default(),
        hub.clone(),
        Bus::new().join(),
        presences,
        Rules::default(),
    );
    hub.attach(store.clone(), Arc::new(chat.clone()));
    chat
}

async fn seed(store: &Store, arguments: &Arguments, guild: GuildId, room: RoomId) -> anyhow::Result<()> {
    let owner = UserId::from_u128(u128::MAX >> 4);
    let name = "bench".to_owned();
    append(store, StreamId::Guild(guild), Fact::GuildCreated { name, owner }).await?;
    let role_ids: Vec<RoleId> = (1..=arguments.roles)
        .map(|id| RoleId::from_u128(u128::from(id)))
        .collect();
    for id in &role_ids {
        let role = Role {
            name: format!("role {id}"),
            permissions: Permissions::of_members(),
            position: 1,
            colour: None,
            is_mentionable: false,
            built_in: None,
        };
        append(store, StreamId::Guild(guild), Fact::RoleChanged { id: *id, role }).await?;
    }
    for number in 1..=arguments.members {
        let user = UserId::from_u128(u128::from(number));
        append(store, StreamId::Guild(guild), Fact::MemberJoined { user }).await?;
        let member = Member {
            roles: role_ids.clone(),
            ..Member::new(Timestamp::default())
        };
        append(
            store,
            StreamId::Guild(guild),
            Fact::MemberChanged { user, member },
        )
        .await?;
    }
    let mut channel = Room::new(RoomKind::Channel { guild }, "bench".to_owned(), String::new());
    channel.overrides = (1..=arguments.exceptions)
        .map(|number| Override {
            target: OverrideTarget::Role(RoleId::from_u128(u128::from(number))),
            allow: Permissions::PIN,
            deny: Permissions::NONE,
        })
        .collect();
    let created = Fact::RoomCreated {
        room: channel,
        members: Vec::new(),
    };
    append(store, StreamId::Room(room), created).await
}

async fn append(store: &Store, stream: StreamId, fact: Fact) -> anyhow::Result<()> {
    let command = Command {
        stream,
        event_id: EventId::from_u128(rand::random()),
        actor: None,
        access_rev: 1,
        nonce: None,
        rows: Vec::new(),
    };
    let decide = move |_: &Head, _: &Rows| Ok::<Draft, Never>(fact.clone().into());
    match store.append(command, decide).await {
        Ok(_) => Ok(()),
        Err(AppendError::Refused(never)) => match never {},
        Err(AppendError::Store(error)) => Err(error.into()),
    }
}
