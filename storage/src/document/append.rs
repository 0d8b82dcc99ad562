//! Appending: decide, insert, and find out what happened.

use std::sync::Arc;
use std::time::Duration;

use super::documents::{Collection, Content, Document, Index, Inserted, Span, StoredEvent};
use super::retry::{Patience, read};
use super::{Defect, DocumentStore, names};
use crate::error::{Error, Result};
use crate::model::{
    Commit, Draft, Event, Fact, Head, MessageRecord, Nonce, NonceAge, Row, RowChange, RowKey, Rows, StreamId,
    advance, project, rows_needed,
};
use crate::store::backend::{AppendOutcome, Decide};
use crate::store::command::{Appended, Command};

/// How many events of a stream are read at once.
pub(super) const EVENTS_AT_ONCE: usize = 100;

/// An event that may be inserted, with everything that will follow from it.
pub(super) struct Planned {
    pub(super) event: Event,
    pub(super) changes: Vec<RowChange>,
    pub(super) record: Option<MessageRecord>,
}

impl Planned {
    /// An event that cannot be projected would block its stream for ever, so it must not be inserted.
    pub(super) fn of(event: Event, rows: &Rows) -> Result<Self> {
        let changes = project(&event, rows).map_err(|error| Error::InvalidFact(error.to_string()))?;
        let record = changes.iter().find_map(|change| match change {
            RowChange::Put(_, Row::Message(record)) => Some(record.clone()),
            _ => None,
        });
        Ok(Self {
            event,
            changes,
            record,
        })
    }
}

/// What a decision said.
struct Decided {
    event: Event,
    rows: Rows,
    /// Whether rows were read after those that it was made from.
    has_read_on: bool,
}

enum Plan {
    /// Try to insert this.
    Insert(Box<Planned>),
    /// The decision said no.
    Refuse,
    /// Rows and head did not belong together.
    Again,
}

impl DocumentStore {
    /// Whether a command may be tried at all.
    pub(super) fn admit(&self, command: &Command) -> Result<()> {
        check(command)?;
        let expired = |nonce: Nonce| nonce.age(self.env.now()) == NonceAge::Expired;
        if command.nonce.is_some_and(|used| expired(used.nonce)) {
            return Err(Error::NonceExpired);
        }
        Ok(())
    }

    /// Tries an append on what this node knows of its stream. `None` when it must be decided from what is read.
    pub(super) async fn append_at_once(
        &self,
        command: &Command,
        decide: &mut Decide,
        tried: &mut Vec<Planned>,
    ) -> Result<Option<AppendOutcome>> {
        let head = self.likely_head(command.stream).await?;
        let Some(rows) = self.rows_at(&head, command.stream, &command.rows).await? else {
            self.known.doubt_head(command.stream);
            return Ok(None);
        };
        let Some(planned) = self.plan_on(command, decide, &head, rows).await? else {
            return Ok(None);
        };
        let document = event_document(command, &planned);
        match self.documents.insert(Collection::Events, document).await {
            // So nothing stood behind the head.
            Ok(Inserted::Done) => return self.follow_up(planned).await.map(Some),
            Ok(Inserted::Taken) | Err(_) => {
                self.known.doubt_head(command.stream);
                tried.push(planned);
            }
        }
        Ok(None)
    }

    /// Where a stream stands, unless an event came that nobody has projected.
    pub(super) async fn likely_head(&self, stream: StreamId) -> Result<Head> {
        match self.known.head(stream) {
            Some(head) => Ok(head),
            None => self.applied(stream).await,
        }
    }

    /// The rows exactly at this head; `None` when an event stands behind it.
    pub(super) async fn rows_at(
        &self,
        head: &Head,
        stream: StreamId,
        keys: &[RowKey],
    ) -> Result<Option<Rows>> {
        let rows = self.rows_for_decision(keys).await?;
        let are_exact = keys.is_empty() || self.is_still_last(stream, head.rev).await?;
        Ok(are_exact.then_some(rows))
    }

    /// What an append would insert if head and rows are still as they are here; `None` when that has to be looked at
    /// more closely.
    async fn plan_on(
        &self,
        command: &Command,
        decide: &mut Decide,
        head: &Head,
        rows: Rows,
    ) -> Result<Option<Planned>> {
        let decided = self.decide_on(command, decide, head, rows).await?;
        Ok(decided.and_then(|decided| Planned::of(decided.event, &decided.rows).ok()))
    }

    /// The event that follows from a decision, with the rows that its changes need; `None` when the decision says no.
    async fn decide_on(
        &self,
        command: &Command,
        decide: &mut Decide,
        head: &Head,
        mut rows: Rows,
    ) -> Result<Option<Decided>> {
        let Some(draft) = decide(head, &rows) else {
            return Ok(None);
        };
        let event = self.event_of(command, head, draft);
        let mut missing = rows_needed(event.stream, &event.fact);
        missing.retain(|key| !command.rows.contains(key));
        let has_read_on = !missing.is_empty();
        if has_read_on {
            rows = self
                .rows_for_decision(&[command.rows.as_slice(), &missing].concat())
                .await?;
        }
        Ok(Some(Decided {
            event,
            rows,
            has_read_on,
        }))
    }

