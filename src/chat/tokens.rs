//! Personal access tokens: what programs of a person prove themselves with.
//!
//! A token is known by its hash, and its owner has one row that lists all. A new one is listed first and works after; one
//! that is revoked works no more first and is unlisted after. So none ever works that is not listed.

use std::time::Duration;

use madang_storage::model::{SessionId, StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{StateRecord, Versioned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::{Account, MAX_TRIES};
use super::sessions::{NOTE_EVERY_MS, Proof};
use super::view::Time;
use super::{Chat, Code, Error, Identity, Result, Scopes, names, secrets};
use crate::broker::Signal;

/// What a token begins with: it is told from a session's at once, by us and by programs that look for leaked secrets.
const PREFIX: &str = "madang_";
/// How many tokens one person may have.
const MAX_TOKENS: usize = 50;
/// A token ends after 90 days, unless something else is said.
const DEFAULT_LIFETIME_SECONDS: u64 = 90 * 24 * 60 * 60;
/// A token ends after ten years at the latest.
const MAX_LIFETIME_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

/// A token as it is kept, under its hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AccessToken {
    /// Stands where a login's id stands.
    id: SessionId,
    user: UserId,
    scopes: u32,
    last_used: Option<Timestamp>,
    /// The account's life in which it was made.
    life: u64,
    /// The hash of the token that it was made with: it works as long as that one does.
    #[serde(default)]
    maker: Option<Vec<u8>>,
}

impl StateRecord for AccessToken {
    const TABLE: StateTable = StateTable::AccessTokens;
}

/// All tokens of a person.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct AccessTokenList {
    tokens: Vec<Listed>,
}

impl StateRecord for AccessTokenList {
    const TABLE: StateTable = StateTable::AccessTokensOf;
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Listed {
    id: SessionId,
    hash: Vec<u8>,
    name: String,
    scopes: u32,
    created_at: Timestamp,
    expires_at: Timestamp,
    life: u64,
    /// The hash of the token that it was made with.
    #[serde(default)]
    maker: Option<Vec<u8>>,
}

/// A token to make.
#[derive(Debug, Clone)]
pub struct NewAccessToken {
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for, by name.
    pub scopes: Vec<String>,
    /// When it ends; `None` for in 90 days, or together with the token that it is made with.
    pub expires_in_seconds: Option<u64>,
}

/// A token, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccessTokenView {
    /// Which.
    pub id: SessionId,
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<&'static str>,
    /// When it was made.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// When it was last used, to the minute.
    pub last_used: Option<Time>,
    /// The token itself: only in the answer to whoever made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// All tokens of a person, as their owner sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccessTokens {
    /// The oldest comes first.
    pub tokens: Vec<AccessTokenView>,
}

