//! What a large community costs: joining, opening, calling everybody, changing a role, and coming back after a crash.

mod crash;
mod seed;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::machine::clock;
use crate::machine::cpu::Cpu;
use crate::machine::memory::Memory;
use crate::net::client::{Client, Received};
use crate::net::crowd::Sink;
use crate::net::frame::Frame;
use crate::report::{Report, progress};
use crate::server::ServerArguments;
use crate::world::{World, text};
use seed::Seeded;

/// A large community.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// How many members its large guild has.
    #[arg(long, default_value_t = 10_000)]
    members: usize,
    /// How many channels that guild has.
    #[arg(long, default_value_t = 500)]
    channels: usize,
    /// How many guilds its owner is in besides,
    #[arg(long, default_value_t = 99)]
    guilds: usize,
    /// and how many channels each of them has.
    #[arg(long, default_value_t = 200)]
    channels_each: usize,
    /// How many connections come back after a crash.
    #[arg(long, default_value_t = 5_000)]
    connections: usize,
    /// How many connections are there when a role changes.
    #[arg(long, default_value_t = 1_000)]
    watchers: usize,
    /// How many posts of each kind are compared.
    #[arg(long, default_value_t = 500)]
    posts: usize,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// A connection may make that many requests.
const SETTINGS: [(&str, &str); 1] = [("MADANG_GATEWAY__REQUESTS_PER_SECOND", "1000000")];

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut report = Report::default();
    for run in 1..=arguments.runs {
        progress(&format!("run {run} of {}", arguments.runs));
        large(arguments, &mut report)?;
        crash::measure(arguments, &mut report)?;
    }
    report.print();
    Ok(())
}

fn large(arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    let data = arguments.server.data()?;
    let mut world = World::build(arguments.server.start(data.path(), &SETTINGS)?, 1)?;
    let newcomer = world.invite("newcomer")?;
    let leave = format!("/api/v1/guilds/{}/members/me", world.guild);
    newcomer.ask("DELETE", &leave, Some(&json!({})))?;
    let me = world.owner.get("/api/v1/me")?;
    world.process.kill()?;
    let seeded = seed::fill(data.path(), &world, &text(&me["user"]["id"])?, arguments)?;
    world.restart(arguments.server.start(data.path(), &SETTINGS)?)?;
    let newcomer = crate::net::http::Asker {
        address: world.process.address,
        token: newcomer.token,
    };

    joining(&world, &seeded, &newcomer, report)?;
    opening(&world, report)?;
    calling(&world, arguments.posts, report)?;
    changing_a_role(&world, arguments, report)
}

/// Somebody joins the large guild, and has all its channels.
fn joining(
    world: &World,
    seeded: &Seeded,
    newcomer: &crate::net::http::Asker,
    report: &mut Report,
) -> anyhow::Result<()> {
    let row = format!(
        "joining a guild of {} with {} channels",
        seeded.members, seeded.channels
    );
    let before = Memory::settled(world.process.id())?;
    let invite = world
        .owner
        .post("/api/v1/invites", &json!({ "guild": world.guild }))?;
    // The guild is in memory from here on.
    let after = Memory::settled(world.process.id())?;
    let bytes = (after.pss as f64 - before.pss as f64) * 1024.0;
    report.add(
        &row,
        "the guild in memory, bytes a member",
        bytes / seeded.members as f64,
    );
    let begin = Instant::now();
    newcomer.post(
        &format!("/api/v1/invites/{}/join", text(&invite["code"])?),
        &json!({}),
    )?;
    report.add(&row, "joined ms", millis(begin));
    let (mut after, mut listed) = (String::new(), 0);
    loop {
        let path = format!("/api/v1/guilds/{}/channels?limit=500{after}", world.guild);
        let page = newcomer.get(&path)?;
        listed += page["channels"].as_array().map_or(0, Vec::len);
        if page["more"] != true {
            break;
        }
        after = format!("&after={}", text(&page["last"])?);
    }
    anyhow::ensure!(
        listed == seeded.channels,
        "{listed} of {} channels",
        seeded.channels
    );
    report.add(&row, "joined and all channels read ms", millis(begin));
    Ok(())
}

