//! Administrators of the instance, and whom they keep out.
//!
//! One row names all administrators, so that of two who take each other's right one is first, and there is always one
//! left. Deactivating touches that row and an account. What is to be done is written into the row first, together with taking
//! the right away: nobody can give it back before it is done, and what was cut off is carried to its end by whoever changes
//! the row next, or by the next start.

use madang_storage::model::{StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{MAX_ROWS_PER_PAGE, StateRecord, Versioned, decode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::{Account, MAX_TRIES, account_key};
use super::tokens::AccessTokenList;
use super::view::Time;
use super::{Chat, Code, Error, Identity, Result, list_limit};

/// How many administrators an instance may have.
const MAX_ADMINISTRATORS: usize = 100;
/// How often the use of an account is noted at most.
const NOTE_EVERY_MS: u64 = 60 * 60 * 1000;

/// Who administers the instance.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Administrators {
    /// Never empty once the instance is set up, and never somebody who is deactivated.
    users: Vec<UserId>,
    /// Who is being deactivated.
    leaving: Vec<UserId>,
}

impl StateRecord for Administrators {
    const TABLE: StateTable = StateTable::Settings;
}

/// When an account was last used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct AccountUse {
    at: Timestamp,
}

impl StateRecord for AccountUse {
    const TABLE: StateTable = StateTable::AccountUses;
}

/// An account, as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountView {
    /// Who.
    pub id: UserId,
    /// The unique name.
    pub name: String,
    /// When it came to be.
    pub created_at: Time,
    /// When it was last used, to the hour.
    pub last_used: Option<Time>,
    /// Whether the person administers the instance.
    pub is_administrator: bool,
    /// Whether the person is kept out.
    pub is_deactivated: bool,
}

/// A page of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountList {
    /// In the order of their ids.
    pub accounts: Vec<AccountView>,
    /// Whether there are more.
    pub more: bool,
}

impl Chat {
    /// Whether somebody administers the instance.
    pub(super) async fn is_administrator(&self, user: UserId) -> Result<bool> {
        let row = self.administrators().await?.record;
        Ok(row.users.contains(&user))
    }

    /// Refuses who does not administer the instance.
    pub(super) async fn require_administrator(&self, identity: &Identity) -> Result<()> {
        self.administrators().await?.record.require(Some(identity.user))
    }

    /// Makes somebody an administrator. Asking for what is already so changes nothing.
    pub async fn grant_administrator(&self, identity: &Identity, user: UserId) -> Result<()> {
        let (chat, by) = (self.clone(), Some(identity.user));
        self.to_the_end(async move {
            if chat.grant(by, user).await? {
                chat.note_account(by, "administrator.granted", user).await?;
            }
            Ok(())
        })
        .await
    }

    /// Takes an administrator's right away; also one's own, but not the last one's.
    pub async fn revoke_administrator(&self, identity: &Identity, user: UserId) -> Result<()> {
        let (chat, by) = (self.clone(), Some(identity.user));
        self.to_the_end(async move {
            if chat.revoke(by, user).await? {
                chat.note_account(by, "administrator.revoked", user).await?;
            }
            Ok(())
        })
        .await
    }

    /// Keeps somebody out: sessions and tokens end, the name stays taken, and what was written stays.
    pub async fn deactivate(&self, identity: &Identity, user: UserId) -> Result<()> {
        let (chat, by) = (self.clone(), Some(identity.user));
        self.to_the_end(async move {
            if chat.deactivate_by(by, user).await? {
                chat.note_account(by, "account.deactivated", user).await?;
            }
            Ok(())
        })
        .await
    }

    /// Lets somebody in again, who has to sign in anew.
    pub async fn reactivate(&self, identity: &Identity, user: UserId) -> Result<()> {
        let (chat, by) = (self.clone(), Some(identity.user));
        self.to_the_end(async move {
            if chat.reactivate_by(by, user).await? {
                chat.note_account(by, "account.reactivated", user).await?;
            }
            Ok(())
        })
        .await
    }

    /// Notes what was done about an account, for the audit and for the log. `by` is `None` for whoever keeps the server.
    pub(super) async fn note_account(&self, by: Option<UserId>, kind: &str, user: UserId) -> Result<()> {
        tracing::info!(%kind, %user, by = by.map(tracing::field::display), "an account was changed");
        self.note(None, by, kind, Some(user.as_u128()), &[]).await
    }

