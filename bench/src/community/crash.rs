//! Many connections of one guild come back after a crash, all at once.

use std::time::Instant;

use serde_json::json;

use super::{Arguments, SETTINGS, millis, wait_for};
use crate::machine::cpu::Cpu;
use crate::net::client::Client;
use crate::report::Report;
use crate::world::World;

/// How many channels the guild has.
const CHANNELS: usize = 100;
/// How many threads connect. More would only wait for the same two processors.
const THREADS: usize = 4;

/// Measures from the start of the new process until everybody is live again, and hears.
pub(super) fn measure(arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    let connections = arguments.connections;
    let row = format!("{connections} clients of one guild with {CHANNELS} channels after kill -9");
    let data = arguments.server.data()?;
    let mut world = World::build(arguments.server.start(data.path(), &SETTINGS)?, CHANNELS)?;
    let clients = all(&world, connections, None)?;
    // What everybody missed, and what comes right after the crash.
    for room in &world.rooms {
        let path = format!("/api/v1/rooms/{room}/messages");
        world.owner.post(&path, &json!({ "text": "before" }))?;
    }
    let epoch = clients[0].epoch.clone();
    world.process.kill()?;
    drop(clients);
    let begin = Instant::now();
    world.restart(arguments.server.start(data.path(), &SETTINGS)?)?;
    report.add(&row, "server ready ms", millis(begin));
    let cpu = Cpu::of(world.process.id())?;
    let mut clients = all(&world, connections, Some(&epoch.to_string()))?;
    report.add(&row, "all live again ms", millis(begin));
    report.add(&row, "server CPU ms", cpu.elapsed()?.as_secs_f64() * 1e3);
    // The room was resumed where it was left: the message from before the crash follows.
    let last = clients.len() - 1;
    for index in [0, last] {
        wait_for(&mut clients[index], |frame| frame["data"]["text"] == "before")?;
    }
    Ok(())
}

/// Connects everybody: with an epoch by resuming a room from its beginning.
fn all(world: &World, connections: usize, epoch: Option<&str>) -> anyhow::Result<Vec<Client>> {
    let share = connections.div_ceil(THREADS);
    let results: Vec<anyhow::Result<Vec<Client>>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..THREADS)
            .map(|thread| {
                let range = thread * share..connections.min((thread + 1) * share);
                scope.spawn(move || range.map(|index| one(world, index, epoch)).collect())
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                let ended = handle.join();
                ended.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))
            })
            .collect()
    });
    let mut clients = Vec::with_capacity(connections);
    for result in results {
        clients.extend(result?);
    }
    Ok(clients)
}

fn one(world: &World, index: usize, epoch: Option<&str>) -> anyhow::Result<Client> {
    let room = &world.rooms[index % world.rooms.len()];
    let target = world.process.address;
    let mut client = Client::connect(target, index, crate::net::connect::Network::Loopback)?;
    let token = world.owner.token.clone().unwrap_or_default();
    match epoch {
        None => {
            client.request("authenticate", json!({ "token": token }))?;
            client.request("open", json!({ "room": room }))?;
        }
        Some(epoch) => {
            let epoch: serde_json::Value = serde_json::from_str(epoch)?;
            let resume = json!({ "epoch": epoch, "rooms": { room: 1 }, "guilds": {} });
            client.request("authenticate", json!({ "token": token, "resume": resume }))?;
        }
    }
    Ok(client)
}
