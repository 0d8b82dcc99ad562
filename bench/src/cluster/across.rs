//! The way from one node to another one's connection.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use madang_storage::Env;
use madang_storage::model::Nonce;
use serde_json::{Value, json};

use super::ms;
use crate::machine::clock;
use crate::net::client::{Client, Received};
use crate::report::Report;
use crate::world::World;

/// One person posts on the first node, and one connection on each node has the room open. Each must get every message once.
pub(super) fn measure(world: &World, rate: u64, seconds: u64, report: &mut Report) -> anyhow::Result<()> {
    let token = world.owner.token.as_deref().context("no session")?;
    let room = world.rooms.first().context("no channel")?;
    let addresses: Vec<SocketAddr> = world.processes().map(|process| process.address).collect();
    let count = usize::try_from((rate * seconds).max(1))?;
    let mut poster = Client::sign_in(addresses[0], 0, token)?.0;
    let mut listeners = Vec::new();
    for (place, address) in addresses.iter().enumerate() {
        let mut client = Client::sign_in(*address, place, token)?.0;
        client.request("open", json!({"room": room}))?;
        listeners.push(std::thread::spawn(move || listen(client, count)));
    }
    let env = Env::system();
    let began = clock::now();
    let mut sent = Vec::with_capacity(count);
    let mut answers = Histogram::new(3)?;
    for number in 0..count as u64 {
        clock::sleep_until(began + number * 1_000_000_000 / rate.max(1));
        let nonce = Nonce::from_u128(env.next_id()).to_string();
        let text = format!("{MARK}{number}");
        let at = clock::now();
        poster.request("post", json!({"room": room, "text": text, "nonce": nonce}))?;
        answers.record(clock::now() - at)?;
        sent.push(at);
    }
    let nodes = addresses.len();
    let row = format!("{nodes} nodes, {rate} posts/s on the first");
    tell(report, &row, ["answer p50 ms", "answer p99 ms"], &answers);
    for (place, listener) in listeners.into_iter().enumerate() {
        let heard = listener
            .join()
            .map_err(|_| anyhow::anyhow!("a listener broke"))??;
        let mut delays = Histogram::new(3)?;
        for (number, at) in sent.iter().enumerate() {
            let heard = heard.get(&(number as u64)).context("a message did not arrive")?;
            delays.record(heard.saturating_sub(*at))?;
        }
        let names = if place == 0 {
            ["arrival, same node p50 ms", "arrival, same node p99 ms"]
        } else {
            ["arrival, other node p50 ms", "arrival, other node p99 ms"]
        };
        tell(report, &row, names, &delays);
    }
    Ok(())
}

/// How the messages that count begin.
const MARK: &str = "across-";

fn tell(report: &mut Report, row: &str, [p50, p99]: [&'static str; 2], delays: &Histogram<u64>) {
    report.add(row, p50, ms(delays.value_at_quantile(0.5)));
    report.add(row, p99, ms(delays.value_at_quantile(0.99)));
}

/// When each message arrived.
fn listen(mut client: Client, count: usize) -> anyhow::Result<HashMap<u64, u64>> {
    let mut heard = HashMap::new();
    while heard.len() < count {
        let Received::Map(pushed) = client.receive()? else {
            anyhow::bail!("a listener's connection was closed");
        };
        let now = clock::now();
        if let Some(number) = number_of(&pushed) {
            anyhow::ensure!(heard.insert(number, now).is_none(), "message {number} came twice");
        }
    }
    Ok(heard)
}

fn number_of(pushed: &Value) -> Option<u64> {
    let posted = (pushed["kind"] == "message.posted").then(|| &pushed["data"]["text"])?;
    posted.as_str()?.strip_prefix(MARK)?.parse().ok()
}
