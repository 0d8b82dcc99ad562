//! Every stream replayed: events dense, each head the advance of the one before, and what follows from them as stored.

use std::collections::BTreeMap;

use super::messages::Messages;
use super::{Checker, SLICE};
use crate::Result;
use crate::embedded::stored::{StoredEvent, encode_row};
use crate::embedded::tables;
use crate::model::{Event, Head, Row, RowChange, RowKey, RowPrefix, Rows, StreamId, advance, project};

/// How one walk over a stream's events went.
pub(super) struct Walk {
    /// The head after the last event that was there.
    pub(super) last: Head,
    /// Whether an event was missing or could not be read: then nothing can be said of what follows.
    pub(super) broken: bool,
}

impl Checker<'_> {
    pub(super) fn streams(&mut self) -> Result<()> {
        let (mut from, to) = tables::whole(tables::Table::Heads);
        loop {
            let pairs = self.engine.range(&from, &to, SLICE, false)?;
            let Some((last, _)) = pairs.last() else {
                return Ok(());
            };
            from = tables::after(last);
            for (key, _) in pairs {
                // A key without a stream was told of already.
                if let Ok(stream) = tables::stream_of(&key) {
                    self.step()?;
                    self.stream(stream)?;
                    self.report.streams += 1;
                }
            }
        }
    }

    fn stream(&mut self, stream: StreamId) -> Result<()> {
        let key = tables::head(stream);
        let Some(head) = self.value::<Head>(&key, None)? else {
            return Ok(());
        };
        match stream {
            StreamId::Room(room) => Messages::new(room).check(self, &head),
            _ => {
                let mut rows = BTreeMap::new();
                let walk = self.walk(stream, &head, &mut |checker, event| {
                    checker.replay(event, &Rows::default(), &mut rows)
                })?;
                if walk.broken {
                    Ok(())
                } else {
                    self.same_rows(stream, &rows)
                }
            }
        }
    }

    /// Visits the events that are there and compares them with each other and with the head.
    pub(super) fn walk(
        &mut self,
        stream: StreamId,
        head: &Head,
        visit: &mut dyn FnMut(&mut Self, &Event) -> Result<()>,
    ) -> Result<Walk> {
        let mut walk = Walk {
            last: Head::default(),
            broken: false,
        };
        let mut from = tables::event(stream, 0);
        let to = tables::after(&tables::event(stream, u64::MAX));
        let mut expected = 1;
        loop {
            let pairs = self.engine.range(&from, &to, SLICE, false)?;
            let Some((last, _)) = pairs.last() else { break };
            from = tables::after(last);
            for (key, main) in pairs {
                let rev = tables::trailing_number(&key)?;
                self.missing_events(stream, expected..rev, &mut walk);
                expected = rev + 1;
                match self.value::<StoredEvent>(&key, Some(main))? {
                    Some(stored) => {
                        let event = stored.into_event(stream);
                        self.follows(&key, rev, &event, &walk);
                        walk.last = event.head;
                        visit(self, &event)?;
                    }
                    None => walk.broken = true,
                }
            }
        }
        self.missing_events(stream, expected..head.rev + 1, &mut walk);
        if !walk.broken && walk.last != *head {
            self.problem(&tables::head(stream), "it is not the one after the newest event");
        }
        Ok(walk)
    }

    fn missing_events(&mut self, stream: StreamId, revs: std::ops::Range<u64>, walk: &mut Walk) {
        if !revs.is_empty() {
            walk.broken = true;
            let (first, missing) = (revs.start, revs.end - revs.start);
            let what = format!("it is missing, {missing} in all from there");
            self.problem(&tables::event(stream, first), what);
        }
    }

    fn follows(&mut self, key: &[u8], rev: u64, event: &Event, walk: &Walk) {
        if event.rev() != rev {
            self.problem(key, format_args!("it says that it is event {}", event.rev()));
        } else if !walk.broken && advance(&walk.last, &event.fact, event.at()) != event.head {
            self.problem(key, "its head does not follow from the event before");
        }
    }

    /// Adds what an event changes to what earlier ones did. Messages are somebody else's.
    pub(super) fn replay(
        &mut self,
        event: &Event,
        before: &Rows,
        rows: &mut BTreeMap<Vec<u8>, (RowKey, Row)>,
    ) -> Result<()> {
        let changes = match project(event, before) {
            Ok(changes) => changes,
            Err(error) => {
                self.problem(&tables::event(event.stream, event.rev()), error);
                return Ok(());
            }
        };
        for change in changes {
            match change {
                RowChange::Put(key, row) => {
                    rows.insert(tables::row(&key), (key, row));
                }
                RowChange::Delete(key) => {
                    rows.remove(&tables::row(&key));
                }
                RowChange::MoveMarker { .. } => {}
            }
        }
        Ok(())
    }

    /// The stored rows are those of the replay, and the stream has no others.
    pub(super) fn same_rows(
        &mut self,
        stream: StreamId,
        rows: &BTreeMap<Vec<u8>, (RowKey, Row)>,
    ) -> Result<()> {
        for (key, (_, row)) in rows {
            let expected = encode_row(row)?;
            match self.required(key)? {
                Some(stored) if stored != expected => {
                    self.problem(key, "it is not what the stream's events make it");
                }
                _ => {}
            }
        }
        // Rows of one identifier cannot be too many, and what is found by others was compared row by row.
        let StreamId::Guild(guild) = stream else {
            return Ok(());
        };
        let list = tables::list(&RowPrefix::MembersOf(guild));
        self.no_others(tables::prefix_range(&list), |key| rows.contains_key(key))
    }

    /// Every row of a range is expected.
    pub(super) fn no_others(
        &mut self,
        (mut from, to): (Vec<u8>, Vec<u8>),
        expected: impl Fn(&[u8]) -> bool,
    ) -> Result<()> {
        while from < to {
            let pairs = self.engine.range(&from, &to, SLICE, false)?;
            let Some((last, _)) = pairs.last() else { break };
            from = tables::after(last);
            for (key, _) in pairs.iter().filter(|(key, _)| !expected(key)) {
                self.problem(key, "no event made it");
            }
        }
        Ok(())
    }
}
