//! Who may hear a stream, as far as this node knows.

use async_trait::async_trait;
use madang_storage::Result;
use madang_storage::model::{Commit, GuildId, RoleId, RoomId, StreamId, UserId};

/// How many followers of a thread hear of its head. Who comes after them learns of it by asking.
pub const MAX_FOLLOWERS_TOLD: usize = 1_000;

/// How new what is that an audience is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The `rev` of the guild; the highest number where no guild decides.
    pub guild: u64,
    /// The `rev` at which the room itself changed last; the highest number where no room decides.
    pub room: u64,
}

impl Standing {
    /// Of an audience that never changes.
    pub const UNCHANGING: Self = Self {
        guild: u64::MAX,
        room: u64::MAX,
    };

    /// As new as both.
    #[must_use]
    pub fn newer(self, other: Self) -> Self {
        Self {
            guild: self.guild.max(other.guild),
            room: self.room.max(other.room),
        }
    }

    /// Whether this is as new as `needed`.
    pub const fn covers(self, needed: Self) -> bool {
        self.guild >= needed.guild && self.room >= needed.room
    }
}

/// Who may hear what. Implemented by the logic; the hub asks before it delivers.
///
/// What decides about a stream is the guild that it belongs to. A node may hear of a message before it hears that
/// somebody was removed from the guild, although the message was written after that and because of it. So every event
/// says at which `rev` of the guild its author was judged, and a hub delivers it only when this node's own copy of the
/// guild is at least as new.
#[async_trait]
pub trait Audience: Send + Sync + 'static {
    /// How new what is that this node judges the stream's audience by; `None` when that must be found out first.
    fn standing(&self, stream: StreamId) -> Option<Standing>;

    /// Finds out what it takes to judge by something as new as `needed`; answers what is judged by from now on.
    async fn reach(&self, stream: StreamId, needed: Standing) -> Result<Standing>;

    /// Whether the user may hear the stream; `None` while this node does not know enough to say, which may be so at any
    /// moment: then nothing is told, and nobody is let go, until [`Audience::reach`] was asked. Cheap, and never blocks.
    fn may_hear(&self, user: UserId, stream: StreamId) -> Option<bool>;

    /// Whether there may be members of its guild who do not hear the stream. What is not known is so.
    fn is_restricted(&self, stream: StreamId) -> bool;

    /// Whether a member has a role of a guild, also one that was deleted; `None` while that is not known.
    fn has_role(&self, _user: UserId, _guild: GuildId, _role: RoleId) -> Option<bool> {
        None
    }

    /// Whether the user saw a room before its event `rev` changed who does; `None` when that is not known any more.
    fn saw_before(&self, _user: UserId, _room: RoomId, _rev: u64) -> Option<bool> {
        None
    }

    /// Who is in a DM, a group, or a thread in one; `None` for other rooms, whose events only those hear who open them.
    async fn conversation(&self, room: RoomId) -> Result<Option<Vec<UserId>>>;

    /// Who follows a thread without having its room open: at most [`MAX_FOLLOWERS_TOLD`].
    async fn followers(&self, thread: RoomId) -> Result<Vec<UserId>>;

    /// The guild that the stream belongs to, as far as this node knows.
    fn guild_of(&self, stream: StreamId) -> Option<GuildId>;
}

/// How new what must be that an event's audience is judged by.
pub(super) fn needed_for(commit: &Commit) -> Standing {
    let event = &commit.event;
    match event.stream {
        // An event of the guild itself changes its audience: it is judged by what it leaves behind.
        StreamId::Guild(_) => Standing {
            guild: event.rev(),
            room: 0,
        },
        StreamId::Room(_) => Standing {
            guild: event.access_rev,
            room: 0,
        },
        StreamId::User(_) | StreamId::Instance => Standing { guild: 0, room: 0 },
    }
}
