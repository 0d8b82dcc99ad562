//! A room in memory: what decides who may see it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use madang_storage::model::{Commit, Fact, Room, RoomId, RoomKind, Row, RowKey, RowPrefix, StreamId, UserId};
use madang_storage::{MAX_ROWS_PER_PAGE, Store};

use super::kept::Copied;
use crate::chat::{Error, Result};

/// A room as of one of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomCopy {
    rev: u64,
    meta_rev: u64,
    room: Room,
    /// Who is in a DM or group; nobody for other rooms.
    members: BTreeSet<UserId>,
    /// The event that changed last who sees the room, and the room before it.
    before: Option<(u64, Box<Room>)>,
}

#[async_trait]
impl Copied for RoomCopy {
    async fn read(stream: StreamId, store: &Store) -> Result<Self> {
        let StreamId::Room(id) = stream else {
            return Err(Error::not_found());
        };
        let head = store.head(stream).await?;
        let room = store.room(id).await?.ok_or_else(Error::not_found)?;
        let members = match room.kind {
            RoomKind::Dm { .. } | RoomKind::Group { .. } => read_members(id, store).await?,
            RoomKind::Channel { .. } | RoomKind::Thread { .. } => BTreeSet::new(),
        };
        Ok(Self {
            rev: head.rev,
            meta_rev: head.meta_rev,
            room,
            members,
            before: None,
        })
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn apply(&mut self, commit: &Commit) {
        let event = &commit.event;
        self.rev = event.rev();
        self.meta_rev = event.head.meta_rev;
        match &event.fact {
            Fact::RoomChanged { room } => self.room = room.clone(),
            Fact::RoomAccessChanged { room } => {
                let before = std::mem::replace(&mut self.room, room.clone());
                self.before = Some((self.rev, Box::new(before)));
            }
            Fact::RoomDeleted { .. } => {
                self.before = Some((self.rev, Box::new(self.room.clone())));
                self.room.deleted_at = Some(event.at());
            }
            Fact::RoomMemberChanged { user, on: true } => {
                self.members.insert(*user);
            }
            Fact::RoomMemberChanged { user, on: false } => {
                self.members.remove(user);
            }
            _ => {}
        }
    }
}

/// A group has few members, so that one page holds them all.
async fn read_members(room: RoomId, store: &Store) -> Result<BTreeSet<UserId>> {
    let page = store
        .list_rows(&RowPrefix::MembersOfRoom(room), None, MAX_ROWS_PER_PAGE)
        .await?;
    let members = page.rows.iter().filter_map(|(key, row)| match (key, row) {
        (RowKey::RoomMember { user, .. }, Row::RoomMember(_)) => Some(*user),
        _ => None,
    });
    Ok(members.collect())
}

impl RoomCopy {
    /// The newest event that changed the room itself.
    pub(crate) fn meta_rev(&self) -> u64 {
        self.meta_rev
    }

    /// The room, unless it was deleted.
    pub(crate) fn room(&self) -> Option<&Room> {
        Some(&self.room).filter(|room| room.deleted_at.is_none())
    }

    /// The room as it was before this event, if that is the one that changed last who sees it.
    pub(crate) fn before(&self, rev: u64) -> Option<&Room> {
        let (changed, room) = self.before.as_ref()?;
        Some(&**room).filter(|_| *changed == rev)
    }

    /// What kind of room it is, or was. Never changes.
    pub(crate) fn kind(&self) -> RoomKind {
        self.room.kind
    }

    /// Who is in a DM or group.
    pub(crate) fn members(&self) -> &BTreeSet<UserId> {
        &self.members
    }
}
