//! Deleting a guild: one event, from which on it is as if the guild had never been, and a job that clears away the rest.

use madang_storage::model::{Fact, GuildId, Head, RoomId, Row, RowKey, RowPrefix, Rows, StreamId, UserId};
use tokio::task::JoinSet;

use super::erasing::Erasure;
use super::jobs::{Job, Step};
use super::places::GuildCopy;
use super::{Chat, Code, Error, Identity, Result};

/// How much is cleared away in one step: between two steps other jobs get a turn.
const PER_STEP: usize = 100;

impl Chat {
    /// Deletes a guild. Only its owner does that, and says its name so that nothing is deleted by mistake.
    pub async fn delete_guild(
        &self,
        identity: &Identity,
        guild: GuildId,
        name: &str,
        reason: Option<String>,
    ) -> Result<()> {
        let user = identity.user;
        self.look_at_guild(guild, |copy| may_delete(copy, user, name))
            .await??;
        let (chat, identity, name) = (self.clone(), *identity, name.to_owned());
        self.to_the_end(async move {
            let job = Job::DeleteGuild { guild };
            chat.begin_job(job).await?;
            chat.change_guild(&identity, guild, reason.clone(), |copy| {
                may_delete(copy, user, &name)?;
                let guild = copy.guild().ok_or_else(Error::not_found)?.clone();
                Ok(Fact::GuildDeleted { guild }.into())
            })
            .await?;
            chat.inner.jobs.wake();
            // Its own audit goes with the guild.
            let (target, details) = (Some(guild.as_u128()), [("name", name.clone())]);
            let reason = reason.unwrap_or_default();
            chat.note_because(None, Some(user), "guild.deleted", target, &details, reason)
                .await
        })
        .await
    }

    /// Clears away a part of what is left of a deleted guild.
    pub(super) async fn clear_some_of(&self, guild: GuildId) -> Result<Step> {
        match self.look_at_guild(guild, |copy| copy.guild().is_some()).await {
            Ok(true) => return Ok(Step::Wait),
            Ok(false) => {}
            Err(error) if error.code == Code::NotFound => return Ok(Step::Wait),
            Err(error) => return Err(error),
        }
        // Members before channels: whoever is connected is let go of by the deletion itself, and a channel without its
        // people costs nobody anything.
        let goes_on = self.remove_members(guild).await?
            || self.remove_channels(guild).await?
            || self.free_names(guild, PER_STEP).await?
            || self.clear_invites(guild, PER_STEP).await?;
        Ok(if goes_on {
            Step::More(Job::DeleteGuild { guild })
        } else {
            Step::Done
        })
    }

    /// Removes some members; answers whether there were any.
    async fn remove_members(&self, guild: GuildId) -> Result<bool> {
        let prefix = RowPrefix::MembersOf(guild);
        let page = self.store().list_rows(&prefix, None, PER_STEP).await?;
        let users = page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::Member { user, .. } => Some(*user),
            _ => None,
        });
        let users: Vec<UserId> = users.collect();
        // Together they share syncs of the disk.
        let removals = users.iter().map(|user| {
            let (chat, user) = (self.clone(), *user);
            async move { chat.remove_member(guild, user).await }
        });
        together(removals).await?;
        Ok(!users.is_empty())
    }

    async fn remove_member(&self, guild: GuildId, user: UserId) -> Result<()> {
        let key = RowKey::Member { guild, user };
        let looked_at = key.clone();
        let fact = Fact::MemberLeft {
            user,
            kicked_by: None,
        };
        let stream = StreamId::Guild(guild);
        self.append_unless(stream, None, vec![key], fact, move |_, rows| {
            !rows.contains(&looked_at)
        })
        .await
    }

    /// Removes some channels; answers whether there were any.
    async fn remove_channels(&self, guild: GuildId) -> Result<bool> {
        let prefix = RowPrefix::ChannelsOf(guild);
        let page = self.store().list_rows(&prefix, None, PER_STEP).await?;
        let rooms = page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::Channel { room, .. } => Some(*room),
            _ => None,
        });
        let rooms: Vec<RoomId> = rooms.collect();
        let removals = rooms.iter().map(|room| {
            let (chat, room) = (self.clone(), *room);
            async move { chat.remove_channel(room).await }
        });
        together(removals).await?;
        Ok(!rooms.is_empty())
    }

    async fn remove_channel(&self, id: RoomId) -> Result<()> {
        let Some(room) = self.store().room(id).await? else {
            return Ok(());
        };
        self.begin_job(Job::Erase(Erasure::of(id))).await?;
        let key = RowKey::Room(id);
        let looked_at = key.clone();
        let is_gone = move |_: &Head, rows: &Rows| !matches!(rows.get(&looked_at), Some(Row::Room(room)) if room.deleted_at.is_none());
        let fact = Fact::RoomDeleted { room };
        self.append_unless(StreamId::Room(id), None, vec![key], fact, is_gone)
            .await
    }
}

/// Does all at once, and answers when all is done or one has failed.
pub(super) async fn together(
    works: impl Iterator<Item = impl Future<Output = Result<()>> + Send + 'static>,
) -> Result<()> {
    let mut working: JoinSet<Result<()>> = works.collect();
    while let Some(done) = working.join_next().await {
        done.map_err(|error| {
            tracing::error!(%error, "a part of a job ended without an answer");
            Error::internal()
        })??;
    }
    Ok(())
}

fn may_delete(copy: &GuildCopy, user: UserId, name: &str) -> Result<()> {
    let guild = copy.guild().filter(|_| copy.member(user).is_some());
    let guild = guild.ok_or_else(Error::not_found)?;
    if guild.owner != user {
        return Err(Error::new(Code::Forbidden, "only its owner deletes a guild"));
    }
    if guild.name != name {
        return Err(Error::invalid("name", "this is not the name of the guild"));
    }
    Ok(())
}
