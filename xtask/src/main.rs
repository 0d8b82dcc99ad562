//! Madang's chores, as `cargo xtask <command>`.
//!
//! # Layout
//! - [`test`], [`ci`], [`services`], [`ui`], [`dist`]: one command each.
//! - [`steps`]: runs the steps of a command, one after the other, and sums them up at the end.
//! - [`needs`]: what tests need besides a Rust toolchain, and [`apt`], which installs it on Debian.
//! - [`features`]: the feature sets that must compile without a warning.
//! - [`workspace`]: where things are. [`terminal`]: the one place that writes to the terminal.
//!
//! Only the standard library is used: this crate is compiled before anything else can be checked.

mod apt;
mod ci;
mod dist;
mod features;
mod needs;
mod services;
mod steps;
mod terminal;
mod test;
mod ui;
mod workspace;

use std::process::ExitCode;

use steps::Steps;
use terminal::say;

const USAGE: &str = "\
usage: cargo xtask <command>

  test      install what the tests need, where that is possible, and run all of them
  ci        formatting, lints of each feature set, dependencies, the UI's checks, then test
  services up      start the outside services that tests need, fetching what is missing
  services down    end them and remove their data
  services status  say what runs where
  cluster   start the services and three nodes over them, to play with, until Ctrl+C
  cluster stop     end what an interrupted `cluster` has left running
  ui        build the web UI
  dist      build a release and lay it out in target/dist

test and ci continue after a failed step and end with a summary. With REQUIRE_SERVICES=1, which ci sets,
something missing is a failure; otherwise it is only told.";

/// What a command gets to do its steps with; it reports by them alone.
type Chore = fn(&mut Steps);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = match arguments.as_slice() {
        [name] if name == "help" || name == "--help" || name == "-h" => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        [] => return misuse(),
        words => words.join(" "),
    };
    let Some(chore) = chore(&name) else {
        return misuse();
    };
    let mut steps = Steps::new(std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1"));
    chore(&mut steps);
    steps.finish()
}

fn chore(name: &str) -> Option<Chore> {
    match name {
        "test" => Some(test::run),
        "ci" => Some(ci::run),
        "services" | "services status" => Some(services::status),
        "services up" => Some(services::up),
        "services down" => Some(services::down),
        "cluster" => Some(services::cluster::run),
        "cluster stop" => Some(services::cluster::stop),
        "ui" => Some(ui::run),
        "dist" => Some(dist::run),
        _ => None,
    }
}

fn misuse() -> ExitCode {
    say(USAGE);
    ExitCode::from(2)
}
