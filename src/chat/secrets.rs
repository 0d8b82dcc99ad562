//! Secrets that we give out, and how they are kept: hashed, so that a stolen backup opens no door.

use madang_storage::model::{StateKey, StateTable};
use rand::RngExt as _;
use sha2::{Digest, Sha256};

/// Characters of codes that people read to each other: nothing that looks like something else.
const CODE_ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// 80 bits.
const CODE_LENGTH: usize = 16;
/// No secret of ours is longer; more is not hashed.
const MAX_SECRET_BYTES: usize = 256;

/// A new token: 256 random bits as text.
pub(super) fn token() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new code that can be read out.
pub(super) fn code() -> String {
    let bytes: [u8; CODE_LENGTH] = rand::rng().random();
    let character = |byte: u8| char::from(CODE_ALPHABET[usize::from(byte) % CODE_ALPHABET.len()]);
    bytes.into_iter().map(character).collect()
}

/// What is kept of a secret. It is random and long, so a plain hash cannot be turned around.
pub(super) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// The row of a secret; `None` for what was never given out. Looked up by hash, so no comparison's time tells anything.
pub(super) fn key(table: StateTable, secret: &str) -> Option<StateKey> {
    if secret.is_empty() || secret.len() > MAX_SECRET_BYTES {
        return None;
    }
    Some(StateKey::new(table, &[&digest(secret)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_new() {
        assert_eq!(token().len(), 64);
        assert_ne!(token(), token());
        assert_eq!(code().len(), CODE_LENGTH);
        assert_ne!(code(), code());
        assert!(code().bytes().all(|byte| CODE_ALPHABET.contains(&byte)));
    }
}
