//! Deleting many messages: those that a moderator names, and those of somebody who was banned.

use std::collections::BTreeSet;

use madang_storage::model::{
    Draft, EventId, Fact, GuildId, Head, MessageRecord, Permissions, RoomId, Row, RowKey, RowPrefix, Rows,
    Sealed, StreamId, Timestamp, UserId,
};
use madang_storage::{Anchor, AppendError, Command, MAX_MESSAGES_PER_PAGE};

use super::audit::details;
use super::changes::{Why, check_reason};
use super::jobs::{HELD_MS, Job, Purge, Step};
use super::messages::present;
use super::places::GuildCopy;
use super::{Chat, Code, Error, Identity, Result};

/// How many messages are deleted at once.
pub const MAX_DELETED: usize = 100;
/// How far back a ban reaches: a week.
pub(super) const MAX_PURGE_HOURS: u64 = 168;

/// Who deletes what, in which room.
#[derive(Debug, Clone)]
struct Deletion {
    room: RoomId,
    seq: u64,
    /// Whose message it must be, if that matters.
    author: Option<UserId>,
    by: UserId,
    access_rev: u64,
    sealed: Option<Sealed>,
}

impl Chat {
    /// Deletes messages of one room, for those who moderate it: one event each. Answers which were deleted; those that are
    /// not there, or were deleted before, are passed over.
    pub async fn delete_messages(
        &self,
        identity: &Identity,
        room: RoomId,
        seqs: &[u64],
        reason: Option<String>,
    ) -> Result<Vec<u64>> {
        let seqs: BTreeSet<u64> = seqs.iter().copied().collect();
        if seqs.len() > MAX_DELETED {
            let text = format!("at most {MAX_DELETED} messages are deleted at once");
            return Err(Error::too_large("seqs", text));
        }
        let why = Why::from(reason);
        check_reason(&why)?;
        let access = self.room_access(identity, room).await?;
        access.require(Permissions::MANAGE_MESSAGES)?;
        let (chat, by) = (self.clone(), identity.user);
        self.to_the_end(async move {
            let mut deleted = Vec::new();
            for seq in seqs {
                let deletion = Deletion {
                    room,
                    seq,
                    author: None,
                    by,
                    access_rev: access.access_rev,
                    sealed: details::of_deletion(&access.room, &why),
                };
                if chat.delete_one(deletion).await? {
                    deleted.push(seq);
                }
            }
            Ok(deleted)
        })
        .await
    }

