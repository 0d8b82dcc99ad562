//! Channels come to be as they are wanted: what is private is so from its first event on.

use madang_storage::model::{
    CategoryId, EventId, Fact, GuildId, Head, Override, OverrideTarget, Permissions, RoleId, Room, RoomId,
    RoomKind, Row, RowKey, RowPrefix, Rows, StreamId, UserId,
};
use madang_storage::{AppendError, Command, MAX_ROWS_PER_PAGE};

use super::audit::details;
use super::moderation::require;
use super::names::{self, Name};
use super::places::GuildCopy;
use super::rooms::{Exception, MAX_POSITION, MAX_SLOW_MODE_SECONDS, may_except, within};
use super::view::ChannelView;
use super::{Chat, Code, Error, Identity, Once, Result};

/// How many channels a guild may have.
pub(super) const MAX_CHANNELS: usize = 5_000;

/// A channel to make.
#[derive(Debug, Clone, Default)]
pub struct NewChannel {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub topic: Option<String>,
    /// The heading that it stands under.
    pub category: Option<CategoryId>,
    /// Its place there; without one it is the last.
    pub position: Option<u64>,
    /// How long one has to wait between two posts, in seconds.
    pub slow_mode_seconds: Option<u64>,
    /// Whether only those may post who may announce.
    pub is_announcement: bool,
    /// Whether only those see it who are named here, whoever makes it, and administrators.
    pub is_private: bool,
    /// Roles that see a private channel,
    pub roles: Vec<RoleId>,
    /// and people who do.
    pub users: Vec<UserId>,
}

/// What is asked for, as far as it can be checked by itself.
struct Asked {
    name: Name,
    room: Room,
    position: Option<u32>,
    is_private: bool,
    /// Those who see it beside its maker.
    seen_by: Vec<OverrideTarget>,
    /// Whether its maker is among those who are named.
    names_maker: bool,
    maker: UserId,
}

impl Asked {
    fn of(guild: GuildId, maker: UserId, new: NewChannel) -> Result<Self> {
        let name = names::title("name", &new.name)?;
        let topic = names::topic(&new.topic.unwrap_or_default())?;
        let slow = within("slow_mode_seconds", new.slow_mode_seconds, MAX_SLOW_MODE_SECONDS)?;
        let room = Room {
            category: new.category,
            slow_mode_seconds: slow.unwrap_or_default(),
            is_announcement: new.is_announcement,
            ..Room::new(RoomKind::Channel { guild }, name.shown.clone(), topic)
        };
        let names_somebody = !new.roles.is_empty() || !new.users.is_empty();
        if names_somebody && !new.is_private {
            let text = "only of a private channel it is said who sees it";
            return Err(Error::invalid("is_private", text));
        }
        let everybody = everybody(guild);
        if new.roles.contains(&everybody) {
            return Err(Error::invalid("roles", "what everybody sees is not private"));
        }
        let users = new.users.iter().filter(|user| **user != maker);
        let roles = new.roles.iter().copied().map(OverrideTarget::Role);
        let mut seen_by: Vec<OverrideTarget> =
            roles.chain(users.copied().map(OverrideTarget::User)).collect();
        seen_by.sort_unstable();
        seen_by.dedup();
        // Beside these stand everybody, and whoever makes it.
        if seen_by.len() + 2 > Room::MAX_OVERRIDES {
            let text = format!("a channel has at most {} exceptions", Room::MAX_OVERRIDES);
            return Err(Error::new(Code::TooMany, text));
        }
        Ok(Self {
            name,
            room,
            position: within("position", new.position, MAX_POSITION)?,
            is_private: new.is_private,
            seen_by,
            names_maker: new.users.contains(&maker),
            maker,
        })
    }

    /// Whether this is how a channel began. Whether its maker needs to be named depends on what the maker was then.
    fn is(&self, first: &Room) -> bool {
        let known = |room: &Room| {
            let Room {
                kind, name, topic, ..
            } = room.clone();
            (
                kind,
                name,
                topic,
                room.category,
                room.slow_mode_seconds,
                room.is_announcement,
            )
        };
        let own = OverrideTarget::User(self.maker);
        let others = |overrides: Vec<Override>| -> Vec<Override> {
            overrides
                .into_iter()
                .filter(|known| known.target != own)
                .collect()
        };
        let is_there = self.position.is_none_or(|position| position == first.position);
        is_there
            && known(&self.room) == known(first)
            && others(self.overrides(false)) == others(first.overrides.clone())
    }

    fn overrides(&self, names_maker: bool) -> Vec<Override> {
        let Some(guild) = self.room.kind.guild().filter(|_| self.is_private) else {
            return Vec::new();
        };
        let own = names_maker.then_some(OverrideTarget::User(self.maker));
        let sees = |target: OverrideTarget| Override {
            target,
            allow: Permissions::VIEW,
            deny: Permissions::NONE,
        };
        let mut overrides: Vec<Override> = self.seen_by.iter().copied().chain(own).map(sees).collect();
        overrides.push(Override {
            target: OverrideTarget::Role(everybody(guild)),
            allow: Permissions::NONE,
            deny: Permissions::VIEW,
        });
        overrides.sort_by_key(|known| known.target);
        overrides
    }

