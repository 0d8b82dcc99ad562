//! Sessions: one login each, known by a token that only its owner has.
//!
//! A session is kept under the hash of its token, and is found by its user through an entry of an index that is written
//! before it. Ending all sessions of a user does not rest on that index: a session counts only while it is of its account's
//! present *generation*, so one write of the account ends them all, also those that are being started at that moment.

use std::time::Duration;

use madang_storage::model::{SessionId, StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{MAX_ROWS_PER_PAGE, StateRecord, Versioned, decode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::{Account, CLAIM_HELD_MS, MAX_TRIES, Visitor};
use super::credentials::{Credentials, limited_part};
use super::view::{Time, UserView};
use super::{Chat, Code, Error, Identity, Result, Scopes, secrets, tokens};
use crate::broker::Signal;

/// A session that is not used ends after 30 days.
pub const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often the last use is noted at most.
pub(super) const NOTE_EVERY_MS: u64 = 60 * 1000;
/// So much longer than its session an entry of the index lives, so that it need not be written with each use.
const ENTRY_LAG_MS: u64 = 24 * 60 * 60 * 1000;
/// How many sessions one person may have; the one that was not used for longest makes room for a new one.
pub(super) const MAX_SESSIONS: usize = 100;
/// What is kept of a device's own description.
const MAX_DEVICE_CHARACTERS: usize = 200;

/// A session as it is kept, under the hash of its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    id: SessionId,
    user: UserId,
    created_at: Timestamp,
    last_used: Timestamp,
    device: String,
    /// The account's generation when its password was proved.
    #[serde(default)]
    generation: u64,
}

impl StateRecord for Session {
    const TABLE: StateTable = StateTable::Sessions;
}

/// Where a user's session is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The hash of its token.
    hash: Vec<u8>,
    at: Timestamp,
}

impl StateRecord for Entry {
    const TABLE: StateTable = StateTable::SessionsOf;
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

/// A login, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionView {
    /// Which.
    pub id: SessionId,
    /// What the device says it is.
    pub device: String,
    /// When it began.
    pub created_at: Time,
    /// When it was last used, to the minute; over a socket to the hour.
    pub last_used: Time,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// All logins of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionList {
    /// The one that was used last comes first.
    pub sessions: Vec<SessionView>,
}

/// Who a secret belongs to, read a moment ago.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// Who.
    pub identity: Identity,
    /// After how long it ends by itself, however often it is used.
    pub lives_for: Option<Duration>,
}

impl Chat {
    /// Signs in with name and password.
    pub async fn sign_in(&self, credentials: &Credentials, visitor: &Visitor) -> Result<SignedIn> {
        let account = self.checked_account(credentials, visitor.address).await?;
        self.start_session(account.user, account.generation, visitor)
            .await
    }

    /// Starts a session for somebody who has proved who they are, when the account was of this generation.
    pub(super) async fn start_session(
        &self,
        user: UserId,
        generation: u64,
        visitor: &Visitor,
    ) -> Result<SignedIn> {
        let view = self.views_of(vec![user]).await?.pop();
        let view = view.ok_or_else(Error::unauthenticated)?;
        self.make_room_for_session(user).await?;
        let token = secrets::token();
        let now = self.env().now();
        let session = Session {
            id: SessionId::from_u128(self.env().next_id()),
            user,
            created_at: now,
            last_used: now,
            device: device(&visitor.device),
            generation,
        };
        let key = secrets::key(StateTable::Sessions, &token).ok_or_else(Error::internal)?;
        let entry = Entry {
            hash: key.key.clone(),
            at: now,
        };
        // The entry first: cut off between the two, it leads nowhere, which harms nobody.
        let entry_key = entry_key(user, session.id);
        self.store()
            .state_insert(entry_key, &entry, Some(entry_expiry(now)))
            .await?;
        self.store()
            .state_insert(key, &session, Some(expiry(now)))
            .await?;
        if let Err(error) = self.note_account_use(user, now).await {
            tracing::warn!(%error, "cannot note when an account was used");
        }
        let address = limited_part(visitor.address);
        if let Err(error) = self.remember_address(user, address).await {
            tracing::warn!(%error, "cannot remember where somebody signs in from");
        }
        Ok(SignedIn {
            token,
            user: view,
            session: session.id,
        })
    }

    /// Who comes with this secret. Proved anew once a second at least, whoever asks how often.
    pub async fn authenticate(&self, token: &str) -> Result<Identity> {
        let hash = secrets::digest(token);
        match self.inner.proofs.get(&hash, std::time::Instant::now()) {
            Some(identity) => Ok(identity),
            None => Ok(self.prove(token).await?.identity),
        }
    }

    /// Who comes with this secret, by what is stored at this moment.
    pub async fn prove(&self, token: &str) -> Result<Proof> {
        let asked = self.inner.proofs.ask(std::time::Instant::now());
        let proof = if tokens::is_access_token(token) {
            self.prove_access_token(token).await?
        } else {
            self.prove_session(token).await?
        };
        let hash = secrets::digest(token);
        self.inner.proofs.remember(hash, proof.identity, asked);
        Ok(proof)
    }

