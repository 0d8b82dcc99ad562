//! One simulated run: a seed in, a checked history out.

use std::sync::Arc;
use std::time::Duration;

use super::cluster::{Cluster, ClusterOptions};
use super::faults::Faults;
use super::history::{History, Violation, check, fold};
use super::random::Random;
use super::recorder::Recorder;
use super::state_work::shared_keys;
use super::trace::Trace;
use super::workload::{Client, World};
use crate::document::{Collection, Content, Defect};
use crate::error::Result;
use crate::model::StateKey;

/// What to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// Decides everything that is not said here.
    pub seed: u64,
    /// A deliberate defect of the store.
    pub defect: Option<Defect>,
    /// Whether nodes read what no majority has; another deliberate defect.
    pub local_reads: bool,
    /// How many nodes; `None` lets the seed decide between one and four.
    pub nodes: Option<usize>,
    /// Whether a log is kept.
    pub trace: bool,
}

/// What came of a run.
pub struct Run {
    /// What clients did and saw.
    pub history: History,
    /// The rules that it broke.
    pub violations: Vec<Violation>,
    /// The log, if it was asked for.
    pub trace: String,
}

/// Runs a seed. The runtime must have one thread and paused time; otherwise it takes long and is another run each time.
pub async fn run(options: RunOptions) -> Run {
    let random = Random::new(options.seed);
    let trace = if options.trace {
        Trace::on()
    } else {
        Trace::default()
    };
    let nodes = options.nodes.unwrap_or_else(|| 1 + random.below(4) as usize);
    let faults = Faults::random(&random);
    let recorder = Recorder::new(trace.clone());
    let cluster_options = ClusterOptions {
        faults: Faults::default(),
        defect: options.defect,
        local_reads: options.local_reads,
        sinks: (0..nodes).map(|node| recorder.sink(node)).collect(),
        trace: trace.clone(),
    };
    trace.note(|| format!("{options:?} on {nodes} nodes: {faults:?}"));
    let cluster = Cluster::new(random.clone(), cluster_options);
    let rooms = 1 + u128::from(random.below(2));
    let world = Arc::new(World::new(cluster, recorder, random, rooms, 2));

    let clients = clients(&world, nodes);
    if let Some(first) = clients.first() {
        first.set_up().await;
    }
    world.cluster.set_faults(faults);
    bad_time(&world, &clients).await;
    world.cluster.set_faults(Faults::default());
    let ended = come_to_rest(&world, &clients).await;

    let mut history = world.recorder.history();
    if let Err(error) = ended.and(read_all(&world, &mut history).await) {
        let invoked = world.recorder.invoke(0);
        world
            .recorder
            .answered(invoked, super::history::Call::Broken(error.to_string()));
        history.operations = world.recorder.history().operations;
    }
    let violations = check(&history);
    trace.note(|| format!("{violations:#?}"));
    Run {
        history,
        violations,
        trace: trace.text(),
    }
}

fn clients(world: &Arc<World>, nodes: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for node in 0..nodes {
        let most = if nodes < 3 { 3 } else { 2 };
        for _ in 0..world.random.between(1, most) {
            let number = clients.len();
            let user = world.users[number % world.users.len()];
            clients.push(Client {
                world: Arc::clone(world),
                node,
                user,
                number,
            });
        }
    }
    clients
}

/// Clients work while things go wrong.
async fn bad_time(world: &Arc<World>, clients: &[Client]) {
    let work: Vec<_> = clients
        .iter()
        .map(|client| tokio::spawn(client.clone().work(world.random.between(2, 7))))
        .collect();
    let keeper = Arc::clone(world);
    let keeper = tokio::spawn(async move { keep_up(&keeper).await });
    for client in work {
        // A client that panicked has a defect of its own, and the test's output says so already.
        let _ = client.await;
    }
    keeper.abort();
}

/// Starts dead nodes again after a while.
async fn keep_up(world: &World) {
    loop {
        tokio::time::sleep(Duration::from_millis(world.random.between(5, 80))).await;
        for node in 0..world.cluster.len() {
            if !world.cluster.is_alive(node) {
                restart(world, node);
            }
        }
    }
}

fn restart(world: &World, node: usize) {
    world.cluster.restart(node);
    world.recorder.restarts(node);
}

/// Nothing goes wrong any more: what is late arrives, and followers come to the end.
async fn come_to_rest(world: &World, clients: &[Client]) -> Result<()> {
    for node in 0..world.cluster.len() {
        if !world.cluster.is_alive(node) || world.random.chance(300) {
            restart(world, node);
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.cluster.fail_over();
    world.calm_down();
    if let Some(client) = clients.last() {
        client.post_all_again().await;
    }
    for client in clients {
        // The first round may have begun before.
        for _ in 0..2 {
            while client.follow().await {}
        }
    }
    if world.random.chance(200) {
        // Nonces and empty documents are swept; nothing that anybody can see may go with them.
        world.cluster.set_clock(0, 9 * 24 * 60 * 60 * 1000);
        while world.cluster.store(0).sweep().await? > 0 {}
    }
    if let Some(client) = clients.first() {
        client.look_at_heads().await;
        for room in &world.rooms {
            client.look_at_history(*room).await;
            for user in &world.users {
                client.look_at_state(StateKey::marker(*user, *room)).await;
            }
        }
        for key in shared_keys() {
            client.look_at_state(key).await;
        }
    }
    Ok(())
}

/// Reads everything there is.
async fn read_all(world: &World, history: &mut History) -> Result<()> {
    let store = world.cluster.store(0);
    for stream in world.streams() {
        let page = store.events(stream, 0, 500).await?;
        history.end.streams.insert(stream, (page.head, page.commits));
    }
    let keys: Vec<_> = fold(history).rows.into_keys().collect();
    let rows = store.rows(&keys).await?;
    history.end.rows = keys.into_iter().zip(rows).collect();
    for document in world.cluster.documents(Collection::Events) {
        if let Content::Event(stored) = document.content {
            history.end.stored.push(*stored);
        }
    }
    Ok(())
}
