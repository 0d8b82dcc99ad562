//! A broker on bad days: it loses, repeats, delays and mixes up what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use madang::broker::{Backend, Broker, Error, Receiver, Signal, Status};
use madang_storage::model::{Commit, NodeId};
use madang_storage::sim::Random;
use tokio::time::Instant;

/// How bad the days are: so many of 1,000.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    lost: u64,
    repeated: u64,
    delayed: u64,
    longest_delay_ms: u64,
    /// Whether the broker knows that it is not to be trusted.
    is_noticed: bool,
}

impl Weather {
    pub(crate) fn random(random: &Random) -> Self {
        let some = |most: u64| {
            if random.chance(400) {
                0
            } else {
                random.between(1, most)
            }
        };
        Self {
            lost: some(600),
            repeated: some(300),
            delayed: some(500),
            longest_delay_ms: random.between(1, 3_000),
            is_noticed: random.chance(500),
        }
    }
}

/// A node's broker, over one that does what it should.
pub(crate) struct BadBroker {
    inner: Broker,
    random: Random,
    weather: Weather,
    is_bad: Arc<AtomicBool>,
}

impl BadBroker {
    pub(crate) fn over(inner: Broker, random: Random, weather: Weather, is_bad: Arc<AtomicBool>) -> Broker {
        Broker::new(Arc::new(Self {
            inner,
            random,
            weather,
            is_bad,
        }))
    }

    fn is_bad(&self) -> bool {
        self.is_bad.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Backend for BadBroker {
    fn name(&self) -> &'static str {
        "bad"
    }

    async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error> {
        self.inner.start(receiver).await
    }

    fn tell_events(&self, commits: &[Arc<Commit>]) {
        if !self.is_bad() {
            return self.inner.tell_events(commits);
        }
        for commit in commits {
            if self.random.chance(self.weather.lost) {
                continue;
            }
            let times = 1 + u64::from(self.random.chance(self.weather.repeated));
            for _ in 0..times {
                let commit = [Arc::clone(commit)];
                if !self.random.chance(self.weather.delayed) {
                    self.inner.tell_events(&commit);
                    continue;
                }
                let delay = Duration::from_millis(self.random.between(1, self.weather.longest_delay_ms));
                let inner = self.inner.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    inner.tell_events(&commit);
                });
            }
        }
    }

    fn tell_signal(&self, signal: Signal) {
        if !self.is_bad() || !self.random.chance(self.weather.lost) {
            self.inner.tell_signal(signal);
        }
    }

    fn expect(&self, nodes: &[NodeId]) {
        self.inner.expect(nodes);
    }

    fn looked(&self, began: Instant) {
        self.inner.looked(began);
    }

    fn status(&self) -> Status {
        let status = self.inner.status();
        let current_at = status
            .current_at
            .filter(|_| !(self.is_bad() && self.weather.is_noticed));
        Status { current_at, ..status }
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
