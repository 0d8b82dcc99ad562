//! Guilds: their channels and members.

use std::collections::{HashMap, HashSet};

use madang_storage::model::{
    GuildId, Marker, Member, Permissions, RoleId, RoomId, Row, RowKey, RowPrefix, StateKey, StateTable,
    StreamId, UserId,
};
use madang_storage::{MAX_ROWS_PER_PAGE, decode};
use schemars::JsonSchema;
use serde::Serialize;

use super::places::GuildCopy;
use super::view::{ChannelView, GuildView, MemberView, Time};
use super::{Chat, Error, Identity, Result};

/// How many entries a list has when nothing is said.
pub(super) const DEFAULT_LIST: usize = 100;
/// How many entries of a list can be asked for.
pub(super) const MAX_LIST: usize = 500;
/// How many guilds of one person are looked at.
const MAX_GUILDS: usize = 200;

/// A page of channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Channels {
    /// In the order of their ids.
    pub channels: Vec<ChannelView>,
    /// Where the next page begins: the last channel of this one may be one that the reader does not see.
    pub last: Option<RoomId>,
    /// Whether there are more.
    pub more: bool,
}

/// A page of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Members {
    /// In the order of their ids.
    pub members: Vec<MemberView>,
    /// Whether there are more.
    pub more: bool,
}

impl Chat {
    /// The guilds that somebody is a member of, in the order of their ids.
    pub async fn guilds_of(&self, identity: &Identity) -> Result<Vec<GuildView>> {
        let ids = self.guild_ids(identity.user).await?;
        let keys: Vec<RowKey> = ids.iter().copied().map(RowKey::Guild).collect();
        let streams: Vec<StreamId> = ids.iter().copied().map(StreamId::Guild).collect();
        // Heads first: what is read after them is at least as new.
        let heads = self.store().heads(&streams).await?;
        let rows = self.store().rows(&keys).await?;
        let views = ids
            .into_iter()
            .zip(heads)
            .zip(rows)
            .filter_map(|((id, head), row)| match row {
                Some(Row::Guild(guild)) if guild.deleted_at.is_none() => {
                    Some(GuildView::new(id, &guild, head.rev))
                }
                _ => None,
            });
        Ok(views.collect())
    }

