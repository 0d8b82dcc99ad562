use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use madang_storage::embedded::{Options, archive, restore, verify};
use madang_storage::engine::EngineKind;
use madang_storage::model::{Fact, StateWrite, StateWriteKind, StreamId, Timestamp};
use madang_storage::{Backend, Clock, Env, Error, NonceUse, Readiness, SystemClock};

use crate::world::*;

both![
    content_survives_backup_and_restore,
    content_survives_a_change_of_engine,
    restored_data_is_of_a_new_life,
    long_values_round_trip,
    a_backup_shows_the_moment_it_was_asked_for,
    a_backup_among_writers_is_a_prefix,
    a_second_backup_at_once_is_refused,
    a_backup_that_fails_leaves_the_store_as_it_was,
    a_damaged_backup_is_not_restored,
    a_restore_overwrites_nothing,
];

async fn restored(file: &Path, folder: &Path, engine: EngineKind) {
    restore(file, folder, engine, &Env::system()).expect("the backup is restored");
    let report = verify(folder, Some(file)).expect("the data is checked");
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.compared > 0);
}

async fn content_survives_backup_and_restore(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    filled(&path("source"), engine).await;
    back_up(&path("source"), engine, &path("first")).await;
    restored(&path("first"), &path("copy"), engine).await;
    back_up(&path("copy"), engine, &path("second")).await;
    assert_eq!(compared_bytes(&path("first")), compared_bytes(&path("second")));
    assert_eq!(
        archive::content_hash(&path("first")).unwrap(),
        archive::content_hash(&path("second")).unwrap()
    );
    assert_ne!(
        std::fs::read(path("first")).unwrap(),
        std::fs::read(path("second")).unwrap(),
        "other manifests"
    );

    let (source, copy) = (
        engine_of(&path("source"), engine),
        engine_of(&path("copy"), engine),
    );
    for table in madang_storage::embedded::Table::ALL {
        let class = table.class();
        // The rows of nonces are those of commit groups in the one, and full ones in the other.
        let by_group = table == madang_storage::embedded::Table::Nonces;
        if class != madang_storage::embedded::TableClass::Node && !by_group {
            assert_eq!(rows_of(&*source, table), rows_of(&*copy, table), "{table:?}");
        }
    }
    copy.close().unwrap();
    drop(copy);
    // Every nonce of every event is in one of them.
    let report = verify(&path("copy"), None).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

async fn content_survives_a_change_of_engine(engine: EngineKind) {
    let other = EngineKind::ALL.into_iter().find(|kind| *kind != engine).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    filled(&path("source"), engine).await;
    back_up(&path("source"), engine, &path("first")).await;
    restored(&path("first"), &path("over"), other).await;
    back_up(&path("over"), other, &path("second")).await;
    restored(&path("second"), &path("back"), engine).await;
    back_up(&path("back"), engine, &path("third")).await;
    assert_eq!(compared_bytes(&path("first")), compared_bytes(&path("second")));
    assert_eq!(compared_bytes(&path("first")), compared_bytes(&path("third")));
}

async fn restored_data_is_of_a_new_life(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    let store = open(&path("source"), engine);
    fill(&store).await;
    let fact = Fact::MessagePosted {
        author: ALICE,
        text: "once".to_owned(),
        reply_to: None,
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    };
    let used = NonceUse {
        nonce: nonce(),
        fingerprint: 5,
    };
    let stream = StreamId::Room(ROOM);
    let first = append_with(&store.store(), stream, fact.clone(), Some(used)).await;
    let epoch = store.epoch().await.unwrap();
    let twice = store.state_get(&setting("twice")).await.unwrap();
    let old_cursor = store
        .changed_since(&madang_storage::Cursor::start(), 1_000)
        .await
        .unwrap()
        .cursor;
    store.backup(&path("file")).await.unwrap();
    store.close().await.unwrap();

    let report = restore(&path("file"), &path("copy"), engine, &Env::system()).unwrap();
    let copy = open(&path("copy"), engine);
    assert_eq!(report.epoch, copy.epoch().await.unwrap());
    assert_ne!(copy.epoch().await.unwrap(), epoch);
    assert!(twice.as_ref().is_some_and(|row| row.version == 2));
    assert_eq!(copy.state_get(&setting("twice")).await.unwrap(), twice);
    let replayed = append_with(&copy.store(), stream, fact, Some(used)).await;
    assert!(replayed.replayed);
    assert_eq!(replayed.commit.event.id, first.commit.event.id);
    assert_eq!(copy.store().status().await.readiness, Readiness::Ready);

    // Whoever comes with a place in the old data is told everything anew.
    let told = copy.changed_since(&old_cursor, 1_000).await.unwrap().entries;
    assert!(
        told.iter()
            .any(|change| change.what == madang_storage::Changed::Stream(stream))
    );
    let seq = post(&copy.store(), ROOM, BOB, "it goes on").await;
    assert_eq!(seq, first.commit.event.head.seq + 1);
    copy.close().await.unwrap();
}

async fn long_values_round_trip(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    filled(&path("source"), engine).await;
    back_up(&path("source"), engine, &path("file")).await;
    restored(&path("file"), &path("copy"), engine).await;
    let copy = open(&path("copy"), engine);
    let edited = copy.store().message(ROOM, 2).await.unwrap().unwrap();
    assert_eq!(edited.text, "long ".repeat(3_277));
    let posted = copy.store().message(ROOM, 11).await.unwrap().unwrap();
    assert_eq!(posted.text, "x".repeat(16 * 1024));
    let state = copy.state_get(&setting("long")).await.unwrap().unwrap();
    assert_eq!(state.value, vec![7; 64 * 1024]);
    copy.close().await.unwrap();
}

/// A clock that stops a backup right after it has taken its moment: the backup asks for the time then.
struct Gate {
    closed: AtomicBool,
    reached: Mutex<mpsc::Sender<()>>,
    open: Mutex<mpsc::Receiver<()>>,
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        let committer = std::thread::current().name() == Some("committer");
        if !committer && self.closed.swap(false, Ordering::SeqCst) {
            self.reached
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .send(())
                .unwrap();
            self.open
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv()
                .unwrap();
        }
        SystemClock.now()
    }
}

