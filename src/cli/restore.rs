//! `madang restore`: data from a backup.

use std::path::PathBuf;

use clap::Args;
use madang_storage::engine::EngineKind;
use madang_storage::{Env, embedded};

use super::{Failure, report};

/// Makes data from a backup, in a folder that has none.
///
/// It needs a folder: a database of its own is restored with its own tools.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The backup.
    file: PathBuf,
    /// The folder to make the data in.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// What keeps the data: sled or redb.
    #[arg(long, default_value_t)]
    engine: EngineKind,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let made = embedded::restore(&arguments.file, &arguments.data, arguments.engine, &Env::system())?;
    report::print(arguments.json, &made, || {
        format!(
            "{}: {} rows restored and {} made from them, kept by {}\ncontent {}\n",
            made.folder.display(),
            made.contents.total_rows(),
            made.derived_rows,
            made.engine,
            made.contents.hash
        )
    })
}
