//! Rules about those who are told: followers of changes, and sinks.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, Findings, History, Outcome, Rule};
use crate::Changed;
use crate::model::{EventId, StateOutcome, StreamId};

pub(super) fn check(history: &History, findings: &mut Findings) {
    changes(history, findings);
    sinks(history, findings);
}

fn changes(history: &History, findings: &mut Findings) {
    let mut tables = BTreeSet::new();
    for operation in &history.operations {
        if let Call::StateWrite {
            write,
            outcome: Some(StateOutcome::Written { .. }),
        } = &operation.call
        {
            tables.insert(write.key.table);
        }
        if let Call::Changes { entries, .. } = &operation.call {
            for (changed, told) in entries {
                let Changed::Stream(stream) = changed else {
                    continue;
                };
                let head = history.end.streams.get(stream).map_or(0, |(head, _)| head.rev);
                findings.unless(*told <= head, Rule::SeenStays, || {
                    format!("{stream} was told at {told} and ends at {head}")
                });
            }
        }
    }
    for (consumer, told) in &history.end.followed {
        for (stream, (head, _)) in &history.end.streams {
            let knows = told.get(&Changed::Stream(*stream)).copied().unwrap_or_default();
            findings.unless(knows == head.rev, Rule::ChangesComplete, || {
                format!(
                    "consumer {consumer} was told {knows} of {stream}, which is at {}",
                    head.rev
                )
            });
        }
        for table in &tables {
            findings.unless(
                told.contains_key(&Changed::State(*table)),
                Rule::ChangesComplete,
                || format!("consumer {consumer} was never told of {}", table.name()),
            );
        }
    }
}

fn sinks(history: &History, findings: &mut Findings) {
    let asked: BTreeMap<EventId, (usize, usize)> = history
        .appends()
        .map(|(operation, append)| (append.event_id, (operation.node, operation.life)))
        .collect();
    let mut last: BTreeMap<(usize, usize, StreamId), u64> = BTreeMap::new();
    let mut told_at: BTreeMap<EventId, u64> = BTreeMap::new();
    for told in &history.told {
        let event = &told.commit.event;
        let own = asked.get(&event.id) == Some(&(told.node, told.life));
        findings.unless(own, Rule::SinkInOrder, || {
            format!(
                "node {} was told of {}, which is not its own",
                told.node, event.id
            )
        });
        let last = last.entry((told.node, told.life, event.stream)).or_default();
        findings.unless(event.rev() > *last, Rule::SinkInOrder, || {
            format!(
                "node {}: rev {} of {} after {last}",
                told.node,
                event.rev(),
                event.stream
            )
        });
        *last = event.rev();
        told_at.insert(event.id, told.at);
    }
    for (operation, append) in history.appends() {
        let Outcome::Appended { replayed: false, .. } = &append.outcome else {
            continue;
        };
        let told = told_at.get(&append.event_id);
        let first = told.is_some_and(|at| operation.returned.is_none_or(|returned| *at < returned));
        findings.unless(first, Rule::SinkInOrder, || {
            format!("{} was answered and the sink had not been told", append.event_id)
        });
    }
}
