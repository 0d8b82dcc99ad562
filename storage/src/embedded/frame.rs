//! The form of a stored value: a checksum over key and content, and the rest of long content in rows of its own.
//!
//! A row is `form(1) | parts(1) | checksum(4) | content`. sled loses and alters rows without saying so when a byte rots,
//! and keeps values above about 8 KB in files that it never syncs: hence both.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tables;
use crate::engine::{Engine, MAX_VALUE_BYTES};
use crate::error::{Error, Result};

const FORM: u8 = 1;
const HEADER_BYTES: usize = 6;
/// How much of the content a row holds, and each part.
const CHUNK_BYTES: usize = MAX_VALUE_BYTES - HEADER_BYTES;
/// The longest content.
pub(crate) const MAX_CONTENT_BYTES: usize = CHUNK_BYTES * u8::MAX as usize;
/// How often a long value that changes while it is read is read again. Each try needs another write in between.
const MAX_TRIES: usize = 64;

/// A value as rows: the main row's value, then those of its parts.
pub(crate) struct Framed {
    pub(crate) main: Vec<u8>,
    pub(crate) parts: Vec<Vec<u8>>,
}

/// Frames content for a key.
pub(crate) fn seal(key: &[u8], content: &[u8]) -> Result<Framed> {
    if content.len() > MAX_CONTENT_BYTES {
        return Err(Error::TooLarge {
            what: "a stored value",
            limit: MAX_CONTENT_BYTES,
        });
    }
    let mut chunks = content.chunks(CHUNK_BYTES);
    let first = chunks.next().unwrap_or_default();
    let parts: Vec<Vec<u8>> = chunks.map(<[u8]>::to_vec).collect();
    // At most 254 parts: the limit above.
    let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    let mut main = Vec::with_capacity(HEADER_BYTES + first.len());
    main.extend_from_slice(&[FORM, count]);
    main.extend_from_slice(&checksum(key, count, [content].into_iter()).to_le_bytes());
    main.extend_from_slice(first);
    Ok(Framed { main, parts })
}

/// Frames a typed value for a key. A short one is encoded in its place.
pub(crate) fn seal_as<T: Serialize>(key: &[u8], value: &T) -> Result<Framed> {
    let mut main = vec![0; HEADER_BYTES];
    crate::store::record::encode_into(&mut main, value)?;
    if main.len() > MAX_VALUE_BYTES {
        return seal(key, &main[HEADER_BYTES..]);
    }
    main[0] = FORM;
    let checksum = checksum(key, 0, [&main[HEADER_BYTES..]].into_iter());
    main[2..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    let parts = Vec::new();
    Ok(Framed { main, parts })
}

/// How many parts a main row says that it has.
pub(crate) fn part_count(key: &[u8], main: &[u8]) -> Result<u8> {
    match main {
        [FORM, count, _, _, _, _, ..] => Ok(*count),
        _ => Err(damaged(key)),
    }
}

/// The content of a row without parts.
pub(crate) fn open_single<'a>(key: &[u8], main: &'a [u8]) -> Result<&'a [u8]> {
    if part_count(key, main)? == 0
        && let Some((header, content)) = main.split_at_checked(HEADER_BYTES)
        && header[2..] == checksum(key, 0, [content].into_iter()).to_le_bytes()
    {
        return Ok(content);
    }
    Err(damaged(key))
}

/// The content of a row without parts, or with the parts that are given.
pub(crate) fn open(key: &[u8], main: &[u8], parts: &[Vec<u8>]) -> Result<Vec<u8>> {
    let count = part_count(key, main)?;
    let (header, first) = main.split_at(HEADER_BYTES);
    let chunks = || std::iter::once(first).chain(parts.iter().map(Vec::as_slice));
    let expected = checksum(key, count, chunks());
    if parts.len() != usize::from(count) || header[2..] != expected.to_le_bytes() {
        return Err(damaged(key));
    }
    let mut content = Vec::with_capacity(first.len() + parts.iter().map(Vec::len).sum::<usize>());
    chunks().for_each(|chunk| content.extend_from_slice(chunk));
    Ok(content)
}

/// Reads a value; `main` is the main row if it was read already.
///
/// Main row and parts are separate reads, so a writer may come between: then the main row has changed, and the whole is
/// read again. A value that does not fit its unchanged main row is damage.
pub(crate) fn read(engine: &dyn Engine, key: &[u8], main: Option<Vec<u8>>) -> Result<Option<Vec<u8>>> {
    let mut main = match main {
        Some(main) => main,
        None => match engine.get(key)? {
            Some(main) => main,
            None => return Ok(None),
        },
    };
    if part_count(key, &main)? == 0 {
        return open(key, &main, &[]).map(Some);
    }
    for _ in 0..MAX_TRIES {
        let mut parts = Vec::new();
        for number in 0..part_count(key, &main)? {
            parts.extend(engine.get(&tables::part(key, number))?);
        }
        let opened = open(key, &main, &parts);
        if opened.is_ok() {
            return opened.map(Some);
        }
        match engine.get(key)? {
            Some(again) if again == main => return opened.map(Some),
            Some(again) => main = again,
            None => return Ok(None),
        }
    }
    Err(Error::Unavailable(
        "a long value kept changing while it was read".to_owned(),
    ))
}

/// Reads a typed value.
pub(crate) fn read_as<T: DeserializeOwned>(engine: &dyn Engine, key: &[u8]) -> Result<Option<T>> {
    read(engine, key, None)?
        .map(|content| decode(key, &content))
        .transpose()
}

/// Decodes a typed value, naming its key when it cannot.
pub(crate) fn decode<T: DeserializeOwned>(key: &[u8], content: &[u8]) -> Result<T> {
    crate::decode(content).map_err(|error| Error::Damaged(format!("{}: {error}", describe(key))))
}

/// Encodes a typed value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    crate::encode(value)
}

fn checksum<'a>(key: &[u8], parts: u8, chunks: impl Iterator<Item = &'a [u8]>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&[parts]);
    chunks.for_each(|chunk| hasher.update(chunk));
    hasher.finalize()
}

fn damaged(key: &[u8]) -> Error {
    Error::Damaged(format!("{} does not have its checksum", describe(key)))
}

/// A key for a log: its table and its bytes.
pub(crate) fn describe(key: &[u8]) -> String {
    let hex: String = key
        .iter()
        .skip(1)
        .take(40)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match tables::Table::of(key) {
        Ok(table) => format!("row {hex} of {table:?}"),
        Err(_) => format!("row {hex} of an unknown table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_every_length_round_trips() {
        for length in [
            0,
            1,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES,
            100_000,
        ] {
            let content: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let framed = seal(b"key", &content).unwrap();
            assert!(framed.main.len() <= MAX_VALUE_BYTES);
            assert!(framed.parts.iter().all(|part| part.len() <= MAX_VALUE_BYTES));
            assert_eq!(open(b"key", &framed.main, &framed.parts).unwrap(), content);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let framed = seal(b"key", b"content").unwrap();
        for index in 0..framed.main.len() * 8 {
            let mut flipped = framed.main.clone();
            flipped[index / 8] ^= 1 << (index % 8);
            assert!(open(b"key", &flipped, &[]).is_err(), "bit {index}");
        }
        assert!(open(b"kez", &framed.main, &[]).is_err(), "another key");
        assert!(open(b"key", &framed.main[..5], &[]).is_err(), "cut");
    }

    #[test]
    fn too_long_content_is_refused() {
        let content = vec![0; MAX_CONTENT_BYTES + 1];
        assert!(matches!(seal(b"key", &content), Err(Error::TooLarge { .. })));
    }
}
