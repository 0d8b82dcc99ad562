//! What happens to a room itself, and not to its messages.

use super::{RowChange, put};
use crate::model::{Fact, Room, RoomId, RoomKind, RoomMember, Row, RowKey, Timestamp, UserId};

/// The changes of a room's fact; `None` for one about a message, or of another kind of stream.
pub(super) fn project(id: RoomId, fact: &Fact, at: Timestamp) -> Option<Vec<RowChange>> {
    Some(match fact {
        Fact::RoomCreated { room, members } => {
            let row = Room {
                created_at: at,
                ..room.clone()
            };
            let mut changes = vec![put(RowKey::Room(id), Row::Room(row))];
            changes.extend(place(id, &room.kind).map(|(key, row)| put(key, row)));
            for user in members {
                changes.extend(put_member(id, *user, at));
            }
            changes
        }
        Fact::RoomChanged { room } | Fact::RoomAccessChanged { room } => {
            vec![put(RowKey::Room(id), Row::Room(room.clone()))]
        }
        Fact::RoomDeleted { room } => {
            let row = Room {
                deleted_at: Some(at),
                ..room.clone()
            };
            let mut changes = vec![put(RowKey::Room(id), Row::Room(row))];
            changes.extend(place(id, &room.kind).map(|(key, _)| RowChange::Delete(key)));
            changes
        }
        Fact::RoomMemberChanged { user, on: true } => put_member(id, *user, at).into(),
        Fact::RoomMemberChanged { user, on: false } => {
            let user = *user;
            vec![
                RowChange::Delete(RowKey::RoomMember { room: id, user }),
                RowChange::Delete(RowKey::RoomOf { user, room: id }),
            ]
        }
        _ => return None,
    })
}

/// Where the room is found by what it belongs to.
fn place(room: RoomId, kind: &RoomKind) -> Option<(RowKey, Row)> {
    match kind {
        RoomKind::Channel { guild } => Some((RowKey::Channel { guild: *guild, room }, Row::Channel)),
        RoomKind::Thread { parent, .. } => {
            let parent = *parent;
            Some((RowKey::Thread { parent, room }, Row::Thread))
        }
        RoomKind::Dm { .. } | RoomKind::Group { .. } => None,
    }
}

fn put_member(room: RoomId, user: UserId, at: Timestamp) -> [RowChange; 2] {
    let row = Row::RoomMember(RoomMember { joined_at: at });
    [
        put(RowKey::RoomMember { room, user }, row.clone()),
        put(RowKey::RoomOf { user, room }, row),
    ]
}
