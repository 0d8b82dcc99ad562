//! State rows: own ones that come and go, shared ones that workers race for, and read markers.

use madang_storage::model::{Marker, RoomId, StateKey, StateOutcome, StateTable, StreamId, UserId};

use super::{Miss, Worker};
use crate::content::{Blob, hash_of};
use crate::knowledge::{How, Lines};

/// How many rows the workers race for.
const SHARED: u64 = 6;
/// The first byte of a name in the journal that stands for a row of blobs.
pub(crate) const BLOB: u8 = 0;
/// The first byte of a name in the journal that stands for a read marker.
pub(crate) const MARKER: u8 = 1;

/// A row of blobs.
pub(crate) fn blob_key(key: &[u8]) -> StateKey {
    StateKey::new(StateTable::Sessions, &[key])
}

/// What the shared row with this number is called.
pub(super) fn shared_key(number: u64) -> Vec<u8> {
    format!("shared/{}", number % SHARED).into_bytes()
}

/// A row's name in the journal.
pub(super) fn journal_name(kind: u8, key: &[u8]) -> Vec<u8> {
    [&[kind], key].concat()
}

impl Worker {
    /// Makes a row under a key that nobody used before.
    pub(super) async fn insert_state(&mut self) -> Result<(), Miss> {
        self.made += 1;
        let key = self.own_key(self.made);
        let blob = Blob::new(&key, 1, self.writer);
        let outcome = self.run.store.state_insert(blob_key(&key), &blob, None).await?;
        self.tell(BLOB, &key, &outcome, hash_of(&blob));
        Ok(())
    }

    /// Changes a row that others change too.
    pub(super) async fn race_state(&mut self) -> Result<(), Miss> {
        let key = shared_key(self.dice.next());
        let name = blob_key(&key);
        let present = self.run.store.state::<Blob>(&name).await?;
        let version = present.map_or(0, |row| row.version);
        let blob = Blob::new(&key, version + 1, self.writer);
        let outcome = match version {
            0 => self.run.store.state_insert(name, &blob, None).await?,
            _ => self.run.store.state_replace(name, version, &blob, None).await?,
        };
        self.tell(BLOB, &key, &outcome, hash_of(&blob));
        Ok(())
    }

    /// Removes one of its own rows. Its key is never used again, so that "missing" has one meaning.
    pub(super) async fn remove_state(&mut self) -> Result<(), Miss> {
        if self.made == 0 {
            return Ok(());
        }
        let number = 1 + self.dice.below(self.made);
        let key = self.own_key(number);
        let name = blob_key(&key);
        let Some(row) = self.run.store.state::<Blob>(&name).await? else {
            return Ok(());
        };
        let mut lines = Lines::default();
        lines.removing(&journal_name(BLOB, &key));
        self.run.journal.write(&lines);
        if let StateOutcome::Written { .. } = self.run.store.state_delete(name, row.version).await? {
            let mut lines = Lines::default();
            lines.removed(&journal_name(BLOB, &key));
            self.run.journal.write(&lines);
        }
        Ok(())
    }

    /// Moves the own read marker to the end of a room.
    pub(super) async fn move_marker(&mut self, room: RoomId) -> Result<(), Miss> {
        let key = StateKey::marker(self.user, room);
        let head = self.run.store.head(StreamId::Room(room)).await?;
        let present = self.run.store.state::<Marker>(&key).await?;
        let to = Marker {
            seq: head.seq,
            n: head.n,
        };
        let outcome = match present {
            Some(row) if row.record.seq >= to.seq => return Ok(()),
            Some(row) => self.run.store.state_replace(key, row.version, &to, None).await?,
            None => self.run.store.state_insert(key, &to, None).await?,
        };
        self.tell(MARKER, &marker_key(self.user, room), &outcome, hash_of(&to));
        Ok(())
    }

    fn own_key(&self, number: u64) -> Vec<u8> {
        format!("own/{}/{:016x}/{number}", self.number, self.writer).into_bytes()
    }

    fn tell(&self, kind: u8, key: &[u8], outcome: &StateOutcome, hash: u64) {
        if let StateOutcome::Written { version } = outcome {
            let mut lines = Lines::default();
            lines.state(How::Acknowledged, &journal_name(kind, key), *version, hash);
            self.run.journal.write(&lines);
        }
    }
}

/// A marker's key in its table.
pub(super) fn marker_key(user: UserId, room: RoomId) -> Vec<u8> {
    StateKey::marker(user, room).key
}
