//! Writing a backup.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ContentHash, Contents, FORMAT, MAGIC, Manifest, failed};
use crate::embedded::folder::sync_folder;
use crate::embedded::private;
use crate::error::{Error, Result};

/// Writes `<target>.partial` and gives it its name when it is whole and durable. Dropped before, it leaves nothing.
pub(crate) struct Writer {
    target: PathBuf,
    partial: PathBuf,
    out: BufWriter<File>,
    hasher: Sha256,
    rows: BTreeMap<u8, u64>,
    bytes: u64,
    last_key: Vec<u8>,
    /// Whether `partial` still has to go when this is dropped.
    unfinished: bool,
}

impl Writer {
    /// Starts a file. An existing target is never overwritten; what an interrupted backup left is.
    pub(crate) fn create(target: &Path) -> Result<Self> {
        refuse_existing(target)?;
        let partial = beside(target, ".partial");
        let file = private::file()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&partial)
            .map_err(|error| failed("make", &partial, &error))?;
        // What an interrupted backup left may be open to others.
        private::tighten_file(&file).map_err(|error| failed("protect", &partial, &error))?;
        Ok(Self {
            target: target.to_owned(),
            partial,
            out: BufWriter::with_capacity(256 * 1024, file),
            hasher: Sha256::new(),
            rows: BTreeMap::new(),
            bytes: 0,
            last_key: Vec::new(),
            unfinished: true,
        })
    }

    /// Writes the start of the file. Called once, before any frame.
    pub(crate) fn manifest(&mut self, manifest: &Manifest) -> Result<()> {
        self.write(&MAGIC)?;
        self.write(&FORMAT.to_le_bytes())?;
        self.note(&crate::encode(manifest)?)
    }

    /// Writes one row. Keys must rise.
    pub(crate) fn frame(&mut self, key: &[u8], content: &[u8]) -> Result<()> {
        debug_assert!(key > self.last_key.as_slice());
        let too_large = |_| Error::TooLarge {
            what: "a row",
            limit: super::MAX_FRAME_BYTES,
        };
        let key_length = u16::try_from(key.len()).map_err(too_large)?.to_le_bytes();
        let length = u32::try_from(2 + key.len() + content.len()).map_err(too_large)?;
        let mut crc = crc32fast::Hasher::new();
        [&key_length, key, content]
            .into_iter()
            .for_each(|part| crc.update(part));
        let crc = crc.finalize().to_le_bytes();
        let length = length.to_le_bytes();
        for part in [length.as_slice(), &crc, &key_length, key, content] {
            self.hasher.update(part);
            self.write(part)?;
            self.bytes += part.len() as u64;
        }
        let table = key.first().copied().unwrap_or(0);
        *self.rows.entry(table).or_default() += 1;
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        Ok(())
    }

    /// Ends the file, makes it durable and gives it its name.
    pub(crate) fn finish(mut self) -> Result<Contents> {
        let contents = Contents {
            rows: std::mem::take(&mut self.rows),
            bytes: self.bytes,
            hash: ContentHash(std::mem::take(&mut self.hasher).finalize().into()),
        };
        self.write(&0_u32.to_le_bytes())?;
        self.note(&crate::encode(&contents)?)?;
        self.out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all())
            .map_err(|error| failed("write", &self.partial, &error))?;
        // `rename` would replace a file that came meanwhile; a hard link never does.
        match fs::hard_link(&self.partial, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(exists(&self.target)),
            // Not every file system has hard links.
            Err(_) => {
                refuse_existing(&self.target)?;
                fs::rename(&self.partial, &self.target)
                    .map_err(|error| failed("rename", &self.partial, &error))?;
            }
        }
        self.remove_partial();
        sync_folder(folder_of(&self.target))?;
        Ok(contents)
    }

    fn note(&mut self, content: &[u8]) -> Result<()> {
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        self.write(&length.to_le_bytes())?;
        self.write(&crc32fast::hash(content).to_le_bytes())?;
        self.write(content)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out
            .write_all(bytes)
            .map_err(|error| failed("write", &self.partial, &error))
    }

    fn remove_partial(&mut self) {
        if std::mem::take(&mut self.unfinished) {
            // Left behind, it is overwritten by the next backup to the same target.
            fs::remove_file(&self.partial).ok();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.remove_partial();
    }
}

fn refuse_existing(target: &Path) -> Result<()> {
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("look at", target, &error)),
        Ok(_) => Err(exists(target)),
    }
}

fn exists(target: &Path) -> Error {
    Error::CannotOpen(format!(
        "{} exists already, and a backup overwrites nothing: choose another name",
        target.display()
    ))
}

/// A file beside `target`, with the same name and an ending.
pub(crate) fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The folder that a file is in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