/// A store whose next backup waits: the receiver hears when it does, the sender lets it go on.
fn gated(
    folder: &Path,
    engine: EngineKind,
) -> (
    madang_storage::embedded::Embedded,
    Arc<Gate>,
    mpsc::Receiver<()>,
    mpsc::Sender<()>,
) {
    let (reached, hears) = mpsc::channel();
    let (lets_go, open) = mpsc::channel();
    let gate = Arc::new(Gate {
        closed: AtomicBool::new(false),
        reached: Mutex::new(reached),
        open: Mutex::new(open),
    });
    let env = Env {
        clock: Arc::clone(&gate) as Arc<dyn Clock>,
        ..Env::system()
    };
    let options = Options {
        env,
        ..options(engine)
    };
    let store = madang_storage::embedded::open(folder, options).unwrap();
    (store, gate, hears, lets_go)
}

async fn a_backup_shows_the_moment_it_was_asked_for(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    let (store, gate, hears, lets_go) = gated(&path("data"), engine);
    fill(&store).await;
    store.backup(&path("quiet")).await.unwrap();

    gate.closed.store(true, Ordering::SeqCst);
    let (target, backed_up) = (path("busy"), store.clone());
    let backup = tokio::spawn(async move { backed_up.backup(&target).await });
    hears.recv().unwrap();
    // More than stays in memory, so that replaced values also take the way over the file.
    for number in 0..200 {
        let key = setting(&format!("many {number}"));
        set_state(&store, key, vec![1; 64 * 1024], None).await;
    }
    post(&store.store(), ROOM, BOB, &"new ".repeat(4_000)).await;
    edit(&store.store(), ROOM, 1, &"longer ".repeat(2_000)).await;
    edit(&store.store(), ROOM, 2, "short now").await;
    edit(&store.store(), ROOM, 2, &"long again ".repeat(1_000)).await;
    delete(&store.store(), ROOM, 11).await;
    react(&store.store(), OTHER_ROOM, 3, BOB, false).await;
    set_state(&store, setting("long"), b"short".to_vec(), None).await;
    let gone = StateWriteKind::CompareAndDelete { version: 1 };
    let write = StateWrite {
        key: setting("plain"),
        kind: gone,
    };
    store.state_write(write).await.unwrap();
    lets_go.send(()).unwrap();
    backup.await.unwrap().unwrap();
    assert_eq!(compared_bytes(&path("quiet")), compared_bytes(&path("busy")));

    store.backup(&path("after")).await.unwrap();
    assert_ne!(compared_bytes(&path("quiet")), compared_bytes(&path("after")));
    assert!(
        !files(temporary.path())
            .iter()
            .any(|file| file.to_string_lossy().contains("replaced"))
    );

    // The same again, with the 200 long values to be replaced.
    gate.closed.store(true, Ordering::SeqCst);
    let (target, backed_up) = (path("spilled"), store.clone());
    let backup = tokio::spawn(async move { backed_up.backup(&target).await });
    hears.recv().unwrap();
    for number in 0..200 {
        set_state(&store, setting(&format!("many {number}")), vec![2; 3], None).await;
    }
    lets_go.send(()).unwrap();
    backup.await.unwrap().unwrap();
    assert_eq!(compared_bytes(&path("after")), compared_bytes(&path("spilled")));
    store.close().await.unwrap();
}

