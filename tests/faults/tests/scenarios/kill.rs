//! `kill -9` at random moments.

use std::fs;
use std::time::Duration;

use madang_faults::child::Verdict;
use madang_faults::dice::{Dice, times};
use madang_faults::folders;
use madang_faults::knowledge::Knowledge;
use madang_faults::verify::Depth;
use madang_storage::engine::EngineKind;

use super::{Place, program, told, trim};

/// After so many acknowledgements a new folder is taken, so that long runs do not grow without end.
const MANY: usize = 60_000;

pub(crate) fn kill_9_loses_nothing(kind: EngineKind) {
    let mut dice = Dice::for_test(&format!("{kind}::kill_9_loses_nothing"));
    let cycles = times("MADANG_FAULT_CYCLES", 30);
    let mut place = Place::new(kind);
    let mut early = 0;
    for cycle in 0..cycles {
        if Knowledge::read(&place.journal()).acknowledged > MANY {
            place = Place::new(kind);
        }
        let writer = place.writer(&mut dice);
        // A quarter of the kills fall around the start: recovery must survive them as well.
        let starting = dice.percent(25);
        early += usize::from(starting);
        let delay = if starting {
            dice.below(60)
        } else {
            60 + dice.below(500)
        };
        std::thread::sleep(Duration::from_millis(delay));
        let ended = writer.kill();
        assert_eq!(ended, None, "cycle {cycle}: the writer ended by itself");
        trim(&place.journal());
        let verdict = check(&place, &mut dice);
        assert!(
            verdict.is_whole(),
            "cycle {cycle}, killed after {delay} ms: {verdict:?}"
        );
    }
    eprintln!(
        "{kind}: {cycles} kills, {early} of them around the start; {}",
        told(&place.journal())
    );
}

/// Mostly checks a copy, so that the next cycle starts from what the kill left; sometimes the data itself, so that it
/// also starts from what a check closed in order.
fn check(place: &Place, dice: &mut Dice) -> Verdict {
    let (data, journal) = (place.data(), place.journal());
    if !data.exists() {
        return Verdict::Whole("killed before there was anything".to_owned());
    }
    if dice.percent(25) {
        return program().check(&data, place.kind, &journal, Depth::ReadOnly);
    }
    let copy = place.path("copy");
    folders::copy(&data, &copy);
    let verdict = program().check(&copy, place.kind, &journal, Depth::ReadAndWrite);
    fs::remove_dir_all(&copy).expect("the copy can be removed");
    verdict
}
