//! What reads see while a commit is on its way, and after one has failed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::engine::hooks::Stage;
use crate::error::Error;

const STAGES: [Stage; 3] = [Stage::Prepared, Stage::Written, Stage::Synced];

/// An engine with rows on several pages, and a batch over it that adds, changes and removes, next to each other and
/// at both ends.
fn prepared(kind: EngineKind) -> (Subject, Model, Batch) {
    let subject = Subject::new(kind);
    let rows: Batch = (0..120)
        .map(|i| put(&format!("k{i:03}"), &format!("old {i}")))
        .collect();
    let mut model = Model::new();
    apply(&mut model, &rows);
    subject.engine.commit(rows).unwrap();

    let mut batch = vec![
        put("a first", "new"),
        put("z last", "new"),
        remove("k000"),
        remove("k119"),
    ];
    batch.extend(
        (1..119)
            .step_by(4)
            .map(|i| put(&format!("k{i:03}"), &format!("changed {i}"))),
    );
    batch.extend((2..119).step_by(4).map(|i| remove(&format!("k{i:03}"))));
    batch.extend(
        (3..119)
            .step_by(4)
            .map(|i| put(&format!("k{i:03}+"), &format!("added {i}"))),
    );
    batch.push(remove("k was never there"));
    (subject, model, batch)
}

fn with_known_previous(batch: &Batch, model: &Model) -> Batch {
    let known = |entry: &Entry| match model.get(&entry.key) {
        Some(value) => Previous::Value(value.clone()),
        None => Previous::Absent,
    };
    batch
        .iter()
        .map(|entry| Entry {
            previous: known(entry),
            ..entry.clone()
        })
        .collect()
}

fn keys(batch: &Batch) -> Vec<Vec<u8>> {
    batch.iter().map(|entry| entry.key.clone()).collect()
}

pub(super) fn a_batch_is_not_shown_before_it_is_durable(kind: EngineKind) {
    for known in [false, true] {
        let (subject, before, mut batch) = prepared(kind);
        if known {
            batch = with_known_previous(&batch, &before);
        }
        let touched = keys(&batch);
        let mut after = before.clone();
        apply(&mut after, &batch);

        let (reached, at_stage) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        subject.hooks.set(move |stage| {
            reached.send(stage).unwrap();
            wait.recv().unwrap();
            Ok(())
        });
        let engine = Arc::clone(&subject.engine);
        let committer = thread::spawn(move || engine.commit(batch));
        for stage in STAGES {
            assert_eq!(at_stage.recv().unwrap(), stage);
            assert_holds(&*subject.engine, &before, &touched);
            go_on.send(()).unwrap();
        }
        committer.join().unwrap().unwrap();
        assert_holds(&*subject.engine, &after, &touched);
        assert_holds(&*subject.reopen().engine, &after, &touched);
    }
}

/// Fails a commit at each stage, and answers with the error, the subject, the state before and the batch.
fn failed_commits(kind: EngineKind, fail: fn() -> Result<()>) -> Vec<(Error, Subject, Model, Batch)> {
    STAGES
        .into_iter()
        .map(|failing| {
            let (subject, before, batch) = prepared(kind);
            subject
                .hooks
                .set(move |stage| if stage == failing { fail() } else { Ok(()) });
            let error = subject.engine.commit(batch.clone()).unwrap_err();
            (error, subject, before, batch)
        })
        .collect()
}

fn io_failure() -> Result<()> {
    Err(Error::Unavailable("the cable fell out".to_owned()))
}

#[track_caller]
fn assert_reads_only(subject: &Subject, before: &Model, batch: &Batch, reason: &str) {
    subject.hooks.set(|_| Ok(()));
    for _ in 0..2 {
        let error = subject.engine.commit(vec![put("another", "1")]).unwrap_err();
        assert!(
            matches!(&error, Error::ReadOnly(text) if text.contains(reason)),
            "{error:?}"
        );
    }
    let mut touched = keys(batch);
    touched.push(b"another".to_vec());
    assert_holds(&*subject.engine, before, &touched);
}

pub(super) fn a_failed_commit_ends_writing_and_is_never_shown(kind: EngineKind) {
    for (error, subject, before, batch) in failed_commits(kind, io_failure) {
        assert!(
            matches!(&error, Error::ReadOnly(text) if text.contains("cable")),
            "{error:?}"
        );
        assert_reads_only(&subject, &before, &batch, "cable");
        subject.engine.close().unwrap();
    }
}

pub(super) fn a_panic_in_a_commit_is_damage_and_is_never_shown(kind: EngineKind) {
    for (error, subject, before, batch) in failed_commits(kind, || panic!("an assertion of the engine's")) {
        assert!(
            matches!(&error, Error::Damaged(text) if text.contains("assertion")),
            "{error:?}"
        );
        assert_reads_only(&subject, &before, &batch, "assertion");
        subject.engine.close().unwrap();
    }
}

