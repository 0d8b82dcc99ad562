//! A commit group while it is being put together: what it would write, over what is stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::nonces::{Place, Used};
use super::stored::{StateNote, StoredChanges, StoredNonces, Tick, decode_row};
use super::{frame, tables};
use crate::engine::{Batch, Engine, Entry, Previous};
use crate::error::Result;
use crate::model::{Head, Row, RowKey, StateKey, StateTable, StreamId, Timestamp};

/// Decisions of one group see each other's writes in here before anything is stored.
pub(crate) struct Group<'a> {
    engine: &'a dyn Engine,
    slots: HashMap<Vec<u8>, Slot>,
    /// Heads move with every event: they are encoded once, when the group is finished.
    heads: BTreeMap<StreamId, Held<Head>>,
    /// How often each state table was written.
    counts: BTreeMap<StateTable, Held<u64>>,
    states: BTreeMap<StateKey, u64>,
    nonces: Vec<Used>,
    /// The same by hash, for retries within the group.
    places: BTreeSet<(u64, Place)>,
    changes_from: Option<u64>,
    nonces_from: Option<u32>,
    bytes: usize,
}

/// A row's value before the group and now.
struct Slot {
    before: Option<Vec<u8>>,
    now: Now,
}

enum Now {
    /// As before.
    Same,
    Is(Vec<u8>),
    Gone,
}

impl Slot {
    fn value(&self) -> Option<&[u8]> {
        match &self.now {
            Now::Same => self.before.as_deref(),
            Now::Is(value) => Some(value),
            Now::Gone => None,
        }
    }
}

/// A decoded value that is encoded once for the whole group.
struct Held<T> {
    before: Option<Vec<u8>>,
    now: T,
    changed: bool,
}

impl<T: DeserializeOwned + Serialize + Default> Held<T> {
    /// The value of a short row.
    fn new(before: Option<Vec<u8>>, key: &[u8]) -> Result<Self> {
        let now = match &before {
            Some(main) => frame::decode(key, frame::open_single(key, main)?)?,
            None => T::default(),
        };
        Ok(Self {
            before,
            now,
            changed: false,
        })
    }

    fn set(&mut self, now: T) {
        self.now = now;
        self.changed = true;
    }

    fn finish(self, key: Vec<u8>, changes: &mut Vec<Entry>) -> Result<()> {
        if self.changed {
            let value = frame::seal_as(&key, &self.now)?.main;
            push(changes, key, self.before, Some(value));
        }
        Ok(())
    }
}

/// A group that is ready to be written.
pub(crate) struct Finished {
    pub(crate) batch: Batch,
    pub(crate) tick: Tick,
    /// The nonces that it uses.
    pub(crate) nonces: Vec<Used>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(engine: &'a dyn Engine) -> Self {
        Self {
            engine,
            slots: HashMap::new(),
            heads: BTreeMap::new(),
            counts: BTreeMap::new(),
            states: BTreeMap::new(),
            nonces: Vec::new(),
            places: BTreeSet::new(),
            changes_from: None,
            nonces_from: None,
            bytes: 0,
        }
    }

