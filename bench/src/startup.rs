//! An empty server: how soon it is there, and what it holds.

use std::time::Instant;

use clap::Args;

use crate::machine::memory::Memory;
use crate::report::Report;
use crate::server::ServerArguments;

/// Starting an empty server.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut report = Report::default();
    for _ in 0..arguments.runs {
        let data = arguments.server.data()?;
        for row in ["first start", "second start"] {
            let start = Instant::now();
            let process = arguments.server.start(data.path(), &[])?;
            process.wait_ready()?;
            report.add(row, "ready ms", start.elapsed().as_secs_f64() * 1e3);
            let memory = Memory::settled(process.id())?;
            report.add(row, "RSS MiB", memory.rss as f64 / 1024.0);
            report.add(row, "PSS MiB", memory.pss as f64 / 1024.0);
        }
    }
    report.print();
    Ok(())
}
