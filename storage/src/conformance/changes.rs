//! What changed since: nothing is ever skipped.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Fixture;
use super::state::{insert, replace, setting_key};
use super::support::{at_once, guild, room, user};
use super::sweep::sweep_all;
use crate::model::{StateTable, StreamId};
use crate::{Changed, Cursor, MAX_ROWS_PER_PAGE, Store};

/// How far each stream and table is, as changes tell it.
type Heads = BTreeMap<Changed, u64>;

/// Reads page after page until there is no more, notes what they tell, and answers where the next one goes on.
async fn follow(store: &Store, mut cursor: Cursor, limit: usize, heads: &mut Heads) -> Cursor {
    for _ in 0..10_000 {
        let page = store.changed_since(&cursor, limit).await.expect("changes");
        assert!(
            page.entries.len() <= limit,
            "{} entries in a page of {limit}",
            page.entries.len()
        );
        for change in page.entries {
            let head = heads.entry(change.what).or_default();
            *head = change.head.max(*head);
        }
        cursor = page.cursor;
        if !page.more {
            return cursor;
        }
    }
    panic!("the changes never come to an end");
}

async fn changed(store: &Store, cursor: &Cursor, limit: usize) -> Heads {
    let mut heads = Heads::new();
    follow(store, cursor.clone(), limit, &mut heads).await;
    heads
}

/// What a table's head says is the store's own affair; that the table is told is not.
fn without_numbers_of_tables(mut heads: Heads) -> Heads {
    for (what, head) in &mut heads {
        if matches!(what, Changed::State(_)) {
            *head = 0;
        }
    }
    heads
}

async fn end(store: &Store) -> Cursor {
    follow(store, Cursor::start(), 1_000, &mut Heads::new()).await
}

/// Fails unless the stream was told with its present head.
async fn assert_told(store: &Store, heads: &Heads, stream: StreamId) {
    let head = store.head(stream).await.expect("head").rev;
    assert_eq!(heads.get(&Changed::Stream(stream)), Some(&head), "{stream}");
}

/// Makes rooms 1 to `count` with one message each, and three state rows.
async fn fill(fixture: &Fixture, count: u128) -> Vec<StreamId> {
    for number in 1..=count {
        fixture
            .writer()
            .create_room(guild(1), room(number))
            .await
            .expect("made");
        fixture
            .writer()
            .post(room(number), "hello")
            .await
            .expect("posted");
    }
    for name in [b"a", b"b", b"c"] {
        insert(fixture.store(), name, b"one", None).await;
    }
    (1..=count).map(|number| StreamId::Room(room(number))).collect()
}

/// From the start everything is told, each stream with its head, and each state table that was written.
pub async fn changes_from_the_start_tell_everything(fixture: &mut Fixture) {
    assert_eq!(changed(fixture.store(), &Cursor::start(), 10).await, Heads::new());
    let streams = fill(fixture, 12).await;
    fixture.writer().create_guild(guild(1)).await.expect("made");
    for reopened in [false, true] {
        if reopened {
            fixture.reopen().await;
        }
        let heads = changed(fixture.store(), &Cursor::start(), 1_000).await;
        for stream in streams.iter().chain(&[StreamId::Guild(guild(1))]) {
            assert_told(fixture.store(), &heads, *stream).await;
        }
        assert!(heads.contains_key(&Changed::State(StateTable::Settings)));
        assert!(
            heads.contains_key(&Changed::State(StateTable::Markers)),
            "markers move along with posts"
        );
        assert_eq!(heads.len(), 15, "{heads:?}");
    }
}

/// Pages of every size come to an end and tell the same.
pub async fn changes_page_to_their_end(fixture: &mut Fixture) {
    fill(fixture, 12).await;
    let expected = without_numbers_of_tables(changed(fixture.store(), &Cursor::start(), 1_000).await);
    assert_eq!(expected.len(), 14);
    for limit in [1, 2, 3, 5, 13, 14, 15] {
        assert_eq!(
            without_numbers_of_tables(changed(fixture.store(), &Cursor::start(), limit).await),
            expected,
            "pages of {limit}"
        );
    }
}

/// From a cursor what changed behind it is told.
pub async fn changes_from_a_cursor_tell_what_came_after(fixture: &mut Fixture) {
    let streams = fill(fixture, 6).await;
    let mut cursor = end(fixture.store()).await;
    for stream in streams.iter().rev().chain(&streams) {
        let StreamId::Room(room) = *stream else {
            panic!("{stream} is no room")
        };
        fixture.writer().edit(room, 1, "again").await.expect("edited");
        let mut heads = Heads::new();
        let next = follow(fixture.store(), cursor.clone(), 2, &mut heads).await;
        assert_told(fixture.store(), &heads, *stream).await;
        // A page may be read twice, for a consumer that stopped before it noted its cursor.
        assert_told(
            fixture.store(),
            &changed(fixture.store(), &cursor, 3).await,
            *stream,
        )
        .await;
        cursor = next;
    }
}

