//! Guilds come to be, change what they say of themselves, and get members.

use madang_storage::model::{
    EventId, Fact, Guild, GuildId, Head, Permissions, RoomId, RoomKind, Row, RowKey, Rows, StreamId, UserId,
};
use madang_storage::{AppendError, Command};

use super::moderation::require;
use super::once::same;
use super::places::GuildCopy;
use super::view::{GuildView, PermissionsView};
use super::{Chat, Code, Error, Identity, Once, Result, names, text};

/// How the channel that a new guild starts with is called when nobody says.
const FIRST_CHANNEL: &str = "general";
/// How many guilds one person may be a member of.
pub(super) const MAX_GUILDS: usize = 100;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 1_000;

/// What is to be changed about a guild; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct GuildChanges {
    /// Its name.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Whether everybody on the instance may join without an invite.
    pub is_public: Option<bool>,
    /// Where the server tells who came and went; `Some(None)` for nowhere.
    pub welcome_room: Option<Option<RoomId>>,
}

impl Chat {
    /// Makes a guild with a first channel, owned by whoever asks. Without a name of its own the channel has the usual one.
    pub async fn create_guild(
        &self,
        identity: &Identity,
        once: &Once,
        name: &str,
        channel_name: Option<&str>,
    ) -> Result<GuildView> {
        let name = names::title("name", name)?.shown;
        let channel = first_channel(channel_name)?;
        self.check_room_for_guild(identity).await?;
        let guild = GuildId::from_u128(self.new_id(identity, once, "guild"));
        let room = RoomId::from_u128(self.new_id(identity, once, "first channel"));
        let asked = name.clone();
        let (chat, user) = (self.clone(), identity.user);
        self.to_the_end(async move {
            let fact = Fact::GuildCreated { name, owner: user };
            let stream = StreamId::Guild(guild);
            chat.append_unless(stream, Some(user), Vec::new(), fact, |head, _| head.exists())
                .await?;
            chat.make_first_channel(guild, room, user, &channel).await?;
            chat.welcome_in(guild, room, user).await
        })
        .await?;
        let made = self.guild_view(guild).await?;
        same(made.name == asked)?;
        Ok(made)
    }

