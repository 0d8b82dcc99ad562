//! Accounts: who may sign in, and how somebody comes to be.
//!
//! A sign-up touches rows and streams that no transaction spans, and may be cut off between any two steps:
//!
//! 1. the *claim* of the folded name, pending; two who want one name meet here
//! 2. the *account* with everything that is still to be done; from here on the sign-up goes through
//! 3. the claim is confirmed, the `user:` stream begins, the guild is joined
//! 4. the account is marked as finished
//!
//! Steps 3 and 4 can be done again by anybody: a sign-in finishes what was cut off. A pending claim without an account is
//! void after ten minutes, and the next one who wants the name takes it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use madang_storage::model::{
    Draft, EventId, Fact, GuildId, Head, Row, RowKey, Rows, StateKey, StateOutcome, StateTable, StreamId,
    Timestamp, UserId,
};
use madang_storage::{AppendError, Command, StateRecord, Versioned, decode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::Buckets;
use super::names::{self, Name};
use super::passwords::Passwords;
use super::view::UserView;
use super::{Chat, Code, Error, Identity, Result};

/// How long a claim without an account is left to whoever made it.
pub(super) const CLAIM_HELD_MS: u64 = 10 * 60 * 1000;
/// How often a row that keeps changing is looked at again.
pub(super) const MAX_TRIES: usize = 8;

/// What accounts need at hand.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) passwords: Passwords,
    /// Failed sign-ins of an address, for whatever names.
    by_address: Buckets<IpAddr>,
    /// Failed sign-ins for one name from one address.
    by_both: Buckets<(String, IpAddr)>,
    /// Failed sign-ins for one name from everywhere. Wider, so that a stranger does not lock out the owner so easily.
    by_name: Buckets<String>,
}

/// Credentials and rights of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) user: UserId,
    pub(super) name: String,
    /// The key of its claim.
    pub(super) folded: String,
    pub(super) password_hash: String,
    /// Whether the person may do everything on this instance.
    pub(super) owner: bool,
    pub(super) created_at: Timestamp,
    pub(super) deactivated: bool,
    /// The guild that the sign-up leads into.
    pub(super) joins: Option<GuildId>,
    /// Whether everything that belongs to the sign-up is done.
    pub(super) finished: bool,
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

/// A name and a password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name as it was typed.
    pub name: String,
    /// The password.
    pub password: String,
}

/// The asking user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Me {
    /// Who.
    pub user: UserView,
    /// Whether the person owns the instance.
    pub owner: bool,
}

impl Accounts {
    pub(super) fn new() -> Self {
        Self {
            passwords: Passwords::new(),
            by_address: Buckets::new(30, Duration::from_secs(2)),
            by_both: Buckets::new(10, Duration::from_secs(10)),
            by_name: Buckets::new(100, Duration::from_secs(5)),
        }
    }

    /// Takes an attempt to sign in from all that count it.
    fn attempt(&self, folded: &str, address: IpAddr) -> Result<()> {
        let now = Instant::now();
        let both = (folded.to_owned(), address);
        let taken = self
            .by_address
            .take(&address, now)
            .and_then(|()| self.by_both.take(&both, now))
            .and_then(|()| self.by_name.take(&both.0, now));
        taken.map_err(|wait| Error::rate_limited(wait.as_secs() + 1))
    }

    /// A good attempt does not count.
    fn succeeded(&self, folded: &str, address: IpAddr) {
        let now = Instant::now();
        self.by_address.give_back(&address, now);
        self.by_both.give_back(&(folded.to_owned(), address), now);
        self.by_name.give_back(&folded.to_owned(), now);
    }
}

impl Chat {
    /// Who asks, as they see themselves.
    pub async fn me(&self, identity: &Identity) -> Result<Me> {
        let account = self
            .account(identity.user)
            .await?
            .ok_or_else(Error::unauthenticated)?;
        Ok(Me {
            user: UserView {
                id: identity.user,
                name: account.record.name,
            },
            owner: account.record.owner,
        })
    }

    /// The account that name and password fit.
    pub(super) async fn checked_account(
        &self,
        credentials: &Credentials,
        address: IpAddr,
    ) -> Result<Account> {
        let accounts = &self.inner.accounts;
        // A text that can be nobody's name is checked all the same: its answer must not come sooner.
        let folded = names::user_name(&credentials.name)
            .map(|name| name.folded)
            .unwrap_or_default();
        let address = limited_part(address);
        accounts.attempt(&folded, address)?;
        let account = self.account_named(&folded).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let fits = accounts.passwords.verify(&credentials.password, hash).await?;
        let Some(account) = account.filter(|account| fits && !account.deactivated) else {
            return Err(Error::new(
                Code::WrongCredentials,
                "the name and the password do not fit",
            ));
        };
        accounts.succeeded(&folded, address);
        if !account.finished && !self.finish_account(account.user).await? {
            return Err(Error::new(
                Code::WrongCredentials,
                "the name and the password do not fit",
            ));
        }
        Ok(account)
    }

