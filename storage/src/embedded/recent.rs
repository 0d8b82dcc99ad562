//! Rows that the committer wrote or read last. Those who post do so again in the same rooms: their markers and the rooms'
//! heads are at hand, and each costs the engine no search. Nobody else writes, so what is here is what is stored.

use std::collections::HashMap;

use super::tables::Table;
use crate::engine::Batch;

/// A generation has no more rows than this: two of them take about 2 MiB.
const MAX_ROWS: usize = 4_096;
/// Longer values are not kept.
const MAX_BYTES: usize = 256;

/// Values of heads and state rows, in two generations: what is not asked for through one of them is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    young: HashMap<Vec<u8>, Vec<u8>>,
    old: HashMap<Vec<u8>, Vec<u8>>,
}

impl Recent {
    /// The value of a row, if it is known.
    pub(crate) fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.keep(key, value.clone());
        Some(value)
    }

    /// Takes over what a batch is about to write. When that fails, this is not to be used any more.
    pub(crate) fn note(&mut self, batch: &Batch) {
        for entry in batch {
            if !is_kept(&entry.key) {
                continue;
            }
            match &entry.value {
                Some(value) if value.len() <= MAX_BYTES => self.keep(entry.key.clone(), value.clone()),
                _ => {
                    self.young.remove(&entry.key);
                    self.old.remove(&entry.key);
                }
            }
        }
    }

    fn keep(&mut self, key: Vec<u8>, value: Vec<u8>) {
        if self.young.len() >= MAX_ROWS && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        // What the older generation has of it is hidden from now on.
        self.young.insert(key, value);
    }
}

fn is_kept(key: &[u8]) -> bool {
    let table = key.first().copied();
    [Table::Heads, Table::State]
        .iter()
        .any(|kept| table == Some(kept.number()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Entry, Previous};

    fn entry(number: usize, value: Option<&[u8]>) -> Entry {
        let mut key = vec![Table::Heads.number()];
        key.extend_from_slice(&number.to_be_bytes());
        Entry {
            key,
            value: value.map(<[u8]>::to_vec),
            previous: Previous::Unknown,
        }
    }

    #[test]
    fn the_newest_value_is_answered_and_no_removed_one() {
        let mut recent = Recent::default();
        let key = entry(0, None).key;
        recent.note(&vec![entry(0, Some(b"one"))]);
        let others = (1..=MAX_ROWS).map(|number| entry(number, Some(b"x")));
        recent.note(&others.collect());
        assert_eq!(recent.get(&key), Some(b"one".to_vec()), "of the older generation");
        recent.note(&vec![entry(0, Some(b"two"))]);
        assert_eq!(recent.get(&key), Some(b"two".to_vec()));
        recent.note(&vec![entry(0, None)]);
        assert_eq!(recent.get(&key), None);
        recent.note(&vec![entry(0, Some(b"two"))]);
        recent.note(&vec![entry(0, Some(&[0; MAX_BYTES + 1]))]);
        assert_eq!(recent.get(&key), None, "too long to be kept");
    }

    #[test]
    fn memory_is_bounded() {
        let mut recent = Recent::default();
        for number in 0..5 * MAX_ROWS {
            recent.note(&vec![entry(number, Some(b"x"))]);
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * MAX_ROWS);
        let message = Entry {
            key: vec![Table::Messages.number(), 1],
            ..entry(0, Some(b"x"))
        };
        recent = Recent::default();
        recent.note(&vec![message]);
        assert!(recent.young.is_empty());
    }
}
