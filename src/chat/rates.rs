//! How many requests an account and an address may make, over all its connections to this node.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use madang_storage::model::UserId;

use super::credentials::limited_part;
use super::limits::Buckets;
use super::{Chat, Error, Identity, Result};

/// So many seconds' worth of requests may come at once.
const BURST_SECONDS: u32 = 10;

/// The requests of late. Nothing is limited until somebody says how.
#[derive(Debug, Default)]
pub(super) struct Rates {
    by_user: OnceLock<Buckets<UserId>>,
    by_address: OnceLock<Buckets<IpAddr>>,
}

impl Chat {
    /// Says how many requests an account and an address may make a second; 0 for as many as they like. The first word
    /// holds.
    pub fn limit_requests(&self, per_account: u32, per_address: u32) {
        let Rates { by_user, by_address } = &self.inner.rates;
        if let Some(buckets) = buckets(per_account) {
            by_user.set(buckets).ok();
        }
        if let Some(buckets) = buckets(per_address) {
            by_address.set(buckets).ok();
        }
    }

    /// Says how many nodes there are: each lets through its part of what anybody may do.
    pub fn share_limits(&self, nodes: u32) {
        let inner = &self.inner;
        inner.attempts.share(nodes);
        inner.sign_ups.share(nodes);
        inner.profile_changes.share(nodes);
        inner.presences.share(nodes);
        inner.beginnings.share(nodes);
        let Rates { by_user, by_address } = &inner.rates;
        if let Some(buckets) = by_user.get() {
            buckets.share(nodes);
        }
        if let Some(buckets) = by_address.get() {
            buckets.share(nodes);
        }
    }

    /// Counts a request of somebody who is signed in, or refuses it.
    pub fn count_request(&self, identity: &Identity) -> Result<()> {
        count(self.inner.rates.by_user.get(), &identity.user)
    }

    /// Counts a request from an address, or refuses it.
    pub fn count_visit(&self, address: IpAddr) -> Result<()> {
        count(self.inner.rates.by_address.get(), &limited_part(address))
    }
}

fn buckets<K: std::hash::Hash + Eq + Clone>(per_second: u32) -> Option<Buckets<K>> {
    let every = Duration::from_secs(1).checked_div(per_second)?;
    Some(Buckets::new(per_second.saturating_mul(BURST_SECONDS), every))
}

fn count<K: std::hash::Hash + Eq + Clone>(buckets: Option<&Buckets<K>>, key: &K) -> Result<()> {
    let Some(buckets) = buckets else { return Ok(()) };
    let taken = buckets.take(key, Instant::now());
    taken.map_err(|wait| Error::rate_limited(wait.as_secs() + 1))
}
