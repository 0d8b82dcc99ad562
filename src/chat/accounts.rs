//! Accounts: who may sign in, and how somebody comes to be.
//!
//! A sign-up touches rows and streams that no transaction spans, and may be cut off between any two steps:
//!
//! 1. the *claims* of the folded name and of what it looks like otherwise, pending; two who want one name meet here
//! 2. the *account* with everything that is still to be done; from here on the sign-up goes through
//! 3. the claim is confirmed, the `user:` stream begins, the guild is joined
//! 4. the account is marked as finished
//!
//! Steps 3 and 4 can be done again by anybody: a sign-in finishes what was cut off. A pending claim without an account is
//! void after ten minutes, and the next one who wants the name takes it.

use std::net::IpAddr;

use madang_storage::model::{
    Fact, GuildId, Head, Row, RowKey, Rows, SessionId, StateKey, StateOutcome, StateTable, StreamId,
    Timestamp, UserId,
};
use madang_storage::{AppendError, StateRecord, Versioned, decode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::audit::details::audited;
use super::names::{self, Name};
use super::{Chat, Code, Error, Result};

/// How long a claim without an account is left to whoever made it.
pub(super) const CLAIM_HELD_MS: u64 = 10 * 60 * 1000;
/// From how many addresses somebody is remembered to have signed in.
const MAX_ADDRESSES: usize = 8;
/// How often a row that keeps changing is looked at again.
pub(super) const MAX_TRIES: usize = 8;

/// Credentials and rights of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) user: UserId,
    pub(super) name: String,
    /// The key of its claim.
    pub(super) folded: String,
    pub(super) password_hash: String,
    /// Whether the person set the instance up. Who administers it now is not said here.
    pub(super) owner: bool,
    pub(super) created_at: Timestamp,
    pub(super) deactivated: bool,
    /// The guild that the sign-up leads into.
    pub(super) joins: Option<GuildId>,
    /// Whether everything that belongs to the sign-up is done.
    pub(super) finished: bool,
    /// Sessions of earlier generations have ended: one more each time when all end at once.
    #[serde(default)]
    pub(super) generation: u64,
    /// The one session that goes on all the same.
    #[serde(default)]
    pub(super) kept_session: Option<SessionId>,
    /// Access tokens of earlier lives have ended: one more with each deactivation.
    #[serde(default)]
    pub(super) life: u64,
    /// Hashes of the addresses that the person has signed in from, the newest last.
    #[serde(default)]
    pub(super) addresses: Vec<u64>,
}

impl Account {
    /// The account of somebody new.
    pub(super) fn new(user: UserId, name: Name, password_hash: String, created_at: Timestamp) -> Self {
        Self {
            user,
            name: name.shown,
            folded: name.folded,
            password_hash,
            owner: false,
            created_at,
            deactivated: false,
            joins: None,
            finished: false,
            generation: 0,
            kept_session: None,
            life: 0,
            addresses: Vec::new(),
        }
    }

    /// Whether the person has signed in from this address before, as far as that is remembered.
    pub(super) fn knows(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address_hash(self.user, address))
    }

    /// Remembers an address that the person has signed in from.
    fn remember(&mut self, address: IpAddr) {
        let surplus = (self.addresses.len() + 1).saturating_sub(MAX_ADDRESSES);
        self.addresses.drain(..surplus);
        self.addresses.push(address_hash(self.user, address));
    }

    /// Ends all sessions but one, if it is of this account.
    pub(super) fn end_sessions(&mut self, but: Option<SessionId>) {
        self.generation += 1;
        self.kept_session = but;
    }
}

impl StateRecord for Account {
    const TABLE: StateTable = StateTable::Accounts;
}

/// Who has a name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NameClaim {
    pub(super) user: UserId,
    pub(super) at: Timestamp,
    pub(super) confirmed: bool,
}

impl StateRecord for NameClaim {
    const TABLE: StateTable = StateTable::AccountNames;
}

/// Who is at the door.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// From where.
    pub address: IpAddr,
    /// With what, as it says itself.
    pub device: String,
}

impl Chat {
    pub(super) async fn account_named(&self, folded: &str) -> Result<Option<Account>> {
        if folded.is_empty() {
            return Ok(None);
        }
        let Some(claim) = self.store().state::<NameClaim>(&claim_key(folded)).await? else {
            return Ok(None);
        };
        let account = self.account(claim.record.user).await?;
        // A claim may also hold what somebody's name only looks like.
        let account = account.map(|account| account.record);
        Ok(account.filter(|account| account.folded == folded))
    }

