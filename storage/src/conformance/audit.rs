//! The audit: an index over the events that have a sealed part, by the guild that they concern.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Fixture;
use super::support::{guild, room, user};
use crate::Command;
use crate::model::{
    Audited, Draft, EventId, Fact, Head, Room, RoomKind, Row, RowKey, RowPrefix, Rows, Sealed, StreamId,
    TargetId,
};

async fn append(fixture: &Fixture, stream: StreamId, fact: Fact, sealed: Option<Sealed>) {
    let command = Command {
        stream,
        event_id: EventId::from_u128(fixture.env().next_id()),
        actor: Some(user(1)),
        access_rev: 0,
        nonce: None,
        rows: Vec::new(),
    };
    let decide = move |_: &Head, _: &Rows| {
        Ok::<_, ()>(Draft {
            fact: fact.clone(),
            sealed: sealed.clone(),
        })
    };
    fixture.store().append(command, decide).await.expect("appended");
}

/// Events with a sealed part are listed for their guild, the newest first; posts and what has none are not.
pub async fn sealed_events_are_found_by_their_guild(fixture: &mut Fixture) {
    let why = |guild: Option<&str>| {
        let details = guild.map(|guild| (Sealed::GUILD.to_owned(), guild.to_owned()));
        Some(Sealed {
            reason: "because".to_owned(),
            details: details.into_iter().collect::<BTreeMap<_, _>>(),
        })
    };
    let (of_guild, of_room) = (StreamId::Guild(guild(1)), StreamId::Room(room(1)));
    let name = "a".to_owned();
    let owner = user(1);
    append(fixture, of_guild, Fact::GuildCreated { name, owner }, None).await;
    let left = Fact::MemberLeft {
        user: user(2),
        kicked_by: Some(user(1)),
    };
    append(fixture, of_guild, left, why(None)).await;
    let created = Fact::channel_created(guild(1), "a", "");
    append(fixture, of_room, created, why(None)).await;
    append(
        fixture,
        of_room,
        Fact::posted(user(2), "text"),
        why(Some(&guild(1).to_string())),
    )
    .await;
    let deleted = Fact::MessageDeleted { seq: 1, by: user(1) };
    append(fixture, of_room, deleted, why(Some(&guild(1).to_string()))).await;
    // Of no guild: a conversation.
    let kind = RoomKind::Group { owner: user(1) };
    let group = Room::new(kind, String::new(), String::new());
    let created = Fact::RoomCreated {
        room: group,
        members: vec![user(1)],
    };
    append(fixture, StreamId::Room(room(2)), created, why(None)).await;
    fixture.reopen().await;

    let list = RowPrefix::AuditOf(guild(1));
    let page = fixture.store().list_rows(&list, None, 10).await.expect("listed");
    let found: Vec<(StreamId, u64, Audited)> = page
        .rows
        .into_iter()
        .filter_map(|(key, row)| match (key, row) {
            (
                RowKey::Audit {
                    stream,
                    rev: Reverse(rev),
                    ..
                },
                Row::Audit(audited),
            ) => Some((stream, rev, audited)),
            _ => None,
        })
        .collect();
    let entry = |kind: &str, target: u128| Audited {
        actor: Some(user(1)),
        kind: kind.to_owned(),
        target: Some(TargetId::from_u128(target)),
    };
    let mut expected = [
        (of_guild, 2, entry("member.left", 2)),
        (of_room, 1, entry("room.created", 1)),
        (of_room, 3, entry("message.deleted", 1)),
    ];
    // The fixture's clock may stand still: then streams decide.
    let mut sorted = found.clone();
    sorted.sort_by_key(|(stream, rev, _)| (*stream, *rev));
    expected.sort_by_key(|(stream, rev, _)| (*stream, *rev));
    assert_eq!(sorted, expected);
    let of_the_room: Vec<u64> = found
        .iter()
        .filter(|(stream, ..)| *stream == of_room)
        .map(|(_, rev, _)| *rev)
        .collect();
    assert_eq!(of_the_room, [3, 1], "the newest first");
    let second = fixture
        .store()
        .list_rows(&RowPrefix::AuditOf(guild(2)), None, 10)
        .await
        .expect("listed");
    assert!(second.rows.is_empty());
}

/// The details of a sealed part may be called anything, whatever such characters mean to a database.
pub async fn sealed_details_may_have_any_names(fixture: &mut Fixture) {
    let stream = StreamId::Guild(guild(1));
    let (name, owner) = ("a".to_owned(), user(1));
    append(fixture, stream, Fact::GuildCreated { name, owner }, None).await;
    let names = [
        "a.b",
        "$set",
        "a.$.b",
        "100%",
        "%2E",
        "%252E",
        "\u{b9c8}\u{b2f9}",
        ".",
        "..",
        "$",
    ];
    let details: BTreeMap<String, String> = names
        .iter()
        .map(|name| (name.to_string(), name.to_string()))
        .collect();
    let sealed = Sealed {
        reason: "$because. 100%".to_owned(),
        details,
    };
    let left = Fact::MemberLeft {
        user: user(2),
        kicked_by: Some(user(1)),
    };
    append(fixture, stream, left, Some(sealed.clone())).await;
    let page = fixture.store().events(stream, 1, 1).await.expect("a page");
    let read: Vec<_> = page
        .commits
        .into_iter()
        .map(|commit| commit.event.sealed)
        .collect();
    assert_eq!(read, [Some(sealed)]);
}
