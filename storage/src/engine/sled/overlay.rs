//! What sled held before the batch that is on its way to the disk, and how reads use it.
//!
//! sled shows each row of a batch as soon as it is applied, which is before it is durable and one row after the other.
//! So the committer first publishes what the batch's keys held, and takes that away once the batch is durable. A read
//! takes what is published at its start, reads sled, and puts the old values over what it found.
//!
//! A read that a *new* publication overtakes may have seen rows of that batch without knowing them for such, and is
//! done again. Taking away needs no such care: until a read ends, it keeps the old values that it started with, and
//! the rows it took from sled belong to no batch that was published by then.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, RwLock};

use super::super::Pair;
use super::super::guard::{read_lock, write_lock};
use crate::error::Result;

/// What the keys of one batch held before it.
pub(super) type OldValues = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// How often a read is overtaken before it makes the committer wait.
const FREE_TRIES: usize = 3;

#[derive(Clone, Default)]
struct Published {
    /// Counts publications, not what is taken away.
    number: u64,
    old: Option<Arc<OldValues>>,
}

/// The old values of the batch that is on its way, if there is one.
#[derive(Default)]
pub(super) struct Overlay {
    published: RwLock<Published>,
    /// Held by a read that was overtaken too often, and by the committer for the moment of publishing. Apart from
    /// `published`, so that other reads go on meanwhile.
    gate: RwLock<()>,
}

impl Overlay {
    /// Shows `old` in place of what sled holds, from now on.
    pub(super) fn publish(&self, old: OldValues) {
        let _gate = write_lock(&self.gate);
        let mut published = write_lock(&self.published);
        published.number += 1;
        published.old = Some(Arc::new(old));
    }

    /// Shows what sled holds again: the batch is durable.
    pub(super) fn clear(&self) {
        let old = write_lock(&self.published).old.take();
        // Freed here and not under the lock.
        drop(old);
    }

    /// Runs `read` with the old values, until no batch has been published meanwhile.
    pub(super) fn read<T>(&self, mut read: impl FnMut(Option<&OldValues>) -> Result<T>) -> Result<T> {
        for _ in 0..FREE_TRIES {
            let seen = self.published();
            let answer = read(seen.old.as_deref())?;
            // Giving this lock back happens before the committer takes it to publish, if the number is still the
            // same, and so does all of the read above: it cannot have seen what was written after that.
            if read_lock(&self.published).number == seen.number {
                return Ok(answer);
            }
        }
        let _gate = read_lock(&self.gate);
        let seen = self.published();
        read(seen.old.as_deref())
    }

    fn published(&self) -> Published {
        read_lock(&self.published).clone()
    }
}

/// Up to `limit` pairs of `stored` with the old values of `from <= key < to` over them. `stored` comes in the
/// direction asked for.
pub(super) fn merge<K, V>(
    stored: impl Iterator<Item = Result<(K, V)>>,
    old: &OldValues,
    from: &[u8],
    to: &[u8],
    limit: usize,
    reverse: bool,
) -> Result<Vec<Pair>>
where
    K: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let old = old.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
    if reverse {
        merge_ordered(stored, old.rev(), limit, |stored, old| old.cmp(stored))
    } else {
        merge_ordered(stored, old, limit, |stored, old| stored.cmp(old))
    }
}

fn merge_ordered<'a, K, V>(
    stored: impl Iterator<Item = Result<(K, V)>>,
    old: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    limit: usize,
    order: impl Fn(&[u8], &[u8]) -> Ordering,
) -> Result<Vec<Pair>>
where
    K: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let mut pairs = Vec::new();
    let mut stored = stored;
    let mut next_stored = stored.next().transpose()?;
    let mut old = old.peekable();

    while pairs.len() < limit {
        let order = match (&next_stored, old.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((key, _)), Some((old_key, _))) => order(key.as_ref(), old_key),
        };
        if order == Ordering::Less {
            if let Some((key, value)) = next_stored.take() {
                pairs.push((key.as_ref().to_vec(), value.as_ref().to_vec()));
            }
        } else if let Some((key, Some(value))) = old.next() {
            pairs.push((key.clone(), value.clone()));
        }
        // The stored row was taken, or the old one stands in its place.
        if order != Ordering::Greater && pairs.len() < limit {
            next_stored = stored.next().transpose()?;
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(value: &str) -> OldValues {
        OldValues::from([(b"key".to_vec(), Some(value.as_bytes().to_vec()))])
    }

    #[test]
    fn a_read_that_nothing_overtakes_is_done_once() {
        let overlay = Overlay::default();
        overlay.publish(old("1"));
        let mut tries = 0;
        let seen = overlay.read(|old| {
            tries += 1;
            // Taking away does not overtake a read.
            overlay.clear();
            Ok(old.cloned())
        });
        assert_eq!((seen, tries), (Ok(Some(old("1"))), 1));
        assert_eq!(overlay.read(|old| Ok(old.cloned())), Ok(None));
    }

    #[test]
    fn a_read_that_a_batch_overtakes_is_done_again() {
        let overlay = Overlay::default();
        let mut tries = 0;
        let seen = overlay.read(|old_values| {
            tries += 1;
            if tries == 1 {
                overlay.publish(old("1"));
                overlay.clear();
                overlay.publish(old("2"));
            }
            Ok(old_values.cloned())
        });
        assert_eq!((seen, tries), (Ok(Some(old("2"))), 2));
    }

    #[test]
    fn a_read_that_is_overtaken_again_and_again_makes_the_committer_wait() {
        let overlay = Overlay::default();
        let mut tries = 0;
        let seen = overlay.read(|old_values| {
            if overlay.gate.try_write().is_ok() {
                overlay.publish(old(&tries.to_string()));
            }
            tries += 1;
            // The gate is shut for publishing only: another read goes on.
            assert_eq!(overlay.read(|_| Ok(())), Ok(()));
            Ok(old_values.cloned())
        });
        assert_eq!((seen, tries), (Ok(Some(old("2"))), FREE_TRIES + 1));
        assert!(overlay.gate.try_write().is_ok());
    }
}
