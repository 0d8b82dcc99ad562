//! Signals: told to whoever is there, never stored, never numbered, may be lost.

use std::sync::Arc;

use bytes::Bytes;
use madang_storage::model::{GuildId, Head, Room, RoomId, SessionId, StreamId, UserId};

use super::{CloseReason, FrameKey, Hub, Listener};

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
    },
    /// The server is about to close.
    Draining {
        /// When to come back.
        retry_ms: u64,
    },
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

    /// Signals to all connections of a user but those of one session.
    pub fn signal_user(&self, user: UserId, except: Option<SessionId>, signal: Signal) {
        let connections = self.connections_of(user);
        let others = connections
            .iter()
            .filter(|connection| Some(connection.session) != except);
        self.signal(others, &signal);
    }

    /// Signals to one connection.
    pub fn signal_to(&self, listener: &Listener, signal: &Signal) {
        listener.send(&self.inner.encoder.signal(listener.key, signal));
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
