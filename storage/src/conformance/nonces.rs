//! Nonces: a retried request is the same message.

use std::time::Duration;

use super::Fixture;
use super::fold::assert_same_event;
use super::support::{self, Refusal, Writer, always, at_once, guild, posted, room, room_created, user};
use super::sweep::sweep_all;
use crate::model::{Commit, Nonce, RoomId, StreamId, Timestamp};
use crate::{AppendError, Command, Error, NonceUse};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn nonce(number: u64) -> Nonce {
    support::nonce(Fixture::START, number)
}

async fn rev_of(fixture: &Fixture, room: RoomId) -> u64 {
    fixture
        .store()
        .head(StreamId::Room(room))
        .await
        .expect("head")
        .rev
}

/// A retry answers the first event, says so, and appends nothing.
pub async fn nonce_retry_answers_the_same_message(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let first = fixture
        .writer()
        .post_once(room, "once", nonce(1), 1)
        .await
        .expect("posted");
    assert!(!first.replayed);
    fixture.writer().post(room, "in between").await.expect("posted");
    for _ in 0..2 {
        let retry = fixture
            .writer()
            .post_once(room, "once", nonce(1), 1)
            .await
            .expect("replayed");
        assert!(retry.replayed);
        assert_same_event(&retry.commit.event, &first.commit.event);
        assert_eq!(retry.commit.record, first.commit.record);
    }
    assert_eq!(rev_of(fixture, room).await, 3);
}

/// A retry answers whatever the decision says now: it may no longer agree.
pub async fn nonce_retry_decides_nothing(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture
        .writer()
        .post_once(room, "once", nonce(1), 1)
        .await
        .expect("posted");
    let writer = fixture.writer();
    let used = Some(NonceUse {
        nonce: nonce(1),
        fingerprint: 1,
    });
    let command = Command {
        nonce: used,
        ..writer.command(StreamId::Room(room))
    };
    let refuse = |_: &_, _: &_| Err(Refusal::Already);
    let retry = writer.append(command.clone(), refuse).await;
    assert!(retry.expect("replayed").replayed);
    let agree = always(posted(user(1), "twice"));
    let retry = writer.append(command, agree).await.expect("replayed");
    let text = |commit: &Commit| commit.record.as_ref().map(|record| record.text.clone());
    assert_eq!(
        (retry.replayed, text(&retry.commit)),
        (true, Some("once".to_owned()))
    );
    assert_eq!(rev_of(fixture, room).await, 2);
}

/// A retry shows the message as it is now, not as it was.
pub async fn nonce_retry_shows_the_present_message(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture
        .writer()
        .post_once(room, "alpha", nonce(1), 1)
        .await
        .expect("posted");
    fixture.writer().edit(room, 1, "beta").await.expect("edited");
    fixture
        .writer()
        .react(room, 1, "\u{1f980}", true)
        .await
        .expect("reacted");
    let retry = fixture
        .writer()
        .post_once(room, "alpha", nonce(1), 1)
        .await
        .expect("replayed");
    assert!(retry.replayed);
    assert_eq!(retry.commit.event.rev(), 2);
    let record = retry.commit.record.clone().expect("a record");
    assert_eq!(
        (record.text.as_str(), record.rev, record.count_of("\u{1f980}")),
        ("beta", 4, 1)
    );
    assert!(
        !format!("{:?}", retry.commit).contains("alpha"),
        "replaced text is answered"
    );
}

/// A retry of a message that was deleted since answers its tombstone and does not post it again.
pub async fn nonce_retry_does_not_bring_back_a_deleted_message(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture
        .writer()
        .post_once(room, "gone", nonce(1), 1)
        .await
        .expect("posted");
    fixture.writer().delete(room, 1).await.expect("deleted");
    let retry = fixture
        .writer()
        .post_once(room, "gone", nonce(1), 1)
        .await
        .expect("replayed");
    assert!(retry.replayed);
    let record = retry.commit.record.clone().expect("a record");
    assert!(record.deleted.is_some() && record.text.is_empty());
    assert_eq!(rev_of(fixture, room).await, 3);
}

