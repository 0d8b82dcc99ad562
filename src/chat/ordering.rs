//! The order of a guild's channels and headings, many at once.
//!
//! Each channel is a stream of its own and there is no append to several: this is a list of single changes, one after the
//! other, and no transaction. What was cut off is done by asking again: what is in its place already is passed over.

use madang_storage::model::{Category, CategoryId, Fact, GuildId, Permissions, Room, RoomId, RoomKind};

use super::moderation::require;
use super::places::GuildCopy;
use super::rooms::{MAX_POSITION, within};
use super::{Chat, Code, Error, Identity, Result};

/// How many channels and headings are ordered at once.
pub const MAX_ORDERED: usize = 500;

/// What stands in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Heading(CategoryId),
    Channel(RoomId, Option<CategoryId>),
}

impl Chat {
    /// Puts channels and headings in this order, from top to bottom: a channel stands under the nearest heading before it
    /// in the list. The first one gets the position `first`. What the list does not name stays as it is.
    pub async fn order_channels(
        &self,
        identity: &Identity,
        guild: GuildId,
        order: &[u128],
        first: Option<u64>,
    ) -> Result<()> {
        self.guild_access(identity, guild)
            .await?
            .require(Permissions::MANAGE_CHANNELS)?;
        let first = within("first", first, MAX_POSITION - MAX_ORDERED as u64)?.unwrap_or(0);
        let entries = self.entries(identity, guild, order).await?;
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            for (entry, position) in entries.into_iter().zip(first..) {
                chat.put_in_place(&identity, guild, entry, position).await?;
            }
            Ok(())
        })
        .await
    }

    /// What the ids stand for; refuses the whole list for one that may not be moved.
    async fn entries(&self, identity: &Identity, guild: GuildId, order: &[u128]) -> Result<Vec<Entry>> {
        if order.len() > MAX_ORDERED {
            let text = format!("at most {MAX_ORDERED} entries are ordered at once");
            return Err(Error::too_large("order", text));
        }
        let mut seen = std::collections::HashSet::new();
        let mut heading = None;
        let mut entries = Vec::with_capacity(order.len());
        for id in order {
            if !seen.insert(*id) {
                return Err(Error::invalid("order", "something is there twice"));
            }
            let category = CategoryId::from_u128(*id);
            let is_heading = |copy: &GuildCopy| copy.categories().contains_key(&category);
            if self.look_at_guild(guild, is_heading).await? {
                heading = Some(category);
                entries.push(Entry::Heading(category));
                continue;
            }
            let room = RoomId::from_u128(*id);
            self.check_movable(identity, guild, room).await?;
            entries.push(Entry::Channel(room, heading));
        }
        Ok(entries)
    }

    /// Refuses what is no channel of the guild that the person may see and change.
    async fn check_movable(&self, identity: &Identity, guild: GuildId, room: RoomId) -> Result<()> {
        let unknown = || Error::invalid("order", "the guild has no such channel or category");
        let access = match self.room_access(identity, room).await {
            Ok(access) => access,
            Err(error) if error.code == Code::NotFound => return Err(unknown()),
            Err(error) => return Err(error),
        };
        if access.room.kind != (RoomKind::Channel { guild }) {
            return Err(unknown());
        }
        access.require(Permissions::MANAGE_CHANNELS)
    }

    async fn put_in_place(
        &self,
        identity: &Identity,
        guild: GuildId,
        entry: Entry,
        position: u32,
    ) -> Result<()> {
        match entry {
            Entry::Heading(id) => {
                self.change_guild(identity, guild, None, |copy| {
                    require(copy, identity.user, Permissions::MANAGE_CHANNELS)?;
                    // One that was deleted meanwhile has no place.
                    let Some(present) = copy.categories().get(&id) else {
                        return Ok(None);
                    };
                    let category = Category {
                        position,
                        ..present.clone()
                    };
                    let is_so = category == *present;
                    Ok((!is_so).then_some(Fact::CategoryChanged { id, category }))
                })
                .await?;
            }
            Entry::Channel(id, category) => {
                self.change_room(identity, id, None, |copy| {
                    let Some(present) = copy.room() else {
                        return Ok(None);
                    };
                    let room = Room {
                        category,
                        position,
                        ..present.clone()
                    };
                    let is_so = room == *present;
                    Ok((!is_so).then_some(Fact::RoomChanged { room }))
                })
                .await?;
            }
        }
        Ok(())
    }
}
