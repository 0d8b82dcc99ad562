//! Nodes that share a simulated database.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::faults::Faults;
use super::node::{Life, NodeDocuments, Shared};
use super::random::Random;
use super::surroundings::{SimClock, env};
use super::trace::Trace;
use crate::document::{Collection, Defect, Document, DocumentStore, Options};
use crate::model::Commit;
use crate::{CommitSink, Env, Store};

/// How a cluster is made.
#[derive(Clone)]
pub struct ClusterOptions {
    /// What goes wrong.
    pub faults: Faults,
    /// A defect that every node has.
    pub defect: Option<Defect>,
    /// Whether every node reads what no majority has: another defect.
    pub local_reads: bool,
    /// Who is told of commits, for each node. Their number is the number of nodes.
    pub sinks: Vec<Arc<dyn CommitSink>>,
    /// Where it is written down.
    pub trace: Trace,
}

/// Nodes that share a simulated database, each with a store and surroundings of its own. Needs a runtime of one
/// thread with paused time; then everything that happens follows from the random numbers.
pub struct Cluster {
    shared: Arc<Shared>,
    nodes: Vec<Node>,
    options: ClusterOptions,
}

struct Node {
    env: Env,
    clock: Arc<SimClock>,
    present: Mutex<Present>,
}

/// One life of a node.
struct Present {
    store: Store,
    life: Arc<Life>,
}

impl Cluster {
    /// Starts the nodes on an empty database.
    pub fn new(random: Random, options: ClusterOptions) -> Self {
        let started = Instant::now();
        let faults = options.faults;
        let shared = Shared::new(
            random.clone(),
            options.trace.clone(),
            SimClock::new(started),
            faults,
        );
        let shared = Arc::new(shared);
        let node = |(number, sink): (usize, &Arc<dyn CommitSink>)| {
            let clock = Arc::new(SimClock::new(started));
            let env = env(Arc::clone(&clock), random.clone());
            let present = Mutex::new(start(&shared, &options, number, sink, &env, &clock));
            Node { env, clock, present }
        };
        let nodes = options.sinks.iter().enumerate().map(node).collect();
        Self {
            shared,
            nodes,
            options,
        }
    }

    /// How many nodes there are, dead or alive.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node's store, in its present life. On a dead node it answers nothing, ever.
    pub fn store(&self, node: usize) -> Store {
        self.present(node).store.clone()
    }

    /// The node's time and identifiers.
    pub fn env(&self, node: usize) -> Env {
        self.nodes[node].env.clone()
    }

    /// Makes the node's clock wrong by so much.
    pub fn set_clock(&self, node: usize, wrong_by_ms: i64) {
        self.nodes[node].clock.set_wrong_by(wrong_by_ms);
    }

    /// Whether the node lives.
    pub fn is_alive(&self, node: usize) -> bool {
        self.present(node).life.is_on()
    }

    /// Ends the node's life: none of its tasks gets any further than to its next operation on a document.
    pub fn kill(&self, node: usize) {
        self.shared.trace.note(|| format!("node {node}: is killed"));
        self.present(node).life.end();
    }

    /// Starts the node anew, on what the database has.
    pub fn restart(&self, node: usize) {
        self.kill(node);
        self.shared.trace.note(|| format!("node {node}: starts"));
        let Node { env, clock, .. } = &self.nodes[node];
        let present = start(
            &self.shared,
            &self.options,
            node,
            &self.options.sinks[node],
            env,
            clock,
        );
        *self.present(node) = present;
    }

    /// Carries out work on the node's present store; `None` when the node dies meanwhile, which leaves open what
    /// became of it.
    pub async fn on<T, W: Future<Output = T>>(
        &self,
        node: usize,
        work: impl FnOnce(Store) -> W,
    ) -> Option<T> {
        let (store, life) = {
            let present = self.present(node);
            (present.store.clone(), Arc::clone(&present.life))
        };
        life.during(work(store)).await
    }

    /// Another primary takes over the database.
    pub fn fail_over(&self) {
        self.shared.fail_over();
    }

    /// From now on other things go wrong, or nothing.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// Where it is written down.
    pub fn trace(&self) -> &Trace {
        &self.shared.trace
    }

    /// Everything that a majority has in a collection, for checks behind the store's back.
    pub fn documents(&self, collection: Collection) -> Vec<Document> {
        self.shared.database().all(collection)
    }

    fn present(&self, node: usize) -> MutexGuard<'_, Present> {
        self.nodes[node]
            .present
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn start(
    shared: &Arc<Shared>,
    options: &ClusterOptions,
    number: usize,
    sink: &Arc<dyn CommitSink>,
    env: &Env,
    clock: &Arc<SimClock>,
) -> Present {
    let life = Arc::new(Life::default());
    let documents = NodeDocuments {
        shared: Arc::clone(shared),
        number,
        life: Arc::clone(&life),
        clock: Arc::clone(clock),
        local_reads: options.local_reads,
    };
    let sink = Arc::new(LivingSink {
        life: Arc::clone(&life),
        sink: Arc::clone(sink),
    });
    let options = Options {
        env: env.clone(),
        sink,
        defect: options.defect,
    };
    Present {
        store: DocumentStore::new(Arc::new(documents), options).store(),
        life,
    }
}

/// A dead node tells nobody.
struct LivingSink {
    life: Arc<Life>,
    sink: Arc<dyn CommitSink>,
}

impl CommitSink for LivingSink {
    fn committed(&self, commits: &[Arc<Commit>]) {
        if self.life.is_on() {
            self.sink.committed(commits);
        }
    }
}
