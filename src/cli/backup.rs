//! `madang backup`: everything that cannot be made anew, in one file.

use std::path::{Path, PathBuf};

use clap::Args;
use madang_storage::embedded::{self, BackupReport};

use super::folder::Folder;
use super::{Failure, report};
use crate::app::control::{self, Answer, Ask};

/// Writes a backup of the data in a folder.
///
/// The file holds all events, messages, accounts and settings. It fits every engine, and `madang restore` reads it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file to write; an existing one is never overwritten.
    file: PathBuf,
    #[command(flatten)]
    folder: Folder,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.folder.with_data(Folder::OWN_TOOLS)?;
    let made = match ask_server(arguments, &data)? {
        Some(report) => report,
        None => embedded::backup(&data, &arguments.file)?,
    };
    report::print(arguments.json, &made, || {
        let mut text = format!(
            "{}: {} rows in {} bytes\ncontent {}\n",
            made.file.display(),
            made.contents.total_rows(),
            made.contents.bytes,
            made.contents.hash
        );
        if let Some(damage) = &made.damage {
            text.push_str(&format!(
                "the data is damaged, the backup has what could be read: {damage}\n"
            ));
        }
        text
    })?;
    match made.damage {
        Some(damage) => Err(Failure(format!("the data is damaged: {damage}"))),
        None => Ok(()),
    }
}

/// A running server has the data to itself: it is asked for the backup. `None` when none runs.
fn ask_server(arguments: &Arguments, data: &Path) -> Result<Option<BackupReport>, Failure> {
    let to = std::path::absolute(&arguments.file).map_err(|error| {
        Failure(format!(
            "cannot tell where {} is: {error}",
            arguments.file.display()
        ))
    })?;
    let answer = control::ask(data, &Ask::Backup { to })
        .map_err(|error| Failure(format!("cannot ask the running server: {error}")))?;
    match answer {
        None => Ok(None),
        Some(Answer::Backup(report)) => Ok(Some(*report)),
        Some(Answer::Error(reason)) => Err(Failure(reason)),
        Some(Answer::Accounts(_) | Answer::Healthy) => {
            Err(Failure("the running server answered something else".to_owned()))
        }
    }
}
