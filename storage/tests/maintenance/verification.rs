use std::path::Path;

use madang_storage::embedded::{Table, TableClass, verify};
use madang_storage::engine::{Engine, EngineKind};
use madang_storage::model::Timestamp;
use madang_storage::{Backend, Error, Readiness};

use crate::world::*;

both![
    sound_data_has_no_problems,
    each_kind_of_damage_is_found,
    altered_bytes_are_found,
    lost_groups_are_found,
    a_backup_shows_what_is_missing,
    a_scrub_notes_damage,
    problems_are_counted_beyond_the_first_hundred,
];

#[test]
fn every_table_is_declared() {
    // A table that is declared and has rows must be known to the check: it names each of them.
    let mut numbers: Vec<u8> = Table::ALL.iter().map(|table| table.number()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), Table::ALL.len());
    let class = |wanted| {
        Table::ALL
            .into_iter()
            .filter(move |table| table.class() == wanted)
    };
    assert_eq!(
        class(TableClass::Stream).collect::<Vec<_>>(),
        [Table::Heads, Table::Events, Table::Messages]
    );
    assert_eq!(class(TableClass::State).collect::<Vec<_>>(), [Table::State]);
    assert_eq!(class(TableClass::Derived).count(), 24);
    assert_eq!(class(TableClass::Node).count(), 4);
}

async fn sound_data_has_no_problems(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    let store = open(&folder, engine);
    fill(&store).await;
    fill_audit(&store.store()).await;
    set_state(
        &store,
        setting("expired"),
        vec![1],
        Some(Timestamp::from_millis(1)),
    )
    .await;
    let start = madang_storage::Cursor::start();
    store.set_consumer("search", &start).await.unwrap();
    assert!(store.sweep().await.unwrap() > 0);
    let scrubbed = store.scrub(None).await.unwrap();
    assert_eq!(scrubbed.problems, Vec::<String>::new());
    assert_eq!(scrubbed.streams, 8);
    store.close().await.unwrap();

    let report = verify(&folder, None).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.rows, report.streams), (scrubbed.rows, scrubbed.streams));
    let engine = engine_of(&folder, engine);
    for table in Table::ALL {
        assert!(
            !rows_of(&*engine, table).is_empty(),
            "the test has no row of {table:?}"
        );
    }
    engine.close().unwrap();
    let error = verify(&temporary.path().join("nothing"), None).unwrap_err();
    assert!(matches!(error, Error::CannotOpen(_)), "{error}");
}

type Plant = fn(&dyn Engine) -> (Vec<u8>, Option<Vec<u8>>);

fn without(engine: &dyn Engine, table: Table, number: usize) -> (Vec<u8>, Option<Vec<u8>>) {
    (rows_of(engine, table).swap_remove(number).0, None)
}

/// The value of one row under the key of another.
fn swapped(engine: &dyn Engine, table: Table) -> (Vec<u8>, Option<Vec<u8>>) {
    let rows = rows_of(engine, table);
    (rows[0].0.clone(), Some(rows[1].1.clone()))
}

/// A row of its own under a key that nothing leads to.
fn stray(engine: &dyn Engine, table: Table) -> (Vec<u8>, Option<Vec<u8>>) {
    let (mut key, _) = rows_of(engine, table).swap_remove(0);
    let at = key.len() / 2;
    key[at] ^= 0x55;
    let value = sealed(&key, &[1, 0xc0]);
    (key, Some(value))
}

/// The stored form of short content.
fn sealed(key: &[u8], content: &[u8]) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    [key, &[0], content].iter().for_each(|part| hasher.update(part));
    [&[1, 0], hasher.finalize().to_le_bytes().as_slice(), content].concat()
}

