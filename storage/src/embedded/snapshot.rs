//! A view of the store as it was at one group boundary, while the store goes on.
//!
//! A tap on the committer keeps what each later group is about to replace, the first time it does. A read asks the
//! engine first and these notes second: whatever the engine's answer shows of later groups was noted before, so the
//! notes put it right. Writers wait for nothing but the noting. Two engines, one way: sled has no snapshots.
//!
//! What is noted takes about 100 bytes of memory for each row that was changed since and was not released; long
//! replaced values go to a file without a name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::committer::Operation;
use super::stored::Tick;
use super::tap::Tap;
use super::{Embedded, closed, tables};
use crate::engine::{Batch, Engine, EngineKind, Pair, Previous};
use crate::error::{Error, Result};

/// Replaced values of up to so many bytes in all stay in memory.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// Which rows a snapshot is asked for. Changes of others are not noted.
pub(crate) type Scope = fn(&[u8]) -> bool;

/// What a row held at the snapshot's moment.
enum Before {
    Absent,
    Held(Vec<u8>),
    Spilled { offset: u64, length: usize },
}

/// What later groups replaced.
struct Notes {
    scope: Scope,
    spill: Spill,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<Vec<u8>, Before>,
    /// The rest of long values, apart because they are released together with the rows that they belong to.
    parts: BTreeMap<Vec<u8>, Before>,
    held_bytes: usize,
    /// Rows before this key will not be read any more.
    released_to: Vec<u8>,
    /// How many groups were noted.
    groups: u64,
    /// Why the snapshot cannot be trusted any more.
    failed: Option<Error>,
}

/// Where replaced values go when there are many.
struct Spill {
    path: PathBuf,
    file: Mutex<Option<(File, u64)>>,
}

impl Spill {
    fn write(&self, bytes: &[u8]) -> std::io::Result<u64> {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, length) = match &mut *held {
            Some(open) => open,
            none => none.insert((self.create()?, 0)),
        };
        let offset = *length;
        file.write_all(bytes)?;
        *length += bytes.len() as u64;
        Ok(offset)
    }

    /// A file that is gone with this process, however that ends.
    fn create(&self) -> std::io::Result<File> {
        let file = super::private::file()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&self.path)?;
        std::fs::remove_file(&self.path)?;
        Ok(file)
    }

    fn read(&self, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = vec![0; length];
        match &*held {
            Some((file, _)) => file.read_exact_at(&mut bytes, offset)?,
            None => return Err(std::io::ErrorKind::NotFound.into()),
        }
        Ok(bytes)
    }
}

impl Notes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, state: &mut State, key: &[u8], previous: &Previous) -> Result<()> {
        let is_part = key.first() == Some(&tables::Table::Parts.number());
        let row = if is_part {
            key.get(1..).unwrap_or_default()
        } else {
            key
        };
        if row < state.released_to.as_slice() || !(self.scope)(row) {
            return Ok(());
        }
        let known = if is_part { &state.parts } else { &state.rows };
        if known.contains_key(key) {
            return Ok(());
        }
        let before = match previous {
            Previous::Absent => Before::Absent,
            Previous::Value(value) if state.held_bytes + value.len() <= MAX_HELD_BYTES => {
                state.held_bytes += value.len();
                Before::Held(value.clone())
            }
            Previous::Value(value) => {
                let offset = self
                    .spill
                    .write(value)
                    .map_err(|error| self.spill_failed(&error))?;
                Before::Spilled {
                    offset,
                    length: value.len(),
                }
            }
            Previous::Unknown => {
                return Err(Error::Unavailable(
                    "a group did not say what it replaced".to_owned(),
                ));
            }
        };
        let known = if is_part {
            &mut state.parts
        } else {
            &mut state.rows
        };
        known.insert(key.to_vec(), before);
        Ok(())
    }

    fn spill_failed(&self, error: &std::io::Error) -> Error {
        Error::Unavailable(format!(
            "cannot keep replaced rows in {}: {error}",
            self.spill.path.display()
        ))
    }

    /// The value at the snapshot's moment.
    fn value(&self, before: &Before) -> Result<Option<Vec<u8>>> {
        match before {
            Before::Absent => Ok(None),
            Before::Held(value) => Ok(Some(value.clone())),
            Before::Spilled { offset, length } => {
                let value = self.spill.read(*offset, *length);
                value.map(Some).map_err(|error| self.spill_failed(&error))
            }
        }
    }
}

impl Tap for Notes {
    fn committing(&self, batch: &Batch) {
        let mut state = self.state();
        state.groups += 1;
        if state.failed.is_some() {
            return;
        }
        for entry in batch {
            if let Err(error) = self.note(&mut state, &entry.key, &entry.previous) {
                // The writer goes on; whoever reads the snapshot is told.
                state.failed = Some(error);
                (state.rows, state.parts) = (BTreeMap::new(), BTreeMap::new());
                return;
            }
        }
    }
}

