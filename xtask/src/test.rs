//! `cargo xtask test`: everything that can be tested here.

use crate::needs::{self, E2E, FAULTS, Tool};
use crate::services;
use crate::steps::Steps;
use crate::workspace::{cargo, has, node_program, target};

/// The scenarios' modules: the forms in which Madang runs.
const TWO_NODES: &str = "two_nodes::";
const ON_MONGODB: &str = "on_mongodb::";
const ON_REDB: &str = "on_redb::";

/// The store's suite on MongoDB. It runs whole on the first server; on
/// FerretDB over SQLite, where a write takes 60 ms, what shows that nothing rests on one of the two: nonces, state rows,
/// sweeping, the sink and the register of nodes. The rest there, and what kills a server of its own, runs by name only.
const STORES: &str = "mongo::";
const ON_STORES: [&str; 7] = [
    "mongo::tests::",
    "mongo::group::",
    "mongo::form::",
    "mongo::server::",
    "mongo::processes::",
    "mongo::small_server::n",
    "mongo::small_server::s",
];

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
    let skip = [
        "--", "--skip", TWO_NODES, "--skip", ON_MONGODB, "--skip", ON_REDB, "--skip", STORES,
    ];
    let mut most = test(&["--workspace"]);
    if has(FAULTS) && !needs::is_present(Tool::CCompiler) {
        steps.missing("fault tests", needs::advice(Tool::CCompiler));
        most.args(["--exclude", "madang-faults"]);
    }
    steps.tests(
        "tests, scenarios: one node with its data in a folder",
        most.args(skip),
    );
    let scenarios = ["--workspace", "--test", "scenarios", "--"];
    // Engines and databases have suites of their own; through the whole of Madang goes what writes and reads in every way.
    let of_each = ["on_redb::gateway", "on_redb::races", "on_redb::of_a_folder"];
    steps.tests("scenarios: one node with redb", test(&scenarios).args(of_each));
    if !has_backends {
        steps.missing("tests of several nodes", needs::advice(Tool::KafkaLibraries));
        return;
    }
    // They wait for the servers, not for the processor; more at a time would only wait for each other.
    // Always of the whole workspace: another choice of packages has other features, and would be another build.
    let stores = [
        "--workspace",
        "--lib",
        "--test",
        "conformance",
        "--",
        "--test-threads",
        "8",
    ];
    steps.tests("store on MongoDB", test(&stores).args(ON_STORES));
    // Only where no MongoDB is named or installed a second server is started.
    if environment
        .iter()
        .any(|(name, _)| name == "MADANG_TEST_MONGO_SQLITE_URL")
    {
        steps.not_run(
            "plans of MongoDB's queries",
            "FerretDB has none: name a MongoDB in MADANG_TEST_MONGO_URL",
        );
    }
    // One after the other, since some end the services that all use; and before others have left hundreds of topics
    // behind, with which Kafka takes a minute to start again.
    let bad_days = ["--workspace", "--test", "cluster", "--", "--test-threads", "1"];
    steps.tests("several nodes on bad days", &mut test(&bad_days));
    // They wait for services more than they work.
    let scenarios = [&scenarios[..], &["--test-threads", "6"]].concat();
    let of_each = ["on_mongodb::gateway", "on_mongodb::races"];
    steps.tests("scenarios: one node over MongoDB", test(&scenarios).args(of_each));
    steps.tests(
        "scenarios: two nodes over MongoDB, Kafka and Redis",
        test(&scenarios).arg(TWO_NODES),
    );
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
        cargo([
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
