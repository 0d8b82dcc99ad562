//! What a connection costs that only waits.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use crate::floor;
use crate::machine::clock;
use crate::machine::cpu::Cpu;
use crate::machine::limits;
use crate::machine::memory::{Memory, kernel_slab};
use crate::net::crowd::{Crowd, Sink};
use crate::net::frame::Frame;
use crate::report::{Report, progress};
use crate::server::ServerArguments;
use crate::world::World;

/// Idle connections: authenticated, watching their guild, with one room open.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// How many connections.
    #[arg(long, default_value_t = 5_000)]
    connections: usize,
    /// Over how many channels their open rooms spread.
    #[arg(long, default_value_t = 1)]
    channels: usize,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    limits::allow_connections(arguments.connections)?;
    let mut report = Report::default();
    for run in 1..=arguments.runs {
        progress(&format!("run {run} of {}", arguments.runs));
        measure_floor(&mut report, arguments.connections)?;
        measure_server(&mut report, arguments)?;
    }
    report.print();
    Ok(())
}

/// Weighs the yardstick's connections.
pub(crate) fn measure_floor(report: &mut Report, connections: usize) -> anyhow::Result<()> {
    let process = floor::start()?;
    let before = Memory::settled(process.id())?;
    let mut crowd = Crowd::new()?;
    for index in 0..connections {
        crowd.add(floor::subscribe(process.address, index)?, Vec::new())?;
    }
    let after = Memory::settled(process.id())?;
    let row = format!("floor, {connections} idle");
    report.add(
        &row,
        "PSS KiB/connection",
        per(before.pss, after.pss, connections),
    );
    Ok(())
}

fn measure_server(report: &mut Report, arguments: &Arguments) -> anyhow::Result<()> {
    let connections = arguments.connections;
    let row = format!("server, {connections} idle in {} channels", arguments.channels);
    let data = arguments.server.data()?;
    // Making many channels at once is more than one person does.
    let settings = [("MADANG_GATEWAY__REQUESTS_PER_SECOND", "100000")];
    let world = World::build(
        arguments.server.start(data.path(), &settings)?,
        arguments.channels,
    )?;
    let process = world.process.id();
    // What the first connection brings once for all of them belongs to the server, not to each.
    drop(world.connect(0)?);
    let before = Memory::settled(process)?;
    let slab = kernel_slab()?;
    let start = Instant::now();
    let mut crowd = world.gather(connections)?;
    report.add(
        &row,
        "connected and ready per second",
        connections as f64 / start.elapsed().as_secs_f64(),
    );
    let after = Memory::settled(process)?;
    report.add(
        &row,
        "PSS KiB/connection",
        per(before.pss, after.pss, connections),
    );
    report.add(
        &row,
        "kernel slab KiB/connection, both ends",
        per(slab, kernel_slab()?, connections),
    );
    report.add(&row, "server PSS before KiB", before.pss as f64);
    report.add(&row, "server PSS after KiB", after.pss as f64);

    let cpu = Cpu::of(process)?;
    thread::sleep(Duration::from_secs(5));
    let used = cpu.elapsed()?.as_secs_f64() / 5.0;
    report.add(&row, "idle CPU % of a core", used * 100.0);

    let heard = hear_one_message(&world, &mut crowd)?;
    let expected = connections.div_ceil(arguments.channels);
    anyhow::ensure!(
        heard == expected,
        "{heard} of {expected} idle connections heard a message"
    );
    Ok(())
}

fn per(before: u64, after: u64, connections: usize) -> f64 {
    (after as f64 - before as f64) / connections as f64
}

/// Counts who hears a message: an idle connection that is dead weighs nothing.
struct Hearing(usize);

impl Sink for Hearing {
    fn frame(&mut self, _: usize, frame: &Frame<'_>, _: u64) {
        let kind = br#""kind":"message.posted""#;
        self.0 += usize::from(frame.payload.windows(kind.len()).any(|window| window == kind));
    }

    fn ended(&mut self, _: usize) {}
}

fn hear_one_message(world: &World, crowd: &mut Crowd) -> anyhow::Result<usize> {
    let path = format!("/api/v1/rooms/{}/messages", world.rooms[0]);
    world.owner.post(&path, &json!({"text": "is anybody there?"}))?;
    let mut hearing = Hearing(0);
    crowd.pump_until(clock::now() + 2_000_000_000, &mut hearing, |_| false)?;
    Ok(hearing.0)
}
