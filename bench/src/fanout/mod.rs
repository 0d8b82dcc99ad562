//! One room with many readers: what a delivery costs, and how long it takes.
//!
//! Latencies count from the moment at which a message was *due*, so that a server that holds the publisher up does not look
//! fast (coordinated omission). Every receiver is recorded, not the first.

mod recorder;
mod stage;
mod stopped;

use clap::Args;
use rand::seq::SliceRandom as _;

use crate::floor;
use crate::machine::limits;
use crate::report::{Report, progress};
use crate::server::ServerArguments;
use crate::world::World;
use stage::{Outcome, Plan, Stage};

/// One room with many readers, beside the yardstick.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// How many connections read the room.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// Messages a second; one row for each.
    #[arg(long, value_delimiter = ',', default_value = "10,50")]
    rates: Vec<u32>,
    /// How long each row sends, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// The size of a message's text, in bytes.
    #[arg(long, default_value_t = 120)]
    bytes: usize,
    /// How many of a hundred readers stop reading, in an additional row at the highest rate; 0 leaves it out.
    #[arg(long, default_value_t = 1)]
    stopped_percent: usize,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

impl Arguments {
    fn plan(&self, rate: u32) -> Plan {
        Plan {
            rate,
            messages: rate * self.seconds,
            text_bytes: self.bytes,
        }
    }

    /// The readers that stop.
    fn stopped(&self) -> usize {
        (self.subscribers * self.stopped_percent).div_ceil(100)
    }
}

/// What one row measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Floor(u32),
    Server(u32),
    Stopped(u32),
}

impl Row {
    fn name(self) -> String {
        match self {
            Self::Floor(rate) => format!("floor, {rate}/s"),
            Self::Server(rate) => format!("server, {rate}/s"),
            Self::Stopped(rate) => format!("server, {rate}/s, some readers have stopped"),
        }
    }

    fn rate(self) -> u32 {
        match self {
            Self::Floor(rate) | Self::Server(rate) | Self::Stopped(rate) => rate,
        }
    }
}

