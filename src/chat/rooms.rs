//! What can be changed about a channel: its name, its place, its pace, and who may do what in it.

use madang_storage::model::{
    CategoryId, Fact, Override, OverrideTarget, Permissions, RoleId, Room, RoomId, RoomKind, UserId,
};

use super::access::RoomAccess;
use super::erasing::Erasure;
use super::jobs::Job;
use super::places::{GuildCopy, Rank, RoomCopy};
use super::roles::permissions;
use super::{Chat, Code, Error, Identity, Result, names};

/// The longest time between two posts: six hours.
pub(super) const MAX_SLOW_MODE_SECONDS: u64 = 6 * 60 * 60;
/// The highest place of a channel under its heading.
pub(super) const MAX_POSITION: u64 = 100_000;

/// What is to be changed about a channel; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct RoomChanges {
    /// Its name.
    pub name: Option<String>,
    /// The heading that it stands under; `Some(None)` for none.
    pub category: Option<Option<CategoryId>>,
    /// What it is about.
    pub topic: Option<String>,
    /// Its place under its heading: lower ones come first.
    pub position: Option<u64>,
    /// How long one has to wait between two posts, in seconds.
    pub slow_mode_seconds: Option<u64>,
    /// Whether only those may post who may announce.
    pub is_announcement: Option<bool>,
}

/// For whom an exception in a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    /// All who have a role; the guild's own id for everybody.
    Role(RoleId),
    /// One member.
    User(UserId),
}

impl Chat {
    /// Changes a channel.
    pub async fn change_channel(&self, identity: &Identity, id: RoomId, changes: RoomChanges) -> Result<()> {
        let access = self.managed_channel(identity, id).await?;
        let guild = access.room.kind.guild().ok_or_else(Error::not_found)?;
        let name = changes.name.as_deref();
        let name = name.map(|name| names::title("name", name)).transpose()?;
        let topic = changes.topic.as_deref().map(names::topic).transpose()?;
        let position = within("position", changes.position, MAX_POSITION)?;
        let slow = within(
            "slow_mode_seconds",
            changes.slow_mode_seconds,
            MAX_SLOW_MODE_SECONDS,
        )?;
        if let Some(Some(category)) = changes.category {
            self.check_category(guild, category).await?;
        }
        let new_name = name.as_ref().map(|name| name.shown.clone());
        let judge = move |copy: &RoomCopy| {
            let present = copy.room().ok_or_else(Error::not_found)?;
            let room = Room {
                name: new_name.clone().unwrap_or_else(|| present.name.clone()),
                category: changes.category.unwrap_or(present.category),
                topic: topic.clone().unwrap_or_else(|| present.topic.clone()),
                position: position.unwrap_or(present.position),
                slow_mode_seconds: slow.unwrap_or(present.slow_mode_seconds),
                is_announcement: changes.is_announcement.unwrap_or(present.is_announcement),
                ..present.clone()
            };
            if room == *present {
                return Ok(None);
            }
            Ok(Fact::RoomChanged { room }.into())
        };
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            match name {
                Some(name) => chat.rename_channel(&identity, id, guild, &name, judge).await,
                None => chat.change_room(&identity, id, None, judge).await.map(|_| ()),
            }
        })
        .await
    }

    /// Deletes a channel.
    pub async fn delete_channel(
        &self,
        identity: &Identity,
        id: RoomId,
        reason: Option<String>,
    ) -> Result<()> {
        self.managed_channel(identity, id).await?;
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            chat.begin_job(Job::Erase(Erasure::of(id))).await?;
            chat.change_room(&identity, id, reason, |copy| {
                let room = copy.room().ok_or_else(Error::not_found)?;
                Ok(Fact::RoomDeleted { room: room.clone() }.into())
            })
            .await?;
            chat.inner.jobs.wake();
            Ok(())
        })
        .await
    }

    /// Makes an exception in a channel: gives and takes rights that its maker has. Without any right the exception goes.
    pub async fn set_override(
        &self,
        identity: &Identity,
        id: RoomId,
        exception: Exception,
        allow: &[String],
        deny: &[String],
    ) -> Result<()> {
        let access = self.managed_channel(identity, id).await?;
        let (allow, deny) = (permissions("allow", allow)?, permissions("deny", deny)?);
        check_override(allow, deny)?;
        let target = match exception {
            Exception::Role(role) => OverrideTarget::Role(role),
            Exception::User(user) => OverrideTarget::User(user),
        };
        let orphans = self.orphans_of(&access).await?;
        // What is left of a role or a person that is gone holds nobody: it goes with whatever is changed, or by itself.
        let is_cleaned = orphans.contains(&target) && allow.is_empty() && deny.is_empty();
        if !is_cleaned {
            self.check_target(identity, &access, exception).await?;
        }
        let held = access.permissions;
        self.change_room(identity, id, None, |copy| {
            let present = copy.room().ok_or_else(Error::not_found)?;
            let mut overrides = present.overrides.clone();
            overrides.retain(|known| !orphans.contains(&known.target));
            let known = overrides.iter().find(|known| known.target == target);
            let before = known.map_or((Permissions::NONE, Permissions::NONE), |known| {
                (known.allow, known.deny)
            });
            // Taking an exception back gives and takes as well. What stays as it is may be another one's.
            if !held.contains(differing(before.0, allow) | differing(before.1, deny)) {
                let text = "you cannot give or take what you do not have";
                return Err(Error::new(Code::Forbidden, text));
            }
            overrides.retain(|known| known.target != target);
            if !(allow.is_empty() && deny.is_empty()) {
                overrides.push(Override { target, allow, deny });
            }
            overrides.sort_by_key(|known| known.target);
            if overrides.len() > Room::MAX_OVERRIDES {
                let text = format!("a channel has at most {} exceptions", Room::MAX_OVERRIDES);
                return Err(Error::new(Code::TooMany, text));
            }
            if overrides == present.overrides {
                return Ok(None);
            }
            let room = Room {
                overrides,
                ..present.clone()
            };
            Ok(Fact::RoomAccessChanged { room }.into())
        })
        .await
        .map(|_| ())
    }

    /// A channel, for somebody who may change it.
    pub(super) async fn managed_channel(&self, identity: &Identity, id: RoomId) -> Result<RoomAccess> {
        let access = self.room_access(identity, id).await?;
        if !matches!(access.room.kind, RoomKind::Channel { .. }) {
            return Err(Error::new(Code::Forbidden, "this is no channel of a guild"));
        }
        access.require(Permissions::MANAGE_CHANNELS)?;
        Ok(access)
    }

    /// An exception is for a role of the guild or for one of its members; for one that stands lower, or for everybody.
    async fn check_target(
        &self,
        identity: &Identity,
        access: &RoomAccess,
        exception: Exception,
    ) -> Result<()> {
        let Some(guild) = access.room.kind.guild() else {
            return Err(Error::not_found());
        };
        let look = |copy: &GuildCopy| may_except(copy, identity.user, exception);
        self.look_at_guild(guild, look).await?
    }
}

