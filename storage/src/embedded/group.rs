//! A commit group while it is being put together: what it would write, over what is stored.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::stored::{StateNote, StoredChanges, Tick, decode_row};
use super::{frame, tables};
use crate::engine::{Batch, Engine, Entry, Previous};
use crate::error::Result;
use crate::model::{Head, Row, RowKey, StateKey, StateTable, StreamId, Timestamp};

/// Decisions of one group see each other's writes in here before anything is stored.
pub(crate) struct Group<'a> {
    engine: &'a dyn Engine,
    slots: HashMap<Vec<u8>, Slot>,
    streams: BTreeMap<StreamId, u64>,
    tables: BTreeMap<StateTable, u64>,
    states: BTreeMap<StateKey, u64>,
    changes_from: Option<u64>,
    bytes: usize,
}

/// A row's value before the group and now.
struct Slot {
    before: Option<Vec<u8>>,
    now: Option<Vec<u8>>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(engine: &'a dyn Engine) -> Self {
        Self {
            engine,
            slots: HashMap::new(),
            streams: BTreeMap::new(),
            tables: BTreeMap::new(),
            states: BTreeMap::new(),
            changes_from: None,
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

    fn raw(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if let Some(slot) = self.slots.get(key) {
            return Ok(slot.now.clone());
        }
        let value = self.engine.get(key)?;
        self.slots.insert(
            key.to_vec(),
            Slot {
                before: value.clone(),
                now: value.clone(),
            },
        );
        Ok(value)
    }

    fn set_raw(&mut self, key: Vec<u8>, now: Option<Vec<u8>>) -> Result<()> {
        self.bytes += key.len() + now.as_ref().map_or(0, Vec::len);
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.now = now;
            return Ok(());
        }
        let before = self.engine.get(&key)?;
        self.slots.insert(key, Slot { before, now });
        Ok(())
    }

    /// The content under a key.
    pub(crate) fn content(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(main) = self.raw(key)? else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        for number in 0..frame::part_count(key, &main)? {
            parts.extend(self.raw(&tables::part(key, number))?);
        }
        frame::open(key, &main, &parts).map(Some)
    }

    /// The typed value under a key.
    pub(crate) fn get<T: DeserializeOwned>(&mut self, key: &[u8]) -> Result<Option<T>> {
        self.content(key)?
            .map(|content| frame::decode(key, &content))
            .transpose()
    }

    /// Writes content, whatever was there.
    pub(crate) fn put(&mut self, key: Vec<u8>, content: &[u8]) -> Result<()> {
        let old_parts = self.old_parts(&key)?;
        let framed = frame::seal(&key, content)?;
        let new_parts = framed.parts.len();
        for (number, part) in (0..=u8::MAX).zip(framed.parts) {
            self.set_raw(tables::part(&key, number), Some(part))?;
        }
        for number in (0..old_parts).skip(new_parts) {
            self.set_raw(tables::part(&key, number), None)?;
        }
        self.set_raw(key, Some(framed.main))
    }

    /// Writes content under a key of a dense sequence that the group just extended: nothing can be there.
    pub(crate) fn put_new(&mut self, key: Vec<u8>, content: &[u8]) -> Result<()> {
        self.slots.entry(key.clone()).or_insert(Slot {
            before: None,
            now: None,
        });
        self.put(key, content)
    }

    /// Writes a typed value.
    pub(crate) fn put_as<T: Serialize>(&mut self, key: Vec<u8>, value: &T) -> Result<()> {
        self.put(key, &frame::encode(value)?)
    }

    /// Removes what is under a key.
    pub(crate) fn delete(&mut self, key: Vec<u8>) -> Result<()> {
        for number in 0..self.old_parts(&key)? {
            self.set_raw(tables::part(&key, number), None)?;
        }
        self.set_raw(key, None)
    }

    fn old_parts(&mut self, key: &[u8]) -> Result<u8> {
        self.raw(key)?.map_or(Ok(0), |main| frame::part_count(key, &main))
    }

    /// A stream's head, with the group's own events.
    pub(crate) fn head(&mut self, stream: StreamId) -> Result<Head> {
        Ok(self.get(&tables::head(stream))?.unwrap_or_default())
    }

    /// A projected row, with the group's own changes.
    pub(crate) fn row(&mut self, row: &RowKey) -> Result<Option<Row>> {
        let key = tables::row(row);
        self.content(&key)?
            .map(|content| decode_row(row, &key, &content))
            .transpose()
    }

    /// Notes that a stream has a new head.
    pub(crate) fn note_stream(&mut self, stream: StreamId, rev: u64) {
        self.streams.insert(stream, rev);
    }

    /// Counts a write of a state table, and notes the row's new version, 0 when it was removed.
    pub(crate) fn note_state(&mut self, state: &StateKey, version: u64) -> Result<()> {
        let key = tables::state_count(state.table);
        let count = self.get::<u64>(&key)?.unwrap_or(0) + 1;
        self.put_as(key, &count)?;
        self.tables.insert(state.table, count);
        self.states.insert(state.clone(), version);
        Ok(())
    }

    /// Notes that change rows before `tick` are gone with this group.
    pub(crate) fn forget_changes_before(&mut self, tick: u64) {
        self.changes_from = Some(tick);
    }

    /// Turns the group into a batch that ends with the new tick.
    pub(crate) fn finish(mut self, tick: &Tick, now: Timestamp) -> Result<(Batch, Tick)> {
        let number = tick.number + 1;
        let changes = StoredChanges {
            at: now,
            streams: std::mem::take(&mut self.streams).into_iter().collect(),
            tables: std::mem::take(&mut self.tables)
                .into_iter()
                .map(|(table, count)| (table.number(), count))
                .collect(),
            states: std::mem::take(&mut self.states)
                .into_iter()
                .map(|(state, version)| StateNote {
                    table: state.table.number(),
                    key: state.key,
                    version,
                })
                .collect(),
        };
        self.put_as(tables::change(number), &changes)?;
        let changes_from = self.changes_from.unwrap_or(tick.changes_from);
        let mut next = Tick {
            number,
            changes_from,
            ..*tick
        };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&tick.hash.to_le_bytes());
        let mut batch: Batch = Vec::with_capacity(self.slots.len() + 1);
        for (key, slot) in self.slots {
            if slot.before == slot.now {
                continue;
            }
            let length =
                |value: &Option<Vec<u8>>| value.as_ref().map_or(0, |value| (key.len() + value.len()) as u64);
            next.logical_bytes =
                (next.logical_bytes + length(&slot.now)).saturating_sub(length(&slot.before));
            let previous = slot.before.map_or(Previous::Absent, Previous::Value);
            batch.push(Entry {
                key,
                value: slot.now,
                previous,
            });
        }
        // One order, whatever the hash map's: the hash is the same for the same group.
        batch.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        for entry in &batch {
            hasher.update(&entry.key);
            hasher.update(entry.value.as_deref().unwrap_or_default());
        }
        next.hash = hasher.finalize();
        let key = tables::meta(super::META_TICK);
        let value = frame::seal(&key, &frame::encode(&next)?)?.main;
        let previous = frame::seal(&key, &frame::encode(tick)?)?.main;
        batch.push(Entry {
            key,
            value: Some(value),
            previous: Previous::Value(previous),
        });
        Ok((batch, next))
    }
}
