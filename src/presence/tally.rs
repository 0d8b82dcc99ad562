//! What sessions add up to.

use std::collections::BTreeMap;

use madang_storage::model::RoomId;

use super::Entry;

/// Sessions of a user on one node.
#[derive(Default)]
pub(super) struct Tally {
    sessions: usize,
    idle: usize,
    /// How many of them look at each room.
    rooms: BTreeMap<RoomId, usize>,
}

impl Tally {
    pub(super) fn add(&mut self, entry: &Entry) {
        self.sessions += 1;
        self.idle += usize::from(entry.is_idle);
        if let Some(room) = entry.room {
            *self.rooms.entry(room).or_default() += 1;
        }
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        self.sessions = self.sessions.saturating_sub(1);
        self.idle = self.idle.saturating_sub(usize::from(entry.is_idle));
        let Some(room) = entry.room else { return };
        let Some(count) = self.rooms.get_mut(&room) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.rooms.remove(&room);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions == 0
    }

    /// Whether all of them are.
    pub(super) fn is_idle(&self) -> bool {
        self.idle == self.sessions
    }

    pub(super) fn looks_at(&self, room: RoomId) -> bool {
        self.rooms.contains_key(&room)
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomId> {
        self.rooms.keys().copied()
    }
}
