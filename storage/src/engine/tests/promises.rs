//! What an engine promises to one caller at a time.

use super::*;
use crate::engine::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::error::Error;

/// An engine with the keys `k000` to `k099`, enough for several pages.
fn filled(kind: EngineKind) -> (Subject, Model) {
    let subject = Subject::new(kind);
    let batch: Batch = (0..100)
        .map(|i| put(&format!("k{i:03}"), &format!("value {i}")))
        .collect();
    let mut model = Model::new();
    apply(&mut model, &batch);
    subject.engine.commit(batch).unwrap();
    (subject, model)
}

pub(super) fn get_answers_what_was_committed(kind: EngineKind) {
    let subject = Subject::new(kind);
    let engine = &subject.engine;
    assert_eq!(engine.kind(), kind);
    assert_eq!(engine.get(b"a").unwrap(), None);

    engine
        .commit(vec![
            put("a", "1"),
            put("b", "2"),
            put("", "empty key"),
            put("empty value", ""),
        ])
        .unwrap();
    assert_eq!(engine.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(engine.get(b"").unwrap(), Some(b"empty key".to_vec()));
    assert_eq!(engine.get(b"empty value").unwrap(), Some(Vec::new()));

    engine
        .commit(vec![put("a", "3"), remove("b"), remove("never there")])
        .unwrap();
    assert_eq!(engine.get(b"a").unwrap(), Some(b"3".to_vec()));
    assert_eq!(engine.get(b"b").unwrap(), None);
}

pub(super) fn range_goes_both_ways_within_its_bounds(kind: EngineKind) {
    let (subject, model) = filled(kind);
    let keys = |from: &str, to: &str, reverse| -> Vec<String> {
        let pairs = subject
            .engine
            .range(from.as_bytes(), to.as_bytes(), usize::MAX, reverse)
            .unwrap();
        pairs
            .into_iter()
            .map(|(key, _)| String::from_utf8(key).unwrap())
            .collect()
    };
    assert_eq!(keys("k010", "k013", false), ["k010", "k011", "k012"]);
    assert_eq!(keys("k010", "k013", true), ["k012", "k011", "k010"]);
    assert_eq!(keys("k0105", "k0115", false), ["k011"]);
    assert_eq!(keys("k098", "z", false), ["k098", "k099"]);
    assert_eq!(keys("", "k002", true), ["k001", "k000"]);
    assert_holds(
        &*subject.engine,
        &model,
        &[b"k0105".to_vec(), b"a".to_vec(), b"z".to_vec()],
    );
}

pub(super) fn range_stops_at_its_limit(kind: EngineKind) {
    let (subject, model) = filled(kind);
    for reverse in [false, true] {
        for limit in [1, 2, 50, 99, 100, 101] {
            let pairs = subject.engine.range(b"", END, limit, reverse).unwrap();
            assert_eq!(pairs, model_range(&model, b"", END, limit, reverse));
            assert_eq!(pairs.len(), limit.min(100));
        }
    }
}

pub(super) fn empty_ranges_are_empty(kind: EngineKind) {
    let (subject, _) = filled(kind);
    for reverse in [false, true] {
        for (from, to, limit) in [
            ("k001", "k001", 9),
            ("k002", "k001", 9),
            ("k001", "k009", 0),
            ("x", "y", 9),
        ] {
            let pairs = subject
                .engine
                .range(from.as_bytes(), to.as_bytes(), limit, reverse)
                .unwrap();
            assert_eq!(pairs, [], "from {from} to {to}, limit {limit}, reverse {reverse}");
        }
    }
}

pub(super) fn an_empty_batch_changes_nothing(kind: EngineKind) {
    let (subject, model) = filled(kind);
    subject.engine.commit(Batch::new()).unwrap();
    assert_holds(&*subject.engine, &model, &[]);
}

pub(super) fn closing_and_opening_keeps_everything(kind: EngineKind) {
    let (mut subject, mut model) = filled(kind);
    for round in 0..4 {
        let batch = vec![
            put(&format!("round {round}"), "here"),
            remove(&format!("k{round:03}")),
            put("k050", "new"),
        ];
        apply(&mut model, &batch);
        subject.engine.commit(batch).unwrap();
        subject = subject.reopen();
        assert_holds(&*subject.engine, &model, &[b"k000".to_vec()]);
    }
}

pub(super) fn dropping_and_opening_keeps_everything(kind: EngineKind) {
    let (subject, model) = filled(kind);
    let Subject { folder, engine, .. } = subject;
    drop(engine);
    let (engine, _) = open(kind, folder.path(), false).unwrap();
    assert_holds(&*engine, &model, &[]);
}

pub(super) fn missing_data_is_not_made_unless_asked(kind: EngineKind) {
    let folder = tempfile::tempdir().unwrap();
    let error = open(kind, folder.path(), false).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::CannotOpen(_)), "{error:?}");
    assert_eq!(contents(folder.path()).len(), 0);

    std::fs::create_dir(folder.path().join(kind.name())).unwrap();
    let error = open(kind, folder.path(), false).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::CannotOpen(_)), "{error:?}");
    assert_eq!(contents(folder.path()).len(), 0);

    let (engine, _) = open(kind, folder.path(), true).unwrap();
    engine.commit(vec![put("a", "1")]).unwrap();
    assert_eq!(engine.get(b"a").unwrap(), Some(b"1".to_vec()));
}