/// The store at one group boundary. Reads like an engine that nobody writes to. Ends when it is dropped.
pub(crate) struct Snapshot {
    store: Embedded,
    kind: EngineKind,
    notes: Arc<Notes>,
    tick: Tick,
}

impl Snapshot {
    /// Takes a snapshot of the rows in `scope`. Blocks: not for the runtime's own threads. Values that do not fit into
    /// memory are kept in a file `spill`, which never stays behind.
    pub(crate) fn take(store: &Embedded, scope: Scope, spill: &Path) -> Result<Self> {
        let spill = Spill {
            path: spill.to_owned(),
            file: Mutex::new(None),
        };
        let notes = Arc::new(Notes {
            scope,
            spill,
            state: Mutex::default(),
        });
        let tap: Arc<dyn Tap> = Arc::clone(&notes) as Arc<dyn Tap>;
        let (answer, answered) = oneshot::channel();
        let operations = &store.inner.operations;
        operations
            .blocking_send(Operation::StartTap { tap, answer })
            .map_err(|_| closed())?;
        let tick = answered.blocking_recv().map_err(|_| closed())?;
        Ok(Self {
            kind: store.engine()?.kind(),
            store: store.clone(),
            notes,
            tick,
        })
    }

    /// The newest group that the snapshot shows.
    pub(crate) fn tick(&self) -> Tick {
        self.tick
    }

    /// How many groups were committed since.
    pub(crate) fn groups_since(&self) -> u64 {
        self.notes.state().groups
    }

    /// Promises that no row before `key` is read any more, so that nothing need be kept for it.
    pub(crate) fn release_before(&self, key: &[u8]) {
        let part = tables::parts_from(key);
        let mut state = self.notes.state();
        let kept = state.rows.split_off(key);
        let dropped = std::mem::replace(&mut state.rows, kept);
        let kept = state.parts.split_off(&part);
        let dropped_parts = std::mem::replace(&mut state.parts, kept);
        for before in dropped.values().chain(dropped_parts.values()) {
            if let Before::Held(value) = before {
                state.held_bytes = state.held_bytes.saturating_sub(value.len());
            }
        }
        state.released_to = key.to_vec();
    }

    /// Answers the error that made the snapshot untrustworthy, if any did.
    fn check(state: &State) -> Result<()> {
        state.failed.clone().map_or(Ok(()), Err)
    }

    /// Puts what the engine answered for `from..to` back to the snapshot's moment.
    fn restore(&self, pairs: Vec<Pair>, from: &[u8], to: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = pairs.into_iter().collect();
        let state = self.notes.state();
        Self::check(&state)?;
        let range = (Bound::Included(from), Bound::Excluded(to));
        let noted = state
            .rows
            .range::<[u8], _>(range)
            .chain(state.parts.range::<[u8], _>(range));
        for (key, before) in noted {
            match self.notes.value(before)? {
                Some(value) => rows.insert(key.clone(), value),
                None => rows.remove(key),
            };
        }
        Ok(rows)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let tap: Arc<dyn Tap> = Arc::clone(&self.notes) as Arc<dyn Tap>;
        // A closed store has forgotten its taps already.
        self.store
            .inner
            .operations
            .blocking_send(Operation::StopTap { tap })
            .ok();
    }
}

impl Engine for Snapshot {
    fn kind(&self) -> EngineKind {
        self.kind
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        // The engine first: the order of these two reads is what makes the view right.
        let present = self.store.engine()?.get(key)?;
        let state = self.notes.state();
        Self::check(&state)?;
        match state.rows.get(key).or_else(|| state.parts.get(key)) {
            Some(before) => self.notes.value(before),
            None => Ok(present),
        }
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Pair>> {
        let (mut from, mut to) = (from.to_vec(), to.to_vec());
        let mut found = Vec::new();
        while found.len() < limit && from < to {
            let pairs = self.store.engine()?.range(&from, &to, limit, reverse)?;
            // Behind the last of a full answer nothing is known yet.
            let last = if pairs.len() < limit {
                None
            } else {
                pairs.last().map(|(key, _)| key.clone())
            };
            let (next_from, next_to) = match (last, reverse) {
                (None, _) => (to.clone(), to.clone()),
                (Some(last), false) => (tables::after(&last), to.clone()),
                (Some(last), true) => (from.clone(), last),
            };
            if reverse {
                let start = if next_from == next_to { &from } else { &next_to };
                found.extend(self.restore(pairs, start, &to)?.into_iter().rev());
            } else {
                found.extend(self.restore(pairs, &from, &next_from)?);
            }
            (from, to) = (next_from, next_to);
        }
        found.truncate(limit);
        Ok(found)
    }

    fn commit(&self, _batch: Batch) -> Result<()> {
        Err(Error::ReadOnly("a snapshot cannot be written".to_owned()))
    }

    fn file_bytes(&self) -> Result<u64> {
        self.store.engine()?.file_bytes()
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}
