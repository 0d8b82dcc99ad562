//! What the data says of itself: format, epoch, tick, counters, and the notes of commit groups.

use super::{Checker, SLICE};
use crate::Result;
use crate::embedded::stored::{StoredChanges, Tick};
use crate::embedded::{META_EPOCH, META_FORMAT, META_TICK, folder, frame, tables};
use crate::model::{Epoch, Head, StateTable};

impl Checker<'_> {
    pub(super) fn notes(&mut self) -> Result<()> {
        let format_key = tables::meta(META_FORMAT);
        match self.required_value::<u32>(&format_key)? {
            Some(format) if format != folder::FORMAT => {
                self.problem(
                    &format_key,
                    format_args!("it is {format}, not {}", folder::FORMAT),
                );
            }
            _ => {}
        }
        self.required_value::<Epoch>(&tables::meta(META_EPOCH))?;
        match self.required_value::<Tick>(&tables::meta(META_TICK))? {
            Some(tick) => self.change_rows(&tick),
            None => Ok(()),
        }
    }

    /// A row's value, which must exist.
    pub(super) fn required_value<T: serde::de::DeserializeOwned>(&mut self, key: &[u8]) -> Result<Option<T>> {
        match self.required(key)? {
            Some(content) => self.noted(key, frame::decode(key, &content)),
            None => Ok(None),
        }
    }

    /// Each kept group has its note, and nothing that a note tells of is ahead of what is stored. All as of one
    /// moment: the oldest notes may be swept at the next.
    fn change_rows(&mut self, tick: &Tick) -> Result<()> {
        let (first, end) = tables::whole(tables::Table::Changes);
        let mut from = first;
        let mut expected = tick.changes_from;
        loop {
            let pairs = self.engine.range(&from, &end, SLICE, false)?;
            let Some((last, _)) = pairs.last() else { break };
            from = tables::after(last);
            for (key, main) in pairs {
                let Some(number) = self.noted(&key, tables::trailing_number(&key))? else {
                    continue;
                };
                if number < tick.changes_from || number > tick.number {
                    self.problem(&key, "there is no such group");
                    continue;
                }
                self.missing_groups(expected..number);
                expected = number + 1;
                if let Some(changes) = self.value::<StoredChanges>(&key, Some(main))? {
                    self.change_row(&key, &changes)?;
                }
            }
        }
        self.missing_groups(expected..tick.number + 1);
        Ok(())
    }

    fn missing_groups(&mut self, groups: std::ops::Range<u64>) {
        if let Some(first) = groups.clone().next() {
            let missing = groups.end - groups.start;
            self.problem(
                &tables::change(first),
                format_args!("it and the next, {missing} in all, are missing"),
            );
        }
    }

    fn change_row(&mut self, key: &[u8], changes: &StoredChanges) -> Result<()> {
        for (stream, rev) in &changes.streams {
            let head = self
                .value::<Head>(&tables::head(*stream), None)?
                .unwrap_or_default();
            if head.rev < *rev {
                self.problem(
                    &tables::head(*stream),
                    format_args!("it is at {} but was at {rev}", head.rev),
                );
            }
        }
        for (number, count) in &changes.tables {
            let Some(table) = StateTable::from_number(*number) else {
                self.problem(key, format_args!("it names the unknown state table {number}"));
                continue;
            };
            let counter = tables::state_count(table);
            let present = self.value::<u64>(&counter, None)?.unwrap_or(0);
            if present < *count {
                self.problem(&counter, format_args!("it is {present} but was {count}"));
            }
        }
        Ok(())
    }
}
