//! The recorder and the images on their own, with a program that does a little of everything.

#![allow(clippy::expect_used)]

use std::fs;
use std::path::PathBuf;

use madang_faults::child::Program;
use madang_faults::dice::Dice;
use madang_faults::folders;
use madang_faults::image::{Disk, Trust};
use madang_faults::recording::{Operation, Recorder, Recording, Sync};

fn recorded() -> (tempfile::TempDir, PathBuf, Recording) {
    let place = tempfile::tempdir().expect("a folder");
    let base = place.path().canonicalize().expect("the folder exists");
    let (data, journal, log) = (base.join("data"), base.join("journal"), base.join("log"));
    fs::create_dir(&data).expect("a folder");
    let recorder = Recorder::compile();
    let environment = recorder.environment(&data, &journal, &log, None);
    let program = Program(PathBuf::from(env!("CARGO_BIN_EXE_fault-writer")));
    let verdict = program.scribble(&data, &journal, &environment);
    assert!(verdict.is_whole(), "{verdict:?}");
    let recording = Recording::read(&log, &data);
    (place, data, recording)
}

/// Where the journal has this line.
fn after_line(recording: &Recording, line: &[u8]) -> usize {
    let is_line = |operation: &Operation| matches!(operation, Operation::Journal { data } if recording.bytes[data.clone()] == *line);
    recording
        .operations
        .iter()
        .position(is_line)
        .expect("the line was recorded")
        + 1
}

#[test]
fn full_replay_is_the_folder() {
    let (_place, data, recording) = recorded();
    let mut disk = Disk::new(&recording, Trust::Syncs);
    disk.advance_to(recording.operations.len());
    let image = data.with_file_name("image");
    disk.write_image(&image, 100, &mut Dice::new(1));
    assert_eq!(folders::files(&image), folders::files(&data));
    for file in folders::files(&data).keys() {
        assert_eq!(
            fs::read(image.join(file)).expect("read"),
            fs::read(data.join(file)).expect("read"),
            "{file:?}"
        );
    }
    assert_eq!(disk.journal(), b"synced\nchanged\nend\n");
    assert_eq!((recording.syncs(Sync::Data), recording.syncs(Sync::All)), (1, 1));
}

#[test]
fn images_hold_what_was_synced_and_nothing_else_for_sure() {
    let (_place, data, recording) = recorded();
    let read = |name: &str, cut: usize, share: u64, file: &str| {
        let mut disk = Disk::new(&recording, Trust::Syncs);
        disk.advance_to(cut);
        let image = data.with_file_name(name);
        disk.write_image(&image, share, &mut Dice::new(1));
        fs::read(image.join(file)).ok()
    };
    let synced = [vec![1; 10_000], vec![2; 10_000]].concat();
    let changed = after_line(&recording, b"changed\n");
    assert_eq!(read("least", changed, 0, "sub/data"), Some(synced.clone()));
    let mut all = synced.clone();
    all[4_096..8_192].fill(3);
    all[..100].fill(4);
    assert_eq!(read("most", changed, 100, "sub/data"), Some(all));

    let end = after_line(&recording, b"end\n");
    assert_eq!(
        read("end_least", end, 0, "log"),
        Some(Vec::new()),
        "appended and never synced"
    );
    assert_eq!(read("end_most", end, 100, "log"), Some(b"onetwo".to_vec()));
    assert_eq!(read("renamed", end, 100, "renamed"), Some(b"renamed".to_vec()));
    assert_eq!(read("new", end, 100, "new"), None);
    assert_eq!(read("gone", end, 100, "gone"), None);
    let cut = read("cut", end, 0, "sub/data").expect("a file");
    assert_eq!(cut.len(), 30_000);
    assert!(
        cut[15_000..].iter().all(|byte| *byte == 0),
        "what was cut away stays away"
    );
}

#[test]
fn a_child_dies_between_two_operations() {
    let place = tempfile::tempdir().expect("a folder");
    let base = place.path().canonicalize().expect("the folder exists");
    let (data, journal, log) = (base.join("data"), base.join("journal"), base.join("log"));
    fs::create_dir(&data).expect("a folder");
    let recorder = Recorder::compile();
    let environment = recorder.environment(&data, &journal, &log, Some(4));
    let program = Program(PathBuf::from(env!("CARGO_BIN_EXE_fault-writer")));
    let verdict = program.scribble(&data, &journal, &environment);
    assert!(!verdict.is_whole(), "{verdict:?}");
    assert_eq!(Recording::read(&log, &data).operations.len(), 4);
}
