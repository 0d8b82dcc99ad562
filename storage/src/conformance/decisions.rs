//! Decisions: what they are shown, what becomes of a refusal, and who wins a race.

use super::Fixture;
use super::support::{
    Refusal, always, at_once, guild, live_message, message_key, posted, reaction_key, room, user,
};
use crate::model::{Deletion, Fact, Head, RowKey, Rows, StreamId};
use crate::{AppendError, Command, Error};

/// Sixteen writers count upwards in one message's text: each decision is shown the head and the message of the very
/// same event, or a step of the count would be lost.
pub async fn decision_sees_rows_at_exactly_the_head(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "0").await.expect("posted");
    let tasks = (1..=16).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move {
            for _ in 0..8 {
                let count_on = move |head: &Head, rows: &Rows| {
                    let record = live_message(rows, room, 1)?;
                    if record.rev != head.rev || record.text != (head.rev - 2).to_string() {
                        return Err(Refusal::Inconsistent(format!("{record:?} at {head:?}")));
                    }
                    Ok(Fact::MessageEdited {
                        seq: 1,
                        text: (head.rev - 1).to_string(),
                        keeps: false,
                    }
                    .into())
                };
                writer
                    .append(writer.about(room, 1), count_on)
                    .await
                    .expect("counted");
            }
        }
    });
    at_once(tasks).await;
    let record = fixture
        .store()
        .message(room, 1)
        .await
        .expect("read")
        .expect("there");
    assert_eq!((record.text.as_str(), record.rev), ("128", 130));
}

/// The rows that a command names are shown when they exist, and are absent when they do not.
pub async fn decision_sees_the_rows_that_it_names(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 0..2).await;
    fixture
        .writer()
        .react(room, 2, "\u{1f980}", true)
        .await
        .expect("reacted");
    let there = [
        RowKey::Room(room),
        message_key(room, 1),
        message_key(room, 2),
        reaction_key(room, 2, "\u{1f980}", user(1)),
    ];
    let missing = [
        message_key(room, 3),
        reaction_key(room, 2, "\u{1f980}", user(2)),
        reaction_key(room, 1, "\u{1f980}", user(1)),
        RowKey::Channel {
            guild: guild(2),
            room,
        },
    ];
    let writer = fixture.writer();
    let rows = there.iter().chain(&missing).cloned().collect();
    let command = Command {
        rows,
        ..writer.command(StreamId::Room(room))
    };
    let look = move |head: &Head, rows: &Rows| {
        let right = head.rev == 4
            && there.iter().all(|key| rows.contains(key))
            && !missing.iter().any(|key| rows.contains(key));
        if right {
            Ok(posted(user(1), "seen").into())
        } else {
            Err(Refusal::Inconsistent(format!("{rows:?}")))
        }
    };
    writer
        .append(command, look)
        .await
        .expect("the rows are as they should be");
}

/// What a change needs is read whether or not the decision wanted to see it.
pub async fn decision_need_not_name_what_its_fact_changes(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "before").await.expect("posted");
    let edit = Fact::MessageEdited {
        seq: 1,
        text: "after".to_owned(),
        keeps: false,
    };
    fixture
        .writer()
        .fact(StreamId::Room(room), edit)
        .await
        .expect("edited");
    assert_eq!(
        fixture
            .store()
            .message(room, 1)
            .await
            .expect("read")
            .expect("there")
            .text,
        "after"
    );
}

/// A refusal answers the caller's own reason and leaves no trace.
pub async fn decision_refusal_answers_its_reason_and_writes_nothing(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let (before, told) = (
        fixture.store().head(StreamId::Room(room)).await.expect("head"),
        fixture.sink().told(),
    );
    for reason in ["because", "because not"] {
        let reason = Refusal::Inconsistent(reason.to_owned());
        let refuse = reason.clone();
        let writer = fixture.writer();
        let command = writer.command(StreamId::Room(room));
        let answer = writer.append(command, move |_, _| Err(refuse.clone())).await;
        assert_eq!(answer, Err(AppendError::Refused(reason)));
    }
    assert_eq!(
        fixture.writer().edit(room, 1, "nothing").await,
        Err(AppendError::Refused(Refusal::NoMessage))
    );
    assert_eq!(
        fixture.store().head(StreamId::Room(room)).await.expect("head"),
        before
    );
    assert_eq!(fixture.sink().told(), told);
    let empty = StreamId::Room(self::room(2));
    let writer = fixture.writer();
    let answer = writer
        .append(writer.command(empty), |_, _| Err(Refusal::Already))
        .await;
    assert_eq!(answer, Err(AppendError::Refused(Refusal::Already)));
    assert!(!fixture.store().head(empty).await.expect("head").exists());
}

