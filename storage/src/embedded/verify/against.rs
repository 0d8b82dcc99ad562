//! The data against a backup of it: nothing that the backup has may be missing or older.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Checker, SLICE};
use crate::Result;
use crate::embedded::archive::{Frame, Reader};
use crate::embedded::frame;
use crate::embedded::stored::StoredMessage;
use crate::embedded::tables::{self, Table};
use crate::model::{Head, StateTable};

impl Checker<'_> {
    /// State rows may be gone for good reasons; their tables' counters never run backwards.
    pub(super) fn against(&mut self, file: &Path) -> Result<()> {
        let mut reader = Reader::open(file)?;
        let mut unwritten = BTreeMap::new();
        for (number, count) in reader.manifest().state_writes.clone() {
            let Some(table) = StateTable::from_number(number) else {
                continue;
            };
            let key = tables::state_count(table);
            let present = self.value::<u64>(&key, None)?.unwrap_or(0);
            if present < count {
                self.problem(&key, format_args!("it is {present}, the backup has {count}"));
            } else if present == count {
                unwritten.insert(table, count);
            }
        }
        while let Some(frame) = reader.next_frame()? {
            self.compared(&frame)?;
            self.compared_state(&frame, &unwritten)?;
            self.report.compared += 1;
            if self.report.compared.is_multiple_of(SLICE as u64) {
                self.step()?;
            }
        }
        reader.finish().map(|_| ())
    }

    /// Rows of a table that was not written since are all as they were: the only way to notice that one is gone.
    fn compared_state(&mut self, backup: &Frame, unwritten: &BTreeMap<StateTable, u64>) -> Result<()> {
        if Table::of(&backup.key)? != Table::State {
            return Ok(());
        }
        let table = tables::state_key(&backup.key)?.table;
        // A running store may have written it since the check began.
        let counter = self.value::<u64>(&tables::state_count(table), None)?;
        let Some(then) = unwritten.get(&table) else {
            return Ok(());
        };
        if counter != Some(*then) {
            return Ok(());
        }
        match self.required(&backup.key)? {
            Some(content) if content != backup.content => {
                self.problem(
                    &backup.key,
                    "it is another than in the backup, and nobody wrote it since",
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn compared(&mut self, backup: &Frame) -> Result<()> {
        let key = &backup.key;
        match Table::of(key)? {
            Table::Heads => {
                let then: Head = frame::decode(key, &backup.content)?;
                let now = self.value::<Head>(key, None)?.unwrap_or_default();
                let ahead = now.rev >= then.rev
                    && now.seq >= then.seq
                    && now.n >= then.n
                    && now.deleted_seq >= then.deleted_seq
                    && now.at >= then.at;
                if !ahead {
                    let what = format!("it is at {}, the backup has {}", now.rev, then.rev);
                    self.problem(key, what);
                }
            }
            // Events never change.
            Table::Events => match self.required(key)? {
                Some(content) if content != backup.content => {
                    self.problem(key, "it is another event than in the backup");
                }
                _ => {}
            },
            Table::Messages => {
                let then: StoredMessage = frame::decode(key, &backup.content)?;
                let Some(now) = self.required_value::<StoredMessage>(key)? else {
                    return Ok(());
                };
                let (record, record_then) = (&now.record, &then.record);
                if record.rev < record_then.rev
                    || (record.rev == record_then.rev && record != record_then)
                    || now.post != then.post
                {
                    self.problem(key, "it is older than in the backup, or another message");
                }
            }
            _ => {}
        }
        Ok(())
    }
}
