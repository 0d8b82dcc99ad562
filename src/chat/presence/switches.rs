//! On and off by hand: whoever has switched off in a room does not post there.
//!
//! Kept as rows, and all of them in memory, because every post asks. A switch that nobody touches is on again after two
//! weeks.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use madang_storage::model::{RoomId, StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{MAX_ROWS_PER_PAGE, StateRecord};
use serde::{Deserialize, Serialize};

use crate::broker::Signal;
use crate::chat::{Chat, Code, Error, Identity, Result};
use crate::presence::KEPT_FOR;

/// In how many rooms somebody may be off at a time.
const MAX_OFF: usize = 100;
/// How often a write is tried again when another one came first.
const MAX_TRIES: usize = 8;
/// What stands before users and rooms in the keys of these rows.
const OFF: &[u8] = b"o";

/// A switch that is off, as it is kept. One that is on has no row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    since: Timestamp,
}

impl StateRecord for Row {
    const TABLE: StateTable = StateTable::Presence;
}

type ByUser = HashMap<UserId, BTreeMap<RoomId, Timestamp>>;

/// Who is off where, and until when.
#[derive(Debug, Default)]
pub(super) struct Switches {
    off: RwLock<ByUser>,
    /// How often a switch was moved.
    changes: AtomicU64,
}

impl Chat {
    /// Reads who is off where. Called once, before the first request.
    pub async fn load_switches(&self) -> Result<()> {
        let switches = &self.presences().switches;
        for _ in 0..MAX_TRIES {
            let before = switches.changes();
            let found = self.stored_switches().await?;
            if switches.replace(found, before) {
                return Ok(());
            }
        }
        // Each time something was told meanwhile, so that this node does hear.
        Ok(())
    }

    async fn stored_switches(&self) -> Result<ByUser> {
        let mut off = ByUser::default();
        let mut after = None;
        loop {
            let page = self
                .store()
                .state_list(StateTable::Presence, OFF, after.as_deref(), MAX_ROWS_PER_PAGE)
                .await?;
            for (key, row) in &page.rows {
                if let (Some((user, room)), Some(until)) = (parts_of(key), row.expires_at) {
                    off.entry(user).or_default().insert(room, until);
                }
            }
            match page.rows.into_iter().next_back() {
                Some((key, _)) if page.more => after = Some(key),
                _ => return Ok(off),
            }
        }
    }

    /// Switches oneself on or off in a room.
    pub async fn switch(&self, identity: &Identity, room: RoomId, on: bool) -> Result<()> {
        self.presences().take_saying(identity.user)?;
        self.room_access(identity, room).await?;
        let (user, now) = (identity.user, self.env().now());
        let switches = &self.presences().switches;
        if !on && !switches.is_off(user, room, now) && switches.count(user, now) >= MAX_OFF {
            let text = format!("one is off in at most {MAX_OFF} rooms at a time");
            return Err(Error::new(Code::TooMany, text));
        }
        let chat = self.clone();
        self.to_the_end(async move { chat.write_switch(user, room, on).await })
            .await
    }

    /// Refuses who is off in a room. A look into memory.
    pub(in crate::chat) fn check_on(&self, user: UserId, room: RoomId) -> Result<()> {
        if self.is_off(user, room) {
            let text = "you have switched yourself off in this room; switch on to post";
            return Err(Error::new(Code::SwitchedOff, text));
        }
        Ok(())
    }

    pub(super) fn is_off(&self, user: UserId, room: RoomId) -> bool {
        self.presences().switches.is_off(user, room, self.env().now())
    }

    /// Takes over what was written on this or another node, and tells the user's connections.
    pub(in crate::chat) fn hear_switch(&self, user: UserId, room: RoomId, until: Option<Timestamp>) {
        self.presences().switches.set(user, room, until);
        let on = until.is_none();
        self.hub()
            .signal_user(user, crate::hub::Signal::Switched { room, on });
    }

    async fn write_switch(&self, user: UserId, room: RoomId, on: bool) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let found = self.store().state::<Row>(&key_of(user, room)).await?;
            let now = self.env().now();
            let until = Some(now.plus_millis(u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX)));
            let row = Row { since: now };
            let outcome = match (found, on) {
                (None, true) => break,
                (Some(found), true) => {
                    self.store()
                        .state_delete(key_of(user, room), found.version)
                        .await?
                }
                (None, false) => self.store().state_insert(key_of(user, room), &row, until).await?,
                (Some(found), false) => {
                    self.store()
                        .state_replace(key_of(user, room), found.version, &row, until)
                        .await?
                }
            };
            if let StateOutcome::Written { .. } = outcome {
                break;
            }
        }
        // Read again: of two who switch at the same time, whoever is last tells what is so.
        let found = self.store().state::<Row>(&key_of(user, room)).await?;
        let until = found.and_then(|found| found.expires_at);
        self.tell(Signal::Switched { user, room, until });
        Ok(())
    }
}

impl Switches {
    fn is_off(&self, user: UserId, room: RoomId, now: Timestamp) -> bool {
        let off = self.off.read().unwrap_or_else(PoisonError::into_inner);
        off.get(&user)
            .and_then(|rooms| rooms.get(&room))
            .is_some_and(|until| now < *until)
    }

    fn count(&self, user: UserId, now: Timestamp) -> usize {
        let off = self.off.read().unwrap_or_else(PoisonError::into_inner);
        off.get(&user)
            .map_or(0, |rooms| rooms.values().filter(|until| now < **until).count())
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Takes over what was read, unless something has changed since then.
    fn replace(&self, found: ByUser, changes: u64) -> bool {
        let mut off = self.off.write().unwrap_or_else(PoisonError::into_inner);
        let is_unchanged = self.changes.load(Ordering::Relaxed) == changes;
        if is_unchanged {
            *off = found;
        }
        is_unchanged
    }

    fn set(&self, user: UserId, room: RoomId, until: Option<Timestamp>) {
        let mut off = self.off.write().unwrap_or_else(PoisonError::into_inner);
        self.changes.fetch_add(1, Ordering::Relaxed);
        let Some(until) = until else {
            if let Some(rooms) = off.get_mut(&user) {
                rooms.remove(&room);
                if rooms.is_empty() {
                    off.remove(&user);
                }
            }
            return;
        };
        off.entry(user).or_default().insert(room, until);
    }
}

fn key_of(user: UserId, room: RoomId) -> StateKey {
    StateKey::new(StateTable::Presence, &[OFF, &user.to_bytes(), &room.to_bytes()])
}

fn parts_of(key: &[u8]) -> Option<(UserId, RoomId)> {
    let (user, room) = key.strip_prefix(OFF)?.split_at_checked(16)?;
    let user = UserId::from_bytes(user.try_into().ok()?);
    Some((user, RoomId::from_bytes(room.try_into().ok()?)))
}
