//! Passwords: what they must be, and how they are kept.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation as _;

use super::names::is_blank;
use super::{Error, Result};

/// A password has at least so many characters, in any writing system.
pub const MIN_PASSWORD_CHARACTERS: usize = 8;
/// A password has at most so many bytes: hashing a book would be work for nothing.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// At most so many hashes at a time: each takes 19 MiB.
const MAX_AT_ONCE: usize = 4;
/// Who waits longer for a turn is sent away: a flood of sign-ins must not grow a queue without end.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The hash of a password that nobody has: checking against it takes as long as checking against a real one, so that
/// time does not tell which names exist.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bWFkYW5nIG5vYm9keSBoYXM$5L4pdVZXZUC0sC0jv1yR4cfQwOVQlx3hvqFgrQ9HsUQ";

/// Hashes passwords, a few at a time, beside the threads that serve.
#[derive(Debug)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    /// How many passwords were compared with a hash: what might tell names apart is not to be measured with a clock.
    #[cfg(test)]
    pub(super) compared: Arc<std::sync::atomic::AtomicUsize>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(cores.min(MAX_AT_ONCE))),
            #[cfg(test)]
            compared: Arc::default(),
        }
    }

    /// What is kept of a new password.
    pub(super) async fn hash(&self, password: &str) -> Result<String> {
        check(password)?;
        let password = normal(password);
        let hashed = self
            .in_turn(move || {
                hasher()
                    .and_then(|hasher| hasher.hash_password(password.as_bytes()))
                    .map(|hash| hash.to_string())
            })
            .await?;
        hashed.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            Error::internal()
        })
    }

    /// Whether the password is the one that was hashed. Without a hash it takes as long, and is not.
    pub(super) async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(too_long());
        }
        let password = normal(password);
        #[cfg(test)]
        let compared = Arc::clone(&self.compared);
        self.in_turn(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
            let (Ok(hash), Ok(hasher)) = (PasswordHash::new(&hash), hasher()) else {
                return false;
            };
            #[cfg(test)]
            compared.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let fits = hasher.verify_password(password.as_bytes(), &hash).is_ok();
            fits && known
        })
        .await
    }

    /// Runs on a thread that may compute for long. The turn is held until the work is done, also when nobody waits
    /// for it any more: it is the work that takes the memory.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let waiting = tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.turns).acquire_owned());
        let Ok(Ok(turn)) = waiting.await else {
            return Err(Error::rate_limited(LONGEST_WAIT.as_secs()));
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "the hashing of a password ended without an answer");
            Error::internal()
        })
    }
}

/// Whether it may be a password.
pub(super) fn check(password: &str) -> Result<()> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(too_long());
    }
    // As people count: a letter is one, however many code points a keyboard makes of it.
    if password.graphemes(true).count() < MIN_PASSWORD_CHARACTERS {
        let text = format!("a password has at least {MIN_PASSWORD_CHARACTERS} characters");
        return Err(Error::invalid("password", text));
    }
    if password.chars().all(is_blank) {
        let text = "a password needs something else than spaces and invisible characters";
        return Err(Error::invalid("password", text));
    }
    Ok(())
}

fn too_long() -> Error {
    Error::too_large(
        "password",
        format!("a password has at most {MAX_PASSWORD_BYTES} bytes"),
    )
}

/// One and the same letter can be typed as one or as several characters, depending on the keyboard.
fn normal(password: &str) -> String {
    password.nfc().collect()
}

fn hasher() -> argon2::password_hash::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Code;

    #[tokio::test]
    async fn a_password_is_told_from_others() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse").await.expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = |password, hash| passwords.verify(password, hash);
        assert_eq!(verify("correct horse", Some(hash.clone())).await, Ok(true));
        assert_eq!(verify("correct horsf", Some(hash.clone())).await, Ok(false));
        assert_eq!(verify("", Some(hash)).await, Ok(false));
        assert_eq!(verify("correct horse", None).await, Ok(false));
        let decomposed = passwords.hash("마당마당마당마당").await.expect("a hash");
        let spelled: String = "마당마당마당마당".nfd().collect();
        assert_eq!(passwords.verify(&spelled, Some(decomposed)).await, Ok(true));
    }

    #[test]
    fn nobodys_hash_takes_as_long_as_a_real_one() {
        let hash = PasswordHash::new(NOBODYS).expect("a hash");
        let params = Params::try_from(&hash).expect("parameters");
        let ours = hasher().expect("a hasher");
        assert_eq!(params.m_cost(), ours.params().m_cost());
        assert_eq!(params.t_cost(), ours.params().t_cost());
        assert_eq!(params.p_cost(), ours.params().p_cost());
        assert_eq!(hash.hash.map(|output| output.len()), Some(32));
    }

    #[test]
    fn lengths_have_limits() {
        assert_eq!(check("1234567").expect_err("short").code, Code::InvalidField);
        assert_eq!(check(&"x".repeat(257)).expect_err("long").code, Code::TooLarge);
        assert!(check("12345678").is_ok() && check(&"x".repeat(256)).is_ok());
        // Characters, however many bytes or code points each has.
        for short in [
            "마당집",
            "마당마당마당집",
            &"마당마당마당집".nfd().collect::<String>(),
            "👨‍👩‍👧‍👦🇰🇷",
        ] {
            assert_eq!(check(short).expect_err(short).code, Code::InvalidField, "{short}");
        }
        check("마당마당마당마당").expect("eight");
    }

    #[test]
    fn nothing_is_no_password() {
        for blank in [
            " ".repeat(8),
            "\0".repeat(8),
            "\u{3000}\t".repeat(8),
            "\u{200b}".repeat(8),
        ] {
            assert_eq!(
                check(&blank).expect_err("blank").code,
                Code::InvalidField,
                "{blank:?}"
            );
        }
        check("       x").expect("spaces may be in it");
    }
}