async fn each_kind_of_damage_is_found(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let whole = temporary.path().join("whole");
    filled(&whole, engine).await;
    let damages: [(&str, &str, Plant); 32] = [
        ("a lost head", "event 1 of instance", |rows| {
            without(rows, Table::Heads, 0)
        }),
        ("a lost event between posts", "event 12 of room:", |rows| {
            without(rows, Table::Events, 12)
        }),
        ("a lost event behind posts", "event 17 of room:", |rows| {
            without(rows, Table::Events, 16)
        }),
        ("a lost first event", "event 1 of room:", |rows| {
            without(rows, Table::Events, 11)
        }),
        ("a lost newest event", "of user:", |rows| {
            let last = rows_of(rows, Table::Events).len() - 1;
            without(rows, Table::Events, last)
        }),
        ("a lost message", "message 1 of room:", |rows| {
            without(rows, Table::Messages, 0)
        }),
        ("a lost changed message", "message 3 of room:", |rows| {
            without(rows, Table::Messages, 2)
        }),
        ("a lost newest message", "message 11 of room:", |rows| {
            without(rows, Table::Messages, 10)
        }),
        ("lost nonces", "message 4 of room:", |rows| {
            without(rows, Table::Nonces, 3)
        }),
        ("a lost reaction", "the reaction 👍 of user:", |rows| {
            without(rows, Table::Reactions, 0)
        }),
        ("a lost member", "as a member of guild:", |rows| {
            without(rows, Table::Members, 1)
        }),
        ("a lost guild of a user", "among the guilds of user:", |rows| {
            without(rows, Table::GuildsOf, 0)
        }),
        ("a lost instance", "the instance", |rows| {
            without(rows, Table::Instance, 0)
        }),
        ("a lost guild", "guild:", |rows| without(rows, Table::Guilds, 0)),
        ("a lost user", "user:", |rows| without(rows, Table::Users, 0)),
        ("a lost room", "room:", |rows| without(rows, Table::Rooms, 0)),
        ("a lost channel", "as a channel of guild:", |rows| {
            without(rows, Table::Channels, 0)
        }),
        ("a lost open guild", "as one that everybody may join", |rows| {
            without(rows, Table::PublicGuilds, 0)
        }),
        ("a lost state row", "the expiry of row", |rows| {
            without(rows, Table::State, 4)
        }),
        ("a lost expiry", "of the state table settings", |rows| {
            without(rows, Table::Expiries, 0)
        }),
        ("a lost change row", "the note of commit group 4", |rows| {
            without(rows, Table::Changes, 3)
        }),
        ("a lost part", "message 2 of room:", |rows| {
            without(rows, Table::Parts, 0)
        }),
        ("a lost epoch", "the data's epoch", |rows| {
            let epoch = [&[1], b"epoch".as_slice()].concat();
            assert!(rows.get(&epoch).unwrap().is_some());
            (epoch, None)
        }),
        ("a lost counter", "of the state table", |_| {
            ([b"\x01state/".as_slice(), &[8]].concat(), None)
        }),
        ("a message in another's place", "message 1 of room:", |rows| {
            swapped(rows, Table::Messages)
        }),
        ("a head in another's place", "the head of", |rows| {
            swapped(rows, Table::Heads)
        }),
        ("an orphan part", "part 200 of message 1 of room:", |rows| {
            let (main, _) = rows_of(rows, Table::Messages).swap_remove(0);
            (
                [&[Table::Parts.number()], main.as_slice(), &[200]].concat(),
                Some(vec![1, 2, 3]),
            )
        }),
        ("an unknown table", "unknown table", |_| {
            (vec![200, 1, 2], Some(vec![1]))
        }),
        ("a reaction that nobody made", "the reaction", |rows| {
            stray(rows, Table::Reactions)
        }),
        ("a member who never joined", "as a member of", |rows| {
            stray(rows, Table::Members)
        }),
        ("an open guild of nowhere", "as one that everybody", |rows| {
            stray(rows, Table::PublicGuilds)
        }),
        ("a channel of nowhere", "as a channel of", |rows| {
            stray(rows, Table::Channels)
        }),
    ];
    let mut unnamed = Vec::new();
    for (number, (what, words, damage)) in damages.into_iter().enumerate() {
        let folder = temporary.path().join(number.to_string());
        copy_folder(&whole, &folder);
        plant(&folder, engine, damage);
        let report = verify(&folder, None).unwrap();
        if !report.problems.iter().any(|problem| problem.contains(words)) {
            unnamed.push(format!("{what}: {:?} does not name {words}", report.problems));
        }
    }
    assert!(unnamed.is_empty(), "{unnamed:#?}");
    assert!(verify(&whole, None).unwrap().is_sound());
}

async fn altered_bytes_are_found(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let whole = temporary.path().join("whole");
    filled(&whole, engine).await;
    for table in Table::ALL {
        let folder = temporary.path().join(table.number().to_string());
        copy_folder(&whole, &folder);
        let rows = engine_of(&folder, engine);
        let found = rows_of(&*rows, table).pop();
        rows.close().unwrap();
        drop(rows);
        let Some((key, mut value)) = found else { continue };
        *value.last_mut().unwrap() ^= 0x10;
        plant(&folder, engine, |_| (key, Some(value)));
        let report = verify(&folder, None).unwrap();
        assert!(report.problem_count > 0, "a byte of {table:?}");
    }
}

