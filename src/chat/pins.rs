//! Pinned messages.

use madang_storage::model::{
    Fact, Head, MessageRecord, Permissions, RoomId, RowKey, RowPrefix, Rows, SystemMessage,
};

use super::announcements::of_the_server;
use super::messages::{posted, present};
use super::{Chat, Code, Error, Identity, Posted, Result, Seen};

/// How many messages of a room can be pinned.
const MAX_PINS: usize = 50;

impl Chat {
    /// Pins a message, or does so no more. Asking for what is already so changes nothing.
    pub async fn pin(&self, identity: &Identity, room: RoomId, seq: u64, on: bool) -> Result<Posted> {
        let access = self.room_access(identity, room).await?;
        access.require(Permissions::PIN)?;
        self.check_may_reach(identity, &access).await?;
        let is_full = on && self.pinned(room).await?.len() >= MAX_PINS;
        let mut command = self.message_command(identity, &access);
        command.rows = vec![RowKey::Message { room, seq }];
        let user = identity.user;
        let decide = move |_: &Head, rows: &Rows| {
            let record = present(rows, room, seq).map_err(Refusal::Error)?;
            if record.system.is_some() {
                let text = "what the server tells cannot be pinned";
                return Err(Refusal::Error(Error::new(Code::Forbidden, text)));
            }
            if record.pinned_at.is_some() == on {
                return Err(Refusal::IsSo(Box::new(record.clone())));
            }
            if is_full {
                let text = format!("a room has at most {MAX_PINS} pinned messages");
                return Err(Refusal::Error(Error::new(Code::TooMany, text)));
            }
            Ok(Fact::MessagePinned { seq, on, by: user }.into())
        };
        let outcome = self.store().append(command, decide).await;
        let pinned = match outcome {
            Err(madang_storage::AppendError::Refused(Refusal::IsSo(record))) => {
                return Ok(Posted {
                    record: (*record).into(),
                    replayed: false,
                });
            }
            Err(madang_storage::AppendError::Refused(Refusal::Error(error))) => return Err(error),
            Err(madang_storage::AppendError::Store(error)) => return Err(error.into()),
            Ok(appended) => posted(Ok(appended))?,
        };
        if on {
            // Should the server stop before this, the message is pinned all the same.
            self.tell_in(identity, &access, SystemMessage::Pinned { seq })
                .await?;
        }
        Ok(pinned)
    }

    /// The pinned messages of a room, ascending.
    pub async fn pins(&self, identity: &Identity, room: RoomId) -> Result<Vec<Seen>> {
        self.room_access(identity, room).await?;
        let mut messages = Vec::new();
        for seq in self.pinned(room).await? {
            messages.extend(self.store().message(room, seq).await?);
        }
        self.seen(identity, room, messages).await
    }

    /// Posts a message of the server itself, in the name of whoever did what it tells.
    pub(super) async fn tell_in(
        &self,
        identity: &Identity,
        access: &super::access::RoomAccess,
        system: SystemMessage,
    ) -> Result<()> {
        let command = self.message_command(identity, access);
        let fact = of_the_server(identity.user, system);
        self.append_command_unless(command, fact, |_, _| false).await
    }

    async fn pinned(&self, room: RoomId) -> Result<Vec<u64>> {
        let prefix = RowPrefix::PinsOf(room);
        // One more than there should be: two who pin at once may both find the last place free.
        let page = self.store().list_rows(&prefix, None, 2 * MAX_PINS).await?;
        let seqs = page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::Pin { seq, .. } => Some(*seq),
            _ => None,
        });
        Ok(seqs.collect())
    }
}

/// Why nothing was appended.
enum Refusal {
    /// It is so already.
    IsSo(Box<MessageRecord>),
    Error(Error),
}
