//! Projected rows: their keys, their values, and a set of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Audited, Ban, Called, Category, CategoryId, Guild, GuildId, Instance, Member, Mentions, MessageRecord,
    Pin, Reaction, Relation, Role, RoleId, Room, RoomId, RoomMember, StreamId, Timestamp, User, UserId,
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
    /// A role.
    Role {
        /// Of which guild.
        guild: GuildId,
        /// Which.
        role: RoleId,
    },
    /// A heading.
    Category {
        /// Of which guild.
        guild: GuildId,
        /// Which.
        category: CategoryId,
    },
    /// A ban.
    Ban {
        /// From which guild.
        guild: GuildId,
        /// Whose.
        user: UserId,
    },
    /// Somebody in a DM or group, found by the room.
    RoomMember {
        /// Which room.
        room: RoomId,
        /// Who.
        user: UserId,
    },
    /// The same, found by the user.
    RoomOf {
        /// Who.
        user: UserId,
        /// Which room.
        room: RoomId,
    },
    /// A thread, found by the room whose message it hangs on.
    Thread {
        /// The room of the message.
        parent: RoomId,
        /// The thread.
        room: RoomId,
    },
    /// A pinned message.
    Pin {
        /// In which room.
        room: RoomId,
        /// Which message.
        seq: u64,
    },
    /// A message that calls many at once.
    WideMention {
        /// In which room.
        room: RoomId,
        /// Which message.
        seq: u64,
    },
    /// A message that calls somebody by name, or answers one of the person's.
    Inbox {
        /// Whose inbox.
        user: UserId,
        /// When; newer ones come first.
        at: Reverse<Timestamp>,
        /// In which room.
        room: RoomId,
        /// Which message.
        seq: u64,
    },
    /// Somebody whom a user follows.
    Follow {
        /// Who follows.
        user: UserId,
        /// Whom.
        followed: UserId,
    },
    /// The same, found by who is followed.
    Follower {
        /// Who is followed.
        user: UserId,
        /// By whom.
        follower: UserId,
    },
    /// Somebody of whom a user wants nothing.
    Block {
        /// Who blocks.
        user: UserId,
        /// Whom.
        blocked: UserId,
    },
    /// A guild that everybody may join.
    PublicGuild(GuildId),
    /// An event with a sealed part, found by the guild that it concerns.
    Audit {
        /// Which guild.
        guild: GuildId,
        /// When; newer ones come first.
        at: Reverse<Timestamp>,
        /// In which stream.
        stream: StreamId,
        /// Which event; newer ones come first.
        rev: Reverse<u64>,
    },
}

impl RowKey {
    /// The stream whose events decide the row.
    pub const fn stream(&self) -> StreamId {
        match self {
            Self::Instance => StreamId::Instance,
            Self::Audit { stream, .. } => *stream,
            Self::Guild(guild)
            | Self::PublicGuild(guild)
            | Self::Member { guild, .. }
            | Self::GuildOf { guild, .. }
            | Self::Role { guild, .. }
            | Self::Category { guild, .. }
            | Self::Ban { guild, .. } => StreamId::Guild(*guild),
            Self::User(user)
            | Self::Follow { user, .. }
            | Self::Follower { follower: user, .. }
            | Self::Block { user, .. } => StreamId::User(*user),
            Self::Room(room)
            | Self::Channel { room, .. }
            | Self::Message { room, .. }
            | Self::Reaction { room, .. }
            | Self::RoomMember { room, .. }
            | Self::RoomOf { room, .. }
            | Self::Thread { room, .. }
            | Self::Pin { room, .. }
            | Self::WideMention { room, .. }
            | Self::Inbox { room, .. } => StreamId::Room(*room),
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
    /// A role.
    Role(Role),
    /// A heading.
    Category(Category),
    /// A ban.
    Ban(Ban),
    /// Somebody in a DM or group, under either key.
    RoomMember(RoomMember),
    /// Says only that the thread hangs there.
    Thread,
    /// A pin.
    Pin(Pin),
    /// Whom a message calls that calls many.
    WideMention(Mentions),
    /// Why a message stands in an inbox.
    Inbox(Called),
    /// Following, under either key, and blocking.
    Relation(Relation),
    /// Says only that everybody may join the guild.
    PublicGuild,
    /// What the audit finds an event by.
    Audit(Audited),
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
    /// The roles of a guild, by role.
    RolesOf(GuildId),
    /// The headings of a guild, by heading.
    CategoriesOf(GuildId),
    /// The bans of a guild, by user.
    BansOf(GuildId),
    /// Who is in a DM or group, by user.
    MembersOfRoom(RoomId),
    /// The DMs and groups of a user, by room.
    RoomsOf(UserId),
    /// The threads on a room's messages, by thread.
    ThreadsOf(RoomId),
    /// The pinned messages of a room, by number.
    PinsOf(RoomId),
    /// The messages of a room that call many, by number.
    WideMentionsOf(RoomId),
    /// The messages that call a user, the newest first.
    InboxOf(UserId),
    /// Whom a user follows, by user.
    FollowedBy(UserId),
    /// Who follows a user, by user.
    FollowersOf(UserId),
    /// Of whom a user wants nothing, by user.
    BlockedBy(UserId),
    /// The guilds that everybody may join, by guild.
    PublicGuilds,
    /// The events with a sealed part that concern a guild, the newest first.
    AuditOf(GuildId),
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
            (Self::RolesOf(of), RowKey::Role { guild, .. }) => of == guild,
            (Self::CategoriesOf(of), RowKey::Category { guild, .. }) => of == guild,
            (Self::BansOf(of), RowKey::Ban { guild, .. }) => of == guild,
            (Self::MembersOfRoom(of), RowKey::RoomMember { room, .. }) => of == room,
            (Self::RoomsOf(of), RowKey::RoomOf { user, .. }) => of == user,
            (Self::ThreadsOf(of), RowKey::Thread { parent, .. }) => of == parent,
            (Self::PinsOf(of), RowKey::Pin { room, .. }) => of == room,
            (Self::WideMentionsOf(of), RowKey::WideMention { room, .. }) => of == room,
            (Self::InboxOf(of), RowKey::Inbox { user, .. }) => of == user,
            (Self::FollowedBy(of), RowKey::Follow { user, .. }) => of == user,
            (Self::FollowersOf(of), RowKey::Follower { user, .. }) => of == user,
            (Self::BlockedBy(of), RowKey::Block { user, .. }) => of == user,
            (Self::PublicGuilds, RowKey::PublicGuild(_)) => true,
            (Self::AuditOf(of), RowKey::Audit { guild, .. }) => of == guild,
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
