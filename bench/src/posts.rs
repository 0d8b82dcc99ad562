//! Durable posts through the gateway: how many a second, and how long each takes.

use clap::Args;
use hdrhistogram::Histogram;
use madang_storage::Env;
use rand::seq::SliceRandom as _;

use crate::machine::cpu::Cpu;
use crate::machine::{clock, disk, limits};
use crate::report::{Report, progress};
use crate::senders::{Draft, post_all};
use crate::server::ServerArguments;
use crate::text::Writer;
use crate::world::World;

/// Durable posts through the gateway, beside the disk's own sync.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// How many senders wait for their answers at once; one row for each.
    #[arg(long, value_delimiter = ',', default_value = "1,16,256")]
    senders: Vec<usize>,
    /// How many channels they post in.
    #[arg(long, default_value_t = 16)]
    channels: usize,
    /// How long each row posts, in seconds, after one second that does not count.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Which engine stores.
    #[arg(long, default_value = "sled")]
    engine: String,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// What one row showed.
struct Outcome {
    rate: f64,
    latencies: Histogram<u64>,
    cpu_us: f64,
    client_share: f64,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    const FLOOR: &str = "floor: 4 KiB and fdatasync";
    limits::allow_connections(arguments.senders.iter().copied().max().unwrap_or_default())?;
    let mut report = Report::default();
    report.row(FLOOR);
    let name = |senders: &usize| format!("{}, {senders} senders", arguments.engine);
    arguments
        .senders
        .iter()
        .for_each(|senders| report.row(&name(senders)));
    let ms = |nanos: u64| nanos as f64 / 1e6;
    for run in 1..=arguments.runs {
        progress(&format!("run {run} of {}", arguments.runs));
        let floor = disk::sync_floor(arguments.server.data()?.path(), 500)?;
        let floor_ms = floor.value_at_quantile(0.5) as f64 / 1e3;
        report.add(FLOOR, "p50 ms", floor_ms);
        report.add(FLOOR, "p99 ms", floor.value_at_quantile(0.99) as f64 / 1e3);
        let mut order = arguments.senders.clone();
        order.shuffle(&mut rand::rng());
        for senders in order {
            let row = name(&senders);
            let outcome = measure(arguments, senders)?;
            let p50 = ms(outcome.latencies.value_at_quantile(0.5));
            report.add(&row, "posts/s", outcome.rate);
            report.add(&row, "p50 ms", p50);
            report.add(&row, "p99 ms", ms(outcome.latencies.value_at_quantile(0.99)));
            report.add(&row, "max ms", ms(outcome.latencies.max()));
            report.add(&row, "p50 / floor p50", p50 / floor_ms);
            report.add(&row, "server CPU us/post", outcome.cpu_us);
            report.add(&row, "client % of a core", outcome.client_share * 100.0);
            if outcome.client_share > 0.8 {
                progress(&format!("void: the client was busy in a run of \"{row}\""));
                report.add(&row, "void runs", 1.0);
            }
        }
    }
    report.print();
    Ok(())
}

fn measure(arguments: &Arguments, senders: usize) -> anyhow::Result<Outcome> {
    let data = arguments.server.data()?;
    let settings = [
        ("MADANG_GATEWAY__REQUESTS_PER_SECOND", "1000000"),
        ("MADANG_STORAGE__KIND", arguments.engine.as_str()),
    ];
    let world = World::build(
        arguments.server.start(data.path(), &settings)?,
        arguments.channels,
    )?;
    let env = Env::system();
    let mut writers: Vec<_> = (0..senders).map(|sender| Writer::new(sender as u64)).collect();
    let mut latencies = Histogram::new(3)?;
    let process = world.process.id();

    let from = clock::now() + 1_000_000_000;
    let until = from + arguments.seconds * 1_000_000_000;
    let mut started = None;
    let next = |sender: usize| {
        let now = clock::now();
        if now >= from && started.is_none() {
            started = Some((Cpu::of(process), clock::own_cpu(), now));
        }
        let text = writers[sender].message();
        (now < until).then(|| Draft::new(&env, sender % arguments.channels, text))
    };
    post_all(&world, senders, next, |answered| {
        if answered.sent >= from {
            latencies.record(answered.at - answered.sent)?;
        }
        Ok(())
    })?;
    let Some((cpu, own, began)) = started else {
        anyhow::bail!("nothing was posted")
    };
    let elapsed = (clock::now() - began) as f64 / 1e9;
    let posts = latencies.len().max(1) as f64;
    Ok(Outcome {
        rate: posts / elapsed,
        cpu_us: cpu?.elapsed()?.as_secs_f64() * 1e6 / posts,
        client_share: (clock::own_cpu().saturating_sub(own)).as_secs_f64() / elapsed,
        latencies,
    })
}
