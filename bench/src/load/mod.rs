//! Many real-looking messages through the public door, and whether all of them are there afterwards: in pages both ways,
//! in the counts, in what is unread, and again after the server was killed.

mod check;

use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use madang_storage::Env;
use serde_json::Value;

use crate::machine::limits;
use crate::machine::memory::Memory;
use crate::report::{Report, progress};
use crate::senders::{Draft, post_all};
use crate::server::ServerArguments;
use crate::text::Writer;
use crate::world::World;
use check::Checker;

/// Many messages through the public door, checked.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// How many messages.
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Over how many channels they spread, unevenly.
    #[arg(long, default_value_t = 20)]
    channels: usize,
    /// How many connections post at once.
    #[arg(long, default_value_t = 128)]
    senders: usize,
    /// The engines to run with.
    #[arg(long, value_delimiter = ',', default_value = "sled,redb")]
    engines: Vec<String>,
    /// How many runs each figure is the median of. One checks as much as five.
    #[arg(long, default_value_t = 1)]
    runs: usize,
}

/// The messages of one channel as their senders know them: the first has number 1.
type Room = Vec<Option<Draft>>;

/// Loads, checks, and prints. Anything that is not as it should be is an error.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    limits::allow_connections(arguments.senders)?;
    let mut report = Report::default();
    for run in 1..=arguments.runs {
        for engine in &arguments.engines {
            progress(&format!("run {run} of {}: {engine}", arguments.runs));
            measure(arguments, engine, &mut report).with_context(|| format!("with {engine}"))?;
        }
    }
    report.print();
    Ok(())
}

fn measure(arguments: &Arguments, engine: &str, report: &mut Report) -> anyhow::Result<()> {
    let row = format!("{engine}, {} messages", arguments.messages);
    let data = arguments.server.data()?;
    let settings = [
        ("MADANG_GATEWAY__REQUESTS_PER_SECOND", "1000000"),
        ("MADANG_STORAGE__KIND", engine),
    ];
    let mut world = World::build(
        arguments.server.start(data.path(), &settings)?,
        arguments.channels,
    )?;
    let reader = world.invite("reader")?;

    let start = Instant::now();
    let rooms = fill(arguments, &world)?;
    let rate = arguments.messages as f64 / start.elapsed().as_secs_f64();
    report.add(&row, "posts/s", rate);
    let memory = Memory::settled(world.process.id())?;
    report.add(&row, "PSS after the load MiB", memory.pss as f64 / 1024.0);

    let mut checker = Checker::new(rooms, reader);
    checker.everything(&world, report, &row)?;
    checker.mark_some(&world)?;
    checker.unread(&world)?;

    world.process.kill()?;
    let start = Instant::now();
    world.restart(arguments.server.start(data.path(), &settings)?)?;
    report.add(
        &row,
        "ready after SIGKILL ms",
        start.elapsed().as_secs_f64() * 1e3,
    );
    checker.everything(&world, report, &row)?;
    checker.unread(&world)?;
    checker.retry_some(&world)?;
    checker.go_on(&world)?;
    let memory = Memory::settled(world.process.id())?;
    report.add(
        &row,
        "PSS after restart and reading all MiB",
        memory.pss as f64 / 1024.0,
    );
    Ok(())
}

/// Posts everything; answers what must be there.
fn fill(arguments: &Arguments, world: &World) -> anyhow::Result<Vec<Room>> {
    let env = Env::system();
    let mut writer = Writer::new(7);
    let mut left = arguments.messages;
    let mut rooms: Vec<Room> = vec![Room::new(); world.rooms.len()];
    let next = |_| {
        left = left.checked_sub(1)?;
        let room = writer.skewed(arguments.channels);
        Some(Draft::new(&env, room, writer.message()))
    };
    post_all(world, arguments.senders, next, |answered| {
        let answer: Value = serde_json::from_slice(answered.payload)?;
        let (draft, message) = (answered.draft, &answer["ok"]["message"]);
        anyhow::ensure!(
            answer["ok"]["replayed"] == false && message["text"] == draft.text,
            "a post was answered with another message: {answer}"
        );
        let seq = usize::try_from(message["seq"].as_u64().context("a message without a number")?)?;
        let room = &mut rooms[draft.room];
        let place = seq.checked_sub(1).context("a message with the number 0")?;
        if room.len() <= place {
            room.resize(place + 1, None);
        }
        let before = room[place].replace(draft);
        anyhow::ensure!(before.is_none(), "two messages have the number {seq} of one room");
        Ok(())
    })?;
    Ok(rooms)
}
