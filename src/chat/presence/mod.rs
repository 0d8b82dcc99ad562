//! Presence: who is there, over all sessions, as far as others may know.
//!
//! The backend adds up sessions; here is what follows from it: who may see it, who is told, and what people say of
//! themselves. Whoever chose to be invisible is offline for everybody else, in every answer and signal.

mod absent;
mod known;
mod left;
mod lists;
mod said;
mod switches;
mod telling;
#[cfg(test)]
mod tests;
mod windows;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use madang_storage::model::{RoomId, UserId};

pub use absent::{Absent, Missed};
pub use lists::{OwnPresence, RoomPresence};
pub use said::NewCustom;

use super::limits::Buckets;
use super::{Chat, Error, Identity, Result};
use crate::hub::Listener;
use crate::presence::{Change, Entry, Presence};

/// How many people can be asked for or watched at once.
pub const MAX_WATCHED: usize = 100;
/// How often somebody may say something of itself: so many times at once, and one more after each of these.
const SAYINGS: (u32, Duration) = (10, Duration::from_secs(2));
/// How often somebody may look around: at a room, or for who is there.
const LOOKS: (u32, Duration) = (60, Duration::from_millis(500));

/// What the logic knows of who is there, over a backend.
pub struct Presences {
    backend: Presence,
    absent: Arc<dyn Absent>,
    /// Changes wait until then: after a start everybody comes, and nobody wants to hear it one by one.
    quiet_until: tokio::time::Instant,
    noted: Mutex<telling::Noted>,
    windows: Mutex<windows::Windows>,
    switches: switches::Switches,
    leavings: left::Leavings,
    sayings: Buckets<UserId>,
    looks: Buckets<UserId>,
    is_unsure: AtomicBool,
    told: AtomicU64,
}

impl Presences {
    /// Over a backend that the caller starts. For the time of `quiet` from now on changes are only gathered; `absent` is
    /// told who does not see a message arrive.
    pub fn new(backend: Presence, absent: Arc<dyn Absent>, quiet: Duration) -> Self {
        Self {
            backend,
            absent,
            quiet_until: tokio::time::Instant::now() + quiet,
            noted: Mutex::default(),
            windows: Mutex::default(),
            switches: switches::Switches::default(),
            leavings: left::Leavings::default(),
            sayings: Buckets::new(SAYINGS.0, SAYINGS.1),
            looks: Buckets::new(LOOKS.0, LOOKS.1),
            is_unsure: AtomicBool::new(false),
            told: AtomicU64::new(0),
        }
    }

    /// From now on so many nodes have among them what people may say and look at.
    pub(super) fn share(&self, nodes: u32) {
        self.sayings.share(nodes);
        self.looks.share(nodes);
    }
}

impl Chat {
    /// A connection has signed in: its user is there.
    pub async fn came(&self, listener: &Listener) -> Result<()> {
        let said = self.said_by(listener.user()).await?;
        let entry = Entry {
            user: listener.user(),
            is_idle: false,
            room: None,
            said,
        };
        self.presences().backend.put(listener.number(), entry);
        Ok(())
    }

    /// A connection has ended.
    pub fn went(&self, listener: &Listener) {
        self.presences().backend.end(listener.number());
        self.presences().lock_windows().close(listener.number());
    }

    /// A connection looks at a room, or at none, and somebody is in front of it or not.
    pub async fn look(
        &self,
        identity: &Identity,
        listener: &Listener,
        room: Option<RoomId>,
        is_idle: bool,
    ) -> Result<()> {
        self.presences().take_look(identity.user)?;
        if let Some(room) = room {
            self.room_access(identity, room).await?;
        }
        let entry = Entry {
            user: identity.user,
            is_idle,
            room,
            said: None,
        };
        self.presences().backend.put(listener.number(), entry);
        Ok(())
    }

    /// Takes a change that the backend tells of. Only notes it.
    pub fn note_presence(&self, change: &Change) {
        self.presences().lock_noted().add(change);
    }

    /// What was told of who is there may be wrong.
    pub fn doubt_presence(&self) {
        self.presences().is_unsure.store(true, Ordering::Release);
    }

    /// How many times a connection was told who is there, since the start.
    pub fn presences_told(&self) -> u64 {
        self.presences().told.load(Ordering::Relaxed)
    }

    pub(super) fn presences(&self) -> &Presences {
        &self.inner.presences
    }
}

impl Presences {
    fn take_look(&self, user: UserId) -> Result<()> {
        let taken = self.looks.take(&user, Instant::now());
        taken.map_err(|wait| Error::rate_limited(wait.as_secs()))
    }

    fn take_saying(&self, user: UserId) -> Result<()> {
        let taken = self.sayings.take(&user, Instant::now());
        taken.map_err(|wait| Error::rate_limited(wait.as_secs()))
    }
}
