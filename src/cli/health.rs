//! `madang health`: whether the server works, for whoever watches over it.

use clap::Args;

use super::Failure;
use super::folder::Folder;
use super::output::{self, Stream};
use crate::app::control::{self, Answer, Ask};

/// Says whether the server on this data folder works: 0 when it reads and writes, else 1 and why not.
///
/// It asks within the machine, so it needs neither the address nor a certificate.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: Folder,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.folder.find()?;
    let answer = control::ask(&data, &Ask::Health)
        .map_err(|error| Failure(format!("cannot ask the running server: {error}")))?;
    match answer {
        Some(Answer::Healthy) => output::write(Stream::Out, "ready\n")
            .map_err(|error| Failure(format!("cannot print the answer: {error}"))),
        Some(Answer::Error(reason)) => Err(Failure(reason)),
        Some(_) => Err(Failure("the running server answered something else".to_owned())),
        None => Err(Failure(format!("no server runs on {}", data.display()))),
    }
}
