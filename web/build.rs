//! Builds the page with npm and writes a table of its files for `src/lib.rs`.
//!
//! `MADANG_WEB_DIST` names a folder that was built elsewhere; then neither Node nor npm is needed.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[path = "build/npm.rs"]
mod npm;
#[path = "build/table.rs"]
mod table;

/// What the page is made of, from this folder. `dist` and `node_modules` come out of it, so they do not belong here.
const SOURCES: [&str; 10] = [
    "build.rs",
    "build",
    "developers.html",
    "index.html",
    "package-lock.json",
    "package.json",
    "public",
    "src",
    "svelte.config.js",
    "vite.config.ts",
];

fn main() -> ExitCode {
    let Err(error) = run() else {
        return ExitCode::SUCCESS;
    };
    // Cargo shows these lines as they are; a returned error would be shown escaped, below everything printed before.
    for line in error.to_string().lines() {
        println!("cargo::error={line}");
    }
    ExitCode::FAILURE
}

fn run() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=MADANG_WEB_DIST");
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let dist = match env::var_os("MADANG_WEB_DIST") {
        Some(folder) => prebuilt(Path::new(&folder))?,
        None => {
            for source in SOURCES {
                println!("cargo:rerun-if-changed={source}");
            }
            npm::build(&here, &out)?
        }
    };
    table::write(&dist, &out)?;
    Ok(())
}

fn prebuilt(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let folder = folder.canonicalize().map_err(|error| {
        format!(
            "MADANG_WEB_DIST is {}, which cannot be opened: {error}",
            folder.display()
        )
    })?;
    println!("cargo:rerun-if-changed={}", folder.display());
    Ok(folder)
}
