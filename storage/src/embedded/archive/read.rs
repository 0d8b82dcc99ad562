//! Reading a backup: nothing that it says is believed before its checksum fits.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{
    ContentHash, Contents, FORMAT, Frame, MAGIC, MAX_FRAME_BYTES, MAX_NOTE_BYTES, Manifest, failed, invalid,
};
use crate::error::{Error, Result};

/// Reads frames one by one. The file is known to be whole only once [`Reader::finish`] has answered.
pub(crate) struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    position: u64,
    manifest: Manifest,
    hasher: Sha256,
    rows: BTreeMap<u8, u64>,
    bytes: u64,
    last_key: Vec<u8>,
    ended: bool,
}

impl Reader {
    /// Opens a backup and reads its manifest.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::CannotOpen(format!("there is no file {}", path.display())),
            _ => failed("open", path, &error),
        })?;
        let mut input = Input {
            path,
            input: BufReader::with_capacity(256 * 1024, file),
            position: 0,
        };
        if input.array()? != MAGIC {
            return Err(Error::CannotOpen(format!(
                "{} is no backup of Madang",
                path.display()
            )));
        }
        let format = u32::from_le_bytes(input.array()?);
        if format != FORMAT {
            return Err(Error::CannotOpen(format!(
                "{} has the backup format {format}, this version reads {FORMAT}",
                path.display()
            )));
        }
        let manifest = input.note()?;
        Ok(Self {
            path: path.to_owned(),
            position: input.position,
            input: input.input,
            manifest,
            hasher: Sha256::new(),
            rows: BTreeMap::new(),
            bytes: 0,
            last_key: Vec::new(),
            ended: false,
        })
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How much of the file was read.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next row; `None` after the last.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>> {
        if self.ended {
            return Ok(None);
        }
        let mut input = Input {
            path: &self.path,
            input: &mut self.input,
            position: self.position,
        };
        let header = input.array::<4>()?;
        let length = u32::from_le_bytes(header) as usize;
        if length == 0 {
            self.position = input.position;
            self.ended = true;
            return Ok(None);
        }
        let checksum = input.array::<4>()?;
        let body = input.body(length, MAX_FRAME_BYTES, checksum)?;
        self.position = input.position;
        let parts = body.split_first_chunk::<2>().and_then(|(key_length, rest)| {
            rest.split_at_checked(usize::from(u16::from_le_bytes(*key_length)))
        });
        let Some((key, content)) = parts else {
            return Err(invalid(&self.path, "a row is shorter than its key"));
        };
        if key <= self.last_key.as_slice() {
            return Err(invalid(&self.path, "its rows are out of order"));
        }
        self.hasher.update(header);
        self.hasher.update(checksum);
        self.hasher.update(&body);
        self.bytes += (8 + body.len()) as u64;
        *self.rows.entry(key.first().copied().unwrap_or(0)).or_default() += 1;
        self.last_key = key.to_vec();
        Ok(Some(Frame {
            key: key.to_vec(),
            content: content.to_vec(),
        }))
    }

    /// Reads the trailer and compares it with what was read. Called after the last frame.
    pub(crate) fn finish(mut self) -> Result<Contents> {
        if !self.ended {
            return Err(invalid(&self.path, "it was not read to its end"));
        }
        let mut input = Input {
            path: &self.path,
            input: &mut self.input,
            position: self.position,
        };
        let expected: Contents = input.note()?;
        let mut rest = [0; 1];
        match input.input.read(&mut rest) {
            Ok(0) => {}
            Ok(_) => return Err(invalid(&self.path, "something follows its end")),
            Err(error) => return Err(failed("read", &self.path, &error)),
        }
        let found = Contents {
            rows: self.rows,
            bytes: self.bytes,
            hash: ContentHash(self.hasher.finalize().into()),
        };
        if found == expected {
            Ok(found)
        } else {
            Err(invalid(&self.path, "its rows are not those that its end counts"))
        }
    }
}

/// Reads that count, and say which file ended too early.
struct Input<'a, R> {
    path: &'a Path,
    input: R,
    position: u64,
}

impl<R: Read> Input<'_, R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn note<T: DeserializeOwned>(&mut self) -> Result<T> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        let checksum = self.array()?;
        let bytes = self.body(length, MAX_NOTE_BYTES, checksum)?;
        crate::decode(&bytes).map_err(|error| invalid(self.path, error))
    }

    fn body(&mut self, length: usize, limit: usize, checksum: [u8; 4]) -> Result<Vec<u8>> {
        if length > limit {
            return Err(invalid(self.path, "a length is out of bounds"));
        }
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        if crc32fast::hash(&bytes).to_le_bytes() == checksum {
            Ok(bytes)
        } else {
            Err(invalid(
                self.path,
                format_args!("the checksum before byte {} does not fit", self.position),
            ))
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        match self.input.read_exact(bytes) {
            Ok(()) => {
                self.position += bytes.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(invalid(
                self.path,
                format_args!("it ends after byte {}", self.position),
            )),
            Err(error) => Err(failed("read", self.path, &error)),
        }
    }
}
