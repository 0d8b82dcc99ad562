//! The `madang` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    madang::cli::run(std::env::args_os()).into()
}