    /// The channel, if its maker may make it; judged by the guild as it is.
    fn judged(&self, copy: &GuildCopy) -> Result<Room> {
        require(copy, self.maker, Permissions::MANAGE_CHANNELS)?;
        let category = self.room.category;
        if category.is_some_and(|category| !copy.categories().contains_key(&category)) {
            return Err(Error::invalid("category", "the guild has no such category"));
        }
        if !self.is_private {
            return Ok(self.room.clone());
        }
        // Nobody gives or takes what they do not have.
        require(copy, self.maker, Permissions::VIEW)?;
        for target in &self.seen_by {
            let (exception, field) = match *target {
                OverrideTarget::Role(role) => (Exception::Role(role), "roles"),
                OverrideTarget::User(user) => (Exception::User(user), "users"),
            };
            may_except(copy, self.maker, exception).map_err(|error| error.about(field))?;
        }
        let held = copy.permissions(self.maker).unwrap_or(Permissions::NONE);
        let sees_all = held.contains(Permissions::ADMINISTRATOR);
        Ok(Room {
            overrides: self.overrides(self.names_maker || !sees_all),
            ..self.room.clone()
        })
    }
}

impl Chat {
    /// Makes a channel, at the end of what stands under its heading.
    pub async fn create_channel(
        &self,
        identity: &Identity,
        once: &Once,
        guild: GuildId,
        new: NewChannel,
    ) -> Result<ChannelView> {
        let access = self.guild_access(identity, guild).await?;
        access.require(Permissions::MANAGE_CHANNELS)?;
        let asked = Asked::of(guild, identity.user, new)?;
        let id = RoomId::from_u128(self.new_id(identity, once, "channel"));
        if !self.is_made(id, |first, _| asked.is(first)).await? {
            let last = self.last_position(guild, asked.room.category).await?;
            let (chat, user) = (self.clone(), identity.user);
            let look = |copy: &GuildCopy| (asked.judged(copy), copy.rev());
            let (room, rev) = self.look_at_guild(guild, look).await?;
            let mut room = room?;
            room.position = asked.position.unwrap_or_else(|| below(last));
            let name = asked.name.clone();
            self.to_the_end(async move { chat.make_channel(id, user, &name, room, rev).await })
                .await?;
            // Of two that come at once with one key, one has made it.
            self.is_made(id, |first, _| asked.is(first)).await?;
        }
        self.channel(identity, id).await
    }

    /// Makes the channel that a guild begins with.
    pub(super) async fn make_first_channel(
        &self,
        guild: GuildId,
        id: RoomId,
        user: UserId,
        name: &Name,
    ) -> Result<()> {
        let room = Room::new(RoomKind::Channel { guild }, name.shown.clone(), String::new());
        let rev = self.store().head(StreamId::Guild(guild)).await?.rev;
        self.make_channel(id, user, name, room, rev).await
    }

    /// Claims the name, then starts the room's stream. Doing it again with the same ids changes nothing.
    async fn make_channel(
        &self,
        id: RoomId,
        user: UserId,
        name: &Name,
        room: Room,
        access_rev: u64,
    ) -> Result<()> {
        let guild = room.kind.guild().ok_or_else(Error::internal)?;
        self.claim_channel_name(guild, id, name).await?;
        let command = Command {
            stream: StreamId::Room(id),
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(user),
            access_rev,
            nonce: None,
            rows: Vec::new(),
        };
        let fact = Fact::RoomCreated {
            room,
            members: Vec::new(),
        };
        let details = details::of_room(None, &fact);
        let draft = details::audited(fact, details);
        let decide = move |head: &Head, _: &Rows| {
            if head.exists() { Err(()) } else { Ok(draft.clone()) }
        };
        match self.store().append(command, decide).await {
            Ok(_) | Err(AppendError::Refused(())) => Ok(()),
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }

    /// The place of the last channel under a heading; refuses one more channel where the guild is full.
    async fn last_position(&self, guild: GuildId, category: Option<CategoryId>) -> Result<Option<u32>> {
        let (mut count, mut last, mut after) = (0, None, None);
        loop {
            let prefix = RowPrefix::ChannelsOf(guild);
            let page = self
                .store()
                .list_rows(&prefix, after.as_ref(), MAX_ROWS_PER_PAGE)
                .await?;
            count += page.rows.len();
            if count >= MAX_CHANNELS {
                let text = format!("a guild has at most {MAX_CHANNELS} channels");
                return Err(Error::new(Code::TooMany, text));
            }
            let ids = page.rows.iter().filter_map(|(key, _)| match key {
                RowKey::Channel { room, .. } => Some(RowKey::Room(*room)),
                _ => None,
            });
            let ids: Vec<RowKey> = ids.collect();
            let rows = self.store().rows(&ids).await?;
            let positions = rows.iter().filter_map(|row| match row {
                Some(Row::Room(room)) if room.category == category => Some(room.position),
                _ => None,
            });
            last = last.max(positions.max());
            match page.rows.into_iter().next_back() {
                Some((key, _)) if page.more => after = Some(key),
                _ => return Ok(last),
            }
        }
    }
}

/// The role that all members have is called like the guild.
fn everybody(guild: GuildId) -> RoleId {
    RoleId::from_u128(guild.as_u128())
}

fn below(last: Option<u32>) -> u32 {
    let most = u32::try_from(MAX_POSITION).unwrap_or(u32::MAX);
    last.map_or(0, |last| last.saturating_add(1).min(most))
}
