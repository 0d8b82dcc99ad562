//! One suite for every engine, and what only one of them needs.

mod damage;
mod promises;
mod random;
mod reads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::hooks::Hooks;
use super::redb::RedbEngine;
use super::sled::SledEngine;
use super::{Batch, Engine, EngineKind, EngineOptions, Entry, Pair, Previous};
use crate::error::Result;

/// Makes a test of each promise for each engine.
macro_rules! for_each_engine {
    ($($module:ident: $($name:ident),+;)+) => {
        mod sled {
            $($(#[test] fn $name() { super::$module::$name(crate::engine::EngineKind::Sled); })+)+
        }
        mod redb {
            $($(#[test] fn $name() { super::$module::$name(crate::engine::EngineKind::Redb); })+)+
        }
    };
}

for_each_engine! {
    promises:
        get_answers_what_was_committed,
        range_goes_both_ways_within_its_bounds,
        range_stops_at_its_limit,
        empty_ranges_are_empty,
        an_empty_batch_changes_nothing,
        closing_and_opening_keeps_everything,
        dropping_and_opening_keeps_everything,
        missing_data_is_not_made_unless_asked,
        data_that_is_there_is_opened_and_not_made,
        an_unfinished_making_is_made_anew,
        keys_and_values_have_limits,
        a_key_twice_in_a_batch_is_a_defect,
        files_take_space,
        after_closing_everything_is_unavailable,
        data_in_use_is_refused;
    reads:
        a_batch_is_not_shown_before_it_is_durable,
        a_failed_commit_ends_writing_and_is_never_shown,
        a_panic_in_a_commit_is_damage_and_is_never_shown,
        what_lies_on_disk_after_a_failure_is_all_of_the_batch_or_nothing,
        readers_see_whole_durable_batches_only,
        ranges_are_snapshots_under_commits;
    damage:
        garbage_is_refused_and_left_as_it_is,
        a_cut_file_is_refused_and_left_as_it_is,
        a_file_cut_by_little_loses_nothing_silently,
        an_empty_file_is_refused_and_left_as_it_is,
        a_full_disk_ends_writing_and_loses_nothing;
    random:
        random_batches_match_a_model;
}

/// What an engine should hold.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// An engine in a folder of its own.
struct Subject {
    kind: EngineKind,
    folder: TempDir,
    engine: Arc<dyn Engine>,
    hooks: Arc<Hooks>,
}

impl Subject {
    fn new(kind: EngineKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (engine, hooks) = open(kind, folder.path(), true).unwrap();
        Self {
            kind,
            folder,
            engine,
            hooks,
        }
    }

    fn reopen(self) -> Self {
        self.engine.close().unwrap();
        let Self {
            kind, folder, engine, ..
        } = self;
        drop(engine);
        let (engine, hooks) = open(kind, folder.path(), false).unwrap();
        Self {
            kind,
            folder,
            engine,
            hooks,
        }
    }
}

fn open(kind: EngineKind, folder: &Path, create: bool) -> Result<(Arc<dyn Engine>, Arc<Hooks>)> {
    let options = EngineOptions {
        cache_bytes: 4 * 1024 * 1024,
        create,
    };
    Ok(match kind {
        EngineKind::Sled => {
            let engine = SledEngine::open(folder, &options)?;
            let hooks = engine.hooks();
            (Arc::new(engine), hooks)
        }
        EngineKind::Redb => {
            let engine = RedbEngine::open(folder, &options)?;
            let hooks = engine.hooks();
            (Arc::new(engine), hooks)
        }
    })
}

/// The file that holds an engine's rows.
fn data_file(kind: EngineKind, folder: &Path) -> PathBuf {
    match kind {
        EngineKind::Sled => folder.join("sled/db"),
        EngineKind::Redb => folder.join("redb/data.redb"),
    }
}

fn put(key: &str, value: &str) -> Entry {
    Entry {
        key: key.into(),
        value: Some(value.into()),
        previous: Previous::Unknown,
    }
}

fn remove(key: &str) -> Entry {
    Entry {
        key: key.into(),
        value: None,
        previous: Previous::Unknown,
    }
}

fn apply(model: &mut Model, batch: &Batch) {
    for entry in batch {
        match &entry.value {
            Some(value) => model.insert(entry.key.clone(), value.clone()),
            None => model.remove(&entry.key),
        };
    }
}

/// What a range over the model answers.
fn model_range(model: &Model, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Vec<Pair> {
    if from >= to {
        return Vec::new();
    }
    let rows = model
        .range(from.to_vec()..to.to_vec())
        .map(|(key, value)| (key.clone(), value.clone()));
    if reverse {
        rows.rev().take(limit).collect()
    } else {
        rows.take(limit).collect()
    }
}

/// Above every key of the tests.
const END: &[u8] = &[0xFF; 8];

/// Compares everything that can be read with the model.
#[track_caller]
fn assert_holds(engine: &dyn Engine, model: &Model, missing: &[Vec<u8>]) {
    let mut bounds = vec![Vec::new(), END.to_vec()];
    bounds.extend(
        model
            .keys()
            .chain(missing)
            .step_by(1 + (model.len() + missing.len()) / 6)
            .cloned(),
    );
    for from in &bounds {
        for to in &bounds {
            for limit in [1, 3, usize::MAX] {
                for reverse in [false, true] {
                    assert_eq!(
                        engine.range(from, to, limit, reverse).unwrap(),
                        model_range(model, from, to, limit, reverse),
                        "range from {from:?} to {to:?}, limit {limit}, reverse {reverse}"
                    );
                }
            }
        }
    }
    for (key, value) in model {
        assert_eq!(engine.get(key).unwrap().as_ref(), Some(value), "get {key:?}");
    }
    for key in missing.iter().filter(|key| !model.contains_key(*key)) {
        assert_eq!(engine.get(key).unwrap(), None, "get {key:?}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files below a folder with their bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    all
}