    /// About how many bytes the group will write.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the group would write nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What the store under the group is.
    pub(crate) fn engine(&self) -> &'a dyn Engine {
        self.engine
    }

    /// The row as it is now, read if nobody asked for it yet.
    fn raw(&mut self, key: &[u8]) -> Result<Option<&[u8]>> {
        if !self.slots.contains_key(key) {
            let before = self.engine.get(key)?;
            let now = Now::Same;
            self.slots.insert(key.to_vec(), Slot { before, now });
        }
        Ok(self.slots.get(key).and_then(Slot::value))
    }

    fn set_raw(&mut self, key: Vec<u8>, now: Now) -> Result<()> {
        let length = if let Now::Is(value) = &now { value.len() } else { 0 };
        self.bytes += key.len() + length;
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.now = now;
            return Ok(());
        }
        let before = self.engine.get(&key)?;
        self.slots.insert(key, Slot { before, now });
        Ok(())
    }

    /// The typed value under a key.
    pub(crate) fn get<T: DeserializeOwned>(&mut self, key: &[u8]) -> Result<Option<T>> {
        self.with_content(key, |content| frame::decode(key, content))
    }

    fn with_content<T>(&mut self, key: &[u8], read: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        let Some(main) = self.raw(key)? else {
            return Ok(None);
        };
        let count = frame::part_count(key, main)?;
        if count == 0 {
            return read(frame::open_single(key, main)?).map(Some);
        }
        let main = main.to_vec();
        let mut parts = Vec::with_capacity(usize::from(count));
        for number in 0..count {
            parts.extend(self.raw(&tables::part(key, number))?.map(<[u8]>::to_vec));
        }
        read(&frame::open(key, &main, &parts)?).map(Some)
    }

    /// Writes content, whatever was there.
    pub(crate) fn put(&mut self, key: Vec<u8>, content: &[u8]) -> Result<()> {
        let framed = frame::seal(&key, content)?;
        self.put_framed(key, framed)
    }

    /// Writes content under a key of a dense sequence that the group just extended: nothing can be there.
    pub(crate) fn put_new(&mut self, key: Vec<u8>, content: &[u8]) -> Result<()> {
        let framed = frame::seal(&key, content)?;
        for (number, part) in (0..=u8::MAX).zip(framed.parts) {
            self.insert_new(tables::part(&key, number), part);
        }
        self.insert_new(key, framed.main);
        Ok(())
    }

    /// Writes a typed value.
    pub(crate) fn put_as<T: Serialize>(&mut self, key: Vec<u8>, value: &T) -> Result<()> {
        let framed = frame::seal_as(&key, value)?;
        self.put_framed(key, framed)
    }

    fn insert_new(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        let slot = Slot {
            before: None,
            now: Now::Is(value),
        };
        let present = self.slots.insert(key, slot);
        debug_assert!(present.is_none_or(|slot| slot.value().is_none()));
    }

    fn put_framed(&mut self, key: Vec<u8>, framed: frame::Framed) -> Result<()> {
        let old_parts = self.old_parts(&key)?;
        let new_parts = framed.parts.len();
        for (number, part) in (0..=u8::MAX).zip(framed.parts) {
            self.set_raw(tables::part(&key, number), Now::Is(part))?;
        }
        for number in (0..old_parts).skip(new_parts) {
            self.set_raw(tables::part(&key, number), Now::Gone)?;
        }
        self.set_raw(key, Now::Is(framed.main))
    }

    /// Removes what is under a key.
    pub(crate) fn delete(&mut self, key: Vec<u8>) -> Result<()> {
        for number in 0..self.old_parts(&key)? {
            self.set_raw(tables::part(&key, number), Now::Gone)?;
        }
        self.set_raw(key, Now::Gone)
    }

    fn old_parts(&mut self, key: &[u8]) -> Result<u8> {
        self.raw(key)?.map_or(Ok(0), |main| frame::part_count(key, main))
    }

    /// A stream's head, with the group's own events.
    pub(crate) fn head(&mut self, stream: StreamId) -> Result<Head> {
        if let Some(held) = self.heads.get(&stream) {
            return Ok(held.now);
        }
        let key = tables::head(stream);
        let held: Held<Head> = Held::new(self.engine.get(&key)?, &key)?;
        let head = held.now;
        self.heads.insert(stream, held);
        Ok(head)
    }

    /// Moves a stream's head. The head was read before.
    pub(crate) fn set_head(&mut self, stream: StreamId, head: Head) -> Result<()> {
        self.head(stream)?;
        if let Some(held) = self.heads.get_mut(&stream) {
            held.set(head);
        }
        Ok(())
    }

    /// A projected row, with the group's own changes.
    pub(crate) fn row(&mut self, row: &RowKey) -> Result<Option<Row>> {
        let key = tables::row(row);
        self.with_content(&key, |content| decode_row(row, &key, content))
    }

    /// Notes that an event used a nonce.
    pub(crate) fn note_nonce(&mut self, used: Used) {
        self.places.insert((used.hash, used.place));
        self.nonces.push(used);
    }

    /// Where the event of a nonce may be that was used in this group.
    pub(crate) fn places(&self, hash: u64) -> impl Iterator<Item = Place> + use<'_> {
        let range = (hash, Place::Event(0))..=(hash, Place::Message(u64::MAX));
        self.places.range(range).map(|(_, place)| *place)
    }

    /// Counts a write of a state table.
    pub(crate) fn count_state(&mut self, table: StateTable) -> Result<()> {
        if !self.counts.contains_key(&table) {
            let key = tables::state_count(table);
            let held = Held::new(self.engine.get(&key)?, &key)?;
            self.counts.insert(table, held);
        }
        if let Some(held) = self.counts.get_mut(&table) {
            held.set(held.now + 1);
        }
        Ok(())
    }

    /// Notes a state row's new version, 0 when it was removed.
    pub(crate) fn note_state(&mut self, state: &StateKey, version: u64) {
        self.states.insert(state.clone(), version);
    }

    /// Notes that change rows before `tick` are gone with this group.
    pub(crate) fn forget_changes_before(&mut self, tick: u64) {
        self.changes_from = Some(tick);
    }

    /// Notes that nonces from before `day` are gone with this group, or will be with one of the next.
    pub(crate) fn forget_nonces_before(&mut self, day: u32) {
        self.nonces_from = Some(day);
    }

    /// Turns the group into a batch that ends with the new tick.
    pub(crate) fn finish(mut self, tick: &Tick, now: Timestamp) -> Result<Finished> {
        let number = tick.number + 1;
        let changes = frame::encode(&self.changes(now))?;
        self.put_new(tables::change(number), &changes)?;
        let nonces = self.put_nonces(number)?;
        let mut next = Tick {
            number,
            changes_from: self.changes_from.unwrap_or(tick.changes_from),
            nonces_from: self.nonces_from.unwrap_or(tick.nonces_from).max(tick.nonces_from),
            ..*tick
        };
        let mut batch = self.into_batch()?;
        add_up(&batch, &mut next);
        let key = tables::meta(super::META_TICK);
        let value = frame::seal_as(&key, &next)?.main;
        let previous = frame::seal_as(&key, tick)?.main;
        batch.push(Entry {
            key,
            value: Some(value),
            previous: Previous::Value(previous),
        });
        Ok(Finished {
            batch,
            tick: next,
            nonces,
        })
    }

    /// What the group changes, in one order, whatever the hash map's: the hash is the same for the same group.
    fn into_batch(self) -> Result<Batch> {
        let mut batch: Batch = Vec::with_capacity(self.slots.len() + self.heads.len() + 4);
        for (stream, held) in self.heads {
            held.finish(tables::head(stream), &mut batch)?;
        }
        for (table, held) in self.counts {
            held.finish(tables::state_count(table), &mut batch)?;
        }
        for (key, slot) in self.slots {
            match slot.now {
                Now::Same => {}
                Now::Is(value) => push(&mut batch, key, slot.before, Some(value)),
                Now::Gone => push(&mut batch, key, slot.before, None),
            }
        }
        batch.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(batch)
    }

    fn changes(&mut self, now: Timestamp) -> StoredChanges {
        let heads = self.heads.iter().filter(|(_, held)| held.changed);
        let states = std::mem::take(&mut self.states).into_iter();
        StoredChanges {
            at: now,
            streams: heads.map(|(stream, held)| (*stream, held.now.rev)).collect(),
            tables: self
                .counts
                .iter()
                .map(|(table, held)| (table.number(), held.now))
                .collect(),
            states: states
                .map(|(state, version)| StateNote {
                    table: state.table.number(),
                    key: state.key,
                    version,
                })
                .collect(),
        }
    }

    /// One row for each day that nonces of this group are of: one, as a rule.
    fn put_nonces(&mut self, number: u64) -> Result<Vec<Used>> {
        let mut nonces = std::mem::take(&mut self.nonces);
        nonces.sort_unstable();
        for day in nonces.chunk_by(|left, right| left.day == right.day) {
            let mut row = StoredNonces::default();
            day.iter().for_each(|used| row.add(used));
            let key = tables::nonces(day[0].day, number);
            let content = frame::encode(&row)?;
            self.put_new(key, &content)?;
        }
        Ok(nonces)
    }
}

/// Adds a batch to the hash and the size of everything.
fn add_up(batch: &Batch, tick: &mut Tick) {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&tick.hash.to_le_bytes());
    for entry in batch {
        hasher.update(&entry.key);
        hasher.update(entry.value.as_deref().unwrap_or_default());
        tick.logical_bytes = (tick.logical_bytes + entry.length(entry.value.as_deref()))
            .saturating_sub(entry.length(entry.previous.value()));
    }
    tick.hash = hasher.finalize();
}

fn push(batch: &mut Batch, key: Vec<u8>, before: Option<Vec<u8>>, value: Option<Vec<u8>>) {
    if before == value {
        return;
    }
    let previous = before.map_or(Previous::Absent, Previous::Value);
    batch.push(Entry { key, value, previous });
}
