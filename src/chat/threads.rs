//! Threads: rooms that hang on a message. Who sees the room of the message sees them, always.

use madang_storage::model::{Fact, Head, Room, RoomId, RoomKind, RowKey, RowPrefix, Rows, StreamId, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::access::RoomAccess;
use super::conversations::room_of;
use super::messages::Post;
use super::view::{ThreadView, Time};
use super::{Chat, Code, Error, Identity, Posted, Result, list_limit};

/// A page of threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Threads {
    /// In the order of their ids.
    pub threads: Vec<ThreadView>,
    /// Whether there are more.
    pub more: bool,
}

impl Chat {
    /// Posts a message in the thread on a message, which begins with its first one. Answers the thread, too.
    pub async fn post_in_thread(
        &self,
        identity: &Identity,
        parent: RoomId,
        seq: u64,
        post: Post,
    ) -> Result<(RoomId, Posted)> {
        let access = self.room_access(identity, parent).await?;
        access.require_to_post_in_threads()?;
        let thread = thread_on(parent, seq);
        let head = self.store().head(StreamId::Room(thread)).await?;
        let asked = if head.exists() {
            None
        } else {
            Some(self.check_can_begin(&access, seq).await?)
        };
        let (chat, identity, access) = (self.clone(), *identity, access.clone());
        self.to_the_end(async move {
            chat.begin_thread(&identity, &access, seq).await?;
            if let Some(author) = asked.filter(|author| *author != identity.user) {
                chat.follow_from_the_start(author, thread).await?;
            }
            // A post in a thread sees to it that the parent says so.
            let posted = chat.post(&identity, thread, post).await?;
            Ok((thread, posted))
        })
        .await
    }

    /// A page of the threads on a room's messages.
    pub async fn threads(
        &self,
        identity: &Identity,
        parent: RoomId,
        after: Option<RoomId>,
        limit: Option<u64>,
    ) -> Result<Threads> {
        let limit = list_limit(limit)?;
        self.room_access(identity, parent).await?;
        let after = after.map(|room| RowKey::Thread { parent, room });
        let prefix = RowPrefix::ThreadsOf(parent);
        let page = self.store().list_rows(&prefix, after.as_ref(), limit).await?;
        let rooms: Vec<RoomId> = page
            .rows
            .iter()
            .filter_map(|(key, _)| match key {
                RowKey::Thread { room, .. } => Some(*room),
                _ => None,
            })
            .collect();
        let streams: Vec<StreamId> = rooms.iter().copied().map(StreamId::Room).collect();
        let heads = self.store().heads(&streams).await?;
        let mut threads = Vec::with_capacity(rooms.len());
        for (room, head) in rooms.into_iter().zip(heads) {
            let kind = self
                .look_at_room(room, |copy| copy.room().map(|room| room.kind))
                .await?;
            if let Some(RoomKind::Thread { seq, .. }) = kind {
                let following = self.following(identity.user, room, &head).await?;
                threads.push(view(parent, room, seq, &head, following));
            }
        }
        Ok(Threads {
            threads,
            more: page.more,
        })
    }

    /// One thread, for somebody who may see the room that it hangs in.
    pub async fn thread(&self, identity: &Identity, thread: RoomId) -> Result<ThreadView> {
        let access = self.room_access(identity, thread).await?;
        let RoomKind::Thread { parent, seq, .. } = access.room.kind else {
            return Err(Error::not_found());
        };
        let head = self.store().head(StreamId::Room(thread)).await?;
        let following = self.following(identity.user, thread, &head).await?;
        Ok(view(parent, thread, seq, &head, following))
    }

    /// What is told of threads beside their messages, for those of these messages that have one.
    pub(super) async fn threads_on(&self, room: RoomId, seqs: &[u64]) -> Result<Vec<ThreadView>> {
        let threads: Vec<RoomId> = seqs.iter().map(|seq| thread_on(room, *seq)).collect();
        let streams: Vec<StreamId> = threads.iter().copied().map(StreamId::Room).collect();
        let heads = self.store().heads(&streams).await?;
        let views = threads.into_iter().zip(seqs).zip(heads);
        Ok(views
            .map(|((thread, seq), head)| view(room, thread, *seq, &head, None))
            .collect())
    }

    /// Sees to it that the message says that a thread hangs on it. Called after the first posts of a thread: should the
    /// server stop between a post and this, the next one does it.
    pub(super) async fn tell_of_thread(&self, access: &RoomAccess) -> Result<()> {
        let RoomKind::Thread { parent, seq, .. } = access.room.kind else {
            return Ok(());
        };
        let key = RowKey::Message { room: parent, seq };
        let is_so = move |_: &Head, rows: &Rows| {
            // A message that was deleted meanwhile keeps its thread, and says nothing.
            rows.message(parent, seq)
                .is_none_or(|record| record.has_thread || record.deleted.is_some())
        };
        let mut command = self.server_command(StreamId::Room(parent));
        command.access_rev = access.access_rev;
        command.rows = vec![key];
        self.append_command_unless(command, Fact::ThreadStarted { seq }, is_so)
            .await
    }

    /// Refuses a message that can have no thread; answers its author.
    async fn check_can_begin(&self, access: &RoomAccess, seq: u64) -> Result<UserId> {
        if let RoomKind::Thread { .. } = access.room.kind {
            return Err(Error::new(Code::Forbidden, "a thread has no threads"));
        }
        let message = self.store().message(access.id, seq).await?;
        let message = message.ok_or_else(Error::not_found)?;
        if message.deleted.is_some() {
            return Err(Error::new(Code::MessageDeleted, "the message was deleted"));
        }
        if message.system.is_some() {
            return Err(Error::new(
                Code::Forbidden,
                "what the server tells has no threads",
            ));
        }
        Ok(message.author)
    }

    /// Starts the thread's stream, unless it has begun.
    async fn begin_thread(&self, identity: &Identity, access: &RoomAccess, seq: u64) -> Result<()> {
        let kind = RoomKind::Thread {
            parent: access.id,
            seq,
            guild: access.room.kind.guild(),
        };
        let fact = Fact::RoomCreated {
            room: Room::new(kind, String::new(), String::new()),
            members: Vec::new(),
        };
        let mut command = self.server_command(StreamId::Room(thread_on(access.id, seq)));
        command.actor = Some(identity.user);
        command.access_rev = access.access_rev;
        self.append_command_unless(command, fact, |head, _| head.exists())
            .await
    }
}

/// The thread on a message: there is one at most, so its id is made of theirs.
pub(super) fn thread_on(room: RoomId, seq: u64) -> RoomId {
    let mut hasher = Sha256::new();
    hasher.update(b"madang.thread");
    hasher.update(room.to_bytes());
    hasher.update(seq.to_be_bytes());
    room_of(hasher)
}

fn view(parent: RoomId, id: RoomId, seq: u64, head: &Head, unread: Option<u64>) -> ThreadView {
    ThreadView {
        id,
        parent,
        parent_seq: seq,
        at: Time(head.at),
        rev: head.rev,
        seq: head.seq,
        n: head.n,
        unread,
    }
}
