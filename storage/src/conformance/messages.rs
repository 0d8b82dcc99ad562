//! Messages: what edits, deletions and reactions make of them, and long ones.

use super::Fixture;
use super::fold::{all_messages, all_rows};
use super::support::{
    Refusal, Writer, at_once, guild, long_text, message_key, posted, reaction_key, room, tombstone, user,
};
use crate::model::{
    Deletion, Draft, Fact, MessageRecord, Reaction, RoomId, Row, RowKey, RowPrefix, Sealed, StreamId, UserId,
};
use crate::{Anchor, AppendError, Store};

const CRAB: &str = "\u{1f980}";
const TEA: &str = "\u{1f375}";

async fn message(fixture: &Fixture, room: RoomId, seq: u64) -> MessageRecord {
    fixture
        .store()
        .message(room, seq)
        .await
        .expect("read")
        .expect("there")
}

fn reactors(room: RoomId, emoji: &str) -> RowPrefix {
    RowPrefix::ReactionsOf {
        room,
        seq: 1,
        emoji: emoji.to_owned(),
    }
}

async fn users_with(store: &Store, prefix: &RowPrefix, limit: usize) -> Vec<UserId> {
    let rows = all_rows(store, prefix, limit).await;
    rows.into_iter()
        .map(|(key, _)| match key {
            RowKey::Reaction { user, .. } => user,
            other => panic!("{other:?} in a list of reactions"),
        })
        .collect()
}

/// Who has the answer of an append reads what follows from it.
pub async fn message_is_there_with_its_answer(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let tasks = (1..=16).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move {
            for text in ["one", "two", "three"] {
                let commit = writer.post(room, text).await.expect("posted").commit;
                let record = writer
                    .store()
                    .message(room, commit.event.head.seq)
                    .await
                    .expect("read");
                assert_eq!(record.as_ref(), commit.record.as_deref());
                assert!(
                    writer.store().head(StreamId::Room(room)).await.expect("head").rev >= commit.event.rev()
                );
            }
        }
    });
    at_once(tasks).await;
}

/// A record's `rev` is the event that changed it last, reactions included.
pub async fn message_rev_is_its_last_change(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let writer = fixture.writer();
    writer.post_all(room, 1..3).await;
    assert_eq!(
        (
            message(fixture, room, 1).await.rev,
            message(fixture, room, 2).await.rev
        ),
        (2, 3)
    );
    writer.edit(room, 1, "new").await.expect("edited");
    assert_eq!(message(fixture, room, 1).await.rev, 4);
    writer.react(room, 1, CRAB, true).await.expect("reacted");
    assert_eq!(message(fixture, room, 1).await.rev, 5);
    writer.react(room, 1, CRAB, false).await.expect("taken back");
    assert_eq!(message(fixture, room, 1).await.rev, 6);
    writer.delete(room, 1).await.expect("deleted");
    assert_eq!(
        (
            message(fixture, room, 1).await.rev,
            message(fixture, room, 2).await.rev
        ),
        (7, 3)
    );
}

/// An edit replaces the text and says when; all else of the message stays.
pub async fn message_edit_replaces_the_text_only(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let reply = Fact::MessagePosted {
        author: user(1),
        text: "before".to_owned(),
        reply_to: Some(1),
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    };
    fixture
        .writer()
        .fact(StreamId::Room(room), reply)
        .await
        .expect("posted");
    fixture
        .writer()
        .react(room, 1, CRAB, true)
        .await
        .expect("reacted");
    let before = message(fixture, room, 1).await;
    let later = Fixture::START.plus_millis(1_000);
    fixture.clock().set(later);
    fixture
        .writer()
        .by(user(2))
        .edit(room, 1, "after")
        .await
        .expect("edited");
    let expected = MessageRecord {
        text: "after".to_owned(),
        edited_at: Some(later),
        rev: 4,
        ..before
    };
    assert_eq!(message(fixture, room, 1).await, expected);
    assert_eq!((expected.author, expected.at), (user(1), Fixture::START));
}

