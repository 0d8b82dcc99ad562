//! Some readers stop reading. The others must not notice; those that stopped are closed, come back, and have lost nothing.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::stage::{Outcome, Plan, Stage};
use super::{Arguments, warm_up};
use crate::machine::memory::Memory;
use crate::net::client::{Client, Received};
use crate::net::connect::Network;
use crate::report::Report;
use crate::world::World;

/// The code for a reader that was too slow.
const TOO_SLOW: u16 = 4004;
/// More than the server lets wait for one connection, with what the kernel takes besides.
const OVERRUN_BYTES: usize = 700 * 1024;
/// The text of a message that fills the readers' queues.
const FILLING_BYTES: usize = 2_000;

/// What all the readers that stopped may cost the server together, in KiB: their queues are bounded.
const MAX_GROWTH_KIB: f64 = 32.0 * 1024.0;
/// How many messages a reader misses that comes back soon: fewer than the server tells again.
const SHORT_ABSENCE: u32 = 100;

/// A room's messages by number, each with its rev and text.
type Log = BTreeMap<u64, (u64, String)>;

/// A reader that has stopped.
struct Stopped {
    client: Option<Client>,
    log: Log,
    /// The newest event that it was told of.
    rev: u64,
}

/// Measures the readers that go on while others have stopped, then fills the queues of these until they are closed, and
/// lets them resume.
pub(super) fn measure(
    arguments: &Arguments,
    plan: Plan,
    row: &str,
    report: &mut Report,
) -> anyhow::Result<Outcome> {
    let data = arguments.server.data()?;
    let world = World::build(arguments.server.start(data.path(), &[])?, 1)?;
    let count = arguments.stopped();
    let mut stage = Stage::of_world(&world, arguments.subscribers - count)?;
    let mut readers = Vec::new();
    for index in 0..count {
        readers.push(Stopped::connect(&world, arguments.subscribers + 1 + index)?);
    }
    warm_up(&mut stage, plan)?;
    let before = Memory::of(world.process.id())?;
    let grown = || anyhow::Ok(Memory::of(world.process.id())?.pss.saturating_sub(before.pss) as f64);
    let mut outcome = stage.measure(plan)?;
    report.add(row, "PSS growth while they wait KiB", grown()?);
    // What is left to send, with the same envelope around a longer text. Not much more: a connection that is closed has
    // five seconds to hear of it.
    let filling_frame = FILLING_BYTES + outcome.frame_bytes - arguments.bytes;
    let left = OVERRUN_BYTES.saturating_sub(outcome.frame_bytes * usize::try_from(plan.messages)?);
    let filling = Plan {
        messages: u32::try_from(left / filling_frame)?.max(1),
        text_bytes: FILLING_BYTES,
        ..plan
    };
    let filled = stage.measure(filling)?;
    let growth = grown()?;
    report.add(row, "PSS growth once they are closed KiB", growth);
    anyhow::ensure!(
        growth <= MAX_GROWTH_KIB,
        "{count} readers that stopped cost the server {growth} KiB"
    );
    report.add(
        row,
        "p99 while they are closed ms",
        filled.latencies.value_at_quantile(0.99) as f64 / 1e6,
    );
    outcome.lost += filled.lost;

    let room = truth(&world)?;
    let mut told = 0;
    for reader in &mut readers {
        told += u32::from(reader.read_to_the_end()? == Some(TOO_SLOW));
        // Far more was missed than is told again, so this one is about pages.
        anyhow::ensure!(
            reader.resume(&world)?,
            "so much was missed, and no page was to be read"
        );
        reader.compare(&room)?;
    }
    anyhow::ensure!(
        usize::try_from(told)? == count,
        "of {count} readers that stopped {told} were closed as too slow"
    );
    report.add(row, "stopped readers", f64::from(u32::try_from(count)?));
    report.add(row, "closed with 4004", f64::from(told));

    // A short absence is made up for by events alone.
    readers.iter_mut().for_each(Stopped::leave);
    stage.rest()?;
    stage.measure(Plan {
        messages: SHORT_ABSENCE,
        ..plan
    })?;
    let room = truth(&world)?;
    for reader in &mut readers {
        anyhow::ensure!(
            !reader.resume(&world)?,
            "only {SHORT_ABSENCE} messages were missed, and pages were to be read"
        );
        reader.compare(&room)?;
    }
    report.add(
        row,
        "resumed twice with the same log",
        f64::from(u32::try_from(count)?),
    );
    Ok(outcome)
}

