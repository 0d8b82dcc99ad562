//! The contract in the plainest way: everything in maps behind one lock. Shows that the suite asks for nothing
//! impossible, and what it asks for. Nothing is durable, so it is of no use to anybody else.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;

use super::Home;
use crate::model::{
    Commit, Draft, Epoch, Event, Head, Marker, MessageRecord, NodeBeat, Nonce, NonceAge, RoomId, Row,
    RowChange, RowKey, RowPrefix, Rows, StateKey, StateOutcome, StateRow, StateTable, StateWrite,
    StateWriteKind, StreamId, Timestamp, UserId, advance, project, rows_needed,
};
use crate::{
    Anchor, AppendOutcome, Appended, Backend, Change, Changed, Changes, Command, CommitSink, Cursor, Decide,
    Env, Error, EventPage, HistoryPage, MAX_EVENTS_PER_PAGE, MAX_MESSAGES_PER_PAGE, MAX_ROWS_PER_PAGE,
    Readiness, Result, RowPage, Space, StatePage, Status, Store, decode, encode,
};

/// The most that one sweep removes.
const SWEPT_AT_ONCE: usize = 100;

/// Whose nonce of which stream.
type NonceKey = (StreamId, Option<UserId>, Nonce);

/// Keeps the data of a reference store while it is closed.
#[derive(Default)]
pub struct ReferenceHome {
    data: Option<Arc<Mutex<Data>>>,
    open: Weak<Reference>,
}

#[async_trait]
impl Home for ReferenceHome {
    async fn open(&mut self, env: Env, sink: Arc<dyn CommitSink>) -> Result<Store> {
        if self.open.strong_count() > 0 {
            return Err(Error::CannotOpen(
                "the data is open: a handle was not dropped".to_owned(),
            ));
        }
        let data = self
            .data
            .get_or_insert_with(|| Arc::new(Mutex::new(Data::new(&env))));
        let closed = AtomicBool::new(false);
        let reference = Arc::new(Reference {
            data: Arc::clone(data),
            env,
            sink,
            closed,
        });
        self.open = Arc::downgrade(&reference);
        Ok(Store::new(reference))
    }
}

struct Reference {
    data: Arc<Mutex<Data>>,
    env: Env,
    sink: Arc<dyn CommitSink>,
    closed: AtomicBool,
}

#[derive(Default)]
struct Data {
    epoch: Option<Epoch>,
    events: BTreeMap<StreamId, Vec<Event>>,
    rows: BTreeMap<RowKey, Row>,
    nonces: BTreeMap<NonceKey, (u64, u64)>,
    state: BTreeMap<StateKey, StateRow>,
    table_writes: BTreeMap<StateTable, u64>,
    changed: Vec<Changed>,
    consumers: BTreeMap<String, Cursor>,
}

impl Data {
    fn new(env: &Env) -> Self {
        Self {
            epoch: Some(Epoch::from_u128(env.next_id())),
            ..Self::default()
        }
    }

    fn events_of(&self, stream: StreamId) -> &[Event] {
        self.events.get(&stream).map_or(&[], Vec::as_slice)
    }

    fn head(&self, stream: StreamId) -> Head {
        self.events_of(stream)
            .last()
            .map_or_else(Head::default, |event| event.head)
    }

    fn rows_of(&self, keys: &[RowKey]) -> Rows {
        let mut rows = Rows::default();
        for key in keys {
            if let Some(row) = self.rows.get(key) {
                rows.insert(key.clone(), row.clone());
            }
        }
        rows
    }

    fn message(&self, room: RoomId, seq: u64) -> Option<MessageRecord> {
        match self.rows.get(&RowKey::Message { room, seq }) {
            Some(Row::Message(record)) => Some(record.clone()),
            _ => None,
        }
    }

