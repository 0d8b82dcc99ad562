//! What the audit finds an event by.

use std::cmp::Reverse;

use super::{RowChange, put};
use crate::model::{Audited, Event, Fact, GuildId, Row, RowKey, Sealed, StreamId, TargetId, UserId};

/// The entry of an event that has a sealed part, if it concerns a guild. Posts have none, whatever they carry: what
/// every member reads needs no audit, and a post writes nothing more.
pub(super) fn entry(event: &Event) -> Option<RowChange> {
    if let Fact::MessagePosted { .. } = event.fact {
        return None;
    }
    let guild = guild_of(event, event.sealed.as_ref()?)?;
    let key = RowKey::Audit {
        guild,
        at: Reverse(event.at()),
        stream: event.stream,
        rev: Reverse(event.rev()),
    };
    let audited = Audited {
        actor: event.actor,
        kind: event.fact.name().to_owned(),
        target: target_of(event),
    };
    Some(put(key, Row::Audit(audited)))
}

fn guild_of(event: &Event, sealed: &Sealed) -> Option<GuildId> {
    match (event.stream, &event.fact) {
        (StreamId::Guild(guild), _) => Some(guild),
        (
            StreamId::Room(_),
            Fact::RoomCreated { room, .. }
            | Fact::RoomChanged { room }
            | Fact::RoomAccessChanged { room }
            | Fact::RoomDeleted { room },
        ) => room.kind.guild(),
        (StreamId::Room(_), _) => sealed.details.get(Sealed::GUILD)?.parse().ok(),
        (StreamId::User(_) | StreamId::Instance, _) => None,
    }
}

fn target_of(event: &Event) -> Option<TargetId> {
    let user = |user: &UserId| TargetId::from_u128(user.as_u128());
    Some(match (&event.fact, event.stream) {
        (
            Fact::MemberJoined { user: target }
            | Fact::MemberChanged { user: target, .. }
            | Fact::MemberLeft { user: target, .. }
            | Fact::MemberBanned { user: target, .. }
            | Fact::BanLifted { user: target },
            _,
        ) => user(target),
        (Fact::RoleChanged { id, .. } | Fact::RoleDeleted { id }, _) => TargetId::from_u128(id.as_u128()),
        (Fact::CategoryChanged { id, .. } | Fact::CategoryDeleted { id }, _) => {
            TargetId::from_u128(id.as_u128())
        }
        (_, StreamId::Room(room)) => TargetId::from_u128(room.as_u128()),
        _ => return None,
    })
}
