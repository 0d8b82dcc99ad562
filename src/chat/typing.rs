//! Typing: a signal to those who look at the same room. Receivers forget it by themselves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use madang_storage::model::{RoomId, UserId};

use super::{Chat, Identity, Result};
use crate::broker::Signal;

/// How often somebody's typing in a room is told.
const TELL_EVERY: Duration = Duration::from_secs(3);
/// How many typing people are remembered before old ones are cleared away.
const MAX_REMEMBERED: usize = 10_000;

/// Who was told to be typing, and when.
#[derive(Debug, Default)]
pub(super) struct Typing {
    told: Mutex<HashMap<(UserId, RoomId), Instant>>,
}

impl Chat {
    /// Tells the lookers of a room that somebody types there, at most once in three seconds.
    pub async fn typing(&self, identity: &Identity, room: RoomId) -> Result<()> {
        let access = self.room_access(identity, room).await?;
        self.check_may_reach(identity, &access).await?;
        if self.inner.typing.is_due(identity.user, room, Instant::now()) {
            let signal = Signal::Typing {
                room,
                user: identity.user,
            };
            self.tell(signal);
        }
        Ok(())
    }
}

impl Typing {
    /// A message ends the typing before it: what is typed next is told at once.
    pub(super) fn ended(&self, user: UserId, room: RoomId) {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(user, room));
    }

    fn is_due(&self, user: UserId, room: RoomId, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MAX_REMEMBERED {
            told.retain(|_, at| now.duration_since(*at) < TELL_EVERY);
        }
        let last = told.insert((user, room), now);
        match last {
            Some(at) if now.duration_since(at) < TELL_EVERY => {
                told.insert((user, room), at);
                false
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_at_most_once_in_three_seconds() {
        let typing = Typing::default();
        let (user, room, start) = (UserId::from_u128(1), RoomId::from_u128(2), Instant::now());
        assert!(typing.is_due(user, room, start));
        assert!(!typing.is_due(user, room, start + Duration::from_millis(2_999)));
        assert!(typing.is_due(user, room, start + TELL_EVERY));
        assert!(typing.is_due(UserId::from_u128(3), room, start + TELL_EVERY));
        typing.ended(user, room);
        assert!(typing.is_due(user, room, start + TELL_EVERY));
    }
}
