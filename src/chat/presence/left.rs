//! Where somebody was last, and when: kept for two weeks, across restarts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use madang_storage::StateRecord;
use madang_storage::model::{RoomId, StateKey, StateTable, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::chat::{Chat, Error, Result};
use crate::presence::{KEPT_FOR, Left};

/// How many rows are written at a time: they share the store's groups.
const AT_ONCE: usize = 100;
/// What stands before the users in the keys of these rows.
const LEFT: &[u8] = b"l";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    room: RoomId,
    at: Timestamp,
}

impl StateRecord for Row {
    const TABLE: StateTable = StateTable::Presence;
}

/// Who has left a room since this was written last: one entry for each, however often it moves.
#[derive(Debug, Default)]
pub(super) struct Leavings {
    waiting: Mutex<HashMap<UserId, Left>>,
}

impl Chat {
    /// Takes note that somebody looks at a room no more. Only notes it.
    pub fn note_left(&self, user: UserId, left: Left) {
        self.presences().leavings.add(user, left);
    }

    /// Writes where people were last. Called every second, and at the end. What cannot be written now waits for the next
    /// time.
    pub async fn write_left(&self) -> Result<()> {
        let waiting: Vec<(UserId, Left)> = self.presences().leavings.take().into_iter().collect();
        let mut failed = None;
        for some in waiting.chunks(AT_ONCE) {
            let mut writing = JoinSet::new();
            for (user, left) in some.iter().copied() {
                let chat = self.clone();
                writing.spawn(async move {
                    let written = chat.write_one(user, left).await;
                    if written.is_err() {
                        chat.presences().leavings.add(user, left);
                    }
                    written
                });
            }
            while let Some(written) = writing.join_next().await {
                failed = written.map_err(|_| Error::internal()).flatten().err().or(failed);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Where somebody was last, unless that is longer ago than it may be known.
    pub(super) async fn left_by(&self, user: UserId) -> Result<Option<Left>> {
        let known = self.presences().backend.left(user).await.ok().flatten();
        if known.is_some() {
            return Ok(known);
        }
        let now = self.env().now();
        let found = self.store().state::<Row>(&key_of(user)).await?;
        let found = found.filter(|found| found.expires_at.is_some_and(|at| now < at));
        Ok(found.map(|found| Left {
            room: found.record.room,
            at: found.record.at,
        }))
    }

    /// A conflict is another node's word; the next leaving is written again.
    async fn write_one(&self, user: UserId, left: Left) -> Result<()> {
        let key = key_of(user);
        let row = Row {
            room: left.room,
            at: left.at,
        };
        let kept_ms = u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX);
        let until = Some(left.at.plus_millis(kept_ms));
        match self.store().state::<Row>(&key).await? {
            None => self.store().state_insert(key, &row, until).await?,
            Some(found) if found.record.at >= left.at => return Ok(()),
            Some(found) => {
                self.store()
                    .state_replace(key, found.version, &row, until)
                    .await?
            }
        };
        Ok(())
    }
}

impl Leavings {
    /// The later one counts, in whichever order they come.
    fn add(&self, user: UserId, left: Left) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let known = waiting.entry(user).or_insert(left);
        if left.at >= known.at {
            *known = left;
        }
    }

    fn take(&self) -> HashMap<UserId, Left> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key_of(user: UserId) -> StateKey {
    StateKey::new(StateTable::Presence, &[LEFT, &user.to_bytes()])
}
