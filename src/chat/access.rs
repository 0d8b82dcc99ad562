//! Who may see and do what: one function per kind of object, called by every transport.
//!
//! Something that one may not see is answered exactly as something that does not exist.

use madang_storage::model::{GuildId, RoomId, UserId};

use super::places::GuildCopy;
use super::{Chat, Error, Identity, Result};

/// A room that somebody may see, and what the person may do in it.
#[derive(Debug, Clone)]
pub(crate) struct RoomAccess {
    /// Which room.
    pub(crate) id: RoomId,
    /// The guild's `rev` at which this was judged; events carry it.
    pub(crate) access_rev: u64,
    /// Whether the person may delete what others wrote.
    pub(crate) may_moderate: bool,
}

/// A guild that somebody is a member of.
#[derive(Debug, Clone)]
pub(crate) struct GuildAccess {
    /// Which guild.
    pub(crate) id: GuildId,
    /// Who owns it.
    pub(crate) owner: UserId,
    /// The guild's `rev` at which this was judged.
    pub(crate) access_rev: u64,
}

impl GuildAccess {
    /// Whether the person may change the guild: make channels, invite, moderate.
    pub(crate) fn may_manage(&self, identity: &Identity) -> bool {
        self.owner == identity.user
    }
}

impl Chat {
    /// A room, for somebody who may see it.
    pub(crate) async fn room_access(&self, identity: &Identity, id: RoomId) -> Result<RoomAccess> {
        let guild = self.guild_of(id).await?.ok_or_else(Error::not_found)?;
        let guild = self.guild_access(identity, guild).await?;
        let may_moderate = guild.may_manage(identity);
        Ok(RoomAccess {
            id,
            access_rev: guild.access_rev,
            may_moderate,
        })
    }

    /// Whether somebody may see a room; if not, as for a room that does not exist.
    pub async fn may_see_room(&self, identity: &Identity, id: RoomId) -> Result<()> {
        self.room_access(identity, id).await.map(|_| ())
    }

    /// A guild, for a member of it.
    pub(crate) async fn guild_access(&self, identity: &Identity, id: GuildId) -> Result<GuildAccess> {
        let judge = |guild: &GuildCopy| {
            guild.has_member(identity.user).then(|| GuildAccess {
                id,
                owner: guild.owner(),
                access_rev: guild.rev(),
            })
        };
        self.look_at(id, judge).await?.ok_or_else(Error::not_found)
    }
}
