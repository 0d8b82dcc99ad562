//! Losses of power, from recordings of what really went to the files.

use std::fs;
use std::path::Path;

use madang_faults::child::Verdict;
use madang_faults::dice::{Dice, times};
use madang_faults::folders;
use madang_faults::image::{Disk, SHARES, Trust};
use madang_faults::knowledge::Knowledge;
use madang_faults::recording::{Operation, Recorder, Recording, Sync};
use madang_faults::verify::Depth;
use madang_storage::engine::EngineKind;

use super::{PROGRESS_LIMIT, Place, program, told, writing};

/// How many images the controls take.
const CONTROLS: usize = 12;

pub(crate) fn power_loss_loses_nothing(kind: EngineKind) {
    let mut dice = Dice::for_test(&format!("{kind}::power_loss_loses_nothing_acknowledged_or_seen"));
    let images = times("MADANG_FAULT_IMAGES", 60);
    let place = Place::new(kind);
    let recording = record(&place, &mut dice);
    let cuts = choose_cuts(&recording, images, &mut dice);
    let outcomes = try_cuts(&place, &recording, Trust::Syncs, &cuts, &mut dice);
    let mut unmade = 0;
    for (cut, share, knowledge, verdict) in &outcomes {
        // A store may refuse the remains of its own making: then nothing was acknowledged to anybody.
        let nothing = knowledge.epoch.is_none() && knowledge.acknowledged == 0 && knowledge.seen == 0;
        let refused = nothing && matches!(verdict, Verdict::Refused(_));
        unmade += usize::from(refused);
        assert!(
            refused || verdict.is_whole(),
            "cut {cut} with {share} % of later pages: {verdict:?}"
        );
    }
    let control = lying_disk(&place, &recording, &mut dice);
    let early = seen_too_early(&place, &recording, &mut dice);
    eprintln!(
        "{kind}: {} operations, {} fsync, {} fdatasync, {} sync_file_range; {images} images whole ({unmade} not made \
         yet), {}; controls caught: {control} of {CONTROLS} without syncs, {early} seen before their sync",
        recording.operations.len(),
        recording.syncs(Sync::All),
        recording.syncs(Sync::Data),
        recording.syncs(Sync::Range),
        told(&place.journal()),
    );
}

/// Three runs that follow each other: a short one that ends around the making of the data, one from what that left,
/// and one from what the kill in the middle of writing left.
fn record(place: &Place, dice: &mut Dice) -> Recording {
    let recorder = Recorder::compile();
    let (data, journal, log) = (place.data(), place.journal(), place.path("log"));
    fs::create_dir(&data).expect("a folder can be made");
    for records in [
        20 + dice.below(120),
        4_000 + dice.below(4_000),
        8_000 + dice.below(8_000),
    ] {
        let environment = recorder.environment(&data, &journal, &log, Some(records));
        let writer = program().write(&writing(&data, place.kind, &journal, dice.next()), &environment);
        if let Err(verdict) = writer.wait_for_signal(PROGRESS_LIMIT) {
            panic!("the recorded writer ended by itself: {verdict:?}");
        }
    }
    let recording = Recording::read(&log, &data);
    replays_to_the_folder(place, &recording);
    recording
}

/// A recording that missed a write would prove nothing: replayed in full it must be the folder, byte for byte.
fn replays_to_the_folder(place: &Place, recording: &Recording) {
    let mut disk = Disk::new(recording, Trust::Syncs);
    disk.advance_to(recording.operations.len());
    let image = place.path("replayed");
    disk.write_image(&image, 100, &mut Dice::new(0));
    let (expected, replayed) = (folders::files(&place.data()), folders::files(&image));
    assert_eq!(
        replayed, expected,
        "the replayed recording has other files than the folder"
    );
    for file in expected.keys() {
        let same = fs::read(place.data().join(file)).unwrap() == fs::read(image.join(file)).unwrap();
        assert!(
            same,
            "{} was changed by something that the recorder did not see",
            file.display()
        );
    }
    assert_eq!(
        disk.journal(),
        fs::read(place.journal()).unwrap(),
        "the journal was recorded in full"
    );
    fs::remove_dir_all(&image).expect("the image can be removed");
}

