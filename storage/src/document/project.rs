//! Projections: writing what follows from an event, whoever does it and however often.

use super::append::EVENTS_AT_ONCE;
use super::documents::{Collection, Content, Document, Guard, Index, StoredState, Update};
use super::group::Move;
use super::retry::{Patience, read};
use super::{Defect, DocumentStore, names};
use crate::error::{Error, Result};
use crate::model::{
    Event, Fact, Head, Marker, MessageRecord, RoomId, Row, RowChange, RowKey, Rows, StateKey, StreamId,
    UserId, project, rows_needed,
};
use crate::store::record::{decode, encode};

/// How long a removed row leaves an empty document: far longer than any writer can be late.
const TOMBSTONE_MS: u64 = 24 * 60 * 60 * 1000;

impl DocumentStore {
    /// How far a stream is projected.
    pub(super) async fn applied(&self, stream: StreamId) -> Result<Head> {
        let found = read!(
            self.documents
                .find(Collection::Streams, Index::Id, &[stream.to_string()])
        )
        .pop();
        found.map_or_else(|| Ok(Head::default()), |document| applied_head(&document))
    }

    /// Projects whatever is not projected yet. At some moment while this ran, no event stood behind the answered head.
    pub(super) async fn catch_up(&self, stream: StreamId) -> Result<Head> {
        let mut head = self.applied(stream).await?;
        loop {
            // One document by its name costs less than a range, and mostly there is none.
            let next = [names::event(stream, head.rev + 1)];
            if read!(self.documents.find(Collection::Events, Index::Id, &next)).is_empty() {
                return Ok(head);
            }
            let behind = self.events_after(stream, head.rev, EVENTS_AT_ONCE).await?;
            if behind.is_empty() {
                return Ok(head);
            }
            let events: Vec<Event> = behind.into_iter().map(|stored| stored.event).collect();
            for run in events.chunk_by(|one, other| is_post(one) && is_post(other)) {
                head = match run {
                    [event] => self.project_stored(event).await?,
                    posts => self.project_posts(posts, head.rev).await?,
                };
            }
        }
    }

    /// Projects an event whose predecessor is projected; answers the head after it.
    async fn project_stored(&self, event: &Event) -> Result<Head> {
        // The event was read before its rows. Its text may be gone by now, but then the rows show its rev already.
        let keys = rows_needed(event.stream, &event.fact);
        let mut rows = Rows::default();
        for (key, row) in keys.iter().zip(self.read_rows(&keys).await?) {
            if let Some(row) = row {
                rows.insert(key.clone(), row);
            }
        }
        let changes = project(event, &rows).map_err(|error| Error::Damaged(error.to_string()))?;
        self.carry_out(event, changes).await?;
        Ok(event.head)
    }

    /// Projects the posts behind a rev; answers the head after them. Who loses a race finds as many of them as the winner
    /// has inserted together: one by one they would take as long as the winner's next ones.
    async fn project_posts(&self, posts: &[Event], from: u64) -> Result<Head> {
        let mut changes = Vec::with_capacity(posts.len());
        for post in posts {
            // What follows from a post follows from nothing else.
            let projected = project(post, &Rows::default());
            changes.push(projected.map_err(|error| Error::Damaged(error.to_string()))?);
        }
        let changes: Vec<_> = posts.iter().zip(changes.iter().map(Vec::as_slice)).collect();
        self.carry_out_posts(&changes).await?;
        let last = posts
            .last()
            .ok_or_else(|| Error::Damaged("no posts to project".to_owned()))?;
        self.move_head(last, from).await?;
        Ok(last.head)
    }

