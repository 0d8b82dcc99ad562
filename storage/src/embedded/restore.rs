//! Making data from a backup.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::archive::{Contents, Frame, Manifest, Reader};
use super::backup::is_archived;
use super::bulk::{Bulk, Census};
use super::folder::{self, Folder};
use super::nonces::Used;
use super::private;
use super::stored::{StoredEvent, StoredMessage, StoredNonces, StoredState, Tick};
use super::tables::{self, Table};
use super::{META_EPOCH, META_FORMAT, META_TICK, check, derive, frame};
use crate::Env;
use crate::engine::{self, Engine, EngineKind, EngineOptions};
use crate::error::{Error, Result};
use crate::model::{Epoch, Event, Head, Nonce, StateKey, StateRow, StateTable, Timestamp};

/// How far the count of commit groups jumps. What somebody noted of groups that were lost with the old data must never
/// look like a place in the new data.
const TICKS_SKIPPED: u64 = 1 << 32;

/// How many nonces a row of theirs has: about one page of an engine.
const NONCES_PER_ROW: usize = 200;

/// What a restore made.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreReport {
    /// The data folder.
    pub folder: PathBuf,
    /// The engine that the data is in now.
    pub engine: String,
    /// The new life of the data: clients start over.
    pub epoch: Epoch,
    /// Where and when the backup was made.
    pub manifest: Manifest,
    /// What it held.
    pub contents: Contents,
    /// Rows that were made anew from events and state rows.
    pub derived_rows: u64,
}

/// Makes data from a backup in `folder`, which must not have any. Blocks.
///
/// The whole file is checked while it is read, and the data takes its place only when everything fitted: after an error
/// or a crash the folder is as it was.
pub fn restore(file: &Path, folder: &Path, engine: EngineKind, env: &Env) -> Result<RestoreReport> {
    let reader = Reader::open(file)?;
    let made_folders = private::missing_folders(folder);
    let had_lock = folder.join("lock").exists();
    let folder = Folder::lock(folder)?;
    if folder.recover()?.is_some() {
        return Err(Error::CannotOpen(format!(
            "{} has data already, and a restore overwrites nothing: choose an empty folder",
            folder.path().display()
        )));
    }
    let made = fill(&folder, reader, engine, env);
    if made.is_err() {
        folder.abandon_new();
        if !had_lock {
            folder.unmake(&made_folders);
        }
    }
    made
}

fn fill(folder: &Folder, reader: Reader, kind: EngineKind, env: &Env) -> Result<RestoreReport> {
    let new = folder.begin_new()?;
    let options = EngineOptions {
        create: true,
        ..EngineOptions::default()
    };
    let engine = engine::open(kind, &new, &options)?;
    let epoch = Epoch::from_u128(env.next_id());
    let filled = write(&*engine, reader, epoch, env.now());
    let closed = engine.close();
    drop(engine);
    let (manifest, contents, derived_rows) = filled?;
    closed?;
    folder.finish_new(kind)?;
    Ok(RestoreReport {
        folder: folder.path().to_owned(),
        engine: kind.name().to_owned(),
        epoch,
        manifest,
        contents,
        derived_rows,
    })
}

