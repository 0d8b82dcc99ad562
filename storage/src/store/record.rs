//! Typed state rows and the stored form of values.

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};
use crate::model::{Marker, StateTable, Timestamp};

/// The version of the stored form: the first byte of every value.
const FORM: u8 = 1;

/// A type that is kept as a state row. Fields are only ever added at the end, with `serde(default)`.
pub trait StateRecord: Serialize + DeserializeOwned {
    /// The table that keeps it.
    const TABLE: StateTable;
}

impl StateRecord for Marker {
    const TABLE: StateTable = StateTable::Markers;
}

/// A state row's content with the version that a change must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The version that was read.
    pub version: u64,
    /// The content.
    pub record: T,
    /// When a sweep may remove the row.
    pub expires_at: Option<Timestamp>,
}

/// The stored form of a value: one byte of version, then compact MessagePack.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(128);
    encode_into(&mut bytes, value)?;
    Ok(bytes)
}

/// [`encode`] at the end of `bytes`.
pub(crate) fn encode_into<T: Serialize>(bytes: &mut Vec<u8>, value: &T) -> Result<()> {
    bytes.push(FORM);
    rmp_serde::encode::write(bytes, value)
        .map_err(|error| Error::InvalidFact(format!("cannot encode a value: {error}")))
}

/// The inverse of [`encode`]. Bytes left over are damage: MessagePack alone would accept them.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let Some((&FORM, mut rest)) = bytes.split_first() else {
        return Err(Error::Damaged("a value has an unknown form".to_owned()));
    };
    let value = rmp_serde::decode::from_read(&mut rest)
        .map_err(|error| Error::Damaged(format!("a value cannot be decoded: {error}")))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(Error::Damaged("a value is followed by bytes".to_owned()))
    }
}