/// A reaction counts once per person and emoji, and can be taken back and put on again.
pub async fn reaction_counts_once_per_person_and_emoji(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "hello").await.expect("posted");
    for number in 1..=3 {
        fixture
            .writer()
            .by(user(number))
            .react(room, 1, CRAB, true)
            .await
            .expect("reacted");
    }
    let writer = fixture.writer();
    let already = Err(AppendError::Refused(Refusal::Already));
    assert_eq!(writer.react(room, 1, CRAB, true).await, already);
    writer.react(room, 1, TEA, true).await.expect("reacted");
    let record = message(fixture, room, 1).await;
    let counts: Vec<_> = record
        .reactions
        .iter()
        .map(|reaction| (reaction.emoji.as_str(), reaction.count))
        .collect();
    assert_eq!(
        counts,
        [(CRAB, 3), (TEA, 1)],
        "emoji stand in the order of their first appearance"
    );

    writer.react(room, 1, TEA, false).await.expect("taken back");
    writer.react(room, 1, CRAB, false).await.expect("taken back");
    assert_eq!(writer.react(room, 1, CRAB, false).await, already);
    let record = message(fixture, room, 1).await;
    assert_eq!(
        (record.count_of(CRAB), record.reactions.len()),
        (2, 1),
        "a count of 0 is left out"
    );
    assert_eq!(
        users_with(fixture.store(), &reactors(room, CRAB), 10).await,
        [user(2), user(3)]
    );
    writer.react(room, 1, CRAB, true).await.expect("put on again");
    assert_eq!(message(fixture, room, 1).await.count_of(CRAB), 3);
}

/// Whoever reacts at once is counted, and listed in order, in pages of every size.
pub async fn reaction_counts_everybody_at_once(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "hello").await.expect("posted");
    let tasks = (1..=24).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move {
            writer.react(room, 1, CRAB, true).await.expect("reacted");
            if number % 4 == 0 {
                writer.react(room, 1, CRAB, false).await.expect("taken back");
            }
        }
    });
    at_once(tasks).await;
    assert_eq!(message(fixture, room, 1).await.count_of(CRAB), 18);
    let expected: Vec<_> = (1..=24).filter(|number| number % 4 != 0).map(user).collect();
    for limit in [1, 4, 17, 18, 19, 1_000] {
        assert_eq!(
            users_with(fixture.store(), &reactors(room, CRAB), limit).await,
            expected
        );
    }
}

/// The list of one emoji has nothing of an emoji that begins or ends like it, nor of another message.
pub async fn reaction_lists_keep_emoji_apart(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 1..4).await;
    // A woman, a woman technologist (the first, joined with more), and the technologist with a skin tone between.
    let similar = [
        "\u{1f469}",
        "\u{1f469}\u{200d}\u{1f4bb}",
        "\u{1f469}\u{1f3fd}\u{200d}\u{1f4bb}",
        "\u{1f4bb}",
    ];
    for (number, emoji) in (1..).zip(similar) {
        fixture
            .writer()
            .by(user(number))
            .react(room, 1, emoji, true)
            .await
            .expect("reacted");
        fixture
            .writer()
            .by(user(number + 10))
            .react(room, 2, emoji, true)
            .await
            .expect("reacted");
    }
    for (number, emoji) in (1..).zip(similar) {
        assert_eq!(
            users_with(fixture.store(), &reactors(room, emoji), 10).await,
            [user(number)],
            "{emoji}"
        );
        assert_eq!(message(fixture, room, 1).await.count_of(emoji), 1);
        let row = fixture
            .store()
            .rows(&[reaction_key(room, 1, emoji, user(number))])
            .await
            .expect("rows");
        assert_eq!(row, [Some(Row::Reaction(Reaction { at: Fixture::START }))]);
    }
}