impl Stopped {
    fn connect(world: &World, index: usize) -> anyhow::Result<Self> {
        let mut client = Client::connect(world.process.address, index, Network::Narrow)?;
        client.request("authenticate", json!({"token": world.owner.token}))?;
        let opened = client.request("open", json!({"room": world.rooms[0]}))?;
        Ok(Self {
            client: Some(client),
            log: Log::new(),
            rev: number(&opened["head"]["rev"])?,
        })
    }

    /// Reads at last; answers the code that it was closed with.
    fn read_to_the_end(&mut self) -> anyhow::Result<Option<u16>> {
        let mut client = self.client.take().context("a reader without a connection")?;
        loop {
            match client.receive()? {
                Received::Map(map) => self.apply(&map)?,
                Received::Closed(code) => return Ok(code),
            }
        }
    }

    /// Goes without a word.
    fn leave(&mut self) {
        self.client = None;
    }

    fn compare(&self, room: &Log) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.log == *room,
            "a reader that had stopped has {} messages after it came back, and the room {}, or they differ",
            self.log.len(),
            room.len()
        );
        Ok(())
    }

    /// Connects again and says how far it was; answers whether it was told to read pages.
    fn resume(&mut self, world: &World) -> anyhow::Result<bool> {
        let room = &world.rooms[0];
        let mut client = Client::connect(world.process.address, 0, Network::Loopback)?;
        let resume = json!({"epoch": client.epoch, "rooms": {room: self.rev}, "guilds": {}});
        let ready = client.request(
            "authenticate",
            json!({"token": world.owner.token, "resume": resume}),
        )?;
        anyhow::ensure!(
            ready["resumed"] == true,
            "the server lives on, and did not resume: {ready}"
        );
        // What was missed is pushed before the next answer.
        client.request("heartbeat", json!({}))?;
        let mut told_to_read = false;
        for map in std::mem::take(&mut client.pushed) {
            let is_own = map["data"]["stream"].as_str() == Some(&format!("room:{room}"));
            if map["signal"] == "reset" && is_own {
                told_to_read = true;
            }
            self.apply(&map)?;
        }
        if told_to_read {
            let last = self.log.keys().next_back().copied().unwrap_or_default();
            let missed = pages(&mut client, room, last)?;
            self.rev = missed.values().map(|(rev, _)| *rev).fold(self.rev, u64::max);
            self.log.extend(missed);
        }
        self.client = Some(client);
        Ok(told_to_read)
    }

    fn apply(&mut self, map: &Value) -> anyhow::Result<()> {
        if map["kind"] == "message.posted" {
            self.rev = number(&map["rev"])?;
            let (seq, message) = message(&map["data"])?;
            self.log.insert(seq, message);
        }
        Ok(())
    }
}

/// All of the room, as its pages tell it.
fn truth(world: &World) -> anyhow::Result<Log> {
    pages(&mut world.connect(0)?, &world.rooms[0], 0)
}

fn pages(client: &mut Client, room: &str, mut after: u64) -> anyhow::Result<Log> {
    let mut log = Log::new();
    loop {
        let page = client.request("history", json!({"room": room, "after": after, "limit": 200}))?;
        let messages = page["messages"].as_array().context("a page without messages")?;
        if messages.is_empty() {
            return Ok(log);
        }
        for value in messages {
            let (seq, message) = message(value)?;
            log.insert(seq, message);
            after = seq;
        }
    }
}

fn message(value: &Value) -> anyhow::Result<(u64, (u64, String))> {
    let text = crate::world::text(&value["text"])?;
    Ok((number(&value["seq"])?, (number(&value["rev"])?, text)))
}

fn number(value: &Value) -> anyhow::Result<u64> {
    value
        .as_u64()
        .with_context(|| format!("expected a number, found {value}"))
}
