//! One connection as the hub sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use madang_storage::model::{RoomId, SessionId, UserId};

use super::FrameKey;

/// How many rooms a connection may have open.
pub const MAX_OPEN_ROOMS: usize = 16;

/// Why the hub closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Its session has ended.
    SessionEnded,
    /// The server goes down; come back after so many milliseconds.
    Draining,
    /// What it should have got cannot be had: it must connect and resume.
    Lost,
}

/// Where frames for a connection go. Implemented by the gateway.
#[async_trait]
pub trait Outlet: Send + Sync + 'static {
    /// Writes or queues a frame, in the order of the calls. Never blocks; a connection over its bound is closed instead.
    fn send(&self, frame: &Bytes);

    /// Closes the connection once what is queued was sent.
    fn close(&self, reason: CloseReason);

    /// Waits until everything queued is written: for whoever has much to send, and would otherwise overrun the bound.
    async fn drained(&self);
}

/// A signed-in connection.
pub struct Listener {
    /// Tells connections apart.
    pub(super) number: u64,
    /// Whose it is.
    pub(super) user: UserId,
    /// By which login.
    pub(super) session: SessionId,
    /// Which frames it wants.
    pub(super) key: FrameKey,
    pub(super) outlet: Arc<dyn Outlet>,
    rooms: Mutex<Rooms>,
}

/// The rooms whose events a connection gets whole.
#[derive(Default)]
struct Rooms {
    /// Those that it has opened.
    open: Vec<RoomId>,
    /// Those that it hears because its user is in them.
    following: Vec<RoomId>,
}

impl Listener {
    pub(super) fn new(
        number: u64,
        user: UserId,
        session: SessionId,
        key: FrameKey,
        outlet: Arc<dyn Outlet>,
    ) -> Self {
        Self {
            number,
            user,
            session,
            key,
            outlet,
            rooms: Mutex::default(),
        }
    }

    /// Tells this node's connections apart.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whose connection it is.
    pub fn user(&self) -> UserId {
        self.user
    }

    pub(super) fn send(&self, frame: &Bytes) {
        self.outlet.send(frame);
    }

    /// Notes an open room; `false` when there are too many. Opening one twice is opening it once.
    pub(super) fn note_open(&self, room: RoomId) -> bool {
        let mut rooms = self.rooms();
        if rooms.open.contains(&room) {
            return true;
        }
        if rooms.open.len() >= MAX_OPEN_ROOMS {
            return false;
        }
        rooms.open.push(room);
        true
    }

    /// Notes a room that the user is in; `false` when it was noted before.
    pub(super) fn note_following(&self, room: RoomId) -> bool {
        let mut rooms = self.rooms();
        if rooms.following.contains(&room) {
            return false;
        }
        rooms.following.push(room);
        true
    }

    /// Notes that nothing of the room is heard any more.
    pub(super) fn note_closed(&self, room: RoomId) {
        let mut rooms = self.rooms();
        rooms.open.retain(|open| *open != room);
        rooms.following.retain(|following| *following != room);
    }

    /// Whether the connection has opened the room.
    pub(super) fn has_open(&self, room: RoomId) -> bool {
        self.rooms().open.contains(&room)
    }

    /// All rooms whose events it gets whole.
    pub(super) fn heard_rooms(&self) -> Vec<RoomId> {
        let rooms = self.rooms();
        rooms.open.iter().chain(&rooms.following).copied().collect()
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
