//! Durable posts a second and their latency, for one and for many senders.

use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use madang_storage::Env;
use madang_storage::engine::EngineKind;
use madang_storage::model::{RoomId, UserId};

use super::{make_room, open_store, post};
use crate::machine::disk;
use crate::report::Report;
use crate::text;

/// Durable posts through the store alone.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The engines to measure.
    #[arg(long, value_delimiter = ',', default_value = "sled,redb")]
    engines: Vec<EngineKind>,
    /// How many senders wait for their answers at once.
    #[arg(long, value_delimiter = ',', default_value = "1,16,256")]
    senders: Vec<usize>,
    /// How long each run posts, in seconds.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Where to put the data; a temporary folder there is used and removed.
    #[arg(long, default_value = ".")]
    folder: std::path::PathBuf,
}

/// How many rooms the posts go to.
const ROOMS: u128 = 16;

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut report = Report::default();
    for _ in 0..arguments.runs {
        let folder = tempfile::tempdir_in(&arguments.folder)?;
        let floor = disk::sync_floor(folder.path(), 500)?;
        report.add(
            "floor: 4 KiB and fdatasync",
            "p50 ms",
            floor.value_at_quantile(0.5) as f64 / 1e3,
        );
        report.add(
            "floor: 4 KiB and fdatasync",
            "p99 ms",
            floor.value_at_quantile(0.99) as f64 / 1e3,
        );
        for engine in &arguments.engines {
            for senders in &arguments.senders {
                let row = format!("{engine}, {senders} senders");
                let (rate, latencies) = measure(arguments, *engine, *senders)?;
                report.add(&row, "posts/s", rate);
                report.add(&row, "p50 ms", latencies.value_at_quantile(0.5) as f64 / 1e3);
                report.add(&row, "p99 ms", latencies.value_at_quantile(0.99) as f64 / 1e3);
                report.add(&row, "p50 / floor p50", ratio(&latencies, &floor));
            }
        }
    }
    report.print();
    Ok(())
}

fn ratio(latencies: &Histogram<u64>, floor: &Histogram<u64>) -> f64 {
    latencies.value_at_quantile(0.5) as f64 / floor.value_at_quantile(0.5).max(1) as f64
}

fn measure(
    arguments: &Arguments,
    engine: EngineKind,
    senders: usize,
) -> anyhow::Result<(f64, Histogram<u64>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    let embedded = open_store(folder.path(), Some(engine))?;
    let store = embedded.store();
    let env = Env::system();
    runtime.block_on(async {
        for room in 1..=ROOMS {
            make_room(&store, &env, RoomId::from_u128(room)).await?;
        }
        let start = Instant::now();
        let until = start + Duration::from_secs(arguments.seconds);
        let mut tasks = Vec::new();
        for sender in 0..senders {
            let (store, env) = (store.clone(), env.clone());
            tasks.push(tokio::spawn(async move {
                let mut writer = text::Writer::new(sender as u64);
                let mut latencies = Histogram::<u64>::new(3)?;
                let author = UserId::from_u128(sender as u128 + 1);
                let room = RoomId::from_u128(sender as u128 % ROOMS + 1);
                while Instant::now() < until {
                    let text = writer.message();
                    let sent = Instant::now();
                    post(&store, &env, room, author, text).await?;
                    latencies.record(u64::try_from(sent.elapsed().as_micros())?)?;
                }
                anyhow::Ok(latencies)
            }));
        }
        let mut latencies = Histogram::<u64>::new(3)?;
        for task in tasks {
            latencies.add(task.await??)?;
        }
        let rate = latencies.len() as f64 / start.elapsed().as_secs_f64();
        store.close().await?;
        Ok((rate, latencies))
    })
}