    /// Writes an event's changes, and moves the head. But for a post they come one after the other and in their order: a
    /// message's record comes last, and is what tells a later projector that nothing is left to do.
    pub(super) async fn carry_out(&self, event: &Event, changes: Vec<RowChange>) -> Result<()> {
        let rev = event.rev();
        if is_post(event) {
            self.carry_out_posts(&[(event, changes.as_slice())]).await?;
            return self.move_head(event, rev - 1).await;
        }
        for change in changes {
            match change {
                RowChange::Put(RowKey::Message { room, seq }, Row::Message(record)) => {
                    self.put_message(rev, room, seq, record).await?;
                }
                RowChange::Put(key, row) => self.put_row(event, key, Some(row)).await?,
                RowChange::Delete(key) => self.put_row(event, key, None).await?,
                RowChange::MoveMarker { user, room, to } => {
                    self.move_marker(user, room, Move { rev, to, posts: 1 }).await?;
                }
            }
        }
        if matches!(event.fact, Fact::MessageEdited { .. }) && !self.has(Defect::KeepText) {
            self.remove_text(event).await?;
        }
        self.move_head(event, rev - 1).await
    }

    async fn put_message(&self, rev: u64, room: RoomId, seq: u64, record: MessageRecord) -> Result<()> {
        let key = [names::message(room, seq)];
        let mut patience = Patience::new();
        loop {
            let found = read!(self.documents.find(Collection::Events, Index::Message, &key)).pop();
            let Some(Document {
                id,
                rev: stands_at,
                content: Content::Event(mut stored),
                ..
            }) = found
            else {
                return Err(Error::Damaged(format!("message {} is missing", key[0])));
            };
            if stands_at >= rev {
                return Ok(());
            }
            stored.record = Some(record.clone());
            let content = Some(Content::Event(stored));
            let update = Update {
                rev: Some(rev),
                content,
                ..Update::default()
            };
            match self
                .documents
                .update(Collection::Events, &id, self.older_than(rev), update)
                .await
            {
                Ok(true) => return Ok(()),
                Ok(false) => patience.pause().await?,
                Err(unclear) => patience.pause_after(unclear).await?,
            }
        }
    }

    pub(super) async fn put_row(&self, event: &Event, key: RowKey, row: Option<Row>) -> Result<()> {
        let (rev, name) = (event.rev(), names::row(&key));
        let expires_at = row.is_none().then(|| event.at().plus_millis(TOMBSTONE_MS));
        let content = Content::Row { key, row };
        let mut patience = Patience::new();
        loop {
            let keys = std::slice::from_ref(&name);
            let found = read!(self.documents.find(Collection::Rows, Index::Id, keys)).pop();
            if found.as_ref().is_some_and(|document| document.rev >= rev) {
                return Ok(());
            }
            let done = match found {
                Some(_) if expires_at.is_some() && self.has(Defect::SkipTombstones) => {
                    self.documents
                        .remove(Collection::Rows, &name, Guard::RevBelow(rev))
                        .await
                }
                Some(_) => {
                    let content = Some(content.clone());
                    let update = Update {
                        rev: Some(rev),
                        content,
                        expires_at: Some(expires_at),
                        ..Update::default()
                    };
                    self.documents
                        .update(Collection::Rows, &name, self.older_than(rev), update)
                        .await
                }
                None => self.insert_row(rev, &name, &content, event).await,
            };
            match done {
                Ok(true) => return Ok(()),
                Ok(false) => patience.pause().await?,
                Err(unclear) => patience.pause_after(unclear).await?,
            }
        }
    }

    async fn insert_row(
        &self,
        rev: u64,
        name: &str,
        content: &Content,
        event: &Event,
    ) -> super::Answer<bool> {
        let mut document = Document::new(name.to_owned(), rev, event.id.as_u128(), content.clone());
        if matches!(content, Content::Row { row: None, .. }) {
            document.expires_at = Some(event.at().plus_millis(TOMBSTONE_MS));
        }
        let inserted = self.documents.insert(Collection::Rows, document).await?;
        Ok(inserted == super::Inserted::Done)
    }

