//! Rules about rows: they are what the events make of them, at every rev.

use std::collections::BTreeMap;

use super::{Call, Findings, History, Outcome, Rule};
use crate::model::{
    Event, Fact, MessageRecord, RoomId, Row, RowChange, RowKey, Rows, StreamId, project, rows_needed,
};

/// What all events of a history make together.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// The rows in the end; `None` for those that were and are no more.
    pub rows: BTreeMap<RowKey, Option<Row>>,
    /// Every message at every rev that changed it.
    pub records: BTreeMap<(RoomId, u64, u64), MessageRecord>,
    /// Events that do not fit.
    pub unfit: Vec<String>,
}

/// Projects all events that stand in the end, with the texts that their authors meant.
pub fn fold(history: &History) -> Folded {
    let mut folded = Folded::default();
    for (_, commits) in history.end.streams.values() {
        for commit in commits {
            let mut event = commit.event.clone();
            if let Some(fact) = history.meant.get(&event.id) {
                event.fact = with_text_of(event.fact, fact);
            }
            folded.apply(&event);
        }
    }
    folded
}

impl Folded {
    fn apply(&mut self, event: &Event) {
        let mut rows = Rows::default();
        for key in rows_needed(event.stream, &event.fact) {
            if let Some(Some(row)) = self.rows.get(&key) {
                rows.insert(key, row.clone());
            }
        }
        let changes = match project(event, &rows) {
            Ok(changes) => changes,
            Err(error) => {
                return self
                    .unfit
                    .push(format!("rev {} of {}: {error}", event.rev(), event.stream));
            }
        };
        for change in changes {
            match change {
                RowChange::Put(key, row) => {
                    if let (RowKey::Message { room, seq }, Row::Message(record)) = (&key, &row) {
                        self.records.insert((*room, *seq, record.rev), record.clone());
                    }
                    self.rows.insert(key, Some(row));
                }
                RowChange::Delete(key) => {
                    self.rows.insert(key, None);
                }
                // State rows have rules of their own.
                RowChange::MoveMarker { .. } => {}
            }
        }
    }
}

/// The stored fact with the text of the one that its author meant.
fn with_text_of(mut stored: Fact, meant: &Fact) -> Fact {
    match (&mut stored, meant) {
        (Fact::MessagePosted { text, .. }, Fact::MessagePosted { text: whole, .. })
        | (Fact::MessageEdited { text, .. }, Fact::MessageEdited { text: whole, .. }) => {
            text.clone_from(whole)
        }
        _ => {}
    }
    stored
}

pub(super) fn check(history: &History, findings: &mut Findings) {
    let folded = fold(history);
    for text in &folded.unfit {
        findings.add(Rule::RowsFollow, text.clone());
    }
    for (key, expected) in &folded.rows {
        let found = history.end.rows.get(key);
        findings.unless(found == Some(expected), Rule::RowsFollow, || {
            format!("{key:?} is {found:?}, not {expected:?}")
        });
    }
    for (room, record) in records_seen(history) {
        let expected = folded.records.get(&(room, record.seq, record.rev));
        findings.unless(expected == Some(record), Rule::RowsFollow, || {
            format!("a message was {record:?}, not {expected:?}")
        });
    }
    for (_, append) in history.appends() {
        let Outcome::Appended {
            commit,
            replayed: false,
        } = &append.outcome
        else {
            continue;
        };
        let fits = commit
            .record
            .as_ref()
            .is_none_or(|record| record.rev == commit.event.rev());
        findings.unless(fits, Rule::RowsFollow, || {
            format!("{} was answered with another rev", commit.event.id)
        });
    }
}

/// Every message that anybody saw.
fn records_seen(history: &History) -> Vec<(RoomId, &MessageRecord)> {
    let mut records = Vec::new();
    for commit in history.seen() {
        if let (StreamId::Room(room), Some(record)) = (commit.event.stream, &commit.record) {
            records.push((room, &**record));
        }
    }
    for operation in &history.operations {
        match &operation.call {
            Call::History { room, page } => {
                records.extend(page.messages.iter().map(|record| (*room, record)))
            }
            Call::Rows(rows) => records.extend(rows.iter().filter_map(|row| match row {
                (RowKey::Message { room, .. }, Some(Row::Message(record))) => Some((*room, record)),
                _ => None,
            })),
            _ => {}
        }
    }
    records
}