pub(super) fn data_that_is_there_is_opened_and_not_made(kind: EngineKind) {
    let (subject, model) = filled(kind);
    let Subject { folder, engine, .. } = subject;
    drop(engine);
    let (engine, _) = open(kind, folder.path(), true).unwrap();
    assert_holds(&*engine, &model, &[]);
}

pub(super) fn an_unfinished_making_is_made_anew(kind: EngineKind) {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = folder.path().join(format!("{kind}.unfinished"));
    std::fs::create_dir(&unfinished).unwrap();
    std::fs::write(unfinished.join("db"), "half").unwrap();
    std::fs::write(unfinished.join("data.redb"), "half").unwrap();

    let error = open(kind, folder.path(), false).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::CannotOpen(_)), "{error:?}");
    let (engine, _) = open(kind, folder.path(), true).unwrap();
    engine.commit(vec![put("a", "1")]).unwrap();
    assert_eq!(engine.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert!(!unfinished.exists());
}

pub(super) fn keys_and_values_have_limits(kind: EngineKind) {
    let (subject, mut model) = filled(kind);
    let too_long = |key: usize, value: usize| {
        let long = Entry {
            key: vec![b'x'; key],
            value: Some(vec![b'y'; value]),
            previous: Previous::Unknown,
        };
        vec![put("k000", "changed"), long, put("new", "1")]
    };
    for (key, value, limit) in [
        (MAX_KEY_BYTES + 1, 1, MAX_KEY_BYTES),
        (1, MAX_VALUE_BYTES + 1, MAX_VALUE_BYTES),
    ] {
        let error = subject.engine.commit(too_long(key, value)).unwrap_err();
        assert!(
            matches!(error, Error::TooLarge { limit: answered, .. } if answered == limit),
            "{error:?}"
        );
        assert_holds(&*subject.engine, &model, &[b"new".to_vec()]);
    }

    // At the limits, and it was no failure: the engine still writes.
    let largest = too_long(MAX_KEY_BYTES, MAX_VALUE_BYTES);
    apply(&mut model, &largest);
    subject.engine.commit(largest).unwrap();
    assert_holds(&*subject.reopen().engine, &model, &[]);
}

pub(super) fn a_key_twice_in_a_batch_is_a_defect(kind: EngineKind) {
    if !cfg!(debug_assertions) {
        return;
    }
    let (subject, model) = filled(kind);
    let twice = vec![put("k000", "1"), put("k000", "2")];
    let engine = Arc::clone(&subject.engine);
    std::thread::spawn(move || engine.commit(twice))
        .join()
        .unwrap_err();
    assert_holds(&*subject.engine, &model, &[]);
}

pub(super) fn files_take_space(kind: EngineKind) {
    let (subject, _) = filled(kind);
    let before = subject.engine.file_bytes().unwrap();
    assert!(before > 0);
    let value = "v".repeat(MAX_VALUE_BYTES);
    let rows = 1000;
    for batch in 0..10 {
        let batch = (0..rows / 10)
            .map(|i| put(&format!("{batch} {i}"), &value))
            .collect();
        subject.engine.commit(batch).unwrap();
    }
    let after = subject.engine.file_bytes().unwrap();
    assert!(
        after >= before.max((rows * MAX_VALUE_BYTES) as u64),
        "{before} grew to {after}"
    );
}

pub(super) fn after_closing_everything_is_unavailable(kind: EngineKind) {
    let (subject, _) = filled(kind);
    subject.engine.close().unwrap();
    subject.engine.close().unwrap();
    let engine = &subject.engine;
    for error in [
        engine.get(b"k000").unwrap_err(),
        engine.range(b"", END, 1, false).unwrap_err(),
        engine.commit(vec![put("a", "1")]).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    }
}

pub(super) fn data_in_use_is_refused(kind: EngineKind) {
    let (subject, model) = filled(kind);
    for create in [false, true] {
        let error = open(kind, subject.folder.path(), create).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, Error::CannotOpen(text) if text.contains("in use")),
            "{error:?}"
        );
    }
    assert_holds(&*subject.reopen().engine, &model, &[]);
}
