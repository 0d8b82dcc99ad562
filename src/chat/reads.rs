//! Read markers and unread counts.
//!
//! A marker is overwritten in place, at most once in two seconds for a user and room, whatever clients send.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use madang_storage::model::{Head, Marker, RoomId, StateKey, StateOutcome, StreamId, UserId};
use madang_storage::{Anchor, Store};

use super::view::MarkerView;
use super::{Chat, Code, Error, Identity, Result};
use crate::broker::Signal;

/// Above this many unread messages only "more" is shown: 99+.
pub const MAX_COUNTED: u64 = 100;
/// How often a marker is written at most.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// How many markers may wait to be written; above it they are written at once.
const MAX_WAITING: usize = 10_000;
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
}

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
            write(self.store(), identity.user, room, marker).await?;
        }
        let read = self.read_of(room, &head, marker).await?;
        self.tell(Signal::Marker {
            user: identity.user,
            session: identity.session,
            room,
            seq: marker.seq,
            n: marker.n,
            unread: read.unread,
        });
        Ok(read)
    }

    /// Writes the markers that have waited long enough; all of them when `all`. Called every second, and at the end.
    pub async fn write_markers(&self, all: bool) -> Result<()> {
        for ((user, room), marker) in self.inner.reads.due(all) {
            write(self.store(), user, room, marker).await?;
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
                    },
                );
                true
            }
        }
    }

    fn waiting(&self, user: UserId, room: RoomId) -> Option<Marker> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&(user, room)).and_then(|entry| entry.marker)
    }

    /// Takes out what is due. A marker stays visible until its write, which follows at once, is done by the caller.
    fn due(&self, all: bool) -> Vec<((UserId, RoomId), Marker)> {
        let now = Instant::now();
        let mut due = Vec::new();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|key, entry| {
            if !all && now.duration_since(entry.written) < WRITE_EVERY {
                return true;
            }
            due.extend(entry.marker.map(|marker| (*key, marker)));
            false
        });
        due
    }
}

/// Writes a marker, unless the stored one is further.
async fn write(store: &Store, user: UserId, room: RoomId, marker: Marker) -> Result<()> {
    let key = StateKey::marker(user, room);
    for _ in 0..MAX_TRIES {
        let outcome = match store.state::<Marker>(&key).await? {
            Some(stored) if stored.record.seq >= marker.seq => return Ok(()),
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
