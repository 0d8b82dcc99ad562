//! `madang compact`: the same data in new files.

use clap::Args;
use madang_storage::embedded;
use madang_storage::engine::EngineKind;

use super::folder::Folder;
use super::{Failure, report};

/// Writes the data anew: gives space back, and erases what was edited or deleted from the disk.
///
/// The server must not be running. The old files go only after the new ones have proved whole.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: Folder,
    /// Move the data to this engine: sled or redb.
    #[arg(long)]
    engine: Option<EngineKind>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.folder.with_data(Folder::OWN_TOOLS)?;
    let done = embedded::compact(&data, arguments.engine)?;
    report::print(arguments.json, &done, || {
        format!(
            "{}: {} rows, {} bytes with {} before, {} bytes with {} now\n",
            done.folder.display(),
            done.rows,
            done.bytes_before,
            done.from,
            done.bytes_after,
            done.to
        )
    })
}
