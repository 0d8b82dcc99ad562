//! Read markers and unread counts.
//!
//! A marker is overwritten in place, at most once in two seconds for a user and room, whatever clients send.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use madang_storage::model::{GuildId, Head, Marker, RoomId, StateKey, StateOutcome, StreamId, UserId};
use madang_storage::{Anchor, MAX_ROWS_PER_PAGE, Store};

use super::conversations::rooms_of;
use super::guilds::MAX_LIST;
use super::view::MarkerView;
use super::{Chat, Code, Error, Identity, Result};
use crate::broker::Signal;

/// Above this many unread messages only "more" is shown: 99+.
pub const MAX_COUNTED: u64 = 100;
/// How often a marker is written at most.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// How many markers may wait to be written; above it they are written at once.
const MAX_WAITING: usize = 10_000;
/// How many conversations are marked at once.
const MAX_MARKED: usize = 2_000;
/// How often a write is tried again when another one came first. Markers only grow, so each try sees a newer one.
const MAX_TRIES: usize = 8;

/// Markers that were moved but not written yet.
#[derive(Debug, Default)]
pub(super) struct Reads {
    waiting: Mutex<HashMap<(UserId, RoomId), Waiting>>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// The newest marker; `None` when it is written and only the time of writing is remembered.
    marker: Option<Marker>,
    written: Instant,
    /// What was written then. A stored marker before it was moved back since, by another node.
    from: u64,
}

/// A marker that is to be written.
type Due = ((UserId, RoomId), Waiting, Marker);

/// How far somebody has read, and what is left.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// How far.
    pub marker: MarkerView,
    /// How many messages are unread; exact up to 99, 100 stands for more.
    pub unread: u64,
}

impl Chat {
    /// Moves one's own marker forward to `seq`. One that is further already stays.
    pub async fn mark(&self, identity: &Identity, room: RoomId, seq: u64) -> Result<Read> {
        self.room_access(identity, room).await?;
        let head = self.store().head(StreamId::Room(room)).await?;
        if seq > head.seq {
            return Err(Error::invalid("seq", "the room has no such message yet"));
        }
        let present = self.marker(identity.user, room).await?;
        if seq <= present.seq {
            return self.read_of(room, &head, present).await;
        }
        let record = self
            .store()
            .message(room, seq)
            .await?
            .ok_or_else(Error::not_found)?;
        let marker = Marker { seq, n: record.n };
        if self.inner.reads.moved(identity.user, room, marker) {
            let written = write(self.store(), identity.user, room, marker, 0).await;
            written.inspect_err(|_| self.inner.reads.forget(identity.user, room))?;
        }
        let read = self.read_of(room, &head, marker).await?;
        self.tell_marker(identity, room, &read, false);
        Ok(read)
    }

    /// Moves one's own marker back, so that `seq` and everything after it is unread again.
    pub async fn mark_unread(&self, identity: &Identity, room: RoomId, seq: u64) -> Result<Read> {
        self.room_access(identity, room).await?;
        let head = self.store().head(StreamId::Room(room)).await?;
        let record = self
            .store()
            .message(room, seq)
            .await?
            .ok_or_else(Error::not_found)?;
        let marker = Marker {
            seq: seq - 1,
            n: record.n - u64::from(record.system.is_none()),
        };
        self.inner.reads.forget(identity.user, room);
        self.put_back(identity.user, room, marker).await?;
        let read = self.read_of(room, &head, marker).await?;
        self.tell_marker(identity, room, &read, true);
        Ok(read)
    }

    /// Moves one's own markers of all channels of a guild, or of all conversations, to their ends. Answers how many were
    /// behind.
    pub async fn mark_all_read(&self, identity: &Identity, guild: Option<GuildId>) -> Result<u64> {
        let rooms = match guild {
            Some(guild) => self.visible_channels(identity, guild).await?,
            None => rooms_of(self.store(), identity.user, MAX_MARKED).await?,
        };
        let mut moved = 0;
        for rooms in rooms.chunks(MAX_ROWS_PER_PAGE) {
            let streams: Vec<StreamId> = rooms.iter().copied().map(StreamId::Room).collect();
            let heads = self.store().heads(&streams).await?;
            let markers = self.markers(identity.user, rooms).await?;
            for (room, head) in rooms.iter().zip(heads) {
                let stored = markers.get(room).copied().unwrap_or_default();
                if self.newest_marker(identity.user, *room, stored).seq >= head.seq {
                    continue;
                }
                let marker = Marker {
                    seq: head.seq,
                    n: head.n,
                };
                write(self.store(), identity.user, *room, marker, 0).await?;
                let read = self.read_of(*room, &head, marker).await?;
                self.tell_marker(identity, *room, &read, false);
                moved += 1;
            }
        }
        Ok(moved)
    }

    /// The channels of a guild that somebody sees, ascending.
    async fn visible_channels(&self, identity: &Identity, guild: GuildId) -> Result<Vec<RoomId>> {
        let (mut rooms, mut after) = (Vec::new(), None);
        loop {
            let page = self
                .channels(identity, guild, after, Some(MAX_LIST as u64))
                .await?;
            rooms.extend(page.channels.iter().map(|channel| channel.id));
            match page.last {
                Some(last) if page.more => after = Some(last),
                _ => return Ok(rooms),
            }
        }
    }