/// Somebody in many guilds connects.
fn opening(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let before = Memory::settled(world.process.id())?;
    let token = world.owner.token.clone().unwrap_or_default();
    let mut guilds = 0;
    for turn in ["the first connection", "the next connection"] {
        let mut client = Client::connect(world.process.address, 0, crate::net::connect::Network::Loopback)?;
        let begin = Instant::now();
        let ready = client.request("authenticate", json!({ "token": token }))?;
        let took = millis(begin);
        guilds = ready["guilds"].as_array().map_or(0, Vec::len);
        let row = format!("ready for somebody in {guilds} guilds, {turn}");
        report.add(&row, "ms", took);
        report.add(&row, "KiB", ready.to_string().len() as f64 / 1024.0);
    }
    let after = Memory::settled(world.process.id())?;
    let kib = (after.pss as f64 - before.pss as f64) / guilds.max(1) as f64;
    report.add("ready for somebody in many guilds", "KiB of memory a guild", kib);
    Ok(())
}

/// Posts that call everybody against posts that call nobody, by turns.
fn calling(world: &World, posts: usize, report: &mut Report) -> anyhow::Result<()> {
    let mut client = world.connect(0)?;
    let room = &world.rooms[0];
    let mut took = [Vec::with_capacity(posts), Vec::with_capacity(posts)];
    for _ in 0..posts {
        for (kind, text) in [
            "good morning to you, dear people",
            "@everyone good morning, dear people",
        ]
        .into_iter()
        .enumerate()
        {
            let begin = Instant::now();
            client.request("post", json!({ "room": room, "text": text }))?;
            took[kind].push(millis(begin));
        }
    }
    let [plain, everyone] = took.map(|mut took| {
        took.sort_unstable_by(f64::total_cmp);
        [took[took.len() / 2], took[took.len() * 99 / 100]]
    });
    let row = "a post with @everyone against a plain one";
    report.add(row, "plain p50 ms", plain[0]);
    report.add(row, "plain p99 ms", plain[1]);
    report.add(row, "@everyone p50 ms", everyone[0]);
    report.add(row, "@everyone p99 ms", everyone[1]);
    report.add(row, "p99 / p99", everyone[1] / plain[1]);
    Ok(())
}

/// What everybody may do is changed while many watch.
fn changing_a_role(world: &World, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    struct Told(HashSet<usize>);

    impl Sink for Told {
        fn frame(&mut self, member: usize, frame: &Frame<'_>, _: u64) {
            let signal = br#""signal":"reset""#;
            if frame.payload.windows(signal.len()).any(|window| window == signal) {
                self.0.insert(member);
            }
        }

        fn ended(&mut self, _: usize) {}
    }

    let watchers = arguments.watchers;
    let row = format!("a role changes, {watchers} connections watch");
    let mut crowd = world.gather(watchers)?;
    let cpu = Cpu::of(world.process.id())?;
    let begin = Instant::now();
    let path = format!("/api/v1/guilds/{0}/roles/{0}", world.guild);
    let change = json!({ "permissions": ["view", "post", "react"] });
    let answer = world.owner.ask("PATCH", &path, Some(&change))?;
    anyhow::ensure!(answer.status == 200, "the role was not changed: {}", answer.body);
    report.add(&row, "answered ms", millis(begin));
    let mut told = Told(HashSet::new());
    crowd.pump_until(clock::now() + 20_000_000_000, &mut told, |told| {
        told.0.len() == watchers
    })?;
    anyhow::ensure!(
        told.0.len() == watchers,
        "{} of {watchers} were told",
        told.0.len()
    );
    report.add(&row, "everybody told ms", millis(begin));
    report.add(&row, "server CPU ms", cpu.elapsed()?.as_secs_f64() * 1e3);
    Ok(())
}

fn millis(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1e3
}

/// Waits for a pushed frame.
fn wait_for(client: &mut Client, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        match client.receive()? {
            Received::Map(map) if wanted(&map) => return Ok(()),
            Received::Map(_) => {}
            Received::Closed(code) => anyhow::bail!("closed with {code:?}"),
        }
    }
    anyhow::bail!("what was waited for did not come")
}
