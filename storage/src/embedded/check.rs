//! The check at start: is what the last groups wrote still there?
//!
//! sled loses rows silently when a byte rots, or goes back to what a page held before. Within the change rows that are
//! kept, and for the newest row of every stream, that is noticed here; older losses by the dense reads and by the scrub.
//! What is read here stays in the engine's memory for a while, so no more is read than that.

use std::collections::{BTreeMap, HashMap};

use super::folder::TipContent;
use super::nonces::{Index, Used};
use super::stored::{StoredChanges, StoredState, Tick};
use super::{events, frame, reads, tables};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{Epoch, Event, Fact, Head, Marker, RowKey, StateKey, StateTable, StreamId};
use crate::store::pages::MAX_EVENTS_PER_PAGE;
use crate::store::record;

/// How many rows one step reads.
const STEP: usize = 1_000;
/// How many of the newest events are looked at one by one, with what follows from them.
const MAX_EVENTS_CHECKED: u64 = 20_000;

/// Answers the nonces that the data knows, and [`Error::Damaged`] when something that was durable is gone.
pub(crate) fn start(
    engine: &dyn Engine,
    epoch: Epoch,
    tick: &Tick,
    tip: Option<TipContent>,
) -> Result<Index> {
    check_tip(epoch, tick, tip)?;
    let nonces = Index::load(engine)?;
    let noted = check_changes(engine, tick)?;
    let mut seen = Seen::new(&nonces, tick.nonces_from);
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
        check_events(engine, *stream, first, span, &mut seen)?;
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
    for (state, note) in &noted.states {
        check_state(engine, state, note.version)?;
    }
    seen.check(engine, &noted)?;
    check_heads(engine)?;
    Ok(nonces)
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
    /// The newest note of each state row.
    states: HashMap<StateKey, Note>,
}

/// What a change row says of a state row.
struct Note {
    version: u64,
    /// Which change row it is.
    tick: u64,
}

/// The heads that a stream had.
struct Span {
    lowest: u64,
    highest: u64,
    /// The newest rev of each commit group, newest first.
    groups: Vec<(u64, u64)>,
}

impl Span {
    /// The commit group of an event.
    fn tick_of(&self, rev: u64) -> u64 {
        let later = self.groups.partition_point(|(newest, _)| *newest >= rev);
        let group = later.checked_sub(1).and_then(|place| self.groups.get(place));
        group.map_or(0, |(_, tick)| *tick)
    }
}

impl Noted {
    /// Adds a change row that is older than those before.
    fn add(&mut self, tick: u64, changes: StoredChanges) -> Result<()> {
        for (stream, rev) in changes.streams {
            let span = self.streams.entry(stream).or_insert(Span {
                lowest: rev,
                highest: rev,
                groups: Vec::new(),
            });
            span.lowest = rev.min(span.lowest);
            span.highest = rev.max(span.highest);
            span.groups.push((rev, tick));
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
            let version = note.version;
            self.states.entry(state).or_insert(Note { version, tick });
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
            noted.add(expected, changes)?;
            expected -= 1;
        }
    }
    Ok(noted)
}

fn missing_change(tick: u64) -> Error {
    Error::Damaged(format!("the note of commit group {tick} is missing"))
}

/// What the newest events say of rows that are not looked at with each of them.
struct Seen<'a> {
    nonces: &'a Index,
    nonces_from: u32,
    /// Whether each reaction was put on or taken back last.
    reactions: HashMap<RowKey, bool>,
    /// Each author's newest message in a room, with its commit group.
    markers: HashMap<StateKey, (u64, u64)>,
}

impl<'a> Seen<'a> {
    fn new(nonces: &'a Index, nonces_from: u32) -> Self {
        Self {
            nonces,
            nonces_from,
            reactions: HashMap::new(),
            markers: HashMap::new(),
        }
    }

    /// Adds an event that is newer than those of its stream before.
    fn add(&mut self, event: Event, tick: u64) -> Result<()> {
        let used = Used::of(&event).filter(|used| used.day >= self.nonces_from);
        if used.is_some_and(|used| !self.nonces.has(&used)) {
            return Err(Error::Damaged(format!(
                "the nonce of event {} of {} is missing",
                event.rev(),
                event.stream
            )));
        }
        let (StreamId::Room(room), head) = (event.stream, event.head) else {
            return Ok(());
        };
        match event.fact {
            Fact::ReactionChanged {
                seq, emoji, user, on, ..
            } => {
                let reaction = RowKey::Reaction {
                    room,
                    seq,
                    emoji,
                    user,
                };
                self.reactions.insert(reaction, on);
            }
            // What the server tells in somebody's name moves nobody's marker.
            Fact::MessagePosted {
                author, system: None, ..
            } => {
                self.markers
                    .insert(StateKey::marker(author, room), (head.seq, tick));
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self, engine: &dyn Engine, noted: &Noted) -> Result<()> {
        for (reaction, on) in &self.reactions {
            if reads::row(engine, reaction)?.is_some() != *on {
                return Err(Error::Damaged(format!(
                    "{reaction:?} does not show its newest event"
                )));
            }
        }
        for (state, (seq, tick)) in &self.markers {
            // Whoever marked it unread later is right.
            if noted.states.get(state).is_none_or(|note| note.tick < *tick) {
                check_marker(engine, state, *seq)?;
            }
        }
        Ok(())
    }
}

/// The events from `first` on are there, and the messages show them.
fn check_events(
    engine: &dyn Engine,
    stream: StreamId,
    first: u64,
    span: &Span,
    seen: &mut Seen<'_>,
) -> Result<()> {
    let mut next = first.max(1);
    while next <= span.highest {
        // A page is dense, and its messages show its events, or it is damage.
        let page = events::page(engine, stream, next - 1, MAX_EVENTS_PER_PAGE)?;
        let Some(newest) = page.commits.last() else { break };
        next = newest.event.rev() + 1;
        for commit in page.commits {
            let tick = span.tick_of(commit.event.rev());
            seen.add(commit.event, tick)?;
        }
    }
    Ok(())
}

fn check_state(engine: &dyn Engine, state: &StateKey, version: u64) -> Result<()> {
    let stored = frame::read_as::<StoredState>(engine, &tables::state(state))?;
    let present = stored.map_or(0, |row| row.version);
    // Posts move markers on without a note, and make them anew.
    if present == version || (state.table == StateTable::Markers && (present > version || version == 0)) {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "a row of the state table {} is at version {present} and was at {version}",
        state.table.name()
    )))
}

/// The author of a message has read it.
fn check_marker(engine: &dyn Engine, state: &StateKey, seq: u64) -> Result<()> {
    let present = match reads::state(engine, state)? {
        Some(row) => record::decode::<Marker>(&row.value)?.seq,
        None => 0,
    };
    if present >= seq {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "a marker is at message {present}, and its owner wrote message {seq}"
    )))
}

fn check_event(engine: &dyn Engine, stream: StreamId, rev: u64) -> Result<()> {
    match events::page(engine, stream, rev.saturating_sub(1), 1)?
        .commits
        .first()
    {
        Some(commit) if commit.event.rev() == rev => Ok(()),
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
