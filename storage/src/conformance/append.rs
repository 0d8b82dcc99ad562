//! Appending: numbers, time, what is answered and what is refused.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use super::Fixture;
use super::fold::assert_same_event;
use super::support::{self, always, at_once, guild, guild_created, posted, room, room_created, user};
use crate::model::{Draft, Fact, Head, Sealed, StreamId, Timestamp};
use crate::{AppendError, Command, Error, NonceUse};

/// 16 writers on one stream get the revs 2 to 129 between them, each exactly once.
pub async fn append_assigns_dense_revs(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let writers = (1..=16).map(|number| (fixture.writer().by(user(number)), number));
    let answers = at_once(writers.map(|(writer, number)| async move {
        let mut revs = Vec::new();
        for post in 0..8 {
            let appended = writer
                .post(room, &format!("{number}: {post}"))
                .await
                .expect("posted");
            revs.push(appended.commit.event.rev());
        }
        assert!(
            revs.is_sorted(),
            "one writer's own posts keep their order: {revs:?}"
        );
        revs
    }))
    .await;
    let mut revs: Vec<u64> = answers.into_iter().flatten().collect();
    revs.sort_unstable();
    assert_eq!(revs, (2..=129).collect::<Vec<_>>());
    let head = fixture.store().head(StreamId::Room(room)).await.expect("head");
    assert_eq!((head.rev, head.seq, head.n), (129, 128, 128));
}

/// Only posts take a message's number; what happens to messages in between takes revs alone.
pub async fn append_numbers_messages_densely(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let tasks = (1..=8).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move {
            let seq = writer
                .post(room, "first")
                .await
                .expect("posted")
                .commit
                .event
                .head
                .seq;
            writer.react(room, seq, "\u{1f44d}", true).await.expect("reacted");
            writer.edit(room, seq, "second").await.expect("edited");
            let second = writer
                .post(room, "third")
                .await
                .expect("posted")
                .commit
                .event
                .head;
            writer.delete(room, seq).await.expect("deleted");
            vec![(seq, seq), (second.seq, second.n)]
        }
    });
    let mut numbers: Vec<(u64, u64)> = at_once(tasks).await.into_iter().flatten().collect();
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (1..=16).map(|number| (number, number)).collect::<Vec<_>>()
    );
    let head = fixture.store().head(StreamId::Room(room)).await.expect("head");
    assert_eq!((head.rev, head.seq, head.n), (41, 16, 16));
}

/// Streams are numbered each for itself, also when they are written at once.
pub async fn append_numbers_each_stream_by_itself(fixture: &mut Fixture) {
    let tasks = (1..=16).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move {
            writer.create_room(guild(1), room(number)).await.expect("made");
            writer.post_all(room(number), 0..number as u64).await;
        }
    });
    at_once(tasks).await;
    let streams: Vec<_> = (1..=16).map(|number| StreamId::Room(room(number))).collect();
    let heads = fixture.store().heads(&streams).await.expect("heads");
    assert_eq!(
        heads.iter().map(|head| head.rev).collect::<Vec<_>>(),
        (2..=17).collect::<Vec<_>>()
    );
}

/// The answer says everything that the command and the draft said, and a later read says the same.
pub async fn append_answers_the_event_as_it_is_stored(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let stream = StreamId::Room(room);
    let nonce = support::nonce(Fixture::START, 1);
    let command = Command {
        access_rev: 77,
        nonce: Some(NonceUse {
            nonce,
            fingerprint: 5,
        }),
        ..fixture.writer().command(stream)
    };
    let id = command.event_id;
    let fact = Fact::MessagePosted {
        author: user(1),
        text: "hello".to_owned(),
        reply_to: Some(9),
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    };
    let sealed = Some(Sealed {
        reason: "only for the audit".to_owned(),
        details: Default::default(),
    });
    let draft = Draft {
        fact: fact.clone(),
        sealed: sealed.clone(),
    };
    let appended = fixture
        .writer()
        .append(command, move |_, _| Ok(draft.clone()))
        .await
        .expect("appended");
    assert!(!appended.replayed);

    let event = &appended.commit.event;
    let head = Head {
        rev: 2,
        seq: 1,
        n: 1,
        deleted_seq: 0,
        at: Fixture::START,
        meta_rev: 1,
        first_rev: 1,
        wide_seq: 0,
    };
    assert_eq!((event.id, event.stream, event.head), (id, stream, head));
    assert_eq!(
        (event.actor, event.access_rev, event.nonce),
        (Some(user(1)), 77, Some(nonce))
    );
    assert_eq!(
        (event.fact.without_text(), &event.sealed),
        (fact.without_text(), &sealed)
    );
    let record = appended.commit.record.as_deref().expect("a post has a record");
    assert_eq!(
        (record.text.as_str(), record.reply_to, record.rev),
        ("hello", Some(9), 2)
    );

    let page = fixture.store().events(stream, 1, 10).await.expect("events");
    assert_eq!((page.head, page.commits.len()), (head, 1));
    assert_same_event(&page.commits[0].event, event);
    assert_eq!(page.commits[0].record, appended.commit.record);
}

