//! Opening, closing, and what lies between. That everything survives a restart is checked after every case.

use super::Fixture;
use super::fold::{Fold, all_events};
use super::nodes::beat_of;
use super::state::{Setting, insert, setting_key};
use super::support::{Writer, always, guild, message_key, posted, room, user};
use crate::model::{Fact, RoomId, RowPrefix, StateTable, StreamId};
use crate::{Anchor, AppendError, Cursor, Error, Readiness};

/// New data is empty, ready, and has an epoch that stays.
pub async fn new_data_is_empty_and_ready(fixture: &mut Fixture) {
    assert_eq!(fixture.store().status().await.readiness, Readiness::Ready);
    assert_eq!(fixture.store().instance().await, Ok(None));
    let page = fixture
        .store()
        .changed_since(&Cursor::start(), 10)
        .await
        .expect("changes");
    assert_eq!((page.entries, page.more), (Vec::new(), false));
    let epoch = fixture.store().epoch().await.expect("an epoch");
    assert_ne!(epoch.as_u128(), 0);
    for number in 1..=2 {
        fixture
            .writer()
            .create_room(guild(1), room(number))
            .await
            .expect("made");
        fixture.reopen().await;
        assert_eq!(fixture.store().epoch().await, Ok(epoch));
        assert_eq!(fixture.store().status().await.readiness, Readiness::Ready);
    }
}

/// A long and mixed life in many streams comes back whole from each of three restarts: every event with all that
/// follows from it, markers included.
pub async fn everything_survives_reopening(fixture: &mut Fixture) {
    for round in 0..3 {
        live(fixture, round).await;
        fixture.reopen().await;
        let fold = Fold::of(&fixture.sink().told());
        fold.assert_matches(fixture.store()).await;
        assert!(!fold.markers.is_empty());
        for ((user, room), marker) in &fold.markers {
            assert_eq!(fixture.store().marker(*user, *room).await, Ok(*marker));
        }
    }
}

async fn live(fixture: &Fixture, round: u128) {
    let writer = fixture.writer();
    if round == 0 {
        let name = "here".to_owned();
        writer
            .fact(StreamId::Instance, Fact::InstanceCreated { name })
            .await
            .expect("instance");
    }
    let (home, place) = (guild(round), room(round));
    writer
        .fact(
            StreamId::User(user(round)),
            Fact::UserCreated {
                name: "ann".to_owned(),
            },
        )
        .await
        .expect("user");
    writer.create_guild(home).await.expect("guild");
    writer.create_room(home, place).await.expect("room");
    for number in 1..=5 {
        let member = writer.by(user(number));
        if number > 1 {
            member.join(home).await.expect("joined");
        }
        member.post_all(place, 0..4).await;
        live_with_messages(&member, place, number as u64).await;
    }
}

async fn live_with_messages(member: &Writer, place: RoomId, number: u64) {
    for seq in 1..=number * 4 {
        match (seq + number) % 4 {
            0 => drop(member.react(place, seq, "\u{1f980}", true).await),
            1 => drop(member.react(place, seq, "\u{1f375}", true).await),
            2 => drop(member.edit(place, seq, &format!("{number} edited this")).await),
            _ if seq % 5 == 0 => drop(member.delete(place, seq).await),
            _ => drop(member.react(place, seq, "\u{1f980}", false).await),
        }
    }
}

/// A closed store says that it is unavailable, whatever it is asked; it never answers as if it were empty.
pub async fn closed_store_is_unavailable(fixture: &mut Fixture) {
    let place = fixture.make_room().await;
    fixture.writer().post(place, "hello").await.expect("posted");
    insert(fixture.store(), b"k", b"one", None).await;
    fixture.close().await;
    let store = fixture.store();
    let answers = [
        ("heads", store.heads(&[StreamId::Room(place)]).await.err()),
        ("events", store.events(StreamId::Room(place), 0, 10).await.err()),
        ("history", store.history(place, Anchor::Latest, 10).await.err()),
        ("rows", store.rows(&[message_key(place, 1)]).await.err()),
        (
            "list_rows",
            store
                .list_rows(&RowPrefix::ChannelsOf(guild(1)), None, 10)
                .await
                .err(),
        ),
        ("state", store.state::<Setting>(&setting_key(b"k")).await.err()),
        (
            "state_insert",
            store
                .state_insert(setting_key(b"l"), &Setting(Vec::new()), None)
                .await
                .err(),
        ),
        (
            "state_delete",
            store.state_delete(setting_key(b"k"), 1).await.err(),
        ),
        (
            "state_list",
            store.state_list(StateTable::Settings, b"", None, 10).await.err(),
        ),
        (
            "changed_since",
            store.changed_since(&Cursor::start(), 10).await.err(),
        ),
        ("consumer", store.consumer("search").await.err()),
        (
            "set_consumer",
            store.set_consumer("search", &Cursor::start()).await.err(),
        ),
        ("epoch", store.epoch().await.err()),
        ("sweep", store.sweep().await.err()),
        ("beat", store.beat(&beat_of(1, 1)).await.err()),
        ("leave", store.leave(&beat_of(1, 1)).await.err()),
    ];
    for (call, error) in answers {
        assert!(matches!(error, Some(Error::Unavailable(_))), "{call}: {error:?}");
    }
    let told = fixture.sink().told().len();
    let answer = fixture.writer().post(place, "too late").await;
    assert!(
        matches!(answer, Err(AppendError::Store(Error::Unavailable(_)))),
        "{answer:?}"
    );
    assert_eq!(fixture.sink().told().len(), told);
}

/// Closing twice does no harm.
pub async fn closed_store_may_be_closed_again(fixture: &mut Fixture) {
    let place = fixture.make_room().await;
    fixture.close().await;
    let again = fixture.store().close().await;
    assert!(matches!(again, Ok(()) | Err(Error::Unavailable(_))), "{again:?}");
    fixture.reopen().await;
    assert_eq!(
        fixture
            .store()
            .head(StreamId::Room(place))
            .await
            .expect("head")
            .rev,
        1
    );
}

/// An append that races with closing is either answered and there afterwards, or says that it is unclear.
pub async fn closing_loses_no_answered_append(fixture: &mut Fixture) {
    let place = fixture.make_room().await;
    for round in 1..=4 {
        let tasks = (1..=16).map(|number| {
            let writer = fixture.writer().by(user(number));
            tokio::spawn(async move {
                let command = writer.command(StreamId::Room(place));
                let id = command.event_id;
                match writer
                    .append(command, always(posted(user(number), "at the last moment")))
                    .await
                {
                    Ok(_) => Some(id),
                    Err(AppendError::Store(Error::Unavailable(_))) => None,
                    Err(error) => panic!("{error:?}"),
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        fixture.writer().post(place, "before").await.expect("posted");
        fixture.close().await;
        let mut answered = Vec::new();
        for task in tasks {
            answered.extend(task.await.expect("no writer panics"));
        }
        fixture.reopen().await;
        let stored = all_events(fixture.store(), StreamId::Room(place)).await;
        assert!(stored.len() > answered.len() && stored.len() > round);
        for id in answered {
            assert!(
                stored.iter().any(|commit| commit.event.id == id),
                "an answered append is lost"
            );
        }
    }
}
