//! Signals: told to whoever is there, never stored, never numbered, may be lost.

use madang_storage::model::{GuildId, Head, RoomId, StreamId, UserId};

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
    /// A channel is new.
    Room {
        /// In which guild.
        guild: GuildId,
        /// Which.
        room: RoomId,
        /// Its name.
        name: String,
        /// What it is about.
        topic: String,
        /// Where it stands.
        head: Head,
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