/// Each kind of first fact starts its stream, and its typed row is there with the answer.
pub async fn append_starts_every_kind_of_stream(fixture: &mut Fixture) {
    let writer = fixture.writer();
    let name = |name: &str| name.to_owned();
    writer
        .fact(StreamId::Instance, Fact::InstanceCreated { name: name("here") })
        .await
        .expect("instance");
    writer
        .fact(StreamId::User(user(1)), Fact::UserCreated { name: name("ann") })
        .await
        .expect("user");
    writer.create_guild(guild(1)).await.expect("guild");
    writer.by(user(2)).join(guild(1)).await.expect("member");
    let topic = Fact::channel_created(guild(1), name("tea"), name("and cake"));
    writer.fact(StreamId::Room(room(1)), topic).await.expect("room");

    let store = fixture.store();
    assert_eq!(store.instance().await.expect("read").expect("there").name, "here");
    assert_eq!(
        store.user(user(1)).await.expect("read").expect("there").name,
        "ann"
    );
    assert_eq!(
        store.guild(guild(1)).await.expect("read").expect("there").owner,
        user(1)
    );
    assert!(store.is_member(guild(1), user(1)).await.expect("read"));
    assert!(store.is_member(guild(1), user(2)).await.expect("read"));
    assert!(!store.is_member(guild(1), user(3)).await.expect("read"));
    let made = store.room(room(1)).await.expect("read").expect("there");
    assert_eq!(
        (made.kind.guild(), made.name.as_str(), made.topic.as_str()),
        (Some(guild(1)), "tea", "and cake")
    );
    assert_eq!(made.created_at, Fixture::START);
}

/// A stream's time stands still while the clock is behind it, and goes on when the clock does.
pub async fn append_time_never_runs_backwards(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let start = Fixture::START;
    let mut times = Vec::new();
    let (back, on) = (
        Timestamp::from_millis(start.as_millis() - 60_000),
        start.plus_millis(5),
    );
    for now in [
        start.plus_millis(10),
        back,
        on,
        start.plus_millis(10),
        start.plus_millis(11),
    ] {
        fixture.clock().set(now);
        let commit = fixture.writer().post(room, "tick").await.expect("posted").commit;
        assert_eq!(
            commit.record.as_ref().map(|record| record.at),
            Some(commit.event.at())
        );
        times.push(commit.event.at().as_millis() - start.as_millis());
    }
    assert_eq!(times, [10, 10, 10, 10, 11]);
    fixture.clock().set(back);
    fixture.reopen().await;
    let commit = fixture.writer().post(room, "tock").await.expect("posted").commit;
    assert_eq!(
        commit.event.at(),
        start.plus_millis(11),
        "time ran backwards over a restart"
    );
}

/// A fact only goes into its own kind of stream.
pub async fn append_refuses_facts_of_another_kind_of_stream(fixture: &mut Fixture) {
    fixture.make_room().await;
    fixture.writer().create_guild(guild(1)).await.expect("made");
    let misplaced = [
        (StreamId::Guild(guild(1)), posted(user(1), "in a guild")),
        (StreamId::Room(room(1)), Fact::MemberJoined { user: user(1) }),
        (StreamId::Guild(guild(2)), room_created(guild(2), "a room")),
        (StreamId::Room(room(2)), guild_created("a guild", user(1))),
        (
            StreamId::Instance,
            Fact::UserCreated {
                name: "ann".to_owned(),
            },
        ),
        (
            StreamId::User(user(1)),
            Fact::InstanceCreated {
                name: "here".to_owned(),
            },
        ),
        (StreamId::User(user(1)), posted(user(1), "to a user")),
    ];
    for (stream, fact) in misplaced {
        assert_invalid(fixture, stream, fact).await;
    }
}

/// A first fact stands at rev 1 and nowhere else.
pub async fn append_refuses_a_second_first_fact(fixture: &mut Fixture) {
    fixture.make_room().await;
    fixture.writer().create_guild(guild(1)).await.expect("made");
    assert_invalid(fixture, StreamId::Room(room(1)), room_created(guild(1), "again")).await;
    assert_invalid(
        fixture,
        StreamId::Guild(guild(1)),
        guild_created("again", user(2)),
    )
    .await;
}

