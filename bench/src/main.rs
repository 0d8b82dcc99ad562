//! Measures Madang. Every figure of time stands beside the machine's own floor from the same run, because absolute times
//! differ from machine to machine; every figure is the median of several runs. `docs/benchmarks.md` says how to read it.

mod cluster;
mod community;
mod fanout;
mod floor;
mod idle;
mod load;
mod machine;
mod net;
mod posts;
mod report;
mod rights;
mod senders;
mod server;
mod startup;
mod store;
mod text;
mod world;

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
    /// The yardstick alone: a bare epoll server with one write for each receiver.
    Floor(fanout::FloorArguments),
    /// The yardstick's server. Called by the others.
    #[command(hide = true)]
    FloorServer(floor::Arguments),
    /// What idle connections weigh.
    Idle(idle::Arguments),
    /// One room with many readers: cost and delay of a delivery.
    Fanout(fanout::Arguments),
    /// Durable posts through the gateway.
    Posts(posts::Arguments),
    /// Starting an empty server: time and memory.
    Startup(startup::Arguments),
    /// What a large community costs: joining, opening, calling everybody, a role that changes, a crash.
    Community(community::Arguments),
    /// What it costs to ask whether somebody may hear a room.
    Rights(rights::Arguments),
    /// Several nodes on the same data: posts a second, and the way from one node to another.
    Cluster(cluster::Arguments),
    /// Many messages through the public door, and whether all of them are there afterwards.
    Load(load::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Store(arguments) => store::posts::run(&arguments),
        What::Open(arguments) => store::open::run(&arguments),
        What::OpenOnce(arguments) => store::open::run_once(&arguments),
        What::Floor(arguments) => fanout::run_floor(&arguments),
        What::FloorServer(arguments) => floor::run(&arguments),
        What::Idle(arguments) => idle::run(&arguments),
        What::Fanout(arguments) => fanout::run(&arguments),
        What::Posts(arguments) => posts::run(&arguments),
        What::Startup(arguments) => startup::run(&arguments),
        What::Community(arguments) => community::run(&arguments),
        What::Rights(arguments) => rights::run(&arguments),
        What::Cluster(arguments) => cluster::run(&arguments),
        What::Load(arguments) => load::run(&arguments),
    }
}
