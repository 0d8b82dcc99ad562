//! People and places: every fact about guilds, rooms and users leaves the rows that the model says, found every way.

use std::cmp::Reverse;

use super::Fixture;
use super::support::{guild, room, user};
use crate::model::{
    Ban, BuiltInRole, Called, Category, CategoryId, Fact, Guild, Member, Mentions, Override, OverrideTarget,
    Permissions, Role, RoleId, Room, RoomKind, Row, RowKey, RowPrefix, StreamId, SystemMessage, Timestamp,
    User,
};
use crate::{Command, Store};

/// Appends facts one after the other, whatever the rows say.
async fn append_all(fixture: &Fixture, stream: StreamId, facts: Vec<Fact>) {
    for fact in facts {
        let command = Command {
            stream,
            event_id: crate::model::EventId::from_u128(fixture.env().next_id()),
            actor: Some(user(1)),
            access_rev: 0,
            nonce: None,
            rows: Vec::new(),
        };
        let decide = super::support::always(fact);
        fixture.store().append(command, decide).await.expect("appended");
    }
}

async fn listed(store: &Store, prefix: RowPrefix) -> Vec<(RowKey, Row)> {
    store.list_rows(&prefix, None, 100).await.expect("listed").rows
}

async fn row(store: &Store, key: RowKey) -> Option<Row> {
    store.rows(&[key]).await.expect("read").pop().flatten()
}

fn role(name: &str, position: u32) -> Role {
    Role {
        name: name.to_owned(),
        permissions: Permissions::of_members(),
        position,
        colour: Some(0x12_34_56),
        is_mentionable: true,
        built_in: (position == 0).then_some(BuiltInRole::Member),
    }
}

/// Whether a role is none of those that every guild has.
fn is_made(row: &Row) -> bool {
    matches!(row, Row::Role(role) if role.built_in.is_none())
}

fn calling(users: &[u128], everyone: bool) -> Fact {
    Fact::MessagePosted {
        author: user(1),
        text: "come".to_owned(),
        reply_to: None,
        reply_to_author: None,
        mentions: Mentions {
            users: users.iter().map(|number| user(*number)).collect(),
            roles: Vec::new(),
            everyone,
            here: false,
        },
        system: None,
    }
}

/// Roles, headings, members and bans come, change and go.
pub async fn rows_follow_what_happens_in_a_guild(fixture: &mut Fixture) {
    let stream = StreamId::Guild(guild(1));
    let (first, second) = (RoleId::from_u128(1), RoleId::from_u128(2));
    let heading = CategoryId::from_u128(3);
    let changed = Guild {
        description: "of the yard".to_owned(),
        is_public: true,
        welcome_room: Some(room(1)),
        ..Guild::new("renamed".to_owned(), user(2), Fixture::START)
    };
    let member = Member {
        nickname: Some("min".to_owned()),
        roles: vec![first],
        ..Member::new(Fixture::START)
    };
    let category = |position| Category {
        name: "talk".to_owned(),
        position,
    };
    let created = Fact::GuildCreated {
        name: "guild".to_owned(),
        owner: user(1),
    };
    let mut facts = vec![
        created,
        Fact::RoleChanged {
            id: first,
            role: role("all", 0),
        },
        Fact::RoleChanged {
            id: second,
            role: role("some", 5),
        },
        Fact::RoleChanged {
            id: second,
            role: role("others", 6),
        },
        Fact::CategoryChanged {
            id: heading,
            category: category(1),
        },
        Fact::CategoryChanged {
            id: heading,
            category: category(2),
        },
    ];
    facts.extend((1..=4).map(|number| Fact::MemberJoined { user: user(number) }));
    facts.extend([
        Fact::MemberChanged {
            user: user(1),
            member: member.clone(),
        },
        Fact::MemberLeft {
            user: user(2),
            kicked_by: None,
        },
        Fact::MemberBanned {
            user: user(3),
            by: user(1),
        },
        Fact::MemberBanned {
            user: user(9),
            by: user(1),
        },
        Fact::BanLifted { user: user(9) },
        Fact::RoleDeleted { id: first },
        Fact::GuildChanged {
            guild: changed.clone(),
        },
    ]);
    append_all(fixture, stream, facts).await;

    let store = fixture.store();
    assert_eq!(store.guild(guild(1)).await.expect("read"), Some(changed.clone()));
    let roles = listed(store, RowPrefix::RolesOf(guild(1))).await;
    let own: Vec<_> = roles.into_iter().filter(|(_, row)| is_made(row)).collect();
    assert_eq!(
        own,
        [(
            RowKey::Role {
                guild: guild(1),
                role: second
            },
            Row::Role(role("others", 6))
        )]
    );
    let categories = listed(store, RowPrefix::CategoriesOf(guild(1))).await;
    assert_eq!(categories.len(), 1);
    assert_eq!(categories[0].1, Row::Category(category(2)));
    let members = listed(store, RowPrefix::MembersOf(guild(1))).await;
    let ids: Vec<_> = members.iter().map(|(key, _)| key.clone()).collect();
    let expected = [1, 4].map(|number| RowKey::Member {
        guild: guild(1),
        user: user(number),
    });
    assert_eq!(ids, expected);
    assert_eq!(members[0].1, Row::Member(member));
    assert!(listed(store, RowPrefix::GuildsOf(user(3))).await.is_empty());
    let bans = listed(store, RowPrefix::BansOf(guild(1))).await;
    let ban = Row::Ban(Ban {
        at: Fixture::START,
        by: user(1),
    });
    assert_eq!(
        bans,
        [(
            RowKey::Ban {
                guild: guild(1),
                user: user(3)
            },
            ban
        )]
    );

    append_all(fixture, stream, vec![Fact::GuildDeleted { guild: changed }]).await;
    let gone = fixture
        .store()
        .guild(guild(1))
        .await
        .expect("read")
        .expect("a trace stays");
    assert_eq!(gone.deleted_at, Some(Fixture::START));
    fixture.reopen().await;
}

