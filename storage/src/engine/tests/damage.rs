//! Files that are not as the engine left them, and disks that take no more.

use std::fs::{self, File};
use std::process::Command;

use super::*;
use crate::error::Error;

/// A folder with the data of an engine that was closed twice, so that sled has a snapshot, and what it holds.
fn closed_data(kind: EngineKind) -> (TempDir, Model) {
    let mut subject = Subject::new(kind);
    let mut model = Model::new();
    let value = "v".repeat(1000);
    for round in 0..3 {
        for part in 0..8 {
            let batch: Batch = (0..100)
                .map(|i| put(&format!("{round} {part} {i:03}"), &value))
                .collect();
            apply(&mut model, &batch);
            subject.engine.commit(batch).unwrap();
        }
        subject = subject.reopen();
    }
    subject.engine.close().unwrap();
    (subject.folder, model)
}

#[track_caller]
fn assert_refused_untouched(kind: EngineKind, folder: &Path) {
    let before = contents(folder);
    for create in [false, true] {
        let error = open(kind, folder, create).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, Error::Damaged(text) if text.contains("restore a backup")),
            "{error:?}"
        );
        assert!(contents(folder) == before, "files were changed");
    }
}

pub(super) fn garbage_is_refused_and_left_as_it_is(kind: EngineKind) {
    let (folder, _) = closed_data(kind);
    let path = data_file(kind, folder.path());
    let bytes = fs::metadata(&path).unwrap().len();
    let garbage: Vec<u8> = (0..bytes)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    fs::write(&path, garbage).unwrap();
    assert_refused_untouched(kind, folder.path());
}

pub(super) fn a_cut_file_is_refused_and_left_as_it_is(kind: EngineKind) {
    let (whole, _) = closed_data(kind);
    let bytes = fs::metadata(data_file(kind, whole.path())).unwrap().len();
    for kept in [bytes / 2, bytes / 2 + 777, 4096, 100] {
        assert_refused_untouched(kind, cut_copy(kind, &whole, kept).path());
    }
}

pub(super) fn a_file_cut_by_little_loses_nothing_silently(kind: EngineKind) {
    let (whole, model) = closed_data(kind);
    let bytes = fs::metadata(data_file(kind, whole.path())).unwrap().len();
    let mut refused = 0;
    // Up to what sled has at its end beyond its rows, and more.
    for cut in [1, 17, 512, 4096, 70_000, 200_000, 400_000, 600_000] {
        let copy = cut_copy(kind, &whole, bytes - cut);
        match open(kind, copy.path(), false) {
            Ok((engine, _)) => {
                for (key, value) in &model {
                    match engine.get(key) {
                        Ok(found) => assert_eq!(found.as_ref(), Some(value), "{cut} bytes cut"),
                        Err(error) => assert!(matches!(error, Error::Damaged(_)), "{error:?}"),
                    }
                }
            }
            Err(Error::Damaged(_)) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused > 0);
}

fn cut_copy(kind: EngineKind, whole: &TempDir, kept: u64) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(whole.path(), copy.path());
    File::options()
        .write(true)
        .open(data_file(kind, copy.path()))
        .unwrap()
        .set_len(kept)
        .unwrap();
    copy
}

pub(super) fn an_empty_file_is_refused_and_left_as_it_is(kind: EngineKind) {
    let (folder, _) = closed_data(kind);
    File::options()
        .write(true)
        .open(data_file(kind, folder.path()))
        .unwrap()
        .set_len(0)
        .unwrap();
    assert_refused_untouched(kind, folder.path());
}

fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("sled"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.to_string_lossy().contains("/snap."))
        .collect()
}

#[test]
fn sled_without_a_log_is_refused() {
    let (folder, _) = closed_data(EngineKind::Sled);
    fs::remove_file(folder.path().join("sled/db")).unwrap();
    assert_refused_untouched(EngineKind::Sled, folder.path());
}

#[test]
fn sled_log_that_ends_before_its_snapshot_is_refused_untouched() {
    let mut subject = Subject::new(EngineKind::Sled);
    for i in 0..50 {
        subject
            .engine
            .commit(vec![put(&format!("{i:02}"), &"v".repeat(200))])
            .unwrap();
    }
    subject = subject.reopen();
    subject.engine.close().unwrap();
    let [snapshot] = &snapshots(subject.folder.path())[..] else {
        panic!("one snapshot")
    };
    // All of it is in the first segment, where a number is a place in the file.
    let end = u64::from_str_radix(snapshot.extension().unwrap().to_str().unwrap(), 16).unwrap();
    for kept in [end - 100, end / 2, end / 4] {
        assert_refused_untouched(
            EngineKind::Sled,
            cut_copy(EngineKind::Sled, &subject.folder, kept).path(),
        );
    }
}

#[test]
fn sled_half_written_snapshot_is_removed() {
    let (folder, model) = closed_data(EngineKind::Sled);
    let half = folder.path().join("sled/snap.00000000FFFFFFFF.generating");
    fs::write(&half, [1; 5]).unwrap();
    let (engine, _) = open(EngineKind::Sled, folder.path(), false).unwrap();
    assert!(!half.exists());
    assert_holds(&*engine, &model, &[]);
}

