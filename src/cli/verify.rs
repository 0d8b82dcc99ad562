//! `madang verify`: is everything there, and as it should be?

use std::path::PathBuf;

use clap::Args;
use madang_storage::embedded;

use super::folder::Folder;
use super::{Failure, report};

/// Reads all data and checks it: checksums, holes, and whether everything that follows from events does.
///
/// The server must not be running. Ends with 1 when something is wrong.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: Folder,
    /// A backup: nothing that it has may be missing.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.folder.with_data(Folder::OWN_TOOLS)?;
    let found = embedded::verify(&data, arguments.against.as_deref())?;
    report::print(arguments.json, &found, || {
        let mut text = format!("{} rows of {} streams checked", found.rows, found.streams);
        if arguments.against.is_some() {
            text.push_str(&format!(", {} compared with the backup", found.compared));
        }
        text.push('\n');
        found
            .problems
            .iter()
            .for_each(|problem| text.push_str(&format!("{problem}\n")));
        text
    })?;
    match found.problem_count {
        0 => Ok(()),
        1 => Err(Failure("there is 1 problem".to_owned())),
        count => Err(Failure(format!("there are {count} problems"))),
    }
}
