//! Reading a stream's events.
//!
//! An event that posted a message has no row of its own: the message is its row. Between two events of a room that
//! posted nothing, rev and seq grow together, and each event's head has both. So the nearest event at or before a rev
//! says which message that rev posted, and a hole in either table shows as a message that another rev posted, or as
//! none at all.

use std::sync::Arc;

use super::stored::{StoredEvent, StoredMessage};
use super::{frame, reads, tables};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{Commit, Event, RoomId, StreamId};
use crate::store::pages::{EventPage, MAX_EVENTS_PER_PAGE};

/// See [`crate::Backend::events`].
pub(crate) fn page(engine: &dyn Engine, stream: StreamId, after_rev: u64, limit: usize) -> Result<EventPage> {
    reads::check_limit(limit, MAX_EVENTS_PER_PAGE)?;
    let head = reads::head(engine, stream)?;
    let first = after_rev.saturating_add(1).max(head.first_rev);
    let last = head.rev.min(first.saturating_add(limit as u64).saturating_sub(1));
    let mut commits = Vec::new();
    if limit > 0 && first <= last {
        commits = match stream {
            StreamId::Room(room) => of_room(engine, room, first, last)?,
            _ => of_others(engine, stream, first, last)?,
        };
    }
    Ok(EventPage { head, commits })
}

/// The events `first..=last` of a stream without messages.
fn of_others(engine: &dyn Engine, stream: StreamId, first: u64, last: u64) -> Result<Vec<Commit>> {
    let events = kept(engine, stream, first, last)?;
    for (expected, event) in (first..).zip(&events) {
        if event.rev() != expected {
            return Err(missing(stream, expected));
        }
    }
    let found = events.len() as u64;
    if found != last - first + 1 {
        return Err(missing(stream, first + found));
    }
    let commit = |event| Commit { event, record: None };
    Ok(events.into_iter().map(commit).collect())
}

/// The events `first..=last` of a room, each with the message that it is about.
fn of_room(engine: &dyn Engine, room: RoomId, first: u64, last: u64) -> Result<Vec<Commit>> {
    let stream = StreamId::Room(room);
    let events = kept(engine, stream, first, last)?;
    let total = last - first + 1;
    // More rows than revs cannot be: each is of one of these revs.
    let posts = total.saturating_sub(events.len() as u64);
    let mut seq = if posts == 0 {
        0
    } else {
        seq_after(engine, stream, first - 1)?
    };
    let mut messages = messages(engine, room, seq + 1, posts)?.into_iter().peekable();
    let mut events = events.into_iter().peekable();
    let mut commits = Vec::with_capacity(usize::try_from(total).unwrap_or_default());
    for rev in first..=last {
        if let Some(event) = events.next_if(|event| event.rev() == rev) {
            if posts > 0 && event.head.seq != seq {
                return Err(missing(stream, rev - 1));
            }
            let record = reads::message_of(engine, &event)?.map(Arc::new);
            commits.push(Commit { event, record });
            continue;
        }
        seq += 1;
        let Some(stored) = messages.next_if(|stored| stored.record.seq == seq) else {
            return Err(missing_post(room, rev, seq));
        };
        if stored.post.rev != rev {
            return Err(missing(stream, rev));
        }
        let event = stored.event(room);
        let record = Some(Arc::new(stored.record));
        commits.push(Commit { event, record });
    }
    Ok(commits)
}

/// The events among `first..=last` that have rows of their own.
fn kept(engine: &dyn Engine, stream: StreamId, first: u64, last: u64) -> Result<Vec<Event>> {
    let from = tables::event(stream, first);
    let to = tables::after(&tables::event(stream, last));
    let limit = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
    let pairs = engine.range(&from, &to, limit, false)?;
    let event = |(key, main): (Vec<u8>, Vec<u8>)| decoded(engine, stream, &key, main);
    pairs.into_iter().map(event).collect()
}

/// The event in a row of its own.
fn decoded(engine: &dyn Engine, stream: StreamId, key: &[u8], main: Vec<u8>) -> Result<Event> {
    let rev = tables::trailing_number(key)?;
    let content = frame::read(engine, key, Some(main))?.ok_or_else(|| missing(stream, rev))?;
    let event = frame::decode::<StoredEvent>(key, &content)?.into_event(stream);
    if event.rev() == rev {
        Ok(event)
    } else {
        Err(missing(stream, rev))
    }
}

/// The room's newest seq right after `rev`, by the nearest event that has a row of its own.
fn seq_after(engine: &dyn Engine, stream: StreamId, rev: u64) -> Result<u64> {
    if rev == 0 {
        return Ok(0);
    }
    let from = tables::event(stream, 0);
    let to = tables::after(&tables::event(stream, rev));
    let Some((key, main)) = engine.range(&from, &to, 1, true)?.pop() else {
        // The first event of a room makes the room, and has a row.
        return Err(missing(stream, 1));
    };
    let event = decoded(engine, stream, &key, main)?;
    Ok(event.head.seq + (rev - event.rev()))
}

/// Up to `count` messages from `first` on that are there.
fn messages(engine: &dyn Engine, room: RoomId, first: u64, count: u64) -> Result<Vec<StoredMessage>> {
    let mut messages = Vec::new();
    if count > 0 {
        let from = tables::message(room, first);
        let to = tables::after(&tables::message(room, first + count - 1));
        let limit = usize::try_from(count).unwrap_or(usize::MAX);
        for (key, main) in engine.range(&from, &to, limit, false)? {
            let seq = tables::trailing_number(&key)?;
            let content = frame::read(engine, &key, Some(main))?;
            let content = content.ok_or_else(|| reads::missing_message(room, seq))?;
            let stored: StoredMessage = frame::decode(&key, &content)?;
            if stored.record.seq != seq {
                return Err(reads::missing_message(room, seq));
            }
            messages.push(stored);
        }
    }
    Ok(messages)
}

fn missing(stream: StreamId, rev: u64) -> Error {
    Error::Damaged(format!("event {rev} of {stream} is missing"))
}

/// Either the message is missing, or an event behind which it would be.
fn missing_post(room: RoomId, rev: u64, seq: u64) -> Error {
    Error::Damaged(format!(
        "event {rev} of room:{room} is missing, or message {seq}, which it posted"
    ))
}
