//! Several nodes on the same data: how long an answer takes, how long it takes until a message is at another node's
//! connection, and how many durable posts a second one, two, three nodes take.

mod across;

use clap::Args;
use hdrhistogram::Histogram;
use madang_storage::Env;
use rand::seq::SliceRandom as _;

use crate::machine::cpu::Cpu;
use crate::machine::{clock, limits};
use crate::report::{Report, progress};
use crate::senders::{Draft, post_all};
use crate::server::{Process, ServerArguments};
use crate::text::Writer;
use crate::world::World;

/// Several nodes on the same data, over a MongoDB, Kafka and Redis.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// How to reach the MongoDB. Each measurement takes a database of its own in it, and leaves it behind.
    #[arg(
        long,
        env = "MADANG_TEST_MONGO_URL",
        hide_env_values = true,
        default_value = ""
    )]
    mongodb: String,
    /// One of Kafka's servers.
    #[arg(long, env = "MADANG_TEST_KAFKA", default_value = "")]
    kafka: String,
    /// How to reach the Redis.
    #[arg(
        long,
        env = "MADANG_TEST_REDIS_URL",
        hide_env_values = true,
        default_value = ""
    )]
    redis: String,
    /// Nodes that run already, as 127.0.0.1:8081,127.0.0.1:8082: they are measured, and none is started.
    #[arg(long, value_delimiter = ',', requires = "token")]
    at: Vec<std::net::SocketAddr>,
    /// The token of an owner's session at those nodes. Channels are made in the first guild.
    #[arg(long)]
    token: Option<String>,
    /// How many nodes; one row for each.
    #[arg(long, value_delimiter = ',', default_value = "1,2,3")]
    nodes: Vec<usize>,
    /// How many senders wait for their answers at once, taking turns with the nodes; one row for each.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    senders: Vec<usize>,
    /// How many channels they post in.
    #[arg(long, default_value_t = 16)]
    channels: usize,
    /// How long each row posts, in seconds, after one second that does not count.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many messages a second are posted on one node while another one listens.
    #[arg(long, default_value_t = 10)]
    rate: u64,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// What one row showed.
struct Outcome {
    rate: f64,
    latencies: Histogram<u64>,
    /// Of all nodes together; `None` for nodes that were not started here.
    cpu_us: Option<f64>,
    client_share: f64,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    limits::allow_connections(arguments.senders.iter().copied().max().unwrap_or_default())?;
    let counts = if arguments.at.is_empty() {
        anyhow::ensure!(
            !arguments.mongodb.is_empty() && !arguments.kafka.is_empty() && !arguments.redis.is_empty(),
            "say where the services are: `cargo xtask services up` starts some, and target/services/environment names them"
        );
        arguments.nodes.clone()
    } else {
        vec![arguments.at.len()]
    };
    let mut report = Report::default();
    for nodes in &counts {
        arguments
            .senders
            .iter()
            .for_each(|senders| report.row(&name(*nodes, *senders)));
    }
    for run in 1..=arguments.runs {
        let mut order = counts.clone();
        order.shuffle(&mut rand::rng());
        for nodes in order {
            progress(&format!("run {run} of {}: {nodes} nodes", arguments.runs));
            let world = gather(arguments, nodes)?;
            for senders in &arguments.senders {
                posts(arguments, &world, *senders)?.tell(&mut report, &name(nodes, *senders));
            }
            across::measure(&world, arguments.rate, arguments.seconds, &mut report)?;
        }
    }
    report.print();
    Ok(())
}

fn name(nodes: usize, senders: usize) -> String {
    format!("{nodes} nodes, {senders} senders")
}

impl Outcome {
    fn tell(&self, report: &mut Report, row: &str) {
        let at = |quantile| ms(self.latencies.value_at_quantile(quantile));
        report.add(row, "posts/s", self.rate);
        report.add(row, "p50 ms", at(0.5));
        report.add(row, "p99 ms", at(0.99));
        report.add(row, "max ms", ms(self.latencies.max()));
        report.add(row, "client % of a core", self.client_share * 100.0);
        if let Some(cpu) = self.cpu_us {
            report.add(row, "CPU of all nodes us/post", cpu);
        }
        if self.client_share > 0.8 {
            progress(&format!("void: the client was busy in a run of \"{row}\""));
            report.add(row, "void runs", 1.0);
        }
    }
}

fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// Nodes that are set up: those that are there, or new ones on data of their own.
fn gather(arguments: &Arguments, nodes: usize) -> anyhow::Result<World> {
    if let (Some((first, more)), Some(token)) = (arguments.at.split_first(), &arguments.token) {
        let more = more.iter().copied().map(Process::there).collect();
        return World::found(Process::there(*first), more, token, arguments.channels);
    }
    // Nobody else's, also not an earlier run's.
    let own = format!("bench_{:032x}", Env::system().next_id());
    let prefix = format!("{own}:");
    let settings = [
        ("MADANG_GATEWAY__REQUESTS_PER_SECOND", "1000000"),
        ("MADANG_STORAGE__KIND", "mongodb"),
        ("MADANG_STORAGE__URL", &arguments.mongodb),
        ("MADANG_STORAGE__DATABASE", &own),
        ("MADANG_BROKER__KIND", "kafka"),
        ("MADANG_BROKER__SERVERS", &arguments.kafka),
        ("MADANG_BROKER__TOPICS", &own),
        ("MADANG_PRESENCE__KIND", "redis"),
        ("MADANG_PRESENCE__URL", &arguments.redis),
        ("MADANG_PRESENCE__PREFIX", &prefix),
    ];
    let start = || {
        let process = arguments.server.start_in_new_folder(&settings)?;
        process.wait_ready()?;
        anyhow::Ok(process)
    };
    let mut world = World::build(start()?, arguments.channels)?;
    for _ in 1..nodes {
        world.more.push(start()?);
    }
    Ok(world)
}

fn posts(arguments: &Arguments, world: &World, senders: usize) -> anyhow::Result<Outcome> {
    let env = Env::system();
    let mut writers: Vec<_> = (0..senders).map(|sender| Writer::new(sender as u64)).collect();
    let mut latencies = Histogram::new(3)?;
    let from = clock::now() + 1_000_000_000;
    let until = from + arguments.seconds * 1_000_000_000;
    let mut started = None;
    let next = |sender: usize| {
        let now = clock::now();
        if now >= from && started.is_none() {
            started = Some((cpu_of(world), clock::own_cpu(), now));
        }
        let text = writers[sender].message();
        (now < until).then(|| Draft::new(&env, sender % world.rooms.len(), text))
    };
    post_all(world, senders, next, |answered| {
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
    let mut used = Some(0.0);
    for cpu in cpu? {
        let one = cpu.map(|cpu| cpu.elapsed()).transpose()?;
        used = used.zip(one).map(|(sum, one)| sum + one.as_secs_f64());
    }
    Ok(Outcome {
        rate: posts / elapsed,
        cpu_us: used.map(|used| used * 1e6 / posts),
        client_share: (clock::own_cpu().saturating_sub(own)).as_secs_f64() / elapsed,
        latencies,
    })
}

fn cpu_of(world: &World) -> anyhow::Result<Vec<Option<Cpu>>> {
    let started = world.processes().map(Process::started_id);
    started.map(|id| id.map(Cpu::of).transpose()).collect()
}
