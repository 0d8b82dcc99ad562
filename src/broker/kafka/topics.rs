//! The topics in which nodes tell: made when they are missing, looked at when they are there.

use std::time::{Duration, Instant};

use madang_storage::model::{Commit, Fact, StreamId, StreamKind};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{Client, ClientContext, DefaultClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::types::RDKafkaErrorCode;

use super::Settings;
use crate::broker::{Error, Signal};

/// How long records are kept. A node that was away for longer finds everything in the store.
const RETENTION_MS: &str = "600000";
/// How long a file of records is written to: kept records are removed by whole files.
const SEGMENT_MS: &str = "300000";
/// How long Kafka may take to answer what is asked once, at the start.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How soon it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// What is told apart, so that each can have partitions and limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Events of the instance, of guilds and of their rooms.
    Guild,
    /// Events of users, of DMs and groups; signals that must not be lost.
    Direct,
    /// Reactions: many, and each of little weight.
    Reactions,
    /// Signals that may be lost.
    Signals,
}

impl Class {
    /// Every class; a place's number is the position in here.
    pub(super) const ALL: [Self; 4] = [Self::Guild, Self::Direct, Self::Reactions, Self::Signals];
    /// Those in which nodes beat.
    pub(super) const PROVED: [Self; 3] = [Self::Guild, Self::Direct, Self::Reactions];

    pub(super) fn of_event(commit: &Commit) -> Self {
        let event = &commit.event;
        if matches!(event.fact, Fact::ReactionChanged { .. }) {
            return Self::Reactions;
        }
        match event.stream.kind() {
            StreamKind::Instance | StreamKind::Guild => Self::Guild,
            StreamKind::User => Self::Direct,
            // Only what happens in a guild's rooms was judged by the guild.
            StreamKind::Room if event.access_rev > 0 => Self::Guild,
            StreamKind::Room => Self::Direct,
        }
    }

    /// Typing and markers come again and again; the others close sockets or change who is told what.
    pub(super) fn of_signal(signal: &Signal) -> Self {
        match signal {
            Signal::Typing { .. } | Signal::Marker { .. } => Self::Signals,
            Signal::Switched { .. }
            | Signal::Asked { .. }
            | Signal::SessionEnded { .. }
            | Signal::SessionsEnded { .. }
            | Signal::Profile { .. } => Self::Direct,
        }
    }

    /// Its position in [`Class::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// Its topic.
    pub(super) fn topic(self, settings: &Settings) -> String {
        let name = match self {
            Self::Guild => "guild",
            Self::Direct => "direct",
            Self::Reactions => "reactions",
            Self::Signals => "signals",
        };
        format!("{}.{name}", settings.prefix)
    }
}

/// The partition of a stream: the same on every node that knows of as many. Where nodes do not, for the seconds in which
/// partitions are added, two events of a stream may overtake each other, which whoever hears them has to manage anyway.
pub(super) fn partition_of(stream: StreamId, partitions: i32) -> i32 {
    spread(&stream.to_bytes(), partitions)
}

/// FNV-1a, then the finishing step of MurmurHash3, without which ids that are alike share partitions. The same in every
/// build.
pub(super) fn spread(key: &[u8], partitions: i32) -> i32 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let count = u64::try_from(partitions).unwrap_or(1).max(1);
    // The rest is below the count, which was an `i32`.
    i32::try_from((mixed >> 32) % count).unwrap_or(0)
}

/// Makes the topics that are missing.
pub(super) async fn provide(config: &ClientConfig, settings: &Settings) -> Result<(), Error> {
    let admin: AdminClient<DefaultClientContext> = config.create().map_err(unusable)?;
    let names = Class::ALL.map(|class| class.topic(settings));
    let topics = names.iter().map(|name| {
        NewTopic::new(
            name,
            settings.partitions,
            TopicReplication::Fixed(settings.replication),
        )
        .set("retention.ms", RETENTION_MS)
        .set("segment.ms", SEGMENT_MS)
    });
    let topics: Vec<NewTopic<'_>> = topics.collect();
    let options = AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE));
    let answers = admin.create_topics(&topics, &options).await.map_err(unusable)?;
    for answer in answers {
        match answer {
            Ok(name) => tracing::info!(name, "topic made"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            // Kafka says so of topics that are there, too. Whether they are is seen when their partitions are counted.
            Err((name, RDKafkaErrorCode::TopicAuthorizationFailed)) => {
                tracing::info!(name, "this node may make no topic: it must be there");
            }
            Err((name, code)) => {
                return Err(Error::Unavailable(format!(
                    "the topic {name} cannot be made: {code}"
                )));
            }
        }
    }
    Ok(())
}

/// How many partitions a topic has. Blocks.
pub(super) fn partitions(
    client: &Client<impl ClientContext>,
    topic: &str,
    patience: Duration,
) -> Result<i32, Error> {
    let metadata = client.fetch_metadata(Some(topic), patience).map_err(unusable)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let count = found.map_or(0, |found| found.partitions().len());
    match i32::try_from(count) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Error::Unavailable(format!(
            "the topic {topic} has no partition that can be used"
        ))),
    }
}

/// Tries again until it works: a topic that was just made has no leader for a moment. Blocks.
pub(super) fn patiently<T>(mut what: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let began = Instant::now();
    loop {
        match what() {
            Err(error) if began.elapsed() < PATIENCE => {
                tracing::debug!(%error, "kafka is asked again");
                std::thread::sleep(ASK_AGAIN);
            }
            answer => return answer,
        }
    }
}

/// Why Kafka cannot be used.
pub(super) fn unusable(error: rdkafka::error::KafkaError) -> Error {
    Error::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_spread_over_all_partitions() {
        let mut counts = [0_u32; 12];
        for number in 0..12_000_u128 {
            let stream = StreamId::Room(madang_storage::model::RoomId::from_u128(number << 64 | number));
            counts[usize::try_from(partition_of(stream, 12)).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
        assert_eq!(spread(b"any", 1), 0);
    }
}