    fn tell_marker(&self, identity: &Identity, room: RoomId, read: &Read, is_back: bool) {
        self.tell(Signal::Marker {
            user: identity.user,
            room,
            seq: read.marker.seq,
            n: read.marker.n,
            unread: read.unread,
            is_back,
        });
    }

    /// Writes a marker, whatever the stored one says.
    async fn put_back(&self, user: UserId, room: RoomId, marker: Marker) -> Result<()> {
        let key = StateKey::marker(user, room);
        for _ in 0..MAX_TRIES {
            let outcome = match self.store().state::<Marker>(&key).await? {
                Some(stored) => {
                    self.store()
                        .state_replace(key.clone(), stored.version, &marker, None)
                        .await?
                }
                None => self.store().state_insert(key.clone(), &marker, None).await?,
            };
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
        Err(Error::new(Code::Conflict, "the marker kept moving; try again"))
    }

    /// Writes the markers that have waited long enough; all of them when `all`. Called every second, and at the end.
    pub async fn write_markers(&self, all: bool) -> Result<()> {
        let mut due = self.inner.reads.due(all).into_iter();
        while let Some((key, waiting, marker)) = due.next() {
            let (user, room) = key;
            if let Err(error) = write(self.store(), user, room, marker, waiting.from).await {
                // They wait on: the store may be back before they are asked for.
                self.inner
                    .reads
                    .wait_on(std::iter::once((key, waiting, marker)).chain(due));
                return Err(error);
            }
        }
        Ok(())
    }

    /// A user's marker, also one that is not written yet.
    pub(super) async fn marker(&self, user: UserId, room: RoomId) -> Result<Marker> {
        let stored = self.store().marker(user, room).await?;
        Ok(self.newest_marker(user, room, stored))
    }

    /// The stored marker, or one that is further and waits to be written.
    pub(super) fn newest_marker(&self, user: UserId, room: RoomId, stored: Marker) -> Marker {
        let waiting = self.inner.reads.waiting(user, room);
        waiting
            .filter(|waiting| waiting.seq > stored.seq)
            .unwrap_or(stored)
    }

    /// How many messages lie above a marker. A subtraction, unless something above it was deleted: then at most 100
    /// messages are counted.
    pub(super) async fn read_of(&self, room: RoomId, head: &Head, marker: Marker) -> Result<Read> {
        let view = MarkerView {
            seq: marker.seq,
            n: marker.n,
        };
        let mut unread = head.n.saturating_sub(marker.n);
        if head.deleted_seq > marker.seq && unread > 0 {
            let limit = usize::try_from(MAX_COUNTED).unwrap_or(usize::MAX);
            let page = self
                .store()
                .history(room, Anchor::After(marker.seq), limit)
                .await?;
            let left = page
                .messages
                .iter()
                .filter(|message| message.deleted.is_none())
                .count() as u64;
            // What lies beyond the counted ones is unread, too, so "more" is shown only when there is more.
            unread = if unread > MAX_COUNTED {
                unread.min(left + (unread - MAX_COUNTED))
            } else {
                left
            };
        }
        Ok(Read {
            marker: view,
            unread: unread.min(MAX_COUNTED),
        })
    }
}

impl Reads {
    /// Notes a marker; answers whether it is to be written now.
    fn moved(&self, user: UserId, room: RoomId, marker: Marker) -> bool {
        let now = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MAX_WAITING {
            return true;
        }
        match waiting.get_mut(&(user, room)) {
            Some(entry) if now.duration_since(entry.written) < WRITE_EVERY => {
                entry.marker = Some(marker);
                false
            }
            _ => {
                waiting.insert(
                    (user, room),
                    Waiting {
                        marker: None,
                        written: now,
                        from: marker.seq,
                    },
                );
                true
            }
        }
    }

    /// Forgets a marker that waits: another one is written instead.
    pub(super) fn forget(&self, user: UserId, room: RoomId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&(user, room));
    }

    fn waiting(&self, user: UserId, room: RoomId) -> Option<Marker> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&(user, room)).and_then(|entry| entry.marker)
    }

    /// Takes out what is due. A marker stays visible until its write, which follows at once, is done by the caller.
    fn due(&self, all: bool) -> Vec<Due> {
        let now = Instant::now();
        let mut due = Vec::new();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|key, entry| {
            if !all && now.duration_since(entry.written) < WRITE_EVERY {
                return true;
            }
            due.extend(entry.marker.map(|marker| (*key, *entry, marker)));
            false
        });
        due
    }

    /// Takes back what could not be written, unless something newer has come.
    fn wait_on(&self, unwritten: impl Iterator<Item = Due>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, entry, _) in unwritten {
            waiting.entry(key).or_insert(entry);
        }
    }
}

/// Writes a marker, unless the stored one is further, or stands before `from` and was therefore moved back.
async fn write(store: &Store, user: UserId, room: RoomId, marker: Marker, from: u64) -> Result<()> {
    let key = StateKey::marker(user, room);
    for _ in 0..MAX_TRIES {
        let outcome = match store.state::<Marker>(&key).await? {
            Some(stored) if stored.record.seq >= marker.seq || stored.record.seq < from => return Ok(()),
            Some(stored) => {
                store
                    .state_replace(key.clone(), stored.version, &marker, None)
                    .await?
            }
            None => store.state_insert(key.clone(), &marker, None).await?,
        };
        if let StateOutcome::Written { .. } = outcome {
            return Ok(());
        }
    }
    Err(Error::new(Code::Conflict, "the marker kept moving; try again"))
}
