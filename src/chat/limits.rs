//! How often something may be tried: token buckets in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many keys are remembered. Full buckets are forgotten first; a flood of keys beyond that is slowed as one.
const MAX_KEYS: usize = 50_000;

/// A bucket for each key: so many attempts at once, and one more after each `every`.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    capacity: u32,
    every: Duration,
    /// How many nodes have the attempts among them: one counts for so many here.
    nodes: AtomicU32,
    used: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When the bucket is full again. The more is taken, the later that is.
    full_at: Instant,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn new(capacity: u32, every: Duration) -> Self {
        Self {
            capacity,
            every,
            nodes: AtomicU32::new(1),
            used: Mutex::default(),
        }
    }

    /// From now on so many nodes have the attempts among them. Whoever comes to one of them alone has fewer, but may err
    /// once: two at least.
    pub(super) fn share(&self, nodes: u32) {
        let nodes = nodes.clamp(1, (self.capacity / 2).max(1));
        self.nodes.store(nodes, Ordering::Relaxed);
    }

    /// Takes one attempt, or answers how long to wait for it.
    pub(super) fn take(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MAX_KEYS && !used.contains_key(key) {
            used.retain(|_, bucket| bucket.full_at > now);
            if used.len() >= MAX_KEYS {
                return Err(self.every);
            }
        }
        let bucket = used.entry(key.clone()).or_insert(Bucket { full_at: now });
        let full_at = bucket.full_at.max(now) + self.cost();
        let longest = self.every * self.capacity;
        match full_at.duration_since(now).checked_sub(longest) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                bucket.full_at = full_at;
                Ok(())
            }
        }
    }

    /// Gives an attempt back: it was a good one.
    pub(super) fn give_back(&self, key: &K, now: Instant) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = used.get_mut(key) else { return };
        let full_at = bucket.full_at.checked_sub(self.cost());
        match full_at.filter(|at| *at > now) {
            Some(at) => bucket.full_at = at,
            None => drop(used.remove(key)),
        }
    }

    /// How much later a bucket is full for an attempt.
    fn cost(&self) -> Duration {
        self.every * self.nodes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let second = Duration::from_secs(1);
        let buckets = Buckets::new(2, second);
        let now = Instant::now();
        assert_eq!(buckets.take(&1, now), Ok(()));
        assert_eq!(buckets.take(&1, now), Ok(()));
        assert_eq!(buckets.take(&1, now), Err(second));
        assert_eq!(buckets.take(&2, now), Ok(()), "keys do not share");
        assert_eq!(buckets.take(&1, now + second), Ok(()));
        assert_eq!(buckets.take(&1, now + second), Err(second));
        buckets.give_back(&1, now + second);
        assert_eq!(buckets.take(&1, now + second), Ok(()));
    }

    #[test]
    fn nodes_share_what_may_be_tried() {
        let second = Duration::from_secs(1);
        let buckets = Buckets::new(4, second);
        let now = Instant::now();
        buckets.share(2);
        assert_eq!(buckets.take(&1, now), Ok(()));
        assert_eq!(buckets.take(&1, now), Ok(()));
        assert_eq!(
            buckets.take(&1, now),
            Err(2 * second),
            "the other two are the other node's"
        );
        buckets.give_back(&1, now);
        assert_eq!(buckets.take(&1, now), Ok(()));
        buckets.share(100);
        for _ in 0..2 {
            assert_eq!(
                buckets.take(&2, now),
                Ok(()),
                "two at least, however many nodes there are"
            );
        }
        assert_eq!(buckets.take(&2, now), Err(2 * second));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let buckets = Buckets::new(1, Duration::from_secs(1));
        let now = Instant::now();
        for key in 0..MAX_KEYS {
            assert_eq!(buckets.take(&key, now), Ok(()));
        }
        assert!(buckets.take(&MAX_KEYS, now).is_err());
        assert_eq!(buckets.take(&MAX_KEYS, now + Duration::from_secs(2)), Ok(()));
    }
}