    async fn prove_session(&self, token: &str) -> Result<Proof> {
        let key = secrets::key(StateTable::Sessions, token).ok_or_else(Error::unauthenticated)?;
        let found = self.store().state::<Session>(&key).await?;
        let found = found.ok_or_else(Error::unauthenticated)?;
        let now = self.env().now();
        if found.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::unauthenticated());
        }
        let account = self.account(found.record.user).await?;
        let account = account.ok_or_else(Error::unauthenticated)?.record;
        if !found.record.is_good(&account) {
            return Err(Error::unauthenticated());
        }
        let identity = Identity {
            user: found.record.user,
            session: found.record.id,
            scopes: Scopes::ALL,
        };
        if found.record.last_used.plus_millis(NOTE_EVERY_MS) <= now {
            // A full disk keeps nobody from reading; the session only lives less long.
            if let Err(error) = self.note_use(key, found, now).await {
                tracing::warn!(%error, "cannot note when a session was used");
            }
        }
        Ok(Proof {
            identity,
            lives_for: None,
        })
    }

    /// Notes that a login is used by a socket that is open all the while, which lengthens it. A token has its fixed end, and
    /// what has ended stays so.
    pub async fn note_session_use(&self, identity: &Identity) -> Result<()> {
        let entry_key = entry_key(identity.user, identity.session);
        let Some(entry) = self.store().state::<Entry>(&entry_key).await? else {
            return Ok(());
        };
        let key = StateKey::new(StateTable::Sessions, &[&entry.record.hash]);
        let now = self.env().now();
        match self.store().state::<Session>(&key).await? {
            Some(found) if found.expires_at.is_none_or(|at| now < at) => self.note_use(key, found, now).await,
            _ => Ok(()),
        }
    }

    async fn note_use(&self, key: StateKey, found: Versioned<Session>, now: Timestamp) -> Result<()> {
        let mut session = found.record;
        session.last_used = now;
        self.keep_listed(&key, &session, now).await?;
        self.store()
            .state_replace(key, found.version, &session, Some(expiry(now)))
            .await?;
        self.note_account_use(session.user, now).await
    }

    /// The entry of a session outlives it, as long as it may live without another use.
    async fn keep_listed(&self, key: &StateKey, session: &Session, now: Timestamp) -> Result<()> {
        let entry_key = entry_key(session.user, session.id);
        let entry = Entry {
            hash: key.key.clone(),
            at: session.created_at,
        };
        let ends = Some(entry_expiry(now));
        match self.store().state::<Entry>(&entry_key).await? {
            None => drop(self.store().state_insert(entry_key, &entry, ends).await?),
            Some(known) if known.expires_at.is_some_and(|at| at < expiry(now)) => {
                self.store()
                    .state_replace(entry_key, known.version, &entry, ends)
                    .await?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Ends the session of this token: at once here, within a second elsewhere. A token that is unknown has ended.
    pub async fn sign_out(&self, token: &str) -> Result<()> {
        if tokens::is_access_token(token) {
            let text = "a token is revoked, and not signed out";
            return Err(Error::new(Code::Forbidden, text));
        }
        let Some(key) = secrets::key(StateTable::Sessions, token) else {
            return Ok(());
        };
        let chat = self.clone();
        self.to_the_end(async move { chat.end_session(key).await }).await
    }

    /// The person's logins.
    pub async fn sessions(&self, identity: &Identity) -> Result<SessionList> {
        let account = self.account(identity.user).await?;
        let account = account.ok_or_else(Error::unauthenticated)?.record;
        let mut sessions = self.live_sessions(&account).await?;
        sessions.sort_by(|one, other| other.last_used.cmp(&one.last_used).then(one.id.cmp(&other.id)));
        let view = |session: Session| SessionView {
            id: session.id,
            device: session.device,
            created_at: Time(session.created_at),
            last_used: Time(session.last_used),
            is_current: session.id == identity.session,
        };
        Ok(SessionList {
            sessions: sessions.into_iter().map(view).collect(),
        })
    }

    /// Whether somebody asks with a login, and not with a token.
    pub(super) async fn is_login(&self, identity: &Identity) -> Result<bool> {
        let key = entry_key(identity.user, identity.session);
        Ok(self.store().state::<Entry>(&key).await?.is_some())
    }

    /// Ends one of the person's logins, which may be the one that asks.
    pub async fn revoke_session(&self, identity: &Identity, session: SessionId) -> Result<()> {
        let entry = self
            .store()
            .state::<Entry>(&entry_key(identity.user, session))
            .await?
            .ok_or_else(Error::not_found)?;
        let key = StateKey::new(StateTable::Sessions, &[&entry.record.hash]);
        let found = self.store().state::<Session>(&key).await?;
        if found.is_none() {
            return Err(Error::not_found());
        }
        let chat = self.clone();
        self.to_the_end(async move { chat.end_session(key).await }).await
    }

    /// Ends all of the person's logins but the one that asks.
    pub async fn revoke_other_sessions(&self, identity: &Identity) -> Result<()> {
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            for _ in 0..MAX_TRIES {
                let found = chat.account(identity.user).await?;
                let found = found.ok_or_else(Error::unauthenticated)?;
                let mut account = found.record;
                account.end_sessions(Some(identity.session));
                if chat.replace_account(found.version, &account).await? {
                    return chat.clear_sessions(identity.user, Some(identity.session)).await;
                }
            }
            Err(Error::new(Code::Conflict, "the account kept changing; try again"))
        })
        .await
    }

    /// After the account says that its sessions have ended: closes their sockets, and removes their rows. Tokens go on
    /// as long as the account lists them.
    pub(super) async fn clear_sessions(&self, user: UserId, kept: Option<SessionId>) -> Result<()> {
        let mut going_on = self.access_token_ids(user).await?;
        going_on.extend(kept);
        self.tell_end_of_sessions(user, going_on).await?;
        for (session, entry) in self.entries_of(user).await? {
            if Some(session) != kept {
                let key = StateKey::new(StateTable::Sessions, &[&entry.hash]);
                self.remove_state::<Session>(key).await?;
                self.remove_state::<Entry>(entry_key(user, session)).await?;
            }
        }
        Ok(())
    }

    async fn end_session(&self, key: StateKey) -> Result<()> {
        while let Some(found) = self.store().state::<Session>(&key).await? {
            let Session { id, user, .. } = found.record;
            self.note_end_of_session(user, id).await?;
            let outcome = self.store().state_delete(key.clone(), found.version).await?;
            self.tell(Signal::SessionEnded { session: id });
            // A conflict: somebody has just noted a use. What is left is removed in the next turn.
            if let StateOutcome::Written { .. } = outcome {
                return self.remove_state::<Entry>(entry_key(user, id)).await;
            }
        }
        Ok(())
    }

    /// Sessions that count, of those that the index knows. Entries that lead nowhere are cleared away in passing.
    async fn live_sessions(&self, account: &Account) -> Result<Vec<Session>> {
        let now = self.env().now();
        let mut sessions = Vec::new();
        for (id, entry) in self.entries_of(account.user).await? {
            let key = StateKey::new(StateTable::Sessions, &[&entry.hash]);
            match self.store().state::<Session>(&key).await? {
                Some(found) => {
                    let has_ended = found.expires_at.is_some_and(|at| at <= now);
                    sessions
                        .extend(Some(found.record).filter(|session| !has_ended && session.is_good(account)));
                }
                // A young one may belong to a session that is just being written.
                None if entry.at.plus_millis(CLAIM_HELD_MS) <= now => {
                    self.remove_state::<Entry>(entry_key(account.user, id)).await?;
                }
                None => {}
            }
        }
        Ok(sessions)
    }

    async fn entries_of(&self, user: UserId) -> Result<Vec<(SessionId, Entry)>> {
        let page = self
            .store()
            .state_list(StateTable::SessionsOf, &user.to_bytes(), None, MAX_ROWS_PER_PAGE)
            .await?;
        let mut entries = Vec::with_capacity(page.rows.len());
        for (key, row) in page.rows {
            if let Some(id) = key.get(16..).and_then(|id| id.try_into().ok()) {
                entries.push((SessionId::from_bytes(id), decode(&row.value)?));
            }
        }
        Ok(entries)
    }

    async fn make_room_for_session(&self, user: UserId) -> Result<()> {
        if self.entries_of(user).await?.len() < MAX_SESSIONS {
            return Ok(());
        }
        let Some(account) = self.account(user).await? else {
            return Ok(());
        };
        let mut sessions = self.live_sessions(&account.record).await?;
        sessions.sort_by_key(|session| session.last_used);
        let surplus = (sessions.len() + 1).saturating_sub(MAX_SESSIONS);
        for session in sessions.into_iter().take(surplus) {
            let key = entry_key(user, session.id);
            if let Some(entry) = self.store().state::<Entry>(&key).await? {
                self.end_session(StateKey::new(StateTable::Sessions, &[&entry.record.hash]))
                    .await?;
            }
        }
        Ok(())
    }

    /// Removes a row, whatever it holds by now.
    pub(super) async fn remove_state<T: StateRecord>(&self, key: StateKey) -> Result<()> {
        while let Some(found) = self.store().state::<T>(&key).await? {
            let outcome = self.store().state_delete(key.clone(), found.version).await?;
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Session {
    /// Whether the account still lets it in.
    fn is_good(&self, account: &Account) -> bool {
        let is_of_now = self.generation == account.generation || account.kept_session == Some(self.id);
        is_of_now && !account.deactivated
    }
}

fn entry_key(user: UserId, session: SessionId) -> StateKey {
    StateKey::new(StateTable::SessionsOf, &[&user.to_bytes(), &session.to_bytes()])
}

fn expiry(now: Timestamp) -> Timestamp {
    now.plus_millis(u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX))
}

fn entry_expiry(now: Timestamp) -> Timestamp {
    expiry(now).plus_millis(ENTRY_LAG_MS)
}

/// A device's own description, as far as it can be shown.
fn device(said: &str) -> String {
    said.chars()
        .filter(|character| !character.is_control() && !super::names::is_invisible(*character))
        .take(MAX_DEVICE_CHARACTERS)
        .collect()
}
