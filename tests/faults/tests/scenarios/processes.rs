//! Two processes on one data folder.

use madang_faults::child::{Verdict, wait_until};
use madang_faults::dice::Dice;
use madang_faults::verify::Depth;
use madang_storage::engine::EngineKind;

use super::{PROGRESS_LIMIT, Place, lines, program, trim};

pub(crate) fn second_process_is_refused(kind: EngineKind) {
    let mut dice = Dice::for_test(&format!("{kind}::second_process_is_refused"));
    let place = Place::new(kind);
    let (data, journal) = (place.data(), place.journal());
    let mut first = place.writer(&mut dice);
    assert!(
        wait_until(PROGRESS_LIMIT, || first.ended() || lines(&journal) > 500),
        "the first makes no progress"
    );

    let second = program().check(&data, kind, &journal, Depth::ReadOnly);
    let Verdict::Refused(reason) = &second else {
        panic!("the second process was not refused: {second:?}")
    };
    assert!(
        reason.contains(&data.display().to_string()),
        "the refusal does not name the folder: {reason}"
    );

    let before = lines(&journal);
    assert!(
        wait_until(PROGRESS_LIMIT, || first.ended() || lines(&journal) > before + 500),
        "the first was disturbed"
    );
    assert_eq!(first.kill(), None, "the first ended by itself");
    trim(&journal);
    let third = program().check(&data, kind, &journal, Depth::ReadAndWrite);
    assert!(third.is_whole(), "after the first was killed: {third:?}");
    eprintln!("{kind}: refused with {reason:?}");
}
