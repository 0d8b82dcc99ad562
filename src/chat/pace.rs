//! How soon somebody may post again where a room is slow.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use madang_storage::model::{Permissions, RoomId, UserId};

use super::access::RoomAccess;
use super::{Error, Result};

/// How many posts are remembered before those that matter to nobody any more are cleared away.
const MAX_REMEMBERED: usize = 50_000;

/// When people may post again. Kept in memory: a restart lets everybody post once more.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Mutex<HashMap<(UserId, RoomId), Instant>>,
}

impl Pace {
    /// Takes somebody's turn to post in a room, or says how long to wait for it.
    pub(super) fn take(&self, user: UserId, access: &RoomAccess, now: Instant) -> Result<()> {
        let seconds = access.rules.slow_mode_seconds;
        if seconds == 0 || access.permissions.contains(Permissions::SKIP_SLOW_MODE) {
            return Ok(());
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= MAX_REMEMBERED {
            next.retain(|_, at| *at > now);
        }
        let key = (user, access.rules.room);
        if let Some(at) = next.get(&key).filter(|at| **at > now) {
            let wait = at.duration_since(now).as_secs() + 1;
            return Err(Error::rate_limited(wait));
        }
        next.insert(key, now + Duration::from_secs(u64::from(seconds)));
        Ok(())
    }

    /// Gives a turn back: nothing was posted.
    pub(super) fn give_back(&self, user: UserId, access: &RoomAccess) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.remove(&(user, access.rules.room));
    }
}
