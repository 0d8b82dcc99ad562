//! The check at start: is what the last groups wrote still there?
//!
//! sled loses rows silently when a byte rots. Within the change rows that are kept, and for the newest row of every
//! stream, that is noticed here; older losses by the dense reads and by the scrub.

use std::collections::BTreeMap;

use super::folder::TipContent;
use super::stored::{StoredChanges, StoredEvent, Tick};
use super::{frame, reads, tables};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{Epoch, Head, RowKey, StateTable, StreamId};

/// How many rows one step reads.
const STEP: usize = 1_000;
/// How many of the newest change rows' events are looked up one by one.
const MAX_EVENTS_CHECKED: usize = 20_000;

/// Answers [`Error::Damaged`] when something that was durable is gone.
pub(crate) fn start(engine: &dyn Engine, epoch: Epoch, tick: &Tick, tip: Option<TipContent>) -> Result<()> {
    check_tip(epoch, tick, tip)?;
    let noted = check_changes(engine, tick)?;
    for (stream, rev) in &noted.streams {
        let head = reads::head(engine, *stream)?;
        if head.rev < *rev {
            return Err(Error::Damaged(format!(
                "{stream} is at {} but was at {rev}",
                head.rev
            )));
        }
    }
    for (table, count) in &noted.tables {
        let present = frame::read_as::<u64>(engine, &tables::state_count(*table))?.unwrap_or(0);
        if present < *count {
            return Err(Error::Damaged(format!(
                "writes of the state table {} are missing",
                table.name()
            )));
        }
    }
    check_heads(engine)
}

pub(crate) fn check_tip(epoch: Epoch, tick: &Tick, tip: Option<TipContent>) -> Result<()> {
    let Some(tip) = tip else { return Ok(()) };
    if tip.epoch != epoch {
        return Err(Error::Damaged("the file tip belongs to other data".to_owned()));
    }
    if tip.number > tick.number {
        let lost = tip.number - tick.number;
        return Err(Error::Damaged(format!(
            "the newest {lost} commit groups are missing"
        )));
    }
    if tip.number == tick.number && tip.hash != tick.hash {
        return Err(Error::Damaged(
            "the newest commit group is another one than the file tip says".to_owned(),
        ));
    }
    Ok(())
}

/// The highest heads that the kept change rows name.
#[derive(Default)]
struct Noted {
    streams: BTreeMap<StreamId, u64>,
    tables: BTreeMap<StateTable, u64>,
}

fn check_changes(engine: &dyn Engine, tick: &Tick) -> Result<Noted> {
    let mut noted = Noted::default();
    let mut events_checked = 0;
    let mut expected = tick.number;
    let (_, mut to) = tables::whole(tables::Table::Changes);
    let from = tables::change(tick.changes_from);
    while expected >= tick.changes_from && expected > 0 {
        let pairs = engine.range(&from, &to, STEP, true)?;
        let Some((last_key, _)) = pairs.last() else {
            return Err(missing_change(expected));
        };
        to.clone_from(last_key);
        for (key, main) in pairs {
            if tables::trailing_number(&key)? != expected {
                return Err(missing_change(expected));
            }
            let content = frame::read(engine, &key, Some(main))?.ok_or_else(|| missing_change(expected))?;
            let changes: StoredChanges = frame::decode(&key, &content)?;
            for (stream, rev) in changes.streams {
                if events_checked < MAX_EVENTS_CHECKED {
                    check_event(engine, stream, rev)?;
                    events_checked += 1;
                }
                let highest = noted.streams.entry(stream).or_insert(rev);
                *highest = rev.max(*highest);
            }
            for (number, count) in changes.tables {
                let unknown = || Error::Damaged(format!("a change names the unknown state table {number}"));
                let table = StateTable::from_number(number).ok_or_else(unknown)?;
                let highest = noted.tables.entry(table).or_insert(count);
                *highest = count.max(*highest);
            }
            expected -= 1;
        }
    }
    Ok(noted)
}

fn missing_change(tick: u64) -> Error {
    Error::Damaged(format!("the note of commit group {tick} is missing"))
}

fn check_event(engine: &dyn Engine, stream: StreamId, rev: u64) -> Result<()> {
    let key = tables::event(stream, rev);
    let stored = frame::read_as::<StoredEvent>(engine, &key)?;
    let event = stored.map(|stored| stored.into_event(stream));
    match event {
        Some(event) if event.rev() == rev => reads::message_of(engine, &event).map(|_| ()),
        _ => Err(Error::Damaged(format!("event {rev} of {stream} is missing"))),
    }
}

/// Every head has its newest event and its newest message.
fn check_heads(engine: &dyn Engine) -> Result<()> {
    let (mut from, to) = tables::whole(tables::Table::Heads);
    loop {
        let pairs = engine.range(&from, &to, STEP, false)?;
        let Some((last_key, _)) = pairs.last() else {
            return Ok(());
        };
        from = tables::after(last_key);
        for (key, main) in pairs {
            let stream = tables::stream_of(&key)?;
            let missing = || Error::Damaged(format!("the head of {stream} is missing"));
            let content = frame::read(engine, &key, Some(main))?.ok_or_else(missing)?;
            check_head(engine, stream, &frame::decode(&key, &content)?)?;
        }
    }
}

fn check_head(engine: &dyn Engine, stream: StreamId, head: &Head) -> Result<()> {
    check_event(engine, stream, head.rev)?;
    match stream {
        StreamId::Room(room) if head.seq > 0 => {
            match reads::row(engine, &RowKey::Message { room, seq: head.seq })? {
                Some(_) => Ok(()),
                None => Err(Error::Damaged(format!(
                    "message {} of {stream} is missing",
                    head.seq
                ))),
            }
        }
        _ => Ok(()),
    }
}