    async fn account_named(&self, folded: &str) -> Result<Option<Account>> {
        if folded.is_empty() {
            return Ok(None);
        }
        let Some(claim) = self.store().state::<NameClaim>(&claim_key(folded)).await? else {
            return Ok(None);
        };
        let account = self.account(claim.record.user).await?;
        Ok(account.map(|account| account.record))
    }

    pub(super) async fn account(&self, user: UserId) -> Result<Option<Versioned<Account>>> {
        Ok(self.store().state(&account_key(user)).await?)
    }

    /// Step 1: holds a name for a user who is to be.
    pub(super) async fn claim_name(&self, name: &Name, user: UserId) -> Result<()> {
        let key = claim_key(&name.folded);
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
            if present.confirmed || claim.at < held_until || self.finish_account(present.user).await? {
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

    /// Takes a claim back that led to nothing.
    pub(super) async fn release_name(&self, name: &Name, user: UserId) -> Result<()> {
        let key = claim_key(&name.folded);
        let claim = self.store().state::<NameClaim>(&key).await?;
        if let Some(claim) = claim.filter(|claim| claim.record.user == user && !claim.record.confirmed) {
            self.store().state_delete(key, claim.version).await?;
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
        if !self.confirm_claim(&account).await? {
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
            self.join_guild(guild, user).await?;
        }
        account.finished = true;
        // A conflict means that another one has finished it at the same time.
        self.store()
            .state_replace(account_key(user), found.version, &account, None)
            .await?;
        Ok(true)
    }

    async fn confirm_claim(&self, account: &Account) -> Result<bool> {
        let key = claim_key(&account.folded);
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
        let rows = vec![looked_at.clone(), member.clone()];
        // Into a guild that was deleted meanwhile nobody comes.
        let is_so = move |_: &Head, rows: &Rows| {
            let is_there =
                matches!(rows.get(&looked_at), Some(Row::Guild(guild)) if guild.deleted_at.is_none());
            !is_there || rows.contains(&member)
        };
        let fact = Fact::MemberJoined { user };
        self.check_not_banned(guild, user).await?;
        self.announce(guild).await?;
        self.append_unless(StreamId::Guild(guild), Some(user), rows, fact, is_so)
            .await?;
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
            return Err(Error::new(Code::Forbidden, "you were banned from this guild"));
        }
        Ok(())
    }

    /// Appends a fact, unless it is so already.
    pub(super) async fn append_unless(
        &self,
        stream: StreamId,
        actor: Option<UserId>,
        rows: Vec<RowKey>,
        draft: impl Into<Draft>,
        is_so: impl Fn(&Head, &Rows) -> bool + Send + 'static,
    ) -> Result<()> {
        let command = Command {
            stream,
            event_id: EventId::from_u128(self.env().next_id()),
            actor,
            access_rev: 0,
            nonce: None,
            rows,
        };
        let draft = draft.into();
        let decide = move |head: &Head, rows: &Rows| {
            if is_so(head, rows) {
                Err(())
            } else {
                Ok(draft.clone())
            }
        };
        match self.store().append(command, decide).await {
            Ok(_) | Err(AppendError::Refused(())) => Ok(()),
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }

    /// Users by their ids, in the order asked; those who share no guild with the asker are left out.
    pub async fn users(&self, identity: &Identity, ids: &[UserId]) -> Result<Vec<UserView>> {
        if ids.len() > MAX_USERS {
            let text = format!("at most {MAX_USERS} ids can be asked for at once");
            return Err(Error::too_large("ids", text));
        }
        let guilds = self.guild_ids(identity.user).await?;
        let mut known = vec![false; ids.len()];
        for guild in guilds {
            let keys: Vec<RowKey> = ids
                .iter()
                .map(|user| RowKey::Member { guild, user: *user })
                .collect();
            let rows = self.store().rows(&keys).await?;
            for (known, row) in known.iter_mut().zip(rows) {
                *known |= matches!(row, Some(Row::Member(_)));
            }
        }
        let known = ids
            .iter()
            .zip(known)
            .filter(|(id, known)| *known || **id == identity.user);
        self.views_of(known.map(|(id, _)| *id).collect()).await
    }
}

/// How many users can be asked for at once.
pub const MAX_USERS: usize = 100;

pub(super) fn account_key(user: UserId) -> StateKey {
    StateKey::new(StateTable::Accounts, &[&user.to_bytes()])
}

pub(super) fn claim_key(folded: &str) -> StateKey {
    StateKey::new(StateTable::AccountNames, &[folded.as_bytes()])
}

/// What one attacker has: an address of IPv4, but a whole network of IPv6.
fn limited_part(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
    }
}