impl Chat {
    /// Makes a token. It allows nothing that whoever asks may not do, lives no longer, and ends with what it is made with.
    pub async fn create_access_token(
        &self,
        identity: &Identity,
        new: NewAccessToken,
    ) -> Result<AccessTokenView> {
        let name = names::title("name", &new.name)?.shown;
        let scopes = Scopes::read(&new.scopes)?;
        identity.require(scopes).map_err(|error| error.about("scopes"))?;
        if scopes.contains(Scopes::ADMIN) {
            self.require_administrator(identity)
                .await
                .map_err(|error| error.about("scopes"))?;
        }
        let seconds = new.expires_in_seconds.unwrap_or(DEFAULT_LIFETIME_SECONDS);
        if seconds == 0 || seconds > MAX_LIFETIME_SECONDS {
            let text = format!("a token lives 1 to {MAX_LIFETIME_SECONDS} seconds");
            return Err(Error::invalid("expires_in_seconds", text));
        }
        let account = self.account(identity.user).await?;
        let account = account.ok_or_else(Error::unauthenticated)?.record;
        let maker = self.maker_of_tokens(identity).await?;
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            let now = chat.env().now();
            let secret = format!("{PREFIX}{}", secrets::token());
            let mut expires_at = now.plus_millis(seconds * 1000);
            if let Some(maker) = &maker
                && maker.expires_at < expires_at
            {
                if new.expires_in_seconds.is_some() {
                    let text = "a token lives no longer than the one that it is made with";
                    return Err(Error::new(Code::Forbidden, text).about("expires_in_seconds"));
                }
                expires_at = maker.expires_at;
            }
            let listed = Listed {
                id: SessionId::from_u128(chat.env().next_id()),
                hash: secrets::digest(&secret).to_vec(),
                name,
                scopes: scopes.bits(),
                created_at: now,
                expires_at,
                life: account.life,
                maker: maker.map(|maker| maker.hash),
            };
            chat.list_access_token(&identity, &account, &listed).await?;
            let token = AccessToken {
                id: listed.id,
                user: identity.user,
                scopes: listed.scopes,
                last_used: None,
                life: listed.life,
                maker: listed.maker.clone(),
            };
            let key = StateKey::new(StateTable::AccessTokens, &[&listed.hash]);
            chat.store()
                .state_insert(key, &token, Some(listed.expires_at))
                .await?;
            Ok(listed.view(None, Some(secret)))
        })
        .await
    }

    /// The person's tokens.
    pub async fn access_tokens(&self, identity: &Identity) -> Result<AccessTokens> {
        let account = self.account(identity.user).await?;
        let account = account.ok_or_else(Error::unauthenticated)?.record;
        let now = self.env().now();
        let mut tokens = Vec::new();
        let list = self.access_token_list(identity.user).await?.record;
        for listed in &list.tokens {
            if !list.is_good(listed, &account, now) {
                continue;
            }
            let key = StateKey::new(StateTable::AccessTokens, &[&listed.hash]);
            let token = self.store().state::<AccessToken>(&key).await?;
            let last_used = token.and_then(|token| token.record.last_used);
            tokens.push(listed.view(last_used, None));
        }
        Ok(AccessTokens { tokens })
    }

    /// Ends a token, which may be the one that asks, and all that were made with it: their sockets close.
    pub async fn revoke_access_token(&self, identity: &Identity, token: SessionId) -> Result<()> {
        let list = self.access_token_list(identity.user).await?.record;
        let listed = list.tokens.into_iter().find(|listed| listed.id == token);
        let hash = listed.ok_or_else(Error::not_found)?.hash;
        let (chat, user) = (self.clone(), identity.user);
        self.to_the_end(async move {
            // None works from here on that was made with it, also one that is being made.
            chat.note_end_of_session(user, token).await?;
            let key = StateKey::new(StateTable::AccessTokens, &[&hash]);
            chat.remove_state::<AccessToken>(key).await?;
            let before = chat.access_token_list(user).await?.record;
            let ended = before
                .tokens
                .iter()
                .filter(|listed| before.stands_on(listed, &hash));
            for ended in ended {
                chat.note_end_of_session(user, ended.id).await?;
                chat.tell(Signal::SessionEnded { session: ended.id });
                let key = StateKey::new(StateTable::AccessTokens, &[&ended.hash]);
                chat.remove_state::<AccessToken>(key).await?;
            }
            chat.change_access_tokens(user, |list| {
                let all = list.clone();
                list.tokens.retain(|listed| !all.stands_on(listed, &hash));
                Ok(())
            })
            .await
        })
        .await
    }

    /// The token that somebody asks with; `None` for a login.
    async fn maker_of_tokens(&self, identity: &Identity) -> Result<Option<Listed>> {
        if self.is_login(identity).await? {
            return Ok(None);
        }
        let list = self.access_token_list(identity.user).await?.record;
        let mut tokens = list.tokens.into_iter();
        let maker = tokens.find(|listed| listed.id == identity.session);
        // One that is not listed any more is being revoked.
        maker.ok_or_else(Error::unauthenticated).map(Some)
    }

    /// Whether all tokens still work that a token was made with.
    async fn stands(&self, token: &AccessToken) -> Result<bool> {
        let mut maker = token.maker.clone();
        for _ in 0..MAX_TOKENS {
            let Some(hash) = maker else { return Ok(true) };
            let key = StateKey::new(StateTable::AccessTokens, &[&hash]);
            let Some(found) = self.store().state::<AccessToken>(&key).await? else {
                return Ok(false);
            };
            maker = found.record.maker;
        }
        Ok(false)
    }

    pub(super) async fn prove_access_token(&self, token: &str) -> Result<Proof> {
        let key = secrets::key(StateTable::AccessTokens, token).ok_or_else(Error::unauthenticated)?;
        let found = self.store().state::<AccessToken>(&key).await?;
        let found = found.ok_or_else(Error::unauthenticated)?;
        let now = self.env().now();
        let token = &found.record;
        let account = self.account(token.user).await?;
        let account = account.ok_or_else(Error::unauthenticated)?.record;
        let has_ended = found.expires_at.is_some_and(|at| at <= now);
        let has_ended = has_ended || !self.stands(token).await?;
        if has_ended || account.deactivated || token.life != account.life {
            return Err(Error::unauthenticated());
        }
        let proof = Proof {
            identity: Identity {
                user: token.user,
                session: token.id,
                scopes: Scopes::from_bits(token.scopes),
            },
            lives_for: found.expires_at.map(|at| {
                let left = at.as_millis().saturating_sub(now.as_millis());
                Duration::from_millis(left)
            }),
        };
        let noted = token.last_used.map(|at| at.plus_millis(NOTE_EVERY_MS));
        if noted.is_none_or(|until| until <= now) {
            // A full disk keeps nobody from reading.
            if let Err(error) = self.note_token_use(key, found, now).await {
                tracing::warn!(%error, "cannot note when a token was used");
            }
        }
        Ok(proof)
    }

    async fn note_token_use(
        &self,
        key: StateKey,
        found: Versioned<AccessToken>,
        now: Timestamp,
    ) -> Result<()> {
        let mut token = found.record;
        token.last_used = Some(now);
        // A conflict: another one has noted it, or the token was revoked.
        self.store()
            .state_replace(key, found.version, &token, found.expires_at)
            .await?;
        self.note_account_use(token.user, now).await
    }

    /// The ids of somebody's tokens.
    pub(super) async fn access_token_ids(&self, user: UserId) -> Result<Vec<SessionId>> {
        let list = self.access_token_list(user).await?.record;
        Ok(list.tokens.iter().map(|listed| listed.id).collect())
    }

    /// The hashes of somebody's tokens.
    pub(super) async fn access_token_hashes(&self, user: UserId) -> Result<Vec<Vec<u8>>> {
        let list = self.access_token_list(user).await?.record;
        Ok(list.tokens.into_iter().map(|listed| listed.hash).collect())
    }

    async fn access_token_list(&self, user: UserId) -> Result<Versioned<AccessTokenList>> {
        let found = self.store().state::<AccessTokenList>(&list_key(user)).await?;
        Ok(found.unwrap_or(Versioned {
            version: 0,
            record: AccessTokenList::default(),
            expires_at: None,
        }))
    }

    async fn list_access_token(&self, identity: &Identity, account: &Account, new: &Listed) -> Result<()> {
        self.change_access_tokens(identity.user, |list| {
            let all = list.clone();
            list.tokens
                .retain(|listed| all.is_good(listed, account, new.created_at));
            let is_there = |hash: &Vec<u8>| list.tokens.iter().any(|listed| listed.hash == *hash);
            if !new.maker.as_ref().is_none_or(is_there) {
                return Err(Error::unauthenticated());
            }
            if list.tokens.len() >= MAX_TOKENS {
                let text = format!("one has at most {MAX_TOKENS} tokens");
                return Err(Error::new(Code::TooMany, text));
            }
            list.tokens.push(new.clone());
            Ok(())
        })
        .await
    }

    async fn change_access_tokens(
        &self,
        user: UserId,
        change: impl Fn(&mut AccessTokenList) -> Result<()>,
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let mut found = self.access_token_list(user).await?;
            change(&mut found.record)?;
            let (key, store) = (list_key(user), self.store());
            let outcome = match found.version {
                0 => store.state_insert(key, &found.record, None).await?,
                version => store.state_replace(key, version, &found.record, None).await?,
            };
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
        Err(Error::new(Code::Conflict, "the tokens kept changing; try again"))
    }
}

