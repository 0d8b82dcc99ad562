//! Making something once, however often it is asked for.
//!
//! Whoever retries a request names it by the same key as before, and what is made gets an identifier that is made of the
//! asker and that key. So the retry finds what the first try has made, also when the server stopped in between, and nothing
//! has to be remembered.

use madang_storage::model::{Fact, Room, RoomId, StreamId, UserId};
use sha2::{Digest, Sha256};

use super::{Chat, Code, Error, Identity, Result};

/// The longest key.
const MAX_KEY_BYTES: usize = 128;

/// What a client calls a request that it may send again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Once(Option<String>);

impl Once {
    /// A request that is called so, or that is called nothing: then each one makes something new.
    pub fn called(key: Option<String>) -> Result<Self> {
        let is_fit = |key: &String| {
            let length = 1..=MAX_KEY_BYTES;
            length.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match key {
            Some(key) if !is_fit(&key) => {
                let text = format!("a key has 1 to {MAX_KEY_BYTES} visible characters of ASCII");
                Err(Error::invalid("idempotency_key", text))
            }
            key => Ok(Self(key)),
        }
    }
}

impl Chat {
    /// The identifier of something new. `what` tells apart what one request makes.
    pub(super) fn new_id(&self, identity: &Identity, once: &Once, what: &str) -> u128 {
        let Some(key) = &once.0 else {
            return self.env().next_id();
        };
        let mut hasher = Sha256::new();
        hasher.update(b"madang.once");
        hasher.update(identity.user.to_bytes());
        hasher.update(what.as_bytes());
        hasher.update([0]);
        hasher.update(key.as_bytes());
        let digest = hasher.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        u128::from_be_bytes(bytes)
    }

    /// Whether a room is there that this key has made; refuses one that was asked for in another way. What it has become
    /// since does not matter: its first event says what was asked for.
    pub(super) async fn is_made(
        &self,
        room: RoomId,
        as_asked: impl FnOnce(&Room, &[UserId]) -> bool,
    ) -> Result<bool> {
        let page = self.store().events(StreamId::Room(room), 0, 1).await?;
        let Some(first) = page.commits.first() else {
            return Ok(false);
        };
        match &first.event.fact {
            Fact::RoomCreated { room, members } => same(as_asked(room, members))?,
            _ => same(false)?,
        }
        Ok(true)
    }
}

/// Refuses a key that has made something else before.
pub(super) fn same(is_same: bool) -> Result<()> {
    if is_same {
        return Ok(());
    }
    let text = "this key was used for another request";
    Err(Error::new(Code::NonceConflict, text).about("idempotency_key"))
}
