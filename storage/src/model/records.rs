//! Records: what events leave behind, and what pages are made of.

use serde::{Deserialize, Serialize};

use super::{
    CategoryId, EarlierText, GuildId, Override, Permissions, RoleId, RoomId, TargetId, Timestamp, UserId,
};

/// One message as it is now. Addressed by its room and `seq`; it has no other id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// The message's number in its room.
    pub seq: u64,
    /// The `rev` of the room at which the record last changed, reactions included.
    pub rev: u64,
    /// Who wrote it.
    pub author: UserId,
    /// When it was posted.
    pub at: Timestamp,
    /// How many countable messages the room had with this one. Never rewritten.
    pub n: u64,
    /// Markdown source; empty once deleted.
    pub text: String,
    /// The message that it answers, in the same room.
    pub reply_to: Option<u64>,
    /// When its text was last replaced.
    pub edited_at: Option<Timestamp>,
    /// When and by whom it was deleted. The record stays as a tombstone without content.
    pub deleted: Option<Deletion>,
    /// Emoji and their counts, in the order of their first appearance.
    pub reactions: Vec<ReactionCount>,
    /// Who wrote that one.
    #[serde(default)]
    pub reply_to_author: Option<UserId>,
    /// Whom it calls.
    #[serde(default)]
    pub mentions: Mentions,
    /// What the server itself tells by it; such a message has no text and does not count as unread.
    #[serde(default)]
    pub system: Option<SystemMessage>,
    /// When it was pinned.
    #[serde(default)]
    pub pinned_at: Option<Timestamp>,
    /// Whether a thread hangs on it.
    #[serde(default)]
    pub has_thread: bool,
    /// The texts that it had before, the oldest first, as [`EarlierText::keep`] bounds them. They go when it is deleted.
    #[serde(default)]
    pub earlier: Vec<EarlierText>,
}

impl MessageRecord {
    /// How many have put this emoji on the message.
    pub fn count_of(&self, emoji: &str) -> u32 {
        self.reactions
            .iter()
            .find(|reaction| reaction.emoji == emoji)
            .map_or(0, |reaction| reaction.count)
    }
}

/// Whom a message calls. Who is called was decided when it was posted: rights that changed since change nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentions {
    /// Single people, ascending, at most [`Mentions::MAX_USERS`].
    pub users: Vec<UserId>,
    /// All who have one of these roles, ascending, at most [`Mentions::MAX_ROLES`].
    pub roles: Vec<RoleId>,
    /// Everybody in the room.
    pub everyone: bool,
    /// Everybody who was here at that moment.
    pub here: bool,
}

impl Mentions {
    /// How many single people one message can call: each is a row.
    pub const MAX_USERS: usize = 50;
    /// How many roles one message can call.
    pub const MAX_ROLES: usize = 20;

    /// Whether it calls many at once: one row for all of them, however many they are.
    pub fn is_wide(&self) -> bool {
        self.everyone || self.here || !self.roles.is_empty()
    }
}

/// What the server tells by a message of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemMessage {
    /// The author became a member.
    Joined,
    /// The author is no member any more.
    Left,
    /// The author pinned a message.
    Pinned {
        /// Which.
        seq: u64,
    },
    /// The author gave the room another name.
    Renamed {
        /// The new one.
        name: String,
    },
}

/// When and by whom a message was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// When.
    pub at: Timestamp,
    /// By whom: the author, or a moderator.
    pub by: UserId,
}

/// How many people put one emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionCount {
    /// The emoji, as Unicode.
    pub emoji: String,
    /// How many; never 0.
    pub count: u32,
}

/// One person's reaction on one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// When it was put on.
    pub at: Timestamp,
}

/// How far somebody has read a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The newest message that was read.
    pub seq: u64,
    /// That message's `n`, so that unread is a subtraction.
    pub n: u64,
}

/// The instance as everybody may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The name that people see.
    pub name: String,
    /// When it was set up.
    pub created_at: Timestamp,
}

/// A guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guild {
    /// The name that people see.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it is about; may be empty.
    #[serde(default)]
    pub description: String,
    /// Whether everybody on the instance may join without an invite.
    #[serde(default)]
    pub is_public: bool,
    /// Where the server tells who came and went.
    #[serde(default)]
    pub welcome_room: Option<RoomId>,
    /// When it was deleted: from then on it is as if it had never been.
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
}

impl Guild {
    /// A guild that was just made.
    pub fn new(name: String, owner: UserId, created_at: Timestamp) -> Self {
        Self {
            name,
            owner,
            created_at,
            description: String::new(),
            is_public: false,
            welcome_room: None,
            deleted_at: None,
        }
    }

    /// Whether everybody may join it.
    pub const fn is_open(&self) -> bool {
        self.is_public && self.deleted_at.is_none()
    }
}

/// Somebody's membership in a guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// When the person joined.
    pub joined_at: Timestamp,
    /// What the person is called in this guild.
    #[serde(default)]
    pub nickname: Option<String>,
    /// What the person is in this guild, ascending, at most [`Member::MAX_ROLES`].
    #[serde(default)]
    pub roles: Vec<RoleId>,
}

impl Member {
    /// How many roles one member can have.
    pub const MAX_ROLES: usize = 20;

    /// Somebody who has just joined.
    pub const fn new(joined_at: Timestamp) -> Self {
        Self {
            joined_at,
            nickname: None,
            roles: Vec::new(),
        }
    }
}

