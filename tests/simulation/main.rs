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
mod nodes;
mod run;

use run::{Options, Run, run};

/// How many histories the test runs; more with `MADANG_HISTORIES`.
const HISTORIES: u64 = 1_000;

/// Runs a seed in a world of its own: one thread, and time that only passes when nobody has anything to do.
fn world_of(options: Options) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run(options))
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