/// A deleted message leaves a tombstone: its number, its author and who deleted it, but no text and no reactions.
pub async fn deletion_leaves_a_tombstone(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 1..4).await;
    fixture
        .writer()
        .react(room, 2, CRAB, true)
        .await
        .expect("reacted");
    fixture.writer().edit(room, 2, "new").await.expect("edited");
    let before = message(fixture, room, 2).await;
    let at = Fixture::START.plus_millis(7);
    fixture.clock().set(at);
    let commit = fixture
        .writer()
        .by(user(9))
        .delete(room, 2)
        .await
        .expect("deleted")
        .commit;
    let expected = tombstone(&before, 7, Deletion { at, by: user(9) });
    assert_eq!(commit.record.as_deref(), Some(&expected));
    assert_eq!(message(fixture, room, 2).await, expected);
    fixture.reopen().await;
    assert_eq!(message(fixture, room, 2).await, expected);
}

/// A deletion lowers no count, and the head remembers the highest number ever deleted.
pub async fn deletion_moves_the_head_and_lowers_nothing(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 1..6).await;
    let mut deleted = Vec::new();
    for seq in [2, 4, 1, 3] {
        let head = fixture
            .writer()
            .delete(room, seq)
            .await
            .expect("deleted")
            .commit
            .event
            .head;
        assert_eq!((head.seq, head.n), (5, 5));
        assert_eq!(
            fixture.store().head(StreamId::Room(room)).await.expect("head"),
            head
        );
        deleted.push(head.deleted_seq);
    }
    assert_eq!(deleted, [2, 4, 4, 4]);
    let after = fixture.writer().post(room, "next").await.expect("posted").commit;
    assert_eq!((after.event.head.seq, after.event.head.n), (6, 6));
    let counted: Vec<u64> = all_messages(fixture.store(), room)
        .await
        .iter()
        .map(|record| record.n)
        .collect();
    assert_eq!(counted, [1, 2, 3, 4, 5, 6]);
}

/// Long texts, with characters of every length, come back whole: as answer, message, event, page, and reopened.
pub async fn long_message_is_kept_whole(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let lengths = [4_000, 4_095, 4_096, 4_097, 8_192, 12_289, 16_383, 16_384];
    let texts: Vec<String> = lengths
        .iter()
        .map(|bytes| long_text(*bytes, &bytes.to_string()))
        .collect();
    for text in &texts {
        let commit = fixture.writer().post(room, text).await.expect("posted").commit;
        assert_eq!(commit.record.as_ref().map(|record| &record.text), Some(text));
    }
    for reopened in [false, true] {
        if reopened {
            fixture.reopen().await;
        }
        let page = fixture
            .store()
            .history(room, Anchor::Latest, 50)
            .await
            .expect("a page")
            .messages;
        let commits = fixture
            .store()
            .events(StreamId::Room(room), 1, 50)
            .await
            .expect("events")
            .commits;
        assert_eq!((page.len(), commits.len()), (texts.len(), texts.len()));
        for ((text, record), commit) in texts.iter().zip(&page).zip(&commits) {
            assert!(
                record.text == *text && commit.record.as_deref() == Some(record),
                "{} bytes",
                text.len()
            );
        }
    }
}

/// A message may become long, short and long again; nothing of a longer text before stays in a shorter one.
pub async fn long_message_may_shrink_and_grow(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture
        .writer()
        .post(room, &long_text(16_384, "first"))
        .await
        .expect("posted");
    fixture
        .writer()
        .post(room, "the neighbour")
        .await
        .expect("posted");
    let texts = [
        "short".to_owned(),
        long_text(16_384, "second"),
        long_text(5_000, "third"),
        long_text(9_000, "fourth"),
        String::new(),
        long_text(16_384, "fifth"),
    ];
    for text in &texts {
        fixture.writer().edit(room, 1, text).await.expect("edited");
        assert_eq!(message(fixture, room, 1).await.text, *text);
        fixture.reopen().await;
        assert_eq!(message(fixture, room, 1).await.text, *text);
        assert_eq!(message(fixture, room, 2).await.text, "the neighbour");
    }
    fixture.writer().delete(room, 1).await.expect("deleted");
    assert_eq!(message(fixture, room, 1).await.text, "");
}