    /// Carries out an append from what is read. `tried` are the tries whose events may be there already.
    pub(super) async fn append_in_turn(
        &self,
        command: &Command,
        mut decide: Decide,
        mut tried: Vec<Planned>,
    ) -> Result<AppendOutcome> {
        let mut patience = Patience::new();
        loop {
            let head = self.catch_up(command.stream).await?;
            if let Some(outcome) = self.find_done(command, &tried).await? {
                return Ok(outcome);
            }
            let planned = match self.plan(command, &mut decide, &head).await? {
                Plan::Insert(planned) => *planned,
                Plan::Refuse => return Ok(AppendOutcome::Refused),
                Plan::Again => {
                    patience.pause().await?;
                    continue;
                }
            };
            let inserted = self
                .documents
                .insert(Collection::Events, event_document(command, &planned))
                .await;
            match inserted {
                Ok(Inserted::Done) => return self.follow_up(planned).await,
                Ok(Inserted::Taken) => {
                    tried.push(planned);
                    patience.pause_shortly(self.env.next_id()).await?;
                }
                Err(unclear) => {
                    tried.push(planned);
                    patience.pause_after(unclear).await?;
                }
            }
        }
    }

    /// Decides from the rows at exactly this head.
    async fn plan(&self, command: &Command, decide: &mut Decide, head: &Head) -> Result<Plan> {
        let rows = self.rows_for_decision(&command.rows).await?;
        if !command.rows.is_empty() && !self.is_still_last(command.stream, head.rev).await? {
            return Ok(Plan::Again);
        }
        let Some(decided) = self.decide_on(command, decide, head, rows).await? else {
            return Ok(Plan::Refuse);
        };
        if decided.has_read_on && !self.is_still_last(command.stream, head.rev).await? {
            return Ok(Plan::Again);
        }
        let planned = Planned::of(decided.event, &decided.rows)?;
        Ok(Plan::Insert(Box::new(planned)))
    }

    pub(super) fn event_of(&self, command: &Command, head: &Head, draft: Draft) -> Event {
        Event {
            id: command.event_id,
            stream: command.stream,
            head: advance(head, &draft.fact, self.env.now()),
            actor: command.actor,
            access_rev: command.access_rev,
            nonce: command.nonce.map(|used| used.nonce),
            fact: draft.fact,
            sealed: draft.sealed,
        }
    }

    async fn rows_for_decision(&self, keys: &[RowKey]) -> Result<Rows> {
        let mut rows = Rows::default();
        for (key, row) in keys.iter().zip(self.read_rows(keys).await?) {
            if let Some(row) = row {
                rows.insert(key.clone(), row);
            }
        }
        Ok(rows)
    }

    /// Whether no event stands behind `rev` yet. Nothing of a later event can have been read before that.
    async fn is_still_last(&self, stream: StreamId, rev: u64) -> Result<bool> {
        if self.has(Defect::SkipConfirm) {
            return Ok(true);
        }
        let next = [names::event(stream, rev + 1)];
        Ok(read!(self.documents.find(Collection::Events, Index::Id, &next)).is_empty())
    }

    /// Whether an earlier try, or an earlier request with the same nonce, has done it already.
    async fn find_done(&self, command: &Command, tried: &[Planned]) -> Result<Option<AppendOutcome>> {
        let found = match command.nonce {
            Some(used) => self.find_nonce(command, used.nonce).await?,
            None => self.find_own(command, tried).await?,
        };
        let Some(stored) = found else { return Ok(None) };
        if stored.event.id != command.event_id {
            let fingerprint = command.nonce.map(|used| used.fingerprint);
            if stored.fingerprint != fingerprint {
                return Err(Error::NonceConflict);
            }
        }
        // The event may have come after the head was read.
        self.catch_up(command.stream).await?;
        let own = tried.iter().find(|planned| {
            stored.event.id == planned.event.id && is_same_but_text(&stored.event, &planned.event)
        });
        if let Some(planned) = own {
            return Ok(Some(self.tell(&planned.event, planned.record.clone())));
        }
        let commit = self.present(vec![stored]).await?.pop();
        let commit = commit.ok_or_else(|| Error::Damaged("an event vanished".to_owned()))?;
        Ok(Some(AppendOutcome::Appended(Appended {
            commit: Arc::new(commit),
            replayed: true,
        })))
    }

    async fn find_nonce(&self, command: &Command, nonce: Nonce) -> Result<Option<StoredEvent>> {
        if self.has(Defect::SkipNonceRead) {
            return Ok(None);
        }
        let key = [names::nonce(command.stream, command.actor, nonce)];
        let found = read!(self.documents.find(Collection::Events, Index::Nonce, &key)).pop();
        found.map(stored_event).transpose()
    }

