//! Reading events: order, pages, and what a replay shows.

use super::Fixture;
use super::fold::{all_events, assert_same_event};
use super::support::{self, Refusal, at_once, guild, nonce, posted, room, user};
use crate::model::{Draft, Fact, Head, Rows, Sealed, StreamId};
use crate::{Command, Error, MAX_EVENTS_PER_PAGE, NonceUse};

const CRAB: &str = "\u{1f980}";

/// Pages of any size, put together, are the stream: dense and in order.
pub async fn events_page_through_a_stream(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 0..22).await;
    let stream = StreamId::Room(room);
    for limit in [1, 2, 7, 22, 23, 24, MAX_EVENTS_PER_PAGE] {
        let mut revs: Vec<u64> = Vec::new();
        loop {
            let after = revs.last().copied().unwrap_or(0);
            let page = fixture
                .store()
                .events(stream, after, limit)
                .await
                .expect("events");
            assert_eq!(page.head.rev, 23);
            assert_eq!(
                page.commits.len(),
                limit.min(23 - revs.len()),
                "pages are full while there is more"
            );
            if page.commits.is_empty() {
                break;
            }
            revs.extend(page.commits.iter().map(|commit| commit.event.rev()));
        }
        assert_eq!(revs, (1..=23).collect::<Vec<_>>(), "pages of {limit}");
    }
}

/// Where a page starts and how long it is changes nothing about its events, posts or others.
pub async fn events_of_all_kinds_page_from_everywhere(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let writer = fixture.writer();
    for round in 1..=4 {
        writer.post_all(room, 0..round).await;
        writer.edit(room, 1, "other").await.expect("edited");
        writer.react(room, round, CRAB, true).await.expect("reacted");
        writer.post(room, "one more").await.expect("posted");
    }
    writer.delete(room, 2).await.expect("deleted");
    writer.delete(room, 3).await.expect("deleted");
    let stream = StreamId::Room(room);
    let all = all_events(fixture.store(), stream).await;
    assert_eq!(all.len(), 25);
    for after in 0..all.len() {
        for limit in [1, 2, 3, 5, 40] {
            let page = fixture.store().events(stream, after as u64, limit).await;
            let last = all.len().min(after + limit);
            assert_eq!(
                page.expect("events").commits,
                all[after..last],
                "{limit} after {after}"
            );
        }
    }
}

/// Behind the head there is nothing, and a stream without events has none.
pub async fn events_behind_the_head_are_none(fixture: &mut Fixture) {
    let room_id = fixture.make_room().await;
    for after in [1, 2, u64::MAX] {
        let page = fixture
            .store()
            .events(StreamId::Room(room_id), after, 10)
            .await
            .expect("events");
        assert_eq!((page.head.rev, page.commits), (1, Vec::new()));
    }
    for stream in [
        StreamId::Room(room(2)),
        StreamId::Instance,
        StreamId::User(user(1)),
    ] {
        let page = fixture.store().events(stream, 0, 10).await.expect("events");
        assert_eq!((page.head, page.commits), (Head::default(), Vec::new()));
    }
}

/// A stream's page never shows a neighbour's events.
pub async fn events_of_neighbours_stay_apart(fixture: &mut Fixture) {
    let numbers = [0, 1, 2, 255, 256, u128::MAX - 1, u128::MAX];
    for number in numbers {
        fixture
            .writer()
            .create_room(guild(number), room(number))
            .await
            .expect("made");
        fixture.writer().create_guild(guild(number)).await.expect("made");
    }
    for number in numbers {
        fixture
            .writer()
            .post(room(number), &number.to_string())
            .await
            .expect("posted");
    }
    for number in numbers {
        let commits = all_events(fixture.store(), StreamId::Room(room(number))).await;
        let texts: Vec<_> = commits
            .iter()
            .filter_map(|commit| commit.record.as_ref())
            .collect();
        assert_eq!((commits.len(), texts.len()), (2, 1));
        assert_eq!(texts[0].text, number.to_string());
        assert_eq!(
            all_events(fixture.store(), StreamId::Guild(guild(number)))
                .await
                .len(),
            1
        );
    }
}

