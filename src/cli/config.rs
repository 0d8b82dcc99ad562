//! `madang config`: what can be configured.

use clap::{Args, Subcommand};

use super::Failure;
use super::output::{self, Stream};
use crate::config;

/// What can be configured.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a complete file with every setting, its default and its meaning.
    Example,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.what {
        What::Example => output::write(Stream::Out, &config::example())
            .map_err(|error| Failure(format!("cannot print the example: {error}"))),
    }
}