/// Only the yardstick: what the kernel itself costs here.
#[derive(Args)]
pub(crate) struct FloorArguments {
    /// How many connections read.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// Messages a second; one row for each.
    #[arg(long, value_delimiter = ',', default_value = "10,50")]
    rates: Vec<u32>,
    /// How long each row sends, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// The size of a frame, in bytes.
    #[arg(long, default_value_t = 460)]
    frame_bytes: usize,
    /// How many idle connections are weighed.
    #[arg(long, default_value_t = 5_000)]
    idle: usize,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// Measures the yardstick alone, and prints.
pub(crate) fn run_floor(arguments: &FloorArguments) -> anyhow::Result<()> {
    limits::allow_connections(arguments.subscribers.max(arguments.idle))?;
    let mut report = Report::default();
    for run in 1..=arguments.runs {
        progress(&format!("run {run} of {}", arguments.runs));
        for rate in shuffled(&arguments.rates) {
            let plan = Plan {
                rate,
                messages: rate * arguments.seconds,
                text_bytes: 120,
            };
            let outcome = measure_floor(arguments.subscribers, arguments.frame_bytes, plan)?;
            add(&mut report, &Row::Floor(rate).name(), &outcome);
        }
        crate::idle::measure_floor(&mut report, arguments.idle)?;
    }
    report.print();
    Ok(())
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    limits::allow_connections(arguments.subscribers + 1)?;
    let mut rows = Vec::new();
    for rate in &arguments.rates {
        rows.extend([Row::Floor(*rate), Row::Server(*rate)]);
    }
    if let Some(highest) = arguments.rates.iter().max()
        && arguments.stopped() > 0
    {
        rows.push(Row::Stopped(*highest));
    }
    let mut report = Report::default();
    rows.iter().for_each(|row| report.row(&row.name()));
    // The yardstick's frames are as large as the server's.
    let probe = Plan {
        messages: 5,
        ..arguments.plan(10)
    };
    let frame_bytes = measure_server(arguments, 10, probe)?.frame_bytes;
    let mut failed = 0;
    for run in 1..=arguments.runs {
        progress(&format!("run {run} of {}", arguments.runs));
        let mut outcomes = Vec::new();
        for row in shuffled(&rows) {
            let plan = arguments.plan(row.rate());
            let outcome = match row {
                Row::Floor(_) => measure_floor(arguments.subscribers, frame_bytes, plan)?,
                Row::Server(_) => measure_server(arguments, arguments.subscribers, plan)?,
                Row::Stopped(_) => stopped::measure(arguments, plan, &row.name(), &mut report)?,
            };
            add(&mut report, &row.name(), &outcome);
            failed += outcome.lost;
            outcomes.push((row, outcome));
        }
        compare(&mut report, &outcomes);
    }
    report.print();
    anyhow::ensure!(
        failed == 0,
        "{failed} deliveries were lost, repeated or out of order"
    );
    Ok(())
}

fn measure_floor(readers: usize, frame_bytes: usize, plan: Plan) -> anyhow::Result<Outcome> {
    let process = floor::start()?;
    let mut stage = Stage::of_floor(&process, readers, frame_bytes)?;
    warm_up(&mut stage, plan)?;
    stage.measure(plan)
}

fn measure_server(arguments: &Arguments, readers: usize, plan: Plan) -> anyhow::Result<Outcome> {
    let data = arguments.server.data()?;
    let world = World::build(arguments.server.start(data.path(), &[])?, 1)?;
    let mut stage = Stage::of_world(&world, readers)?;
    warm_up(&mut stage, plan)?;
    stage.measure(plan)
}

fn warm_up(stage: &mut Stage, plan: Plan) -> anyhow::Result<()> {
    let messages = plan.messages.min(20);
    stage.measure(Plan { messages, ..plan })?;
    stage.rest()
}

fn add(report: &mut Report, row: &str, outcome: &Outcome) {
    let ms = |nanos: u64| nanos as f64 / 1e6;
    let (latencies, to_last) = (&outcome.latencies, &outcome.to_last);
    report.add(row, "server CPU us/delivery", outcome.cpu_us);
    report.add(row, "delivery p50 ms", ms(latencies.value_at_quantile(0.5)));
    report.add(row, "delivery p99 ms", ms(latencies.value_at_quantile(0.99)));
    report.add(row, "delivery p99.9 ms", ms(latencies.value_at_quantile(0.999)));
    report.add(row, "delivery max ms", ms(latencies.max()));
    report.add(row, "to the last p50 ms", ms(to_last.value_at_quantile(0.5)));
    report.add(row, "to the last p99 ms", ms(to_last.value_at_quantile(0.99)));
    report.add(row, "lost", outcome.lost as f64);
    report.add(row, "frame bytes", outcome.frame_bytes as f64);
    report.add(row, "client % of a core", outcome.client_share * 100.0);
    report.add(row, "others % of the machine", outcome.others_share * 100.0);
    report.add(row, "publisher late max ms", outcome.slip_ms);
    if outcome.client_share > 0.8 {
        progress(&format!(
            "void: in a run of \"{row}\" the client used {:.0} % of a core, and measured itself",
            outcome.client_share * 100.0
        ));
        report.add(row, "void runs", 1.0);
    }
}

/// Each of the server's rows beside the yardstick at the same rate in the same run.
fn compare(report: &mut Report, outcomes: &[(Row, Outcome)]) {
    for (row, outcome) in outcomes {
        let is_floor = |(other, _): &&(Row, Outcome)| *other == Row::Floor(row.rate());
        let Some((_, floor)) = outcomes.iter().find(is_floor) else {
            continue;
        };
        if matches!(row, Row::Floor(_)) {
            continue;
        }
        let p99 = |outcome: &Outcome| outcome.latencies.value_at_quantile(0.99).max(1) as f64;
        report.add(&row.name(), "CPU / floor", outcome.cpu_us / floor.cpu_us);
        report.add(&row.name(), "p99 / floor", p99(outcome) / p99(floor));
    }
}

fn shuffled<T: Copy>(rows: &[T]) -> Vec<T> {
    let mut rows = rows.to_vec();
    rows.shuffle(&mut rand::rng());
    rows
}
