//! What every history must keep.

use std::collections::BTreeMap;

use super::client::Heard;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation(pub(crate) String);

/// What somebody heard: every event once, in order, without holes but where a reset was told.
pub(crate) fn check_heard(name: &str, heard: &[Heard], head: u64) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut position = 0;
    for entry in heard {
        match entry {
            Heard::Event(rev) if *rev == position + 1 => position = *rev,
            Heard::Event(rev) => {
                violations.push(Violation(format!("{name} heard {rev} after {position}")));
                position = *rev;
            }
            Heard::Reset(rev) if *rev >= position => position = *rev,
            Heard::Reset(rev) => {
                violations.push(Violation(format!("{name} was reset to {rev} from {position}")))
            }
        }
    }
    if position != head {
        violations.push(Violation(format!(
            "{name} ends at {position}, the room at {head}"
        )));
    }
    violations
}

/// What somebody posted: everything acknowledged is there, and nothing is there twice.
pub(crate) fn check_posted(
    name: &str,
    stored: &BTreeMap<String, usize>,
    tried: &[String],
    acknowledged: &[String],
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for text in tried {
        let times = stored.get(text).copied().unwrap_or(0);
        if times > 1 {
            violations.push(Violation(format!("{name}: \"{text}\" is there {times} times")));
        }
        if times == 0 && acknowledged.contains(text) {
            violations.push(Violation(format!(
                "{name}: \"{text}\" was acknowledged and is gone"
            )));
        }
    }
    violations
}

/// What somebody heard who was removed at a `rev` of the guild: no event whose author was judged at that or a later one.
pub(crate) fn check_removed(
    name: &str,
    heard: &[Heard],
    judged_at: &BTreeMap<u64, u64>,
    removed_at: u64,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for entry in heard {
        if let Heard::Event(rev) = entry
            && judged_at.get(rev).is_none_or(|judged| *judged >= removed_at)
        {
            let text = format!("{name} heard {rev} after being removed at {removed_at}");
            violations.push(Violation(text));
        }
    }
    violations
}

#[test]
fn what_the_removed_heard_is_found() {
    let judged_at = BTreeMap::from([(1, 0), (2, 5), (3, 6)]);
    let check = |heard: &[Heard]| check_removed("x", heard, &judged_at, 6).len();
    assert_eq!(check(&[Heard::Event(1), Heard::Event(2), Heard::Reset(3)]), 0);
    assert_eq!(check(&[Heard::Event(3)]), 1);
    assert_eq!(
        check(&[Heard::Event(9)]),
        1,
        "what is not there was not to be heard"
    );
}

#[test]
fn a_whole_log_passes() {
    let heard = [Heard::Event(1), Heard::Event(2), Heard::Reset(5), Heard::Event(6)];
    assert_eq!(check_heard("x", &heard, 6), vec![]);
}

#[test]
fn wrong_logs_are_found() {
    let wrong: [(&[Heard], u64); 6] = [
        (&[Heard::Event(1), Heard::Event(3)], 3),
        (&[Heard::Event(1), Heard::Event(1)], 1),
        (&[Heard::Event(2), Heard::Event(1)], 1),
        (&[Heard::Event(1), Heard::Event(2), Heard::Reset(1)], 2),
        (&[Heard::Event(1)], 2),
        (&[], 1),
    ];
    for (heard, head) in wrong {
        assert!(
            !check_heard("x", heard, head).is_empty(),
            "{heard:?} up to {head}"
        );
    }
}

#[test]
fn lost_and_doubled_posts_are_found() {
    let stored = BTreeMap::from([("once".to_owned(), 1), ("twice".to_owned(), 2)]);
    let check = |tried: &str, acknowledged: &[String]| {
        check_posted("x", &stored, &[tried.to_owned()], acknowledged).len()
    };
    assert_eq!(check("once", &["once".to_owned()]), 0);
    assert_eq!(check("gone", &[]), 0, "nobody was told that it is there");
    assert_eq!(check("gone", &["gone".to_owned()]), 1);
    assert_eq!(check("twice", &[]), 1);
}