/// Nonces are as durable as the messages.
pub async fn nonce_retry_works_after_reopening(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let first = fixture
        .writer()
        .post_once(room, "once", nonce(1), 1)
        .await
        .expect("posted");
    fixture.reopen().await;
    let retry = fixture
        .writer()
        .post_once(room, "once", nonce(1), 1)
        .await
        .expect("replayed");
    assert!(retry.replayed);
    assert_same_event(&retry.commit.event, &first.commit.event);
    assert_eq!(retry.commit.record, first.commit.record);
    let other = fixture.writer().post_once(room, "other", nonce(1), 2).await;
    assert_eq!(other, Err(AppendError::Store(Error::NonceConflict)));
}

/// Eight requests at once with one nonce append one message, and seven answers say that they are a replay of it.
pub async fn nonce_retries_at_once_append_one_message(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    for number in 1..=8 {
        let tasks = (0..8).map(|_| {
            let writer = fixture.writer();
            async move {
                writer
                    .post_once(room, "once", nonce(number), 1)
                    .await
                    .expect("posted")
            }
        });
        let answers = at_once(tasks).await;
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        assert!(
            answers
                .iter()
                .all(|answer| answer.commit.event.id == answers[0].commit.event.id)
        );
        assert!(
            answers
                .iter()
                .all(|answer| answer.commit.record == answers[0].commit.record)
        );
        assert_eq!(rev_of(fixture, room).await, number + 1);
    }
}

/// A nonce stands for one content.
pub async fn nonce_with_other_content_is_a_conflict(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture
        .writer()
        .post_once(room, "one", nonce(1), 1)
        .await
        .expect("posted");
    let answer = fixture.writer().post_once(room, "two", nonce(1), 2).await;
    assert_eq!(answer, Err(AppendError::Store(Error::NonceConflict)));
    assert_eq!(rev_of(fixture, room).await, 2);
    assert!(
        fixture
            .writer()
            .post_once(room, "one", nonce(1), 1)
            .await
            .expect("replayed")
            .replayed
    );
}

/// Of two contents with one nonce at once, one is appended and every request for the other is a conflict.
pub async fn nonce_with_other_content_at_once_is_a_conflict(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    for number in 1..=4 {
        let tasks = (0..8).map(|task| {
            let (writer, fingerprint) = (fixture.writer(), task % 2);
            async move {
                let answer = writer
                    .post_once(room, &fingerprint.to_string(), nonce(number), fingerprint)
                    .await;
                (fingerprint, answer)
            }
        });
        let (mut kept, mut conflicts) = (Vec::new(), Vec::new());
        for (fingerprint, answer) in at_once(tasks).await {
            match answer {
                Ok(_) => kept.push(fingerprint),
                Err(error) => {
                    assert_eq!(error, AppendError::Store(Error::NonceConflict));
                    conflicts.push(fingerprint);
                }
            }
        }
        assert_eq!((kept.len(), conflicts.len()), (4, 4));
        assert!(
            kept.iter()
                .all(|fingerprint| *fingerprint == kept[0] && !conflicts.contains(fingerprint))
        );
        assert_eq!(rev_of(fixture, room).await, number + 1);
    }
}

/// Everybody's nonces are their own, and so are the server's.
pub async fn nonce_of_another_actor_is_another_nonce(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    for number in 1..=3 {
        let writer = fixture.writer().by(user(number));
        let answer = writer
            .post_once(room, "hello", nonce(1), number as u64)
            .await
            .expect("posted");
        assert!(!answer.replayed);
    }
    let writer = fixture.writer();
    let used = Some(NonceUse {
        nonce: nonce(1),
        fingerprint: 4,
    });
    let command = Command {
        actor: None,
        nonce: used,
        ..writer.command(StreamId::Room(room))
    };
    let answer = writer
        .append(command, support::always(posted(user(1), "by the server")))
        .await;
    assert!(!answer.expect("posted").replayed);
    assert_eq!(rev_of(fixture, room).await, 5);
}

/// A nonce says nothing about another stream.
pub async fn nonce_in_another_stream_is_another_nonce(fixture: &mut Fixture) {
    let here = fixture.make_room().await;
    fixture
        .writer()
        .create_room(guild(1), room(2))
        .await
        .expect("made");
    for (room, fingerprint) in [(here, 1), (room(2), 2)] {
        let answer = fixture
            .writer()
            .post_once(room, "hello", nonce(1), fingerprint)
            .await
            .expect("posted");
        assert!(!answer.replayed);
    }
    for (room, fingerprint) in [(here, 1), (room(2), 2)] {
        let answer = fixture
            .writer()
            .post_once(room, "hello", nonce(1), fingerprint)
            .await
            .expect("replayed");
        assert!(answer.replayed);
        assert_eq!(answer.commit.event.stream, StreamId::Room(room));
    }
}

