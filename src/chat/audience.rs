//! Who may hear what, for the hub.

use async_trait::async_trait;
use madang_storage::model::{GuildId, Member, Permissions, RoleId, Room, RoomId, RoomKind, StreamId, UserId};

use super::places::{GuildCopy, RoomCopy};
use super::{Chat, Code};
use crate::hub::{Audience, MAX_FOLLOWERS_TOLD, Standing};

/// What decides who may hear a stream.
enum Judge {
    /// Nothing that ever changes.
    Nobody,
    /// The members of a guild.
    Guild(GuildId),
    /// A guild, and the exceptions of one of its channels.
    Channel(GuildId, RoomId),
    /// Who is in a DM or group.
    Members(RoomId),
}

#[async_trait]
impl Audience for Chat {
    fn standing(&self, stream: StreamId) -> Option<Standing> {
        let places = self.places();
        let guild_rev = |guild| places.known_guild(guild, |copy| copy.rev());
        let room_rev = |room| places.known_room(room, |copy| copy.meta_rev());
        Some(match self.judge_of(stream)? {
            Judge::Nobody => Standing::UNCHANGING,
            Judge::Guild(guild) => Standing {
                guild: guild_rev(guild)?,
                room: u64::MAX,
            },
            Judge::Channel(guild, room) => Standing {
                guild: guild_rev(guild)?,
                room: room_rev(room)?,
            },
            Judge::Members(room) => Standing {
                guild: u64::MAX,
                room: room_rev(room)?,
            },
        })
    }

    async fn reach(&self, stream: StreamId, needed: Standing) -> madang_storage::Result<Standing> {
        if let StreamId::Room(room) = stream {
            self.look_at_room(room, |_| ()).await.map_err(storage_error)?;
        }
        let unknown = || madang_storage::Error::Unavailable(format!("nobody knows who may hear {stream}"));
        match self.judge_of(stream).ok_or_else(unknown)? {
            Judge::Nobody => {}
            Judge::Guild(guild) => self.reach_guild(guild, needed.guild).await?,
            Judge::Channel(guild, room) => {
                self.reach_guild(guild, needed.guild).await?;
                self.look_at_room(room, |_| ()).await.map_err(storage_error)?;
            }
            Judge::Members(room) => self.look_at_room(room, |_| ()).await.map_err(storage_error)?,
        }
        self.standing(stream).ok_or_else(unknown)
    }

    fn may_hear(&self, user: UserId, stream: StreamId) -> Option<bool> {
        let places = self.places();
        match (self.judge_of(stream)?, stream) {
            (Judge::Nobody, StreamId::User(owner)) => Some(owner == user),
            (Judge::Nobody, _) => Some(true),
            (Judge::Guild(guild), _) => places.known_guild(guild, |copy| copy.member(user).is_some()),
            (Judge::Channel(guild, room), _) => {
                let sees = |room: &Room| {
                    places.known_guild(guild, |copy| {
                        copy.permissions_in(user, room).contains(Permissions::VIEW)
                    })
                };
                // A deleted room is nobody's; a guild that is not known says nothing.
                let in_room = |copy: &RoomCopy| copy.room().map_or(Some(false), sees);
                places.known_room(room, in_room).flatten()
            }
            (Judge::Members(room), _) => places.known_room(room, |copy| {
                copy.room().is_some() && copy.members().contains(&user)
            }),
        }
    }

    fn is_restricted(&self, stream: StreamId) -> bool {
        let places = self.places();
        let open = match self.judge_of(stream) {
            Some(Judge::Nobody | Judge::Guild(_)) => Some(true),
            Some(Judge::Channel(guild, room)) => {
                let is_open = |room: &Room| places.known_guild(guild, |copy| copy.everybody_sees(room));
                places
                    .known_room(room, |copy| copy.room().and_then(is_open))
                    .flatten()
            }
            Some(Judge::Members(_)) | None => None,
        };
        !open.unwrap_or(false)
    }

    fn has_role(&self, user: UserId, guild: GuildId, role: RoleId) -> Option<bool> {
        self.places().known_guild(guild, |copy| {
            let has_it = |member: &Member| role == copy.everybody() || member.roles.contains(&role);
            copy.member(user).is_some_and(has_it)
        })
    }

    fn saw_before(&self, user: UserId, room: RoomId, rev: u64) -> Option<bool> {
        let places = self.places();
        let saw = |before: &Room| {
            let sees = |copy: &GuildCopy| copy.permissions_in(user, before).contains(Permissions::VIEW);
            places.known_guild(before.kind.guild()?, sees)
        };
        let before = places
            .known_room(room, |copy| copy.before(rev).cloned())
            .flatten();
        before.as_ref().and_then(saw)
    }

    async fn conversation(&self, room: RoomId) -> madang_storage::Result<Option<Vec<UserId>>> {
        let look = |copy: &RoomCopy| {
            let members: Vec<UserId> = copy.members().iter().copied().collect();
            (copy.kind(), members)
        };
        let (kind, members) = self.look_at_room(room, look).await.map_err(storage_error)?;
        match kind {
            RoomKind::Dm { .. } | RoomKind::Group { .. } => Ok(Some(members)),
            RoomKind::Thread {
                parent, guild: None, ..
            } => {
                let members = self.look_at_room(parent, look).await.map_err(storage_error)?.1;
                Ok(Some(members))
            }
            RoomKind::Channel { .. } | RoomKind::Thread { guild: Some(_), .. } => Ok(None),
        }
    }

    async fn followers(&self, thread: RoomId) -> madang_storage::Result<Vec<UserId>> {
        let followers = self.followers_of_thread(thread, MAX_FOLLOWERS_TOLD);
        followers.await.map_err(storage_error)
    }

    fn guild_of(&self, stream: StreamId) -> Option<GuildId> {
        match stream {
            StreamId::Guild(guild) => Some(guild),
            StreamId::Room(room) => self
                .places()
                .known_room(room, |copy| copy.room()?.kind.guild())
                .flatten(),
            StreamId::User(_) | StreamId::Instance => None,
        }
    }
}

impl Chat {
    /// What decides about a stream; `None` for a room that this node does not know.
    fn judge_of(&self, stream: StreamId) -> Option<Judge> {
        let room = match stream {
            StreamId::User(_) | StreamId::Instance => return Some(Judge::Nobody),
            StreamId::Guild(guild) => return Some(Judge::Guild(guild)),
            StreamId::Room(room) => room,
        };
        let kind = self.places().known_room(room, |copy| copy.kind())?;
        let deciding = Self::deciding_room(room, &kind);
        Some(match (kind.guild(), kind) {
            (Some(guild), _) => Judge::Channel(guild, deciding),
            (None, RoomKind::Thread { .. } | RoomKind::Dm { .. } | RoomKind::Group { .. }) => {
                Judge::Members(deciding)
            }
            (None, RoomKind::Channel { .. }) => return None,
        })
    }

    async fn reach_guild(&self, guild: GuildId, rev: u64) -> madang_storage::Result<()> {
        if rev != u64::MAX {
            self.places().hear_of(StreamId::Guild(guild), rev);
        }
        self.look_at_guild(guild, |_| ()).await.map_err(storage_error)
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
