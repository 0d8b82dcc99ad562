//! Who belongs where: this node's copies of guilds and rooms, kept current by their events.
//!
//! Every request asks whether its sender may do what it asks, and every delivery whether its receivers may hear it. Both are
//! answered from memory. A copy is made when it is first asked for, and follows its stream's events from then on. Where
//! an event is missing the copy knows that it is behind, and is brought up from the store before it is believed.

mod guild;
mod kept;
mod rights;
mod room;
mod user;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use madang_storage::model::{
    Commit, GuildId, Override, Permissions, Room, RoomId, RoomKind, StreamId, UserId,
};

pub(crate) use guild::GuildCopy;
use kept::{Copied, Kept};
pub(crate) use rights::Rank;
pub(crate) use room::RoomCopy;
pub(crate) use user::UserCopy;

use super::{Chat, Code, Error, Result};

/// How many guilds are kept in memory. Above it all are forgotten: they are a read away.
const MAX_GUILDS: usize = 10_000;
/// How many rooms are kept in memory; above it as above.
const MAX_ROOMS: usize = 50_000;
/// How many users are kept in memory; above it as above. Only those who write to one another are looked at.
const MAX_USERS: usize = 50_000;
/// How often something that changes while it is looked at is looked at again.
const MAX_LOOKS: usize = 8;

/// This node's copies. Cheap to clone.
#[derive(Clone, Default)]
pub struct Places {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    guilds: Shelf<GuildId, GuildCopy>,
    rooms: Shelf<RoomId, RoomCopy>,
    users: Shelf<UserId, UserCopy>,
}

/// Copies by what they are of.
struct Shelf<K, T> {
    copies: RwLock<HashMap<K, Arc<Kept<T>>>>,
}

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self {
            copies: RwLock::default(),
        }
    }
}

impl<K: Hash + Eq + Copy, T: Copied> Shelf<K, T> {
    fn known(&self, id: K) -> Option<Arc<Kept<T>>> {
        let copies = self.copies.read().unwrap_or_else(PoisonError::into_inner);
        copies.get(&id).cloned()
    }

    fn add(&self, id: K, most: usize) -> Arc<Kept<T>> {
        let mut copies = self.copies.write().unwrap_or_else(PoisonError::into_inner);
        if copies.len() >= most && !copies.contains_key(&id) {
            copies.clear();
        }
        Arc::clone(copies.entry(id).or_default())
    }
}

impl Places {
    /// Takes a durable event: from this node's store, or from another node.
    pub fn hear(&self, commit: &Commit) {
        match commit.event.stream {
            StreamId::Guild(guild) => {
                if let Some(kept) = self.inner.guilds.known(guild) {
                    kept.hear(commit);
                }
            }
            StreamId::Room(room) => {
                if let Some(kept) = self.inner.rooms.known(room) {
                    kept.hear(commit);
                }
            }
            StreamId::User(user) => {
                if let Some(kept) = self.inner.users.known(user) {
                    kept.hear(commit);
                }
            }
            StreamId::Instance => {}
        }
    }

    /// Notes that a stream is at `rev`, which nobody may have told.
    pub fn hear_of(&self, stream: StreamId, rev: u64) {
        match stream {
            StreamId::Guild(guild) => {
                if let Some(kept) = self.inner.guilds.known(guild) {
                    kept.hear_of(rev);
                }
            }
            StreamId::Room(room) => {
                if let Some(kept) = self.inner.rooms.known(room) {
                    kept.hear_of(rev);
                }
            }
            StreamId::User(user) => {
                if let Some(kept) = self.inner.users.known(user) {
                    kept.hear_of(rev);
                }
            }
            StreamId::Instance => {}
        }
    }

    /// Whether this node was told of the stream's event `rev`. Only of what it has looked at before it can be sure.
    pub fn has_heard(&self, stream: StreamId, rev: u64) -> bool {
        match stream {
            StreamId::Room(room) => self.known_room(room, |copy| copy.rev() >= rev).unwrap_or(false),
            StreamId::Guild(guild) => self.known_guild(guild, |copy| copy.rev() >= rev).unwrap_or(false),
            StreamId::User(_) | StreamId::Instance => false,
        }
    }

    /// Looks at a guild without asking anybody; `None` while this node does not know it.
    pub(super) fn known_guild<R>(&self, guild: GuildId, look: impl FnOnce(&GuildCopy) -> R) -> Option<R> {
        self.inner.guilds.known(guild)?.look(look)
    }

    /// Looks at a room without asking anybody; `None` while this node does not know it.
    pub(super) fn known_room<R>(&self, room: RoomId, look: impl FnOnce(&RoomCopy) -> R) -> Option<R> {
        self.inner.rooms.known(room)?.look(look)
    }
}

impl GuildCopy {
    /// What somebody may do in a channel of the guild, or in a thread on one of its messages; nothing for somebody who
    /// is no member.
    pub(crate) fn permissions_in(&self, user: UserId, channel: &Room) -> Permissions {
        let (Some(in_guild), Some(member)) = (self.permissions(user), self.member(user)) else {
            return Permissions::NONE;
        };
        rights::in_room(
            in_guild,
            self.everybody(),
            user,
            member,
            &channel.overrides,
            channel.is_announcement,
        )
    }
}