    pub(super) async fn account(&self, user: UserId) -> Result<Option<Versioned<Account>>> {
        Ok(self.store().state(&account_key(user)).await?)
    }

    /// Writes an account that was read at this version; `false` when it has changed since.
    pub(super) async fn replace_account(&self, version: u64, account: &Account) -> Result<bool> {
        let key = account_key(account.user);
        let outcome = self.store().state_replace(key, version, account, None).await?;
        Ok(matches!(outcome, StateOutcome::Written { .. }))
    }

    /// Remembers where somebody has signed in from: whoever guesses passwords elsewhere does not lock the person out there.
    pub(super) async fn remember_address(&self, user: UserId, address: IpAddr) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let Some(found) = self.account(user).await? else {
                return Ok(());
            };
            let mut account = found.record;
            if account.knows(address) {
                return Ok(());
            }
            account.remember(address);
            if self.replace_account(found.version, &account).await? {
                return Ok(());
            }
        }
        Err(Error::new(Code::Conflict, "the account kept changing; try again"))
    }

    /// Step 1: holds a name for a user who is to be, and everything that looks like it.
    pub(super) async fn claim_name(&self, name: &Name, user: UserId) -> Result<()> {
        for form in forms(&name.shown, &name.folded) {
            if let Err(error) = self.claim_form(&form, user).await {
                self.release_name(name, user).await?;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn claim_form(&self, form: &str, user: UserId) -> Result<()> {
        let key = claim_key(form);
        for _ in 0..MAX_TRIES {
            let claim = NameClaim {
                user,
                at: self.env().now(),
                confirmed: false,
            };
            let outcome = self.store().state_insert(key.clone(), &claim, None).await?;
            let StateOutcome::Conflict { current } = outcome else {
                return Ok(());
            };
            let Some(row) = current else { continue };
            let present: NameClaim = decode(&row.value)?;
            if present.user == user {
                return Ok(());
            }
            let held_until = present.at.plus_millis(CLAIM_HELD_MS);
            if claim.at < held_until || self.finish_account(present.user).await? {
                return Err(names::name_taken("name"));
            }
            // Nobody stands behind the claim. Should its maker wake up after all, the confirmation fails.
            let outcome = self
                .store()
                .state_replace(key.clone(), row.version, &claim, None)
                .await?;
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
        Err(names::name_taken("name"))
    }

    /// Takes claims back that led to nothing.
    pub(super) async fn release_name(&self, name: &Name, user: UserId) -> Result<()> {
        for form in forms(&name.shown, &name.folded) {
            let key = claim_key(&form);
            let claim = self.store().state::<NameClaim>(&key).await?;
            if let Some(claim) = claim.filter(|claim| claim.record.user == user && !claim.record.confirmed) {
                self.store().state_delete(key, claim.version).await?;
            }
        }
        Ok(())
    }

    /// Holds what an account's name looks like where nobody does: accounts of earlier versions have claimed less.
    pub(super) async fn hold_alike(&self, account: &Account) -> Result<()> {
        for form in names::alike(&account.name, &account.folded) {
            let claim = NameClaim {
                user: account.user,
                at: account.created_at,
                confirmed: true,
            };
            let key = claim_key(&form);
            if self.store().state::<NameClaim>(&key).await?.is_none() {
                // A conflict: somebody else was first, whose name is as old.
                self.store().state_insert(key, &claim, None).await?;
            }
        }
        Ok(())
    }

    /// Steps 2 to 4.
    pub(super) async fn make_account(&self, account: &Account) -> Result<()> {
        // One that is there already was made by an earlier try.
        self.store()
            .state_insert(account_key(account.user), account, None)
            .await?;
        if self.finish_account(account.user).await? {
            Ok(())
        } else {
            Err(names::name_taken("name"))
        }
    }

    /// Steps 3 and 4, as far as they are not done. `false` when there is no account, or its name went to another.
    pub(super) async fn finish_account(&self, user: UserId) -> Result<bool> {
        let Some(found) = self.account(user).await? else {
            return Ok(false);
        };
        let mut account = found.record;
        if account.finished {
            return Ok(true);
        }
        if !self.confirm_claims(&account).await? {
            self.store()
                .state_delete(account_key(user), found.version)
                .await?;
            return Ok(false);
        }
        let name = account.name.clone();
        let stream = StreamId::User(user);
        self.append_unless(
            stream,
            Some(user),
            Vec::new(),
            Fact::UserCreated { name },
            |head, _| head.exists(),
        )
        .await?;
        if let Some(guild) = account.joins {
            self.join_if_there(guild, user).await?;
        }
        account.finished = true;
        // A conflict means that another one has finished it at the same time.
        self.store()
            .state_replace(account_key(user), found.version, &account, None)
            .await?;
        Ok(true)
    }

    /// Joins the guild that a sign-up leads into. One that is gone meanwhile, or from which the person was banned by then,
    /// does not keep the person from coming in.
    async fn join_if_there(&self, guild: GuildId, user: UserId) -> Result<()> {
        let present = self.store().guild(guild).await?;
        if present.is_none_or(|guild| guild.deleted_at.is_some()) {
            return Ok(());
        }
        match self.join_guild(guild, user).await {
            Err(error) if error.code == Code::Forbidden => Ok(()),
            joined => joined,
        }
    }

    async fn confirm_claims(&self, account: &Account) -> Result<bool> {
        for form in forms(&account.name, &account.folded) {
            if !self.confirm_claim(account, &form).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn confirm_claim(&self, account: &Account, form: &str) -> Result<bool> {
        let key = claim_key(form);
        for _ in 0..MAX_TRIES {
            let mut claim = NameClaim {
                user: account.user,
                at: account.created_at,
                confirmed: true,
            };
            let outcome = match self.store().state::<NameClaim>(&key).await? {
                None => self.store().state_insert(key.clone(), &claim, None).await?,
                Some(present) if present.record.user != account.user => return Ok(false),
                Some(present) if present.record.confirmed => return Ok(true),
                Some(present) => {
                    claim.at = present.record.at;
                    self.store()
                        .state_replace(key.clone(), present.version, &claim, None)
                        .await?
                }
            };
            if let StateOutcome::Written { .. } = outcome {
                return Ok(true);
            }
        }
        Err(Error::new(Code::Conflict, "the name kept changing; try again"))
    }

    /// Makes somebody a member of a guild; one who is stays so.
    pub(super) async fn join_guild(&self, guild: GuildId, user: UserId) -> Result<()> {
        let (looked_at, member) = (RowKey::Guild(guild), RowKey::Member { guild, user });
        let ban = RowKey::Ban { guild, user };
        let mut command = self.server_command(StreamId::Guild(guild));
        (command.actor, command.rows) = (Some(user), vec![looked_at.clone(), member.clone(), ban.clone()]);
        let joined = audited(Fact::MemberJoined { user }, Default::default());
        let decide = move |_: &Head, rows: &Rows| {
            // Here, because somebody may be banned between being let in and joining.
            if rows.contains(&ban) {
                return Err(Some(is_banned()));
            }
            // Into a guild that was deleted meanwhile nobody comes.
            let is_there =
                matches!(rows.get(&looked_at), Some(Row::Guild(guild)) if guild.deleted_at.is_none());
            if !is_there || rows.contains(&member) {
                return Err(None);
            }
            Ok(joined.clone())
        };
        self.check_not_banned(guild, user).await?;
        self.announce(guild).await?;
        match self.store().append(command, decide).await {
            Ok(_) | Err(AppendError::Refused(None)) => {}
            Err(AppendError::Refused(Some(refusal))) => return Err(refusal),
            Err(AppendError::Store(error)) => return Err(error.into()),
        }
        self.inner.jobs.wake();
        Ok(())
    }

    /// Refuses who is banned.
    pub(super) async fn check_not_banned(&self, guild: GuildId, user: UserId) -> Result<()> {
        let ban = self
            .store()
            .rows(&[RowKey::Ban { guild, user }])
            .await?
            .pop()
            .flatten();
        if ban.is_some() {
            return Err(is_banned());
        }
        Ok(())
    }
}

/// Only whether it is the same is ever asked, so the address itself is not kept.
fn address_hash(user: UserId, address: IpAddr) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(b"madang.address");
    hasher.update(user.to_bytes());
    hasher.update(address.to_string());
    let digest = hasher.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

fn is_banned() -> Error {
    Error::new(Code::Forbidden, "you were banned from this guild")
}

pub(super) fn account_key(user: UserId) -> StateKey {
    StateKey::new(StateTable::Accounts, &[&user.to_bytes()])
}

/// Everything that a name claims, always in the same order: of two whose names look alike in several ways one gets all.
fn forms(shown: &str, folded: &str) -> Vec<String> {
    let mut forms = names::alike(shown, folded);
    forms.push(folded.to_owned());
    forms.sort_unstable();
    forms
}

pub(super) fn claim_key(folded: &str) -> StateKey {
    StateKey::new(StateTable::AccountNames, &[folded.as_bytes()])
}
