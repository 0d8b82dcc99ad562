//! Guilds come to be, change what they say of themselves, and get members.

use madang_storage::model::{Fact, Guild, GuildId, Permissions, RoomId, StreamId};

use super::moderation::require;
use super::once::same;
use super::places::GuildCopy;
use super::view::GuildView;
use super::{Chat, Code, Error, Identity, Once, Result, names};

/// The channel that a new guild starts with.
pub(super) const FIRST_CHANNEL: &str = "general";
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
}

impl Chat {
    /// Makes a guild with a first channel, owned by whoever asks.
    pub async fn create_guild(&self, identity: &Identity, once: &Once, name: &str) -> Result<GuildView> {
        let name = names::title("name", name)?.shown;
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
            let channel = names::title("name", FIRST_CHANNEL)?;
            chat.make_channel(guild, room, user, &channel, String::new())
                .await
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
        changes: GuildChanges,
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
                let guild = chat.use_invite(&code).await?;
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

    async fn guild_view(&self, id: GuildId) -> Result<GuildView> {
        let look = |copy: &GuildCopy| {
            let guild = copy.guild()?;
            Some(GuildView {
                id,
                name: guild.name.clone(),
                owner: guild.owner,
                rev: copy.rev(),
            })
        };
        self.look_at_guild(id, look).await?.ok_or_else(Error::not_found)
    }
}
