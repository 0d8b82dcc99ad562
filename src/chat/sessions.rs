//! Sessions: one login each, known by a token that only its owner has.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use madang_storage::StateRecord;
use madang_storage::model::{SessionId, StateTable, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::accounts::{Credentials, Visitor};
use super::view::UserView;
use super::{Chat, Error, Identity, Result, secrets};
use crate::broker::Signal;

/// A session that is not used ends after 30 days.
pub const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often the last use is noted at most.
const NOTE_EVERY_MS: u64 = 60 * 1000;
/// How long a session counts as good after it was read: a session that ended elsewhere is gone after a second.
const PROVED_FOR: Duration = Duration::from_secs(1);
/// How many sessions are remembered.
const MAX_REMEMBERED: usize = 50_000;
/// What is kept of a device's own description.
const MAX_DEVICE_CHARACTERS: usize = 200;

/// A session as it is kept, under the hash of its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    id: SessionId,
    user: UserId,
    created_at: Timestamp,
    last_used: Timestamp,
    device: String,
}

impl StateRecord for Session {
    const TABLE: StateTable = StateTable::Sessions;
}

/// Somebody has just signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// What proves it from now on. Nobody can read it again.
    pub token: String,
    /// Who.
    pub user: UserView,
    /// Which login.
    pub session: SessionId,
}

/// Sessions that were read a moment ago.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    proved: Mutex<HashMap<Vec<u8>, Proved>>,
}

#[derive(Debug, Clone, Copy)]
struct Proved {
    identity: Identity,
    until: Instant,
}

impl Chat {
    /// Signs in with name and password.
    pub async fn sign_in(&self, credentials: &Credentials, visitor: &Visitor) -> Result<SignedIn> {
        let account = self.checked_account(credentials, visitor.address).await?;
        let user = UserView {
            id: account.user,
            name: account.name,
        };
        self.start_session(user, visitor).await
    }

    /// Starts a session for somebody who has proved who they are.
    pub(super) async fn start_session(&self, user: UserView, visitor: &Visitor) -> Result<SignedIn> {
        let token = secrets::token();
        let now = self.env().now();
        let session = Session {
            id: SessionId::from_u128(self.env().next_id()),
            user: user.id,
            created_at: now,
            last_used: now,
            device: device(&visitor.device),
        };
        let key = secrets::key(StateTable::Sessions, &token).ok_or_else(Error::internal)?;
        self.store()
            .state_insert(key, &session, Some(expiry(now)))
            .await?;
        Ok(SignedIn {
            token,
            user,
            session: session.id,
        })
    }

    /// Who comes with this token. Proved anew once a second at least, whoever asks how often.
    pub async fn authenticate(&self, token: &str) -> Result<Identity> {
        let key = secrets::key(StateTable::Sessions, token).ok_or_else(Error::unauthenticated)?;
        let asked = Instant::now();
        if let Some(identity) = self.inner.sessions.proved(&key.key, asked) {
            return Ok(identity);
        }
        let found = self.store().state::<Session>(&key).await?;
        let found = found.ok_or_else(Error::unauthenticated)?;
        let now = self.env().now();
        if found.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::unauthenticated());
        }
        let mut session = found.record;
        let account = self.account(session.user).await?;
        if account.is_none_or(|account| account.record.deactivated) {
            return Err(Error::unauthenticated());
        }
        let identity = Identity {
            user: session.user,
            session: session.id,
        };
        self.inner.sessions.remember(key.key.clone(), identity, asked);
        if session.last_used.plus_millis(NOTE_EVERY_MS) <= now {
            session.last_used = now;
            let noted = self
                .store()
                .state_replace(key, found.version, &session, Some(expiry(now)))
                .await;
            // A full disk keeps nobody from reading; the session only lives less long.
            if let Err(error) = noted {
                tracing::warn!(%error, "cannot note when a session was used");
            }
        }
        Ok(identity)
    }

    /// Ends the session of this token: at once here, within a second elsewhere. A token that is unknown has ended.
    pub async fn sign_out(&self, token: &str) -> Result<()> {
        let Some(key) = secrets::key(StateTable::Sessions, token) else {
            return Ok(());
        };
        let chat = self.clone();
        self.to_the_end(async move {
            while let Some(found) = chat.store().state::<Session>(&key).await? {
                let outcome = chat.store().state_delete(key.clone(), found.version).await?;
                chat.inner.sessions.forget(&key.key);
                let session = found.record.id;
                chat.tell(Signal::SessionEnded { session });
                // A conflict: somebody has just noted a use. What is left is removed in the next turn.
                if let madang_storage::model::StateOutcome::Written { .. } = outcome {
                    break;
                }
            }
            chat.inner.sessions.forget(&key.key);
            Ok(())
        })
        .await
    }
}

impl Sessions {
    fn proved(&self, key: &[u8], now: Instant) -> Option<Identity> {
        let proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved
            .get(key)
            .filter(|entry| now < entry.until)
            .map(|entry| entry.identity)
    }

    /// `asked` is the moment before the row was read: the proof is as old as that.
    fn remember(&self, key: Vec<u8>, identity: Identity, asked: Instant) {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        if proved.len() >= MAX_REMEMBERED {
            proved.retain(|_, entry| asked < entry.until);
        }
        if proved.len() < MAX_REMEMBERED {
            let until = asked + PROVED_FOR;
            proved.insert(key, Proved { identity, until });
        }
    }

    /// Forgets a session that has ended.
    pub(super) fn forget_session(&self, session: SessionId) {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.retain(|_, entry| entry.identity.session != session);
    }

    fn forget(&self, key: &[u8]) {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.remove(key);
    }
}

fn expiry(now: Timestamp) -> Timestamp {
    now.plus_millis(u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX))
}

/// A device's own description, as far as it can be shown.
fn device(said: &str) -> String {
    said.chars()
        .filter(|character| !character.is_control() && !super::names::is_invisible(*character))
        .take(MAX_DEVICE_CHARACTERS)
        .collect()
}
