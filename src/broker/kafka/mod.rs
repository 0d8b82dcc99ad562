//! The broker over Kafka.
//!
//! # How it works
//! - Durable events go to topics by their class (guild, direct, reactions), each into the partition of its stream; what
//!   may be lost goes to a topic of its own. Telling puts a record into librdkafka's bounded queue and returns.
//! - Every node reads every partition from where it ends at the start, by manual assignment: there is no group, no
//!   rebalance, and no offset is ever committed. Whatever is not heard is found in the store.
//! - Nodes beat, which proves how current a node is: see [`proof`].
//!
//! # Invariants
//! - Nothing waits for Kafka but the start.
//! - A record that is skipped, by Kafka or by this node, makes the node doubt until it has looked into the store.

mod complaints;
mod hearing;
mod proof;
mod telling;
mod topics;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use madang_storage::model::{Commit, NodeId};
use rdkafka::config::ClientConfig;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Backend, Broker, Error, Receiver, Signal, Status};
use complaints::Complaints;
use hearing::Hearing;
use proof::Proof;
use telling::Teller;

/// How often a node beats. What is proved is older by at most two of them and the way through Kafka: well below the
/// second for which permissions are trusted.
const BEAT_EVERY: Duration = Duration::from_millis(250);
/// How long a node that ends waits until what it told is on its way.
const GOODBYE: Duration = Duration::from_secs(2);

/// How Kafka is reached, and what is made there.
#[derive(Clone)]
pub struct Settings {
    /// `host:port` of some of its servers, with commas.
    pub servers: String,
    /// What the names of all topics begin with.
    pub prefix: String,
    /// How many partitions a topic gets that is made.
    pub partitions: i32,
    /// On how many servers each is kept.
    pub replication: i32,
    /// TLS, SASL and whatever else librdkafka can be told, by its own names.
    pub options: BTreeMap<String, String>,
}

/// Options hold passwords.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("servers", &self.servers)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// What every client of this node is told.
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.servers)
            .set("client.id", "madang")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            // New partitions are noticed by it.
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("allow.auto.create.topics", "false");
        for (name, value) in &self.options {
            config.set(name, value);
        }
        config
    }
}

/// What telling and hearing share.
struct Shared {
    me: NodeId,
    settings: Settings,
    proof: Mutex<Proof>,
    closed: AtomicBool,
    told: AtomicU64,
    lost: Arc<AtomicU64>,
    heard: AtomicU64,
    complaints: Arc<Complaints>,
}

impl Shared {
    fn proof(&self) -> MutexGuard<'_, Proof> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

struct KafkaBroker {
    shared: Arc<Shared>,
    teller: Arc<Teller>,
    started: AtomicBool,
}

/// A node's broker over Kafka. Talks to nobody before it starts, but fails for settings that can never work.
pub fn broker(settings: Settings, me: NodeId) -> Result<Broker, Error> {
    let lost = Arc::new(AtomicU64::new(0));
    let complaints = Arc::new(Complaints::default());
    let teller = Teller::new(&settings, me, Arc::clone(&lost), Arc::clone(&complaints))?;
    let teller = Arc::new(teller);
    let shared = Arc::new(Shared {
        me,
        settings,
        proof: Mutex::new(Proof::new(me)),
        closed: AtomicBool::new(false),
        told: AtomicU64::new(0),
        lost,
        heard: AtomicU64::new(0),
        complaints,
    });
    Ok(Broker::new(Arc::new(KafkaBroker {
        shared,
        teller,
        started: AtomicBool::new(false),
    })))
}

#[async_trait]
impl Backend for KafkaBroker {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error> {
        if self.started.swap(true, Ordering::AcqRel) {
            return Err(Error::Unavailable("it was started before".to_owned()));
        }
        let (shared, teller) = (Arc::clone(&self.shared), Arc::clone(&self.teller));
        let provided = topics::provide(&shared.settings.client(), &shared.settings).await;
        provided.map_err(|error| shared.complaints.explain(error))?;
        let opening = tokio::task::spawn_blocking(move || Hearing::open(shared, teller)).await;
        let hearing = opening.map_err(|error| Error::Unavailable(error.to_string()))??;
        hearing.run(receiver)?;
        tokio::spawn(beat(Arc::clone(&self.shared), Arc::clone(&self.teller)));
        Ok(())
    }

    fn tell_events(&self, commits: &[Arc<Commit>]) {
        if self.shared.is_closed() {
            return;
        }
        self.shared
            .told
            .fetch_add(commits.len() as u64, Ordering::Relaxed);
        for commit in commits {
            self.teller.event(commit);
        }
    }

    fn tell_signal(&self, signal: Signal) {
        if !self.shared.is_closed() {
            self.teller.signal(&signal);
        }
    }

    fn expect(&self, nodes: &[NodeId]) {
        self.shared.proof().expect(nodes);
    }

    fn looked(&self, began: Instant) {
        self.shared.proof().looked(began);
    }

    fn status(&self) -> Status {
        let current_at = if self.shared.is_closed() {
            None
        } else {
            self.shared.proof().current_at(Instant::now())
        };
        Status {
            current_at,
            events_told: self.shared.told.load(Ordering::Relaxed),
            events_lost: self.shared.lost.load(Ordering::Relaxed),
            events_heard: self.shared.heard.load(Ordering::Relaxed),
        }
    }

    async fn close(&self) {
        if self.shared.closed.swap(true, Ordering::AcqRel) || !self.started.load(Ordering::Acquire) {
            return;
        }
        let (number, _) = self.shared.proof().beat(Instant::now());
        self.teller.beat(number, &[], true);
        let teller = Arc::clone(&self.teller);
        let flushing = tokio::task::spawn_blocking(move || teller.flush(GOODBYE));
        if let Err(error) = flushing.await {
            tracing::warn!(%error, "what was told last may not have been sent");
        }
    }
}

/// A node that went without a word does not beat any more.
impl Drop for KafkaBroker {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

/// Beats until the broker is closed.
async fn beat(shared: Arc<Shared>, teller: Arc<Teller>) {
    let mut ticks = tokio::time::interval(BEAT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if shared.is_closed() {
            return;
        }
        let (number, heard) = shared.proof().beat(Instant::now());
        teller.beat(number, &heard, false);
    }
}

#[cfg(test)]
mod tests;
