//! Secrets that were proved a moment ago: a client that asks often causes few reads.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use madang_storage::model::{SessionId, UserId};

use super::Identity;

/// How long a secret counts as good after it was read: what ended elsewhere is gone after a second.
const PROVED_FOR: Duration = Duration::from_secs(1);
/// How many are remembered.
const MAX_REMEMBERED: usize = 50_000;

/// What was proved, by the hash of the secret.
#[derive(Debug, Default)]
pub(super) struct Proofs(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    proved: HashMap<[u8; 32], Entry>,
    /// How often something was forgotten.
    forgotten: u64,
}

/// The moment before the rows of a proof are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    at: Instant,
    forgotten: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    identity: Identity,
    until: Instant,
}

impl Proofs {
    pub(super) fn get(&self, hash: &[u8; 32], now: Instant) -> Option<Identity> {
        self.lock()
            .proved
            .get(hash)
            .filter(|entry| now < entry.until)
            .map(|entry| entry.identity)
    }

    /// Now the rows of a proof are read.
    pub(super) fn ask(&self, at: Instant) -> Asked {
        let forgotten = self.lock().forgotten;
        Asked { at, forgotten }
    }

    /// The proof is as old as the question. One during which something ended is not kept: it may be about just that.
    pub(super) fn remember(&self, hash: [u8; 32], identity: Identity, asked: Asked) {
        let mut remembered = self.lock();
        if remembered.forgotten != asked.forgotten {
            return;
        }
        let proved = &mut remembered.proved;
        if proved.len() >= MAX_REMEMBERED {
            proved.retain(|_, entry| asked.at < entry.until);
        }
        if proved.len() < MAX_REMEMBERED {
            let until = asked.at + PROVED_FOR;
            proved.insert(hash, Entry { identity, until });
        }
    }

    /// Forgets a session or token that has ended.
    pub(super) fn forget_session(&self, session: SessionId) {
        self.keep(|identity| identity.session != session);
    }

    /// Forgets all of a user but these.
    pub(super) fn forget_user(&self, user: UserId, kept: &[SessionId]) {
        self.keep(|identity| identity.user != user || kept.contains(&identity.session));
    }

    fn keep(&self, is_kept: impl Fn(&Identity) -> bool) {
        let mut remembered = self.lock();
        remembered.forgotten += 1;
        remembered.proved.retain(|_, entry| is_kept(&entry.identity));
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Scopes;

    #[test]
    fn what_ended_is_forgotten_and_the_rest_is_good_for_a_second() {
        let proofs = Proofs::default();
        let now = Instant::now();
        let identity = |user, session| Identity {
            user: UserId::from_u128(user),
            session: SessionId::from_u128(session),
            scopes: Scopes::ALL,
        };
        for session in 1..=3 {
            proofs.remember([session; 32], identity(7, u128::from(session)), proofs.ask(now));
        }
        let asked = proofs.ask(now);
        proofs.remember([4; 32], identity(8, 4), asked);
        assert_eq!(proofs.get(&[1; 32], now), Some(identity(7, 1)));
        assert_eq!(proofs.get(&[1; 32], now + PROVED_FOR), None);
        proofs.forget_session(SessionId::from_u128(1));
        assert_eq!(proofs.get(&[1; 32], now), None);
        proofs.forget_user(UserId::from_u128(7), &[SessionId::from_u128(3)]);
        assert_eq!(proofs.get(&[2; 32], now), None);
        assert!(proofs.get(&[3; 32], now).is_some() && proofs.get(&[4; 32], now).is_some());
        // Read before something ended, and told after.
        proofs.remember([5; 32], identity(7, 2), asked);
        assert_eq!(proofs.get(&[5; 32], now), None);
    }
}