/// More than a page may hold is an error, not a shorter page.
pub async fn events_page_has_a_limit(fixture: &mut Fixture) {
    let stream = StreamId::Room(fixture.make_room().await);
    let answer = fixture.store().events(stream, 0, MAX_EVENTS_PER_PAGE + 1).await;
    assert!(
        matches!(
            answer,
            Err(Error::TooLarge {
                limit: MAX_EVENTS_PER_PAGE,
                ..
            })
        ),
        "{answer:?}"
    );
    let page = fixture.store().events(stream, 0, 0).await.expect("an empty page");
    assert_eq!((page.head.rev, page.commits), (1, Vec::new()));
}

/// Events about a message come with the message as it is now, each of them.
pub async fn events_replay_shows_the_present_message(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "alpha").await.expect("posted");
    fixture.writer().edit(room, 1, "beta").await.expect("edited");
    fixture
        .writer()
        .react(room, 1, CRAB, true)
        .await
        .expect("reacted");
    fixture.writer().edit(room, 1, "gamma").await.expect("edited");
    let present = fixture
        .store()
        .message(room, 1)
        .await
        .expect("read")
        .expect("there");
    assert_eq!((present.text.as_str(), present.rev), ("gamma", 5));
    let commits = all_events(fixture.store(), StreamId::Room(room)).await;
    assert_eq!(commits[0].record, None);
    for commit in &commits[1..] {
        assert_eq!(commit.record.as_deref(), Some(&present));
    }
}

/// Replaced and deleted text is in no event any more; what an event carries of its text is the present one or nothing.
pub async fn events_hold_no_replaced_text(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    for text in ["alpha", "beta", "gamma"] {
        fixture.writer().post(room, text).await.expect("posted");
    }
    fixture.writer().edit(room, 1, "delta").await.expect("edited");
    fixture.writer().edit(room, 1, "epsilon").await.expect("edited");
    fixture.writer().edit(room, 2, "zeta").await.expect("edited");
    fixture.writer().delete(room, 2).await.expect("deleted");
    for reopened in [false, true] {
        if reopened {
            fixture.reopen().await;
        }
        let commits = all_events(fixture.store(), StreamId::Room(room)).await;
        let shown = format!("{commits:?}");
        for replaced in ["alpha", "beta", "delta", "zeta"] {
            assert!(!shown.contains(replaced), "{replaced} is still there: {shown}");
        }
        for present in ["gamma", "epsilon"] {
            assert!(shown.contains(present), "{present} is missing: {shown}");
        }
        for commit in &commits {
            if let Fact::MessagePosted { text, .. } | Fact::MessageEdited { text, .. } = &commit.event.fact {
                assert!(text.is_empty() || Some(text) == commit.record.as_ref().map(|record| &record.text));
            }
        }
    }
}

/// Events survive a restart unchanged.
pub async fn events_are_the_same_after_reopening(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 0..5).await;
    fixture
        .writer()
        .react(room, 3, CRAB, true)
        .await
        .expect("reacted");
    let before = all_events(fixture.store(), StreamId::Room(room)).await;
    fixture.reopen().await;
    let after = all_events(fixture.store(), StreamId::Room(room)).await;
    assert_eq!(before, after);
    for (told, stored) in fixture.sink().told().iter().zip(&after) {
        assert_same_event(&told.event, &stored.event);
    }
}

