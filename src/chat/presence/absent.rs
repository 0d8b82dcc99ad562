//! Who does not see a message arrive.

use std::sync::Arc;

use madang_storage::model::{MessageRecord, RoomId, RoomKind, StreamId, UserId};

use crate::chat::access::RoomAccess;
use crate::chat::{Chat, Result};
use crate::hub::{Audience as _, Standing};
use crate::presence::MAX_ASKED;

/// A message, and who does not see it arrive.
#[derive(Debug, Clone)]
pub struct Missed {
    /// Where.
    pub room: RoomId,
    /// The message.
    pub record: Arc<MessageRecord>,
    /// Those whom it concerns, and who may see it, but do not look at the room: in DMs and groups everybody, elsewhere those who
    /// are mentioned by name or asked for every message.
    pub people: Vec<UserId>,
}

/// Who wants to know of those who miss a message. Must not block.
pub trait Absent: Send + Sync + 'static {
    /// Somebody does not see a message arrive. Told at most once for a message, and not at all when the server dies
    /// before.
    fn absent(&self, missed: &Missed);
}

impl Chat {
    /// Looks for those who do not see a new message arrive. Nobody waits for it, and where it concerns nobody in
    /// particular it costs nothing.
    pub(in crate::chat) fn look_for_absent(&self, access: &RoomAccess, record: &Arc<MessageRecord>) {
        let conversation = match access.room.kind {
            RoomKind::Dm { .. } | RoomKind::Group { .. } => Some(access.id),
            RoomKind::Thread {
                parent, guild: None, ..
            } => Some(parent),
            RoomKind::Channel { .. } | RoomKind::Thread { .. } => None,
        };
        let guild = access.room.kind.guild();
        let is_asked_for = guild.is_some_and(|guild| self.has_askers(access.id, guild));
        if conversation.is_none() && record.mentions.users.is_empty() && !is_asked_for {
            return;
        }
        let (chat, access, record) = (self.clone(), access.clone(), Arc::clone(record));
        tokio::spawn(async move {
            if let Err(error) = chat.tell_absent(&access, record, conversation).await {
                tracing::warn!(room = %access.id, %error, "nobody was told who missed a message");
            }
        });
    }

    async fn tell_absent(
        &self,
        access: &RoomAccess,
        record: Arc<MessageRecord>,
        conversation: Option<RoomId>,
    ) -> Result<()> {
        let mut concerned: Vec<UserId> = match conversation {
            Some(room) => {
                self.look_at_room(room, |copy| copy.members().iter().copied().collect())
                    .await?
            }
            None => self.called(access, &record.mentions.users).await?,
        };
        concerned.retain(|user| *user != record.author);
        let mut people = Vec::new();
        for concerned in concerned.chunks(MAX_ASKED) {
            // Who is told twice is better off than who is not told: while nobody knows, everybody is absent.
            let looking = self.presences().backend.looking(access.id, concerned).await;
            let looking = looking.unwrap_or_else(|_| vec![false; concerned.len()]);
            let absent = concerned.iter().zip(looking).filter(|(_, looks)| !looks);
            people.extend(absent.map(|(user, _)| *user));
        }
        if !people.is_empty() {
            let room = access.id;
            self.presences().absent.absent(&Missed { room, record, people });
        }
        Ok(())
    }

    /// Those who are mentioned in a room of a guild, and those who asked for every message, as far as they see the room.
    async fn called(&self, access: &RoomAccess, mentioned: &[UserId]) -> Result<Vec<UserId>> {
        let mut called = mentioned.to_vec();
        if let Some(guild) = access.room.kind.guild() {
            called.extend(self.askers(access.id, guild).await?);
        }
        called.sort_unstable();
        called.dedup();
        self.seeing(access, &called).await
    }

    /// Those of some users who may see a room.
    async fn seeing(&self, access: &RoomAccess, users: &[UserId]) -> Result<Vec<UserId>> {
        let stream = StreamId::Room(access.id);
        let needed = Standing {
            guild: access.access_rev,
            room: 0,
        };
        self.reach(stream, needed).await?;
        let sees = |user: &&UserId| self.may_hear(**user, stream) == Some(true);
        Ok(users.iter().filter(sees).copied().collect())
    }
}