impl GuildCopy {
    /// Whether a channel is there for every member, whatever roles the member has.
    pub(crate) fn everybody_sees(&self, channel: &Room) -> bool {
        let takes = |exception: &Override| exception.deny.contains(Permissions::VIEW);
        let has_view = self
            .role(self.everybody())
            .is_some_and(|role| role.permissions.contains(Permissions::VIEW));
        has_view && !channel.overrides.iter().any(takes)
    }
}

impl Chat {
    /// Looks at a guild as it is now. Asks the store only where this node cannot know.
    pub(super) async fn look_at_guild<R>(&self, id: GuildId, look: impl Fn(&GuildCopy) -> R) -> Result<R> {
        let shelf = &self.places().inner.guilds;
        self.look_at(shelf, id, StreamId::Guild(id), MAX_GUILDS, look)
            .await
    }

    /// Looks at a room as it is now. Asks the store only where this node cannot know.
    pub(super) async fn look_at_room<R>(&self, id: RoomId, look: impl Fn(&RoomCopy) -> R) -> Result<R> {
        let shelf = &self.places().inner.rooms;
        self.look_at(shelf, id, StreamId::Room(id), MAX_ROOMS, look).await
    }

    /// Looks at a user as it is now. Asks the store only where this node cannot know.
    pub(super) async fn look_at_user<R>(&self, id: UserId, look: impl Fn(&UserCopy) -> R) -> Result<R> {
        let shelf = &self.places().inner.users;
        self.look_at(shelf, id, StreamId::User(id), MAX_USERS, look).await
    }

    async fn look_at<K: Hash + Eq + Copy, T: Copied, R>(
        &self,
        shelf: &Shelf<K, T>,
        id: K,
        stream: StreamId,
        most: usize,
        look: impl Fn(&T) -> R,
    ) -> Result<R> {
        for _ in 0..MAX_LOOKS {
            let kept = self.kept(shelf, id, stream, most).await?;
            if let Some(seen) = kept.look(&look) {
                return Ok(seen);
            }
            kept.read(stream, self.store()).await?;
        }
        // It changes faster than it can be read.
        Err(Error::new(
            Code::Unavailable,
            "this is changing just now; try again",
        ))
    }

    /// The copy of something that is known to exist. Where this node cannot be sure that it hears of everything, the
    /// store says how new the copy must be.
    async fn kept<K: Hash + Eq + Copy, T: Copied>(
        &self,
        shelf: &Shelf<K, T>,
        id: K,
        stream: StreamId,
        most: usize,
    ) -> Result<Arc<Kept<T>>> {
        let known = shelf.known(id);
        if let Some(kept) = &known
            && self.hears_everything()
        {
            return Ok(Arc::clone(kept));
        }
        let head = self.store().head(stream).await?;
        if !head.exists() {
            return Err(Error::not_found());
        }
        let kept = known.unwrap_or_else(|| shelf.add(id, most));
        kept.hear_of(head.rev);
        Ok(kept)
    }

    /// Brings this node's copies of a room and of what it hangs in up to what the store says now.
    pub(super) async fn renew_room(&self, id: RoomId) -> Result<()> {
        self.renew(&self.places().inner.rooms, id, StreamId::Room(id))
            .await?;
        let kind = self
            .look_at_room(id, |copy| copy.room().map(|room| room.kind))
            .await?;
        match kind {
            Some(RoomKind::Channel { guild }) => self.renew_guild(guild).await,
            Some(RoomKind::Thread { parent, guild, .. }) => {
                let parents = StreamId::Room(parent);
                self.renew(&self.places().inner.rooms, parent, parents).await?;
                match guild {
                    Some(guild) => self.renew_guild(guild).await,
                    None => Ok(()),
                }
            }
            Some(RoomKind::Dm { .. } | RoomKind::Group { .. }) | None => Ok(()),
        }
    }

    /// Brings this node's copy of a guild up to what the store says now.
    pub(super) async fn renew_guild(&self, id: GuildId) -> Result<()> {
        self.renew(&self.places().inner.guilds, id, StreamId::Guild(id))
            .await
    }

    async fn renew<K: Hash + Eq + Copy, T: Copied>(
        &self,
        shelf: &Shelf<K, T>,
        id: K,
        stream: StreamId,
    ) -> Result<()> {
        if let Some(kept) = shelf.known(id) {
            kept.hear_of(self.store().head(stream).await?.rev);
        }
        Ok(())
    }

    /// The room whose exceptions count for a room: its own, or for a thread those of the room it hangs in.
    pub(super) fn deciding_room(id: RoomId, kind: &RoomKind) -> RoomId {
        match kind {
            RoomKind::Thread { parent, .. } => *parent,
            RoomKind::Channel { .. } | RoomKind::Dm { .. } | RoomKind::Group { .. } => id,
        }
    }

    /// Whether this node can be sure that it has heard of everything that others did.
    pub(super) fn hears_everything(&self) -> bool {
        self.broker().status().is_current()
    }
}
