//! Who asked for every message of a room or guild: found by the place, because a post must not ask every member.
//!
//! The wish itself lies under its owner. Beside it there is a row under the place for each wish for every message, and all of
//! these rows are in memory. A row without its wish costs a look at the wish and does no harm.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use madang_storage::model::{GuildId, RoomId, StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{MAX_ROWS_PER_PAGE, StateRecord};
use serde::{Deserialize, Serialize};

use super::accounts::MAX_TRIES;
use super::notifications::{Level, Place};
use super::{Chat, Result};
use crate::broker::Signal;

/// What stands before place and user in the keys of these rows. No user's id begins with it: its time is thousands of
/// years away.
const ASKED: &[u8] = &[0xff];

/// Somebody asked, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    at: Timestamp,
}

impl StateRecord for Row {
    const TABLE: StateTable = StateTable::Notifications;
}

type ByPlace = HashMap<Place, BTreeSet<UserId>>;

/// Who asked for every message.
#[derive(Debug, Default)]
pub(super) struct Asked {
    by_place: RwLock<ByPlace>,
    /// How often somebody was added or removed.
    changes: AtomicU64,
}

impl Chat {
    /// Reads who asked for every message, and where. Called once, before the first request.
    pub async fn load_asked(&self) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let before = self.inner.asked.changes();
            let found = self.stored_asked().await?;
            if self.inner.asked.replace(found, before) {
                return Ok(());
            }
        }
        // Each time something was told meanwhile, so that this node does hear.
        Ok(())
    }

    async fn stored_asked(&self) -> Result<ByPlace> {
        let mut asked = ByPlace::default();
        let mut after = None;
        loop {
            let page = self
                .store()
                .state_list(
                    StateTable::Notifications,
                    ASKED,
                    after.as_deref(),
                    MAX_ROWS_PER_PAGE,
                )
                .await?;
            for (key, _) in &page.rows {
                if let Some((place, user)) = parts_of(key) {
                    asked.entry(place).or_default().insert(user);
                }
            }
            match page.rows.into_iter().next_back() {
                Some((key, _)) if page.more => after = Some(key),
                _ => return Ok(asked),
            }
        }
    }

    /// Takes over what was written on this or another node.
    pub(super) fn hear_asked(&self, user: UserId, place: Place, on: bool) {
        self.inner.asked.set(user, place, on);
    }

    /// Brings the row under the place in line with the wish. Called after each wish: of two at the same time whoever is
    /// last leaves what is so, because making the row anew keeps the other from removing it.
    pub(super) async fn follow_wish(&self, user: UserId, place: Place) -> Result<()> {
        let key = key_of(place, user);
        for _ in 0..MAX_TRIES {
            let found = self.store().state::<Row>(&key).await?;
            let on = self.wish_of(user, place).await?.0 == Level::All;
            let row = Row { at: self.env().now() };
            let outcome = match (found, on) {
                (None, false) => break,
                (None, true) => self.store().state_insert(key.clone(), &row, None).await?,
                (Some(found), true) => {
                    self.store()
                        .state_replace(key.clone(), found.version, &row, None)
                        .await?
                }
                (Some(found), false) => self.store().state_delete(key.clone(), found.version).await?,
            };
            if let StateOutcome::Written { .. } = outcome {
                break;
            }
        }
        // Read again, so that of two at the same time whoever is last tells what is so.
        let on = self.store().state::<Row>(&key).await?.is_some();
        let (room, guild) = match place {
            Place::Room(room) => (Some(room), None),
            Place::Guild(guild) => (None, Some(guild)),
        };
        self.tell(Signal::Asked {
            user,
            room,
            guild,
            on,
        });
        Ok(())
    }

    /// Whether anybody may have asked for every message of a room of a guild. A look into memory.
    pub(super) fn has_askers(&self, room: RoomId, guild: GuildId) -> bool {
        let asked = &self.inner.asked;
        asked.is_any(Place::Room(room)) || asked.is_any(Place::Guild(guild))
    }

    /// Who asked for every message of a room of a guild and wants them now. What is said of the room counts before what is
    /// said of the guild. Reads the wishes of those who asked, and of nobody else.
    pub(super) async fn askers(&self, room: RoomId, guild: GuildId) -> Result<Vec<UserId>> {
        let mut candidates = self.inner.asked.of(Place::Room(room));
        candidates.extend(self.inner.asked.of(Place::Guild(guild)));
        let mut askers = Vec::new();
        for user in candidates {
            let (of_room, room_muted) = self.wish_of(user, Place::Room(room)).await?;
            let (of_guild, guild_muted) = self.wish_of(user, Place::Guild(guild)).await?;
            let level = if of_room == Level::Default {
                of_guild
            } else {
                of_room
            };
            if level == Level::All && !room_muted && !guild_muted {
                askers.push(user);
            }
        }
        Ok(askers)
    }
}

impl Asked {
    fn set(&self, user: UserId, place: Place, on: bool) {
        let mut places = self.by_place.write().unwrap_or_else(PoisonError::into_inner);
        self.changes.fetch_add(1, Ordering::Relaxed);
        if on {
            places.entry(place).or_default().insert(user);
            return;
        }
        if let Some(users) = places.get_mut(&place) {
            users.remove(&user);
            if users.is_empty() {
                places.remove(&place);
            }
        }
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Takes over what was read, unless something has changed since then.
    fn replace(&self, found: ByPlace, changes: u64) -> bool {
        let mut places = self.by_place.write().unwrap_or_else(PoisonError::into_inner);
        let is_unchanged = self.changes.load(Ordering::Relaxed) == changes;
        if is_unchanged {
            *places = found;
        }
        is_unchanged
    }

    fn is_any(&self, place: Place) -> bool {
        let places = self.by_place.read().unwrap_or_else(PoisonError::into_inner);
        places.contains_key(&place)
    }

    fn of(&self, place: Place) -> BTreeSet<UserId> {
        let places = self.by_place.read().unwrap_or_else(PoisonError::into_inner);
        places.get(&place).cloned().unwrap_or_default()
    }
}

fn key_of(place: Place, user: UserId) -> StateKey {
    let place = place.to_bytes();
    StateKey::new(StateTable::Notifications, &[ASKED, &place, &user.to_bytes()])
}

fn parts_of(key: &[u8]) -> Option<(Place, UserId)> {
    let (place, user) = key.strip_prefix(ASKED)?.split_at_checked(17)?;
    Some((Place::of_bytes(place)?, UserId::from_bytes(user.try_into().ok()?)))
}
