//! The command line: one file per subcommand.
//!
//! A subcommand is a file with a `clap::Args` struct and a function `run(args) -> Result<(), Failure>`, a variant of
//! [`Command`] and an arm in [`Command::run`]. What it prints goes through [`output::write`].

mod backup;
mod compact;
mod config;
mod folder;
mod greeting;
mod health;
mod log;
mod output;
mod report;
mod restore;
mod serve;
mod user;
mod verify;
mod version;

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use output::Stream;

/// How a run of the command ended. The numbers are part of the interface: scripts and service managers read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Success,
    /// It tried, and failed.
    Failure,
    /// It was asked for something that it does not understand.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::from(0),
            Exit::Failure => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

/// A self-hosted chat server for teams and communities.
#[derive(Debug, Parser)]
#[command(name = "madang", version = version::text(), args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a subcommand the server starts.
    #[command(flatten)]
    serve: serve::Arguments,
}

/// What can be asked for besides `--help` and `--version`.
#[derive(Debug, Subcommand)]
enum Command {
    Backup(backup::Arguments),
    Compact(compact::Arguments),
    Config(config::Arguments),
    Health(health::Arguments),
    Restore(restore::Arguments),
    Serve(serve::Arguments),
    User(user::Arguments),
    Verify(verify::Arguments),
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Backup(arguments) => backup::run(&arguments),
            Self::Compact(arguments) => compact::run(&arguments),
            Self::Config(arguments) => config::run(&arguments),
            Self::Health(arguments) => health::run(&arguments),
            Self::Restore(arguments) => restore::run(&arguments),
            Self::Serve(arguments) => serve::run(&arguments),
            Self::User(arguments) => user::run(&arguments),
            Self::Verify(arguments) => verify::run(&arguments),
        }
    }
}

/// Why a subcommand failed, in words for whoever typed it.
#[derive(Debug)]
struct Failure(String);

impl From<madang_storage::Error> for Failure {
    fn from(error: madang_storage::Error) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the arguments, the program's name first, and does what they say.
pub fn run<I>(arguments: I) -> Exit
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let command = match Cli::try_parse_from(arguments) {
        Ok(Cli { command, serve }) => command.unwrap_or(Command::Serve(serve)),
        Err(answer) => return print_answer(&answer),
    };
    match command.run() {
        Ok(()) => Exit::Success,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> Exit {
    // When this cannot be written either, the exit code still says it.
    let _ = output::write(Stream::Err, &format!("error: {failure}\n"));
    Exit::Failure
}

/// Help and the version come out of the parser as errors, too.
fn print_answer(answer: &clap::Error) -> Exit {
    let stream = if answer.use_stderr() {
        Stream::Err
    } else {
        Stream::Out
    };
    match (output::write(stream, &answer.render().to_string()), stream) {
        (Err(error), Stream::Out) => fail(&Failure(format!("cannot write the answer: {error}"))),
        (Ok(()), Stream::Out) => Exit::Success,
        (_, Stream::Err) => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn exit_codes_tell_success_from_misuse() {
        assert_eq!(run(["madang", "--help"]), Exit::Success);
        assert_eq!(run(["madang", "--version"]), Exit::Success);
        assert_eq!(run(["madang", "--no-such-option"]), Exit::Usage);
        assert_eq!(run(["madang", "no-such-command"]), Exit::Usage);
    }
}