fn write(
    engine: &dyn Engine,
    mut reader: Reader,
    epoch: Epoch,
    now: Timestamp,
) -> Result<(Manifest, Contents, u64)> {
    let mut bulk = Bulk::new(engine);
    let mut sums = Sums::default();
    let oldest_kept = Timestamp::from_millis(now.as_millis().saturating_sub(Nonce::KEPT_MS));
    let nonces_from = tables::nonce_day(oldest_kept);
    let mut nonces: Vec<Used> = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        let table = Table::of(&frame.key)?;
        if !is_archived(table) {
            return Err(Error::Damaged(format!("{table:?} has no place in a backup")));
        }
        bulk.put(&frame.key, &frame.content)?;
        let event = match table {
            Table::Heads => {
                sums.add(&frame::decode(&frame.key, &frame.content)?);
                None
            }
            Table::Events => Some(event(&frame, &mut bulk)?),
            // Nothing follows from its event but the message, which is whole.
            Table::Messages => Some(posted(&frame, &mut bulk)?),
            Table::State => {
                state(&frame, &mut bulk)?;
                None
            }
            _ => None,
        };
        let used = event.as_ref().and_then(Used::of);
        nonces.extend(used.filter(|used| used.day >= nonces_from));
    }
    let manifest = reader.manifest().clone();
    let contents = reader.finish()?;
    put_nonces(nonces, &mut bulk)?;
    for (number, count) in &manifest.state_writes {
        if let Some(table) = StateTable::from_number(*number) {
            bulk.put_as(&tables::state_count(table), count)?;
        }
    }
    bulk.commit()?;
    let census = Census::take(engine)?;
    sums.compare(&contents, &census)?;
    let tick = Tick {
        number: manifest.tick + TICKS_SKIPPED,
        hash: 0,
        logical_bytes: census.logical_bytes,
        changes_from: manifest.tick + TICKS_SKIPPED + 1,
        nonces_from,
    };
    bulk.put_as(&tables::meta(META_FORMAT), &folder::FORMAT)?;
    bulk.put_as(&tables::meta(META_EPOCH), &epoch)?;
    bulk.put_as(&tables::meta(META_TICK), &tick)?;
    bulk.commit()?;
    check::start(engine, epoch, &tick, None)?;
    let derived = |table: &Table| table.class() == tables::TableClass::Derived;
    let derived_rows = Table::ALL.into_iter().filter(derived);
    let derived_rows = derived_rows.map(|table| census.rows_of(table)).sum();
    Ok((manifest, contents, derived_rows))
}

/// Makes the rows that follow from an event. The file has each stream's events in order.
fn event(frame: &Frame, bulk: &mut Bulk<'_>) -> Result<Event> {
    let stored: StoredEvent = frame::decode(&frame.key, &frame.content)?;
    let event = stored.into_event(tables::stream_of(&frame.key)?);
    derive::apply(&event, bulk)?;
    Ok(event)
}

/// Makes the rows that follow from the event that posted a message.
fn posted(frame: &Frame, bulk: &mut Bulk<'_>) -> Result<Event> {
    let stored: StoredMessage = frame::decode(&frame.key, &frame.content)?;
    let event = stored.event(tables::room_of(&frame.key)?);
    derive::apply_post(&event, &stored.record, bulk)?;
    Ok(event)
}

/// Makes rows of nonces like those of commit groups, numbered from 1: groups of the new data have far higher numbers.
fn put_nonces(mut nonces: Vec<Used>, bulk: &mut Bulk<'_>) -> Result<()> {
    nonces.sort_unstable();
    let days = nonces.chunk_by(|left, right| left.day == right.day);
    for (number, nonces) in (1..).zip(days.flat_map(|day| day.chunks(NONCES_PER_ROW))) {
        let mut row = StoredNonces::default();
        nonces.iter().for_each(|used| row.add(used));
        bulk.put_as(&tables::nonces(nonces[0].day, number), &row)?;
    }
    Ok(())
}

/// Makes the note of when a state row expires.
fn state(frame: &Frame, bulk: &mut Bulk<'_>) -> Result<()> {
    let row = StateRow::from(frame::decode::<StoredState>(&frame.key, &frame.content)?);
    let key: StateKey = tables::state_key(&frame.key)?;
    match row.expires_at {
        Some(at) => bulk.put_as(&tables::expiry(at, &key), &()),
        None => Ok(()),
    }
}

/// How many events and messages the heads promise.
#[derive(Default)]
struct Sums {
    events: u64,
    messages: u64,
}

impl Sums {
    fn add(&mut self, head: &Head) {
        self.events += (head.rev + 1).saturating_sub(head.first_rev);
        self.messages += head.seq;
    }

    /// Everything that the file has is in the engine, and as many events and messages as its heads promise.
    fn compare(&self, contents: &Contents, census: &Census) -> Result<()> {
        for table in Table::ALL.into_iter().filter(|table| is_archived(*table)) {
            let promised = contents.rows.get(&table.number()).copied().unwrap_or(0);
            let written = census.rows_of(table);
            if promised != written {
                return Err(Error::Damaged(format!(
                    "{written} rows of {table:?} were written, not {promised}"
                )));
            }
        }
        let messages = census.rows_of(Table::Messages);
        // Each message is the row of the event that posted it.
        let found = (census.rows_of(Table::Events) + messages, messages);
        if found == (self.events, self.messages) {
            return Ok(());
        }
        Err(Error::Damaged(format!(
            "the backup has {} events and {} messages, its heads promise {} and {}",
            found.0, found.1, self.events, self.messages
        )))
    }
}
