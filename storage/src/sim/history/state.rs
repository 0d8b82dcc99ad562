//! Rules about state rows: one writer after the other, and markers that grow.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, Findings, History, Operation, Outcome, Rule};
use crate::decode;
use crate::model::{
    Marker, StateKey, StateOutcome, StateRow, StateTable, StateWrite, StateWriteKind, StreamId,
};

/// The most operations on one row that can be put in order in reasonable time.
const MOST: usize = 100;

pub(super) fn check(history: &History, findings: &mut Findings) {
    let mut rows: BTreeMap<&StateKey, Vec<&Operation>> = BTreeMap::new();
    for operation in &history.operations {
        match &operation.call {
            Call::StateRead { key, .. }
            | Call::StateWrite {
                write: StateWrite { key, .. },
                ..
            } => {
                rows.entry(key).or_default().push(operation);
            }
            _ => {}
        }
    }
    for (key, operations) in rows {
        if key.table == StateTable::Markers {
            marker_grows(history, key, &operations, findings);
            continue;
        }
        single_winners(key, &operations, findings);
        let most = operations.len() <= MOST;
        findings.unless(most, Rule::Linearizable, || {
            format!("{key:?} has too many operations to tell")
        });
        if most {
            let search = Search {
                operations: &operations,
                dead_ends: BTreeSet::new(),
            };
            findings.unless(search.succeeds(), Rule::Linearizable, || {
                format!("{key:?}: {operations:#?}")
            });
        }
    }
}

/// Between two removals, one insert wins and each version has one writer.
fn single_winners(key: &StateKey, operations: &[&Operation], findings: &mut Findings) {
    let removes = |operation: &&Operation| {
        matches!(
            &operation.call,
            Call::StateWrite { write: StateWrite { kind: StateWriteKind::CompareAndDelete { .. }, .. }, outcome }
                if !matches!(outcome, Some(StateOutcome::Conflict { .. }))
        )
    };
    let lives = 1 + operations.iter().filter(|operation| removes(operation)).count();
    let mut versions: BTreeMap<u64, usize> = BTreeMap::new();
    for operation in operations {
        let Call::StateWrite {
            outcome: Some(StateOutcome::Written { version }),
            ..
        } = &operation.call
        else {
            continue;
        };
        if *version > 0 {
            *versions.entry(*version).or_default() += 1;
        }
    }
    for (version, writers) in versions {
        let rule = if version == 1 {
            Rule::InsertOnce
        } else {
            Rule::VersionOnce
        };
        findings.unless(writers <= lives, rule, || {
            format!("{key:?}: version {version} was written {writers} times in {lives} lives")
        });
    }
}

/// Whatever anybody has read, and whatever was answered before a read, the read is not behind it.
fn marker_grows(history: &History, key: &StateKey, operations: &[&Operation], findings: &mut Findings) {
    let mut known: Vec<(u64, u64)> = Vec::new();
    for (operation, append) in history.appends() {
        let (Outcome::Appended { commit, .. }, Some(actor)) = (&append.outcome, append.actor) else {
            continue;
        };
        let StreamId::Room(room) = append.stream else {
            continue;
        };
        let posted = matches!(commit.event.fact, crate::model::Fact::MessagePosted { .. });
        if posted && StateKey::marker(actor, room) == *key {
            known.extend(
                operation
                    .returned
                    .map(|returned| (returned, commit.event.head.seq)),
            );
        }
    }
    let seq_of = |value: &[u8]| decode::<Marker>(value).map_or(0, |marker| marker.seq);
    for operation in operations {
        let seq = match &operation.call {
            Call::StateRead { row, .. } => row.as_ref().map_or(0, |row| seq_of(&row.value)),
            Call::StateWrite {
                write,
                outcome: Some(StateOutcome::Written { .. }),
            } => match &write.kind {
                StateWriteKind::Insert { value, .. } | StateWriteKind::CompareAndSet { value, .. } => {
                    seq_of(value)
                }
                StateWriteKind::CompareAndDelete { .. } => 0,
            },
            _ => continue,
        };
        known.extend(operation.returned.map(|returned| (returned, seq)));
    }
    for operation in operations {
        let Call::StateRead { row, .. } = &operation.call else {
            continue;
        };
        let seq = row.as_ref().map_or(0, |row| seq_of(&row.value));
        let before = known.iter().filter(|(returned, _)| *returned < operation.invoked);
        let least = before.map(|(_, seq)| *seq).max().unwrap_or(0);
        findings.unless(seq >= least, Rule::MarkerGrows, || {
            format!("{key:?} was at {least} and is read at {seq}")
        });
    }
}

/// Looks for an order of the operations on one row in which each answer is right.
struct Search<'a> {
    operations: &'a [&'a Operation],
    /// What was tried already.
    dead_ends: BTreeSet<Situation>,
}

/// Which operations are done, and the row's version and value after them.
type Situation = (u128, Option<(u64, Vec<u8>)>);

impl Search<'_> {
    fn succeeds(mut self) -> bool {
        self.step(0, None)
    }

    fn step(&mut self, done: u128, row: Option<&StateRow>) -> bool {
        let open = |place: usize| done & (1 << place) == 0;
        let first_return = self
            .operations
            .iter()
            .enumerate()
            .filter(|(place, _)| open(*place))
            .filter_map(|(_, o)| o.returned)
            .min();
        // What has no clear answer need not have happened.
        let Some(first_return) = first_return else {
            return true;
        };
        let seen = (done, row.map(|row| (row.version, row.value.clone())));
        if !self.dead_ends.insert(seen) {
            return false;
        }
        for place in 0..self.operations.len() {
            let operation = self.operations[place];
            if !open(place) || operation.invoked > first_return {
                continue;
            }
            let after = after(operation, row);
            if after.is_some_and(|after| self.step(done | 1 << place, after.as_ref())) {
                return true;
            }
        }
        false
    }
}

/// The row after the operation; `None` when its answer is not right for this row.
fn after(operation: &Operation, row: Option<&StateRow>) -> Option<Option<StateRow>> {
    match &operation.call {
        Call::StateRead { row: read, .. } => (read.as_ref() == row).then(|| row.cloned()),
        Call::StateWrite { write, outcome } => {
            let written = carried_out(&write.kind, row);
            match (outcome, written) {
                (Some(StateOutcome::Written { version }), Some(after)) => {
                    let right = after.as_ref().map_or(0, |row| row.version) == *version;
                    right.then_some(after)
                }
                (Some(StateOutcome::Conflict { current }), None) => {
                    (current.as_ref() == row).then(|| row.cloned())
                }
                (None, Some(after)) => Some(after),
                (None, None) => Some(row.cloned()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The row after the write; `None` when the row is not as the write expects.
fn carried_out(kind: &StateWriteKind, row: Option<&StateRow>) -> Option<Option<StateRow>> {
    let new = |version: u64, value: &Vec<u8>, expires_at| {
        Some(Some(StateRow {
            version,
            value: value.clone(),
            expires_at,
        }))
    };
    match (kind, row) {
        (StateWriteKind::Insert { value, expires_at }, None) => new(1, value, *expires_at),
        (
            StateWriteKind::CompareAndSet {
                version,
                value,
                expires_at,
            },
            Some(row),
        ) if row.version == *version => new(version + 1, value, *expires_at),
        (StateWriteKind::CompareAndDelete { version }, Some(row)) if row.version == *version => Some(None),
        _ => None,
    }
}
