//! `cargo xtask ci`: what must hold before a change is taken.

use std::time::Duration;

use crate::features;
use crate::steps::{Steps, run_within};
use crate::terminal::say;
use crate::workspace::cargo;
use crate::{needs, test, ui};

/// Formatting, lints, dependencies, the UI's checks, and every test, with everything that tests need required.
pub(crate) fn run(steps: &mut Steps) {
    steps.require_all();
    needs::provide(steps);
    steps.program("formatting", &mut cargo(["fmt", "--all", "--check"]));
    for set in features::SETS {
        steps.program(&set.name(), cargo([]).args(set.clippy()));
    }
    dependencies(steps);
    ui::checks(steps);
    test::run_provided(steps);
}

fn dependencies(steps: &mut Steps) {
    let installed = cargo(["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        steps.program(
            "cargo-deny: install",
            &mut cargo(["install", "--locked", "cargo-deny"]),
        );
    }
    let mut check = deny(["check", "bans", "licenses", "sources"]);
    steps.program("dependencies: bans, licences, sources", &mut check);
    advisories(steps);
}

/// Known defects of dependencies. The list of them is fetched first: a machine without a way to it is no reason to
/// fail, but the summary says so.
fn advisories(steps: &mut Steps) {
    const NAME: &str = "dependencies: advisories";
    const FETCH_LIMIT: Duration = Duration::from_secs(120);
    say(&format!("\n==> {NAME}: fetching the database"));
    let mut fetch = deny(["fetch", "db"]);
    let why = match run_within(fetch.env("GIT_TERMINAL_PROMPT", "0"), FETCH_LIMIT) {
        Ok(status) if status.success() => {
            steps.program(NAME, &mut deny(["check", "--disable-fetch", "advisories"]));
            return;
        }
        Ok(_) => "the database cannot be reached".to_owned(),
        Err(error) => format!("the database cannot be reached: {error}"),
    };
    steps.not_run(NAME, &why);
}

fn deny<const N: usize>(arguments: [&str; N]) -> std::process::Command {
    let mut command = cargo(["deny", "--workspace", "--locked"]);
    command.args(arguments);
    command
}