/// A late cursor stands before what came last, and whoever goes on from it misses nothing.
pub async fn changes_from_a_late_cursor_tell_what_is_new(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let late = fixture.store().late_cursor().await.expect("a cursor");
    let mut heads = Heads::new();
    let next = follow(fixture.store(), late, 2, &mut heads).await;
    assert_told(fixture.store(), &heads, StreamId::Room(room)).await;
    fixture.writer().post(room, "new").await.expect("posted");
    let heads = changed(fixture.store(), &next, 2).await;
    assert_told(fixture.store(), &heads, StreamId::Room(room)).await;
}

/// Writes of a state table are told like those of a stream, each kind of write, and the author's marker too.
pub async fn changes_tell_state_tables(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let settings = Changed::State(StateTable::Settings);
    let mut cursor = end(fixture.store()).await;
    let mut head = 0;
    for step in 1..=3 {
        let store = fixture.store();
        match step {
            1 => drop(insert(store, b"k", b"one", None).await),
            2 => drop(replace(store, b"k", 1, b"two", None).await),
            _ => drop(store.state_delete(setting_key(b"k"), 2).await.expect("answered")),
        }
        let mut heads = Heads::new();
        cursor = follow(store, cursor, 10, &mut heads).await;
        let told = heads.get(&settings).copied();
        assert!(told >= Some(head), "{told:?} after {head}");
        head = told.unwrap_or(head);
    }
    fixture.writer().post(room, "hello").await.expect("posted");
    let heads = changed(fixture.store(), &cursor, 10).await;
    assert!(heads.contains_key(&Changed::State(StateTable::Markers)));
    assert_told(fixture.store(), &heads, StreamId::Room(room)).await;
}

/// A write that was refused, or that found a conflict, is no change.
pub async fn changes_tell_nothing_of_what_did_not_happen(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    insert(fixture.store(), b"k", b"one", None).await;
    let before = without_numbers_of_tables(changed(fixture.store(), &Cursor::start(), 10).await);
    insert(fixture.store(), b"k", b"two", None).await;
    fixture
        .writer()
        .edit(room, 1, "nothing")
        .await
        .expect_err("refused");
    fixture
        .writer()
        .create_room(guild(1), room)
        .await
        .expect_err("invalid");
    let after = without_numbers_of_tables(changed(fixture.store(), &Cursor::start(), 10).await);
    assert_eq!(after, before);
}

