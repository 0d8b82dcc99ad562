//! Who may see and do what: one function per kind of object, called by every transport.
//!
//! Something that one may not see is answered exactly as something that does not exist.

use madang_storage::model::{GuildId, Permissions, Room, RoomId, RoomKind, UserId};

use super::places::GuildCopy;
use super::{Chat, Code, Error, Identity, Result};

/// What people may do in conversations of their own.
const IN_CONVERSATIONS: Permissions = Permissions::of_members().with(Permissions::PIN);

/// A room that somebody may see, and what the person may do in it.
#[derive(Debug, Clone)]
pub(crate) struct RoomAccess {
    /// Which room.
    pub(crate) id: RoomId,
    /// The room itself.
    pub(crate) room: Room,
    /// The guild's `rev` at which this was judged; events carry it. 0 where no guild decides.
    pub(crate) access_rev: u64,
    /// What the person may do here.
    pub(crate) permissions: Permissions,
    /// The room whose rules for posting hold here: a thread has none of its own.
    pub(crate) rules: Rules,
}

/// What holds back those who post in a room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Whose rules these are.
    pub(crate) room: RoomId,
    /// How long one waits between two posts, in this room and its threads together.
    pub(crate) slow_mode_seconds: u32,
    /// Whether only those post who may announce.
    pub(crate) is_announcement: bool,
}

impl Rules {
    fn of(id: RoomId, room: &Room) -> Self {
        Self {
            room: id,
            slow_mode_seconds: room.slow_mode_seconds,
            is_announcement: room.is_announcement,
        }
    }
}

/// A guild that somebody is a member of.
#[derive(Debug, Clone)]
pub(crate) struct GuildAccess {
    /// Which guild.
    pub(crate) id: GuildId,
    /// What the person may do in the guild as a whole.
    pub(crate) permissions: Permissions,
}

impl RoomAccess {
    /// Refuses who lacks a right.
    pub(crate) fn require(&self, permission: Permissions) -> Result<()> {
        require(self.permissions, permission)
    }

    /// Refuses who may not write here, with the right that is lacking.
    pub(crate) fn require_to_post(&self) -> Result<()> {
        if self.rules.is_announcement {
            self.require(Permissions::ANNOUNCE)?;
        }
        match self.room.kind {
            RoomKind::Thread { .. } => self.require(Permissions::THREADS),
            RoomKind::Channel { .. } | RoomKind::Group { .. } | RoomKind::Dm { .. } => {
                self.require(Permissions::POST)
            }
        }
    }

    /// Refuses who may not write in a thread here.
    pub(crate) fn require_to_post_in_threads(&self) -> Result<()> {
        if self.rules.is_announcement {
            self.require(Permissions::ANNOUNCE)?;
        }
        self.require(Permissions::THREADS)
    }
}

impl GuildAccess {
    /// Refuses who lacks a right.
    pub(crate) fn require(&self, permission: Permissions) -> Result<()> {
        require(self.permissions, permission)
    }
}

/// Refuses who lacks a right.
pub(super) fn require(held: Permissions, needed: Permissions) -> Result<()> {
    if held.contains(needed) {
        return Ok(());
    }
    let missing: Vec<&str> = needed.without(held).names().collect();
    let text = format!("this needs the permission {}", missing.join(", "));
    Err(Error::new(Code::Forbidden, text))
}

impl Chat {
    /// A room, for somebody who may see it.
    pub(crate) async fn room_access(&self, identity: &Identity, id: RoomId) -> Result<RoomAccess> {
        match self.judge_room(identity, id).await {
            Err(error) if error.code == Code::NotFound => {}
            judged => return judged,
        }
        // Another node may have let the person in a moment ago: nobody is refused by what this node has not heard yet.
        self.renew_room(id).await?;
        self.judge_room(identity, id).await
    }

    async fn judge_room(&self, identity: &Identity, id: RoomId) -> Result<RoomAccess> {
        let user = identity.user;
        let (room, is_member) = self
            .look_at_room(id, |copy| (copy.room().cloned(), copy.members().contains(&user)))
            .await?;
        let room = room.ok_or_else(Error::not_found)?;
        let mut rules = Rules::of(id, &room);
        let (permissions, access_rev) = match room.kind {
            RoomKind::Dm { .. } | RoomKind::Group { .. } if is_member => (IN_CONVERSATIONS, 0),
            RoomKind::Dm { .. } | RoomKind::Group { .. } => return Err(Error::not_found()),
            RoomKind::Channel { guild } => self.permissions_in(user, guild, &room).await?,
            RoomKind::Thread { parent, guild, .. } => match guild {
                Some(guild) => {
                    let channel = self.look_at_room(parent, |copy| copy.room().cloned()).await?;
                    let channel = channel.ok_or_else(Error::not_found)?;
                    rules = Rules::of(parent, &channel);
                    self.permissions_in(user, guild, &channel).await?
                }
                None => {
                    let is_member = self
                        .look_at_room(parent, |copy| copy.members().contains(&user))
                        .await?;
                    let held = Some((IN_CONVERSATIONS, 0)).filter(|_| is_member);
                    held.ok_or_else(Error::not_found)?
                }
            },
        };
        if !permissions.contains(Permissions::VIEW) {
            return Err(Error::not_found());
        }
        Ok(RoomAccess {
            id,
            room,
            access_rev,
            permissions,
            rules,
        })
    }

    /// What somebody may do in a channel, and by which `rev` of the guild that is so.
    async fn permissions_in(
        &self,
        user: UserId,
        guild: GuildId,
        channel: &Room,
    ) -> Result<(Permissions, u64)> {
        let look = |copy: &GuildCopy| (copy.permissions_in(user, channel), copy.rev());
        self.look_at_guild(guild, look).await
    }

    /// A room, and what the asker may do in it, for somebody who may see it.
    pub async fn room(&self, identity: &Identity, id: RoomId) -> Result<(Room, Permissions)> {
        let access = self.room_access(identity, id).await?;
        Ok((access.room, access.permissions))
    }

    /// Whether somebody may see a room; if not, as for a room that does not exist.
    pub async fn may_see_room(&self, identity: &Identity, id: RoomId) -> Result<()> {
        self.room_access(identity, id).await.map(|_| ())
    }

    /// A guild, for a member of it.
    pub(crate) async fn guild_access(&self, identity: &Identity, id: GuildId) -> Result<GuildAccess> {
        let user = identity.user;
        let judge = |copy: &GuildCopy| {
            Some(GuildAccess {
                id,
                permissions: copy.permissions(user)?,
            })
        };
        if let Some(access) = self.look_at_guild(id, judge).await? {
            return Ok(access);
        }
        self.renew_guild(id).await?;
        self.look_at_guild(id, judge).await?.ok_or_else(Error::not_found)
    }
}
