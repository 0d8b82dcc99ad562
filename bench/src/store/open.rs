//! Opening a store that holds many messages: how long it takes, what it holds in memory, how fast pages come.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use hdrhistogram::Histogram;
use madang_storage::engine::EngineKind;
use madang_storage::model::{RoomId, StreamId, UserId};
use madang_storage::{Anchor, Env, Store};
use serde::{Deserialize, Serialize};

use super::{make_room, open_store, post};
use crate::machine::memory::Memory;
use crate::report::Report;
use crate::text;

/// Opening a store with many messages.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The engines to measure.
    #[arg(long, value_delimiter = ',', default_value = "sled,redb")]
    engines: Vec<EngineKind>,
    /// How many messages to store first.
    #[arg(long, default_value_t = 1_000_000)]
    messages: usize,
    /// Over how many rooms they spread.
    #[arg(long, default_value_t = 1_000)]
    rooms: usize,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Where to put the data; a temporary folder there is used and removed.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

/// One opening.
#[derive(Args)]
pub(crate) struct OnceArguments {
    folder: PathBuf,
    rooms: usize,
}

/// What one opening showed.
#[derive(Serialize, Deserialize)]
struct Opening {
    open_ms: f64,
    rss_after_open_mib: f64,
    page_p50_us: f64,
    page_p99_us: f64,
    rss_after_reading_all_mib: f64,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut report = Report::default();
    for engine in &arguments.engines {
        let folder = tempfile::tempdir_in(&arguments.folder)?;
        let row = format!("{engine}, {} messages", arguments.messages);
        fill(arguments, *engine, folder.path(), &row, &mut report)?;
        for run in 0..=arguments.runs {
            let output = std::process::Command::new(std::env::current_exe()?)
                .arg("open-once")
                .arg(folder.path())
                .arg(arguments.rooms.to_string())
                .output()?;
            anyhow::ensure!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let opening: Opening = serde_json::from_slice(&output.stdout)?;
            if run == 0 {
                report.add(&row, "first open after the load ms", opening.open_ms);
                continue;
            }
            report.add(&row, "open ms", opening.open_ms);
            report.add(&row, "RSS after open MiB", opening.rss_after_open_mib);
            report.add(&row, "page of 50 p50 us", opening.page_p50_us);
            report.add(&row, "page of 50 p99 us", opening.page_p99_us);
            report.add(
                &row,
                "RSS after reading all MiB",
                opening.rss_after_reading_all_mib,
            );
        }
    }
    report.print();
    Ok(())
}

fn fill(
    arguments: &Arguments,
    engine: EngineKind,
    folder: &std::path::Path,
    row: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    const SENDERS: usize = 256;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let embedded = open_store(folder, Some(engine))?;
    let store = embedded.store();
    let env = Env::system();
    runtime.block_on(async {
        for room in 0..arguments.rooms {
            make_room(&store, &env, RoomId::from_u128(room as u128)).await?;
        }
        let start = Instant::now();
        let mut tasks = Vec::new();
        for sender in 0..SENDERS {
            let (store, env, rooms) = (store.clone(), env.clone(), arguments.rooms);
            let count = arguments.messages / SENDERS + usize::from(sender < arguments.messages % SENDERS);
            tasks.push(tokio::spawn(async move {
                let mut writer = text::Writer::new(sender as u64);
                for _ in 0..count {
                    let room = RoomId::from_u128(writer.skewed(rooms) as u128);
                    let text = writer.message();
                    post(&store, &env, room, UserId::from_u128(sender as u128), text).await?;
                }
                anyhow::Ok(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        report.add(
            row,
            "load posts/s",
            arguments.messages as f64 / start.elapsed().as_secs_f64(),
        );
        let space = store.status().await.space;
        report.add(row, "logical MiB", space.logical_bytes as f64 / 1_048_576.0);
        report.add(
            row,
            "files / logical",
            space.file_bytes as f64 / space.logical_bytes as f64,
        );
        store.close().await?;
        anyhow::Ok(())
    })
}

/// Opens once, measures, and prints JSON.
#[allow(clippy::print_stdout, reason = "the parent process reads it")]
pub(crate) fn run_once(arguments: &OnceArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let start = Instant::now();
    let embedded = open_store(&arguments.folder, None)?;
    let store = embedded.store();
    let open_ms = start.elapsed().as_secs_f64() * 1e3;
    let mib = || anyhow::Ok(Memory::of(std::process::id())?.rss as f64 / 1024.0);
    let rss_after_open_mib = mib()?;
    runtime.block_on(async {
        let pages = random_pages(&store, arguments.rooms).await?;
        read_all(&store, arguments.rooms).await?;
        let opening = Opening {
            open_ms,
            rss_after_open_mib,
            page_p50_us: pages.value_at_quantile(0.5) as f64 / 1e3,
            page_p99_us: pages.value_at_quantile(0.99) as f64 / 1e3,
            rss_after_reading_all_mib: mib()?,
        };
        println!("{}", serde_json::to_string(&opening)?);
        store.close().await?;
        Ok(())
    })
}

/// Reads pages at random places of random rooms; answers the latencies in nanoseconds.
async fn random_pages(store: &Store, rooms: usize) -> anyhow::Result<Histogram<u64>> {
    let mut writer = text::Writer::new(99);
    let mut latencies = Histogram::new(3)?;
    for _ in 0..10_000 {
        let room = RoomId::from_u128(writer.skewed(rooms) as u128);
        let newest = store.head(StreamId::Room(room)).await?.seq;
        let place = writer.skewed(usize::try_from(newest)?.max(1)) as u64 + 1;
        let start = Instant::now();
        store.history(room, Anchor::Before(place), 50).await?;
        latencies.record(u64::try_from(start.elapsed().as_nanos())?)?;
    }
    Ok(latencies)
}

async fn read_all(store: &Store, rooms: usize) -> anyhow::Result<()> {
    for room in 0..rooms {
        let room = RoomId::from_u128(room as u128);
        let mut after = 0;
        loop {
            let page = store.history(room, Anchor::After(after), 200).await?;
            let Some(last) = page.messages.last() else { break };
            after = last.seq;
        }
    }
    Ok(())
}
