//! Seeded runs of the document store on a database that misbehaves.
//!
//! `MADANG_SIM_HISTORIES` changes how many histories are made, `MADANG_SIM_SEED` runs one seed and prints its log.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use madang_storage::document::Defect;
use madang_storage::model::{
    Draft, EventId, Fact, GuildId, Head, NodeBeat, NodeId, NodeLife, RoomId, Rows, StreamId, Timestamp,
};
use madang_storage::sim::{Cluster, ClusterOptions, Faults, Random, Run, RunOptions, Trace, run};
use madang_storage::{AppendError, Command, Error, NoSink};

/// How many histories a plain run makes.
const HISTORIES: u64 = 10_000;
/// Within so many seeds every deliberate defect must show.
const SEEDS_PER_DEFECT: u64 = 1_500;

fn simulate(options: RunOptions) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(run(options))
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, and is {text:?}")),
    )
}

/// Runs a seed again, with its log.
fn fail(options: RunOptions) -> ! {
    let again = simulate(RunOptions {
        trace: true,
        ..options
    });
    println!("{}", again.trace);
    panic!("seed {} broke {:#?}", options.seed, again.violations);
}

#[test]
fn histories_keep_every_rule() {
    let seeds = match number("MADANG_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MADANG_SIM_HISTORIES").unwrap_or(HISTORIES),
    };
    let (mut operations, mut appended) = (0, 0);
    for seed in seeds.clone() {
        let options = RunOptions {
            seed,
            ..RunOptions::default()
        };
        let run = simulate(options);
        if !run.violations.is_empty() {
            fail(options);
        }
        operations += run.history.operations.len();
        appended += run
            .history
            .end
            .streams
            .values()
            .map(|(head, _)| head.rev)
            .sum::<u64>();
    }
    println!(
        "{} histories, {operations} operations, {appended} events",
        seeds.end - seeds.start
    );
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in 0..40 {
        let options = RunOptions {
            seed,
            trace: true,
            ..RunOptions::default()
        };
        let (first, second) = (simulate(options), simulate(options));
        assert!(first.trace.lines().count() > 20, "seed {seed} has hardly a story");
        let different = first
            .trace
            .lines()
            .zip(second.trace.lines())
            .find(|(one, other)| one != other);
        assert_eq!(different, None, "seed {seed}");
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}

/// A simulator that lets nothing go wrong proves nothing.
#[test]
fn every_fault_happens() {
    let expected = [
        (": dies", 100),
        ("writes lost, clock", 100),
        (": lost", 100),
        (": comes later", 100),
        (": no clear answer", 100),
        (": does not fit", 100),
        ("outcome: Unclear", 100),
        ("replayed: true", 100),
        ("outcome: NonceConflict", 10),
        ("outcome: Refused", 100),
    ];
    let mut counts = [0; 10];
    let mut late = 0;
    for seed in 0..200 {
        let run = simulate(RunOptions {
            seed,
            trace: true,
            ..RunOptions::default()
        });
        for line in run.trace.lines() {
            for (count, (text, _)) in counts.iter_mut().zip(&expected) {
                *count += u64::from(line.contains(text));
            }
            late += u64::from(line.starts_with("late ") && line.ends_with(": done"));
        }
    }
    println!("{counts:?}, and {late} late writes were carried out");
    for (count, (text, least)) in counts.iter().zip(&expected) {
        assert!(count >= least, "{text:?} happened {count} times");
    }
    assert!(late >= 50, "{late} late writes were carried out");
}

/// The first seed that shows the defect.
fn first_seed_that_shows(options: RunOptions) -> Option<u64> {
    (0..SEEDS_PER_DEFECT).find(|seed| {
        !simulate(RunOptions {
            seed: *seed,
            ..options
        })
        .violations
        .is_empty()
    })
}

#[test]
fn every_deliberate_defect_is_noticed() {
    let mut unnoticed = Vec::new();
    for defect in Defect::ALL {
        let found = first_seed_that_shows(RunOptions {
            defect: Some(defect),
            ..RunOptions::default()
        });
        println!("{defect:?}: {found:?}");
        if found.is_none() {
            unnoticed.push(defect);
        }
    }
    assert!(unnoticed.is_empty(), "unnoticed: {unnoticed:?}");
}

#[test]
fn reading_what_no_majority_has_is_noticed() {
    let found = first_seed_that_shows(RunOptions {
        local_reads: true,
        ..RunOptions::default()
    });
    assert!(found.is_some());
}

/// Two nodes whose clocks are minutes apart see each other, and not for long when one is killed.
#[tokio::test(start_paused = true)]
async fn nodes_see_each_other_whatever_their_clocks_say() {
    let options = ClusterOptions {
        faults: Faults::default(),
        defect: None,
        local_reads: false,
        sinks: vec![Arc::new(NoSink), Arc::new(NoSink)],
        trace: Trace::default(),
    };
    let cluster = Cluster::new(Random::new(1), options);
    cluster.set_clock(0, 300_000);
    cluster.set_clock(1, -300_000);
    let beat_of = |node: u128| NodeBeat {
        node: NodeId::from_u128(node),
        life: NodeLife::from_u128(node),
        build: String::new(),
        name: String::new(),
        reads: 1,
        started_at: Timestamp::default(),
    };
    let (one, two) = (beat_of(1), beat_of(2));
    cluster.store(0).beat(&one).await.expect("a beat");
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(NodeBeat::LIVES_MS / 2)).await;
        let both = Ok(vec![one.clone(), two.clone()]);
        assert_eq!(cluster.store(1).beat(&two).await, both);
        assert_eq!(cluster.store(0).beat(&one).await, both);
    }
    cluster.kill(0);
    tokio::time::sleep(Duration::from_millis(NodeBeat::LIVES_MS)).await;
    assert_eq!(cluster.store(1).beat(&two).await, Ok(vec![two]));
}

/// A database that answers nothing: whoever waits behind others for a stream is told so no later than after another one's
/// tries, however many wait. A server that stops waits for them.
#[tokio::test(start_paused = true)]
async fn a_queue_of_appends_fails_together_when_the_database_is_away() {
    const WAITING: usize = 40;
    let options = ClusterOptions {
        faults: Faults {
            lost: 1_000,
            ..Faults::default()
        },
        defect: None,
        local_reads: false,
        sinks: vec![Arc::new(NoSink)],
        trace: Trace::default(),
    };
    let cluster = Cluster::new(Random::new(1), options);
    let store = cluster.store(0);
    let began = tokio::time::Instant::now();
    let appends = (0..WAITING).map(|_| {
        let (store, env) = (store.clone(), cluster.env(0));
        tokio::spawn(async move {
            let guild = GuildId::from_u128(1);
            let command = Command {
                stream: StreamId::Room(RoomId::from_u128(2)),
                event_id: EventId::from_u128(env.next_id()),
                actor: None,
                access_rev: 0,
                nonce: None,
                rows: Vec::new(),
            };
            let fact = Fact::channel_created(guild, "room".to_owned(), String::new());
            let decide = move |_: &Head, _: &Rows| Ok::<_, Infallible>(Draft::from(fact.clone()));
            store.append(command, decide).await
        })
    });
    for append in appends.collect::<Vec<_>>() {
        let outcome = append.await.expect("an outcome");
        let is_told = matches!(outcome, Err(AppendError::Store(Error::Unavailable(_))));
        assert!(is_told, "{outcome:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    store.close().await.expect("nothing is left to wait for");
}
