//! Links by which somebody who has forgotten the password chooses another one. There is no mail: an administrator makes the
//! link and hands it over.
//!
//! One row for each account: a new link takes the place of the one before. The row says which password was forgotten, so
//! the write that changes the account's password is what uses the link up: of two who use it at once one is first, and a
//! crash right after that write leaves a row that opens nothing.

use madang_storage::model::{StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{StateRecord, Versioned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::{Account, MAX_TRIES, Visitor};
use super::sessions::SignedIn;
use super::view::Time;
use super::{Chat, Code, Error, Identity, Result, passwords, secrets};

/// How long a link works.
const LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;

/// A link as it is kept, under the account that it is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PasswordLink {
    /// The hash of its secret.
    secret: [u8; 32],
    /// What the account's password was: the hash of what is kept of it.
    password: [u8; 32],
    /// The account's life in which it was made: who was deactivated since needs a new one.
    life: u64,
    /// Who made it; `None` for whoever keeps the server.
    by: Option<UserId>,
}

impl StateRecord for PasswordLink {
    const TABLE: StateTable = StateTable::OneTimeTokens;
}

/// A new link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadePasswordLink {
    /// What the link ends with. Nobody can read it again.
    pub token: String,
    /// When it ends.
    pub expires_at: Time,
}

/// What a link says to whoever has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PasswordLink")]
pub struct PasswordLinkView {
    /// Whose password is chosen: what one signs in with.
    pub name: String,
}

impl Chat {
    /// Makes a link for somebody who does not administer the instance: whoever has it becomes that person, and nobody
    /// becomes somebody who stands as high.
    pub async fn create_password_link(&self, identity: &Identity, user: UserId) -> Result<MadePasswordLink> {
        self.require_administrator(identity).await?;
        if self.account(user).await?.is_none() {
            return Err(Error::not_found());
        }
        if self.is_administrator(user).await? {
            let text =
                "administrators get such a link from the server's command line: `madang user password-link`";
            return Err(Error::new(Code::Forbidden, text));
        }
        self.make_password_link(Some(identity.user), user).await
    }

    /// Makes a link. `by` is `None` for whoever keeps the server.
    pub(super) async fn make_password_link(
        &self,
        by: Option<UserId>,
        user: UserId,
    ) -> Result<MadePasswordLink> {
        let chat = self.clone();
        self.to_the_end(async move {
            let made = chat.write_password_link(by, user).await?;
            chat.note_account(by, "password_link.created", user).await?;
            Ok(made)
        })
        .await
    }

    /// Whose password a link is for. Open to everybody who has it.
    pub async fn password_link(&self, token: &str, visitor: &Visitor) -> Result<PasswordLinkView> {
        self.inner.attempts.take_of_address(visitor.address)?;
        let name = self.linked_account(token).await?.record.name;
        self.inner.attempts.give_back_to_address(visitor.address);
        Ok(PasswordLinkView { name })
    }

    /// Gives an account the password that whoever has its link has chosen, ends all its logins and tokens, and signs in.
    pub async fn use_password_link(
        &self,
        token: &str,
        password: &str,
        visitor: &Visitor,
    ) -> Result<SignedIn> {
        passwords::check(password)?;
        self.inner.attempts.take_of_address(visitor.address)?;
        // Before the password is hashed: whoever has no link causes no work.
        self.linked_account(token).await?;
        let hash = self.inner.passwords.hash(password).await?;
        let (chat, token) = (self.clone(), token.to_owned());
        let account = self
            .to_the_end(async move { chat.choose_password(&token, hash).await })
            .await?;
        self.inner.attempts.give_back_to_address(visitor.address);
        self.start_session(account.user, account.generation, visitor)
            .await
    }

    async fn write_password_link(&self, by: Option<UserId>, user: UserId) -> Result<MadePasswordLink> {
        for _ in 0..MAX_TRIES {
            let account = self.account(user).await?.ok_or_else(Error::not_found)?.record;
            if account.deactivated {
                return Err(Error::new(Code::Conflict, "the account is deactivated"));
            }
            let secret = secrets::token();
            let link = PasswordLink {
                secret: secrets::digest(&secret),
                password: secrets::digest(&account.password_hash),
                life: account.life,
                by,
            };
            let expires_at = self.env().now().plus_millis(LIFETIME_MS);
            if self.replace_password_link(user, &link, expires_at).await? {
                return Ok(MadePasswordLink {
                    token: format!("{user}.{secret}"),
                    expires_at: Time(expires_at),
                });
            }
        }
        Err(kept_changing())
    }

