//! What people see: the shapes that every transport sends. Stored records are never sent as they are.

mod places;
mod presence;

use std::borrow::Cow;

use madang_storage::model::{
    CategoryId, Guild, GuildId, Head, Mentions, MessageRecord, RoleId, Room, RoomId, SystemMessage,
    Timestamp, User, UserId,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::Error;
pub use places::{
    CategoryView, ColourView, GuildDetails, MembershipView, OverrideView, PermissionsView, ProfileView,
    RoleView, RoomDetails,
};
pub use presence::{CustomView, PresenceView, RoomPresenceView};

/// A moment, written as RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Beyond what the calendar holds the last moment of it is shown: such a time was never made by a clock.
        let millis = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX);
        let moment = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{moment:.3}")
    }
}

impl Time {
    /// A moment as clients write it: RFC 3339 with any offset, not before 1970.
    pub fn read(text: &str, field: &'static str) -> Result<Self, Error> {
        let moment: Option<jiff::Timestamp> = text.parse().ok();
        let millis = moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
        let wrong = || {
            Error::invalid(
                field,
                "expected a moment as in RFC 3339, for example 2030-01-31T09:30:00Z",
            )
        };
        millis.map(Timestamp::from_millis).map(Self).ok_or_else(wrong)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Where a room or guild stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Head")]
pub struct HeadView {
    /// The newest event.
    pub rev: u64,
    /// The newest message.
    pub seq: u64,
    /// How many messages were ever posted.
    pub n: u64,
}

impl From<Head> for HeadView {
    fn from(head: Head) -> Self {
        Self {
            rev: head.rev,
            seq: head.seq,
            n: head.n,
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Message")]
pub struct MessageView<'a> {
    /// In which room.
    pub room: RoomId,
    /// Its number there.
    pub seq: u64,
    /// The room's `rev` at which it last changed.
    pub rev: u64,
    /// Who wrote it.
    pub author: UserId,
    /// When.
    pub at: Time,
    /// How many messages the room had with this one.
    pub n: u64,
    /// Markdown source; empty once deleted.
    pub text: &'a str,
    /// The message that it answers.
    pub reply_to: Option<u64>,
    /// When its text was last replaced.
    pub edited_at: Option<Time>,
    /// When and by whom it was deleted.
    pub deleted: Option<DeletionView>,
    /// Emoji and counts.
    pub reactions: Vec<ReactionView<'a>>,
    /// Whom it calls, if anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions: Option<MentionsView<'a>>,
    /// What the server itself tells by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemView<'a>>,
    /// When it was pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_at: Option<Time>,
    /// Whether a thread hangs on it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_thread: bool,
    /// That thread. Only in answers of pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<ThreadView>,
    /// The asking user's own reactions. Only in answers, never in events: their bytes are the same for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine: Option<Vec<String>>,
}

/// When and by whom a message was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Deletion")]
pub struct DeletionView {
    /// When.
    pub at: Time,
    /// By whom.
    pub by: UserId,
}

/// Whom a message calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Mentions")]
pub struct MentionsView<'a> {
    /// Single people.
    pub users: &'a [UserId],
    /// All who have one of these roles.
    pub roles: &'a [RoleId],
    /// Everybody in the room.
    pub everyone: bool,
    /// Everybody who was here.
    pub here: bool,
}

impl<'a> MentionsView<'a> {
    fn of(mentions: &'a Mentions) -> Option<Self> {
        let calls = mentions.is_wide() || !mentions.users.is_empty();
        calls.then_some(Self {
            users: &mentions.users,
            roles: &mentions.roles,
            everyone: mentions.everyone,
            here: mentions.here,
        })
    }
}

/// What the server itself tells by a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "System")]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SystemView<'a> {
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
        name: &'a str,
    },
}

impl<'a> From<&'a SystemMessage> for SystemView<'a> {
    fn from(system: &'a SystemMessage) -> Self {
        match system {
            SystemMessage::Joined => Self::Joined,
            SystemMessage::Left => Self::Left,
            SystemMessage::Pinned { seq } => Self::Pinned { seq: *seq },
            SystemMessage::Renamed { name } => Self::Renamed { name },
        }
    }
}

/// One emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Reaction")]
pub struct ReactionView<'a> {
    /// Which.
    pub emoji: &'a str,
    /// How many people.
    pub count: u32,
}

impl<'a> MessageView<'a> {
    /// A message as everybody sees it.
    pub fn new(room: RoomId, record: &'a MessageRecord) -> Self {
        Self {
            room,
            seq: record.seq,
            rev: record.rev,
            author: record.author,
            at: Time(record.at),
            n: record.n,
            text: &record.text,
            reply_to: record.reply_to,
            edited_at: record.edited_at.map(Time),
            deleted: record.deleted.map(|deletion| DeletionView {
                at: Time(deletion.at),
                by: deletion.by,
            }),
            reactions: record
                .reactions
                .iter()
                .map(|reaction| ReactionView {
                    emoji: &reaction.emoji,
                    count: reaction.count,
                })
                .collect(),
            mentions: MentionsView::of(&record.mentions),
            system: record.system.as_ref().map(SystemView::from),
            pinned_at: record.pinned_at.map(Time),
            has_thread: record.has_thread,
            thread: None,
            mine: None,
        }
    }
}

