//! Who may hear what, for the hub.

use async_trait::async_trait;
use madang_storage::model::{StreamId, UserId};

use super::places::GuildCopy;
use super::{Chat, Code};
use crate::hub::Audience;

/// What the audience of a stream without a guild is judged by: it never changes.
const UNCHANGING: u64 = u64::MAX;

#[async_trait]
impl Audience for Chat {
    fn applied_rev(&self, stream: StreamId) -> Option<u64> {
        match stream {
            StreamId::User(_) | StreamId::Instance => Some(UNCHANGING),
            StreamId::Guild(_) | StreamId::Room(_) => self.known_place(stream)?.look(GuildCopy::rev),
        }
    }

    async fn reach(&self, stream: StreamId, rev: u64) -> madang_storage::Result<u64> {
        let guild = match stream {
            StreamId::User(_) | StreamId::Instance => return Ok(UNCHANGING),
            StreamId::Guild(guild) => Some(guild),
            StreamId::Room(room) => self.guild_of(room).await.map_err(storage_error)?,
        };
        let unknown = || madang_storage::Error::Unavailable(format!("nobody knows who may hear {stream}"));
        let guild = guild.ok_or_else(unknown)?;
        self.places().hear_of(StreamId::Guild(guild), rev);
        self.look_at(guild, GuildCopy::rev).await.map_err(storage_error)
    }

    fn may_hear(&self, user: UserId, stream: StreamId) -> bool {
        match stream {
            StreamId::Instance => true,
            StreamId::User(owner) => owner == user,
            StreamId::Guild(_) | StreamId::Room(_) => {
                let place = self.known_place(stream);
                place.is_some_and(|place| place.look(|guild| guild.has_member(user)).unwrap_or(false))
            }
        }
    }
}

/// What the hub is told when the logic cannot say: it tries again, and closes connections in the end.
fn storage_error(error: super::Error) -> madang_storage::Error {
    let text = if error.code == Code::NotFound {
        "it does not exist".to_owned()
    } else {
        error.to_string()
    };
    madang_storage::Error::Unavailable(text)
}