    /// Deletes a message, unless it is gone; answers whether it was there.
    async fn delete_one(&self, deletion: Deletion) -> Result<bool> {
        let Deletion { room, seq, by, .. } = deletion;
        let command = Command {
            stream: StreamId::Room(room),
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(by),
            access_rev: deletion.access_rev,
            nonce: None,
            rows: vec![RowKey::Message { room, seq }],
        };
        let decide = move |_: &Head, rows: &Rows| {
            let record = present(rows, room, seq)?;
            if deletion.author.is_some_and(|author| author != record.author) {
                return Err(Error::not_found());
            }
            // Of one's own there is nothing to account for.
            let sealed = deletion.sealed.clone().filter(|_| record.author != by);
            let sealed = details::of_whose(sealed, record.author);
            Ok(Draft {
                fact: Fact::MessageDeleted { seq, by },
                sealed,
            })
        };
        match self.store().append(command, decide).await {
            Ok(_) => Ok(true),
            Err(AppendError::Refused(error))
                if matches!(error.code, Code::NotFound | Code::MessageDeleted) =>
            {
                Ok(false)
            }
            Err(AppendError::Refused(error)) => Err(error),
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }

    /// One page of one room of what a banned person has written. `begun` is when the ban was asked for.
    pub(super) async fn purge_some(&self, purge: &Purge, begun: Timestamp) -> Result<Step> {
        if !self.was_banned(purge.guild, purge.user, begun).await? {
            return Ok(Step::Wait);
        }
        let is_too_early = purge.again && self.env().now() < begun.plus_millis(HELD_MS);
        if is_too_early && purge.channel.is_none() {
            return Ok(Step::Wait);
        }
        let (Some(channel), true) = (purge.channel, purge.before != Some(0)) else {
            return self.purge_next_room(purge, begun).await;
        };
        if !self.may_purge(purge, channel).await? {
            // As if all of the channel's threads were worked on.
            let past = RoomId::from_u128(u128::MAX);
            return self
                .purge_next_room(
                    &Purge {
                        thread: Some(past),
                        ..purge.clone()
                    },
                    begun,
                )
                .await;
        }
        let room = purge.thread.unwrap_or(channel);
        let anchor = purge.before.map_or(Anchor::Latest, Anchor::Before);
        let page = self.store().history(room, anchor, MAX_MESSAGES_PER_PAGE).await?;
        let access_rev = self.look_at_guild(purge.guild, GuildCopy::rev).await?;
        let is_wanted = |record: &&MessageRecord| {
            record.author == purge.user && record.at >= purge.since && record.deleted.is_none()
        };
        for record in page.messages.iter().filter(is_wanted) {
            let deletion = Deletion {
                room,
                seq: record.seq,
                author: Some(purge.user),
                by: purge.by,
                access_rev,
                sealed: None,
            };
            self.delete_one(deletion).await?;
        }
        // Time never runs backwards within a room: before the first one that is too old all are.
        let oldest = page.messages.first().filter(|record| record.at >= purge.since);
        // Before the first message of all there is nothing.
        let before = oldest.map_or(0, |record| record.seq);
        Ok(Step::More(Job::Purge(Purge {
            before: Some(if before == 1 { 0 } else { before }),
            ..purge.clone()
        })))
    }

    /// Whether whoever purges may delete what others write in a channel: one may not where one cannot do it by hand.
    async fn may_purge(&self, purge: &Purge, channel: RoomId) -> Result<bool> {
        let Some(room) = self.store().room(channel).await? else {
            return Ok(false);
        };
        let may = |copy: &GuildCopy| {
            copy.permissions_in(purge.by, &room)
                .contains(Permissions::MANAGE_MESSAGES)
        };
        self.look_at_guild(purge.guild, may).await
    }

    /// Whether the ban has happened that the purge belongs to.
    async fn was_banned(&self, guild: GuildId, user: UserId, begun: Timestamp) -> Result<bool> {
        let row = self
            .store()
            .rows(&[RowKey::Ban { guild, user }])
            .await?
            .pop()
            .flatten();
        Ok(matches!(row, Some(Row::Ban(ban)) if ban.at >= begun))
    }

    /// Goes on with the next thread of the channel, or with the next channel. After the last one all are looked at once
    /// more, a minute later: a post that was being carried out during the ban has come by then, or never will.
    async fn purge_next_room(&self, purge: &Purge, begun: Timestamp) -> Result<Step> {
        let at = |channel, thread| {
            Ok(Step::More(Job::Purge(Purge {
                channel: Some(channel),
                thread,
                before: None,
                ..purge.clone()
            })))
        };
        if let Some(channel) = purge.channel {
            let after = purge.thread.map(|room| RowKey::Thread {
                parent: channel,
                room,
            });
            let prefix = RowPrefix::ThreadsOf(channel);
            let page = self.store().list_rows(&prefix, after.as_ref(), 1).await?;
            if let Some((RowKey::Thread { room, .. }, _)) = page.rows.first() {
                return at(channel, Some(*room));
            }
        }
        let guild = purge.guild;
        let after = purge.channel.map(|room| RowKey::Channel { guild, room });
        let prefix = RowPrefix::ChannelsOf(guild);
        let page = self.store().list_rows(&prefix, after.as_ref(), 1).await?;
        match page.rows.first() {
            Some((RowKey::Channel { room, .. }, _)) => at(*room, None),
            _ if purge.again => Ok(Step::Done),
            _ => Ok(Step::More(Job::Purge(Purge {
                since: begun,
                channel: None,
                thread: None,
                before: None,
                again: true,
                ..purge.clone()
            }))),
        }
    }
}
