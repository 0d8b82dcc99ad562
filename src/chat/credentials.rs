//! Names and passwords: proving who one is, and changing the password.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use madang_storage::model::UserId;

use super::accounts::{Account, MAX_TRIES};
use super::limits::Buckets;
use super::{Chat, Code, Error, Identity, Result, names, passwords};

/// A name and a password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name as it was typed.
    pub name: String,
    /// The password.
    pub password: String,
}

/// Who has tried how often.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Failed sign-ins of an address, for whatever names.
    by_address: Buckets<IpAddr>,
    /// Failed sign-ins for one name from one address.
    by_both: Buckets<(String, IpAddr)>,
    /// Failed sign-ins for one name from all addresses that its owner has not signed in from. Those that guess from many
    /// addresses are slowed, and the owner is not locked out by them.
    by_name: Buckets<String>,
    /// Wrong passwords of somebody who is signed in: a stolen session is no way to guess the password.
    by_user: Buckets<UserId>,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self {
            by_address: Buckets::new(30, Duration::from_secs(2)),
            by_both: Buckets::new(10, Duration::from_secs(10)),
            by_name: Buckets::new(100, Duration::from_secs(5)),
            by_user: Buckets::new(5, Duration::from_secs(60)),
        }
    }

    pub(super) fn share(&self, nodes: u32) {
        self.by_address.share(nodes);
        self.by_both.share(nodes);
        self.by_name.share(nodes);
        self.by_user.share(nodes);
    }

    /// Takes an attempt to sign in from an address.
    fn take(&self, folded: &str, address: IpAddr) -> Result<()> {
        let now = Instant::now();
        let both = (folded.to_owned(), address);
        let taken = self
            .by_address
            .take(&address, now)
            .and_then(|()| self.by_both.take(&both, now));
        taken.map_err(|wait| Error::rate_limited(wait.as_secs() + 1))
    }

    /// Takes an attempt from an address that says no name.
    pub(super) fn take_of_address(&self, address: IpAddr) -> Result<()> {
        let taken = self.by_address.take(&limited_part(address), Instant::now());
        taken.map_err(|wait| Error::rate_limited(wait.as_secs() + 1))
    }

    /// That one was good, and does not count.
    pub(super) fn give_back_to_address(&self, address: IpAddr) {
        self.by_address.give_back(&limited_part(address), Instant::now());
    }

    /// Takes an attempt from those that all strangers to an account have together.
    fn take_of_strangers(&self, folded: &str) -> Result<()> {
        let taken = self.by_name.take(&folded.to_owned(), Instant::now());
        taken.map_err(|wait| Error::rate_limited(wait.as_secs() + 1))
    }

    /// A good attempt does not count.
    fn succeeded(&self, folded: &str, address: IpAddr, is_known: bool) {
        let now = Instant::now();
        self.by_address.give_back(&address, now);
        self.by_both.give_back(&(folded.to_owned(), address), now);
        if !is_known {
            self.by_name.give_back(&folded.to_owned(), now);
        }
    }
}

impl Chat {
    /// The account that name and password fit.
    pub(super) async fn checked_account(
        &self,
        credentials: &Credentials,
        address: IpAddr,
    ) -> Result<Account> {
        let attempts = &self.inner.attempts;
        // A text that can be nobody's name is checked all the same: its answer must not come sooner.
        let folded = names::user_name(&credentials.name)
            .map(|name| name.folded)
            .unwrap_or_default();
        let address = limited_part(address);
        attempts.take(&folded, address)?;
        let account = self.account_named(&folded).await?;
        let is_known = account.as_ref().is_some_and(|account| account.knows(address));
        if !is_known {
            attempts.take_of_strangers(&folded)?;
        }
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let fits = self.inner.passwords.verify(&credentials.password, hash).await?;
        let user = account.as_ref().map(|account| account.user);
        let Some(account) = account.filter(|account| fits && !account.deactivated) else {
            // A name that nobody has may be a password in the wrong field: it is not logged.
            tracing::info!(%address, user = user.map(tracing::field::display), "a sign-in failed");
            return Err(wrong_credentials());
        };
        attempts.succeeded(&folded, address, is_known);
        if !account.finished && !self.finish_account(account.user).await? {
            return Err(wrong_credentials());
        }
        if let Err(error) = self.hold_alike(&account).await {
            tracing::warn!(%error, "cannot hold what a name looks like");
        }
        Ok(account)
    }

    /// Gives the person another password, if the present one is right. All other sessions end with the same write.
    pub async fn change_password(&self, identity: &Identity, present: &str, new: &str) -> Result<()> {
        // Before anything is hashed, and before the present one says more than this.
        passwords::check(new).map_err(|error| error.about("new_password"))?;
        let by_user = &self.inner.attempts.by_user;
        by_user
            .take(&identity.user, Instant::now())
            .map_err(|wait| Error::rate_limited(wait.as_secs() + 1))?;
        let (chat, identity) = (self.clone(), *identity);
        let (present, new) = (present.to_owned(), new.to_owned());
        self.to_the_end(async move { chat.replace_password(&identity, &present, &new).await })
            .await?;
        by_user.give_back(&identity.user, Instant::now());
        Ok(())
    }

    async fn replace_password(&self, identity: &Identity, present: &str, new: &str) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let found = self.account(identity.user).await?;
            let found = found.ok_or_else(Error::unauthenticated)?;
            let mut account = found.record;
            let hash = Some(account.password_hash.clone());
            // Judged anew after every other write: of two who change it one has the present one no more.
            if !self.inner.passwords.verify(present, hash).await? {
                return Err(wrong_credentials().about("password"));
            }
            if account.deactivated {
                return Err(Error::unauthenticated());
            }
            account.password_hash = self.inner.passwords.hash(new).await?;
            account.end_sessions(Some(identity.session));
            if self.replace_account(found.version, &account).await? {
                return self.clear_sessions(identity.user, Some(identity.session)).await;
            }
        }
        Err(Error::new(Code::Conflict, "the account kept changing; try again"))
    }

    /// Gives somebody a password without asking for the present one, and ends all sessions. For whoever keeps the server.
    pub(super) async fn set_password(&self, user: UserId, new: &str) -> Result<()> {
        let hash = self.inner.passwords.hash(new).await?;
        for _ in 0..MAX_TRIES {
            let found = self.account(user).await?.ok_or_else(Error::not_found)?;
            let mut account = found.record;
            account.password_hash.clone_from(&hash);
            account.end_sessions(None);
            if self.replace_account(found.version, &account).await? {
                return self.clear_sessions(user, None).await;
            }
        }
        Err(Error::new(Code::Conflict, "the account kept changing; try again"))
    }
}

fn wrong_credentials() -> Error {
    Error::new(Code::WrongCredentials, "the name and the password do not fit")
}

/// What one attacker has: an address of IPv4, but a whole network of IPv6.
pub(super) fn limited_part(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
    }
}