    async fn replace_password_link(
        &self,
        user: UserId,
        link: &PasswordLink,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let (store, key) = (self.store(), row_key(user));
        let outcome = match store.state::<PasswordLink>(&key).await? {
            None => store.state_insert(key, link, Some(expires_at)).await?,
            Some(present) => {
                store
                    .state_replace(key, present.version, link, Some(expires_at))
                    .await?
            }
        };
        Ok(matches!(outcome, StateOutcome::Written { .. }))
    }

    /// The account of a link. Links that are unknown, used, replaced or too old, and those of accounts that are kept out,
    /// answer the same.
    async fn linked_account(&self, token: &str) -> Result<Versioned<Account>> {
        let (user, secret) = read(token).ok_or_else(void_link)?;
        let link = self.store().state::<PasswordLink>(&row_key(user)).await?;
        let now = self.env().now();
        let is_living = |link: &Versioned<PasswordLink>| link.expires_at.is_some_and(|at| now < at);
        // Hashes are compared: how long that takes tells nothing about the secret.
        let is_known = |link: &Versioned<PasswordLink>| link.record.secret == secrets::digest(secret);
        let link = link.filter(|link| is_living(link) && is_known(link));
        let link = link.ok_or_else(void_link)?.record;
        let found = self.account(user).await?.ok_or_else(void_link)?;
        let account = &found.record;
        let is_same = link.life == account.life && link.password == secrets::digest(&account.password_hash);
        if account.deactivated || !is_same || !self.is_still_allowed(&link, user).await? {
            return Err(void_link());
        }
        if account.finished {
            return Ok(found);
        }
        if !self.finish_account(user).await? {
            return Err(void_link());
        }
        self.account(user).await?.ok_or_else(void_link)
    }

    /// Whether whoever made the link could still make it.
    async fn is_still_allowed(&self, link: &PasswordLink, user: UserId) -> Result<bool> {
        let Some(by) = link.by else { return Ok(true) };
        Ok(self.is_administrator(by).await? && !self.is_administrator(user).await?)
    }

    async fn choose_password(&self, token: &str, hash: String) -> Result<Account> {
        for _ in 0..MAX_TRIES {
            // Judged anew after every other write: of two who use the link one finds another password.
            let found = self.linked_account(token).await?;
            let mut account = found.record;
            account.password_hash.clone_from(&hash);
            account.life += 1;
            account.end_sessions(None);
            if self.replace_account(found.version, &account).await? {
                if let Err(error) = self.clear_after_link(account.user).await {
                    // The password is chosen and all logins have ended: the person goes on.
                    tracing::error!(%error, "what a new password leaves behind is not cleared away");
                }
                return Ok(account);
            }
        }
        Err(kept_changing())
    }

    async fn clear_after_link(&self, user: UserId) -> Result<()> {
        self.clear_access_tokens(user).await?;
        self.clear_sessions(user, None).await?;
        self.remove_state::<PasswordLink>(row_key(user)).await?;
        self.note_account(Some(user), "password_link.used", user).await
    }
}

/// Whose link it is, and its secret; `None` for what was never given out.
fn read(token: &str) -> Option<(UserId, &str)> {
    let (user, secret) = token.split_once('.')?;
    let is_fit = secret.len() == 64 && secret.is_ascii();
    Some((user.parse().ok().filter(|_| is_fit)?, secret))
}

fn row_key(user: UserId) -> StateKey {
    StateKey::new(StateTable::OneTimeTokens, &[b"password", &user.to_bytes()])
}

fn void_link() -> Error {
    let text = "the link does not work any more: ask an administrator for a new one";
    Error::invalid("token", text)
}

fn kept_changing() -> Error {
    Error::new(Code::Conflict, "the account kept changing; try again")
}
