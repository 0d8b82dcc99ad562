//! Signals: told to whoever is there, never stored, never numbered, may be lost.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use madang_storage::model::{GuildId, Head, Room, RoomId, SessionId, StreamId, Timestamp, UserId};

use super::{CloseReason, FrameKey, Hub, Listener};

/// So many are told without letting others have their turn.
pub(super) const RECEIVERS_AT_ONCE: usize = 256;

/// What can be signalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Somebody types in a room.
    Typing {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
    },
    /// A room that is not open has something new.
    Head {
        /// Which.
        room: RoomId,
        /// Where it stands.
        head: Head,
    },
    /// A stream is at `rev`, and nothing up to there concerns the receiver.
    Advance {
        /// Which.
        stream: StreamId,
        /// Where it stands.
        rev: u64,
    },
    /// Events were left out.
    Reset {
        /// Of which stream.
        stream: StreamId,
        /// Where it stands.
        head: Head,
    },
    /// Too much changed in a guild.
    ResetGuild {
        /// Which.
        guild: GuildId,
    },
    /// The receiver has become a member of a guild, and watches it from now on.
    GuildJoined {
        /// Which.
        guild: GuildId,
    },
    /// The receiver is no member of a guild any more: nothing of it is told from now on.
    GuildLeft {
        /// Which.
        guild: GuildId,
    },
    /// A channel is new, or has another name, topic or place.
    Room {
        /// In which guild.
        guild: GuildId,
        /// Which.
        room: RoomId,
        /// What it is.
        details: Box<Room>,
        /// Where it stands.
        head: Head,
        /// Whether there are members who do not see it.
        is_private: bool,
    },
    /// Another session of the same user has read so far.
    Marker {
        /// Where.
        room: RoomId,
        /// The newest message that was read.
        seq: u64,
        /// Its `n`.
        n: u64,
        /// What is left.
        unread: u64,
        /// Whether it was moved back on purpose.
        is_back: bool,
    },
    /// Who is there.
    Presence {
        /// At most 100 people.
        users: Vec<Seen>,
    },
    /// The receiver was switched on or off in a room, by hand.
    Switched {
        /// Where.
        room: RoomId,
        /// Whether it is on.
        on: bool,
    },
    /// Somebody says something else of itself.
    Profile {
        /// Who.
        user: UserId,
        /// The profile's version.
        version: u64,
    },
    /// The instance is called so.
    Instance {
        /// Its name.
        name: String,
        /// Where the instance stands: a higher one is newer.
        rev: u64,
    },
    /// The server is about to close.
    Draining {
        /// When to come back.
        retry_ms: u64,
    },
}

/// How somebody is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who.
    pub user: UserId,
    /// As the protocol calls it.
    pub status: &'static str,
    /// A few words.
    pub custom: Option<Words>,
}

/// A few words that somebody is seen with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The words.
    pub text: String,
    /// The emoji before them.
    pub emoji: Option<String>,
    /// When they are not meant any more.
    pub expires_at: Option<Timestamp>,
}

impl Hub {
    /// Signals to everybody who has the room open, but not to the connections of `except`.
    pub fn signal_lookers(&self, room: RoomId, except: UserId, signal: &Signal) {
        let Some(lane) = self.lane(StreamId::Room(room)) else {
            return;
        };
        let receivers = lane.receivers();
        self.signal(
            receivers.iter().filter(|receiver| receiver.user != except),
            signal,
        );
    }

    /// Signals something of a thread to everybody who has open what it hangs in, and not the thread itself.
    pub(super) fn tell_lookers(&self, parent: RoomId, thread: RoomId, signal: &Signal) {
        let Some(lane) = self.lane(StreamId::Room(parent)) else {
            return;
        };
        let receivers = lane.receivers();
        self.signal(
            receivers.iter().filter(|receiver| !receiver.has_open(thread)),
            signal,
        );
    }

