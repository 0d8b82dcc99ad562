//! `cargo xtask test`: everything that can be tested here.

use crate::needs::{self, E2E, FAULTS, Tool};
use crate::services;
use crate::steps::Steps;
use crate::workspace::{cargo, has, node_program, target};

/// The scenarios' modules: the forms in which Madang runs.
const CLUSTER: &str = "cluster::";
const MONGODB: &str = "mongodb::";
const REDB: &str = "redb::";

/// Installs what tests need, then runs the Rust tests, then the browser tests.
pub(crate) fn run(steps: &mut Steps) {
    needs::provide(steps);
    run_provided(steps);
}

/// The same where what is needed has been seen to.
pub(crate) fn run_provided(steps: &mut Steps) {
    let theirs = services::any_started();
    let environment = services::bring_up(steps);
    rust_tests(steps, &environment);
    // Whoever had them running wants to go on with them.
    if !theirs {
        services::down(steps);
    }
    load_tests(steps);
    browser_tests(steps);
}

/// All of them are of one build, with every backend in it, where that can be built here.
fn rust_tests(steps: &mut Steps, environment: &services::Environment) {
    let has_backends = needs::is_present(Tool::KafkaLibraries);
    let test = |arguments: &[&str]| {
        let mut command = cargo(["test", "--locked", "--no-fail-fast"]);
        command.args(backends());
        if needs::is_present(Tool::Pebble) {
            command.env("MADANG_TEST_PEBBLE", needs::pebble());
        }
        command.args(arguments).envs(environment.iter().cloned());
        command
    };
    let skip = ["--", "--skip", CLUSTER, "--skip", MONGODB, "--skip", REDB];
    let mut most = test(&["--workspace"]);
    if has(FAULTS) && !needs::is_present(Tool::CCompiler) {
        steps.missing("fault tests", needs::advice(Tool::CCompiler));
        most.args(["--exclude", "madang-faults"]);
    }
    steps.tests(
        "tests, scenarios: one node with its data in a folder",
        most.args(skip),
    );
    let scenarios = ["--package", "madang", "--test", "scenarios", "--"];
    // Engines and databases have suites of their own; through the whole of Madang goes what writes and reads in every way.
    let of_each = ["redb::gateway", "redb::races", "redb::of_a_folder"];
    steps.tests("scenarios: one node with redb", test(&scenarios).args(of_each));
    if !has_backends {
        steps.missing("tests of several nodes", needs::advice(Tool::KafkaLibraries));
        return;
    }
    let of_each = ["mongodb::gateway", "mongodb::races"];
    steps.tests("scenarios: one node over MongoDB", test(&scenarios).args(of_each));
    steps.tests(
        "scenarios: two nodes over MongoDB, Kafka and Redis",
        test(&scenarios).arg(CLUSTER),
    );
    // One after the other: some end the services that all use.
    let bad_days = [
        "--package",
        "madang",
        "--test",
        "cluster",
        "--",
        "--test-threads",
        "1",
    ];
    steps.tests("several nodes on bad days", &mut test(&bad_days));
}

/// Cargo's flags for every backend that can be built here.
fn backends() -> &'static [&'static str] {
    if needs::is_present(Tool::KafkaLibraries) {
        &["--all-features"]
    } else {
        &[]
    }
}

/// What takes a crowd: readers that stop among a thousand that go on, and a room of many messages. The load generator
/// fails when anything is lost, repeated or out of order; what it says of times means nothing in such a build.
fn load_tests(steps: &mut Steps) {
    const CROWDS: [(&str, &[&str]); 2] = [
        (
            "readers that stop",
            &["fanout", "--rates", "50", "--seconds", "6", "--runs", "1"],
        ),
        (
            "many messages",
            &["load", "--messages", "5000", "--senders", "32"],
        ),
    ];
    if !steps.program(
        "load generator",
        &mut cargo([
            "build",
            "--locked",
            "--package",
            "madang",
            "--package",
            "madang-bench",
        ])
        .args(backends()),
    ) {
        return;
    }
    let folder = target().join("debug");
    for (name, arguments) in CROWDS {
        let mut crowd = std::process::Command::new(folder.join("madang-bench"));
        crowd
            .args(arguments)
            .arg("--server")
            .arg(folder.join("madang"))
            .arg("--folder")
            .arg(&folder);
        steps.program(name, &mut crowd);
    }
}

fn browser_tests(steps: &mut Steps) {
    const FOLDER: &str = "tests/e2e";
    if !has(E2E) {
        steps.not_run("browser tests", "there are none yet");
        return;
    }
    if !needs::is_present(Tool::Node) {
        steps.missing("browser tests", needs::advice(Tool::Node));
        return;
    }
    if !steps.fetch(
        "browser tests: packages",
        &mut node_program(FOLDER, "npm", ["ci"]),
    ) {
        steps.missing("browser tests", "their packages could not be installed");
        return;
    }
    let mut tests = node_program(FOLDER, "npx", ["playwright", "test"]);
    match needs::browser() {
        Some(browser) => {
            tests.env("MADANG_TEST_BROWSER", browser);
        }
        None => {
            let mut download = node_program(FOLDER, "npx", ["playwright", "install", "chromium"]);
            if !steps.fetch("browser tests: Chromium", &mut download) {
                steps.missing("browser tests", needs::advice(Tool::Browser));
                return;
            }
        }
    }
    steps.program("browser tests", &mut tests);
}