    /// Looks for the own event from where it may stand: a try in a group may have been planned behind others that were
    /// not inserted, and the next one before it.
    async fn find_own(&self, command: &Command, tried: &[Planned]) -> Result<Option<StoredEvent>> {
        let Some(first) = tried.iter().map(|planned| planned.event.rev()).min() else {
            return Ok(None);
        };
        if self.has(Defect::SkipTailRead) {
            return Ok(None);
        }
        let mut after = first - 1;
        loop {
            let page = self.events_after(command.stream, after, EVENTS_AT_ONCE).await?;
            let Some(last) = page.last() else { return Ok(None) };
            after = last.event.rev();
            if let Some(own) = page
                .into_iter()
                .find(|stored| stored.event.id == command.event_id)
            {
                return Ok(Some(own));
            }
        }
    }

    /// The stored events after a rev, dense.
    pub(super) async fn events_after(
        &self,
        stream: StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        let from = names::event(stream, after.saturating_add(1));
        let until = names::end_of(&format!("{stream}/"));
        let span = Span { from, until, limit };
        let documents = read!(self.documents.range(Collection::Events, Index::Id, span.clone()));
        let stored = documents
            .into_iter()
            .map(stored_event)
            .collect::<Result<Vec<_>>>()?;
        for (place, stored) in (after + 1..).zip(&stored) {
            if stored.event.rev() != place {
                return Err(Error::Damaged(format!("rev {place} of {stream} is missing")));
            }
        }
        Ok(stored)
    }

    /// The event is there: writes what follows from it, and tells.
    async fn follow_up(&self, planned: Planned) -> Result<AppendOutcome> {
        let Planned {
            event,
            changes,
            record,
        } = planned;
        if self.has(Defect::AnswerEarly) {
            let (store, early) = (self.clone(), event.clone());
            tokio::spawn(async move { store.carry_out(&early, changes).await });
            return Ok(self.tell(&event, record));
        }
        self.carry_out(&event, changes).await?;
        self.known.keep_head(event.stream, event.head);
        Ok(self.tell(&event, record))
    }

    /// Tells the sink, then the caller, of this node's own event.
    pub(super) fn tell(&self, event: &Event, record: Option<MessageRecord>) -> AppendOutcome {
        let commit = Arc::new(Commit {
            event: event.clone(),
            record: record.map(Arc::new),
        });
        if self.has(Defect::TellLater) {
            let (sink, commit) = (Arc::clone(&self.sink), Arc::clone(&commit));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                sink.committed(&[commit]);
            });
        } else {
            self.sink.committed(&[Arc::clone(&commit)]);
        }
        AppendOutcome::Appended(Appended {
            commit,
            replayed: false,
        })
    }
}

fn check(command: &Command) -> Result<()> {
    if command.rows.len() > Command::MAX_ROWS {
        return Err(Error::TooLarge {
            what: "the rows of a command",
            limit: Command::MAX_ROWS,
        });
    }
    match command.rows.iter().find(|key| key.stream() != command.stream) {
        Some(key) => Err(Error::InvalidFact(format!(
            "{key:?} does not follow from {}",
            command.stream
        ))),
        None => Ok(()),
    }
}

/// The event behind a document of [`Collection::Events`].
pub(super) fn stored_event(document: Document) -> Result<StoredEvent> {
    match document.content {
        Content::Event(stored) => Ok(*stored),
        _ => Err(Error::Damaged(format!("{} is not an event", document.id))),
    }
}

fn is_same_but_text(one: &Event, other: &Event) -> bool {
    let bare = |event: &Event| Event {
        fact: event.fact.without_text(),
        ..event.clone()
    };
    bare(one) == bare(other)
}

pub(super) fn event_document(command: &Command, planned: &Planned) -> Document {
    let event = &planned.event;
    let mut stored = StoredEvent {
        event: event.clone(),
        fingerprint: command.nonce.map(|used| used.fingerprint),
        record: None,
    };
    let mut message = None;
    if let (Fact::MessagePosted { .. }, StreamId::Room(room)) = (&event.fact, event.stream) {
        // The text is in the record, once; there it goes when it is replaced.
        stored.event.fact = event.fact.without_text();
        stored.record.clone_from(&planned.record);
        message = Some(names::message(room, event.head.seq));
    }
    let name = names::event(event.stream, event.rev());
    let content = Content::Event(Box::new(stored));
    let mut document = Document::new(name, event.rev(), event.id.as_u128(), content);
    document.message = message;
    document.nonce = event
        .nonce
        .map(|nonce| names::nonce(event.stream, event.actor, nonce));
    document.expires_at = event.nonce.map(|nonce| nonce.time().plus_millis(Nonce::KEPT_MS));
    document
}
