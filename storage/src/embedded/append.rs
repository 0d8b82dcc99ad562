//! Carries out one append within a commit group.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::group::Group;
use super::stored::{StoredEvent, StoredNonce, encode_row};
use super::{frame, tables};
use crate::error::{Error, Result};
use crate::model::{
    Commit, Event, Marker, MessageRecord, NonceAge, Row, RowChange, RowKey, Rows, StateKey, StateRow,
    StateTable, Timestamp, advance, project, rows_needed,
};
use crate::store::backend::{AppendOutcome, Decide};
use crate::store::command::{Appended, Command};
use crate::store::record;

/// The longest emoji, in bytes: the longest sequence that Unicode recommends has 35.
const MAX_EMOJI_BYTES: usize = 128;

/// Decides and writes one event into the group. After an error or a refusal the group is as it was.
pub(crate) fn apply(
    group: &mut Group<'_>,
    command: &Command,
    decide: &mut Decide,
    now: Timestamp,
) -> Result<AppendOutcome> {
    check(command)?;
    if let Some(appended) = replay(group, command, now)? {
        return Ok(AppendOutcome::Appended(appended));
    }
    let head = group.head(command.stream)?;
    let rows = load(group, &command.rows)?;
    // A decision that panics must not take the committer, and with it the whole store, down.
    let draft = catch_unwind(AssertUnwindSafe(|| decide(&head, &rows)))
        .map_err(|_| Error::InvalidFact("the decision panicked".to_owned()))?;
    let Some(draft) = draft else {
        return Ok(AppendOutcome::Refused);
    };

    let event = Event {
        id: command.event_id,
        stream: command.stream,
        head: advance(&head, &draft.fact, now),
        actor: command.actor,
        access_rev: command.access_rev,
        nonce: command.nonce.map(|used| used.nonce),
        fact: draft.fact,
        sealed: draft.sealed,
    };
    let needed = load(group, &rows_needed(event.stream, &event.fact))?;
    let changes = project(&event, &needed).map_err(|error| Error::InvalidFact(error.to_string()))?;
    let record = write(group, command, &event, &changes)?;
    let commit = Arc::new(Commit { event, record });
    Ok(AppendOutcome::Appended(Appended {
        commit,
        replayed: false,
    }))
}

fn check(command: &Command) -> Result<()> {
    if command.rows.len() > Command::MAX_ROWS {
        return Err(Error::TooLarge {
            what: "the rows of a decision",
            limit: Command::MAX_ROWS,
        });
    }
    match command.rows.iter().find(|row| row.stream() != command.stream) {
        Some(row) => Err(Error::InvalidFact(format!(
            "{row:?} does not follow from {}",
            command.stream
        ))),
        None => Ok(()),
    }
}

fn load(group: &mut Group<'_>, keys: &[RowKey]) -> Result<Rows> {
    let mut rows = Rows::default();
    for key in keys {
        if let Some(row) = group.row(key)? {
            rows.insert(key.clone(), row);
        }
    }
    Ok(rows)
}

/// The event that the command's nonce stands for already.
fn replay(group: &mut Group<'_>, command: &Command, now: Timestamp) -> Result<Option<Appended>> {
    let Some(used) = command.nonce else {
        return Ok(None);
    };
    if used.nonce.age(now) == NonceAge::Expired {
        return Err(Error::NonceExpired);
    }
    let key = tables::nonce(command.stream, command.actor, used.nonce);
    let Some(known) = group.get::<StoredNonce>(&key)? else {
        return Ok(None);
    };
    if known.fingerprint != used.fingerprint {
        return Err(Error::NonceConflict);
    }
    let key = tables::event(command.stream, known.rev);
    let stored = group.get::<StoredEvent>(&key)?;
    let missing = || Error::Damaged(format!("{} is missing", frame::describe(&key)));
    let event = stored.ok_or_else(missing)?.into_event(command.stream);
    let record = match (command.stream, event.fact.message_seq(&event.head)) {
        (crate::model::StreamId::Room(room), Some(seq)) => group.row(&RowKey::Message { room, seq })?,
        _ => None,
    };
    let record = record.and_then(|row| {
        if let Row::Message(record) = row {
            Some(Arc::new(record))
        } else {
            None
        }
    });
    Ok(Some(Appended {
        commit: Arc::new(Commit { event, record }),
        replayed: true,
    }))
}

