//! Writing many rows into an engine that nobody else uses, in commits of bounded size.

use std::collections::BTreeMap;

use serde::Serialize;

use super::frame;
use super::tables::{self, Table};
use crate::engine::{Engine, Entry, Previous};
use crate::error::Result;

/// A commit has no more rows than this.
const MAX_ROWS: usize = 1_000;
/// A commit has about no more bytes than this.
const MAX_BYTES: usize = 1024 * 1024;
/// How many rows a step of a scan reads.
const STEP: usize = 1_000;

/// Collects rows and commits them when there are enough.
pub(crate) struct Bulk<'a> {
    engine: &'a dyn Engine,
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl<'a> Bulk<'a> {
    pub(crate) fn new(engine: &'a dyn Engine) -> Self {
        Self {
            engine,
            rows: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Writes whole content, long or not. No row of this key has been written with longer content before.
    pub(crate) fn put(&mut self, key: &[u8], content: &[u8]) -> Result<()> {
        let framed = frame::seal(key, content)?;
        for (number, part) in (0..=u8::MAX).zip(framed.parts) {
            self.set(tables::part(key, number), Some(part));
        }
        self.set(key.to_vec(), Some(framed.main));
        self.commit_if_full()
    }

    pub(crate) fn put_as<T: Serialize>(&mut self, key: &[u8], value: &T) -> Result<()> {
        self.put(key, &frame::encode(value)?)
    }

    /// Removes a row of short content.
    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.set(key.to_vec(), None);
        self.commit_if_full()
    }

    fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.rows.insert(key, value);
    }

    fn commit_if_full(&mut self) -> Result<()> {
        if self.rows.len() >= MAX_ROWS || self.bytes >= MAX_BYTES {
            self.commit()
        } else {
            Ok(())
        }
    }

    /// Makes everything durable that was put so far.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let entry = |(key, value)| Entry {
            key,
            value,
            previous: Previous::Unknown,
        };
        self.engine.commit(rows.into_iter().map(entry).collect())
    }
}

/// Visits every row of an engine in key order, those of undeclared tables included.
pub(crate) fn each_row(
    engine: &dyn Engine,
    mut visit: impl FnMut(Vec<u8>, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let (mut from, to) = everything();
    loop {
        let pairs = engine.range(&from, &to, STEP, false)?;
        let Some((last, _)) = pairs.last() else {
            return Ok(());
        };
        from = tables::after(last);
        for (key, main) in pairs {
            visit(key, main)?;
        }
    }
}

/// A range with every key. Keys of 255s alone are in no table.
pub(crate) fn everything() -> (Vec<u8>, Vec<u8>) {
    (Vec::new(), vec![u8::MAX; crate::engine::MAX_KEY_BYTES])
}

/// How much an engine holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Rows by the number of their table.
    pub(crate) rows: BTreeMap<u8, u64>,
    /// The bytes of all keys and values.
    pub(crate) logical_bytes: u64,
}

impl Census {
    pub(crate) fn take(engine: &dyn Engine) -> Result<Self> {
        let mut census = Self::default();
        each_row(engine, |key, main| {
            *census.rows.entry(key.first().copied().unwrap_or(0)).or_default() += 1;
            census.logical_bytes += (key.len() + main.len()) as u64;
            Ok(())
        })?;
        Ok(census)
    }

    pub(crate) fn rows_of(&self, table: Table) -> u64 {
        self.rows.get(&table.number()).copied().unwrap_or(0)
    }
}
