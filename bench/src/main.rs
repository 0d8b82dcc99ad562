//! Measures Madang. Every figure of time stands beside the machine's own floor from the same run, because absolute times
//! differ from machine to machine; every figure is the median of several runs.

mod disk;
mod memory;
mod report;
mod store;
mod text;

use clap::{Parser, Subcommand};

/// Measures Madang.
#[derive(Parser)]
#[command(name = "madang-bench", version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Durable posts through the store alone, beside the disk's own sync.
    Store(store::posts::Arguments),
    /// Opening a store with many messages: time, memory, pages.
    Open(store::open::Arguments),
    /// One measured opening, in a process of its own. Called by `open`.
    #[command(hide = true)]
    OpenOnce(store::open::OnceArguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Store(arguments) => store::posts::run(&arguments),
        What::Open(arguments) => store::open::run(&arguments),
        What::OpenOnce(arguments) => store::open::run_once(&arguments),
    }
}