    /// Signals to all connections of a user.
    pub fn signal_user(&self, user: UserId, signal: Signal) {
        self.signal(self.connections_of(user).iter(), &signal);
    }

    /// Signals to one connection.
    pub fn signal_to(&self, listener: &Listener, signal: &Signal) {
        listener.send(&self.inner.encoder.signal(listener.key, signal));
    }

    /// Signals to these connections, wherever they are registered.
    pub fn signal_all(&self, listeners: &[Arc<Listener>], signal: &Signal) {
        self.signal(listeners.iter(), signal);
    }

    /// The connections that watch a guild, unless there are more than `most`.
    pub fn few_watchers(&self, guild: GuildId, most: usize) -> Option<Arc<Vec<Arc<Listener>>>> {
        let watchers = self.people().guilds.get(&guild).cloned()?;
        Some(watchers).filter(|watchers| watchers.len() <= most)
    }

    /// The connections that have a room open, unless there are more than `most`.
    pub fn few_lookers(&self, room: RoomId, most: usize) -> Option<Vec<Arc<Listener>>> {
        let receivers = self.lane(StreamId::Room(room))?.receivers();
        Some(receivers.to_vec()).filter(|receivers| receivers.len() <= most)
    }

    /// Closes all connections.
    pub fn close_all(&self, reason: CloseReason) {
        let people = self.people();
        for connection in people.users.values().flatten() {
            connection.outlet.close(reason);
        }
    }

    /// Closes all connections of a session that has ended.
    pub fn close_session(&self, session: SessionId) {
        let people = self.people();
        for connection in people
            .users
            .values()
            .flatten()
            .filter(|connection| connection.session == session)
        {
            connection.outlet.close(CloseReason::SessionEnded);
        }
    }

    /// Closes all connections of a user but those of these sessions.
    pub fn close_sessions_of(&self, user: UserId, kept: &[SessionId]) {
        for connection in self.connections_of(user) {
            if !kept.contains(&connection.session) {
                connection.outlet.close(CloseReason::SessionEnded);
            }
        }
    }

    /// Signals to everybody who watches one of these guilds and to the user's own connections, but not to those of one
    /// session; to each connection once. Returns before it is done.
    pub fn signal_watchers(&self, guilds: &[GuildId], user: UserId, except: SessionId, signal: Signal) {
        let mut told: HashSet<u64> = HashSet::new();
        let mut receivers = self.connections_of(user);
        {
            let people = self.people();
            let watchers = guilds.iter().filter_map(|guild| people.guilds.get(guild));
            receivers.extend(watchers.flat_map(|watchers| watchers.iter().cloned()));
        }
        receivers.retain(|receiver| receiver.session != except && told.insert(receiver.number));
        let hub = self.clone();
        self.inner.runtime.spawn(async move {
            for some in receivers.chunks(RECEIVERS_AT_ONCE) {
                hub.signal(some.iter(), &signal);
                tokio::task::yield_now().await;
            }
        });
    }

    /// Tells everybody who watches a guild, or those of them for whom it is true, that too much changed there.
    pub(super) fn reset_guild(&self, guild: GuildId, concerns: impl Fn(UserId) -> bool) {
        let watchers = self.people().guilds.get(&guild).cloned().unwrap_or_default();
        let concerned = watchers.iter().filter(|watcher| concerns(watcher.user));
        self.signal(concerned, &Signal::ResetGuild { guild });
    }

    fn signal<'a>(&self, receivers: impl Iterator<Item = &'a Arc<Listener>>, signal: &Signal) {
        let mut frames: Vec<(FrameKey, Bytes)> = Vec::new();
        for receiver in receivers {
            let known = frames.iter().position(|(key, _)| *key == receiver.key);
            let place = known.unwrap_or_else(|| {
                frames.push((receiver.key, self.inner.encoder.signal(receiver.key, signal)));
                frames.len() - 1
            });
            receiver.send(&frames[place].1);
        }
    }
}
