//! Carries out one write of a state row within a commit group.

use super::group::Group;
use super::stored::StoredState;
use super::tables;
use crate::error::{Error, Result};
use crate::model::{StateKey, StateOutcome, StateRow, StateWrite, StateWriteKind};

/// Judges and writes one state row into the group. After an error or a conflict the group is as it was.
pub(crate) fn apply(group: &mut Group<'_>, write: StateWrite) -> Result<StateOutcome> {
    check(&write)?;
    let key = write.key;
    let present = load(group, &key)?;
    let present_version = present.as_ref().map(|row| row.version);
    let next = match write.kind {
        StateWriteKind::Insert { value, expires_at } if present_version.is_none() => Some(StateRow {
            version: 1,
            value,
            expires_at,
        }),
        StateWriteKind::CompareAndSet {
            version,
            value,
            expires_at,
        } if present_version == Some(version) => Some(StateRow {
            version: version + 1,
            value,
            expires_at,
        }),
        StateWriteKind::CompareAndDelete { version } if present_version == Some(version) => None,
        _ => return Ok(StateOutcome::Conflict { current: present }),
    };
    let version = next.as_ref().map_or(0, |row| row.version);
    store(group, &key, present.as_ref(), next)?;
    group.note_state(&key, version);
    Ok(StateOutcome::Written { version })
}

/// A state row as the group has it.
pub(crate) fn load(group: &mut Group<'_>, key: &StateKey) -> Result<Option<StateRow>> {
    Ok(group.get::<StoredState>(&tables::state(key))?.map(StateRow::from))
}

/// Replaces `present` by `next`, and the note of when it expires. Whether the start check hears of it from the group's
/// notes or from an event is the caller's to say.
pub(crate) fn store(
    group: &mut Group<'_>,
    key: &StateKey,
    present: Option<&StateRow>,
    next: Option<StateRow>,
) -> Result<()> {
    let old_expiry = present.and_then(|row| row.expires_at);
    let new_expiry = next.as_ref().and_then(|row| row.expires_at);
    if old_expiry != new_expiry {
        if let Some(at) = old_expiry {
            group.delete(tables::expiry(at, key))?;
        }
        if let Some(at) = new_expiry {
            group.put_as(tables::expiry(at, key), &())?;
        }
    }
    match next {
        Some(row) => group.put_as(tables::state(key), &StoredState::from(row))?,
        None => group.delete(tables::state(key))?,
    }
    group.count_state(key.table)
}

fn check(write: &StateWrite) -> Result<()> {
    if write.key.key.len() > StateKey::MAX_BYTES {
        return Err(Error::TooLarge {
            what: "a state row's key",
            limit: StateKey::MAX_BYTES,
        });
    }
    match &write.kind {
        StateWriteKind::Insert { value, .. } | StateWriteKind::CompareAndSet { value, .. }
            if value.len() > StateRow::MAX_BYTES =>
        {
            Err(Error::TooLarge {
                what: "a state row's value",
                limit: StateRow::MAX_BYTES,
            })
        }
        _ => Ok(()),
    }
}