/// An edit that races a deletion comes before it or is refused; it never brings a deleted text back.
pub async fn decision_never_edits_behind_a_deletion(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    for seq in 1..=20 {
        fixture.writer().post(room, "first").await.expect("posted");
        let editors = (2..=4).map(|number| (fixture.writer().by(user(number)), false));
        let tasks = editors
            .chain([(fixture.writer(), true)])
            .map(|(writer, deletes)| async move {
                let answer = if deletes {
                    writer.delete(room, seq).await
                } else {
                    writer.edit(room, seq, "new").await
                };
                (deletes, answer)
            });
        let (mut deleted_at, mut edits) = (None, Vec::new());
        for (deletes, answer) in at_once(tasks).await {
            match answer {
                Ok(appended) if deletes => deleted_at = Some(appended.commit.event.head),
                Ok(appended) => edits.push(appended.commit.event.rev()),
                Err(error) => assert_eq!(error, AppendError::Refused(Refusal::Deleted)),
            }
        }
        let deleted = deleted_at.expect("the deletion is never refused");
        assert!(
            edits.iter().all(|rev| *rev < deleted.rev),
            "{edits:?} behind {deleted:?}"
        );
        let record = fixture
            .store()
            .message(room, seq)
            .await
            .expect("read")
            .expect("there");
        assert_eq!(
            record.deleted,
            Some(Deletion {
                at: deleted.at,
                by: user(1)
            })
        );
        assert_eq!((record.text.as_str(), record.rev), ("", deleted.rev));
    }
}

/// Of sixteen who do what can be done once, one does it and the others are refused from fresh rows.
pub async fn decision_lets_one_of_many_win(fixture: &mut Fixture) {
    let owner = fixture.writer().by(user(2));
    owner.create_guild(guild(1)).await.expect("made");
    let tasks = (0..16).map(|_| {
        let writer = fixture.writer();
        async move { writer.join(guild(1)).await }
    });
    let answers = at_once(tasks).await;
    let winners = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(winners, 1);
    let refused = Err(AppendError::Refused(Refusal::Already));
    assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 15);
    assert_eq!(
        fixture
            .store()
            .head(StreamId::Guild(guild(1)))
            .await
            .expect("head")
            .rev,
        2
    );
}

/// 16 rows may be named; a 17th is over the limit, and nothing is decided.
pub async fn decision_names_at_most_16_rows(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 0..17).await;
    let writer = fixture.writer();
    let named = |count: u64| {
        let rows = (1..=count).map(|seq| message_key(room, seq)).collect();
        Command {
            rows,
            ..writer.command(StreamId::Room(room))
        }
    };
    let all_shown = move |_: &Head, rows: &Rows| {
        let shown = (1..=16).all(|seq| rows.contains(&message_key(room, seq)));
        if shown {
            Ok(posted(user(1), "sixteen").into())
        } else {
            Err(Refusal::NoMessage)
        }
    };
    writer
        .append(named(16), all_shown)
        .await
        .expect("16 rows are shown");
    let answer = writer.append(named(17), |_, _| Err(Refusal::Already)).await;
    let too_large = matches!(
        answer,
        Err(AppendError::Store(Error::TooLarge {
            limit: Command::MAX_ROWS,
            ..
        }))
    );
    assert!(too_large, "{answer:?}");
    assert_eq!(
        fixture
            .store()
            .head(StreamId::Room(room))
            .await
            .expect("head")
            .rev,
        19
    );
}

/// Rows of another stream cannot be shown as of this stream's head, so naming one is a defect of the caller.
pub async fn decision_names_rows_of_its_stream_only(fixture: &mut Fixture) {
    let here = fixture.make_room().await;
    let there = room(2);
    fixture.writer().create_room(guild(1), there).await.expect("made");
    fixture.writer().post_all(there, 0..1).await;
    let foreign = [
        message_key(there, 1),
        RowKey::Guild(guild(1)),
        RowKey::Instance,
        RowKey::Channel {
            guild: guild(1),
            room: there,
        },
        RowKey::Member {
            guild: guild(1),
            user: user(1),
        },
    ];
    for key in foreign {
        let writer = fixture.writer();
        let rows = vec![RowKey::Room(here), key.clone()];
        let command = Command {
            rows,
            ..writer.command(StreamId::Room(here))
        };
        let answer = writer.append(command, always(posted(user(1), "no"))).await;
        assert!(
            matches!(answer, Err(AppendError::Store(Error::InvalidFact(_)))),
            "{key:?}: {answer:?}"
        );
    }
    assert_eq!(
        fixture
            .store()
            .head(StreamId::Room(here))
            .await
            .expect("head")
            .rev,
        1
    );
}