/// Channels, DMs, groups and threads come, change and go.
pub async fn rows_follow_what_happens_to_a_room(fixture: &mut Fixture) {
    let plain = |kind| Room::new(kind, "name".to_owned(), "topic".to_owned());
    let channel = plain(RoomKind::Channel { guild: guild(1) });
    let changed = Room {
        name: "other".to_owned(),
        slow_mode_seconds: 30,
        is_announcement: true,
        position: 7,
        overrides: vec![Override {
            target: OverrideTarget::User(user(4)),
            allow: Permissions::VIEW,
            deny: Permissions::POST,
        }],
        ..channel.clone()
    };
    let create = |room, members: &[u128]| Fact::RoomCreated {
        room,
        members: members.iter().map(|number| user(*number)).collect(),
    };
    append_all(
        fixture,
        StreamId::Room(room(1)),
        vec![
            create(channel, &[]),
            Fact::RoomChanged {
                room: changed.clone(),
            },
            Fact::RoomAccessChanged {
                room: changed.clone(),
            },
        ],
    )
    .await;
    let dm = plain(RoomKind::Dm {
        users: [user(1), user(2)],
    });
    append_all(fixture, StreamId::Room(room(2)), vec![create(dm, &[1, 2])]).await;
    let group = plain(RoomKind::Group { owner: user(1) });
    let comings = vec![
        create(group, &[1, 2, 3]),
        Fact::RoomMemberChanged {
            user: user(4),
            on: true,
        },
        Fact::RoomMemberChanged {
            user: user(2),
            on: false,
        },
    ];
    append_all(fixture, StreamId::Room(room(3)), comings).await;
    let thread = plain(RoomKind::Thread {
        parent: room(1),
        seq: 1,
        guild: Some(guild(1)),
    });
    append_all(fixture, StreamId::Room(room(4)), vec![create(thread, &[])]).await;

    let store = fixture.store();
    assert_eq!(
        store
            .room(room(1))
            .await
            .expect("read")
            .map(|room| room.overrides),
        Some(changed.overrides.clone())
    );
    let ids = |rows: Vec<(RowKey, Row)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let in_group = ids(listed(store, RowPrefix::MembersOfRoom(room(3))).await);
    let expected = [1, 3, 4].map(|number| RowKey::RoomMember {
        room: room(3),
        user: user(number),
    });
    assert_eq!(in_group, expected);
    let of_second = ids(listed(store, RowPrefix::RoomsOf(user(2))).await);
    assert_eq!(
        of_second,
        [RowKey::RoomOf {
            user: user(2),
            room: room(2)
        }]
    );
    let threads = ids(listed(store, RowPrefix::ThreadsOf(room(1))).await);
    assert_eq!(
        threads,
        [RowKey::Thread {
            parent: room(1),
            room: room(4)
        }]
    );

    append_all(
        fixture,
        StreamId::Room(room(1)),
        vec![Fact::RoomDeleted { room: changed }],
    )
    .await;
    let store = fixture.store();
    assert!(listed(store, RowPrefix::ChannelsOf(guild(1))).await.is_empty());
    let gone = store.room(room(1)).await.expect("read").expect("a trace stays");
    assert_eq!(gone.deleted_at, Some(Fixture::START));
    fixture.reopen().await;
}

