//! Which nonces were used, and where the events are that they stand for.
//!
//! A row for each nonce would be one more key for each message, at a random place, and keys are what an engine's time
//! and memory go into. Instead each commit group writes one row that lists hashes of its nonces, and all hashes of the
//! days that are kept are in memory, for the committer alone: 12 bytes each after a start, up to 18 as they come. A hash
//! only says where to look. The event or message there has the nonce itself, and decides.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use sha2::{Digest, Sha256};

use super::stored::StoredNonces;
use super::{frame, tables};
use crate::engine::Engine;
use crate::error::Result;
use crate::model::{Event, Fact, Nonce, StreamId, UserId};

/// How many rows one step of loading reads.
const STEP: usize = 200;
/// How many bits of an entry say where; the others are of the hash.
const PLACE_BITS: u32 = 36;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

/// Where an event is kept, within its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// In the row of this rev.
    Event(u64),
    /// In the message of this seq, which it posted.
    Message(u64),
}

impl Place {
    /// Where `event` is kept.
    pub(crate) fn of(event: &Event) -> Self {
        match event.fact {
            Fact::MessagePosted { .. } => Self::Message(event.head.seq),
            _ => Self::Event(event.rev()),
        }
    }

    /// The stored form.
    pub(crate) const fn to_number(self) -> u64 {
        match self {
            Self::Event(rev) => rev << 1,
            Self::Message(seq) => seq << 1 | 1,
        }
    }

    /// The inverse of [`Self::to_number`].
    pub(crate) const fn from_number(number: u64) -> Self {
        if number & 1 == 0 {
            Self::Event(number >> 1)
        } else {
            Self::Message(number >> 1)
        }
    }
}

/// One use of a nonce: what a row keeps of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Used {
    pub(crate) day: u32,
    pub(crate) stream: StreamId,
    pub(crate) hash: u64,
    pub(crate) place: Place,
}

impl Used {
    pub(crate) fn new(stream: StreamId, actor: Option<UserId>, nonce: Nonce, place: Place) -> Self {
        Self {
            day: tables::nonce_day(nonce.time()),
            stream,
            hash: hash(stream, actor, nonce),
            place,
        }
    }

    /// How `event` used its nonce, if it has one.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let nonce = event.nonce?;
        Some(Self::new(event.stream, event.actor, nonce, Place::of(event)))
    }
}

/// Stored, so the same for ever. Clients choose nonces: a hash that is easily made to collide would let one of them
/// make the committer look at all places of a thousand others.
pub(crate) fn hash(stream: StreamId, actor: Option<UserId>, nonce: Nonce) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(stream.to_bytes());
    hasher.update(actor.map_or([0; 16], UserId::to_bytes));
    hasher.update(nonce.to_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// The nonces of the days that are kept.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Within a day, 28 bits of the hash and 36 of the place: a room on one node never comes near 2^35 messages.
    /// A wrong match among a million nonces of a day costs one read in 250 posts.
    days: BTreeMap<u32, BTreeSet<u64>>,
    /// Nobody outside can tell which hashes share their 28 bits.
    random: RandomState,
}

impl Index {
    /// Reads all rows of nonces.
    pub(crate) fn load(engine: &dyn Engine) -> Result<Self> {
        let mut index = Self::default();
        let mut days: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        let (mut from, to) = tables::whole(tables::Table::Nonces);
        loop {
            let pairs = engine.range(&from, &to, STEP, false)?;
            let Some((last, _)) = pairs.last() else { break };
            from = tables::after(last);
            for (key, main) in pairs {
                let Some(content) = frame::read(engine, &key, Some(main))? else {
                    continue;
                };
                let day = days.entry(tables::day_of(&key)?).or_default();
                let row: StoredNonces = frame::decode(&key, &content)?;
                day.extend(row.all().map(|(_, hash, place)| index.entry(hash, place)));
            }
        }
        // From sorted entries the sets are made without gaps.
        index.days = days
            .into_iter()
            .map(|(day, entries)| (day, entries.into_iter().collect()))
            .collect();
        Ok(index)
    }

    /// Adds nonces once they are durable.
    pub(crate) fn add(&mut self, used: &[Used]) {
        for used in used {
            let entry = self.entry(used.hash, used.place);
            self.days.entry(used.day).or_default().insert(entry);
        }
    }

    /// Where the event of a nonce may be.
    pub(crate) fn places(&self, nonce: Nonce, hash: u64) -> impl Iterator<Item = Place> + use<'_> {
        let tag = self.tag(hash);
        let day = self.days.get(&tables::nonce_day(nonce.time()));
        day.into_iter()
            .flat_map(move |day| day.range(tag..=tag | PLACE_MASK))
            .map(|entry| Place::from_number(entry & PLACE_MASK))
    }

    /// Whether a use is known.
    pub(crate) fn has(&self, used: &Used) -> bool {
        let entry = self.entry(used.hash, used.place);
        self.days.get(&used.day).is_some_and(|day| day.contains(&entry))
    }

    /// Forgets what is too old to be answered.
    pub(crate) fn forget_before(&mut self, day: u32) {
        self.days = self.days.split_off(&day);
    }

    fn entry(&self, hash: u64, place: Place) -> u64 {
        self.tag(hash) | place.to_number() & PLACE_MASK
    }

    fn tag(&self, hash: u64) -> u64 {
        self.random.hash_one(hash) & !PLACE_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RoomId;

    fn used(number: u64) -> Used {
        let stream = StreamId::Room(RoomId::from_u128(7));
        let nonce = Nonce::from_u128(1_000_000 << 80 | u128::from(number));
        let place = Place::from_number(number);
        Used::new(stream, Some(UserId::from_u128(1)), nonce, place)
    }

    #[test]
    fn places_round_trip() {
        for place in [Place::Event(1), Place::Message(1), Place::Message(1 << 34)] {
            assert_eq!(Place::from_number(place.to_number()), place);
        }
    }

    #[test]
    fn every_nonce_is_found_until_its_day_is_forgotten() {
        let mut index = Index::default();
        let all: Vec<Used> = (1..5_000).map(used).collect();
        index.add(&all);
        for (number, used) in (1..).zip(&all) {
            let nonce = Nonce::from_u128(1_000_000 << 80 | number);
            assert!(index.has(used));
            assert!(index.places(nonce, used.hash).any(|place| place == used.place));
        }
        assert!(!index.has(&used(5_000)));
        index.forget_before(all[0].day);
        assert!(index.has(&all[0]));
        index.forget_before(all[0].day + 1);
        assert!(!index.has(&all[0]));
    }

    #[test]
    fn a_hash_depends_on_all_that_makes_a_nonce_ones_own() {
        let (room, other) = (RoomId::from_u128(1), RoomId::from_u128(2));
        let nonce = Nonce::from_u128(5);
        let hashes: BTreeSet<u64> = [
            hash(StreamId::Room(room), None, nonce),
            hash(StreamId::Room(other), None, nonce),
            hash(StreamId::Room(room), Some(UserId::from_u128(1)), nonce),
            hash(StreamId::Room(room), None, Nonce::from_u128(6)),
        ]
        .into();
        assert_eq!(hashes.len(), 4);
    }
}