/// A third of the cuts anywhere, a third right after something was told, a third right beside a sync.
fn choose_cuts(recording: &Recording, count: usize, dice: &mut Dice) -> Vec<usize> {
    let places = |wanted: fn(&Operation) -> bool| -> Vec<usize> {
        let operations = recording.operations.iter().enumerate();
        operations
            .filter(|(_, operation)| wanted(operation))
            .map(|(index, _)| index)
            .collect()
    };
    let tellings = places(|operation| matches!(operation, Operation::Journal { .. }));
    let syncs = places(|operation| {
        matches!(
            operation,
            Operation::SyncStart { .. } | Operation::SyncEnd { .. } | Operation::Rename { .. }
        )
    });
    let mut cuts: Vec<usize> = (0..count)
        .map(|number| match number % 3 {
            0 => 1 + dice.index(recording.operations.len()),
            1 => dice.pick(&tellings) + 1,
            _ => dice.pick(&syncs) + dice.index(2),
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

type Outcome = (usize, u64, Knowledge, Verdict);

fn try_cuts(
    place: &Place,
    recording: &Recording,
    trust: Trust,
    cuts: &[usize],
    dice: &mut Dice,
) -> Vec<Outcome> {
    let mut disk = Disk::new(recording, trust);
    let mut outcomes = Vec::new();
    for cut in cuts {
        disk.advance_to(*cut);
        let share = *dice.pick(&SHARES);
        let verdict = try_image(place, &disk, disk.journal(), share, dice);
        outcomes.push((*cut, share, Knowledge::parse(disk.journal()), verdict));
    }
    outcomes
}

fn try_image(place: &Place, disk: &Disk<'_>, journal: &[u8], share: u64, dice: &mut Dice) -> Verdict {
    let (image, lines) = (place.path("image"), place.path("lines"));
    disk.write_image(&image, share, dice);
    fs::write(&lines, journal).expect("the journal can be written");
    let verdict = program().check(&image, place.kind, &lines, Depth::ReadAndWrite);
    remove(&image);
    verdict
}

fn remove(folder: &Path) {
    fs::remove_dir_all(folder).expect("an image can be removed");
}

/// The control: on a disk that ignores the syncs which the store relies on, the same checks must find losses. sled's
/// own `fsync` still counts, because the question is what our `fdatasync` is good for.
fn lying_disk(place: &Place, recording: &Recording, dice: &mut Dice) -> usize {
    assert!(
        recording.syncs(Sync::Data) > 100,
        "the store syncs with fdatasync"
    );
    let trust = if place.kind == EngineKind::Sled {
        Trust::OnlyFullSyncs
    } else {
        Trust::Nothing
    };
    let cuts = choose_cuts(recording, CONTROLS, dice);
    let outcomes = try_cuts(place, recording, trust, &cuts, dice);
    let caught = outcomes
        .iter()
        .filter(|(_, _, _, verdict)| !verdict.is_whole())
        .count();
    assert!(
        caught > 0,
        "no image without syncs was caught: these tests could not fail"
    );
    caught
}

/// The control of the readers: had they seen what their group's sync had not made durable yet, the checks would tell.
fn seen_too_early(place: &Place, recording: &Recording, dice: &mut Dice) -> usize {
    let mut seen = seen_right_after_syncs(recording);
    while seen.len() > CONTROLS {
        seen.remove(dice.index(seen.len()));
    }
    let mut disk = Disk::new(recording, Trust::Syncs);
    let mut later = Disk::new(recording, Trust::Syncs);
    let mut caught = 0;
    for (sync_start, told) in seen {
        disk.advance_to(sync_start);
        later.advance_to(told + 1);
        let text = String::from_utf8_lossy(later.journal()).into_owned();
        let only_seen: String = text
            .split_inclusive('\n')
            .filter(|line| line.starts_with("s "))
            .collect();
        caught += usize::from(!try_image(place, &disk, only_seen.as_bytes(), 0, dice).is_whole());
    }
    assert!(
        caught > 0,
        "nothing seen before its sync was caught: the readers' lines prove nothing"
    );
    caught
}

/// Where a reader told something right after a sync ended: where that sync began, and where the reader told.
fn seen_right_after_syncs(recording: &Recording) -> Vec<(usize, usize)> {
    let mut starts = std::collections::HashMap::new();
    let mut last = None;
    let mut found = Vec::new();
    for (index, operation) in recording.operations.iter().enumerate() {
        match operation {
            Operation::SyncStart {
                number,
                sync: Sync::Data | Sync::All,
                ..
            } => {
                starts.insert(*number, index);
            }
            Operation::SyncEnd { number, .. } => last = starts.get(number).copied().or(last),
            Operation::Journal { data } if recording.bytes[data.clone()].starts_with(b"s ") => {
                found.extend(last.take().map(|start| (start, index)));
            }
            _ => {}
        }
    }
    found
}