    /// Moves a marker forward, at most once for each event: its owner may have moved it back since.
    pub(super) async fn move_marker(&self, user: UserId, room: RoomId, to: Move) -> Result<()> {
        let Move { rev, to, posts } = to;
        let key = StateKey::marker(user, room);
        let name = names::state(&key);
        let value = encode(&to)?;
        let mut patience = Patience::new();
        loop {
            let keys = std::slice::from_ref(&name);
            let found = read!(self.documents.find(Collection::State, Index::Id, keys)).pop();
            if found.as_ref().is_some_and(|document| document.rev >= rev) {
                return Ok(());
            }
            let before = found.as_ref().map(super::state::stored_state).transpose()?;
            let value_before = before.and_then(|state| state.value.as_ref());
            if let Some(value) = value_before
                && decode::<Marker>(value)?.seq >= to.seq
            {
                return Ok(());
            }
            let state = StoredState {
                key: key.key.clone(),
                version: before
                    .filter(|state| state.value.is_some())
                    .map_or(posts, |state| state.version + posts),
                value: Some(value.clone()),
                expires_at: before.and_then(|state| state.expires_at),
            };
            match self
                .write_state(&name, found.as_ref(), rev, self.env.next_id(), state)
                .await
            {
                Ok(true) => return Ok(()),
                Ok(false) => patience.pause().await?,
                Err(unclear) => patience.pause_after(unclear).await?,
            }
        }
    }

    /// No replaced text stays behind: the record has the present one.
    async fn remove_text(&self, event: &Event) -> Result<()> {
        let name = names::event(event.stream, event.rev());
        let mut patience = Patience::new();
        loop {
            let keys = std::slice::from_ref(&name);
            let found = read!(self.documents.find(Collection::Events, Index::Id, keys)).pop();
            let Some(Document {
                rev,
                content: Content::Event(mut stored),
                ..
            }) = found
            else {
                return Err(Error::Damaged(format!("event {name} is missing")));
            };
            let without = stored.event.fact.without_text();
            if stored.event.fact == without {
                return Ok(());
            }
            stored.event.fact = without;
            let update = Update {
                content: Some(Content::Event(stored)),
                ..Update::default()
            };
            match self
                .documents
                .update(Collection::Events, &name, Guard::RevIs(rev), update)
                .await
            {
                Ok(true) => return Ok(()),
                Ok(false) => patience.pause().await?,
                Err(unclear) => patience.pause_after(unclear).await?,
            }
        }
    }

    /// Moves a stream's head from the event before to this one.
    pub(super) async fn move_head(&self, event: &Event, from: u64) -> Result<()> {
        let (name, rev) = (event.stream.to_string(), event.rev());
        let content = Content::Applied(event.head);
        let mut patience = Patience::new();
        loop {
            let done = if rev == 1 {
                let document = Document::new(name.clone(), rev, event.id.as_u128(), content.clone());
                let inserted = self.documents.insert(Collection::Streams, document).await;
                inserted.map(|inserted| inserted == super::Inserted::Done)
            } else {
                let update = Update {
                    rev: Some(rev),
                    content: Some(content.clone()),
                    ..Update::default()
                };
                let unguarded = self.has(Defect::SkipAppliedGuard);
                let guard = if unguarded {
                    Guard::RevBelow(u64::MAX)
                } else if from + 1 == rev {
                    Guard::RevIs(from)
                } else {
                    // Others may have projected some of them meanwhile.
                    Guard::RevBelow(rev)
                };
                self.documents
                    .update(Collection::Streams, &name, guard, update)
                    .await
            };
            match done {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(unclear) => patience.pause_after(unclear).await?,
            }
            // Whoever was first may yet be rolled back, so the answer above does not settle it.
            if self.applied(event.stream).await?.rev >= rev {
                return Ok(());
            }
            patience.pause().await?;
        }
    }

    fn older_than(&self, rev: u64) -> Guard {
        Guard::RevBelow(if self.has(Defect::SkipRowGuard) {
            u64::MAX
        } else {
            rev
        })
    }
}

fn is_post(event: &Event) -> bool {
    matches!(event.fact, Fact::MessagePosted { .. })
}

/// The head behind a document of [`Collection::Streams`].
pub(super) fn applied_head(document: &Document) -> Result<Head> {
    match &document.content {
        Content::Applied(head) => Ok(*head),
        _ => Err(Error::Damaged(format!("{} is not a head", document.id))),
    }
}
