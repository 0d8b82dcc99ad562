//! `madang config`: what can be configured.

use clap::{Args, Subcommand};

use super::Failure;
use super::output::{self, Stream};
use super::serve;
use crate::app::{certificates, data, nodes};
use crate::config::{self, Storage};

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
    /// Say whether the server would start with this configuration, and what is wrong with it.
    Check(serve::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.what {
        What::Example => output::write(Stream::Out, &config::example())
            .map_err(|error| Failure(format!("cannot print the example: {error}"))),
        What::Check(arguments) => {
            let config = arguments.load()?;
            certificates::check(&config).map_err(|error| Failure(error.to_string()))?;
            data::check(&config.storage)?;
            nodes::check(&config).map_err(|error| Failure(error.to_string()))?;
            let mut text: String = serve::unknown_variables()
                .iter()
                .map(|variable| format!("{variable} is no setting: nothing reads it\n"))
                .collect();
            text.push_str(&format!(
                "the configuration is good: it listens on {} and keeps its data in {}\n",
                config.server.listen,
                place(&config.storage)
            ));
            output::write(Stream::Out, &text)
                .map_err(|error| Failure(format!("cannot print the answer: {error}")))
        }
    }
}

/// Where the data is. An address may hold a password, so of a database only the kind is told.
fn place(storage: &Storage) -> String {
    if storage.is_in_folder() {
        storage.folder.display().to_string()
    } else {
        format!("a {}", storage.kind.name())
    }
}
