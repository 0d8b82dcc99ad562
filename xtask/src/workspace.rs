//! Where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs this program, so a moved clone needs no recompilation.
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let here = PathBuf::from(here);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The cargo that runs this, started in the root.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = program_in(
        &root(),
        env::var("CARGO").as_deref().unwrap_or("cargo"),
        arguments,
    );
    // What cargo has told this program about itself. Some crates' build scripts look at it, and would make cargo build
    // them anew whenever it is called by this program and by hand in turns.
    let told = env::vars_os().map(|(name, _)| name);
    for name in told.filter(|name| is_about_this_crate(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

fn is_about_this_crate(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
        .iter()
        .any(|start| variable.starts_with(start))
}

/// A program of the npm family, started in a folder of the repository.
pub(crate) fn node_program<const N: usize>(folder: &str, program: &str, arguments: [&str; N]) -> Command {
    let program = if cfg!(windows) {
        format!("{program}.cmd")
    } else {
        program.to_owned()
    };
    program_in(&root().join(folder), &program, arguments)
}

fn program_in<const N: usize>(folder: &Path, program: &str, arguments: [&str; N]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}

/// Whether a file of the repository exists.
pub(crate) fn has(path: &str) -> bool {
    root().join(path).exists()
}

/// Finds the first of some programs that is on the path.
pub(crate) fn on_path(programs: &[&str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let suffix = env::consts::EXE_SUFFIX;
    programs.iter().find_map(|program| {
        env::split_paths(&folders)
            .map(|folder| folder.join(format!("{program}{suffix}")))
            .find(|path| path.is_file())
    })
}

/// What a program writes to standard output; `None` when it cannot be run or fails.
pub(crate) fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
