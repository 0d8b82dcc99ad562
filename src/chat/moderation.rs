//! Who is in a guild: leaving, sending away, banning, and giving the guild to somebody else. Nobody acts on somebody who is
//! not lower.

use std::collections::BTreeSet;

use madang_storage::model::{
    Fact, Guild, GuildId, Member, Permissions, RoleId, RowKey, RowPrefix, Timestamp, UserId,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::changes::{Why, check_reason};
use super::clearing::MAX_PURGE_HOURS;
use super::guilds::list_limit;
use super::jobs::{Job, Purge};
use super::places::GuildCopy;
use super::view::{Time, UserView};
use super::{Chat, Code, Error, Identity, Result, names};

/// Somebody who may not come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Ban")]
pub struct BanView {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub at: Time,
    /// By whom.
    pub by: UserId,
}

/// A page of bans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bans {
    /// In the order of their users' ids.
    pub bans: Vec<BanView>,
    /// Whom these tell of: who is banned shares nothing with the asker any more, who could not look the name up.
    pub users: Vec<UserView>,
    /// Whether there are more.
    pub more: bool,
}

impl Chat {
    /// Leaves a guild. Its owner gives it to somebody else first.
    pub async fn leave_guild(&self, identity: &Identity, guild: GuildId) -> Result<()> {
        let user = identity.user;
        self.look_at_guild(guild, |copy| member(copy, user).map(|_| ()))
            .await??;
        self.announce(guild).await?;
        self.change_guild(identity, guild, None, |copy| {
            member(copy, user)?;
            if copy.guild().is_some_and(|guild| guild.owner == user) {
                let text = "the owner gives the guild to somebody else before leaving it";
                return Err(Error::new(Code::Conflict, text));
            }
            Ok(Fact::MemberLeft {
                user,
                kicked_by: None,
            }
            .into())
        })
        .await?;
        self.inner.jobs.wake();
        Ok(())
    }

    /// Sends a member away, who may come back by an invite.
    pub async fn kick(
        &self,
        identity: &Identity,
        guild: GuildId,
        user: UserId,
        reason: Option<String>,
    ) -> Result<()> {
        self.guild_access(identity, guild)
            .await?
            .require(Permissions::KICK)?;
        self.announce(guild).await?;
        self.change_guild(identity, guild, reason, |copy| {
            require(copy, identity.user, Permissions::KICK)?;
            member(copy, user)?;
            stands_above(copy, identity.user, user)?;
            Ok(Fact::MemberLeft {
                user,
                kicked_by: Some(identity.user),
            }
            .into())
        })
        .await?;
        self.inner.jobs.wake();
        Ok(())
    }