#[test]
fn sled_half_written_snapshot_of_a_running_process_is_left_alone() {
    let subject = Subject::new(EngineKind::Sled);
    let half = subject
        .folder
        .path()
        .join("sled/snap.00000000FFFFFFFF.generating");
    fs::write(&half, [1; 5]).unwrap();
    open(EngineKind::Sled, subject.folder.path(), false)
        .map(|_| ())
        .unwrap_err();
    assert!(half.exists());
}

#[test]
fn sled_damaged_snapshot_is_moved_aside() {
    let (whole, model) = closed_data(EngineKind::Sled);
    let damages: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.clear(),
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
        },
    ];
    for damage in damages {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(whole.path(), copy.path());
        let [snapshot] = &snapshots(copy.path())[..] else {
            panic!("one snapshot")
        };
        let mut bytes = fs::read(snapshot).unwrap();
        damage(&mut bytes);
        fs::write(snapshot, &bytes).unwrap();

        let (engine, _) = open(EngineKind::Sled, copy.path(), false).unwrap();
        assert_holds(&*engine, &model, &[]);
        let aside = copy.path().join("sled/aside").join(snapshot.file_name().unwrap());
        assert_eq!(fs::read(aside).unwrap(), bytes);

        // And what is moved aside is in nobody's way.
        engine.commit(vec![put("after", "1")]).unwrap();
        engine.close().unwrap();
        let (engine, _) = open(EngineKind::Sled, copy.path(), false).unwrap();
        assert_eq!(engine.get(b"after").unwrap(), Some(b"1".to_vec()));
    }
}

#[test]
fn sled_damaged_snapshot_is_moved_back_when_that_did_not_help() {
    let (folder, _) = closed_data(EngineKind::Sled);
    let [snapshot] = &snapshots(folder.path())[..] else {
        panic!("one snapshot")
    };
    fs::write(snapshot, [7; 40]).unwrap();
    // Of another format: sled refuses before it looks at anything else.
    fs::write(folder.path().join("sled/conf"), [0; 64]).unwrap();
    let before = contents(folder.path());
    open(EngineKind::Sled, folder.path(), false)
        .map(|_| ())
        .unwrap_err();
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn sled_largest_rows_make_no_separate_files() {
    let subject = Subject::new(EngineKind::Sled);
    for round in 0..20 {
        let entry = |i: u32| {
            let mut key = format!("{} ", (round * 7919 + i * 104_729) % 1000).into_bytes();
            key.resize(crate::engine::MAX_KEY_BYTES, b'k');
            let value = Some(vec![b'v'; crate::engine::MAX_VALUE_BYTES]);
            (
                key.clone(),
                Entry {
                    key,
                    value,
                    previous: Previous::Unknown,
                },
            )
        };
        let batch: BTreeMap<_, _> = (0..50).map(entry).collect();
        subject.engine.commit(batch.into_values().collect()).unwrap();
    }
    assert_eq!(
        fs::read_dir(subject.folder.path().join("sled/blobs"))
            .unwrap()
            .count(),
        0
    );
}

/// A small file system, gone with this.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(folder.path())
            .status()
            .is_ok_and(|status| status.success());
        mounted.then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a failed engine keeps its files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

pub(super) fn a_full_disk_ends_writing_and_loses_nothing(kind: EngineKind) {
    let Some(disk) = SmallDisk::mount() else {
        assert!(
            std::env::var_os("REQUIRE_SERVICES").is_none(),
            "mounting a small file system is not permitted"
        );
        eprintln!("SKIPPED: mounting a small file system is not permitted");
        return;
    };
    let (engine, _) = open(kind, disk.0.path(), true).unwrap();
    let value = "v".repeat(3000);
    let mut model = Model::new();
    let mut failure = None;
    for number in 0..10_000 {
        let batch: Batch = (0..20)
            .map(|i| put(&format!("{i:02} {number:05}"), &value))
            .collect();
        match engine.commit(batch.clone()) {
            Ok(()) => apply(&mut model, &batch),
            Err(error) => {
                failure = Some((error, keys_of(&batch)));
                break;
            }
        }
    }
    let (error, failed) = failure.expect("the disk is small");
    assert!(matches!(error, Error::ReadOnly(_)), "{error:?}");
    assert!(
        model.len() > 200,
        "only {} rows before the disk was full",
        model.len()
    );
    let error = engine.commit(vec![remove("00 00000")]).unwrap_err();
    assert!(matches!(error, Error::ReadOnly(_)), "{error:?}");
    // What the engine no longer has in memory, it may refuse to read.
    for key in model.keys().chain(&failed) {
        match engine.get(key) {
            Ok(value) => assert_eq!(value.as_ref(), model.get(key)),
            Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{error:?}"),
        }
    }
    engine.close().unwrap();
    drop(engine);

    let copy = tempfile::tempdir().unwrap();
    copy_folder(disk.0.path(), copy.path());
    let (engine, _) = open(kind, copy.path(), false).unwrap();
    let found: Model = engine
        .range(b"", END, usize::MAX, false)
        .unwrap()
        .into_iter()
        .collect();
    let more: Vec<_> = found
        .keys()
        .filter(|key| !model.contains_key(*key))
        .cloned()
        .collect();
    assert!(
        more.is_empty() || more == failed,
        "half of the batch that failed: {more:?}"
    );
    assert!(
        model.iter().all(|(key, value)| found.get(key) == Some(value)),
        "answered rows are gone"
    );
}

fn keys_of(batch: &Batch) -> Vec<Vec<u8>> {
    batch.iter().map(|entry| entry.key.clone()).collect()
}
