//! State rows: one document each, replaced under the guard of the stamp that was read.

use super::documents::{
    Answer, Collection, Content, Document, Guard, Index, Inserted, Span, StoredState, Update,
};
use super::retry::{Patience, read};
use super::{DocumentStore, names};
use crate::error::{Error, Result};
use crate::model::{StateKey, StateOutcome, StateRow, StateTable, StateWrite, StateWriteKind};
use crate::store::pages::{MAX_ROWS_PER_PAGE, StatePage};

/// How long a removed row can still be found among the changes.
const TOMBSTONE_MS: u64 = 8 * 24 * 60 * 60 * 1000;

impl DocumentStore {
    pub(super) async fn read_state(&self, key: &StateKey) -> Result<Option<StateRow>> {
        check_key(key)?;
        let found = self.state_document(&names::state(key)).await?;
        found
            .as_ref()
            .map(stored_state)
            .transpose()
            .map(|state| state.and_then(state_row))
    }

    async fn state_document(&self, name: &str) -> Result<Option<Document>> {
        let keys = [name.to_owned()];
        Ok(read!(self.documents.find(Collection::State, Index::Id, &keys)).pop())
    }

    /// Writes a state row, guarded by what was read.
    ///
    /// Every write has its own stamp, so a try whose answer was unclear may simply be made again: it finds either the
    /// stamp that it expects, or its own.
    pub(super) async fn write_state_row(&self, write: StateWrite) -> Result<StateOutcome> {
        check_write(&write)?;
        let name = names::state(&write.key);
        let stamp = self.env.next_id();
        let mut patience = Patience::new();
        // What the row was when a try had no clear answer. Found otherwise and not as ours, somebody wrote after a try
        // that may have been carried out: whether it was cannot be told any more.
        let mut unclear_on: Option<Option<u128>> = None;
        loop {
            let found = self.state_document(&name).await?;
            if let Some(document) = found.as_ref().filter(|document| document.stamp == stamp) {
                let state = stored_state(document)?;
                return Ok(written(state));
            }
            let found_on = found.as_ref().map(|document| document.stamp);
            if unclear_on.is_some_and(|unclear_on| unclear_on != found_on) {
                return Err(Error::Unavailable(
                    "a write of a state row had no clear answer".to_owned(),
                ));
            }
            let before = found.as_ref().map(stored_state).transpose()?;
            let current = before.and_then(state_row);
            let Some(state) = self.next_state(&write, current.as_ref()) else {
                return Ok(StateOutcome::Conflict { current });
            };
            let rev = found.as_ref().map_or(0, |document| document.rev);
            let outcome = written(&state);
            match self.write_state(&name, found.as_ref(), rev, stamp, state).await {
                Ok(true) => return Ok(outcome),
                Ok(false) => patience.pause().await?,
                Err(error) => {
                    unclear_on = Some(found_on);
                    patience.pause_after(error).await?;
                }
            }
        }
    }

    /// The row after the write; `None` when it is not as the write expects.
    fn next_state(&self, write: &StateWrite, current: Option<&StateRow>) -> Option<StoredState> {
        let key = write.key.key.clone();
        match (&write.kind, current) {
            (StateWriteKind::Insert { value, expires_at }, None) => {
                let (value, expires_at) = (Some(value.clone()), *expires_at);
                Some(StoredState {
                    key,
                    version: 1,
                    value,
                    expires_at,
                })
            }
            (
                StateWriteKind::CompareAndSet {
                    version,
                    value,
                    expires_at,
                },
                Some(row),
            ) if row.version == *version => {
                let (value, expires_at) = (Some(value.clone()), *expires_at);
                Some(StoredState {
                    key,
                    version: version + 1,
                    value,
                    expires_at,
                })
            }
            (StateWriteKind::CompareAndDelete { version }, Some(row)) if row.version == *version => {
                let expires_at = Some(self.env.now().plus_millis(TOMBSTONE_MS));
                Some(StoredState {
                    key,
                    version: 0,
                    value: None,
                    expires_at,
                })
            }
            _ => None,
        }
    }

    /// Inserts or replaces the document, provided that it is as it was read.
    pub(super) async fn write_state(
        &self,
        name: &str,
        before: Option<&Document>,
        rev: u64,
        stamp: u128,
        state: StoredState,
    ) -> Answer<bool> {
        let expires_at = state.expires_at;
        let mut document = Document::new(name.to_owned(), rev, stamp, Content::State(state));
        document.expires_at = expires_at;
        let written = match before {
            None => {
                let inserted = self.documents.insert(Collection::State, document.clone()).await;
                inserted.map(|inserted| inserted == Inserted::Done)
            }
            Some(before) => {
                let update = Update {
                    rev: Some(rev),
                    stamp: Some(stamp),
                    content: Some(document.content.clone()),
                    expires_at: Some(expires_at),
                    forget_nonce: false,
                    touch: true,
                };
                let guard = Guard::StampIs(before.stamp);
                self.documents
                    .update(Collection::State, name, guard, update)
                    .await
            }
        };
        if names::parse_state_table(name) == Some(StateTable::Markers) {
            match written {
                Ok(true) => self.known.keep_marker(document),
                _ => self.known.forget_marker(name),
            }
        }
        written
    }

    pub(super) async fn list_state(
        &self,
        table: StateTable,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<StatePage> {
        super::read::check_limit("a page of state rows", limit, MAX_ROWS_PER_PAGE)?;
        let start = names::state_prefix(table, prefix);
        let until = names::end_of(&start);
        let mut from = match after {
            Some(after) => start.max(names::just_after(&names::state_prefix(table, after))),
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
            let documents = read!(self.documents.range(Collection::State, Index::Id, span.clone()));
            let complete = documents.len() < wanted;
            if let Some(last) = documents.last() {
                from = names::just_after(&last.id);
            }
            for document in &documents {
                let state = stored_state(document)?;
                rows.extend(state_row(state).map(|row| (state.key.clone(), row)));
            }
            if complete || rows.len() > limit {
                let more = rows.len() > limit;
                rows.truncate(limit);
                return Ok(StatePage { rows, more });
            }
        }
    }
}

/// The state behind a document of [`Collection::State`].
pub(super) fn stored_state(document: &Document) -> Result<&StoredState> {
    match &document.content {
        Content::State(state) => Ok(state),
        _ => Err(Error::Damaged(format!("{} is not a state row", document.id))),
    }
}

/// The row as callers see it; `None` for a removed one.
fn state_row(state: &StoredState) -> Option<StateRow> {
    let value = state.value.clone()?;
    Some(StateRow {
        version: state.version,
        value,
        expires_at: state.expires_at,
    })
}

fn written(state: &StoredState) -> StateOutcome {
    StateOutcome::Written {
        version: state.version,
    }
}

fn check_key(key: &StateKey) -> Result<()> {
    if key.key.len() > StateKey::MAX_BYTES {
        return Err(Error::TooLarge {
            what: "the key of a state row",
            limit: StateKey::MAX_BYTES,
        });
    }
    Ok(())
}

fn check_write(write: &StateWrite) -> Result<()> {
    check_key(&write.key)?;
    let length = match &write.kind {
        StateWriteKind::Insert { value, .. } | StateWriteKind::CompareAndSet { value, .. } => value.len(),
        StateWriteKind::CompareAndDelete { .. } => 0,
    };
    if length > StateRow::MAX_BYTES {
        return Err(Error::TooLarge {
            what: "the value of a state row",
            limit: StateRow::MAX_BYTES,
        });
    }
    Ok(())
}