/// What becomes of a message changes nothing about the event that posted it: who did it, under which nonce and rights,
/// for which sealed reason, and where the stream stood.
pub async fn events_of_changed_messages_are_as_they_were(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let writer = fixture.writer();
    writer.post_all(room, 0..3).await;
    writer.delete(room, 3).await.expect("deleted");
    let sealed = Some(Sealed {
        reason: "imported".to_owned(),
        details: Default::default(),
    });
    let nonces = [4, 5, 6].map(|number| NonceUse {
        nonce: nonce(Fixture::START, number),
        fingerprint: 9,
    });
    // By somebody for another, by the author, and by the server.
    for (used, actor) in nonces.into_iter().zip([Some(user(7)), Some(user(1)), None]) {
        let command = Command {
            actor,
            access_rev: 77,
            nonce: Some(used),
            ..writer.command(StreamId::Room(room))
        };
        let draft = Draft {
            fact: posted(user(1), "before"),
            sealed: sealed.clone(),
        };
        let decide = move |_: &Head, _: &Rows| Ok::<_, Refusal>(draft.clone());
        writer.append(command, decide).await.expect("posted");
    }
    writer.edit(room, 4, "after").await.expect("edited");
    writer.react(room, 5, CRAB, true).await.expect("reacted");
    writer.delete(room, 5).await.expect("deleted");
    writer.delete(room, 6).await.expect("deleted");
    drop(writer);
    let before = fixture.sink().told();
    fixture.reopen().await;

    let events = all_events(fixture.store(), StreamId::Room(room)).await;
    assert_eq!(before.len(), events.len());
    for (told, stored) in before.iter().zip(&events) {
        assert_same_event(&told.event, &stored.event);
    }
    let actors: Vec<_> = events[5..8].iter().map(|commit| commit.event.actor).collect();
    assert_eq!(actors, [Some(user(7)), Some(user(1)), None]);
    assert!(events[5..8].iter().all(|commit| commit.event.sealed == sealed));
    // Each nonce still stands for its message, whatever became of it.
    for (seq, used) in (4..).zip(nonces) {
        let command = Command {
            actor: actors[seq - 4],
            nonce: Some(used),
            ..fixture.writer().command(StreamId::Room(room))
        };
        let posted = support::always(posted(user(1), "again"));
        let answer = fixture.writer().append(command, posted).await.expect("replayed");
        assert!(answer.replayed);
        assert_same_event(&answer.commit.event, &events[seq + 1].event);
    }
}

/// A page read while others write is dense, goes as far as its head says, and has records at least as new as their
/// events: the head is from before.
pub async fn events_page_is_whole_under_concurrent_appends(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "0").await.expect("posted");
    let writers = (1..=4).map(|number| {
        let writer = fixture.writer().by(user(number));
        let task = async move {
            for round in 0..16 {
                writer.post(room, "more").await.expect("posted");
                writer.edit(room, 1, &round.to_string()).await.expect("edited");
            }
        };
        tokio::spawn(task)
    });
    let writers: Vec<_> = writers.collect();
    let readers = (0..4).map(|_| {
        let store = fixture.store().clone();
        async move {
            let mut seen = 0;
            while seen < 130 {
                let page = store
                    .events(StreamId::Room(room), 0, MAX_EVENTS_PER_PAGE)
                    .await
                    .expect("events");
                assert!(
                    page.commits.len() as u64 >= page.head.rev,
                    "the page ends before its head"
                );
                for (index, commit) in page.commits.iter().enumerate() {
                    assert_eq!(commit.event.rev(), index as u64 + 1);
                    let record = commit.record.as_ref();
                    assert!(record.is_none_or(|record| record.rev >= commit.event.rev()));
                }
                assert!(page.head.rev >= seen, "the head went back");
                seen = page.head.rev;
                tokio::task::yield_now().await;
            }
        }
    });
    at_once(readers).await;
    for writer in writers {
        writer.await.expect("no writer panics");
    }
}

/// Heads come in the order asked, as often as asked, and are empty for streams that have no events.
pub async fn heads_come_in_the_order_asked(fixture: &mut Fixture) {
    let room_id = fixture.make_room().await;
    fixture.writer().create_guild(guild(1)).await.expect("made");
    fixture.writer().by(user(2)).join(guild(1)).await.expect("joined");
    let (of_room, of_guild, nothing) = (
        StreamId::Room(room_id),
        StreamId::Guild(guild(1)),
        StreamId::Room(room(2)),
    );
    let asked = [of_guild, nothing, of_room, of_guild, StreamId::Instance];
    let heads = fixture.store().heads(&asked).await.expect("heads");
    assert_eq!(
        heads.iter().map(|head| head.rev).collect::<Vec<_>>(),
        [2, 0, 1, 2, 0]
    );
    assert_eq!((heads[1], heads[4]), (Head::default(), Head::default()));
    assert_eq!(heads[0].meta_rev, 2);
    assert_eq!(fixture.store().heads(&[]).await.expect("heads"), []);
}
