//! `cargo xtask test`: everything that can be tested here.

use crate::needs::{self, E2E, FAULTS, Tool};
use crate::services;
use crate::steps::Steps;
use crate::workspace::{cargo, has, node_program, target};

/// Installs what tests need, then runs the Rust tests, then the browser tests.
pub(crate) fn run(steps: &mut Steps) {
    needs::provide(steps);
    let theirs = services::any_started();
    let environment = services::bring_up(steps);
    rust_tests(steps, &environment);
    mongodb_tests(steps, &environment);
    cluster_tests(steps, &environment);
    // Whoever had them running wants to go on with them.
    if !theirs {
        services::down(steps);
    }
    load_tests(steps);
    browser_tests(steps);
}

fn rust_tests(steps: &mut Steps, environment: &services::Environment) {
    let mut command = cargo(["test", "--workspace", "--locked", "--no-fail-fast"]);
    if has(FAULTS) && !needs::is_present(Tool::CCompiler) {
        steps.missing("fault tests", needs::advice(Tool::CCompiler));
        command.args(["--exclude", "madang-faults"]);
    }
    if needs::is_present(Tool::Pebble) {
        command.env("MADANG_TEST_PEBBLE", needs::pebble());
    }
    steps.program("tests", command.envs(environment.iter().cloned()));
}

/// What only a binary with the MongoDB in it can do. The suite of the store runs whole; of the scenarios those that write
/// and read in every way, since each of the others does the same things.
fn mongodb_tests(steps: &mut Steps, environment: &services::Environment) {
    const STORE: [&str; 8] = [
        "test",
        "--locked",
        "--package",
        "madang-storage",
        "--features",
        "mongodb",
        "--no-fail-fast",
        "mongo::",
    ];
    let environment = || environment.iter().cloned();
    steps.program("tests: store on MongoDB", cargo(STORE).envs(environment()));
    let mut scenarios = cargo([
        "test",
        "--locked",
        "--package",
        "madang",
        "--features",
        "mongodb",
        "--test",
        "scenarios",
        "--no-fail-fast",
        "--",
    ]);
    scenarios.args([
        "mongodb::gateway",
        "mongodb::races",
        "mongodb::people",
        "mongodb::rest",
        "mongodb::threads",
    ]);
    steps.program("tests: scenarios on MongoDB", scenarios.envs(environment()));
}

/// Several nodes on bad days. One test after the other: some end the services that all use.
fn cluster_tests(steps: &mut Steps, environment: &services::Environment) {
    let mut tests = cargo([
        "test",
        "--locked",
        "--package",
        "madang",
        "--features",
        "cluster",
        "--test",
        "cluster",
        "--no-fail-fast",
        "--",
        "--test-threads",
        "1",
    ]);
    tests.envs(environment.iter().cloned());
    steps.program("tests: several nodes on bad days", &mut tests);
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
        ]),
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