    /// Sends somebody away for good, also somebody who is not there yet; with `purge_hours` also deletes what the person
    /// has written in the guild since then, for those who may delete the messages of others.
    pub async fn ban(
        &self,
        identity: &Identity,
        guild: GuildId,
        user: UserId,
        reason: Option<String>,
        purge_hours: Option<u64>,
    ) -> Result<()> {
        let access = self.guild_access(identity, guild).await?;
        access.require(Permissions::BAN)?;
        let mut why = Why::from(reason);
        check_reason(&why)?;
        if let Some(hours) = purge_hours {
            if !(1..=MAX_PURGE_HOURS).contains(&hours) {
                let text = format!("1 to {MAX_PURGE_HOURS} hours");
                return Err(Error::invalid("purge_hours", text));
            }
            access.require(Permissions::MANAGE_MESSAGES)?;
            why = why.with("purge_hours", hours.to_string());
        }
        if self.store().user(user).await?.is_none() {
            return Err(Error::not_found());
        }
        let by = identity.user;
        self.look_at_guild(guild, |copy| stands_above(copy, by, user))
            .await??;
        self.announce(guild).await?;
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            if let Some(hours) = purge_hours {
                chat.begin_purge(guild, user, by, hours).await?;
            }
            chat.change_guild(&identity, guild, why, |copy| {
                require(copy, by, Permissions::BAN)?;
                stands_above(copy, by, user)?;
                Ok(Fact::MemberBanned { user, by }.into())
            })
            .await?;
            chat.inner.jobs.wake();
            Ok(())
        })
        .await
    }

    async fn begin_purge(&self, guild: GuildId, user: UserId, by: UserId, hours: u64) -> Result<()> {
        let now = self.env().now().as_millis();
        self.begin_job(Job::Purge(Purge {
            guild,
            user,
            by,
            since: Timestamp::from_millis(now.saturating_sub(hours * 60 * 60 * 1000)),
            channel: None,
            thread: None,
            before: None,
            again: false,
        }))
        .await
    }

    /// Lets somebody come back. Whoever is not banned stays so.
    pub async fn lift_ban(&self, identity: &Identity, guild: GuildId, user: UserId) -> Result<()> {
        self.guild_access(identity, guild)
            .await?
            .require(Permissions::BAN)?;
        let ban = self
            .store()
            .rows(&[RowKey::Ban { guild, user }])
            .await?
            .pop()
            .flatten();
        if ban.is_none() {
            return Ok(());
        }
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::BAN)?;
            Ok(Fact::BanLifted { user }.into())
        })
        .await
        .map(|_| ())
    }

    /// A page of a guild's bans.
    pub async fn bans(
        &self,
        identity: &Identity,
        guild: GuildId,
        after: Option<UserId>,
        limit: Option<u64>,
    ) -> Result<Bans> {
        let limit = list_limit(limit)?;
        self.guild_access(identity, guild)
            .await?
            .require(Permissions::BAN)?;
        let after = after.map(|user| RowKey::Ban { guild, user });
        let prefix = RowPrefix::BansOf(guild);
        let page = self.store().list_rows(&prefix, after.as_ref(), limit).await?;
        let bans = page.rows.iter().filter_map(|(key, row)| match (key, row) {
            (RowKey::Ban { user, .. }, madang_storage::model::Row::Ban(ban)) => Some(BanView {
                user: *user,
                at: Time(ban.at),
                by: ban.by,
            }),
            _ => None,
        });
        let bans: Vec<BanView> = bans.collect();
        let told: BTreeSet<UserId> = bans.iter().flat_map(|ban| [ban.user, ban.by]).collect();
        Ok(Bans {
            users: self.views_of(told.into_iter().collect()).await?,
            bans,
            more: page.more,
        })
    }

    /// Gives a guild to another member. Only its owner does that; where the owner is deactivated an administrator of the
    /// instance does, so that no guild is left alone.
    pub async fn transfer_guild(&self, identity: &Identity, guild: GuildId, to: UserId) -> Result<()> {
        let owner = |copy: &GuildCopy| copy.guild().map(|guild| guild.owner);
        let owner = self.look_at_guild(guild, owner).await?;
        let owner = owner.ok_or_else(Error::not_found)?;
        let takes_over = owner != identity.user
            && self.is_deactivated(owner).await?
            && self.is_administrator(identity.user).await?;
        let is_fit = !self.is_deactivated(to).await?;
        let is_changed = self.change_guild(identity, guild, None, |copy| {
            if !takes_over {
                member(copy, identity.user)?;
            }
            let present = copy.guild().ok_or_else(Error::not_found)?;
            let may_give = if takes_over { owner } else { identity.user };
            if present.owner != may_give {
                return Err(Error::new(Code::Forbidden, "only its owner gives a guild away"));
            }
            if !is_fit {
                return Err(Error::invalid("user", "the new owner must be able to sign in"));
            }
            if copy.member(to).is_none() {
                return Err(Error::invalid(
                    "user",
                    "the new owner must be a member of the guild",
                ));
            }
            if to == present.owner {
                return Ok(None);
            }
            let guild = Guild {
                owner: to,
                ..present.clone()
            };
            Ok(Fact::GuildChanged { guild }.into())
        });
        if is_changed.await? && takes_over {
            let (actor, target) = (Some(identity.user), Some(guild.as_u128()));
            let details = [("from", owner.to_string()), ("to", to.to_string())];
            self.note(None, actor, "guild.taken_over", target, &details)
                .await?;
        }
        Ok(())
    }

    async fn is_deactivated(&self, user: UserId) -> Result<bool> {
        let account = self.account(user).await?;
        Ok(account.is_some_and(|account| account.record.deactivated))
    }

    /// Gives a member exactly these roles. One gives and takes only what stands below oneself.
    pub async fn set_roles(
        &self,
        identity: &Identity,
        guild: GuildId,
        user: UserId,
        mut roles: Vec<RoleId>,
    ) -> Result<()> {
        roles.sort_unstable();
        roles.dedup();
        if roles.len() > Member::MAX_ROLES {
            let text = format!("a member has at most {} roles", Member::MAX_ROLES);
            return Err(Error::new(Code::TooMany, text).about("roles"));
        }
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::MANAGE_ROLES)?;
            let present = member(copy, user)?;
            if user != identity.user {
                stands_above(copy, identity.user, user)?;
            }
            let given = roles.iter().filter(|role| !present.roles.contains(role));
            let taken = present.roles.iter().filter(|role| !roles.contains(role));
            for role in given.chain(taken) {
                may_give(copy, identity.user, *role)?;
            }
            if roles == present.roles {
                return Ok(None);
            }
            let member = Member {
                roles: roles.clone(),
                ..present.clone()
            };
            Ok(Fact::MemberChanged { user, member }.into())
        })
        .await
        .map(|_| ())
    }

    /// Calls a member something else in this guild: oneself, or somebody lower. An empty name takes it back.
    pub async fn set_nickname(
        &self,
        identity: &Identity,
        guild: GuildId,
        user: UserId,
        nickname: &str,
    ) -> Result<()> {
        let nickname = match nickname.trim() {
            "" => None,
            name => Some(names::title("nickname", name)?.shown),
        };
        self.change_guild(identity, guild, None, |copy| {
            let present = member(copy, user)?;
            if user == identity.user {
                require(copy, identity.user, Permissions::CHANGE_NICKNAME)?;
            } else {
                require(copy, identity.user, Permissions::MANAGE_NICKNAMES)?;
                stands_above(copy, identity.user, user)?;
            }
            if nickname == present.nickname {
                return Ok(None);
            }
            let member = Member {
                nickname: nickname.clone(),
                ..present.clone()
            };
            Ok(Fact::MemberChanged { user, member }.into())
        })
        .await
        .map(|_| ())
    }
}