impl AccessTokenList {
    /// Whether a token works, as far as the list says.
    fn is_good(&self, listed: &Listed, account: &Account, now: Timestamp) -> bool {
        let stands = self.makers(listed).all(|maker| maker.is_some());
        stands && now < listed.expires_at && listed.life == account.life
    }

    /// Whether a token is this one, or was made with it, or with one that was.
    fn stands_on(&self, listed: &Listed, hash: &[u8]) -> bool {
        listed.hash == hash || self.makers(listed).flatten().any(|maker| maker.hash == hash)
    }

    /// The token that this one was made with, and so on; `None` for one that is not listed.
    fn makers<'a>(&'a self, listed: &'a Listed) -> impl Iterator<Item = Option<&'a Listed>> {
        let find = |hash: &Vec<u8>| self.tokens.iter().find(|listed| listed.hash == *hash);
        let first = listed.maker.as_ref().map(find);
        std::iter::successors(first, move |maker| {
            maker.and_then(|maker| maker.maker.as_ref().map(find))
        })
        .take(MAX_TOKENS)
    }
}

impl Listed {
    fn view(&self, last_used: Option<Timestamp>, token: Option<String>) -> AccessTokenView {
        AccessTokenView {
            id: self.id,
            name: self.name.clone(),
            scopes: Scopes::from_bits(self.scopes).names().collect(),
            created_at: Time(self.created_at),
            expires_at: Time(self.expires_at),
            last_used: last_used.map(Time),
            token,
        }
    }
}

/// Whether a secret says that it is a token of this kind.
pub(super) fn is_access_token(secret: &str) -> bool {
    secret.starts_with(PREFIX)
}

pub(super) fn list_key(user: UserId) -> StateKey {
    StateKey::new(StateTable::AccessTokensOf, &[&user.to_bytes()])
}