    fn commit_of(&self, event: &Event) -> Commit {
        let seq = event.fact.message_seq(&event.head);
        let record = match (event.stream, seq) {
            (StreamId::Room(room), Some(seq)) => self.message(room, seq).map(Arc::new),
            _ => None,
        };
        Commit {
            event: event.clone(),
            record,
        }
    }

    fn used_before(&self, command: &Command, now: Timestamp) -> Result<Option<Appended>> {
        let Some(used) = command.nonce else {
            return Ok(None);
        };
        if used.nonce.age(now) == NonceAge::Expired {
            return Err(Error::NonceExpired);
        }
        let Some((fingerprint, rev)) = self.nonces.get(&nonce_key(command, used.nonce)) else {
            return Ok(None);
        };
        if *fingerprint != used.fingerprint {
            return Err(Error::NonceConflict);
        }
        let event = &self.events_of(command.stream)[*rev as usize - 1];
        Ok(Some(Appended {
            commit: Arc::new(self.commit_of(event)),
            replayed: true,
        }))
    }

    fn add(&mut self, command: &Command, draft: Draft, now: Timestamp) -> Result<Commit> {
        let event = Event {
            id: command.event_id,
            stream: command.stream,
            head: advance(&self.head(command.stream), &draft.fact, now),
            actor: command.actor,
            access_rev: command.access_rev,
            nonce: command.nonce.map(|used| used.nonce),
            fact: draft.fact,
            sealed: draft.sealed,
        };
        let rows = self.rows_of(&rows_needed(event.stream, &event.fact));
        let changes = project(&event, &rows).map_err(|error| Error::InvalidFact(error.to_string()))?;
        for change in changes {
            self.apply(change)?;
        }
        if let Some(used) = command.nonce {
            self.nonces
                .insert(nonce_key(command, used.nonce), (used.fingerprint, event.rev()));
        }
        let kept = Event {
            fact: event.fact.without_text(),
            ..event.clone()
        };
        self.events.entry(event.stream).or_default().push(kept);
        self.changed.push(Changed::Stream(event.stream));
        Ok(self.commit_of(&event))
    }

    fn apply(&mut self, change: RowChange) -> Result<()> {
        match change {
            RowChange::Put(key, row) => drop(self.rows.insert(key, row)),
            RowChange::Delete(key) => drop(self.rows.remove(&key)),
            RowChange::MoveMarker { user, room, to } => self.move_marker(StateKey::marker(user, room), to)?,
        }
        Ok(())
    }

    fn move_marker(&mut self, key: StateKey, to: Marker) -> Result<()> {
        let kind = match self.state.get(&key) {
            Some(row) if decode::<Marker>(&row.value)?.seq >= to.seq => return Ok(()),
            Some(row) => {
                let (version, expires_at) = (row.version, row.expires_at);
                StateWriteKind::CompareAndSet {
                    version,
                    value: encode(&to)?,
                    expires_at,
                }
            }
            None => StateWriteKind::Insert {
                value: encode(&to)?,
                expires_at: None,
            },
        };
        self.write_state(StateWrite { key, kind });
        Ok(())
    }

    fn write_state(&mut self, write: StateWrite) -> StateOutcome {
        let present = self.state.get(&write.key).map(|row| row.version);
        let row = match write.kind {
            StateWriteKind::Insert { value, expires_at } if present.is_none() => Some(StateRow {
                version: 1,
                value,
                expires_at,
            }),
            StateWriteKind::CompareAndSet {
                version,
                value,
                expires_at,
            } if present == Some(version) => Some(StateRow {
                version: version + 1,
                value,
                expires_at,
            }),
            StateWriteKind::CompareAndDelete { version } if present == Some(version) => None,
            _ => {
                return StateOutcome::Conflict {
                    current: self.state.get(&write.key).cloned(),
                };
            }
        };
        *self.table_writes.entry(write.key.table).or_default() += 1;
        self.changed.push(Changed::State(write.key.table));
        let version = row.as_ref().map_or(0, |row| row.version);
        match row {
            Some(row) => drop(self.state.insert(write.key, row)),
            None => drop(self.state.remove(&write.key)),
        }
        StateOutcome::Written { version }
    }

