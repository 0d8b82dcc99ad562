//! Reads: never further than the head, up to which everything is projected.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::append::stored_event;
use super::documents::{Collection, Content, Index, Span, StoredEvent};
use super::project::applied_head;
use super::retry::read;
use super::{DocumentStore, names};
use crate::error::{Error, Result};
use crate::model::{Commit, Event, Head, MessageRecord, RoomId, Row, RowKey, RowPrefix, StreamId};
use crate::store::pages::{
    Anchor, EventPage, HistoryPage, MAX_EVENTS_PER_PAGE, MAX_MESSAGES_PER_PAGE, MAX_ROWS_PER_PAGE, RowPage,
};

impl DocumentStore {
    pub(super) async fn read_heads(&self, streams: &[StreamId]) -> Result<Vec<Head>> {
        let keys: Vec<String> = streams.iter().map(ToString::to_string).collect();
        let mut heads = BTreeMap::new();
        for document in read!(self.documents.find(Collection::Streams, Index::Id, &keys)) {
            let head = applied_head(&document)?;
            heads.insert(document.id, head);
        }
        Ok(keys
            .iter()
            .map(|key| heads.get(key).copied().unwrap_or_default())
            .collect())
    }

    pub(super) async fn read_events(&self, stream: StreamId, after: u64, limit: usize) -> Result<EventPage> {
        check_limit("a page of events", limit, MAX_EVENTS_PER_PAGE)?;
        let head = self.applied(stream).await?;
        let after = after.max(head.first_rev - 1);
        let wanted = usize::try_from(head.rev.saturating_sub(after)).unwrap_or(usize::MAX);
        let wanted = wanted.min(limit);
        if wanted == 0 {
            return Ok(EventPage {
                head,
                commits: Vec::new(),
            });
        }
        let stored = self.events_after(stream, after, wanted).await?;
        if stored.len() < wanted {
            return Err(Error::Damaged(format!(
                "{stream} ends before its head {}",
                head.rev
            )));
        }
        Ok(EventPage {
            head,
            commits: self.present(stored).await?,
        })
    }

    /// Stored events of one stream with the messages as they are now, and without any text but theirs.
    pub(super) async fn present(&self, stored: Vec<StoredEvent>) -> Result<Vec<Commit>> {
        let elsewhere: Vec<RowKey> = stored
            .iter()
            .filter(|stored| stored.record.is_none())
            .filter_map(|s| message_of(&s.event))
            .collect();
        let mut records = BTreeMap::new();
        for (key, row) in elsewhere.iter().zip(self.read_rows(&elsewhere).await?) {
            match row {
                Some(Row::Message(record)) => records.insert(key.clone(), Arc::new(record)),
                _ => return Err(Error::Damaged(format!("{key:?} is missing"))),
            };
        }
        let commit = |stored: StoredEvent| {
            let StoredEvent {
                mut event, record, ..
            } = stored;
            event.fact = event.fact.without_text();
            let other = || message_of(&event).and_then(|key| records.get(&key).cloned());
            let record = record.map(Arc::new).or_else(other);
            Commit { event, record }
        };
        Ok(stored.into_iter().map(commit).collect())
    }

    pub(super) async fn read_history(
        &self,
        room: RoomId,
        anchor: Anchor,
        limit: usize,
    ) -> Result<HistoryPage> {
        check_limit("a page of messages", limit, MAX_MESSAGES_PER_PAGE)?;
        let head = self.applied(StreamId::Room(room)).await?;
        let Some((first, last)) = anchor.bounds(head.seq, limit) else {
            return Ok(HistoryPage {
                head,
                messages: Vec::new(),
            });
        };
        let limit = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        let (from, until) = (
            names::message(room, first),
            names::just_after(&names::message(room, last)),
        );
        let span = Span { from, until, limit };
        let documents = read!(
            self.documents
                .range(Collection::Events, Index::Message, span.clone())
        );
        let mut messages = Vec::with_capacity(documents.len());
        for document in documents {
            messages.push(record_of(stored_event(document)?)?);
        }
        let dense = messages.iter().map(|record| record.seq).eq(first..=last);
        if !dense {
            return Err(Error::Damaged(format!(
                "a message of room {room} is missing from {first} to {last}"
            )));
        }
        Ok(HistoryPage { head, messages })
    }

    pub(super) async fn read_rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>> {
        check_limit("the number of rows", keys.len(), MAX_ROWS_PER_PAGE)?;
        let (mut messages, mut others) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                RowKey::Message { room, seq } => messages.push(names::message(*room, *seq)),
                key => others.push(names::row(key)),
            }
        }
        let mut found: BTreeMap<RowKey, Row> = BTreeMap::new();
        if !messages.is_empty() {
            for document in read!(self.documents.find(Collection::Events, Index::Message, &messages)) {
                let stored = stored_event(document)?;
                if let Some(key) = message_of(&stored.event) {
                    found.insert(key, Row::Message(record_of(stored)?));
                }
            }
        }
        if !others.is_empty() {
            for document in read!(self.documents.find(Collection::Rows, Index::Id, &others)) {
                let (key, row) = row_of(document.content)?;
                found.extend(row.map(|row| (key, row)));
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    pub(super) async fn read_row_list(
        &self,
        prefix: &RowPrefix,
        after: Option<&RowKey>,
        limit: usize,
    ) -> Result<RowPage> {
        check_limit("a page of rows", limit, MAX_ROWS_PER_PAGE)?;
        let start = names::row_prefix(prefix);
        let until = names::end_of(&start);
        let mut from = match after {
            Some(after) => start.max(names::just_after(&names::row(after))),
            None => start,
        };
        let mut rows = Vec::new();
        loop {
            let wanted = limit + 1 - rows.len();
            let span = Span {
                from: from.clone(),
                until: until.clone(),
                limit: wanted,
            };
            let documents = read!(self.documents.range(Collection::Rows, Index::Id, span.clone()));
            let complete = documents.len() < wanted;
            if let Some(last) = documents.last() {
                from = names::just_after(&last.id);
            }
            for document in documents {
                let (key, row) = row_of(document.content)?;
                rows.extend(row.map(|row| (key, row)));
            }
            if complete || rows.len() > limit {
                let more = rows.len() > limit;
                rows.truncate(limit);
                return Ok(RowPage { rows, more });
            }
        }
    }
}

/// More than a page may hold is an error, not a shorter page.
pub(super) fn check_limit(what: &'static str, asked: usize, limit: usize) -> Result<()> {
    if asked > limit {
        Err(Error::TooLarge { what, limit })
    } else {
        Ok(())
    }
}

/// The message that an event is about.
fn message_of(event: &Event) -> Option<RowKey> {
    let StreamId::Room(room) = event.stream else {
        return None;
    };
    event
        .fact
        .message_seq(&event.head)
        .map(|seq| RowKey::Message { room, seq })
}

fn record_of(stored: StoredEvent) -> Result<MessageRecord> {
    let missing = || {
        Error::Damaged(format!(
            "rev {} of {} has no record",
            stored.event.rev(),
            stored.event.stream
        ))
    };
    stored.record.ok_or_else(missing)
}

fn row_of(content: Content) -> Result<(RowKey, Option<Row>)> {
    match content {
        Content::Row { key, row } => Ok((key, row)),
        _ => Err(Error::Damaged("a document among the rows is no row".to_owned())),
    }
}
