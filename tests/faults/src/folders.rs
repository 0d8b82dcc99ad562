//! Data folders as files: copies, sizes, flipped bytes, small file systems.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dice::Dice;

/// Every file below a folder, by its path relative to it, with its size.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, u64>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        let metadata = fs::symlink_metadata(&path).expect("a file can be looked at");
        if metadata.is_dir() {
            collect(root, &path, found);
        } else {
            found.insert(
                path.strip_prefix(root).expect("below the root").to_owned(),
                metadata.len(),
            );
        }
    }
}

/// Copies a folder that nobody writes to; `to` must not exist.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}

/// The folder below `root` that has a file of this name.
pub fn folder_with(root: &Path, name: &str) -> Option<PathBuf> {
    files(root)
        .into_keys()
        .find(|path| path.file_name().is_some_and(|file| file == name))
        .map(|path| {
            let folder = path.parent().map(Path::to_owned).unwrap_or_default();
            root.join(folder)
        })
}

/// Changes one byte of one file. Every second time any file is as likely as any other, so that small files get their
/// share; otherwise any byte is. Answers what was changed.
pub fn flip_a_byte(folder: &Path, dice: &mut Dice) -> String {
    let files: Vec<(PathBuf, u64)> = files(folder).into_iter().filter(|(_, size)| *size > 0).collect();
    let (file, offset) = if dice.percent(50) {
        let (file, size) = dice.pick(&files);
        (file, dice.below(*size))
    } else {
        let mut offset = dice.below(files.iter().map(|(_, size)| size).sum());
        let place = files
            .iter()
            .position(|(_, size)| match offset.checked_sub(*size) {
                Some(rest) => {
                    offset = rest;
                    false
                }
                None => true,
            });
        (&files[place.expect("the offset lies in a file")].0, offset)
    };
    let path = folder.join(file);
    let mut bytes = fs::read(&path).expect("a file can be read");
    let at = usize::try_from(offset).expect("small files");
    let before = bytes[at];
    bytes[at] ^= 1 << dice.below(8);
    fs::write(&path, &bytes).expect("a file can be written");
    format!(
        "{} at {offset}: {before:#04x} -> {:#04x}",
        file.display(),
        bytes[at]
    )
}

/// A file system of its own in memory, gone when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts a file system of this many MiB. Without the permission answers `None` and says so, or panics where
    /// `REQUIRE_SERVICES=1` asks for everything to run.
    pub fn mount(mebibytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder to mount at");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={mebibytes}m"),
                "madang-faults",
            ])
            .arg(folder.path())
            .output();
        let problem = match mounted {
            Ok(output) if output.status.success() => return Some(Self { folder }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(
            std::env::var("REQUIRE_SERVICES").as_deref() != Ok("1"),
            "cannot mount a small disk: {problem}"
        );
        eprintln!(
            "SKIPPED: nothing about full disks was tested, because no small disk can be mounted: {problem}"
        );
        None
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What is free, in bytes.
    pub fn free_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.folder.path()).expect("a file system can be asked");
        stat.f_bavail * stat.f_frsize
    }

    /// Takes space until this many bytes are left.
    pub fn fill_up_to(&self, left: u64) -> PathBuf {
        let path = self.folder.path().join("filler");
        let size = usize::try_from(self.free_bytes().saturating_sub(left)).expect("a small disk");
        fs::write(&path, vec![0x5a; size]).expect("the filler fits");
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a child that was just killed may still hold a file.
        let unmounted = Command::new("umount").arg("-l").arg(self.folder.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("cannot unmount {}", self.folder.path().display());
        }
    }
}