/// A follower that reads while sixteen write ends up with every head: no change slips in behind its cursor.
pub async fn changes_skip_nothing_under_concurrent_writers(fixture: &mut Fixture) {
    // A follower of one change a page reads everything again with each of them.
    let (rooms, posts) = (fixture.many_or(16, 4), fixture.many_or(8, 3));
    let writers = (1..=u128::from(rooms)).map(|number| {
        let writer = fixture.writer().by(user(number));
        tokio::spawn(async move {
            writer.create_room(guild(1), room(number)).await.expect("made");
            for post in 0..posts {
                writer.post(room(number), "hello").await.expect("posted");
                insert(writer.store(), &[number as u8, post as u8], b"one", None).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let followers = [1, 3, 100].map(|limit| {
        let store = fixture.store().clone();
        async move {
            let (mut heads, mut cursor) = (Heads::new(), Cursor::start());
            let of_rooms = |heads: &Heads| -> u64 {
                (1..=u128::from(rooms))
                    .map(|number| rev_told(heads, number))
                    .sum()
            };
            let mut settings = 0;
            while of_rooms(&heads) < rooms * (posts + 1) || settings < (rooms * posts) as usize {
                let mut told = Heads::new();
                cursor = follow(&store, cursor, limit, &mut told).await;
                // Rows are read only when they are told to have changed: an untold last change is never seen.
                if told.contains_key(&Changed::State(StateTable::Settings)) {
                    settings = count_settings(&store).await;
                }
                for (what, head) in told {
                    let known = heads.entry(what).or_default();
                    *known = head.max(*known);
                }
                tokio::task::yield_now().await;
            }
            heads
        }
    });
    for heads in at_once(followers).await {
        for number in 1..=u128::from(rooms) {
            assert_told(fixture.store(), &heads, StreamId::Room(room(number))).await;
        }
    }
    for writer in writers {
        writer.await.expect("no writer panics");
    }
}

async fn count_settings(store: &Store) -> usize {
    let page = store
        .state_list(StateTable::Settings, b"", None, MAX_ROWS_PER_PAGE)
        .await;
    page.expect("a page").rows.len()
}

fn rev_told(heads: &Heads, number: u128) -> u64 {
    heads
        .get(&Changed::Stream(StreamId::Room(room(number))))
        .copied()
        .unwrap_or(0)
}

/// A cursor stays good over a restart, at its end as in its middle.
pub async fn changes_go_on_after_reopening(fixture: &mut Fixture) {
    let streams = fill(fixture, 8).await;
    let first = fixture
        .store()
        .changed_since(&Cursor::start(), 3)
        .await
        .expect("changes");
    assert!(first.more);
    let at_end = end(fixture.store()).await;
    fixture.reopen().await;
    let mut heads: Heads = first
        .entries
        .iter()
        .map(|change| (change.what, change.head))
        .collect();
    follow(fixture.store(), first.cursor, 3, &mut heads).await;
    for stream in &streams {
        assert_told(fixture.store(), &heads, *stream).await;
    }
    fixture.writer().post(room(1), "after").await.expect("posted");
    let heads = changed(fixture.store(), &at_end, 3).await;
    assert_told(fixture.store(), &heads, streams[0]).await;
}

/// A cursor from before what is still kept tells everything there is, and the start does so for ever.
pub async fn changes_from_a_cursor_too_old_tell_everything(fixture: &mut Fixture) {
    let mut streams = fill(fixture, 4).await;
    let old = fixture
        .store()
        .changed_since(&Cursor::start(), 1)
        .await
        .expect("changes")
        .cursor;
    fixture.store().set_consumer("slow", &old).await.expect("noted");
    for number in 5..=8 {
        fixture
            .writer()
            .create_room(guild(1), room(number))
            .await
            .expect("made");
        streams.push(StreamId::Room(room(number)));
    }
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    for round in 0..3 {
        fixture.clock().advance(days(8));
        sweep_all(fixture).await;
        if round == 1 {
            fixture
                .writer()
                .post(room(1), "much later")
                .await
                .expect("posted");
        }
        if round == 2 {
            fixture.reopen().await;
        }
        for limit in [2, 1_000] {
            let heads = changed(fixture.store(), &Cursor::start(), limit).await;
            for stream in &streams {
                assert_told(fixture.store(), &heads, *stream).await;
            }
            assert!(heads.contains_key(&Changed::State(StateTable::Settings)));
            let heads = changed(fixture.store(), &old, limit).await;
            for stream in &streams[4..] {
                assert_told(fixture.store(), &heads, *stream).await;
            }
        }
    }
}

/// What a consumer has not seen is still told to it, however far others are and however often is swept.
pub async fn changes_wait_for_the_slowest_consumer(fixture: &mut Fixture) {
    fill(fixture, 4).await;
    let at = end(fixture.store()).await;
    fixture.store().set_consumer("slow", &at).await.expect("noted");
    for round in 0..20 {
        fixture
            .writer()
            .post(room(1 + round % 4), "more")
            .await
            .expect("posted");
        let newest = end(fixture.store()).await;
        fixture
            .store()
            .set_consumer("fast", &newest)
            .await
            .expect("noted");
        sweep_all(fixture).await;
    }
    let cursor = fixture
        .store()
        .consumer("slow")
        .await
        .expect("read")
        .expect("known");
    let heads = changed(fixture.store(), &cursor, 2).await;
    for number in 1..=4 {
        assert_told(fixture.store(), &heads, StreamId::Room(room(number))).await;
    }
}

/// Consumers are remembered by name, each with the cursor that it noted last, also over a restart.
pub async fn consumers_are_remembered(fixture: &mut Fixture) {
    fill(fixture, 3).await;
    let cursor = |pages: usize| {
        let store = fixture.store().clone();
        async move {
            let mut cursor = Cursor::start();
            for _ in 0..pages {
                cursor = store.changed_since(&cursor, 1).await.expect("changes").cursor;
            }
            cursor
        }
    };
    let (first, second, third) = (cursor(1).await, cursor(2).await, cursor(3).await);
    assert!(first != second && second != third, "cursors move");
    assert_eq!(fixture.store().consumer("search").await, Ok(None));
    fixture
        .store()
        .set_consumer("search", &first)
        .await
        .expect("noted");
    fixture
        .store()
        .set_consumer("webhooks", &second)
        .await
        .expect("noted");
    fixture
        .store()
        .set_consumer("search", &third)
        .await
        .expect("noted");
    fixture.reopen().await;
    assert_eq!(fixture.store().consumer("search").await, Ok(Some(third)));
    assert_eq!(fixture.store().consumer("webhooks").await, Ok(Some(second)));
    assert_eq!(fixture.store().consumer("unknown").await, Ok(None));
    assert_eq!(fixture.store().consumer("").await, Ok(None));
}
