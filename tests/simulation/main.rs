//! Several nodes in one simulated world: the real hub, logic and in-memory broker over a database that loses answers, rolls
//! writes back and outlives its nodes. Whatever happens, everybody who listens gets every event once, in order.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is a failed test"
)]

mod broker;
mod check;
mod client;
mod contests;
mod jobs;
mod laws;
mod nodes;
mod races;
mod run;
mod volume;

use std::collections::BTreeMap;

use contests::{administrators, last_uses};
use races::{Outcome, race};
use run::{Options, Run, run};
use volume::writes_of_posts;

/// How many histories the test runs; more with `MADANG_HISTORIES`.
const HISTORIES: u64 = 1_000;
/// How many of them are about administrators: their passwords are hashed.
const ADMINISTRATIONS: usize = 40;

/// A world of its own: one thread, and time that only passes when nobody has anything to do.
fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

fn world_of(options: Options) -> Run {
    alone(run(options))
}

fn seeds() -> std::ops::Range<u64> {
    let histories =
        std::env::var("MADANG_HISTORIES").map_or(HISTORIES, |histories| histories.parse().unwrap());
    let first = std::env::var("MADANG_SEED").map_or(1, |seed| seed.parse().unwrap());
    first..first + histories
}

#[test]
fn everybody_hears_everything_once_and_in_order() {
    let mut heard = 0;
    let mut resets = 0;
    for seed in seeds() {
        let run = world_of(Options::new(seed));
        if !run.violations.is_empty() {
            let story = world_of(Options {
                trace: true,
                ..Options::new(seed)
            });
            panic!("seed {seed}: {:#?}\n{}", run.violations, story.trace);
        }
        heard += run.heard;
        resets += run.resets;
    }
    // A world in which nobody hears anything would keep all rules.
    assert!(heard > 10_000, "{heard} events heard, {resets} resets");
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in [3, 77, 1_234] {
        let traced = || {
            world_of(Options {
                trace: true,
                ..Options::new(seed)
            })
        };
        let (first, second) = (traced(), traced());
        assert!(first.trace.lines().count() > 50, "a story has something to tell");
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}

/// The negative control: without looking for what nobody told, some listeners never hear of it, and this suite notices.
#[test]
fn nodes_that_do_not_look_for_what_nobody_told_are_found_out() {
    let deaf = |seed| Options {
        follow: false,
        ..Options::new(seed)
    };
    let found = (1..=100).any(|seed| !world_of(deaf(seed)).violations.is_empty());
    assert!(found, "no seed of 100 shows the defect");
}

/// Whoever races with whom: everything that a guild's stream and its channel's say was allowed at that very moment.
#[test]
fn whoever_races_does_only_what_is_allowed_then() {
    let (mut done, mut refused) = (BTreeMap::new(), BTreeMap::new());
    for seed in seeds() {
        let outcome = alone(race(seed, 40, false));
        if !outcome.violations.is_empty() {
            let Outcome {
                violations, trace, ..
            } = alone(race(seed, 40, true));
            panic!("seed {seed}: {violations:#?}\n{trace}");
        }
        for (all, some) in [(&mut done, outcome.done), (&mut refused, outcome.refused)] {
            for (deed, times) in some {
                *all.entry(deed).or_insert(0) += times;
            }
        }
    }
    // A world in which nobody may do anything would keep all rules.
    for tally in [&done, &refused] {
        assert_eq!(tally.len(), 15, "done {done:?}, refused {refused:?}");
        assert!(
            tally.values().all(|times| *times > 20),
            "done {done:?}, refused {refused:?}"
        );
    }
}

#[test]
fn an_invite_lets_in_as_many_as_it_says() {
    let mut exhausted = 0;
    for seed in seeds() {
        let arrivals = alone(last_uses(seed));
        assert!(arrivals.came <= arrivals.uses, "seed {seed}: {arrivals:?}");
        // A use may be lost with a node, and never on a good day.
        assert!(
            !arrivals.is_quiet || arrivals.came == arrivals.uses,
            "seed {seed}: {arrivals:?}"
        );
        exhausted += u64::from(arrivals.came == arrivals.uses);
    }
    assert!(exhausted > seeds().count() as u64 / 4, "{exhausted}");
}

#[test]
fn an_instance_keeps_an_administrator_whoever_takes_the_right_from_whom() {
    let (mut lost, mut alone_at_last) = (0, 0);
    for seed in seeds().take(ADMINISTRATIONS) {
        let (left, times) = alone(administrators(seed));
        assert!(left > 0, "seed {seed}");
        lost += times;
        alone_at_last += u64::from(left == 1);
    }
    assert!(
        lost > ADMINISTRATIONS && alone_at_last > 0,
        "{lost} {alone_at_last}"
    );
}

#[test]
fn what_was_begun_ends_whoever_dies_in_between() {
    let (mut purged, mut deleted) = (0, 0);
    for seed in seeds() {
        let outcome = alone(jobs::jobs(seed, false));
        if !outcome.violations.is_empty() {
            let story = alone(jobs::jobs(seed, true));
            panic!("seed {seed}: {:#?}\n{}", outcome.violations, story.trace);
        }
        purged += outcome.purged;
        deleted += usize::from(outcome.is_deleted);
    }
    let count = seeds().count();
    assert!(purged > 4 * count && deleted > count / 4, "{purged} {deleted}");
}

#[test]
fn a_post_writes_as_much_whoever_is_called_and_however_many_they_are() {
    let texts = ["tea", "@everyone tea", "@here tea"];
    let few = alone(writes_of_posts(10, texts));
    let [plain, everyone, here] = few;
    assert!(plain > 2, "{few:?}");
    // One row says that all are called.
    assert_eq!([everyone, here], [plain + 1; 2]);
    assert_eq!(alone(writes_of_posts(10_000, texts)), few);
}
