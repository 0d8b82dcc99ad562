//! Flipped bytes, and garbage next to the data.

use std::collections::BTreeMap;
use std::fs;

use madang_faults::child::Verdict;
use madang_faults::dice::{Dice, times};
use madang_faults::folders;
use madang_faults::verify::Depth;
use madang_storage::engine::EngineKind;

use super::{Place, program, told};

pub(crate) fn flipped_bytes_are_never_silent(kind: EngineKind) {
    let mut dice = Dice::for_test(&format!("{kind}::flipped_bytes_are_never_silent"));
    let flips = times("MADANG_FAULT_FLIPS", 200);
    let place = Place::new(kind);
    place.killed_data(&mut dice, 7_000);
    let size: u64 = folders::files(&place.data()).values().sum();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut silent = Vec::new();
    for flip in 0..flips {
        let copy = place.path("copy");
        folders::copy(&place.data(), &copy);
        let what = folders::flip_a_byte(&copy, &mut dice);
        let verdict = program().check(&copy, kind, &place.journal(), Depth::ReadAndWrite);
        let outcome = match &verdict {
            Verdict::Whole(_) => "no effect",
            Verdict::Refused(_) => "refused",
            Verdict::Damaged(_) => "damaged",
            Verdict::Lost(_) | Verdict::Failed(_) | Verdict::Crashed(_) => {
                silent.push(format!("flip {flip}, {what}: {verdict:?}"));
                "silent"
            }
        };
        *counts.entry(outcome).or_default() += 1;
        fs::remove_dir_all(&copy).expect("the copy can be removed");
    }
    eprintln!(
        "{kind}: {flips} flips in {} KiB, {}: {counts:?}",
        size / 1024,
        told(&place.journal())
    );
    assert!(
        silent.is_empty(),
        "{} silent:\n{}",
        silent.len(),
        silent.join("\n")
    );
}

pub(crate) fn leftover_snapshot_garbage_is_harmless() {
    let kind = EngineKind::Sled;
    let mut dice = Dice::for_test("sled_only::leftover_snapshot_garbage_is_harmless");
    let place = Place::new(kind);
    place.killed_data(&mut dice, 1_000);
    for (number, length) in [0, 1, 7, 100, 5_000].into_iter().enumerate() {
        let copy = place.path(&format!("copy{number}"));
        folders::copy(&place.data(), &copy);
        let folder = folders::folder_with(&copy, "conf").expect("sled keeps a file named conf");
        let garbage: Vec<u8> = (0..length)
            .map(|_| u8::try_from(dice.below(256)).expect("a byte"))
            .collect();
        fs::write(folder.join("snap.00000000000F4240.generating"), garbage)
            .expect("the garbage can be written");
        let verdict = program().check(&copy, kind, &place.journal(), Depth::ReadAndWrite);
        assert!(verdict.is_whole(), "with {length} bytes of garbage: {verdict:?}");
    }
}
