//! The data against a backup of it: nothing that the backup has may be missing or older.

use std::path::Path;

use super::{Checker, SLICE};
use crate::Result;
use crate::embedded::archive::{Frame, Reader};
use crate::embedded::frame;
use crate::embedded::tables::{self, Table};
use crate::model::{Head, MessageRecord, StateTable};

impl Checker<'_> {
    /// State rows may be gone for good reasons; their tables' counters never run backwards.
    pub(super) fn against(&mut self, file: &Path) -> Result<()> {
        let mut reader = Reader::open(file)?;
        for (number, count) in reader.manifest().state_writes.clone() {
            let Some(table) = StateTable::from_number(number) else {
                continue;
            };
            let key = tables::state_count(table);
            let present = self.value::<u64>(&key, None)?.unwrap_or(0);
            if present < count {
                self.problem(&key, format_args!("it is {present}, the backup has {count}"));
            }
        }
        while let Some(frame) = reader.next_frame()? {
            self.compared(&frame)?;
            self.report.compared += 1;
            if self.report.compared.is_multiple_of(SLICE as u64) {
                self.step()?;
            }
        }
        reader.finish().map(|_| ())
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
                let then: MessageRecord = frame::decode(key, &backup.content)?;
                match self.required_value::<MessageRecord>(key)? {
                    Some(now) if now.rev < then.rev || (now.rev == then.rev && now != then) => {
                        self.problem(key, "it is older than in the backup, or another message");
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }
}
