//! Projected rows: their keys, their values, and a set of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Guild, GuildId, Instance, Member, MessageRecord, Reaction, Room, RoomId, StreamId, User, UserId,
};

/// The name of a row that events are projected into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowKey {
    /// The instance.
    Instance,
    /// A guild.
    Guild(GuildId),
    /// A membership, found by guild.
    Member {
        /// Of which guild.
        guild: GuildId,
        /// Who.
        user: UserId,
    },
    /// The same membership, found by user.
    GuildOf {
        /// Whose.
        user: UserId,
        /// Which guild.
        guild: GuildId,
    },
    /// A user.
    User(UserId),
    /// A room.
    Room(RoomId),
    /// A channel, found by its guild.
    Channel {
        /// Of which guild.
        guild: GuildId,
        /// Which room.
        room: RoomId,
    },
    /// A message.
    Message {
        /// In which room.
        room: RoomId,
        /// Its number there.
        seq: u64,
    },
    /// One person's reaction.
    Reaction {
        /// In which room.
        room: RoomId,
        /// On which message.
        seq: u64,
        /// Which emoji.
        emoji: String,
        /// Whose.
        user: UserId,
    },
}

impl RowKey {
    /// The stream whose events decide the row.
    pub const fn stream(&self) -> StreamId {
        match self {
            Self::Instance => StreamId::Instance,
            Self::Guild(guild) | Self::Member { guild, .. } | Self::GuildOf { guild, .. } => {
                StreamId::Guild(*guild)
            }
            Self::User(user) => StreamId::User(*user),
            Self::Room(room)
            | Self::Channel { room, .. }
            | Self::Message { room, .. }
            | Self::Reaction { room, .. } => StreamId::Room(*room),
        }
    }
}

/// The value of a row. Its variant always fits the variant of its [`RowKey`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// The instance.
    Instance(Instance),
    /// A guild.
    Guild(Guild),
    /// A membership, under either key.
    Member(Member),
    /// A user.
    User(User),
    /// A room.
    Room(Room),
    /// Says only that the channel belongs to the guild.
    Channel,
    /// A message.
    Message(MessageRecord),
    /// A reaction.
    Reaction(Reaction),
}

/// Which rows to list. Lists come in the order of [`RowKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowPrefix {
    /// The members of a guild, by user.
    MembersOf(GuildId),
    /// The guilds of a user, by guild.
    GuildsOf(UserId),
    /// The channels of a guild, by room.
    ChannelsOf(GuildId),
    /// Who put this emoji on this message, by user.
    ReactionsOf {
        /// In which room.
        room: RoomId,
        /// On which message.
        seq: u64,
        /// Which emoji.
        emoji: String,
    },
}

impl RowPrefix {
    /// Whether the row belongs to this list.
    pub fn contains(&self, key: &RowKey) -> bool {
        match (self, key) {
            (Self::MembersOf(of), RowKey::Member { guild, .. }) => of == guild,
            (Self::GuildsOf(of), RowKey::GuildOf { user, .. }) => of == user,
            (Self::ChannelsOf(of), RowKey::Channel { guild, .. }) => of == guild,
            (
                Self::ReactionsOf { room, seq, emoji },
                RowKey::Reaction {
                    room: in_room,
                    seq: on,
                    emoji: which,
                    ..
                },
            ) => room == in_room && seq == on && emoji == which,
            _ => false,
        }
    }
}

/// Rows that were read together, all as of the same event of their stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows(BTreeMap<RowKey, Row>);

impl Rows {
    /// Adds a row.
    pub fn insert(&mut self, key: RowKey, row: Row) {
        self.0.insert(key, row);
    }

    /// The row, if it exists and was read.
    pub fn get(&self, key: &RowKey) -> Option<&Row> {
        self.0.get(key)
    }

    /// Whether the row exists and was read.
    pub fn contains(&self, key: &RowKey) -> bool {
        self.0.contains_key(key)
    }

    /// The message, if it exists and was read.
    pub fn message(&self, room: RoomId, seq: u64) -> Option<&MessageRecord> {
        match self.0.get(&RowKey::Message { room, seq }) {
            Some(Row::Message(record)) => Some(record),
            _ => None,
        }
    }
}
