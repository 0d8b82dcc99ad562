//! Full and nearly full disks.

use std::fs;
use std::path::Path;

use madang_faults::child::{Verdict, Writing, wait_until};
use madang_faults::dice::Dice;
use madang_faults::folders::SmallDisk;
use madang_faults::verify::Depth;
use madang_storage::engine::EngineKind;

use super::{PROGRESS_LIMIT, Place, program, told, trim, writing};

const MEBIBYTE: u64 = 1024 * 1024;
const DISK_MEBIBYTES: u64 = 64;

/// A disk that really fills up, because the store is told to leave nothing free.
pub(crate) fn full_disk_loses_nothing(kind: EngineKind) {
    let mut dice = Dice::for_test(&format!("{kind}::full_disk_stops_writes_and_loses_nothing"));
    let Some(disk) = SmallDisk::mount(DISK_MEBIBYTES) else {
        return;
    };
    let place = Place::new(kind);
    let (data, journal) = (disk.path().join("data"), place.journal());
    let filler = disk.fill_up_to((8 + dice.below(8)) * MEBIBYTE + dice.below(MEBIBYTE));
    let writing = Writing {
        on_error: "read",
        ..writing(&data, kind, &journal, dice.next())
    };
    // The writer ends by itself: it checks that all it was told is still readable from the store that may not write.
    let verdict = program().write(&writing, &[]).wait(PROGRESS_LIMIT);
    assert!(reads_on(kind, &verdict), "while the disk is full: {verdict:?}");
    assert!(
        verdict.text().contains("No space left"),
        "writing ended for another reason: {verdict:?}"
    );
    assert!(
        disk.free_bytes() < 2 * MEBIBYTE,
        "the disk was not full: {} bytes are free",
        disk.free_bytes()
    );
    fs::remove_file(filler).expect("the filler can be removed");
    trim(&journal);
    let after = program().check(&data, kind, &journal, Depth::ReadAndWrite);
    assert!(after.is_whole(), "with space again: {after:?}");
    eprintln!("{kind}: {}; {}", verdict.text(), told(&journal));
}

/// Whether reads go on after a write failed. sled splits pages while it reads, and cannot once its log has failed: there
/// some reads answer with the disk's error. None may leave anything out, on any engine.
fn reads_on(kind: EngineKind, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Whole(_) => true,
        Verdict::Failed(_) => kind == EngineKind::Sled,
        _ => false,
    }
}

/// A store that leaves space free refuses writes in time, and goes on once there is space.
pub(crate) fn nearly_full_disk_recovers(kind: EngineKind) {
    let mut dice = Dice::for_test(&format!(
        "{kind}::nearly_full_disk_refuses_writes_until_space_is_free"
    ));
    let Some(disk) = SmallDisk::mount(DISK_MEBIBYTES) else {
        return;
    };
    let place = Place::new(kind);
    let (data, journal) = (disk.path().join("data"), place.journal());
    let least = 16 * MEBIBYTE;
    let filler = disk.fill_up_to(least + 6 * MEBIBYTE + dice.below(4 * MEBIBYTE));
    let writing = Writing {
        on_error: "wait",
        min_free_bytes: least,
        ..writing(&data, kind, &journal, dice.next())
    };
    let mut writer = program().write(&writing, &[]);
    assert!(
        wait_until(PROGRESS_LIMIT, || writer.ended() || refusals(&journal) > 20),
        "nothing is refused"
    );
    assert!(!writer.ended(), "the writer ended: {:?}", writer.kill());
    assert_eq!(
        count(&journal, "# refused, but"),
        0,
        "the status does not tell that the disk is full"
    );
    // What was underway when the limit was passed may still have been written, but not more than that.
    let free = disk.free_bytes();
    assert!(
        free > least / 2,
        "writes went on until only {free} bytes were free"
    );

    let before = acknowledged(&journal);
    fs::remove_file(filler).expect("the filler can be removed");
    let goes_on = wait_until(PROGRESS_LIMIT, || {
        writer.ended() || acknowledged(&journal) > before + 200
    });
    assert!(goes_on, "writes do not go on once there is space");
    assert_eq!(writer.kill(), None, "the writer ended by itself");
    trim(&journal);
    let after = program().check(&data, kind, &journal, Depth::ReadAndWrite);
    assert!(after.is_whole(), "after a kill: {after:?}");
    eprintln!(
        "{kind}: {} refusals with {free} bytes free; {}",
        refusals(&journal),
        told(&journal)
    );
}

fn refusals(journal: &Path) -> usize {
    count(journal, "# full")
}

fn acknowledged(journal: &Path) -> usize {
    count(journal, "a ")
}

fn count(journal: &Path, start: &str) -> usize {
    let bytes = fs::read(journal).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .lines()
        .filter(|line| line.starts_with(start))
        .count()
}
