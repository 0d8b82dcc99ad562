//! Reads: rows, pages of messages, lists, state rows. All see durable groups only; the engine promises it.

use super::stored::{StoredMessage, StoredState, decode_row};
use super::{frame, tables};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{
    Event, Head, MessageRecord, RoomId, Row, RowKey, RowPrefix, StateKey, StateRow, StateTable, StreamId,
};
use crate::store::pages::{
    Anchor, HistoryPage, MAX_MESSAGES_PER_PAGE, MAX_ROWS_PER_PAGE, RowPage, StatePage,
};

pub(crate) fn head(engine: &dyn Engine, stream: StreamId) -> Result<Head> {
    Ok(frame::read_as(engine, &tables::head(stream))?.unwrap_or_default())
}

pub(crate) fn row(engine: &dyn Engine, row: &RowKey) -> Result<Option<Row>> {
    let key = tables::row(row);
    frame::read(engine, &key, None)?
        .map(|content| decode_row(row, &key, &content))
        .transpose()
}

pub(crate) fn rows(engine: &dyn Engine, keys: &[RowKey]) -> Result<Vec<Option<Row>>> {
    check_limit(keys.len(), MAX_ROWS_PER_PAGE)?;
    keys.iter().map(|key| row(engine, key)).collect()
}

pub(crate) fn history(
    engine: &dyn Engine,
    room: RoomId,
    anchor: Anchor,
    limit: usize,
) -> Result<HistoryPage> {
    check_limit(limit, MAX_MESSAGES_PER_PAGE)?;
    let head = head(engine, StreamId::Room(room))?;
    let messages = match anchor.bounds(head.seq, limit) {
        Some((first, last)) => messages(engine, room, first, last)?,
        None => Vec::new(),
    };
    Ok(HistoryPage { head, messages })
}

/// The messages `first..=last`, every one of which must exist.
fn messages(engine: &dyn Engine, room: RoomId, first: u64, last: u64) -> Result<Vec<MessageRecord>> {
    let expected = last - first + 1;
    let from = tables::message(room, first);
    let to = tables::after(&tables::message(room, last));
    let pairs = engine.range(&from, &to, usize::try_from(expected).unwrap_or(usize::MAX), false)?;
    let mut messages = Vec::with_capacity(pairs.len());
    for (seq, (key, main)) in (first..).zip(pairs) {
        let content = frame::read(engine, &key, Some(main))?;
        let stored: Option<StoredMessage> =
            content.map(|content| frame::decode(&key, &content)).transpose()?;
        match stored.map(|stored| stored.record) {
            Some(record) if record.seq == seq && tables::trailing_number(&key)? == seq => {
                messages.push(record)
            }
            _ => return Err(missing_message(room, seq)),
        }
    }
    if messages.len() as u64 != expected {
        return Err(missing_message(room, first + messages.len() as u64));
    }
    Ok(messages)
}

pub(crate) fn missing_message(room: RoomId, seq: u64) -> Error {
    Error::Damaged(format!("message {seq} of room {room} is missing"))
}

/// The message that an event is about, as it is now. One that does not show the event is damage: an engine that lost a
/// page goes back to what the page held before, and every row on it looks whole.
pub(crate) fn message_of(engine: &dyn Engine, event: &Event) -> Result<Option<MessageRecord>> {
    let (StreamId::Room(room), Some(seq)) = (event.stream, event.fact.message_seq(&event.head)) else {
        return Ok(None);
    };
    match row(engine, &RowKey::Message { room, seq })? {
        Some(Row::Message(record)) if record.rev >= event.rev() => Ok(Some(record)),
        Some(Row::Message(record)) => Err(Error::Damaged(format!(
            "message {seq} of room {room} is at rev {} and changed at rev {}",
            record.rev,
            event.rev()
        ))),
        _ => Err(missing_message(room, seq)),
    }
}

pub(crate) fn list_rows(
    engine: &dyn Engine,
    prefix: &RowPrefix,
    after: Option<&RowKey>,
    limit: usize,
) -> Result<RowPage> {
    check_limit(limit, MAX_ROWS_PER_PAGE)?;
    let (start, end) = tables::prefix_range(&tables::list(prefix));
    let from = after
        .map_or_else(|| start.clone(), |row| tables::after(&tables::row(row)))
        .max(start);
    let (pairs, more) = page(engine, &from, &end, limit)?;
    let mut rows = Vec::with_capacity(pairs.len());
    for (key, main) in pairs {
        let Some(content) = frame::read(engine, &key, Some(main))? else {
            continue;
        };
        let row_key = tables::listed(prefix, &key)?;
        let row = decode_row(&row_key, &key, &content)?;
        rows.push((row_key, row));
    }
    Ok(RowPage { rows, more })
}

pub(crate) fn state(engine: &dyn Engine, key: &StateKey) -> Result<Option<StateRow>> {
    Ok(frame::read_as::<StoredState>(engine, &tables::state(key))?.map(StateRow::from))
}

pub(crate) fn state_list(
    engine: &dyn Engine,
    table: StateTable,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<StatePage> {
    check_limit(limit, MAX_ROWS_PER_PAGE)?;
    let (start, end) = tables::prefix_range(&tables::state_prefix(table, prefix));
    let from = match after {
        Some(after) => tables::after(&tables::state_prefix(table, after)).max(start),
        None => start,
    };
    let (pairs, more) = page(engine, &from, &end, limit)?;
    let mut rows = Vec::with_capacity(pairs.len());
    for (key, main) in pairs {
        let Some(content) = frame::read(engine, &key, Some(main))? else {
            continue;
        };
        let row = frame::decode::<StoredState>(&key, &content)?;
        // The first two bytes name the tables.
        rows.push((key.get(2..).unwrap_or_default().to_vec(), StateRow::from(row)));
    }
    Ok(StatePage { rows, more })
}

/// Up to `limit` pairs, and whether there are more.
fn page(
    engine: &dyn Engine,
    from: &[u8],
    to: &[u8],
    limit: usize,
) -> Result<(Vec<crate::engine::Pair>, bool)> {
    if from >= to {
        return Ok((Vec::new(), false));
    }
    let mut pairs = engine.range(from, to, limit + 1, false)?;
    let more = pairs.len() > limit;
    pairs.truncate(limit);
    Ok((pairs, more))
}

pub(crate) fn check_limit(asked: usize, limit: usize) -> Result<()> {
    if asked > limit {
        Err(Error::TooLarge {
            what: "a page",
            limit,
        })
    } else {
        Ok(())
    }
}
