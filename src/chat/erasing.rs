//! Erasing what was written in a deleted channel and in its threads. From the channel's deletion on nobody reads it; this
//! takes it out of the store, by and by. `madang compact` takes it out of the files.

use madang_storage::model::{
    Fact, Head, MessageRecord, RoomId, RowKey, RowPrefix, Rows, StreamId, Timestamp, UserId,
};
use madang_storage::{Anchor, MAX_MESSAGES_PER_PAGE};
use serde::{Deserialize, Serialize};

use super::deleting::together;
use super::jobs::{HELD_MS, Job, Step};
use super::{Chat, Result};

/// What is to be erased, and how far that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Erasure {
    /// The deleted channel.
    pub(super) channel: RoomId,
    /// Its thread that is worked on; `None` for the channel itself.
    pub(super) thread: Option<RoomId>,
    /// Only messages before this one are left in that room; `None` before the first page, 0 for none.
    pub(super) before: Option<u64>,
    /// Whether all was walked through once. A post that was let in before the deletion may come after that.
    pub(super) again: bool,
}

impl Erasure {
    /// Of all that is in a channel.
    pub(super) const fn of(channel: RoomId) -> Self {
        Self {
            channel,
            thread: None,
            before: None,
            again: false,
        }
    }

    /// From here on.
    const fn more(self) -> Step {
        Step::More(Job::Erase(self))
    }
}

impl Chat {
    /// One page of one room. `begun` is when the deletion was asked for.
    pub(super) async fn erase_some(&self, erasure: &Erasure, begun: Timestamp) -> Result<Step> {
        if self
            .store()
            .room(erasure.channel)
            .await?
            .is_none_or(|room| room.deleted_at.is_none())
        {
            return Ok(Step::Wait);
        }
        let is_at_the_start = erasure.thread.is_none() && erasure.before.is_none();
        if erasure.again && is_at_the_start && self.env().now() < begun.plus_millis(HELD_MS) {
            return Ok(Step::Wait);
        }
        if erasure.before == Some(0) {
            return self.erase_next_room(erasure).await;
        }
        let room = erasure.thread.unwrap_or(erasure.channel);
        let anchor = erasure.before.map_or(Anchor::Latest, Anchor::Before);
        let page = self.store().history(room, anchor, MAX_MESSAGES_PER_PAGE).await?;
        let is_left = |record: &&MessageRecord| record.deleted.is_none();
        let erasures = page.messages.iter().filter(is_left).map(|record| {
            let (chat, record) = (self.clone(), (record.seq, record.author));
            async move { chat.erase_one(room, record).await }
        });
        // Together they share syncs of the disk.
        together(erasures).await?;
        // Before the first message of all there is nothing.
        let first = page.messages.first().map_or(0, |record| record.seq);
        let next = Erasure {
            before: Some(if first == 1 { 0 } else { first }),
            ..erasure.clone()
        };
        Ok(next.more())
    }

    /// The event says that its author deleted it: nobody else is to be held to account for it.
    async fn erase_one(&self, room: RoomId, (seq, by): (u64, UserId)) -> Result<()> {
        let key = RowKey::Message { room, seq };
        let is_gone = move |_: &Head, rows: &Rows| {
            rows.message(room, seq)
                .is_none_or(|record| record.deleted.is_some())
        };
        let fact = Fact::MessageDeleted { seq, by };
        self.append_unless(StreamId::Room(room), None, vec![key], fact, is_gone)
            .await
    }

    /// Goes on with the channel's next thread; after the last one all are looked at once more, a minute later.
    async fn erase_next_room(&self, erasure: &Erasure) -> Result<Step> {
        let Erasure { channel, again, .. } = *erasure;
        let after = erasure.thread.map(|room| RowKey::Thread {
            parent: channel,
            room,
        });
        let prefix = RowPrefix::ThreadsOf(channel);
        let page = self.store().list_rows(&prefix, after.as_ref(), 1).await?;
        if let Some((RowKey::Thread { room, .. }, _)) = page.rows.first() {
            let next = Erasure {
                thread: Some(*room),
                before: None,
                ..erasure.clone()
            };
            return Ok(next.more());
        }
        if again {
            return Ok(Step::Done);
        }
        let once_more = Erasure {
            again: true,
            ..Erasure::of(channel)
        };
        Ok(once_more.more())
    }
}
