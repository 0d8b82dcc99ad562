//! What follows from the events of streams, made anew from events whose texts are gone.

use super::bulk::Bulk;
use super::stored::encode_row;
use super::tables;
use crate::error::{Error, Result};
use crate::model::{
    Event, Mentions, MessageRecord, Row, RowChange, RowKey, Rows, StreamId, Timestamp, UserId, project,
    rows_needed,
};

/// Puts the rows that follow from `event` alone. Messages and markers are not among them: a backup has them whole.
pub(crate) fn apply(event: &Event, bulk: &mut Bulk<'_>) -> Result<()> {
    for change in changes(event)? {
        match change {
            RowChange::Put(RowKey::Message { .. }, _) | RowChange::MoveMarker { .. } => {}
            RowChange::Put(key, row) => bulk.put(&tables::row(&key), &encode_row(&row)?)?,
            RowChange::Delete(key) => bulk.delete(&tables::row(&key))?,
        }
    }
    Ok(())
}

/// Puts the rows that follow from the event that posted a message, given the message as it is now: its deletion may
/// have taken some of them away before.
pub(crate) fn apply_post(event: &Event, record: &MessageRecord, bulk: &mut Bulk<'_>) -> Result<()> {
    for change in changes(event)? {
        match change {
            RowChange::Put(RowKey::WideMention { .. }, _) if record.deleted.is_some() => {}
            RowChange::Put(key @ (RowKey::WideMention { .. } | RowKey::Inbox { .. }), row) => {
                bulk.put(&tables::row(&key), &encode_row(&row)?)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What `event` changes, whatever the message that it is about looks like.
fn changes(event: &Event) -> Result<Vec<RowChange>> {
    let mut rows = Rows::default();
    for key in rows_needed(event.stream, &event.fact) {
        if let RowKey::Message { seq, .. } = key {
            let record = Row::Message(blank_message(seq));
            rows.insert(key, record);
        }
    }
    project(event, &rows).map_err(|error| {
        let (rev, stream): (u64, StreamId) = (event.rev(), event.stream);
        Error::Damaged(format!("event {rev} of {stream} does not fit its place: {error}"))
    })
}

/// Stands in for a message from before the event. Its rev is below every event's, so every event applies.
fn blank_message(seq: u64) -> MessageRecord {
    MessageRecord {
        seq,
        rev: 0,
        author: UserId::from_u128(0),
        at: Timestamp::default(),
        n: 0,
        text: String::new(),
        reply_to: None,
        reply_to_author: None,
        edited_at: None,
        deleted: None,
        reactions: Vec::new(),
        mentions: Mentions::default(),
        system: None,
        pinned_at: None,
        has_thread: false,
        earlier: Vec::new(),
    }
}
