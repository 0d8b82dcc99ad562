//! A look at sled's files before sled opens them.
//!
//! sled takes a file in which it recognises nothing for a new one, and a log that ends too early for a shorter one:
//! it writes over the first and cuts the second. Both can be seen beforehand, at the cost of one small read for each
//! segment, which sled does as well.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// sled's default, which is part of its files and never changed by us.
const SEGMENT_BYTES: u64 = 512 * 1024;
const SEGMENT_HEADER_BYTES: usize = 20;
/// A snapshot may count the last bytes of a segment, too few for a message, although the file ends before them.
const LARGEST_MESSAGE_HEADER_BYTES: u64 = 32;
/// The length and the checksum at the end of a snapshot.
const SNAPSHOT_TRAILER_BYTES: usize = 12;

/// How far the log goes: the highest log sequence number it has room for, or `None` when nothing in the file is a
/// segment of sled's.
pub(super) fn log_end(file: &File) -> io::Result<Option<u64>> {
    let file_bytes = file.metadata()?.len();
    let mut end = None;
    let mut offset = 0;
    while offset + SEGMENT_HEADER_BYTES as u64 <= file_bytes {
        if let Some(first) = segment_start(file, offset)? {
            let present = SEGMENT_BYTES.min(file_bytes - offset);
            end = end.max(Some(first.saturating_add(present)));
        }
        offset += SEGMENT_BYTES;
    }
    Ok(end)
}

/// The log sequence number that a segment starts with, if its header is whole. A free segment need not have one.
fn segment_start(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    file.read_exact_at(&mut header, offset)?;
    // A checksum, the number, and what was stable when the segment was begun; each stored with its bits inverted, but
    // for the sign.
    let mut checksum = [0; 4];
    checksum.copy_from_slice(&header[..4]);
    let mut number = [0; 8];
    number.copy_from_slice(&header[4..12]);
    if crc32fast::hash(&header[4..]) != u32::from_le_bytes(checksum) ^ u32::MAX {
        return Ok(None);
    }
    Ok(u64::try_from(i64::from_le_bytes(number) ^ i64::MAX).ok())
}

/// sled's snapshots of its page table: a shortcut through the log, which holds everything that they do.
#[derive(Debug)]
pub(super) struct Snapshots {
    /// In sled's order: it uses the last one.
    paths: Vec<PathBuf>,
}

impl Snapshots {
    /// The snapshots in sled's folder. A half written one, which sled leaves behind when it is killed while it opens
    /// and then takes for a damaged one, is removed.
    pub(super) fn find(folder: &Path) -> io::Result<Self> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if !name.starts_with("snap.") {
                continue;
            }
            if name.ends_with(".generating") {
                fs::remove_file(&path)?;
                tracing::warn!(file = %path.display(), "a half written snapshot was removed");
                continue;
            }
            paths.push(path);
        }
        paths.sort();
        Ok(Self { paths })
    }

    /// Whether there is one and sled would find it damaged.
    pub(super) fn damaged(&self) -> io::Result<bool> {
        let Some(path) = self.paths.last() else {
            return Ok(false);
        };
        let bytes = fs::read(path)?;
        let Some((rest, checksum)) = bytes.split_last_chunk::<4>() else {
            return Ok(true);
        };
        let Some(body_bytes) = bytes.len().checked_sub(SNAPSHOT_TRAILER_BYTES) else {
            return Ok(true);
        };
        Ok(body_bytes == 0 || crc32fast::hash(&rest[..body_bytes]) != u32::from_le_bytes(*checksum))
    }

    /// Whether a log that goes to `log_end` holds everything that the snapshot counts on.
    pub(super) fn covered_by(&self, log_end: u64) -> bool {
        let Some(stable) = self.paths.last().and_then(|path| stable_number(path)) else {
            return true;
        };
        log_end + LARGEST_MESSAGE_HEADER_BYTES >= stable
    }

    /// Moves them out of sled's sight. The folder's name must not start with `snap.`: sled takes everything of that
    /// name for a snapshot.
    pub(super) fn move_aside(&self, folder: &Path) -> io::Result<()> {
        let aside = folder.join("aside");
        fs::create_dir_all(&aside)?;
        for path in &self.paths {
            fs::rename(path, aside.join(file_name(path)?))?;
        }
        Ok(())
    }

    /// Undoes [`move_aside`](Self::move_aside).
    pub(super) fn move_back(&self, folder: &Path) -> io::Result<()> {
        for path in &self.paths {
            fs::rename(folder.join("aside").join(file_name(path)?), path)?;
        }
        Ok(())
    }
}

fn file_name(path: &Path) -> io::Result<&std::ffi::OsStr> {
    path.file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

/// The log sequence number up to which a snapshot holds everything, which is its file's name.
fn stable_number(path: &Path) -> Option<u64> {
    u64::from_str_radix(path.extension()?.to_str()?, 16).ok()
}