    /// A page of all accounts.
    pub async fn accounts(
        &self,
        identity: &Identity,
        after: Option<UserId>,
        limit: Option<u64>,
    ) -> Result<AccountList> {
        let limit = list_limit(limit)?;
        self.require_administrator(identity).await?;
        self.account_page(after, limit).await
    }

    /// Makes the first administrator. Doing it again changes nothing.
    pub(super) async fn first_administrator(&self, user: UserId) -> Result<()> {
        let row = Administrators {
            users: vec![user],
            leaving: Vec::new(),
        };
        // A conflict: there are administrators.
        self.store().state_insert(row_key(), &row, None).await?;
        Ok(())
    }

    /// `by` is `None` for whoever keeps the server. Answers, like all below, whether there was anything to change.
    pub(super) async fn grant(&self, by: Option<UserId>, user: UserId) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            self.settle_deactivations().await?;
            let found = self.administrators().await?;
            let mut row = found.record;
            row.require(by)?;
            // Read after the row: a deactivation that begins later changes the row first.
            let account = self.account(user).await?.ok_or_else(Error::not_found)?;
            if row.users.contains(&user) {
                return Ok(false);
            }
            if account.record.deactivated {
                return Err(Error::new(Code::Conflict, "the account is deactivated"));
            }
            if row.leaving.contains(&user) {
                continue;
            }
            if row.users.len() >= MAX_ADMINISTRATORS {
                let text = format!("an instance has at most {MAX_ADMINISTRATORS} administrators");
                return Err(Error::new(Code::TooMany, text));
            }
            row.users.push(user);
            if self.replace_administrators(found.version, &row).await? {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    pub(super) async fn revoke(&self, by: Option<UserId>, user: UserId) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            let found = self.administrators().await?;
            let mut row = found.record;
            row.require(by)?;
            if !row.users.contains(&user) {
                let account = self.account(user).await?;
                return account.map(|_| false).ok_or_else(Error::not_found);
            }
            row.remove(user)?;
            if self.replace_administrators(found.version, &row).await? {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    pub(super) async fn deactivate_by(&self, by: Option<UserId>, user: UserId) -> Result<bool> {
        let is_new = self.intend_deactivation(by, user).await?;
        self.carry_out_deactivation(user).await?;
        Ok(is_new)
    }

    /// Takes an administrator's right away, and notes what is to be done: from here on the deactivation goes through.
    pub(super) async fn intend_deactivation(&self, by: Option<UserId>, user: UserId) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            self.settle_deactivations().await?;
            let found = self.administrators().await?;
            let mut row = found.record;
            row.require(by)?;
            let account = self.account(user).await?.ok_or_else(Error::not_found)?;
            if account.record.deactivated {
                return Ok(false);
            }
            row.remove(user)?;
            if !row.leaving.contains(&user) {
                row.leaving.push(user);
            }
            if self.replace_administrators(found.version, &row).await? {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    pub(super) async fn reactivate_by(&self, by: Option<UserId>, user: UserId) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            self.settle_deactivations().await?;
            let row = self.administrators().await?.record;
            row.require(by)?;
            let found = self.account(user).await?.ok_or_else(Error::not_found)?;
            let mut account = found.record;
            if row.leaving.contains(&user) {
                continue;
            }
            if !account.deactivated {
                return Ok(false);
            }
            account.deactivated = false;
            if self.replace_account(found.version, &account).await? {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    /// Carries deactivations to their end that were cut off.
    pub(super) async fn settle_deactivations(&self) -> Result<()> {
        for user in self.administrators().await?.record.leaving {
            self.carry_out_deactivation(user).await?;
        }
        Ok(())
    }

    /// Does what the row says is to be done about somebody.
    async fn carry_out_deactivation(&self, user: UserId) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let account = self.account(user).await?;
            // Looked at after the account: if the person was let in again since, the account has another version.
            let found = self.administrators().await?;
            let mut row = found.record;
            if !row.leaving.contains(&user) {
                return Ok(());
            }
            if let Some(found) = account.filter(|account| !account.record.deactivated) {
                let mut account = found.record;
                account.deactivated = true;
                account.life += 1;
                account.end_sessions(None);
                if !self.replace_account(found.version, &account).await? {
                    continue;
                }
            }
            self.clear_access_tokens(user).await?;
            self.clear_sessions(user, None).await?;
            row.leaving.retain(|leaving| *leaving != user);
            if self.replace_administrators(found.version, &row).await? {
                return Ok(());
            }
        }
        Err(kept_changing())
    }

    /// A page of all accounts, for whoever may see them.
    pub(super) async fn account_page(&self, after: Option<UserId>, limit: usize) -> Result<AccountList> {
        let administrators = self.administrators().await?.record;
        let after = after.map(|user| account_key(user).key);
        let page = self
            .store()
            .state_list(StateTable::Accounts, &[], after.as_deref(), limit)
            .await?;
        let mut accounts = Vec::with_capacity(page.rows.len());
        for (_, row) in page.rows {
            let account: Account = decode(&row.value)?;
            let last_used = self.store().state::<AccountUse>(&use_key(account.user)).await?;
            accounts.push(AccountView {
                id: account.user,
                name: account.name,
                created_at: Time(account.created_at),
                last_used: last_used.map(|last_used| Time(last_used.record.at)),
                is_administrator: administrators.users.contains(&account.user),
                is_deactivated: account.deactivated || administrators.leaving.contains(&account.user),
            });
        }
        Ok(AccountList {
            accounts,
            more: page.more,
        })
    }

    /// Notes that an account is used.
    pub(super) async fn note_account_use(&self, user: UserId, at: Timestamp) -> Result<()> {
        let key = use_key(user);
        match self.store().state::<AccountUse>(&key).await? {
            None => drop(self.store().state_insert(key, &AccountUse { at }, None).await?),
            Some(noted) if noted.record.at.plus_millis(NOTE_EVERY_MS) <= at => {
                // A conflict means that another one has just noted it.
                self.store()
                    .state_replace(key, noted.version, &AccountUse { at }, None)
                    .await?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn administrators(&self) -> Result<Versioned<Administrators>> {
        loop {
            if let Some(found) = self.store().state::<Administrators>(&row_key()).await? {
                return Ok(found);
            }
            let users = self.founders().await?;
            if users.is_empty() {
                return Ok(Versioned {
                    version: 0,
                    record: Administrators::default(),
                    expires_at: None,
                });
            }
            let row = Administrators {
                users,
                leaving: Vec::new(),
            };
            // A conflict: another one has written the same.
            self.store().state_insert(row_key(), &row, None).await?;
        }
    }

    /// Who set the instance up. Looks at all accounts; it is asked for once in the life of data that has no row yet.
    async fn founders(&self) -> Result<Vec<UserId>> {
        let (mut founders, mut after) = (Vec::new(), None);
        loop {
            let page = self
                .store()
                .state_list(StateTable::Accounts, &[], after.as_deref(), MAX_ROWS_PER_PAGE)
                .await?;
            for (_, row) in &page.rows {
                let account: Account = decode(&row.value)?;
                founders.extend(Some(account.user).filter(|_| account.owner && !account.deactivated));
            }
            match page.rows.into_iter().next_back() {
                Some((key, _)) if page.more => after = Some(key),
                _ => return Ok(founders),
            }
        }
    }

    async fn replace_administrators(&self, version: u64, row: &Administrators) -> Result<bool> {
        let store = self.store();
        let outcome = match version {
            0 => store.state_insert(row_key(), row, None).await?,
            version => store.state_replace(row_key(), version, row, None).await?,
        };
        Ok(matches!(outcome, StateOutcome::Written { .. }))
    }

    /// Removes the rows of somebody's tokens, which have ended with the account's life.
    pub(super) async fn clear_access_tokens(&self, user: UserId) -> Result<()> {
        for hash in self.access_token_hashes(user).await? {
            let key = StateKey::new(StateTable::AccessTokens, &[&hash]);
            self.remove_state::<super::tokens::AccessToken>(key).await?;
        }
        self.remove_state::<AccessTokenList>(super::tokens::list_key(user))
            .await
    }
}

impl Administrators {
    /// Refuses who is none.
    fn require(&self, by: Option<UserId>) -> Result<()> {
        if by.is_none_or(|by| self.users.contains(&by)) {
            return Ok(());
        }
        let text = "only administrators of the instance may do this";
        Err(Error::new(Code::Forbidden, text))
    }

    /// Takes somebody out, who may be none; refuses to take the last one out.
    fn remove(&mut self, user: UserId) -> Result<()> {
        if self.users == [user] {
            let text = "the instance needs an administrator: make somebody else one first";
            return Err(Error::new(Code::Conflict, text));
        }
        self.users.retain(|known| *known != user);
        Ok(())
    }
}

fn row_key() -> StateKey {
    StateKey::new(StateTable::Settings, &[b"administrators"])
}

fn use_key(user: UserId) -> StateKey {
    StateKey::new(StateTable::AccountUses, &[&user.to_bytes()])
}

fn kept_changing() -> Error {
    Error::new(Code::Conflict, "this kept changing; try again")
}
