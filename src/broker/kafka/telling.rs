//! What this node tells.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use madang_storage::model::{Commit, NodeId, StreamId};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};

use super::complaints::Complaints;
use super::proof::Beat;
use super::topics::{self, Class};
use super::{Settings, wire};
use crate::broker::{Error, Signal};

/// How long an event is tried to be told. Others look into the store every half second while nothing comes.
const EVENT_LIVES_MS: &str = "30000";
/// How long a signal is tried to be told: who typed five seconds ago does not type now.
const SIGNAL_LIVES_MS: &str = "3000";
/// How much may wait to be told, in KiB. Beyond it events are lost: they stand in the store.
const QUEUE_KIB: &str = "65536";

/// What a record is, for the report of what became of it.
const EVENT: usize = 1;
const OTHER: usize = 0;

pub(super) struct Teller {
    me: NodeId,
    topics: [String; Class::ALL.len()],
    events: ThreadedProducer<Reports>,
    signals: ThreadedProducer<Reports>,
    /// For each class in which nodes beat, how many records were told in each partition. Held while a record is queued:
    /// a beat must not overtake what it counts.
    told: [Mutex<Vec<u64>>; Class::PROVED.len()],
    /// How many partitions the topic of what may be lost has.
    loose: Mutex<i32>,
    lost: Arc<AtomicU64>,
}

impl Teller {
    pub(super) fn new(
        settings: &Settings,
        me: NodeId,
        lost: Arc<AtomicU64>,
        complaints: Arc<Complaints>,
    ) -> Result<Self, Error> {
        let reports = Reports {
            lost: Arc::clone(&lost),
            complaints,
        };
        let mut events = settings.client();
        events
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", EVENT_LIVES_MS)
            .set("queue.buffering.max.kbytes", QUEUE_KIB)
            .set("linger.ms", "1");
        let mut signals = settings.client();
        signals
            .set("acks", "1")
            .set("retries", "0")
            .set("message.timeout.ms", SIGNAL_LIVES_MS)
            .set("queue.buffering.max.kbytes", "8192")
            .set("linger.ms", "1");
        Ok(Self {
            me,
            topics: Class::ALL.map(|class| class.topic(settings)),
            events: events
                .create_with_context(reports.clone())
                .map_err(topics::unusable)?,
            signals: signals.create_with_context(reports).map_err(topics::unusable)?,
            told: Default::default(),
            loose: Mutex::new(0),
            lost,
        })
    }

    /// A topic has so many partitions. They never become fewer.
    pub(super) fn set_partitions(&self, class: Class, count: i32) {
        match self.told.get(class.index()) {
            Some(told) => {
                let mut told = lock(told);
                let count = usize::try_from(count).unwrap_or(0).max(told.len());
                told.resize(count, 0);
            }
            None => *lock(&self.loose) = count,
        }
    }

    pub(super) fn event(&self, commit: &Commit) {
        let class = Class::of_event(commit);
        let is_told = match wire::of_event(self.me, commit) {
            Ok(bytes) => self.tell(class, commit.event.stream, &bytes, EVENT),
            Err(error) => {
                tracing::warn!(%error, stream = %commit.event.stream, "an event cannot be told");
                false
            }
        };
        if !is_told {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A signal that cannot be told is gone.
    pub(super) fn signal(&self, signal: &Signal) {
        let class = Class::of_signal(signal);
        match wire::of_signal(self.me, signal) {
            Ok(bytes) if class == Class::Signals => self.tell_loosely(&bytes),
            Ok(bytes) => {
                self.tell(class, StreamId::User(signal.about()), &bytes, OTHER);
            }
            Err(error) => tracing::warn!(%error, "a signal cannot be told"),
        }
    }

    /// A beat in every place, behind what was told there.
    pub(super) fn beat(&self, number: u64, heard: &[(NodeId, u64)], leaves: bool) {
        let counts = self.told.each_ref().map(|told| lock(told).len());
        let places = u32::try_from(counts.iter().sum::<usize>()).unwrap_or(u32::MAX);
        for class in Class::PROVED {
            let told = lock(&self.told[class.index()]);
            // One that came after the places were counted waits for the next beat.
            for (partition, told) in told.iter().enumerate().take(counts[class.index()]) {
                let is_first = class == Class::PROVED[0] && partition == 0;
                let beat = Beat {
                    number,
                    places,
                    told: *told,
                    heard: if is_first { heard.to_vec() } else { Vec::new() },
                    leaves,
                };
                match wire::of_beat(self.me, &beat) {
                    // A beat that finds no room is missed by the others, who look into the store.
                    Ok(bytes) => drop(self.queue(&self.events, class, partition, &bytes, OTHER)),
                    Err(error) => tracing::warn!(%error, "a beat cannot be told"),
                }
            }
        }
    }

    /// Waits until what was told is sent, or for so long. Blocks.
    pub(super) fn flush(&self, patience: Duration) {
        if let Err(error) = self.events.flush(patience) {
            tracing::warn!(%error, "what was told last was not sent in time");
        }
    }

    /// How many partitions a topic has. Blocks.
    pub(super) fn count_partitions(&self, class: Class, patience: Duration) -> Result<i32, Error> {
        topics::partitions(self.events.client(), &self.topics[class.index()], patience)
    }

    /// Whether there was room.
    fn tell(&self, class: Class, key: StreamId, bytes: &[u8], what: usize) -> bool {
        let mut told = lock(&self.told[class.index()]);
        let count = i32::try_from(told.len()).unwrap_or(0);
        let partition = usize::try_from(topics::partition_of(key, count)).unwrap_or(0);
        let Some(number) = told.get_mut(partition) else {
            return false;
        };
        // Also what finds no room: the others count, and look for what they did not hear.
        *number += 1;
        self.queue(&self.events, class, partition, bytes, what).is_ok()
    }

    fn tell_loosely(&self, bytes: &[u8]) {
        let count = *lock(&self.loose);
        if count > 0 {
            let partition = usize::try_from(topics::spread(bytes, count)).unwrap_or(0);
            drop(self.queue(&self.signals, Class::Signals, partition, bytes, OTHER));
        }
    }

    fn queue(
        &self,
        producer: &ThreadedProducer<Reports>,
        class: Class,
        partition: usize,
        bytes: &[u8],
        what: usize,
    ) -> Result<(), KafkaError> {
        let partition = i32::try_from(partition).unwrap_or(0);
        let record: BaseRecord<'_, (), [u8], usize> =
            BaseRecord::with_opaque_to(&self.topics[class.index()], what)
                .partition(partition)
                .payload(bytes);
        producer.send(record).map_err(|(error, _)| error)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of what was told.
#[derive(Clone)]
struct Reports {
    lost: Arc<AtomicU64>,
    complaints: Arc<Complaints>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.hear(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, what: usize) {
        if what == EVENT && result.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What librdkafka says of its connections: it says much while Kafka is away, and [`Complaints`] say what matters of it.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(?level, facility, message, "kafka");
}