/// Rights that are in one of two sets only.
impl Chat {
    /// The exceptions of a channel whose role was deleted, or whose person is no member.
    async fn orphans_of(&self, access: &RoomAccess) -> Result<Vec<OverrideTarget>> {
        let Some(guild) = access.room.kind.guild() else {
            return Ok(Vec::new());
        };
        let look = |copy: &GuildCopy| {
            let is_orphan = |target: &OverrideTarget| match target {
                OverrideTarget::Role(role) => copy.role(*role).is_none(),
                OverrideTarget::User(user) => copy.member(*user).is_none(),
            };
            let targets = access.room.overrides.iter().map(|known| known.target);
            targets.filter(is_orphan).collect()
        };
        self.look_at_guild(guild, look).await
    }
}

/// Refuses an exception for what the guild does not have, and for who does not stand lower than its maker.
pub(super) fn may_except(copy: &GuildCopy, maker: UserId, exception: Exception) -> Result<()> {
    let target = match exception {
        Exception::Role(role) if role == copy.everybody() => None,
        Exception::Role(role) => {
            let role = copy.role(role).ok_or_else(Error::not_found)?;
            Some(Rank::Role(role.position))
        }
        Exception::User(user) => Some(copy.rank(user).ok_or_else(Error::not_found)?),
    };
    let own = copy.rank(maker);
    if own == Some(Rank::Owner) || target < own {
        return Ok(());
    }
    let text = "an exception is for those who stand lower than you do";
    Err(Error::new(Code::Forbidden, text))
}

fn differing(one: Permissions, other: Permissions) -> Permissions {
    one.without(other) | other.without(one)
}

fn check_override(allow: Permissions, deny: Permissions) -> Result<()> {
    if !(allow & deny).is_empty() {
        return Err(Error::invalid("deny", "nothing is both allowed and denied"));
    }
    let both = allow | deny;
    if !Permissions::of_rooms().contains(both) {
        let others: Vec<&str> = both.without(Permissions::of_rooms()).names().collect();
        let text = format!("these belong to the guild as a whole: {}", others.join(", "));
        return Err(Error::invalid("allow", text));
    }
    Ok(())
}

pub(super) fn within(field: &'static str, asked: Option<u64>, most: u64) -> Result<Option<u32>> {
    let Some(asked) = asked else { return Ok(None) };
    let fitting = u32::try_from(asked).ok().filter(|_| asked <= most);
    let wrong = || Error::invalid(field, format!("at most {most}"));
    fitting.map(Some).ok_or_else(wrong)
}