    fn change(&self, what: Changed) -> Change {
        let head = match what {
            Changed::Stream(stream) => self.head(stream).rev,
            Changed::State(table) => self.table_writes.get(&table).copied().unwrap_or(0),
        };
        Change { what, head }
    }
}

impl Reference {
    fn data(&self) -> Result<MutexGuard<'_, Data>> {
        let data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("the store is closed".to_owned()));
        }
        Ok(data)
    }
}

#[async_trait]
impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    async fn append(&self, command: Command, mut decide: Decide) -> Result<AppendOutcome> {
        let mut data = self.data()?;
        check_limit("rows named", command.rows.len(), Command::MAX_ROWS)?;
        if command.rows.iter().any(|key| key.stream() != command.stream) {
            return Err(Error::InvalidFact(
                "a named row belongs to another stream".to_owned(),
            ));
        }
        let now = self.env.now();
        if let Some(appended) = data.used_before(&command, now)? {
            return Ok(AppendOutcome::Appended(appended));
        }
        let Some(draft) = decide(&data.head(command.stream), &data.rows_of(&command.rows)) else {
            return Ok(AppendOutcome::Refused);
        };
        let commit = Arc::new(data.add(&command, draft, now)?);
        self.sink.committed(&[Arc::clone(&commit)]);
        Ok(AppendOutcome::Appended(Appended {
            commit,
            replayed: false,
        }))
    }

    async fn heads(&self, streams: &[StreamId]) -> Result<Vec<Head>> {
        let data = self.data()?;
        Ok(streams.iter().map(|stream| data.head(*stream)).collect())
    }

    async fn events(&self, stream: StreamId, after_rev: u64, limit: usize) -> Result<EventPage> {
        let data = self.data()?;
        check_limit("events in a page", limit, MAX_EVENTS_PER_PAGE)?;
        let after = data
            .events_of(stream)
            .iter()
            .filter(|event| event.rev() > after_rev);
        let commits = after.take(limit).map(|event| data.commit_of(event)).collect();
        Ok(EventPage {
            head: data.head(stream),
            commits,
        })
    }

    async fn history(&self, room: RoomId, anchor: Anchor, limit: usize) -> Result<HistoryPage> {
        let data = self.data()?;
        check_limit("messages in a page", limit, MAX_MESSAGES_PER_PAGE)?;
        let head = data.head(StreamId::Room(room));
        let Some((first, last)) = anchor.bounds(head.seq, limit) else {
            return Ok(HistoryPage {
                head,
                messages: Vec::new(),
            });
        };
        let messages = (first..=last)
            .map(|seq| data.message(room, seq))
            .collect::<Option<_>>();
        let messages = messages.ok_or_else(|| Error::Damaged("a message is missing".to_owned()))?;
        Ok(HistoryPage { head, messages })
    }

    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>> {
        let data = self.data()?;
        check_limit("rows asked for", keys.len(), MAX_ROWS_PER_PAGE)?;
        Ok(keys.iter().map(|key| data.rows.get(key).cloned()).collect())
    }

    async fn list_rows(&self, prefix: &RowPrefix, after: Option<&RowKey>, limit: usize) -> Result<RowPage> {
        let data = self.data()?;
        check_limit("rows in a page", limit, MAX_ROWS_PER_PAGE)?;
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let following = data.rows.range::<RowKey, _>((after, Bound::Unbounded));
        let mut matching = following.filter(|(key, _)| prefix.contains(key));
        let rows = matching
            .by_ref()
            .take(limit)
            .map(|(key, row)| (key.clone(), row.clone()))
            .collect();
        Ok(RowPage {
            rows,
            more: matching.next().is_some(),
        })
    }

    async fn state_get(&self, key: &StateKey) -> Result<Option<StateRow>> {
        Ok(self.data()?.state.get(key).cloned())
    }

    async fn state_write(&self, write: StateWrite) -> Result<StateOutcome> {
        let mut data = self.data()?;
        check_limit("a state key", write.key.key.len(), StateKey::MAX_BYTES)?;
        match &write.kind {
            StateWriteKind::Insert { value, .. } | StateWriteKind::CompareAndSet { value, .. } => {
                check_limit("a state value", value.len(), StateRow::MAX_BYTES)?;
            }
            StateWriteKind::CompareAndDelete { .. } => {}
        }
        Ok(data.write_state(write))
    }

    async fn state_list(
        &self,
        table: StateTable,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<StatePage> {
        let data = self.data()?;
        check_limit("rows in a page", limit, MAX_ROWS_PER_PAGE)?;
        let mut matching = data.state.iter().filter(|(key, _)| {
            key.table == table && key.key.starts_with(prefix) && after.is_none_or(|after| *key.key > *after)
        });
        let rows = matching
            .by_ref()
            .take(limit)
            .map(|(key, row)| (key.key.clone(), row.clone()))
            .collect();
        Ok(StatePage {
            rows,
            more: matching.next().is_some(),
        })
    }

    async fn late_cursor(&self) -> Result<Cursor> {
        Ok(Cursor::start())
    }

    async fn changed_since(&self, cursor: &Cursor, limit: usize) -> Result<Changes> {
        let data = self.data()?;
        let from = <[u8; 8]>::try_from(cursor.as_bytes()).map_or(0, u64::from_be_bytes) as usize;
        let to = from.saturating_add(limit).min(data.changed.len());
        let entries = data.changed[from..to]
            .iter()
            .map(|what| data.change(*what))
            .collect();
        let cursor = Cursor::from_bytes((to as u64).to_be_bytes().to_vec());
        Ok(Changes {
            entries,
            cursor,
            more: to < data.changed.len(),
        })
    }

    async fn consumer(&self, name: &str) -> Result<Option<Cursor>> {
        Ok(self.data()?.consumers.get(name).cloned())
    }

    async fn set_consumer(&self, name: &str, cursor: &Cursor) -> Result<()> {
        self.data()?.consumers.insert(name.to_owned(), cursor.clone());
        Ok(())
    }

    async fn epoch(&self) -> Result<Epoch> {
        self.data()?
            .epoch
            .ok_or_else(|| Error::Damaged("there is no epoch".to_owned()))
    }

    async fn sweep(&self) -> Result<usize> {
        let mut data = self.data()?;
        let now = self.env.now();
        let expired = data
            .state
            .extract_if(.., |_, row| row.expires_at.is_some_and(|at| at <= now));
        let rows = expired.take(SWEPT_AT_ONCE).count();
        let forgotten = |nonce: Nonce| nonce.time().plus_millis(Nonce::KEPT_MS) < now;
        let nonces = data.nonces.extract_if(.., |(_, _, nonce), _| forgotten(*nonce));
        Ok(rows + nonces.take(SWEPT_AT_ONCE).count())
    }

    async fn beat(&self, beat: &NodeBeat) -> Result<Vec<NodeBeat>> {
        self.data().map(|_| vec![beat.clone()])
    }

    async fn leave(&self, _beat: &NodeBeat) -> Result<()> {
        self.data().map(drop)
    }

    async fn status(&self) -> Status {
        Status {
            readiness: Readiness::Ready,
            space: Space::default(),
        }
    }

    async fn close(&self) -> Result<()> {
        let _data = self.data()?;
        self.closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

fn nonce_key(command: &Command, nonce: Nonce) -> NonceKey {
    (command.stream, command.actor, nonce)
}

fn check_limit(what: &'static str, size: usize, limit: usize) -> Result<()> {
    if size > limit {
        Err(Error::TooLarge { what, limit })
    } else {
        Ok(())
    }
}
