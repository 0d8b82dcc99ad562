//! A room's messages and reactions against its events.
//!
//! An untouched message is compared when its event comes by. Only messages that were edited, deleted or reacted to are
//! replayed in memory, and when those are many, the room is walked several times, a range of messages each.

use std::collections::BTreeMap;

use super::Checker;
use super::streams::event_key;
use crate::Result;
use crate::embedded::stored::{StoredMessage, encode_row};
use crate::embedded::tables;
use crate::model::{
    Event, Fact, Head, MessageRecord, ReactionCount, RoomId, Row, RowChange, RowKey, Rows, StreamId, project,
};

/// How many messages and reactions are replayed in one walk: about 60 MB.
const MAX_REPLAYED: usize = 200_000;

/// One range of messages being replayed.
pub(super) struct Messages {
    room: RoomId,
    first: u64,
    last: u64,
    max_replayed: usize,
    /// What the events make of messages that were changed since they were posted. Without texts.
    changed: BTreeMap<u64, MessageRecord>,
    /// What the events make of reactions, by the keys of their rows.
    reactions: BTreeMap<Vec<u8>, (u64, String, Row)>,
}

impl Messages {
    pub(super) fn new(room: RoomId) -> Self {
        Self {
            room,
            first: 1,
            last: u64::MAX,
            max_replayed: MAX_REPLAYED,
            changed: BTreeMap::new(),
            reactions: BTreeMap::new(),
        }
    }

    pub(super) fn check(mut self, checker: &mut Checker<'_>, head: &Head) -> Result<()> {
        let stream = StreamId::Room(self.room);
        let mut rows = BTreeMap::new();
        loop {
            let walk = checker.walk(stream, head, &mut |checker, event, posted| match event
                .fact
                .message_seq(&event.head)
            {
                None if self.first == 1 => checker.replay(event, &Rows::default(), &mut rows),
                Some(seq) if (self.first..=self.last).contains(&seq) => {
                    self.event(checker, event, seq, posted)
                }
                _ => Ok(()),
            })?;
            // The walk itself tells of every message that is missing.
            if walk.broken {
                return Ok(());
            }
            self.compare(checker)?;
            if self.last == u64::MAX {
                return checker.same_rows(stream, &rows);
            }
            (self.first, self.last) = (self.last + 1, u64::MAX);
            self.changed.clear();
            self.reactions.clear();
        }
    }

    fn event(
        &mut self,
        checker: &mut Checker<'_>,
        event: &Event,
        seq: u64,
        posted: Option<&MessageRecord>,
    ) -> Result<()> {
        let stored = match posted {
            Some(posted) => Some(posted.clone()),
            None => checker.message(self.room, seq)?,
        };
        let Some(stored) = stored else {
            return Ok(());
        };
        let mut before = Rows::default();
        if !matches!(event.fact, Fact::MessagePosted { .. }) {
            // Nothing had happened to it before its first change.
            let known = self.changed.get(&seq).cloned();
            let record = known.unwrap_or_else(|| untouched(&stored, event.rev() - 1));
            let key = RowKey::Message { room: self.room, seq };
            before.insert(key, Row::Message(record));
        }
        let changes = match project(event, &before) {
            Ok(changes) => changes,
            Err(error) => {
                checker.problem(&event_key(event), error);
                return Ok(());
            }
        };
        for change in changes {
            self.change(checker, event, &stored, change);
        }
        self.bound();
        Ok(())
    }

    fn change(
        &mut self,
        checker: &mut Checker<'_>,
        event: &Event,
        stored: &MessageRecord,
        change: RowChange,
    ) {
        match change {
            RowChange::Put(_, Row::Message(mut record)) => {
                record.text.clear();
                // They cannot be told from events, which hold no replaced text.
                record.earlier.clear();
                if matches!(event.fact, Fact::MessagePosted { .. }) && stored.rev == record.rev {
                    self.same(checker, stored, &record);
                } else {
                    self.changed.insert(record.seq, record);
                }
            }
            RowChange::Put(key, row) => {
                if let RowKey::Reaction { seq, emoji, .. } = &key {
                    let found = (*seq, emoji.clone(), row);
                    self.reactions.insert(tables::row(&key), found);
                }
            }
            RowChange::Delete(key) => {
                self.reactions.remove(&tables::row(&key));
            }
            RowChange::MoveMarker { .. } => {}
        }
    }