/// A member; somebody who is none is not found.
fn member(copy: &GuildCopy, user: UserId) -> Result<&Member> {
    copy.member(user).ok_or_else(Error::not_found)
}

/// Refuses who lacks a right, and answers a stranger as if there were no guild.
pub(super) fn require(copy: &GuildCopy, user: UserId, needed: Permissions) -> Result<()> {
    let held = copy.permissions(user).ok_or_else(Error::not_found)?;
    super::access::require(held, needed)
}

/// Refuses to act on somebody who is not lower. Whoever is no member is lower than everybody.
fn stands_above(copy: &GuildCopy, actor: UserId, target: UserId) -> Result<()> {
    let (actor, target) = (copy.rank(actor), copy.rank(target));
    if target.is_none() || actor > target {
        return Ok(());
    }
    Err(Error::new(
        Code::Forbidden,
        "the person stands at least as high as you do",
    ))
}

/// Refuses to give or take a role that is everybody's, does not stand below the actor, or allows what the actor may not.
pub(super) fn may_give(copy: &GuildCopy, actor: UserId, id: RoleId) -> Result<()> {
    let unknown = || Error::invalid("roles", "the guild has no such role");
    let role = copy.role(id).ok_or_else(unknown)?;
    if id == copy.everybody() {
        return Err(Error::invalid("roles", "this role is everybody's"));
    }
    let held = copy.permissions(actor).ok_or_else(Error::not_found)?;
    let stands_below = copy.rank(actor) > Some(super::places::Rank::Role(role.position));
    if stands_below && held.contains(role.permissions) {
        return Ok(());
    }
    let text = format!(
        "the role {} stands at least as high as you do, or allows more",
        role.name
    );
    Err(Error::new(Code::Forbidden, text))
}