/// Profiles, following and blocking.
pub async fn rows_follow_what_people_want(fixture: &mut Fixture) {
    let created = Fact::UserCreated {
        name: "minji".to_owned(),
    };
    let changed = User {
        display_name: Some("Minji".to_owned()),
        bio: "hello".to_owned(),
        colour: Some(1),
        ..User::new("minji".to_owned(), Fixture::START)
    };
    let facts = vec![
        created,
        Fact::UserChanged {
            user: changed.clone(),
        },
        Fact::FollowChanged {
            user: user(2),
            on: true,
        },
        Fact::FollowChanged {
            user: user(3),
            on: true,
        },
        Fact::FollowChanged {
            user: user(2),
            on: false,
        },
        Fact::BlockChanged {
            user: user(4),
            on: true,
        },
        Fact::BlockChanged {
            user: user(5),
            on: true,
        },
        Fact::BlockChanged {
            user: user(4),
            on: false,
        },
    ];
    append_all(fixture, StreamId::User(user(1)), facts).await;
    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!(store.user(user(1)).await.expect("read"), Some(changed));
    let ids = |rows: Vec<(RowKey, Row)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let followed = ids(listed(store, RowPrefix::FollowedBy(user(1))).await);
    assert_eq!(
        followed,
        [RowKey::Follow {
            user: user(1),
            followed: user(3)
        }]
    );
    let followers = ids(listed(store, RowPrefix::FollowersOf(user(3))).await);
    assert_eq!(
        followers,
        [RowKey::Follower {
            user: user(3),
            follower: user(1)
        }]
    );
    assert!(listed(store, RowPrefix::FollowersOf(user(2))).await.is_empty());
    let blocked = ids(listed(store, RowPrefix::BlockedBy(user(1))).await);
    assert_eq!(
        blocked,
        [RowKey::Block {
            user: user(1),
            blocked: user(5)
        }]
    );
}

/// Whoever is called by name or answered finds the message in the inbox, the newest first; many at once cost one row.
pub async fn inboxes_hold_what_calls_by_name(fixture: &mut Fixture) {
    fixture
        .writer()
        .create_room(guild(1), room(1))
        .await
        .expect("made");
    let stream = StreamId::Room(room(1));
    append_all(fixture, stream, vec![calling(&[2, 3], false)]).await;
    fixture.clock().advance(std::time::Duration::from_secs(5));
    let answer = Fact::MessagePosted {
        author: user(4),
        text: "yes".to_owned(),
        reply_to: Some(1),
        reply_to_author: Some(user(2)),
        mentions: Mentions::default(),
        system: None,
    };
    let told = Fact::MessagePosted {
        author: user(4),
        text: String::new(),
        reply_to: None,
        reply_to_author: None,
        mentions: Mentions::default(),
        system: Some(SystemMessage::Joined),
    };
    append_all(
        fixture,
        stream,
        vec![answer, told, calling(&[], true), calling(&[], true)],
    )
    .await;
    append_all(
        fixture,
        stream,
        vec![Fact::MessageDeleted { seq: 5, by: user(1) }],
    )
    .await;
    fixture.reopen().await;

    let store = fixture.store();
    let later = Timestamp::from_millis(Fixture::START.as_millis() + 5_000);
    let entry = |at, seq, called| {
        let at = Reverse(at);
        (
            RowKey::Inbox {
                user: user(2),
                at,
                room: room(1),
                seq,
            },
            Row::Inbox(called),
        )
    };
    let inbox = listed(store, RowPrefix::InboxOf(user(2))).await;
    assert_eq!(
        inbox,
        [
            entry(later, 2, Called::Reply),
            entry(Fixture::START, 1, Called::Mention)
        ]
    );
    let wide = listed(store, RowPrefix::WideMentionsOf(room(1))).await;
    let seqs: Vec<_> = wide.into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        seqs,
        [RowKey::WideMention {
            room: room(1),
            seq: 4
        }],
        "the other one was deleted"
    );
    let head = store.head(stream).await.expect("read");
    assert_eq!(
        (head.seq, head.n, head.wide_seq),
        (5, 4, 5),
        "what the server tells does not count"
    );
}

/// Pins come and go, by themselves and with their messages; a thread hangs on its message whatever becomes of it.
pub async fn pins_and_threads_are_told_by_their_messages(fixture: &mut Fixture) {
    fixture
        .writer()
        .create_room(guild(1), room(1))
        .await
        .expect("made");
    for text in ["one", "two", "three"] {
        fixture.writer().post(room(1), text).await.expect("posted");
    }
    let pin = |seq, on| Fact::MessagePinned { seq, on, by: user(1) };
    let facts = vec![
        pin(1, true),
        pin(2, true),
        pin(3, true),
        pin(2, false),
        Fact::ThreadStarted { seq: 3 },
        Fact::MessageDeleted { seq: 3, by: user(1) },
    ];
    append_all(fixture, StreamId::Room(room(1)), facts).await;
    fixture.reopen().await;
    let store = fixture.store();
    let pins = listed(store, RowPrefix::PinsOf(room(1))).await;
    let seqs: Vec<_> = pins.into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        seqs,
        [RowKey::Pin {
            room: room(1),
            seq: 1
        }]
    );
    let message = |seq| async move { store.message(room(1), seq).await.expect("read").expect("there") };
    assert!(message(1).await.pinned_at.is_some());
    assert!(message(2).await.pinned_at.is_none());
    let deleted = message(3).await;
    assert!(deleted.pinned_at.is_none() && deleted.has_thread && deleted.text.is_empty());
    assert!(
        row(
            store,
            RowKey::Pin {
                room: room(1),
                seq: 3
            }
        )
        .await
        .is_none()
    );
}
