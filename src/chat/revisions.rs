//! The texts that a message had before it was edited.

use madang_storage::model::{MessageRecord, Permissions, RoomId};
use schemars::JsonSchema;
use serde::Serialize;

use super::view::Time;
use super::{Chat, Code, Error, Identity, Result};

/// What a message said, one text after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Revisions {
    /// The oldest first; the last one is what it says now.
    pub revisions: Vec<Revision>,
}

/// One of a message's texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Revision {
    /// When it was written.
    pub at: Time,
    /// Markdown source.
    pub text: String,
}

impl Chat {
    /// What a message said before it was edited, for its author and for those who may delete it.
    pub async fn revisions(&self, identity: &Identity, room: RoomId, seq: u64) -> Result<Revisions> {
        let access = self.room_access(identity, room).await?;
        let record = self.store().message(access.id, seq).await?;
        let record = record.ok_or_else(Error::not_found)?;
        let may_moderate = access.permissions.contains(Permissions::MANAGE_MESSAGES);
        if record.author != identity.user && !may_moderate {
            let text = "only its author or a moderator sees what a message said before";
            return Err(Error::new(Code::Forbidden, text));
        }
        if record.deleted.is_some() {
            return Err(Error::new(Code::MessageDeleted, "the message was deleted"));
        }
        Ok(Revisions {
            revisions: revisions_of(record),
        })
    }
}

fn revisions_of(record: MessageRecord) -> Vec<Revision> {
    let present = Revision {
        at: Time(record.edited_at.unwrap_or(record.at)),
        text: record.text,
    };
    let earlier = record.earlier.into_iter().map(|earlier| Revision {
        at: Time(earlier.at),
        text: earlier.text,
    });
    earlier.chain([present]).collect()
}
