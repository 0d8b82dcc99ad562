//! Read markers: state rows that their owner writes, and that move along with the owner's posts.

use super::Fixture;
use super::state::written;
use super::support::{at_once, guild, room, user};
use crate::Store;
use crate::model::{Marker, RoomId, StateKey, StateOutcome, StateTable, UserId};

async fn version_of(store: &Store, user: UserId, room: RoomId) -> u64 {
    let row = store
        .state::<Marker>(&StateKey::marker(user, room))
        .await
        .expect("read");
    row.map_or(0, |row| row.version)
}

async fn set(store: &Store, user: UserId, room: RoomId, version: u64, to: Marker) -> StateOutcome {
    store
        .state_replace(StateKey::marker(user, room), version, &to, None)
        .await
        .expect("answered")
}

/// Who posts has read up to the post; nobody else's marker moves, and no other room's.
pub async fn marker_moves_along_with_a_post(fixture: &mut Fixture) {
    let here = fixture.make_room().await;
    fixture
        .writer()
        .create_room(guild(1), room(2))
        .await
        .expect("made");
    let store = fixture.store();
    assert_eq!(store.marker(user(1), here).await, Ok(Marker::default()));
    fixture.writer().post_all(here, 1..4).await;
    fixture
        .writer()
        .by(user(2))
        .post(here, "hello")
        .await
        .expect("posted");
    assert_eq!(store.marker(user(1), here).await, Ok(Marker { seq: 3, n: 3 }));
    assert_eq!(store.marker(user(2), here).await, Ok(Marker { seq: 4, n: 4 }));
    assert_eq!(store.marker(user(3), here).await, Ok(Marker::default()));
    assert_eq!(store.marker(user(1), room(2)).await, Ok(Marker::default()));
    assert_eq!(
        (
            version_of(store, user(1), here).await,
            version_of(store, user(2), here).await
        ),
        (3, 1)
    );
}

/// Only posts move a marker.
pub async fn marker_stays_for_what_is_no_post(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "hello").await.expect("posted");
    let other = fixture.writer().by(user(2));
    other.edit(room, 1, "new").await.expect("edited");
    other.react(room, 1, "\u{1f980}", true).await.expect("reacted");
    other.delete(room, 1).await.expect("deleted");
    assert_eq!(fixture.store().marker(user(2), room).await, Ok(Marker::default()));
    assert_eq!(version_of(fixture.store(), user(2), room).await, 0);
}

/// A post never moves a marker back, and leaves one alone that is further already.
pub async fn marker_never_moves_back_by_a_post(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    let ahead = Marker { seq: 100, n: 90 };
    let key = StateKey::marker(user(1), room);
    assert_eq!(
        fixture.store().state_insert(key, &ahead, None).await,
        Ok(written(1))
    );
    fixture.writer().post(room, "behind").await.expect("posted");
    assert_eq!(fixture.store().marker(user(1), room).await, Ok(ahead));
    assert_eq!(version_of(fixture.store(), user(1), room).await, 1);
    fixture.reopen().await;
    assert_eq!(fixture.store().marker(user(1), room).await, Ok(ahead));
}

/// "Mark unread" is the owner's own write and may go back; the next post moves the marker on from there.
pub async fn marker_may_be_set_back_by_its_owner(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post_all(room, 1..4).await;
    let back = Marker { seq: 1, n: 1 };
    let store = fixture.store();
    assert_eq!(set(store, user(1), room, 3, back).await, written(4));
    assert_eq!(store.marker(user(1), room).await, Ok(back));
    fixture.writer().post(room, "again").await.expect("posted");
    assert_eq!(store.marker(user(1), room).await, Ok(Marker { seq: 4, n: 4 }));
}

/// A post is a change of the marker's row: who read the row before finds a conflict.
pub async fn marker_write_conflicts_with_a_post_in_between(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "one").await.expect("posted");
    let read = version_of(fixture.store(), user(1), room).await;
    fixture.writer().post(room, "two").await.expect("posted");
    let answer = set(fixture.store(), user(1), room, read, Marker { seq: 1, n: 1 }).await;
    assert!(matches!(answer, StateOutcome::Conflict { current: Some(row) } if row.version == read + 1));
    assert_eq!(
        fixture.store().marker(user(1), room).await,
        Ok(Marker { seq: 2, n: 2 })
    );
}

/// Posts and the owner's own writes at once: every write that was done is counted, and the marker ends at the last post.
pub async fn marker_keeps_up_with_posts_and_writes_at_once(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "first").await.expect("posted");
    let tasks = (0..8).map(|number| {
        let writer = fixture.writer();
        async move {
            let mut done = 0;
            for _ in 0..8 {
                if number % 2 == 0 {
                    writer.post(room, "more").await.expect("posted");
                    done += 1;
                } else {
                    let store = writer.store();
                    let read = version_of(store, user(1), room).await;
                    let answer = set(store, user(1), room, read, Marker { seq: 1, n: 1 }).await;
                    done += u64::from(answer == written(read + 1));
                }
            }
            done
        }
    });
    let done: u64 = at_once(tasks).await.into_iter().sum();
    // Posts of one user move the marker each, because each of them is further than all before.
    assert_eq!(version_of(fixture.store(), user(1), room).await, done + 1);
    fixture.writer().post(room, "last").await.expect("posted");
    assert_eq!(
        fixture.store().marker(user(1), room).await,
        Ok(Marker { seq: 34, n: 34 })
    );
}

/// All markers of a user are listed together, by room.
pub async fn marker_rows_list_by_user(fixture: &mut Fixture) {
    for number in [3, 1, 2] {
        fixture
            .writer()
            .create_room(guild(1), room(number))
            .await
            .expect("made");
        for author in [1, 2] {
            fixture
                .writer()
                .by(user(author))
                .post(room(number), "hello")
                .await
                .expect("posted");
        }
    }
    fixture.reopen().await;
    let prefix = user(2).to_bytes();
    let page = fixture
        .store()
        .state_list(StateTable::Markers, &prefix, None, 10)
        .await
        .expect("a page");
    let keys: Vec<_> = page.rows.into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [1, 2, 3].map(|number| StateKey::marker(user(2), room(number)).key)
    );
}
