//! Events as they are sent. Never touches an event's sealed part.

use bytes::Bytes;
use madang_storage::model::{CategoryId, Commit, Fact, RoleId, StreamId, UserId};
use serde::Serialize;

use super::{Empty, EventWire};
use crate::chat::view::{
    CategoryView, GuildDetails, MembershipView, MessageView, ProfileView, RoleView, RoomDetails, Time,
};
use crate::gateway::codec::Codec;

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Person {
    user: UserId,
}

#[derive(Serialize)]
struct PersonBy {
    user: UserId,
    by: Option<UserId>,
}

#[derive(Serialize)]
struct Switched {
    user: UserId,
    on: bool,
}

#[derive(Serialize)]
struct GuildNow<'a> {
    guild: GuildDetails<'a>,
}

#[derive(Serialize)]
struct RoleNow {
    role: RoleView,
}

#[derive(Serialize)]
struct RoleGone {
    role: RoleId,
}

#[derive(Serialize)]
struct CategoryNow {
    category: CategoryView,
}

#[derive(Serialize)]
struct CategoryGone {
    category: CategoryId,
}

#[derive(Serialize)]
struct RoomNow<'a> {
    room: RoomDetails<'a>,
    #[serde(skip_serializing_if = "<[UserId]>::is_empty")]
    members: &'a [UserId],
}

#[derive(Serialize)]
struct Reacted<'a> {
    seq: u64,
    emoji: &'a str,
    user: UserId,
    on: bool,
    count: u32,
}

/// An event as a frame.
pub(super) fn encode(codec: Codec, commit: &Commit) -> Bytes {
    let wire = Wire { codec, commit };
    match &commit.event.fact {
        Fact::InstanceCreated { name } | Fact::GuildCreated { name, .. } | Fact::UserCreated { name } => {
            wire.event(Named { name })
        }
        Fact::InstanceChanged { instance } => wire.event(Named { name: &instance.name }),
        Fact::GuildChanged { guild } => wire.event(GuildNow { guild: guild.into() }),
        Fact::GuildDeleted { .. } => wire.event(Empty {}),
        Fact::MemberJoined { user } | Fact::BanLifted { user } => wire.event(Person { user: *user }),
        Fact::MemberChanged { user, member } => wire.event(MembershipView::new(*user, member)),
        Fact::MemberLeft { user, kicked_by } => wire.event(PersonBy {
            user: *user,
            by: *kicked_by,
        }),
        Fact::MemberBanned { user, by } => wire.event(PersonBy {
            user: *user,
            by: Some(*by),
        }),
        Fact::RoleChanged { id, role } => wire.event(RoleNow {
            role: RoleView::new(*id, role),
        }),
        Fact::RoleDeleted { id } => wire.event(RoleGone { role: *id }),
        Fact::CategoryChanged { id, category } => wire.event(CategoryNow {
            category: CategoryView::new(*id, category),
        }),
        Fact::CategoryDeleted { id } => wire.event(CategoryGone { category: *id }),
        Fact::UserChanged { user } => wire.event(ProfileView::from(user)),
        Fact::FollowChanged { user, on }
        | Fact::BlockChanged { user, on }
        | Fact::RoomMemberChanged { user, on } => wire.event(Switched { user: *user, on: *on }),
        Fact::RoomCreated { room, members } => wire.room(RoomDetails::from(room), members),
        Fact::RoomChanged { room } | Fact::RoomAccessChanged { room } | Fact::RoomDeleted { room } => {
            wire.room(RoomDetails::from(room), &[])
        }
        Fact::ReactionChanged {
            seq,
            emoji,
            user,
            on,
            count,
        } => wire.event(Reacted {
            seq: *seq,
            emoji,
            user: *user,
            on: *on,
            count: *count,
        }),
        Fact::MessagePosted { .. }
        | Fact::MessageEdited { .. }
        | Fact::MessageDeleted { .. }
        | Fact::MessagePinned { .. }
        | Fact::ThreadStarted { .. } => wire.message(),
    }
}

struct Wire<'a> {
    codec: Codec,
    commit: &'a Commit,
}

