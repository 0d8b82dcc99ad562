//! `cargo xtask ui`: builds the web UI; and the checks of its sources.

use crate::needs::{self, Tool};
use crate::steps::Steps;
use crate::workspace::{has, node_program};

const FOLDER: &str = "web";

/// Builds `web/`.
pub(crate) fn run(steps: &mut Steps) {
    if prepare(steps) {
        steps.program("ui: build", &mut node_program(FOLDER, "npm", ["run", "build"]));
    }
}

/// Lints, type checks and unit tests of `web/`.
pub(crate) fn checks(steps: &mut Steps) {
    if prepare(steps) {
        for (name, script) in [
            ("ui: lint", "lint"),
            ("ui: types", "check"),
            ("ui: unit tests", "test"),
        ] {
            steps.program(name, &mut node_program(FOLDER, "npm", ["run", script]));
        }
    }
}

/// Installs the npm packages exactly as they are locked. Answers whether the UI's scripts can run.
fn prepare(steps: &mut Steps) -> bool {
    if !has("web/package.json") {
        steps.not_run("ui", "there is no web UI yet");
        return false;
    }
    if !needs::is_present(Tool::Node) {
        steps.missing("ui", needs::advice(Tool::Node));
        return false;
    }
    steps.program("ui: packages", &mut node_program(FOLDER, "npm", ["ci"]))
}
