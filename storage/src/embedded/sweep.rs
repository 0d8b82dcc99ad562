//! Removes what has expired, a bounded number of rows at a time.

use super::group::Group;
use super::stored::{StoredChanges, StoredState, Tick};
use super::{frame, tables};
use crate::error::Result;
use crate::model::{Nonce, StateRow, Timestamp};

/// How many rows one sweep removes at most: a group of this size delays others by a few milliseconds.
const MAX_REMOVED: usize = 500;
/// How many change rows are kept whatever consumers say: the start check compares heads with them.
pub(crate) const CHANGES_KEPT: u64 = 4_096;
/// A consumer that is further behind than this starts over: 7 days.
const CHANGES_MAX_AGE_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Removes expired state rows, rows of old nonces and change rows that nobody needs; answers how many.
pub(crate) fn apply(group: &mut Group<'_>, tick: &Tick, now: Timestamp) -> Result<usize> {
    let mut removed = expired_state(group, now, MAX_REMOVED)?;
    removed += old_nonces(group, now, MAX_REMOVED - removed)?;
    removed += old_changes(group, tick, now, MAX_REMOVED - removed)?;
    Ok(removed)
}

fn expired_state(group: &mut Group<'_>, now: Timestamp, limit: usize) -> Result<usize> {
    let (from, to) = tables::expiries_until(now);
    let expiries = group.engine().range(&from, &to, limit, false)?;
    for (expiry_key, _) in &expiries {
        let key = tables::expiring_row(expiry_key)?;
        let present = group
            .get::<StoredState>(&tables::state(&key))?
            .map(StateRow::from);
        match present {
            // The group itself may have given the row another life meanwhile.
            Some(row) if row.expires_at.is_some_and(|at| at <= now) => {
                super::state::store(group, &key, Some(&row), None)?;
                group.note_state(&key, 0);
            }
            _ => group.delete(expiry_key.clone())?,
        }
    }
    Ok(expiries.len())
}

fn old_nonces(group: &mut Group<'_>, now: Timestamp, limit: usize) -> Result<usize> {
    if limit == 0 {
        return Ok(0);
    }
    let oldest_kept = Timestamp::from_millis(now.as_millis().saturating_sub(Nonce::KEPT_MS));
    let day = tables::nonce_day(oldest_kept);
    let (from, to) = tables::nonces_before_day(day);
    let nonces = group.engine().range(&from, &to, limit, false)?;
    if !nonces.is_empty() {
        group.forget_nonces_before(day);
    }
    for (key, _) in &nonces {
        group.delete(key.clone())?;
    }
    Ok(nonces.len())
}

fn old_changes(group: &mut Group<'_>, tick: &Tick, now: Timestamp, limit: usize) -> Result<usize> {
    let floor = (tick.number + 1).saturating_sub(CHANGES_KEPT);
    let needed = slowest_consumer(group)?.unwrap_or(u64::MAX);
    let mut removed = 0;
    let mut next = tick.changes_from;
    while next < floor && removed < limit {
        let key = tables::change(next);
        // A consumer that stands at tick N has dealt with N.
        if next > needed {
            let too_old = now.as_millis().saturating_sub(CHANGES_MAX_AGE_MS);
            let changes = group.get::<StoredChanges>(&key)?;
            if changes.is_some_and(|changes| changes.at.as_millis() >= too_old) {
                break;
            }
        }
        group.delete(key)?;
        removed += 1;
        next += 1;
    }
    if removed > 0 {
        group.forget_changes_before(next);
    }
    Ok(removed)
}

fn slowest_consumer(group: &Group<'_>) -> Result<Option<u64>> {
    let (from, to) = tables::whole(tables::Table::Consumers);
    let mut slowest = None;
    for (key, main) in group
        .engine()
        .range(&from, &to, crate::MAX_ROWS_PER_PAGE, false)?
    {
        let Some(content) = frame::read(group.engine(), &key, Some(main))? else {
            continue;
        };
        let bytes: serde_bytes::ByteBuf = frame::decode(&key, &content)?;
        let tick = super::changes::Position::parse(&bytes)?.tick();
        slowest = Some(slowest.map_or(tick, |slowest: u64| slowest.min(tick)));
    }
    Ok(slowest)
}