/// What members can be in a guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The name that people see.
    pub name: String,
    /// What it allows.
    pub permissions: Permissions,
    /// Who stands above whom: a higher one above a lower one. The role of everybody stands at 0.
    pub position: u32,
    /// Its colour, as 24 bits of red, green and blue.
    pub colour: Option<u32>,
    /// Whether every member may mention it.
    pub is_mentionable: bool,
    /// One of those that every guild has: it can be neither renamed nor deleted.
    pub built_in: Option<BuiltInRole>,
}

/// The roles that every guild has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuiltInRole {
    /// May do everything but take the guild from its owner.
    Administrator,
    /// Keeps order.
    Moderator,
    /// Everybody.
    Member,
}

impl Role {
    /// The roles that a new guild has, with their ids: everybody's has the guild's own.
    pub fn built_in_of(guild: GuildId) -> [(RoleId, Self); 3] {
        let role = |place: u128, name: &str, built_in, permissions, position| {
            // The lowest bits of an id are random: ids that differ in them only are still nobody else's.
            let id = RoleId::from_u128(guild.as_u128() ^ place);
            let role = Self {
                name: name.to_owned(),
                permissions,
                position,
                colour: None,
                is_mentionable: false,
                built_in: Some(built_in),
            };
            (id, role)
        };
        [
            role(0, "everyone", BuiltInRole::Member, Permissions::of_members(), 0),
            role(
                1,
                "moderator",
                BuiltInRole::Moderator,
                Permissions::of_moderators(),
                Self::MODERATOR_POSITION,
            ),
            role(
                2,
                "administrator",
                BuiltInRole::Administrator,
                Permissions::ADMINISTRATOR,
                Self::ADMINISTRATOR_POSITION,
            ),
        ]
    }

    /// Where moderators stand: other roles fit below and above.
    pub const MODERATOR_POSITION: u32 = 1_000;
    /// Where administrators stand: only the owner stands above.
    pub const ADMINISTRATOR_POSITION: u32 = 1_000_000;
}

/// A heading under which channels stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// The name that people see.
    pub name: String,
    /// Its place among the categories: lower ones come first.
    pub position: u32,
}

/// What the audit finds an event by. The rest stands in the event itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// Who did it; `None` for the server itself.
    pub actor: Option<UserId>,
    /// The name of the fact's kind.
    pub kind: String,
    /// To whom or what.
    pub target: Option<TargetId>,
}

/// Somebody who may not join a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: UserId,
}

/// A person's public identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The unique name.
    pub name: String,
    /// When it came to be.
    pub created_at: Timestamp,
    /// What the person wants to be called.
    #[serde(default)]
    pub display_name: Option<String>,
    /// What the person says of itself; may be empty.
    #[serde(default)]
    pub bio: String,
    /// A colour for the name, as 24 bits of red, green and blue.
    #[serde(default)]
    pub colour: Option<u32>,
    /// How often this was changed. Unlike the stream's `rev` it says nothing of what else the person did.
    #[serde(default)]
    pub version: u64,
}

impl User {
    /// Somebody new.
    pub fn new(name: String, created_at: Timestamp) -> Self {
        Self {
            name,
            created_at,
            display_name: None,
            bio: String::new(),
            colour: None,
            version: 0,
        }
    }
}

/// What kind of room it is, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomKind {
    /// A channel of a guild.
    Channel {
        /// The guild.
        guild: GuildId,
    },
    /// A conversation of two, who never change.
    Dm {
        /// The two, ascending.
        users: [UserId; 2],
    },
    /// A conversation of a few, who come and go.
    Group {
        /// Who may rename it and send people away.
        owner: UserId,
    },
    /// What hangs on a message. Its audience is the parent room's, always.
    Thread {
        /// The room of the message.
        parent: RoomId,
        /// The message.
        seq: u64,
        /// The guild of the parent room, if it has one. Neither ever changes.
        guild: Option<GuildId>,
    },
}

impl RoomKind {
    /// The guild that decides who may see the room.
    pub const fn guild(&self) -> Option<GuildId> {
        match self {
            Self::Channel { guild } => Some(*guild),
            Self::Thread { guild, .. } => *guild,
            Self::Dm { .. } | Self::Group { .. } => None,
        }
    }
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// What kind of room.
    pub kind: RoomKind,
    /// Its name; empty for a DM, a thread, and a group without one.
    pub name: String,
    /// What it is about; may be empty.
    pub topic: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The heading that a channel stands under.
    pub category: Option<CategoryId>,
    /// A channel's place under its heading: lower ones come first.
    pub position: u32,
    /// How long one has to wait between two posts, in seconds; 0 for not at all.
    pub slow_mode_seconds: u32,
    /// Whether only those may post who may announce.
    pub is_announcement: bool,
    /// Exceptions from what roles allow, at most [`Room::MAX_OVERRIDES`], each target once.
    pub overrides: Vec<Override>,
    /// When it was deleted: from then on it is as if it had never been.
    pub deleted_at: Option<Timestamp>,
}

impl Room {
    /// How many exceptions a room can have.
    pub const MAX_OVERRIDES: usize = 50;

    /// A plain room.
    pub fn new(kind: RoomKind, name: String, topic: String) -> Self {
        Self {
            kind,
            name,
            topic,
            created_at: Timestamp::default(),
            category: None,
            position: 0,
            slow_mode_seconds: 0,
            is_announcement: false,
            overrides: Vec::new(),
            deleted_at: None,
        }
    }
}

/// Somebody in a DM or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomMember {
    /// Since when.
    pub joined_at: Timestamp,
}

/// A pinned message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: UserId,
}

/// Why a message stands in somebody's inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Called {
    /// It mentions the person.
    Mention,
    /// It answers a message of the person.
    Reply,
}

/// Something that one person does about another one: following, or blocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Since when.
    pub at: Timestamp,
}
