//! What this node hears: a thread that reads all partitions, each from where it ended at the start.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::proof::Place;
use super::telling::{self, Teller};
use super::topics::{self, Class, PATIENCE};
use super::wire::{self, Told};
use super::{Error, Shared};
use crate::broker::Receiver;

/// How often it is looked whether partitions were added.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How long one look for them may keep the thread from reading.
const COUNT_PATIENCE: Duration = Duration::from_secs(2);
/// How long the thread waits for a record before it looks whether it is to end.
const POLL: Duration = Duration::from_millis(100);

pub(super) struct Hearing {
    shared: Arc<Shared>,
    teller: Arc<Teller>,
    consumer: BaseConsumer<Context>,
    topics: [String; Class::ALL.len()],
    /// The next record of each place. They are numbered without holes: a higher one means that some are gone.
    next: HashMap<Place, i64>,
}

impl Hearing {
    /// Finds out where every partition ends: what is told from now on is heard. Blocks.
    pub(super) fn open(shared: Arc<Shared>, teller: Arc<Teller>) -> Result<Self, Error> {
        let mut config = shared.settings.client();
        config
            // librdkafka wants a group even where partitions are assigned by hand. Nothing is ever committed to it.
            .set("group.id", format!("{}.{}", shared.settings.prefix, shared.me))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A node that was away for longer than records are kept goes on at the end, and doubts.
            .set("auto.offset.reset", "latest")
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.wait.max.ms", "100");
        let consumer = config.create_with_context(Context).map_err(topics::unusable)?;
        let topics = Class::ALL.map(|class| class.topic(&shared.settings));
        let mut hearing = Self {
            shared,
            teller,
            consumer,
            topics,
            next: HashMap::new(),
        };
        for class in Class::ALL {
            let count = topics::patiently(|| hearing.teller.count_partitions(class, PATIENCE))?;
            for partition in 0..count {
                let topic = &hearing.topics[class.index()];
                let (_, end) = topics::patiently(|| {
                    let ends = hearing.consumer.fetch_watermarks(topic, partition, PATIENCE);
                    ends.map_err(topics::unusable)
                })?;
                hearing.next.insert(place(class, partition), end);
            }
            hearing.teller.set_partitions(class, count);
        }
        hearing.assign()?;
        Ok(hearing)
    }

    /// Hears on a thread of its own until the broker is closed.
    pub(super) fn run(mut self, receiver: Arc<dyn Receiver>) -> Result<(), Error> {
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("kafka".to_owned());
        let running = thread.spawn(move || {
            // Those who hear spawn tasks.
            let _entered = runtime.enter();
            self.hear(receiver.as_ref());
        });
        running
            .map(drop)
            .map_err(|error| Error::Unavailable(error.to_string()))
    }

    fn hear(&mut self, receiver: &dyn Receiver) {
        let mut counted_at = Instant::now();
        while !self.shared.is_closed() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let heard = heard_of(&self.topics, &message);
                    if let Some((place, offset)) = heard {
                        self.shared.note_offset(&mut self.next, place, offset);
                        take(
                            &self.shared,
                            place,
                            message.payload().unwrap_or_default(),
                            receiver,
                        );
                    }
                }
                Some(Err(error)) => tracing::debug!(%error, "kafka cannot be read"),
                None => {}
            }
            if counted_at.elapsed() >= COUNT_EVERY {
                self.count_partitions();
                counted_at = Instant::now();
            }
        }
    }

    /// Adds the partitions that came to be; what was told in them is heard from their beginning.
    fn count_partitions(&mut self) {
        let mut has_more = false;
        for class in Class::ALL {
            match self.teller.count_partitions(class, COUNT_PATIENCE) {
                Ok(count) => {
                    for partition in 0..count {
                        let place = place(class, partition);
                        has_more |= self
                            .next
                            .insert(place, self.next.get(&place).copied().unwrap_or(0))
                            .is_none();
                    }
                    self.teller.set_partitions(class, count);
                }
                Err(error) => {
                    tracing::debug!(%error, "partitions cannot be counted");
                    break;
                }
            }
        }
        if has_more && let Err(error) = self.assign() {
            tracing::warn!(%error, "new partitions cannot be read");
        }
    }

    fn assign(&self) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        for ((class, partition), next) in &self.next {
            let topic = &self.topics[usize::from(*class)];
            list.add_partition_offset(topic, *partition, Offset::Offset(*next))
                .map_err(topics::unusable)?;
        }
        self.consumer.assign(&list).map_err(topics::unusable)
    }
}

impl Shared {
    /// A record with this number came: records before it that did not come are gone.
    fn note_offset(&self, next: &mut HashMap<Place, i64>, place: Place, offset: i64) {
        let expected = next.insert(place, offset + 1);
        if expected.is_some_and(|expected| offset > expected) {
            tracing::warn!(?place, ?expected, offset, "records of others were passed over");
            self.proof().missed(Instant::now());
        }
    }
}

/// The place and number of a record, if it is in one of the topics.
fn heard_of(topics: &[String], message: &BorrowedMessage<'_>) -> Option<(Place, i64)> {
    let class = topics.iter().position(|topic| topic == message.topic())?;
    let class = u8::try_from(class).ok()?;
    Some(((class, message.partition()), message.offset()))
}

fn take(shared: &Shared, place: Place, bytes: &[u8], receiver: &dyn Receiver) {
    let Some(from) = wire::sender(bytes) else {
        tracing::warn!(?place, "a record says nothing");
        return;
    };
    let is_own = from == shared.me;
    if is_own && !wire::is_beat(bytes) {
        return;
    }
    match wire::read(bytes) {
        Ok(Told::Beat(beat)) => {
            shared.proof().heard_beat(from, place, &beat, Instant::now());
            return;
        }
        Ok(Told::Event(commit)) => {
            shared.heard.fetch_add(1, Ordering::Relaxed);
            receiver.event(commit);
        }
        Ok(Told::Unknown(stream, rev)) => {
            shared.heard.fetch_add(1, Ordering::Relaxed);
            receiver.passed(stream, rev);
        }
        Ok(Told::Signal(Some(signal))) => receiver.signal(signal),
        Ok(Told::Signal(None)) => {}
        Err(error) => {
            tracing::warn!(%error, ?place, "a record cannot be read");
            shared.proof().missed(Instant::now());
        }
    }
    // Only now: what is counted as heard has been heard.
    if usize::from(place.0) < Class::PROVED.len() {
        shared.proof().heard(from, place, Instant::now());
    }
}

fn place(class: Class, partition: i32) -> Place {
    (class as u8, partition)
}

struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        telling::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka");
    }
}

impl ConsumerContext for Context {}
