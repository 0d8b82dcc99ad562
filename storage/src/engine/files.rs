//! Making an engine's folder so that it is there whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// Whether there is anything in an engine's folder.
pub(super) fn has_data(folder: &Path) -> Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(cannot_open(folder, &error)),
    }
}

/// Makes `parent/name` by way of a folder next to it that gets its name last. A stop on the way leaves no data
/// behind that would have to be told apart from damaged data; what it does leave is removed by the next try.
pub(super) fn make_whole(parent: &Path, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let target = parent.join(name);
    let unfinished = parent.join(format!("{name}.unfinished"));
    let failed = |error: io::Error| cannot_open(&target, &error);

    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::create_dir(&unfinished).map_err(failed)?;
    fill(&unfinished)?;
    sync_below(&unfinished).map_err(failed)?;
    // An empty folder of that name is replaced; one with something in it is an error.
    fs::rename(&unfinished, &target).map_err(failed)?;
    sync_folder(parent).map_err(failed)?;
    if let Some(grandparent) = parent.canonicalize().map_err(failed)?.parent() {
        sync_folder(grandparent).map_err(failed)?;
    }
    tracing::info!(folder = %target.display(), "storage data made");
    Ok(())
}

/// Syncs a folder's entries.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn sync_below(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// The error of a folder that cannot be used.
pub(super) fn cannot_open(path: &Path, error: &io::Error) -> Error {
    Error::CannotOpen(format!("cannot open {}: {error}", path.display()))
}

/// The error of a folder without data, when none may be made.
pub(super) fn no_data(folder: &Path) -> Error {
    Error::CannotOpen(format!(
        "there is no data in {}; check that the data folder is the right one and mounted, or restore a backup",
        folder.display()
    ))
}