/// Nonces serve every kind of event; one that is about no message comes without one.
pub async fn nonce_makes_a_room_once(fixture: &mut Fixture) {
    let make = |writer: Writer| async move {
        let used = Some(NonceUse {
            nonce: nonce(1),
            fingerprint: 1,
        });
        let command = Command {
            nonce: used,
            ..writer.command(StreamId::Room(room(1)))
        };
        writer
            .append(command, support::always(room_created(guild(1), "a room")))
            .await
            .expect("made")
    };
    let first = make(fixture.writer()).await;
    let retry = make(fixture.writer()).await;
    assert_eq!((first.replayed, retry.replayed), (false, true));
    assert_same_event(&retry.commit.event, &first.commit.event);
    assert_eq!((&first.commit.record, &retry.commit.record), (&None, &None));
}

/// A nonce from outside its window is refused, also when it was used while it was inside.
pub async fn nonce_outside_its_time_is_refused(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let start = Fixture::START.as_millis();
    let made_at = |millis| support::nonce(Timestamp::from_millis(millis), 1);
    let (oldest, newest) = (
        made_at(start - Nonce::MAX_AGE_MS),
        made_at(start + Nonce::MAX_AHEAD_MS),
    );
    for usable in [oldest, newest] {
        fixture
            .writer()
            .post_once(room, "inside", usable, 1)
            .await
            .expect("posted");
    }
    for unusable in [
        made_at(start - Nonce::MAX_AGE_MS - 1),
        made_at(start + Nonce::MAX_AHEAD_MS + 1),
    ] {
        let answer = fixture.writer().post_once(room, "outside", unusable, 1).await;
        assert_eq!(answer, Err(AppendError::Store(Error::NonceExpired)));
    }
    fixture.clock().advance(Duration::from_millis(1));
    let answer = fixture.writer().post_once(room, "inside", oldest, 1).await;
    assert_eq!(answer, Err(AppendError::Store(Error::NonceExpired)));
    assert!(
        fixture
            .writer()
            .post_once(room, "inside", newest, 1)
            .await
            .expect("replayed")
            .replayed
    );
    assert_eq!(rev_of(fixture, room).await, 3);
}

/// No sweep forgets a nonce that may still be used.
pub async fn nonce_is_remembered_until_it_expires(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture
        .writer()
        .post_once(room, "once", nonce(1), 1)
        .await
        .expect("posted");
    for _ in 0..48 {
        fixture.clock().advance(HOUR);
        sweep_all(fixture).await;
        assert!(
            fixture
                .writer()
                .post_once(room, "once", nonce(1), 1)
                .await
                .expect("replayed")
                .replayed
        );
    }
    fixture.clock().advance(HOUR * 30);
    sweep_all(fixture).await;
    let answer = fixture.writer().post_once(room, "once", nonce(1), 1).await;
    assert_eq!(answer, Err(AppendError::Store(Error::NonceExpired)));
    assert_eq!(rev_of(fixture, room).await, 2);
}

/// A request that appended nothing leaves its nonce free for the next try.
pub async fn nonce_of_what_did_not_happen_stays_free(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let writer = fixture.writer();
    let command = |fingerprint| {
        let used = Some(NonceUse {
            nonce: nonce(1),
            fingerprint,
        });
        Command {
            nonce: used,
            ..writer.command(StreamId::Room(room))
        }
    };
    let refused = writer.append(command(1), |_, _| Err(Refusal::Already)).await;
    assert_eq!(refused, Err(AppendError::Refused(Refusal::Already)));
    let invalid = writer
        .append(command(2), support::always(room_created(guild(1), "again")))
        .await;
    assert!(
        matches!(invalid, Err(AppendError::Store(Error::InvalidFact(_)))),
        "{invalid:?}"
    );
    let third = writer
        .append(command(3), support::always(posted(user(1), "now")))
        .await;
    assert!(!third.expect("posted").replayed);
}
