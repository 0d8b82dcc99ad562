//! What the writers write: content that follows from its name, so that a check needs no copy of it.

use madang_storage::model::{EventId, StateTable};
use madang_storage::{StateRecord, encode};
use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// A state row as the writers make them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Which worker of which run wrote it: two that won the same version would differ.
    pub writer: u64,
    /// Follows from the key, the version and the writer.
    #[serde(with = "serde_bytes")]
    pub filling: Vec<u8>,
}

impl StateRecord for Blob {
    const TABLE: StateTable = StateTable::Sessions;
}

impl Blob {
    /// The content that `writer` gives the row at `version`.
    pub fn new(key: &[u8], version: u64, writer: u64) -> Self {
        let mut dice = Dice::new(hash_bytes(key) ^ version.rotate_left(32) ^ writer);
        // Some are larger than one value of an engine may be.
        let length = if dice.percent(10) {
            3_000 + dice.index(6_000)
        } else {
            8 + dice.index(300)
        };
        Self {
            writer,
            filling: filling(&mut dice, length),
        }
    }
}

/// The text that the event with this id gives a message.
pub fn text_for(event: EventId) -> String {
    let id = event.as_u128();
    let mut dice = Dice::new(u64::try_from((id ^ (id >> 64)) & u128::from(u64::MAX)).expect("64 bits"));
    let letters = match dice.below(100) {
        0..70 => 20 + dice.index(180),
        70..96 => 200 + dice.index(1_300),
        // Longer than one value of an engine may be.
        _ => 4_000 + dice.index(3_500),
    };
    let body: String = filling(&mut dice, letters)
        .iter()
        .map(|byte| char::from(b'a' + byte % 26))
        .collect();
    format!("{event} {body}")
}

/// A hash of a value's stored form.
pub fn hash_of<T: Serialize>(value: &T) -> u64 {
    hash_bytes(&encode(value).expect("test data can be encoded"))
}

/// FNV-1a.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn filling(dice: &mut Dice, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&dice.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