pub(super) fn what_lies_on_disk_after_a_failure_is_all_of_the_batch_or_nothing(kind: EngineKind) {
    for fail in [io_failure, || panic!("an assertion of the engine's")] {
        for (_, subject, before, batch) in failed_commits(kind, fail) {
            let mut after = before.clone();
            apply(&mut after, &batch);
            subject.engine.close().unwrap();
            let Subject { folder, engine, .. } = subject;
            drop(engine);

            // A copy, because the first engine may keep its lock until its process ends.
            let copy = tempfile::tempdir().unwrap();
            copy_folder(folder.path(), copy.path());
            let (engine, _) = open(kind, copy.path(), false).unwrap();
            let holds = engine
                .range(b"", END, usize::MAX, false)
                .unwrap()
                .into_iter()
                .collect::<Model>();
            assert!(holds == before || holds == after, "half a batch: {holds:?}");
        }
    }
}

/// Rows that change together, with others between them so that they lie on different pages.
const TOGETHER: usize = 12;
const COMMITS: u64 = 300;
/// Each reader goes on until it has read this often, if the commits are done before.
const READS: u64 = 200;

fn numbered_batch(number: u64) -> Batch {
    let mut batch: Batch = (0..TOGETHER)
        .map(|i| put(&format!("row {i:02}"), &format!("{number:08}")))
        .collect();
    // Comes and goes with every commit, and says the same in its key.
    batch.push(put(
        &format!("row {:02} at {number:08}", number % TOGETHER as u64),
        &format!("{number:08}"),
    ));
    if let Some(last) = number.checked_sub(1) {
        batch.push(remove(&format!("row {:02} at {last:08}", last % TOGETHER as u64)));
    }
    batch
}

fn number_of(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

/// Commits numbered batches while readers run. `read` answers with the number of the batch that it saw.
fn read_under_commits(kind: EngineKind, readers: &[fn(&dyn Engine) -> u64]) {
    let subject = Subject::new(kind);
    let filler = "f".repeat(200);
    let rows = (0..TOGETHER).flat_map(|i| (0..20).map(move |j| (i, j)));
    subject
        .engine
        .commit(
            rows.map(|(i, j)| put(&format!("row {i:02} filler {j}"), &filler))
                .collect(),
        )
        .unwrap();
    subject.engine.commit(numbered_batch(0)).unwrap();

    let synced = Arc::new(AtomicU64::new(0));
    let answered = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for read in readers {
            let (engine, synced, answered, done) = (&*subject.engine, &synced, &answered, &done);
            scope.spawn(move || {
                let mut reads = 0;
                while !done.load(Ordering::SeqCst) || reads < READS {
                    let least = answered.load(Ordering::SeqCst);
                    let seen = read(engine);
                    let most = synced.load(Ordering::SeqCst);
                    assert!(
                        seen <= most,
                        "batch {seen} was shown, {most} was the last durable one"
                    );
                    assert!(
                        seen >= least,
                        "batch {seen} was shown, {least} was answered before"
                    );
                    reads += 1;
                }
            });
        }
        for number in 1..=COMMITS {
            let synced = Arc::clone(&synced);
            subject.hooks.set(move |stage| {
                if stage == Stage::Synced {
                    synced.store(number, Ordering::SeqCst);
                }
                Ok(())
            });
            let committed = subject.engine.commit(numbered_batch(number));
            if committed.is_err() {
                done.store(true, Ordering::SeqCst);
            }
            committed.unwrap();
            answered.store(number, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
    });
}

pub(super) fn readers_see_whole_durable_batches_only(kind: EngineKind) {
    read_under_commits(
        kind,
        &[
            |engine| number_of(&engine.get(b"row 00").unwrap().unwrap()),
            |engine| {
                // Later reads never show less.
                let first = number_of(&engine.get(b"row 11").unwrap().unwrap());
                let second = number_of(&engine.get(b"row 00").unwrap().unwrap());
                assert!(second >= first, "{second} after {first}");
                second
            },
        ],
    );
}

pub(super) fn ranges_are_snapshots_under_commits(kind: EngineKind) {
    fn one_state(engine: &dyn Engine, reverse: bool) -> u64 {
        let pairs = engine.range(b"row", b"s", usize::MAX, reverse).unwrap();
        assert_eq!(pairs.len(), TOGETHER * 21 + 1);
        let numbers: Vec<_> = pairs
            .iter()
            .filter(|(_, value)| value[0] != b'f')
            .map(|(_, value)| number_of(value))
            .collect();
        assert_eq!(numbers.len(), TOGETHER + 1);
        assert!(
            numbers.iter().all(|number| *number == numbers[0]),
            "mixed batches: {numbers:?}"
        );
        assert!(pairs.is_sorted_by(|a, b| if reverse { a.0 > b.0 } else { a.0 < b.0 }));
        numbers[0]
    }
    read_under_commits(
        kind,
        &[
            |engine| one_state(engine, false),
            |engine| one_state(engine, true),
        ],
    );
}
