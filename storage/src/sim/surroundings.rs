//! Clocks that differ and jump, and identifiers that a seed decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::Instant;

use super::random::Random;
use crate::model::Timestamp;
use crate::{Clock, Env, Ids};

/// When every simulated run begins: some day in 2027.
const BEGIN_MS: i64 = 1_800_000_000_000;

/// A clock that runs with the runtime's time and is wrong by some amount.
pub struct SimClock {
    started: Instant,
    wrong_by_ms: AtomicI64,
}

impl SimClock {
    /// A clock that is right, until told otherwise.
    pub fn new(started: Instant) -> Self {
        Self {
            started,
            wrong_by_ms: AtomicI64::new(0),
        }
    }

    /// Makes the clock jump to this much ahead of the right time, or behind it.
    pub fn set_wrong_by(&self, millis: i64) {
        self.wrong_by_ms.store(millis, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let millis = BEGIN_MS
            .saturating_add(passed)
            .saturating_add(self.wrong_by_ms.load(Ordering::SeqCst));
        Timestamp::from_millis(u64::try_from(millis).unwrap_or_default())
    }
}

/// Identifiers of the simulated clock's time and the seed's numbers.
pub struct SimIds {
    clock: Arc<SimClock>,
    random: Random,
}

impl Ids for SimIds {
    fn next(&self) -> u128 {
        let random = u128::from(self.random.bits()) << 16 | u128::from(self.random.bits() & 0xffff);
        u128::from(self.clock.now().as_millis()) << 80 | random
    }
}

/// The surroundings of a simulated node.
pub(super) fn env(clock: Arc<SimClock>, random: Random) -> Env {
    Env {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ids: Arc::new(SimIds { clock, random }),
    }
}
