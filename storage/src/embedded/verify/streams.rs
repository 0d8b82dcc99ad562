//! Every stream replayed: events dense, each head the advance of the one before, and what follows from them as stored.

use std::collections::{BTreeMap, VecDeque};

use super::messages::Messages;
use super::{Checker, SLICE};
use crate::Result;
use crate::embedded::stored::{StoredEvent, StoredMessage, encode_row};
use crate::embedded::tables;
use crate::model::{
    Event, Fact, Head, MessageRecord, RoomId, Row, RowChange, RowKey, RowPrefix, Rows, StreamId, advance,
    project,
};

/// What a walk does with each event, and with the message that it posted.
type Visit<'a, C> = dyn FnMut(&mut C, &Event, Option<&MessageRecord>) -> Result<()> + 'a;

/// How one walk over a stream's events went.
pub(super) struct Walk {
    /// The head after the last event that was there.
    pub(super) last: Head,
    /// Whether an event was missing or could not be read: then nothing can be said of what follows.
    pub(super) broken: bool,
}

/// A stream's events that have rows of their own, in order.
struct Kept {
    stream: StreamId,
    next: VecDeque<Event>,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Kept {
    fn new(stream: StreamId) -> Self {
        Self {
            stream,
            next: VecDeque::new(),
            from: tables::event(stream, 0),
            to: tables::after(&tables::event(stream, u64::MAX)),
        }
    }

    fn fill(&mut self, checker: &mut Checker<'_>, walk: &mut Walk) -> Result<()> {
        while self.next.is_empty() {
            let pairs = checker.engine.range(&self.from, &self.to, SLICE, false)?;
            let Some((last, _)) = pairs.last() else { break };
            self.from = tables::after(last);
            for (key, main) in pairs {
                let stored = checker.value::<StoredEvent>(&key, Some(main))?;
                let event = stored.map(|stored| stored.into_event(self.stream));
                match event {
                    Some(event) if event.rev() == tables::trailing_number(&key)? => {
                        self.next.push_back(event);
                    }
                    Some(event) => {
                        walk.broken = true;
                        checker.problem(&key, format_args!("it says that it is event {}", event.rev()));
                    }
                    None => walk.broken = true,
                }
            }
        }
        Ok(())
    }
}

/// A room's messages, in order.
struct Posts {
    /// `None` for a stream without messages.
    room: Option<RoomId>,
    next: VecDeque<StoredMessage>,
    from: u64,
    /// The newest message that the head knows. Rows behind it are told of by themselves.
    last: u64,
    /// How many messages are missing or cannot be read before the next.
    missing: u64,
}

impl Posts {
    fn new(stream: StreamId, head: &Head) -> Self {
        let room = match stream {
            StreamId::Room(room) => Some(room),
            _ => None,
        };
        Self {
            room,
            next: VecDeque::new(),
            from: 1,
            last: head.seq,
            missing: 0,
        }
    }

    /// Reads on behind a hole only when what comes before it was taken, so that `missing` is of the next message.
    fn fill(&mut self, checker: &mut Checker<'_>, walk: &mut Walk) -> Result<()> {
        let Some(room) = self.room else {
            return Ok(());
        };
        let to = tables::after(&tables::message(room, self.last));
        while self.next.is_empty() {
            let from = tables::message(room, self.from);
            if from >= to {
                return Ok(());
            }
            let pairs = checker.engine.range(&from, &to, SLICE, false)?;
            if pairs.is_empty() {
                return Ok(());
            }
            for (key, main) in pairs {
                let seq = tables::trailing_number(&key)?;
                if seq != self.from && !self.next.is_empty() {
                    break;
                }
                self.missing_before(checker, seq, walk);
                self.from = seq.saturating_add(1);
                match checker.value::<StoredMessage>(&key, Some(main))? {
                    Some(stored) if stored.record.seq == seq => self.next.push_back(stored),
                    // Told of already, here or when the row was looked at by itself.
                    _ if self.next.is_empty() => {
                        walk.broken = true;
                        self.missing += 1;
                    }
                    _ => {
                        self.from = seq;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells of the messages that are missing before `seq`.
    fn missing_before(&mut self, checker: &mut Checker<'_>, seq: u64, walk: &mut Walk) {
        let Some(room) = self.room else { return };
        for missing in self.from..seq {
            walk.broken = true;
            self.missing += 1;
            checker.problem(&tables::message(room, missing), "it is missing");
        }
        self.from = self.from.max(seq);
    }
}

/// The row that an event is kept in.
pub(super) fn event_key(event: &Event) -> Vec<u8> {
    match (event.stream, &event.fact) {
        (StreamId::Room(room), Fact::MessagePosted { .. }) => tables::message(room, event.head.seq),
        _ => tables::event(event.stream, event.rev()),
    }
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
                let walk = self.walk(stream, &head, &mut |checker, event, _| {
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

    /// Visits the events that are there, each posted one with its message, and compares them with each other and with
    /// the head.
    pub(super) fn walk(
        &mut self,
        stream: StreamId,
        head: &Head,
        visit: &mut Visit<'_, Self>,
    ) -> Result<Walk> {
        let mut walk = Walk {
            last: Head::default(),
            broken: false,
        };
        let mut kept = Kept::new(stream);
        let mut posts = Posts::new(stream, head);
        let mut expected = 1;
        loop {
            kept.fill(self, &mut walk)?;
            posts.fill(self, &mut walk)?;
            let kept_rev = kept.next.front().map(Event::rev);
            let post_rev = posts.next.front().map(|stored| stored.post.rev);
            let (event, record) = match (kept_rev, post_rev) {
                (None, None) => break,
                (Some(kept_rev), post_rev) if post_rev.is_none_or(|post_rev| kept_rev <= post_rev) => {
                    (kept.next.pop_front(), None)
                }
                _ => {
                    let post = posts.next.pop_front();
                    let event = posts.room.zip(post.as_ref()).map(|(room, post)| post.event(room));
                    (event, post.map(|post| post.record))
                }
            };
            let Some(event) = event else { break };
            self.missing_events(stream, expected..event.rev(), &mut posts.missing, &mut walk);
            self.follows(expected, &event, &walk);
            expected = event.rev() + 1;
            walk.last = event.head;
            self.nonce_of(&event)?;
            visit(self, &event, record.as_ref())?;
        }
        posts.missing_before(self, head.seq + 1, &mut walk);
        self.missing_events(stream, expected..head.rev + 1, &mut posts.missing, &mut walk);
        if !walk.broken && walk.last != *head {
            self.problem(&tables::head(stream), "it is not the one after the newest event");
        }
        Ok(walk)
    }

    /// Tells of missing events, unless they are the missing messages that were told of.
    fn missing_events(
        &mut self,
        stream: StreamId,
        revs: std::ops::Range<u64>,
        told: &mut u64,
        walk: &mut Walk,
    ) {
        let missing = revs.end.saturating_sub(revs.start);
        let messages = missing.min(*told);
        *told -= messages;
        walk.broken |= missing > 0;
        if missing > messages {
            let what = format!("it is missing, {} in all from there", missing - messages);
            self.problem(&tables::event(stream, revs.start), what);
        }
    }

    fn follows(&mut self, expected: u64, event: &Event, walk: &Walk) {
        let key = event_key(event);
        if event.rev() < expected {
            self.problem(&key, format_args!("it says that it is event {}", event.rev()));
        } else if !walk.broken && advance(&walk.last, &event.fact, event.at()) != event.head {
            self.problem(&key, "its head does not follow from the event before");
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
                self.problem(&event_key(event), error);
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