    /// The ids of somebody's guilds, ascending.
    pub(super) async fn guild_ids(&self, user: UserId) -> Result<Vec<GuildId>> {
        let page = self
            .store()
            .list_rows(&RowPrefix::GuildsOf(user), None, MAX_GUILDS)
            .await?;
        let ids = page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::GuildOf { guild, .. } => Some(*guild),
            _ => None,
        });
        let ids: Vec<GuildId> = ids.collect();
        let keys: Vec<RowKey> = ids.iter().copied().map(RowKey::Guild).collect();
        let rows = self.store().rows(&keys).await?;
        // A deleted guild has members until they are cleared away.
        let is_there =
            |row: &Option<Row>| matches!(row, Some(Row::Guild(guild)) if guild.deleted_at.is_none());
        let present = ids.into_iter().zip(rows).filter(|(_, row)| is_there(row));
        Ok(present.map(|(id, _)| id).collect())
    }

    /// A page of a guild's channels, in the order of their ids, each with what its reader wants to know.
    pub async fn channels(
        &self,
        identity: &Identity,
        guild: GuildId,
        after: Option<RoomId>,
        limit: Option<u64>,
    ) -> Result<Channels> {
        let limit = list_limit(limit)?;
        self.guild_access(identity, guild).await?;
        self.channels_page(identity.user, guild, after, limit).await
    }

    pub(super) async fn channels_page(
        &self,
        user: UserId,
        guild: GuildId,
        after: Option<RoomId>,
        limit: usize,
    ) -> Result<Channels> {
        let after = after.map(|room| RowKey::Channel { guild, room });
        let prefix = RowPrefix::ChannelsOf(guild);
        let page = self.store().list_rows(&prefix, after.as_ref(), limit).await?;
        let ids = page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::Channel { room, .. } => Some(*room),
            _ => None,
        });
        let ids: Vec<RoomId> = ids.collect();
        let last = ids.last().copied();
        let channels = self.channel_views(user, ids).await?;
        Ok(Channels {
            channels,
            last,
            more: page.more,
        })
    }

    /// A channel, for somebody who may see it.
    pub async fn channel(&self, identity: &Identity, room: RoomId) -> Result<ChannelView> {
        self.room_access(identity, room).await?;
        let mut views = self.channel_views(identity.user, vec![room]).await?;
        views.pop().ok_or_else(Error::not_found)
    }

    /// Rooms, ascending, as one person sees them. Reads whole pages, never one row for each room, except that a room
    /// with deletions above the marker is counted.
    async fn channel_views(&self, user: UserId, ids: Vec<RoomId>) -> Result<Vec<ChannelView>> {
        let streams: Vec<StreamId> = ids.iter().copied().map(StreamId::Room).collect();
        let heads = self.store().heads(&streams).await?;
        let keys: Vec<RowKey> = ids.iter().copied().map(RowKey::Room).collect();
        let rows = self.store().rows(&keys).await?;
        let markers = self.markers(user, &ids).await?;
        let seen = self.seen_by(user, &rows).await?;
        let calls = self.calls(user).await?;
        let mut views = Vec::with_capacity(ids.len());
        for (((id, head), row), seen) in ids.into_iter().zip(heads).zip(rows).zip(seen) {
            let (Some(Row::Room(room)), Some(is_private)) = (row, seen) else {
                continue;
            };
            let stored = markers.get(&id).copied().unwrap_or_default();
            let marker = self.newest_marker(user, id, stored);
            let guild = room.kind.guild();
            let mentions = self.count_calls(user, id, guild, &head, marker, &calls).await?;
            let read = self.read_of(id, &head, marker).await?;
            let view = ChannelView::new(id, room, &head, is_private, read.marker, read.unread, mentions);
            views.push(view);
        }
        Ok(views)
    }

    /// Which of these channels, all of one guild, somebody may see, and whether there are members who do not.
    async fn seen_by(&self, user: UserId, rows: &[Option<Row>]) -> Result<Vec<Option<bool>>> {
        let guild = rows.iter().find_map(|row| match row {
            Some(Row::Room(room)) => room.kind.guild(),
            _ => None,
        });
        let Some(guild) = guild else {
            return Ok(vec![None; rows.len()]);
        };
        let look = |copy: &GuildCopy| {
            let sees = |row: &Option<Row>| {
                let Some(Row::Room(room)) = row else { return None };
                let seen =
                    room.deleted_at.is_none() && copy.permissions_in(user, room).contains(Permissions::VIEW);
                seen.then(|| !copy.everybody_sees(room))
            };
            rows.iter().map(sees).collect()
        };
        self.look_at_guild(guild, look).await
    }

    /// A person's stored markers of rooms, which are ascending. Markers lie in the order of rooms, so they are read as
    /// pages of what lies between the first and the last room.
    pub(super) async fn markers(&self, user: UserId, rooms: &[RoomId]) -> Result<HashMap<RoomId, Marker>> {
        let mut markers = HashMap::new();
        let (Some(first), Some(last)) = (rooms.first(), rooms.last()) else {
            return Ok(markers);
        };
        if rooms.len() == 1 {
            markers.insert(*first, self.store().marker(user, *first).await?);
            return Ok(markers);
        }
        let last = StateKey::marker(user, *last).key;
        let before_first = RoomId::from_u128(first.as_u128().saturating_sub(1));
        let mut after = StateKey::marker(user, before_first).key;
        loop {
            let page = self
                .store()
                .state_list(
                    StateTable::Markers,
                    &user.to_bytes(),
                    Some(&after),
                    MAX_ROWS_PER_PAGE,
                )
                .await?;
            for (key, row) in &page.rows {
                if let Some(room) = key.get(16..).and_then(|room| room.try_into().ok()) {
                    markers.insert(RoomId::from_bytes(room), decode(&row.value)?);
                }
            }
            match page.rows.last() {
                Some((key, _)) if page.more && *key < last => after.clone_from(key),
                _ => return Ok(markers),
            }
        }
    }

    /// A page of a guild's members.
    pub async fn members(
        &self,
        identity: &Identity,
        guild: GuildId,
        after: Option<UserId>,
        limit: Option<u64>,
    ) -> Result<Members> {
        let limit = list_limit(limit)?;
        self.guild_access(identity, guild).await?;
        let after = after.map(|user| RowKey::Member { guild, user });
        let prefix = RowPrefix::MembersOf(guild);
        let page = self.store().list_rows(&prefix, after.as_ref(), limit).await?;
        let mut known: HashMap<UserId, Member> = page
            .rows
            .into_iter()
            .filter_map(|(key, row)| match (key, row) {
                (RowKey::Member { user, .. }, Row::Member(member)) => Some((user, member)),
                _ => None,
            })
            .collect();
        let mut ids: Vec<UserId> = known.keys().copied().collect();
        ids.sort_unstable();
        let users = self.views_of(ids).await?;
        // Rows of members still name roles that were deleted.
        let roles: HashSet<RoleId> = self
            .look_at_guild(guild, |copy| copy.roles().keys().copied().collect())
            .await?;
        let members = users.into_iter().filter_map(|user| {
            let mut member = known.remove(&user.id)?;
            member.roles.retain(|role| roles.contains(role));
            Some(MemberView {
                user,
                joined_at: Time(member.joined_at),
                nickname: member.nickname,
                roles: member.roles,
            })
        });
        Ok(Members {
            members: members.collect(),
            more: page.more,
        })
    }
}

/// How many entries of a list are asked for.
pub fn list_limit(asked: Option<u64>) -> Result<usize> {
    match asked.map(usize::try_from) {
        None => Ok(DEFAULT_LIST),
        Some(Ok(limit)) if (1..=MAX_LIST).contains(&limit) => Ok(limit),
        Some(_) => Err(Error::invalid(
            "limit",
            format!("a list has 1 to {MAX_LIST} entries"),
        )),
    }
}
