//! The check at start: is what the last groups wrote still there?
//!
//! sled loses rows silently when a byte rots, or goes back to what a page held before. Within the change rows that are
//! kept, and for the newest row of every stream, that is noticed here; older losses by the dense reads and by the scrub.

use std::collections::{BTreeMap, HashMap};

use super::folder::TipContent;
use super::stored::{StoredChanges, StoredEvent, StoredState, Tick};
use super::{frame, reads, tables};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{Epoch, Fact, Head, RowKey, StateKey, StateTable, StreamId};
use crate::store::pages::MAX_EVENTS_PER_PAGE;

/// How many rows one step reads.
const STEP: usize = 1_000;
/// How many of the newest events are looked at one by one, with what follows from them.
const MAX_EVENTS_CHECKED: u64 = 20_000;

/// Answers [`Error::Damaged`] when something that was durable is gone.
pub(crate) fn start(engine: &dyn Engine, epoch: Epoch, tick: &Tick, tip: Option<TipContent>) -> Result<()> {
    check_tip(epoch, tick, tip)?;
    let noted = check_changes(engine, tick)?;
    let mut left = MAX_EVENTS_CHECKED;
    for (stream, span) in &noted.streams {
        let head = reads::head(engine, *stream)?;
        if head.rev < span.highest {
            return Err(Error::Damaged(format!(
                "{stream} is at {} but was at {}",
                head.rev, span.highest
            )));
        }
        let first = span.lowest.max((span.highest + 1).saturating_sub(left));
        left -= (span.highest + 1).saturating_sub(first).min(left);
        check_events(engine, *stream, first, span.highest)?;
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
    for (state, version) in &noted.states {
        check_state(engine, state, *version)?;
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

/// What the kept change rows name.
#[derive(Default)]
struct Noted {
    streams: BTreeMap<StreamId, Span>,
    tables: BTreeMap<StateTable, u64>,
    /// The newest version of each state row.
    states: HashMap<StateKey, u64>,
}

/// The heads that a stream had.
struct Span {
    lowest: u64,
    highest: u64,
}

impl Noted {
    /// Adds a change row that is older than those before.
    fn add(&mut self, changes: StoredChanges) -> Result<()> {
        for (stream, rev) in changes.streams {
            let span = self.streams.entry(stream).or_insert(Span {
                lowest: rev,
                highest: rev,
            });
            span.lowest = rev.min(span.lowest);
            span.highest = rev.max(span.highest);
        }
        for (number, count) in changes.tables {
            let highest = self.tables.entry(state_table(number)?).or_insert(count);
            *highest = count.max(*highest);
        }
        for note in changes.states {
            let state = StateKey {
                table: state_table(note.table)?,
                key: note.key,
            };
            self.states.entry(state).or_insert(note.version);
        }
        Ok(())
    }
}

fn state_table(number: u8) -> Result<StateTable> {
    let unknown = || Error::Damaged(format!("a change names the unknown state table {number}"));
    StateTable::from_number(number).ok_or_else(unknown)
}

fn check_changes(engine: &dyn Engine, tick: &Tick) -> Result<Noted> {
    let mut noted = Noted::default();
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
            noted.add(changes)?;
            expected -= 1;
        }
    }
    Ok(noted)
}

fn missing_change(tick: u64) -> Error {
    Error::Damaged(format!("the note of commit group {tick} is missing"))
}

/// The events `first..=last` are there, and the messages and reactions show them.
fn check_events(engine: &dyn Engine, stream: StreamId, first: u64, last: u64) -> Result<()> {
    let mut reactions = HashMap::new();
    let mut next = first.max(1);
    while next <= last {
        // A page is dense, and its messages show its events, or it is damage.
        let page = reads::events(engine, stream, next - 1, MAX_EVENTS_PER_PAGE)?;
        let Some(newest) = page.commits.last() else { break };
        next = newest.event.rev() + 1;
        for commit in page.commits {
            if let (
                StreamId::Room(room),
                Fact::ReactionChanged {
                    seq, emoji, user, on, ..
                },
            ) = (stream, commit.event.fact)
            {
                reactions.insert(
                    RowKey::Reaction {
                        room,
                        seq,
                        emoji,
                        user,
                    },
                    on,
                );
            }
        }
    }
    for (reaction, on) in reactions {
        if reads::row(engine, &reaction)?.is_some() != on {
            return Err(Error::Damaged(format!(
                "{reaction:?} does not show its newest event"
            )));
        }
    }
    Ok(())
}

fn check_state(engine: &dyn Engine, state: &StateKey, version: u64) -> Result<()> {
    let stored = frame::read_as::<StoredState>(engine, &tables::state(state))?;
    let present = stored.map_or(0, |row| row.version);
    if present == version {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "a row of the state table {} is at version {present} and was at {version}",
        state.table.name()
    )))
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
