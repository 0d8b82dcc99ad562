//! Rows that are gone: reads and the start answer damage, and never a shorter page.

use std::path::Path;

use madang_storage::embedded::{Embedded, Table};
use madang_storage::engine::{Engine, EngineKind};
use madang_storage::model::{Fact, RoomId, StreamId};
use madang_storage::{Anchor, Backend, Error, Readiness};

use crate::world::*;

both![
    a_lost_row_of_a_stream_is_damage,
    a_lost_post_is_damage_for_history,
    a_start_misses_what_the_newest_events_left,
    data_of_another_format_is_refused,
];

/// The key of a room's row of an event or of a message.
fn key(table: Table, room: RoomId, number: u64) -> Vec<u8> {
    let stream = StreamId::Room(room).to_bytes();
    let id = if table == Table::Events {
        stream.as_slice()
    } else {
        &stream[1..]
    };
    [&[table.number()], id, &number.to_be_bytes()].concat()
}

fn remove(folder: &Path, engine: EngineKind, key: Vec<u8>) {
    plant(folder, engine, |rows: &dyn Engine| {
        assert!(rows.get(&key).unwrap().is_some(), "the row was there");
        (key, None)
    });
}

async fn is_damaged(store: &Embedded) -> bool {
    matches!(store.status().await.readiness, Readiness::Damaged(_))
}

/// Posts, an edit between posts, posts: seqs 1 to 8, revs 1 to 10, the edit at rev 5, a deletion at rev 10.
async fn stream_with_all(folder: &Path, engine: EngineKind) {
    let store = open(folder, engine);
    let made = Fact::channel_created(GUILD, "room", "");
    append(&store.store(), StreamId::Room(ROOM), made).await;
    for number in 1..=7 {
        post(&store.store(), ROOM, ALICE, &format!("message {number}")).await;
        if number == 3 {
            edit(&store.store(), ROOM, 2, "edited").await;
        }
    }
    delete(&store.store(), ROOM, 1).await;
    store.close().await.unwrap();
}

/// Pages that need the row are damaged, wherever they start, and the others are whole.
async fn a_lost_row_of_a_stream_is_damage(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let whole = temporary.path().join("whole");
    stream_with_all(&whole, engine).await;
    let lost = [
        (Table::Events, 1, 1),
        (Table::Events, 5, 5),
        (Table::Events, 10, 10),
        (Table::Messages, 1, 2),
        (Table::Messages, 3, 4),
        (Table::Messages, 4, 6),
        (Table::Messages, 7, 9),
    ];
    for (table, number, rev) in lost {
        let folder = temporary.path().join(format!("{table:?} {number}"));
        copy_folder(&whole, &folder);
        remove(&folder, engine, key(table, ROOM, number));
        let store = open(&folder, engine);
        assert!(is_damaged(&store).await, "the start misses {table:?} {number}");
        for after in 0..10 {
            for limit in [1, 2, 3, 10] {
                let answer = store.events(StreamId::Room(ROOM), after, limit).await;
                let needed = (after + 1..=after + limit as u64).contains(&rev);
                match answer {
                    Err(Error::Damaged(_)) => {}
                    Ok(page) => {
                        assert!(!needed, "{table:?} {number}: {limit} after {after} have no hole");
                        let revs: Vec<u64> = page.commits.iter().map(|commit| commit.event.rev()).collect();
                        let last = 10.min(after + limit as u64);
                        assert_eq!(revs, (after + 1..=last).collect::<Vec<_>>());
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
        store.close().await.unwrap();
    }
}

async fn a_lost_post_is_damage_for_history(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    stream_with_all(&folder, engine).await;
    remove(&folder, engine, key(Table::Messages, ROOM, 4));
    let store = open(&folder, engine);
    for (anchor, limit) in [(Anchor::Latest, 7), (Anchor::After(3), 1), (Anchor::Before(5), 1)] {
        let answer = store.history(ROOM, anchor, limit).await;
        assert!(matches!(answer, Err(Error::Damaged(_))), "{anchor:?}: {answer:?}");
    }
    let whole = store.history(ROOM, Anchor::After(4), 3).await.unwrap();
    assert_eq!(whole.messages.len(), 3);
    store.close().await.unwrap();
}

/// A post's marker and its nonce have no note of their own: the post tells of them.
async fn a_start_misses_what_the_newest_events_left(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let whole = temporary.path().join("whole");
    stream_with_all(&whole, engine).await;
    for (table, number) in [(Table::Nonces, 0), (Table::Nonces, 6), (Table::State, 0)] {
        let folder = temporary.path().join(format!("{table:?} {number}"));
        copy_folder(&whole, &folder);
        let lost = rows_of(&*engine_of(&folder, engine), table).swap_remove(number).0;
        remove(&folder, engine, lost);
        let store = open(&folder, engine);
        assert!(is_damaged(&store).await, "the start misses {table:?} {number}");
        store.close().await.unwrap();
    }
}

async fn data_of_another_format_is_refused(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    filled(&folder, engine).await;
    for (format, words) in [(1, "before the first release"), (99, "newer version")] {
        std::fs::write(folder.join("store/engine"), format!("{engine} {format}\n")).unwrap();
        let refused = madang_storage::embedded::open(&folder, options(engine)).map(|_| ());
        let told = refused.unwrap_err().to_string();
        assert!(told.contains(words), "{told}");
    }
}