impl Wire<'_> {
    fn event<T: Serialize>(&self, data: T) -> Bytes {
        let event = &self.commit.event;
        let stream = event.stream.to_string();
        let kind = event.fact.name();
        self.codec.encode(&EventWire {
            stream: &stream,
            rev: event.rev(),
            at: Time(event.at()),
            kind,
            data,
        })
    }

    fn room(&self, room: RoomDetails<'_>, members: &[UserId]) -> Bytes {
        self.event(RoomNow { room, members })
    }

    fn message(&self) -> Bytes {
        match (self.commit.event.stream, &self.commit.record) {
            (StreamId::Room(room), Some(record)) => self.event(MessageView::new(room, record)),
            // A store answers every message event with its message; without it the client asks for a page.
            _ => self.event(Empty {}),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use madang_storage::model::{
        Category, Event, EventId, Guild, GuildId, Head, Instance, Member, MessageRecord, Permissions, Role,
        Room, RoomId, RoomKind, Sealed, Timestamp, User,
    };

    use super::super::NativeEncoder;
    use super::*;
    use crate::hub::Encoder as _;

    const MARKER: &str = "sealed-4f9c1e";

    fn facts() -> Vec<Fact> {
        let (user, guild, name) = (UserId::from_u128(1), GuildId::from_u128(2), "name".to_owned());
        let (text, emoji) = ("text".to_owned(), "👍".to_owned());
        let (role_id, category_id) = (RoleId::from_u128(5), CategoryId::from_u128(6));
        let whole = Guild::new(name.clone(), user, Timestamp::default());
        let room = Room::new(RoomKind::Channel { guild }, name.clone(), "topic".to_owned());
        let role = Role {
            name: name.clone(),
            permissions: Permissions::all(),
            position: 1,
            colour: Some(1),
            is_mentionable: true,
            built_in: None,
        };
        let category = Category {
            name: name.clone(),
            position: 1,
        };
        vec![
            Fact::InstanceCreated { name: name.clone() },
            Fact::InstanceChanged {
                instance: Instance {
                    name: name.clone(),
                    created_at: Timestamp::default(),
                },
            },
            Fact::GuildCreated {
                name: name.clone(),
                owner: user,
            },
            Fact::GuildChanged { guild: whole.clone() },
            Fact::GuildDeleted { guild: whole },
            Fact::MemberJoined { user },
            Fact::MemberChanged {
                user,
                member: Member::new(Timestamp::default()),
            },
            Fact::MemberLeft {
                user,
                kicked_by: Some(user),
            },
            Fact::MemberBanned { user, by: user },
            Fact::BanLifted { user },
            Fact::RoleChanged { id: role_id, role },
            Fact::RoleDeleted { id: role_id },
            Fact::CategoryChanged {
                id: category_id,
                category,
            },
            Fact::CategoryDeleted { id: category_id },
            Fact::UserCreated { name: name.clone() },
            Fact::UserChanged {
                user: User::new(name, Timestamp::default()),
            },
            Fact::FollowChanged { user, on: true },
            Fact::BlockChanged { user, on: true },
            Fact::RoomCreated {
                room: room.clone(),
                members: vec![user],
            },
            Fact::RoomChanged { room: room.clone() },
            Fact::RoomAccessChanged { room: room.clone() },
            Fact::RoomDeleted { room },
            Fact::RoomMemberChanged { user, on: true },
            Fact::posted(user, text.clone()),
            Fact::MessageEdited {
                seq: 1,
                text,
                keeps: false,
            },
            Fact::MessageDeleted { seq: 1, by: user },
            Fact::ReactionChanged {
                seq: 1,
                emoji,
                user,
                on: true,
                count: 1,
            },
            Fact::MessagePinned {
                seq: 1,
                on: true,
                by: user,
            },
            Fact::ThreadStarted { seq: 1 },
        ]
    }

    fn commit(fact: Fact) -> Commit {
        let stream = match fact.stream_kind() {
            madang_storage::model::StreamKind::Instance => StreamId::Instance,
            madang_storage::model::StreamKind::Guild => StreamId::Guild(GuildId::from_u128(2)),
            madang_storage::model::StreamKind::User => StreamId::User(UserId::from_u128(1)),
            madang_storage::model::StreamKind::Room => StreamId::Room(RoomId::from_u128(3)),
        };
        let head = Head {
            rev: 1,
            seq: 1,
            n: 1,
            ..Head::default()
        };
        let record = fact.message_seq(&head).map(|seq| {
            Arc::new(MessageRecord {
                seq,
                rev: 1,
                n: 1,
                author: UserId::from_u128(1),
                at: Timestamp::default(),
                text: "text".to_owned(),
                reply_to: None,
                edited_at: None,
                deleted: None,
                reactions: Vec::new(),
                mentions: Default::default(),
                system: None,
                pinned_at: None,
                has_thread: false,
                earlier: Vec::new(),
                reply_to_author: None,
            })
        });
        let event = Event {
            id: EventId::from_u128(9),
            stream,
            head,
            actor: Some(UserId::from_u128(1)),
            access_rev: 1,
            nonce: None,
            fact,
            sealed: Some(Sealed {
                reason: MARKER.to_owned(),
                details: Default::default(),
            }),
        };
        Commit { event, record }
    }

    #[test]
    fn what_only_the_audit_may_read_is_in_no_frame() {
        for fact in facts() {
            let commit = commit(fact);
            for codec in Codec::ALL {
                let frame = NativeEncoder.event(codec.key(), &commit);
                let kind = commit.event.fact.name().as_bytes();
                let holds = |text: &[u8]| frame.windows(text.len()).any(|part| part == text);
                assert!(holds(kind), "the search finds what is there");
                assert!(!holds(MARKER.as_bytes()), "{:?}", commit.event.fact);
            }
        }
    }
}