async fn lost_groups_are_found(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    let store = open(&folder, engine);
    fill(&store).await;
    store.close().await.unwrap();
    copy_folder(&folder.join("store"), &temporary.path().join("earlier"));
    let store = open(&folder, engine);
    post(&store.store(), ROOM, ALICE, "lost").await;
    store.close().await.unwrap();
    std::fs::copy(folder.join("store/tip"), temporary.path().join("earlier/tip")).unwrap();
    std::fs::remove_dir_all(folder.join("store")).unwrap();
    copy_folder(&temporary.path().join("earlier"), &folder.join("store"));
    let report = verify(&folder, None).unwrap();
    assert_eq!(report.problem_count, 1, "{:?}", report.problems);
    assert!(
        report.problems[0].contains("the newest 1 commit groups are missing"),
        "{:?}",
        report.problems
    );
}

async fn a_backup_shows_what_is_missing(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| temporary.path().join(name);
    filled(&path("data"), engine).await;
    back_up(&path("data"), engine, &path("early")).await;
    copy_folder(&path("data"), &path("older"));
    let store = open(&path("data"), engine);
    post(&store.store(), ROOM, ALICE, "later").await;
    edit(&store.store(), OTHER_ROOM, 1, "later").await;
    set_state(&store, setting("plain"), vec![9], None).await;
    store.backup(&path("late")).await.unwrap();
    assert!(
        store.scrub(Some(&path("early"))).await.unwrap().is_sound(),
        "more than the backup is fine"
    );
    store.close().await.unwrap();
    assert!(
        verify(&path("older"), None).unwrap().is_sound(),
        "alone nothing is to be seen"
    );
    let report = verify(&path("older"), Some(&path("late"))).unwrap();
    let tells = |words: &str| report.problems.iter().any(|problem| problem.contains(words));
    assert!(tells("the head of room:"), "{:?}", report.problems);
    assert!(tells("message 14 of room:"), "{:?}", report.problems);
    assert!(tells("message 1 of room:"), "{:?}", report.problems);
    assert!(tells("state/"), "{:?}", report.problems);

    // A state row that is gone leaves no trace but in a backup.
    copy_folder(&path("data"), &path("holed"));
    plant(&path("holed"), engine, |rows| without(rows, Table::State, 0));
    assert!(verify(&path("holed"), None).unwrap().is_sound());
    let report = verify(&path("holed"), Some(&path("late"))).unwrap();
    assert_eq!(report.problem_count, 1, "{:?}", report.problems);
    assert!(
        report.problems[0].contains("of the state table markers: it is missing"),
        "{:?}",
        report.problems
    );

    std::fs::write(path("broken"), &std::fs::read(path("late")).unwrap()[..500]).unwrap();
    assert!(
        verify(&path("data"), Some(&path("broken"))).is_err(),
        "a broken backup proves nothing"
    );
}

async fn a_scrub_notes_damage(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    filled(&folder, engine).await;
    // Nothing that a start would notice.
    plant(&folder, engine, |rows| without(rows, Table::Members, 0));
    let store = open(&folder, engine);
    assert_eq!(store.store().status().await.readiness, Readiness::Ready);
    let report = store.scrub(None).await.unwrap();
    assert!(
        report.problems[0].contains("among the guilds of user:"),
        "{:?}",
        report.problems
    );
    let readiness = store.store().status().await.readiness;
    assert_eq!(readiness, Readiness::Damaged(report.problems[0].clone()));
    let file = temporary.path().join("file");
    let backup = store.backup(Path::new(&file)).await.unwrap();
    assert_eq!(backup.damage, Some(report.problems[0].clone()));
    store.close().await.unwrap();
}

async fn problems_are_counted_beyond_the_first_hundred(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    filled(&folder, engine).await;
    let rows = engine_of(&folder, engine);
    for number in 0..120_u8 {
        let entry = madang_storage::engine::Entry {
            key: vec![250, number],
            value: Some(vec![0]),
            previous: madang_storage::engine::Previous::Unknown,
        };
        rows.commit(vec![entry]).unwrap();
    }
    rows.close().unwrap();
    drop(rows);
    let report = verify(&folder, None).unwrap();
    assert_eq!((report.problem_count, report.problems.len()), (120, 100));
}
