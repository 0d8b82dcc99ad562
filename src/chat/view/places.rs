//! Guilds, roles, rooms and people as they are sent.

use std::borrow::Cow;

use madang_storage::model::{
    BuiltInRole, Category, CategoryId, Guild, GuildId, Member, Override, OverrideTarget, Permissions, Role,
    RoleId, Room, RoomId, RoomKind, User, UserId,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::Time;

/// Rights, as a list of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermissionsView(pub Permissions);

impl Serialize for PermissionsView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.names())
    }
}

impl JsonSchema for PermissionsView {
    fn schema_name() -> Cow<'static, str> {
        "Permissions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Permissions::all().names().collect();
        json_schema!({ "type": "array", "items": { "type": "string", "enum": names } })
    }
}

/// A colour, as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColourView(pub u32);

impl Serialize for ColourView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("#{:06x}", self.0 & 0xff_ff_ff))
    }
}

impl JsonSchema for ColourView {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Colour".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^#[0-9a-f]{6}$" })
    }
}

/// What a guild says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GuildDetails<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is about; may be empty.
    pub description: &'a str,
    /// Who owns it.
    pub owner: UserId,
    /// Whether everybody on the instance may join.
    pub is_public: bool,
    /// Where the server tells who came and went.
    pub welcome_room: Option<RoomId>,
}

impl<'a> From<&'a Guild> for GuildDetails<'a> {
    fn from(guild: &'a Guild) -> Self {
        Self {
            name: &guild.name,
            description: &guild.description,
            owner: guild.owner,
            is_public: guild.is_public,
            welcome_room: guild.welcome_room,
        }
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Role")]
pub struct RoleView {
    /// Which; the guild's own id for everybody's.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub permissions: PermissionsView,
    /// Who stands above whom.
    pub position: u32,
    /// Its colour.
    pub colour: Option<ColourView>,
    /// Whether every member may mention it.
    pub is_mentionable: bool,
    /// `administrator`, `moderator` or `member` for the roles that every guild has.
    pub built_in: Option<&'static str>,
}

impl RoleView {
    /// A role as members see it.
    pub fn new(id: RoleId, role: &Role) -> Self {
        Self {
            id,
            name: role.name.clone(),
            permissions: PermissionsView(role.permissions),
            position: role.position,
            colour: role.colour.map(ColourView),
            is_mentionable: role.is_mentionable,
            built_in: role.built_in.map(|built_in| match built_in {
                BuiltInRole::Administrator => "administrator",
                BuiltInRole::Moderator => "moderator",
                BuiltInRole::Member => "member",
            }),
        }
    }
}

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Category")]
pub struct CategoryView {
    /// Which.
    pub id: CategoryId,
    /// Its name.
    pub name: String,
    /// Its place: lower ones come first.
    pub position: u32,
}

impl CategoryView {
    /// A heading as members see it.
    pub fn new(id: CategoryId, category: &Category) -> Self {
        Self {
            id,
            name: category.name.clone(),
            position: category.position,
        }
    }
}

/// A membership without the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Membership")]
pub struct MembershipView<'a> {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub joined_at: Time,
    /// What the person is called here.
    pub nickname: Option<&'a str>,
    /// What the person is here.
    pub roles: &'a [RoleId],
}

impl<'a> MembershipView<'a> {
    /// A membership as members see it.
    pub fn new(user: UserId, member: &'a Member) -> Self {
        Self {
            user,
            joined_at: Time(member.joined_at),
            nickname: member.nickname.as_deref(),
            roles: &member.roles,
        }
    }
}

/// What a person says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Profile")]
pub struct ProfileView<'a> {
    /// The unique name.
    pub name: &'a str,
    /// What the person wants to be called.
    pub display_name: Option<&'a str>,
    /// What the person says of itself; may be empty.
    pub bio: &'a str,
    /// A colour for the name.
    pub colour: Option<ColourView>,
}

impl<'a> From<&'a User> for ProfileView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            name: &user.name,
            display_name: user.display_name.as_deref(),
            bio: &user.bio,
            colour: user.colour.map(ColourView),
        }
    }
}

/// An exception in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Override")]
pub struct OverrideView {
    /// For all who have this role,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleId>,
    /// or for this member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Rights that are given.
    pub allow: PermissionsView,
    /// Rights that are taken.
    pub deny: PermissionsView,
}

impl From<&Override> for OverrideView {
    fn from(exception: &Override) -> Self {
        let (role, user) = match exception.target {
            OverrideTarget::Role(role) => (Some(role), None),
            OverrideTarget::User(user) => (None, Some(user)),
        };
        Self {
            role,
            user,
            allow: PermissionsView(exception.allow),
            deny: PermissionsView(exception.deny),
        }
    }
}

/// A room without what one reader has read of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoomDetails<'a> {
    /// `channel`, `dm`, `group` or `thread`.
    pub kind: &'static str,
    /// The guild that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guild: Option<GuildId>,
    /// Its name; empty for a DM, a thread, and a group without one.
    pub name: &'a str,
    /// What it is about.
    pub topic: &'a str,
    /// The heading that it stands under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryId>,
    /// Its place there: lower ones come first.
    pub position: u32,
    /// How long one has to wait between two posts, in seconds.
    pub slow_mode_seconds: u32,
    /// Whether only those may post who may announce.
    pub is_announcement: bool,
    /// Exceptions from what roles allow.
    pub overrides: Vec<OverrideView>,
    /// For a thread: the room whose message it hangs on,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<RoomId>,
    /// and that message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_seq: Option<u64>,
    /// Who owns a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
}

impl<'a> From<&'a Room> for RoomDetails<'a> {
    fn from(room: &'a Room) -> Self {
        let (kind, parent, parent_seq, owner) = match room.kind {
            RoomKind::Channel { .. } => ("channel", None, None, None),
            RoomKind::Dm { .. } => ("dm", None, None, None),
            RoomKind::Group { owner } => ("group", None, None, Some(owner)),
            RoomKind::Thread { parent, seq, .. } => ("thread", Some(parent), Some(seq), None),
        };
        Self {
            kind,
            guild: room.kind.guild(),
            name: &room.name,
            topic: &room.topic,
            category: room.category,
            position: room.position,
            slow_mode_seconds: room.slow_mode_seconds,
            is_announcement: room.is_announcement,
            overrides: room.overrides.iter().map(OverrideView::from).collect(),
            parent,
            parent_seq,
            owner,
        }
    }
}
