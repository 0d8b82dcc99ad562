//! `cargo xtask dist`: a release, laid out as it is handed to people.

use std::fs;
use std::io;
use std::path::Path;

use crate::steps::{Outcome, Steps};
use crate::terminal::say;
use crate::workspace::{cargo, root, target};

/// What goes beside the binary.
const DOCUMENTS: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Builds the binary as it is released and puts it into `target/dist` with its documents.
pub(crate) fn run(steps: &mut Steps) {
    let mut build = cargo(["build", "--release", "--locked", "--package", "madang"]);
    if !steps.program("release build", &mut build) {
        return;
    }
    let folder = target().join("dist");
    steps.step("lay out", || match lay_out(&folder) {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(error.to_string()),
    });
}

/// Makes the folder anew, so that nothing of an earlier release stays in it.
fn lay_out(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(folder)?,
    }
    let binary = format!("madang{}", std::env::consts::EXE_SUFFIX);
    fs::copy(target().join("release").join(&binary), folder.join(&binary))?;
    for document in DOCUMENTS {
        fs::copy(root().join(document), folder.join(document))?;
    }
    say(&folder.display().to_string());
    Ok(())
}