/// Writes an event and what follows from it, and answers the message that it is about. Everything that can fail for
/// the caller's reasons is done before the first write.
fn write(
    group: &mut Group<'_>,
    command: &Command,
    event: &Event,
    changes: &[RowChange],
) -> Result<Option<Arc<MessageRecord>>> {
    let mut encoded = Vec::with_capacity(changes.len());
    let mut record = None;
    for change in changes {
        encoded.push(match change {
            RowChange::Put(row, value) => {
                check_row(row)?;
                if let Row::Message(message) = value {
                    record = Some(Arc::new(message.clone()));
                }
                let content = encode_row(value)?;
                if content.len() > frame::MAX_CONTENT_BYTES {
                    return Err(Error::TooLarge {
                        what: "a record",
                        limit: frame::MAX_CONTENT_BYTES,
                    });
                }
                Some(content)
            }
            RowChange::Delete(_) | RowChange::MoveMarker { .. } => None,
        });
    }
    let stored = frame::encode(&StoredEvent::new(event))?;
    if stored.len() > frame::MAX_CONTENT_BYTES {
        return Err(Error::TooLarge {
            what: "an event",
            limit: frame::MAX_CONTENT_BYTES,
        });
    }

    group.put_new(tables::event(event.stream, event.rev()), &stored)?;
    group.put_as(tables::head(event.stream), &event.head)?;
    for (change, content) in changes.iter().zip(encoded) {
        match (change, content) {
            (RowChange::Put(row, Row::Message(message)), Some(content)) if message.rev == event.rev() => {
                let key = tables::row(row);
                let is_new = message.seq == event.head.seq
                    && matches!(event.fact, crate::model::Fact::MessagePosted { .. });
                if is_new {
                    group.put_new(key, &content)?
                } else {
                    group.put(key, &content)?
                }
            }
            (RowChange::Put(row, _), Some(content)) => group.put(tables::row(row), &content)?,
            (RowChange::Delete(row), _) => group.delete(tables::row(row))?,
            (RowChange::MoveMarker { user, room, to }, _) => {
                move_marker(group, &StateKey::marker(*user, *room), *to)?
            }
            (RowChange::Put(..), None) => {}
        }
    }
    if let Some(used) = command.nonce {
        let stored = StoredNonce {
            rev: event.rev(),
            fingerprint: used.fingerprint,
        };
        group.put_as(tables::nonce(command.stream, command.actor, used.nonce), &stored)?;
    }
    group.note_stream(event.stream, event.rev());
    Ok(record)
}

fn check_row(row: &RowKey) -> Result<()> {
    match row {
        RowKey::Reaction { emoji, .. } if emoji.len() > MAX_EMOJI_BYTES => Err(Error::TooLarge {
            what: "an emoji",
            limit: MAX_EMOJI_BYTES,
        }),
        _ => Ok(()),
    }
}

/// Moves a read marker forward; a marker that is further already stays.
fn move_marker(group: &mut Group<'_>, row: &StateKey, to: Marker) -> Result<()> {
    debug_assert_eq!(row.table, StateTable::Markers);
    let present = super::state::load(group, row)?;
    let version = match &present {
        Some(present) if record::decode::<Marker>(&present.value)?.seq >= to.seq => return Ok(()),
        Some(present) => present.version + 1,
        None => 1,
    };
    let next = StateRow {
        version,
        value: record::encode(&to)?,
        expires_at: None,
    };
    super::state::store(group, row, present.as_ref(), Some(next))
}
