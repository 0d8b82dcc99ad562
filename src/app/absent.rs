//! Those who miss messages. They are counted until there is something that tells them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::chat::{Absent, Missed};

/// How many people missed a message.
#[derive(Debug, Default)]
pub(super) struct Missing(AtomicU64);

impl Missing {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Absent for Missing {
    fn absent(&self, missed: &Missed) {
        self.0.fetch_add(missed.people.len() as u64, Ordering::Relaxed);
    }
}
