//! Runs npm, after a look at whether that can work.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest versions of Node.js that Vite runs on, by line; newer lines do as well. `package.json` says the same.
const OLDEST: [(u32, u32); 2] = [(20, 19), (22, 12)];

/// Builds the page in `here`; answers the folder with its files.
pub(crate) fn build(here: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    check_node()?;
    install(here, out)?;
    let dist = out.join("dist");
    run(
        here,
        &[
            "run",
            "build",
            "--",
            "--outDir",
            &dist.to_string_lossy(),
            "--emptyOutDir",
        ],
    )?;
    Ok(dist)
}

fn check_node() -> Result<(), Box<dyn Error>> {
    let output = Command::new("node").arg("--version").output();
    let found = match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => return Err(advice("no Node.js was found").into()),
    };
    if is_fitting(&found) {
        return Ok(());
    }
    Err(advice(&format!("Node.js {found} is too old")).into())
}

fn advice(problem: &str) -> String {
    format!(
        "{problem}: the page is built with Vite, which needs Node.js 20.19 or newer, or 22.12 or newer.\n\
         Either install it from https://nodejs.org and build again, or build the server without its page: \
         cargo build --no-default-features"
    )
}

/// Whether `v20.19.0` is new enough.
fn is_fitting(version: &str) -> bool {
    let mut numbers = version
        .trim_start_matches('v')
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return false;
    };
    let newest_line = OLDEST[OLDEST.len() - 1].0;
    let is_known_line = OLDEST
        .iter()
        .any(|&(line, oldest)| major == line && minor >= oldest);
    is_known_line || major > newest_line
}

/// Installs the packages exactly as they are locked, once for each state of the lock file.
fn install(here: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let lock = fs::read(here.join("package-lock.json"))?;
    let stamp = out.join("installed-lock");
    let is_same = fs::read(&stamp).is_ok_and(|installed| installed == lock);
    if is_same && here.join("node_modules").is_dir() {
        return Ok(());
    }
    // Another build folder, or somebody by hand, may have installed these very packages.
    if !npm_has(here) {
        run(here, &["ci"])?;
    }
    fs::write(stamp, lock)?;
    Ok(())
}

/// Whether npm installed after the lock file last changed, going by its record of what it did.
fn npm_has(here: &Path) -> bool {
    let modified = |path: &str| {
        fs::metadata(here.join(path))
            .and_then(|data| data.modified())
            .ok()
    };
    modified("node_modules/.package-lock.json")
        .zip(modified("package-lock.json"))
        .is_some_and(|(record, lock)| record >= lock)
}

fn run(here: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let shown = format!("npm {}", arguments.join(" "));
    let output = Command::new(npm)
        .args(arguments)
        .current_dir(here)
        .output()
        .map_err(|error| advice(&format!("{shown} could not be started ({error})")))?;
    if output.status.success() {
        return Ok(());
    }
    let told = [output.stdout, output.stderr].concat();
    Err(format!("{shown} failed:\n{}", String::from_utf8_lossy(&told)).into())
}
