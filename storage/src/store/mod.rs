//! The store as everybody sees it: a cheap-clone handle over a [`Backend`].

pub(crate) mod backend;
pub(crate) mod changes;
pub(crate) mod command;
pub(crate) mod pages;
pub(crate) mod record;
pub(crate) mod sink;
pub(crate) mod status;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{AppendError, Error, Result};
use crate::model::{
    Draft, Epoch, Guild, GuildId, Head, Instance, Marker, MessageRecord, NodeBeat, Room, RoomId, Row, RowKey,
    RowPrefix, Rows, StateKey, StateOutcome, StateTable, StateWrite, StateWriteKind, StreamId, Timestamp,
    User, UserId,
};
use backend::{AppendOutcome, Backend};
use changes::{Changes, Cursor};
use command::{Appended, Command};
use pages::{Anchor, EventPage, HistoryPage, RowPage, StatePage};
use record::{StateRecord, Versioned, decode, encode};
use status::Status;

/// All that Madang keeps. Cheap to clone; see [`Backend`] for what each method promises.
#[derive(Clone)]
pub struct Store(Arc<dyn Backend>);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.name()).finish()
    }
}

impl Store {
    /// Wraps a backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self(backend)
    }

    /// Appends one event to one stream, if `decide` agrees. See [`Backend::append`].
    ///
    /// `decide` must be pure: it may run several times, and only its last answer counts.
    pub async fn append<R: Send + 'static>(
        &self,
        command: Command,
        mut decide: impl FnMut(&Head, &Rows) -> std::result::Result<Draft, R> + Send + 'static,
    ) -> std::result::Result<Appended, AppendError<R>> {
        let refusal = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&refusal);
        let decide = Box::new(move |head: &Head, rows: &Rows| match decide(head, rows) {
            Ok(draft) => Some(draft),
            Err(reason) => {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
                None
            }
        });
        match self.0.append(command, decide).await? {
            AppendOutcome::Appended(appended) => Ok(appended),
            AppendOutcome::Refused => {
                let reason = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
                // A backend answers `Refused` only after `decide` returned `None`, which fills the slot.
                let missing = || Error::InvalidFact("a refusal without a decision".to_owned());
                Err(reason.map_or_else(|| AppendError::Store(missing()), AppendError::Refused))
            }
        }
    }

    /// The head of a stream. See [`Backend::heads`].
    pub async fn head(&self, stream: StreamId) -> Result<Head> {
        let heads = self.0.heads(&[stream]).await?;
        heads
            .first()
            .copied()
            .ok_or_else(|| Error::Unavailable("the backend answered no head".to_owned()))
    }

    /// The heads of streams, in the order asked. See [`Backend::heads`].
    pub async fn heads(&self, streams: &[StreamId]) -> Result<Vec<Head>> {
        self.0.heads(streams).await
    }

    /// Events after `after_rev`. See [`Backend::events`].
    pub async fn events(&self, stream: StreamId, after_rev: u64, limit: usize) -> Result<EventPage> {
        self.0.events(stream, after_rev, limit).await
    }

    /// A page of messages. See [`Backend::history`].
    pub async fn history(&self, room: RoomId, anchor: Anchor, limit: usize) -> Result<HistoryPage> {
        self.0.history(room, anchor, limit).await
    }

    /// Rows by key, in the order asked. See [`Backend::rows`].
    pub async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>> {
        self.0.rows(keys).await
    }

    /// A page of a list of rows. See [`Backend::list_rows`].
    pub async fn list_rows(
        &self,
        prefix: &RowPrefix,
        after: Option<&RowKey>,
        limit: usize,
    ) -> Result<RowPage> {
        self.0.list_rows(prefix, after, limit).await
    }

    /// The instance, once it is set up.
    pub async fn instance(&self) -> Result<Option<Instance>> {
        match self.row(RowKey::Instance).await? {
            Some(Row::Instance(instance)) => Ok(Some(instance)),
            other => no_row(other),
        }
    }

    /// A guild.
    pub async fn guild(&self, guild: GuildId) -> Result<Option<Guild>> {
        match self.row(RowKey::Guild(guild)).await? {
            Some(Row::Guild(guild)) => Ok(Some(guild)),
            other => no_row(other),
        }
    }

    /// A user.
    pub async fn user(&self, user: UserId) -> Result<Option<User>> {
        match self.row(RowKey::User(user)).await? {
            Some(Row::User(user)) => Ok(Some(user)),
            other => no_row(other),
        }
    }

    /// A room.
    pub async fn room(&self, room: RoomId) -> Result<Option<Room>> {
        match self.row(RowKey::Room(room)).await? {
            Some(Row::Room(room)) => Ok(Some(room)),
            other => no_row(other),
        }
    }

    /// A message, tombstones included.
    pub async fn message(&self, room: RoomId, seq: u64) -> Result<Option<MessageRecord>> {
        match self.row(RowKey::Message { room, seq }).await? {
            Some(Row::Message(record)) => Ok(Some(record)),
            other => no_row(other),
        }
    }

    /// Whether somebody is a member of a guild.
    pub async fn is_member(&self, guild: GuildId, user: UserId) -> Result<bool> {
        Ok(self.row(RowKey::Member { guild, user }).await?.is_some())
    }

    /// A typed state row.
    pub async fn state<T: StateRecord>(&self, key: &StateKey) -> Result<Option<Versioned<T>>> {
        debug_assert_eq!(key.table, T::TABLE);
        let Some(row) = self.0.state_get(key).await? else {
            return Ok(None);
        };
        let record = decode(&row.value)?;
        Ok(Some(Versioned {
            version: row.version,
            record,
            expires_at: row.expires_at,
        }))
    }

    /// Makes a state row that did not exist. See [`Backend::state_write`].
    pub async fn state_insert<T: StateRecord>(
        &self,
        key: StateKey,
        record: &T,
        expires_at: Option<Timestamp>,
    ) -> Result<StateOutcome> {
        debug_assert_eq!(key.table, T::TABLE);
        let kind = StateWriteKind::Insert {
            value: encode(record)?,
            expires_at,
        };
        self.0.state_write(StateWrite { key, kind }).await
    }

    /// Replaces a state row that still has `version`. See [`Backend::state_write`].
    pub async fn state_replace<T: StateRecord>(
        &self,
        key: StateKey,
        version: u64,
        record: &T,
        expires_at: Option<Timestamp>,
    ) -> Result<StateOutcome> {
        debug_assert_eq!(key.table, T::TABLE);
        let kind = StateWriteKind::CompareAndSet {
            version,
            value: encode(record)?,
            expires_at,
        };
        self.0.state_write(StateWrite { key, kind }).await
    }

    /// Removes a state row that still has `version`. See [`Backend::state_write`].
    pub async fn state_delete(&self, key: StateKey, version: u64) -> Result<StateOutcome> {
        let kind = StateWriteKind::CompareAndDelete { version };
        self.0.state_write(StateWrite { key, kind }).await
    }

    /// A page of state rows whose keys start with `prefix`. See [`Backend::state_list`].
    pub async fn state_list(
        &self,
        table: StateTable,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<StatePage> {
        self.0.state_list(table, prefix, after, limit).await
    }

    /// How far somebody has read a room; the start of the room when there is no marker.
    pub async fn marker(&self, user: UserId, room: RoomId) -> Result<Marker> {
        let marker = self.state::<Marker>(&StateKey::marker(user, room)).await?;
        Ok(marker.map_or_else(Marker::default, |marker| marker.record))
    }

    /// What changed since `cursor`. See [`Backend::changed_since`].
    pub async fn changed_since(&self, cursor: &Cursor, limit: usize) -> Result<Changes> {
        self.0.changed_since(cursor, limit).await
    }

    /// A cursor some time before the newest change. See [`Backend::late_cursor`].
    pub async fn late_cursor(&self) -> Result<Cursor> {
        self.0.late_cursor().await
    }

    /// The cursor at which a named consumer stands. See [`Backend::consumer`].
    pub async fn consumer(&self, name: &str) -> Result<Option<Cursor>> {
        self.0.consumer(name).await
    }

    /// Notes that a named consumer has dealt with everything before `cursor`. See [`Backend::set_consumer`].
    pub async fn set_consumer(&self, name: &str, cursor: &Cursor) -> Result<()> {
        self.0.set_consumer(name, cursor).await
    }

    /// The data's epoch. See [`Backend::epoch`].
    pub async fn epoch(&self) -> Result<Epoch> {
        self.0.epoch().await
    }

    /// Removes a bounded number of rows that have expired. See [`Backend::sweep`].
    pub async fn sweep(&self) -> Result<usize> {
        self.0.sweep().await
    }

    /// Notes that this node lives, and answers all nodes that do. See [`Backend::beat`].
    pub async fn beat(&self, beat: &NodeBeat) -> Result<Vec<NodeBeat>> {
        self.0.beat(beat).await
    }

    /// Notes that this node ends. See [`Backend::leave`].
    pub async fn leave(&self, beat: &NodeBeat) -> Result<()> {
        self.0.leave(beat).await
    }

    /// Whether the store reads and writes, and how much space it takes.
    pub async fn status(&self) -> Status {
        self.0.status().await
    }

    /// Stops taking work, finishes what was taken, and closes. Later calls answer [`Error::Unavailable`].
    pub async fn close(&self) -> Result<()> {
        self.0.close().await
    }

    async fn row(&self, key: RowKey) -> Result<Option<Row>> {
        Ok(self.0.rows(&[key]).await?.pop().flatten())
    }
}

/// Tells "there is none" from "there is something else under this key", which is damage.
fn no_row<T>(row: Option<Row>) -> Result<Option<T>> {
    match row {
        None => Ok(None),
        Some(_) => Err(Error::Damaged(
            "a row holds another kind of value than its key".to_owned(),
        )),
    }
}