/// A user as others see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct UserView {
    /// Who.
    pub id: UserId,
    /// The unique name.
    pub name: String,
    /// What the person wants to be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// A colour for the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<ColourView>,
}

impl UserView {
    /// A user as others see one.
    pub fn new(id: UserId, user: User) -> Self {
        Self {
            id,
            name: user.name,
            display_name: user.display_name,
            colour: user.colour.map(ColourView),
        }
    }
}

/// A member of a guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct MemberView {
    /// Who.
    pub user: UserView,
    /// Since when.
    pub joined_at: Time,
    /// What the person is called here.
    pub nickname: Option<String>,
    /// What the person is here, besides what everybody is.
    pub roles: Vec<RoleId>,
}

/// How far somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Marker")]
pub struct MarkerView {
    /// The newest message that was read.
    pub seq: u64,
    /// Its `n`.
    pub n: u64,
}

/// A channel with what its reader wants to know at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Channel")]
pub struct ChannelView {
    /// The room.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub topic: String,
    /// The newest event.
    pub rev: u64,
    /// The newest message.
    pub seq: u64,
    /// How many messages were ever posted.
    pub n: u64,
    /// When the newest event was.
    pub at: Time,
    /// How far the asking user has read.
    pub marker: MarkerView,
    /// How many messages the asking user has not read; exact up to 99, 100 stands for more.
    pub unread: u64,
    /// How many of them call the user, counted alike.
    pub mentions: u64,
    /// The heading that it stands under. One that the guild does not have stands for none.
    pub category: Option<CategoryId>,
    /// Its place there: lower ones come first.
    pub position: u32,
    /// How long one has to wait between two posts, in seconds.
    pub slow_mode_seconds: u32,
    /// Whether only those may post who may announce.
    pub is_announcement: bool,
    /// Whether there are members who do not see it.
    pub is_private: bool,
}

impl ChannelView {
    /// A channel as of a head, with how far its reader is.
    pub fn new(
        id: RoomId,
        room: Room,
        head: &Head,
        is_private: bool,
        marker: MarkerView,
        unread: u64,
        mentions: u64,
    ) -> Self {
        Self {
            id,
            name: room.name,
            topic: room.topic,
            rev: head.rev,
            seq: head.seq,
            n: head.n,
            at: Time(head.at),
            marker,
            unread,
            mentions,
            category: room.category,
            position: room.position,
            slow_mode_seconds: room.slow_mode_seconds,
            is_announcement: room.is_announcement,
            is_private,
        }
    }
}

/// A thread with what is told of it beside its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Thread")]
pub struct ThreadView {
    /// The room.
    pub id: RoomId,
    /// The room of the message that it hangs on,
    pub parent: RoomId,
    /// and its number there.
    pub parent_seq: u64,
    /// When something happened in it last.
    pub at: Time,
    /// The newest event.
    pub rev: u64,
    /// The newest message.
    pub seq: u64,
    /// How many messages were ever posted.
    pub n: u64,
    /// For whoever follows it: how many messages are unread, as elsewhere. Not in pages of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
}

/// A DM or group with what its reader wants to know at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Conversation")]
pub struct ConversationView {
    /// The room.
    pub id: RoomId,
    /// `dm` or `group`.
    pub kind: &'static str,
    /// A group's name; may be empty.
    pub name: String,
    /// Who is in it, ascending.
    pub users: Vec<UserId>,
    /// Who owns a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// When something happened in it last.
    pub at: Time,
    /// The newest event.
    pub rev: u64,
    /// The newest message.
    pub seq: u64,
    /// How many messages were ever posted.
    pub n: u64,
    /// How far the asking user has read.
    pub marker: MarkerView,
    /// How many messages the asking user has not read; exact up to 99, 100 stands for more.
    pub unread: u64,
    /// How many of them call the user, counted alike.
    pub mentions: u64,
}

/// A guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Guild")]
pub struct GuildView {
    /// Which.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// What it is about; may be empty.
    pub description: String,
    /// Who owns it.
    pub owner: UserId,
    /// Whether everybody on the instance may join.
    pub is_public: bool,
    /// Where the server tells who came and went.
    pub welcome_room: Option<RoomId>,
    /// The newest event of its stream.
    pub rev: u64,
}

impl GuildView {
    /// A guild as of one of its events.
    pub fn new(id: GuildId, guild: &Guild, rev: u64) -> Self {
        Self {
            id,
            name: guild.name.clone(),
            description: guild.description.clone(),
            owner: guild.owner,
            is_public: guild.is_public,
            welcome_room: guild.welcome_room,
            rev,
        }
    }
}