    /// Changes what a guild says of itself.
    pub async fn change_guild_details(
        &self,
        identity: &Identity,
        guild: GuildId,
        mut changes: GuildChanges,
    ) -> Result<GuildView> {
        let name = changes
            .name
            .as_deref()
            .map(|name| names::title("name", name))
            .transpose()?;
        let too_long = |text: &String| text.chars().count() > MAX_DESCRIPTION;
        if changes.description.as_ref().is_some_and(too_long) {
            let text = format!("a description has at most {MAX_DESCRIPTION} characters");
            return Err(Error::too_large("description", text));
        }
        changes.description = changes.description.map(text::normalised);
        if let Some(description) = &changes.description {
            names::check_lines("description", description)?;
        }
        if let Some(Some(room)) = changes.welcome_room {
            self.check_welcome_room(identity, guild, room).await?;
        }
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::MANAGE_GUILD)?;
            let present = copy.guild().ok_or_else(Error::not_found)?;
            let guild = Guild {
                name: name.as_ref().map_or(&present.name, |name| &name.shown).clone(),
                description: changes
                    .description
                    .as_ref()
                    .unwrap_or(&present.description)
                    .clone(),
                is_public: changes.is_public.unwrap_or(present.is_public),
                welcome_room: changes.welcome_room.unwrap_or(present.welcome_room),
                ..present.clone()
            };
            if guild == *present {
                return Ok(None);
            }
            Ok(Fact::GuildChanged { guild }.into())
        })
        .await?;
        self.guild_view(guild).await
    }

    /// Members are welcomed in a room, unless the guild has decided otherwise already.
    pub(super) async fn welcome_in(&self, guild: GuildId, room: RoomId, user: UserId) -> Result<()> {
        let key = RowKey::Guild(guild);
        let command = Command {
            stream: StreamId::Guild(guild),
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(user),
            access_rev: 0,
            nonce: None,
            rows: vec![key.clone()],
        };
        // What somebody has changed since the guild was made stays.
        let decide = move |_: &Head, rows: &Rows| match rows.get(&key) {
            Some(Row::Guild(present))
                if *present == Guild::new(present.name.clone(), present.owner, present.created_at) =>
            {
                let guild = Guild {
                    welcome_room: Some(room),
                    ..present.clone()
                };
                Ok(Fact::GuildChanged { guild }.into())
            }
            _ => Err(()),
        };
        match self.store().append(command, decide).await {
            Ok(_) | Err(AppendError::Refused(())) => Ok(()),
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }

    /// A guild welcomes in one of its channels that whoever decides it sees.
    async fn check_welcome_room(&self, identity: &Identity, guild: GuildId, room: RoomId) -> Result<()> {
        let unknown = || Error::invalid("welcome_room", "the guild has no such channel");
        match self.room_access(identity, room).await {
            Ok(access) if access.room.kind == (RoomKind::Channel { guild }) => Ok(()),
            Ok(_) => Err(unknown()),
            Err(error) if error.code == Code::NotFound => Err(unknown()),
            Err(error) => Err(error),
        }
    }

    /// Joins a public guild. One that is not public answers strangers as if it did not exist.
    pub async fn join_public_guild(&self, identity: &Identity, guild: GuildId) -> Result<GuildView> {
        let look = |copy: &GuildCopy| {
            let is_member = copy.member(identity.user).is_some();
            (copy.guild().is_some_and(|guild| guild.is_public), is_member)
        };
        let (is_public, is_member) = self.look_at_guild(guild, look).await?;
        if !is_public && !is_member {
            return Err(Error::not_found());
        }
        self.check_room_for_guild(identity).await?;
        if !is_member {
            self.forget_arrival(guild, identity.user).await?;
        }
        self.join_guild(guild, identity.user).await?;
        self.guild_view(guild).await
    }

    /// Joins the guild of an invite, for somebody who has an account.
    pub async fn join_by_invite(&self, identity: &Identity, code: &str) -> Result<GuildView> {
        self.check_room_for_guild(identity).await?;
        let guild = self.invited_to(code).await?;
        let is_member = |copy: &GuildCopy| copy.member(identity.user).is_some();
        if !self.look_at_guild(guild, is_member).await? {
            self.check_not_banned(guild, identity.user).await?;
            let (chat, code, user) = (self.clone(), code.to_owned(), identity.user);
            self.to_the_end(async move {
                let guild = chat.use_invite(&code, user).await?;
                chat.join_guild(guild, user).await
            })
            .await?;
        }
        self.guild_view(guild).await
    }

    async fn check_room_for_guild(&self, identity: &Identity) -> Result<()> {
        if self.guild_ids(identity.user).await?.len() < MAX_GUILDS {
            return Ok(());
        }
        let text = format!("one is a member of at most {MAX_GUILDS} guilds");
        Err(Error::new(Code::TooMany, text))
    }

    /// A guild, and what the asker may do in it, for a member.
    pub async fn guild(&self, identity: &Identity, id: GuildId) -> Result<(GuildView, PermissionsView)> {
        let access = self.guild_access(identity, id).await?;
        let view = self.guild_view(id).await?;
        Ok((view, PermissionsView(access.permissions)))
    }

    async fn guild_view(&self, id: GuildId) -> Result<GuildView> {
        let look = |copy: &GuildCopy| {
            let guild = copy.guild()?;
            Some(GuildView::new(id, guild, copy.rev()))
        };
        self.look_at_guild(id, look).await?.ok_or_else(Error::not_found)
    }
}

/// The name of a guild's first channel, as asked for or the usual one.
pub(super) fn first_channel(asked: Option<&str>) -> Result<names::Name> {
    names::title("channel_name", asked.unwrap_or(FIRST_CHANNEL))
}