async fn a_backup_among_writers_is_a_prefix(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    let store = open(&path("data"), engine);
    fill(&store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    let (warm, mut warmed) = tokio::sync::mpsc::channel(8);
    for number in 0..8_u64 {
        let (store, stop, warm) = (store.clone(), Arc::clone(&stop), warm.clone());
        writers.push(tokio::spawn(async move {
            let room = if number % 2 == 0 { ROOM } else { OTHER_ROOM };
            let mut rounds = 0;
            while !stop.load(Ordering::SeqCst) {
                let seq = post(&store.store(), room, ALICE, &format!("{number} {rounds}")).await;
                react(&store.store(), room, seq, BOB, true).await;
                edit(
                    &store.store(),
                    room,
                    seq,
                    &format!("edited {number} {rounds}").repeat(400),
                )
                .await;
                if rounds % 3 == 0 {
                    delete(&store.store(), room, seq).await;
                }
                set_state(
                    &store,
                    setting(&format!("writer {number}")),
                    vec![0; 9_000 * (rounds % 2)],
                    None,
                )
                .await;
                rounds += 1;
                if rounds == 5 {
                    warm.send(()).await.unwrap();
                }
            }
        }));
    }
    for _ in 0..8 {
        warmed.recv().await.unwrap();
    }
    let before = store
        .store()
        .heads(&[StreamId::Room(ROOM), StreamId::Room(OTHER_ROOM)])
        .await
        .unwrap();
    let report = store.backup(&path("file")).await.unwrap();
    let scrubbed = store.scrub(Some(&path("file"))).await.unwrap();
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(scrubbed.problems, Vec::<String>::new());
    assert_eq!(store.store().status().await.readiness, Readiness::Ready);

    let restored_from = restore(&path("file"), &path("copy"), engine, &Env::system()).unwrap();
    assert_eq!(restored_from.contents, report.contents);
    assert_eq!(
        verify(&path("copy"), Some(&path("file"))).unwrap().problems,
        Vec::<String>::new()
    );
    let copy = open(&path("copy"), engine);
    for (room, before) in [ROOM, OTHER_ROOM].into_iter().zip(before) {
        let stream = StreamId::Room(room);
        let head = copy.store().head(stream).await.unwrap();
        assert!(head.rev >= before.rev, "what was acknowledged before is in it");
        let now = store.store().head(stream).await.unwrap();
        assert!(now.rev > head.rev, "the writers went on");
        let mut after = 0;
        while after < head.rev {
            let then = copy.store().events(stream, after, 500).await.unwrap().commits;
            let limit = then.len();
            let present = store.store().events(stream, after, limit).await.unwrap().commits;
            for (then, present) in then.iter().zip(&present) {
                assert_eq!(then.event, present.event);
            }
            after += limit as u64;
        }
    }
    copy.close().await.unwrap();
    store.close().await.unwrap();
}

async fn a_second_backup_at_once_is_refused(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    let (store, gate, hears, lets_go) = gated(&path("data"), engine);
    fill(&store).await;
    gate.closed.store(true, Ordering::SeqCst);
    let (target, backed_up) = (path("first"), store.clone());
    let first = tokio::spawn(async move { backed_up.backup(&target).await });
    hears.recv().unwrap();
    let second = store.backup(&path("second")).await.unwrap_err();
    assert_eq!(
        second,
        Error::Unavailable("a backup is running already".to_owned())
    );
    assert!(!path("second").exists());
    lets_go.send(()).unwrap();
    first.await.unwrap().unwrap();
    store.backup(&path("second")).await.unwrap();
    assert_eq!(compared_bytes(&path("first")), compared_bytes(&path("second")));
    store.close().await.unwrap();
}

async fn a_backup_that_fails_leaves_the_store_as_it_was(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    let store = open(&path("data"), engine);
    fill(&store).await;

    std::fs::write(path("taken"), "precious").unwrap();
    let error = store.backup(&path("taken")).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(std::fs::read(path("taken")).unwrap(), b"precious");

    let error = store.backup(&path("nowhere").join("file")).await.unwrap_err();
    assert!(error.to_string().contains("cannot make"), "{error}");
    let error = store.backup(&path("taken").join("file")).await.unwrap_err();
    assert!(error.to_string().contains("cannot look at"), "{error}");

    // A disk without space, once the backup is under way.
    std::os::unix::fs::symlink("/dev/full", path("full.partial")).unwrap();
    let error = store.backup(&path("full")).await.unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
    assert!(!path("full").exists());
    assert!(
        std::fs::symlink_metadata(path("full.partial")).is_err(),
        "nothing stays behind"
    );

    assert_eq!(store.store().status().await.readiness, Readiness::Ready);
    post(&store.store(), ROOM, ALICE, "the store goes on").await;
    store.backup(&path("fine")).await.unwrap();
    restored(&path("fine"), &path("copy"), engine).await;
    store.close().await.unwrap();
}

async fn a_damaged_backup_is_not_restored(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    filled(&path("source"), engine).await;
    back_up(&path("source"), engine, &path("whole")).await;
    let whole = std::fs::read(path("whole")).unwrap();
    let step = (whole.len() / 40).max(1);
    let refuses = |bytes: &[u8], what: String| {
        std::fs::write(path("broken"), bytes).unwrap();
        let outcome = archive::check(&path("broken"));
        assert!(outcome.is_err(), "{what}: {outcome:?}");
        outcome.unwrap_err()
    };
    for length in (0..whole.len())
        .step_by(step / 7 + 1)
        .chain(whole.len() - 300..whole.len())
    {
        refuses(&whole[..length], format!("cut at {length}"));
    }
    for position in (0..whole.len())
        .step_by(step / 7 + 1)
        .chain(0..300)
        .chain(whole.len() - 300..whole.len())
    {
        let mut flipped = whole.clone();
        flipped[position] ^= 1 << (position % 8);
        refuses(&flipped, format!("flipped at {position}"));
    }
    let longer = [whole.as_slice(), b"x"].concat();
    refuses(&longer, "something follows".to_owned());

    // A restore is as strict, and leaves nothing in the folder.
    for position in [9, 40, step * 3, whole.len() / 2, whole.len() - 10] {
        for cut in [true, false] {
            let mut bytes = whole.clone();
            if cut {
                bytes.truncate(position);
            } else {
                bytes[position] ^= 4;
            }
            refuses(&bytes, format!("position {position}"));
            let outcome = restore(&path("broken"), &path("copy"), engine, &Env::system());
            assert!(outcome.is_err(), "position {position}: {outcome:?}");
            assert!(!has_data(&path("copy")), "position {position}");
        }
    }
    restored(&path("whole"), &path("copy"), engine).await;
}

async fn a_restore_overwrites_nothing(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    filled(&path("source"), engine).await;
    back_up(&path("source"), engine, &path("file")).await;
    let error = restore(&path("file"), &path("source"), engine, &Env::system()).unwrap_err();
    assert!(error.to_string().contains("has data already"), "{error}");
    let store = open(&path("source"), engine);
    let error = restore(&path("file"), &path("source"), engine, &Env::system()).unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    store.close().await.unwrap();
    assert!(verify(&path("source"), Some(&path("file"))).unwrap().is_sound());

    let error = restore(&path("missing"), &path("new"), engine, &Env::system()).unwrap_err();
    assert!(error.to_string().contains("there is no file"), "{error}");
    assert!(!path("new").exists());
}
