//! What a store takes from its surroundings: time and identifiers. One seam, so that a simulation decides both.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// The present moment. May jump; streams keep their own time from running backwards.
    fn now(&self) -> Timestamp;
}

/// Makes identifiers.
pub trait Ids: Send + Sync {
    /// A new value that nobody else has: 48 bits of milliseconds, then 80 random bits, as in a ULID.
    fn next(&self) -> u128;
}

/// The surroundings of a store and of the logic above it. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
}

impl Env {
    /// The machine's clock and random numbers from the operating system.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new identifier's value.
    pub fn next_id(&self) -> u128 {
        self.ids.next()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock set before 1970 counts as 1970: streams keep their own time from running backwards.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Identifiers from the machine's clock and the operating system's random numbers.
#[derive(Debug, Clone, Copy)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn next(&self) -> u128 {
        use rand::RngExt as _;
        let millis = SystemClock.now().as_millis();
        ulid::Ulid::from_parts(millis, rand::rng().random()).0
    }
}