    /// Leaves the later half of the messages to another walk when there are too many.
    fn bound(&mut self) {
        while self.changed.len() + self.reactions.len() > self.max_replayed && self.changed.len() > 1 {
            let Some(middle) = self.changed.keys().nth(self.changed.len() / 2).copied() else {
                return;
            };
            self.last = middle - 1;
            drop(self.changed.split_off(&middle));
            drop(
                self.reactions
                    .split_off(&tables::reactions_from(self.room, middle)),
            );
        }
    }

    /// Compares what was replayed with what is stored.
    fn compare(&self, checker: &mut Checker<'_>) -> Result<()> {
        let mut counts: BTreeMap<u64, BTreeMap<&str, u32>> = BTreeMap::new();
        for (key, (seq, emoji, row)) in &self.reactions {
            *counts.entry(*seq).or_default().entry(emoji).or_default() += 1;
            match checker.required(key)? {
                Some(stored) if stored != encode_row(row)? => {
                    checker.problem(key, "it is not what the room's events make it");
                }
                _ => {}
            }
        }
        for (seq, record) in &self.changed {
            let key = tables::message(self.room, *seq);
            let Some(stored) = checker.message(self.room, *seq)? else {
                continue;
            };
            self.same(checker, &stored, record);
            let rows = counts.remove(seq).unwrap_or_default();
            if stored.deleted.is_none() && !counts_are(&stored.reactions, &rows) {
                checker.problem(&key, format_args!("its reactions are {rows:?}, it counts others"));
            }
        }
        let from = tables::reactions_from(self.room, self.first);
        let to = match self.last {
            u64::MAX => tables::prefix_range(&tables::reactions_of(self.room)).1,
            last => tables::reactions_from(self.room, last + 1),
        };
        checker.no_others((from, to), |key| self.reactions.contains_key(key))
    }

    /// A stored message is what its events make it. Its text is in the record alone.
    fn same(&self, checker: &mut Checker<'_>, stored: &MessageRecord, made: &MessageRecord) {
        let wrong = if stored.rev != made.rev {
            "its newest change is another than its events'"
        } else if stored.deleted != made.deleted {
            "its deletion is not what its events say"
        } else if stored.deleted.is_some() && !stored.text.is_empty() {
            "it is deleted and still has its text"
        } else if stored.deleted.is_some() && !stored.earlier.is_empty() {
            "it is deleted and still has an earlier text"
        } else if stored.edited_at.is_none() && !stored.earlier.is_empty() {
            "it has an earlier text and was never edited"
        } else if stored.edited_at != made.edited_at {
            "its editing is not what its events say"
        } else if stored.reactions != made.reactions {
            "its reactions are not what its events say"
        } else if untouched(stored, 0) != untouched(made, 0) {
            "it is not what its event posted"
        } else {
            return;
        };
        checker.problem(&tables::message(self.room, stored.seq), wrong);
    }
}

impl Checker<'_> {
    /// A message, which must exist.
    fn message(&mut self, room: RoomId, seq: u64) -> Result<Option<MessageRecord>> {
        let stored = self.required_value::<StoredMessage>(&tables::message(room, seq))?;
        Ok(stored.map(|stored| stored.record))
    }
}

/// A message as it was posted, without its text.
fn untouched(record: &MessageRecord, rev: u64) -> MessageRecord {
    MessageRecord {
        rev,
        text: String::new(),
        edited_at: None,
        deleted: None,
        reactions: Vec::new(),
        earlier: Vec::new(),
        ..record.clone()
    }
}

fn counts_are(counted: &[ReactionCount], rows: &BTreeMap<&str, u32>) -> bool {
    counted.len() == rows.len()
        && counted
            .iter()
            .all(|reaction| rows.get(reaction.emoji.as_str()) == Some(&reaction.count))
}