/// Nothing but a first fact stands at rev 1.
pub async fn append_refuses_other_facts_on_an_empty_stream(fixture: &mut Fixture) {
    assert_invalid(fixture, StreamId::Room(room(1)), posted(user(1), "too early")).await;
    assert_invalid(
        fixture,
        StreamId::Guild(guild(1)),
        Fact::MemberJoined { user: user(1) },
    )
    .await;
}

/// A change of a message that does not exist is a defect of the decision.
pub async fn append_refuses_changes_of_a_missing_message(fixture: &mut Fixture) {
    let stream = StreamId::Room(fixture.make_room().await);
    let emoji = "\u{1f44d}".to_owned();
    let missing = [
        Fact::MessageEdited {
            seq: 1,
            text: "nothing".to_owned(),
            keeps: false,
        },
        Fact::MessageDeleted { seq: 1, by: user(1) },
        Fact::ReactionChanged {
            seq: 1,
            emoji,
            user: user(1),
            on: true,
            count: 1,
        },
        Fact::MessageEdited {
            seq: 0,
            text: "nothing".to_owned(),
            keeps: false,
        },
        Fact::MessageDeleted {
            seq: u64::MAX,
            by: user(1),
        },
    ];
    for fact in missing {
        assert_invalid(fixture, stream, fact).await;
    }
}

/// Fails unless the fact is refused as invalid and leaves no trace; later appends go on as if nothing had been.
async fn assert_invalid(fixture: &Fixture, stream: StreamId, fact: Fact) {
    let before = (
        fixture.store().head(stream).await.expect("head"),
        fixture.sink().told().len(),
    );
    let answer = fixture.writer().fact(stream, fact.clone()).await;
    let refused = matches!(answer, Err(AppendError::Store(Error::InvalidFact(_))));
    assert!(refused, "{} in {stream} answered {answer:?}", fact.name());
    let after = (
        fixture.store().head(stream).await.expect("head"),
        fixture.sink().told().len(),
    );
    assert_eq!(after, before, "{} in {stream} left something behind", fact.name());
}

/// An invalid fact spoils nothing for those who write at the same time, possibly into the same group.
pub async fn append_of_an_invalid_fact_harms_nobody_else(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let tasks = (1..=24).map(|number| {
        let writer = fixture.writer().by(user(number));
        async move {
            match number % 3 {
                0 => writer
                    .fact(StreamId::Room(room), room_created(guild(1), "again"))
                    .await
                    .is_err(),
                1 => writer.edit(room, 1_000, "nothing").await.is_err(),
                _ => writer.post(room, "fine").await.is_ok(),
            }
        }
    });
    assert!(at_once(tasks).await.into_iter().all(|as_expected| as_expected));
    let head = fixture.store().head(StreamId::Room(room)).await.expect("head");
    assert_eq!((head.rev, head.seq), (9, 8));
}

/// An append whose decision ran ends as if its caller were still there.
pub async fn append_outlives_its_caller(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    for number in 0..8 {
        let command = fixture.writer().command(StreamId::Room(room));
        let id = command.event_id;
        let decided = Arc::new(Notify::new());
        let tell = Arc::clone(&decided);
        let mut decide = always(posted(user(1), &number.to_string()));
        {
            let writer = fixture.writer();
            let append = writer.append(command, move |head, rows| {
                tell.notify_one();
                decide(head, rows)
            });
            let (mut append, mut decided) = (pin!(append), pin!(decided.notified()));
            let either = poll_fn(|context| {
                let done =
                    decided.as_mut().poll(context).is_ready() || append.as_mut().poll(context).is_ready();
                if done { Poll::Ready(()) } else { Poll::Pending }
            });
            support::in_time(either).await;
        }
        support::in_time(fixture.sink().wait_for(id)).await;
    }
    let head = fixture.store().head(StreamId::Room(room)).await.expect("head");
    assert_eq!(head.seq, 8);
}

/// A rev is never used twice: what follows a restart goes on behind what was there.
pub async fn append_goes_on_after_reopening(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    for round in 0..3 {
        fixture.writer().post_all(room, 0..3).await;
        fixture.clock().advance(Duration::from_secs(1));
        fixture.reopen().await;
        let head = fixture.store().head(StreamId::Room(room)).await.expect("head");
        assert_eq!(
            (head.rev, head.seq, head.n),
            (round * 3 + 4, round * 3 + 3, round * 3 + 3)
        );
    }
}
