//! Any batches, in any order, with any openings between them, against a map.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Commit(Model, Vec<Vec<u8>>),
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    // Few bytes and few lengths, so that keys meet again and are prefixes of each other.
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0x61, 0x62, 0xFE]), 0..5)
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 1000..=4096_usize).prop_map(|(byte, length)| vec![byte; length]),
    ];
    let commit = (
        prop::collection::btree_map(key(), value, 0..30),
        prop::collection::vec(key(), 0..10),
    );
    prop_oneof![
        6 => commit.prop_map(|(put, remove)| Step::Commit(put, remove)),
        1 => Just(Step::Reopen),
    ]
}

pub(super) fn random_batches_match_a_model(kind: EngineKind) {
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let ranges = prop::collection::vec((key(), key(), 0..20_usize, any::<bool>()), 12);
    let steps = prop::collection::vec((step(), ranges), 1..16);
    runner
        .run(&steps, |steps| {
            let mut subject = Subject::new(kind);
            let mut model = Model::new();
            for (step, ranges) in steps {
                match step {
                    Step::Commit(put, removed) => {
                        let batch = batch(put, removed, &model);
                        apply(&mut model, &batch);
                        subject.engine.commit(batch).unwrap();
                    }
                    Step::Reopen => subject = subject.reopen(),
                }
                for (from, to, limit, reverse) in ranges {
                    prop_assert_eq!(
                        subject.engine.range(&from, &to, limit, reverse).unwrap(),
                        model_range(&model, &from, &to, limit, reverse)
                    );
                    prop_assert_eq!(subject.engine.get(&from).unwrap(), model.get(&from).cloned());
                }
            }
            let subject = subject.reopen();
            let all: Model = subject
                .engine
                .range(b"", END, usize::MAX, false)
                .unwrap()
                .into_iter()
                .collect();
            prop_assert_eq!(all, model);
            Ok(())
        })
        .unwrap();
}

fn batch(put: Model, removed: Vec<Vec<u8>>, model: &Model) -> Batch {
    let mut changes: BTreeMap<_, _> = removed.into_iter().map(|key| (key, None)).collect();
    changes.extend(put.into_iter().map(|(key, value)| (key, Some(value))));
    let entry = |(key, value): (Vec<u8>, Option<Vec<u8>>)| {
        let previous = match model.get(&key) {
            // Half of them known, by a rule that has nothing to do with the engine.
            _ if key.len() % 2 == 0 => Previous::Unknown,
            Some(value) => Previous::Value(value.clone()),
            None => Previous::Absent,
        };
        Entry { key, value, previous }
    };
    changes.into_iter().map(entry).collect()
}
