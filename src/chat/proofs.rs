//! Secrets that were proved a moment ago: a client that asks often causes few reads.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use madang_storage::model::{SessionId, UserId};

use super::Identity;

/// How long a secret counts as good after it was read: what ended elsewhere is gone after a second.
const PROVED_FOR: Duration = Duration::from_secs(1);
/// How many are remembered.
const MAX_REMEMBERED: usize = 50_000;

/// What was proved, by the hash of the secret.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    proved: Mutex<HashMap<[u8; 32], Entry>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    identity: Identity,
    until: Instant,
}

impl Proofs {
    pub(super) fn get(&self, hash: &[u8; 32], now: Instant) -> Option<Identity> {
        let proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved
            .get(hash)
            .filter(|entry| now < entry.until)
            .map(|entry| entry.identity)
    }

    /// `asked` is the moment before the rows were read: the proof is as old as that.
    pub(super) fn remember(&self, hash: [u8; 32], identity: Identity, asked: Instant) {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        if proved.len() >= MAX_REMEMBERED {
            proved.retain(|_, entry| asked < entry.until);
        }
        if proved.len() < MAX_REMEMBERED {
            let until = asked + PROVED_FOR;
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
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.retain(|_, entry| is_kept(&entry.identity));
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
            proofs.remember([session; 32], identity(7, u128::from(session)), now);
        }
        proofs.remember([4; 32], identity(8, 4), now);
        assert_eq!(proofs.get(&[1; 32], now), Some(identity(7, 1)));
        assert_eq!(proofs.get(&[1; 32], now + PROVED_FOR), None);
        proofs.forget_session(SessionId::from_u128(1));
        assert_eq!(proofs.get(&[1; 32], now), None);
        proofs.forget_user(UserId::from_u128(7), &[SessionId::from_u128(3)]);
        assert_eq!(proofs.get(&[2; 32], now), None);
        assert!(proofs.get(&[3; 32], now).is_some() && proofs.get(&[4; 32], now).is_some());
    }
}
