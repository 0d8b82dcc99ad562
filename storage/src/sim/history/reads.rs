//! Rules about reads: nothing that was answered or seen is missing for whoever looks afterwards.

use std::collections::BTreeMap;

use super::{Call, Findings, History, Operation, Outcome, Rule};
use crate::model::{MessageRecord, RoomId, Row, RowKey, StreamId};

/// What is known at a moment: the least that every later read must show.
#[derive(Default)]
struct Known {
    /// Each stream's head, and whether an append or a read told it.
    heads: BTreeMap<StreamId, (u64, Rule)>,
    /// The rev of each message.
    records: BTreeMap<(RoomId, u64), (u64, Rule)>,
}

/// What an operation showed.
#[derive(Default)]
struct Shown<'a> {
    heads: Vec<(StreamId, u64)>,
    records: Vec<(RoomId, &'a MessageRecord)>,
    /// Messages that are not there.
    absent: Vec<(RoomId, u64)>,
}

pub(super) fn check(history: &History, findings: &mut Findings) {
    let mut moments: Vec<(u64, bool, &Operation)> = Vec::new();
    for operation in &history.operations {
        moments.push((operation.invoked, false, operation));
        moments.extend(operation.returned.map(|returned| (returned, true, operation)));
    }
    moments.sort_by_key(|(moment, ..)| *moment);

    let mut known = Known::default();
    // What was known when each operation under way was invoked.
    let mut before: BTreeMap<u64, Known> = BTreeMap::new();
    for (_, returned, operation) in moments {
        if !returned {
            if operation.returned.is_some() && is_read(&operation.call) {
                before.insert(operation.invoked, known.copy());
            }
            continue;
        }
        let shown = shown(&operation.call);
        if let Some(known) = before.remove(&operation.invoked) {
            compare(&known, &shown, findings);
        }
        known.learn(operation, &shown);
    }
    for page in history.operations.iter() {
        page_is_dense(&page.call, findings);
    }
}

fn is_read(call: &Call) -> bool {
    matches!(
        call,
        Call::Heads(_) | Call::Events { .. } | Call::History { .. } | Call::Rows(_)
    )
}

impl Known {
    fn copy(&self) -> Self {
        Self {
            heads: self.heads.clone(),
            records: self.records.clone(),
        }
    }

    fn learn(&mut self, operation: &Operation, shown: &Shown<'_>) {
        for (stream, rev) in &shown.heads {
            raise(&mut self.heads, *stream, *rev, Rule::SeenStays);
        }
        for (room, record) in &shown.records {
            raise(
                &mut self.records,
                (*room, record.seq),
                record.rev,
                Rule::SeenStays,
            );
        }
        let Call::Append(append) = &operation.call else {
            return;
        };
        let Outcome::Appended { commit, .. } = &append.outcome else {
            return;
        };
        raise(
            &mut self.heads,
            append.stream,
            commit.event.rev(),
            Rule::AnsweredIsSeen,
        );
        if let (StreamId::Room(room), Some(record)) = (append.stream, &commit.record) {
            raise(
                &mut self.records,
                (room, record.seq),
                record.rev,
                Rule::AnsweredIsSeen,
            );
        }
    }
}

fn raise<K: Ord>(known: &mut BTreeMap<K, (u64, Rule)>, key: K, rev: u64, rule: Rule) {
    let entry = known.entry(key).or_insert((0, rule));
    if rev > entry.0 {
        *entry = (rev, rule);
    }
}

fn shown(call: &Call) -> Shown<'_> {
    let mut shown = Shown::default();
    match call {
        Call::Heads(heads) => shown
            .heads
            .extend(heads.iter().map(|(stream, head)| (*stream, head.rev))),
        Call::Events { stream, page, .. } => {
            shown.heads.push((*stream, page.head.rev));
            if let StreamId::Room(room) = stream {
                let records = page.commits.iter().filter_map(|commit| commit.record.as_deref());
                shown.records.extend(records.map(|record| (*room, record)));
            }
        }
        Call::History { room, page } => {
            shown.heads.push((StreamId::Room(*room), page.head.rev));
            shown
                .records
                .extend(page.messages.iter().map(|record| (*room, record)));
        }
        Call::Rows(rows) => {
            for row in rows {
                match row {
                    (RowKey::Message { room, .. }, Some(Row::Message(record))) => {
                        shown.records.push((*room, record));
                    }
                    (RowKey::Message { room, seq }, None) => shown.absent.push((*room, *seq)),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    shown
}

fn compare(known: &Known, shown: &Shown<'_>, findings: &mut Findings) {
    for (stream, rev) in &shown.heads {
        if let Some((least, rule)) = known.heads.get(stream) {
            findings.unless(rev >= least, *rule, || {
                format!("{stream} was at {least} and is read at {rev}")
            });
        }
    }
    for (room, record) in &shown.records {
        if let Some((least, rule)) = known.records.get(&(*room, record.seq)) {
            findings.unless(record.rev >= *least, *rule, || {
                format!(
                    "message {} of {room} was at {least} and is read at {}",
                    record.seq, record.rev
                )
            });
        }
    }
    for place in &shown.absent {
        if let Some((_, rule)) = known.records.get(place) {
            findings.add(
                *rule,
                format!("message {} of {} was there and is gone", place.1, place.0),
            );
        }
    }
}

/// A page has no holes and does not end before its head.
fn page_is_dense(call: &Call, findings: &mut Findings) {
    match call {
        Call::Events { stream, after, page } => {
            let dense = page
                .commits
                .iter()
                .map(|commit| commit.event.rev())
                .eq((after + 1..).take(page.commits.len()));
            findings.unless(dense, Rule::Dense, || {
                format!("a page of {stream} after {after} has holes")
            });
        }
        Call::History { room, page } => {
            let first = page.messages.first().map_or(0, |record| record.seq);
            let dense = page
                .messages
                .iter()
                .map(|record| record.seq)
                .eq((first..).take(page.messages.len()));
            findings.unless(dense, Rule::Dense, || format!("a page of {room} has holes"));
        }
        _ => {}
    }
}