/// A long message with twenty kinds of reactions keeps both, and each change of it.
pub async fn long_message_may_have_many_reactions(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let text = long_text(16_384, "loved");
    fixture.writer().post(room, &text).await.expect("posted");
    let emoji: Vec<String> = ('\u{1f980}'..='\u{1f993}').map(String::from).collect();
    assert_eq!(emoji.len(), 20);
    for (number, emoji) in (1..).zip(&emoji) {
        fixture
            .writer()
            .by(user(number))
            .react(room, 1, emoji, true)
            .await
            .expect("reacted");
        fixture
            .writer()
            .by(user(100))
            .react(room, 1, emoji, true)
            .await
            .expect("reacted");
    }
    fixture.reopen().await;
    let record = message(fixture, room, 1).await;
    assert_eq!((record.text == text, record.reactions.len()), (true, 20));
    assert!(emoji.iter().all(|emoji| record.count_of(emoji) == 2));
    fixture.writer().edit(room, 1, "short").await.expect("edited");
    let record = message(fixture, room, 1).await;
    assert_eq!((record.text.as_str(), record.reactions.len()), ("short", 20));
}

/// Long messages written at once do not mix.
pub async fn long_messages_at_once_do_not_mix(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let tasks = (1..=8).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move { post_and_edit_long(&writer, room, number).await }
    });
    for (seq, text) in at_once(tasks).await {
        assert!(message(fixture, room, seq).await.text == text, "message {seq}");
    }
}

async fn post_and_edit_long(writer: &Writer, room: RoomId, number: u128) -> (u64, String) {
    let commit = writer
        .post(room, &long_text(12_000, &format!("first {number}")))
        .await
        .expect("posted")
        .commit;
    let seq = commit.event.head.seq;
    let text = long_text(16_384, &format!("second {number}"));
    writer.edit(room, seq, &text).await.expect("edited");
    (seq, text)
}

/// Everything with a text of its own may be long: topics, names, and reasons that only the audit reads.
pub async fn long_values_are_kept_everywhere(fixture: &mut Fixture) {
    let (topic, reason) = (long_text(16_384, "topic"), long_text(9_000, "reason"));
    let made = Fact::channel_created(guild(1), long_text(5_000, "name"), topic.clone());
    fixture
        .writer()
        .fact(StreamId::Room(room(1)), made.clone())
        .await
        .expect("made");
    let draft = Draft {
        fact: posted(user(1), "hello"),
        sealed: Some(Sealed {
            reason: reason.clone(),
            details: Default::default(),
        }),
    };
    let sealed = draft.sealed.clone();
    let writer = fixture.writer();
    let command = writer.command(StreamId::Room(room(1)));
    writer
        .append(command, move |_, _| Ok(draft.clone()))
        .await
        .expect("posted");
    drop(writer);
    fixture.reopen().await;
    let commits = fixture
        .store()
        .events(StreamId::Room(room(1)), 0, 10)
        .await
        .expect("events")
        .commits;
    assert!(commits[0].event.fact == made && commits[1].event.sealed == sealed);
    assert!(
        fixture
            .store()
            .room(room(1))
            .await
            .expect("read")
            .expect("there")
            .topic
            == topic
    );
    let rows = fixture
        .store()
        .rows(&[RowKey::Room(room(1)), message_key(room(1), 1)])
        .await
        .expect("rows");
    assert!(matches!(&rows[..], [Some(Row::Room(row)), Some(Row::Message(_))] if row.topic == topic));
}
