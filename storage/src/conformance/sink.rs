//! The sink: told of every commit, in order, once, before the answer. What it was told over a whole case, and that it
//! carries the right records, is checked after every case.

use std::collections::HashSet;
use std::sync::Arc;

use super::Fixture;
use super::support::{at_once, guild, room, user};
use crate::model::{Fact, StreamId};

/// Whoever has the answer may rely on the sink having been told, of the very same commit.
pub async fn sink_is_told_before_the_answer(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let tasks = (1..=16).map(|number| {
        let (writer, sink) = (fixture.writer().by(user(number)), Arc::clone(fixture.sink()));
        async move {
            for _ in 0..4 {
                let commit = writer.post(room, "hello").await.expect("posted").commit;
                assert_eq!(sink.told_of(commit.event.id), [commit]);
            }
        }
    });
    at_once(tasks).await;
}

/// Within a stream the sink is told in the order of the revs and once each, while many streams are written at once.
pub async fn sink_is_told_once_and_in_order(fixture: &mut Fixture) {
    let tasks = (1..=4)
        .flat_map(|number| (1..=4).map(move |who| (number, who)))
        .map(|(number, who)| {
            let writer = fixture.writer().by(user(who));
            async move {
                // One of the four makes the room; the others are refused and go on once it is there.
                let _ = writer.create_room(guild(1), room(number)).await;
                writer.post_all(room(number), 0..8).await;
            }
        });
    at_once(tasks).await;
    let told = fixture.sink().told();
    let ids: HashSet<_> = told.iter().map(|commit| commit.event.id).collect();
    assert_eq!((told.len(), ids.len()), (4 * 33, 4 * 33));
    for number in 1..=4 {
        let of_room = told
            .iter()
            .filter(|commit| commit.event.stream == StreamId::Room(room(number)));
        assert_eq!(
            of_room.map(|commit| commit.event.rev()).collect::<Vec<_>>(),
            (1..=33).collect::<Vec<_>>()
        );
    }
}

/// A commit carries its message right after the event, not as a later event of the same group left it.
pub async fn sink_gets_the_message_right_after_its_event(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "0").await.expect("posted");
    let tasks = (1..=16).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move {
            writer.edit(room, 1, &number.to_string()).await.expect("edited");
            writer.react(room, 1, "\u{1f980}", true).await.expect("reacted");
        }
    });
    at_once(tasks).await;
    let mut reactions = 0;
    for commit in fixture
        .sink()
        .told()
        .iter()
        .filter(|commit| commit.event.rev() > 1)
    {
        let record = commit.record.as_deref().expect("a record");
        assert_eq!(record.rev, commit.event.rev());
        if let Fact::ReactionChanged { count, .. } = &commit.event.fact {
            reactions += 1;
            assert_eq!((*count, record.count_of("\u{1f980}")), (reactions, reactions));
        }
    }
    assert_eq!(reactions, 16);
}

/// What is read when the sink is told is durable already: a hub may read the store at once.
pub async fn sink_is_told_of_what_can_be_read(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let tasks = (1..=8).map(|number| {
        let (writer, sink) = (fixture.writer().by(user(number)), Arc::clone(fixture.sink()));
        async move {
            for _ in 0..4 {
                writer.post(room, "hello").await.expect("posted");
                let newest = sink
                    .told()
                    .iter()
                    .map(|commit| commit.event.rev())
                    .max()
                    .expect("something");
                let head = writer.store().head(StreamId::Room(room)).await.expect("head");
                assert!(head.rev >= newest, "told of rev {newest}, read {head:?}");
            }
        }
    });
    at_once(tasks).await;
}

/// Opening tells nothing: commits from before are read, not told again.
pub async fn sink_is_not_told_again_after_reopening(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 0..3).await;
    let told = fixture.sink().told();
    fixture.reopen().await;
    fixture
        .store()
        .events(StreamId::Room(room), 0, 10)
        .await
        .expect("events");
    assert_eq!(fixture.sink().told(), told);
}
