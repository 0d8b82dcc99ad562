//! Who knows whom: people who share a guild, a DM or a group.

use std::collections::BTreeSet;

use madang_storage::MAX_ROWS_PER_PAGE;
use madang_storage::model::{RoomId, RoomKind, Row, RowKey, RowPrefix, UserId};

use crate::chat::{Chat, Error, Result};

/// How many DMs and groups of one person are looked at.
const MAX_CONVERSATIONS: usize = 500;

impl Chat {
    /// Everybody in somebody's DMs and groups.
    pub(super) async fn partners_of(&self, user: UserId) -> Result<BTreeSet<UserId>> {
        let prefix = RowPrefix::RoomsOf(user);
        let page = self.store().list_rows(&prefix, None, MAX_CONVERSATIONS).await?;
        let rooms = page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::RoomOf { room, .. } => Some(*room),
            _ => None,
        });
        let rooms: Vec<RoomId> = rooms.collect();
        let keys: Vec<RowKey> = rooms.iter().copied().map(RowKey::Room).collect();
        let rows = self.store().rows(&keys).await?;
        let mut partners = BTreeSet::new();
        for (room, row) in rooms.into_iter().zip(rows) {
            match row {
                // The two stand in the room itself.
                Some(Row::Room(row)) if row.deleted_at.is_none() => match row.kind {
                    RoomKind::Dm { users } => partners.extend(users),
                    RoomKind::Group { .. } => partners.extend(self.members_of_group(room).await?),
                    RoomKind::Channel { .. } | RoomKind::Thread { .. } => {}
                },
                _ => {}
            }
        }
        partners.remove(&user);
        Ok(partners)
    }

    async fn members_of_group(&self, room: RoomId) -> Result<Vec<UserId>> {
        let prefix = RowPrefix::MembersOfRoom(room);
        let page = self.store().list_rows(&prefix, None, MAX_ROWS_PER_PAGE).await?;
        let members = page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::RoomMember { user, .. } => Some(*user),
            _ => None,
        });
        Ok(members.collect())
    }
}

/// Refuses to ask for more people than can be asked for.
pub(super) fn check_count(users: &[UserId], field: &'static str) -> Result<()> {
    if users.len() <= super::MAX_WATCHED {
        return Ok(());
    }
    let text = format!("at most {} people can be asked for at once", super::MAX_WATCHED);
    Err(Error::too_large(field, text))
}
