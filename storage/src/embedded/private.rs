//! Keeping data to the account that the server runs under: messages and password hashes are nobody else's business.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
/// What a data folder has, and no other does: everything in it is known.
const NAMES: [&str; 5] = ["control.sock", "lock", "store", "store.new", "store.old"];

/// Makes a folder, and those above it that are missing, for its owner only.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// The options of a file that only its owner may open once it is made.
pub(crate) fn file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE);
    options
}

/// Takes a data folder away from others, as older versions made it. One that has anything else in it serves other
/// purposes, too, and is left alone; [`tighten`] still closes what is below.
pub(super) fn tighten_folder(path: &Path) {
    let is_ours = fs::read_dir(path).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| NAMES.iter().any(|name| entry.file_name() == *name)))
    });
    if is_ours {
        set(path, FOLDER);
    }
}

/// Takes a file that was opened away from others. What is no file, as a pipe, is left as it is.
pub(crate) fn tighten_file(file: &File) -> io::Result<()> {
    let about = file.metadata()?;
    if about.is_file() && about.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(FILE))?;
    }
    Ok(())
}

/// Takes everything below a path away from others. Engines make their files as the process is told to, which is usually
/// for everybody to read.
pub(super) fn tighten(path: &Path) {
    let Ok(about) = fs::symlink_metadata(path) else {
        return;
    };
    if about.is_file() {
        set(path, FILE);
    } else if about.is_dir() {
        set(path, FOLDER);
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| tighten(&entry.path()));
    }
}

fn set(path: &Path, mode: u32) {
    let Ok(about) = fs::metadata(path) else { return };
    if about.permissions().mode() & 0o077 == 0 {
        return;
    }
    // Data that belongs to another account, or lies on a file system without such rights, works all the same.
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode)) {
        tracing::warn!(%error, path = %path.display(), "others may be able to read the data");
    }
}

/// Which folders [`create_folder`] would make, the innermost first.
pub(super) fn missing_folders(path: &Path) -> Vec<PathBuf> {
    path.ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .map(Path::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn open_to_all(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_made_is_private() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("a/b");
        assert_eq!(missing_folders(&folder).len(), 2);
        create_folder(&folder).unwrap();
        assert!(missing_folders(&folder).is_empty());
        assert_eq!((mode(&folder), mode(&temporary.path().join("a"))), (0o700, 0o700));
        let path = folder.join("lock");
        file()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn what_was_open_is_closed_and_what_is_not_ours_is_left() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        let store = folder.join("store");
        fs::create_dir(&store).unwrap();
        fs::write(store.join("db"), "").unwrap();
        for (path, mode) in [(folder, 0o755), (&store, 0o755), (&store.join("db"), 0o644)] {
            open_to_all(path, mode);
        }
        fs::write(folder.join("letter"), "").unwrap();
        tighten_folder(folder);
        tighten(&store);
        assert_eq!(mode(folder), 0o755, "somebody else's, too");
        assert_eq!((mode(&store), mode(&store.join("db"))), (0o700, 0o600));
        fs::remove_file(folder.join("letter")).unwrap();
        tighten_folder(folder);
        assert_eq!(mode(folder), 0o700);
    }
}
