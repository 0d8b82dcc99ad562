//! The contract that every store keeps. The conformance suite has a named test for each promise in here.

use async_trait::async_trait;

use super::changes::{Changes, Cursor};
use super::command::{Appended, Command};
use super::pages::{Anchor, EventPage, HistoryPage, RowPage, StatePage};
use super::status::Status;
use crate::error::Result;
use crate::model::{
    Draft, Epoch, Head, NodeBeat, RoomId, Row, RowKey, RowPrefix, Rows, StateKey, StateOutcome, StateRow,
    StateTable, StateWrite, StreamId,
};

/// A decision: from the head and the rows that the command names, the event to append, or `None` to refuse.
/// It is pure and may run several times.
pub type Decide = Box<dyn FnMut(&Head, &Rows) -> Option<Draft> + Send>;

/// What became of an append that the store itself could carry out.
#[derive(Debug, Clone)]
pub enum AppendOutcome {
    /// The event is durable.
    Appended(Appended),
    /// The decision's last answer was `None`; nothing was written.
    Refused,
}

/// What a store does. Held behind [`super::Store`]; nobody else calls it.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The store's name in logs.
    fn name(&self) -> &'static str;

    /// Appends one event to `command.stream`.
    ///
    /// - `decide` sees the stream's head and the command's rows as they are at exactly that head. It runs again,
    ///   from fresh state, whenever another writer was first.
    /// - The answer comes after the event *and* everything that follows from it is durable, and after the
    ///   [`super::sink::CommitSink`] was told.
    /// - A nonce that this actor used on this stream before, with the same fingerprint, answers the first event with
    ///   `replayed` set, whatever a decision would say now; with another fingerprint
    ///   [`NonceConflict`](crate::Error::NonceConflict). The nonce's own time must be within its window, else
    ///   [`NonceExpired`](crate::Error::NonceExpired), even when it was used before.
    /// - Dropping the returned future does not stop an append that was taken: it runs to its end.
    /// - A fact that does not fit the stream is [`InvalidFact`](crate::Error::InvalidFact), and nothing is written.
    async fn append(&self, command: Command, decide: Decide) -> Result<AppendOutcome>;

    /// The heads of the streams, in the order asked; the default head for a stream without events.
    async fn heads(&self, streams: &[StreamId]) -> Result<Vec<Head>>;

    /// Up to `limit` events (at most [`super::pages::MAX_EVENTS_PER_PAGE`]) with a `rev` above `after_rev`, in order
    /// and dense, and the head from before they were read. Events about a message come with the message as it is now.
    /// A hole is [`Damaged`](crate::Error::Damaged).
    async fn events(&self, stream: StreamId, after_rev: u64, limit: usize) -> Result<EventPage>;

    /// Up to `limit` messages (at most [`super::pages::MAX_MESSAGES_PER_PAGE`]) around `anchor`, ascending and dense in
    /// `seq`, and the head from before they were read. A hole is [`Damaged`](crate::Error::Damaged). An unknown room
    /// has an empty page.
    async fn history(&self, room: RoomId, anchor: Anchor, limit: usize) -> Result<HistoryPage>;

    /// The rows, in the order asked (at most [`super::pages::MAX_ROWS_PER_PAGE`]).
    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>>;

    /// Up to `limit` rows of a list (at most [`super::pages::MAX_ROWS_PER_PAGE`]) that come after `after`, in key order.
    async fn list_rows(&self, prefix: &RowPrefix, after: Option<&RowKey>, limit: usize) -> Result<RowPage>;

    /// A state row, also an expired one that no sweep has removed yet.
    async fn state_get(&self, key: &StateKey) -> Result<Option<StateRow>>;

    /// Carries out one guarded write of one state row. Of two racing inserts of one key exactly one is written; of two
    /// racing writes from one version exactly one is written. The answer comes when the outcome is durable.
    async fn state_write(&self, write: StateWrite) -> Result<StateOutcome>;

    /// Up to `limit` state rows of `table` (at most [`super::pages::MAX_ROWS_PER_PAGE`]) whose keys start with `prefix`
    /// and come after `after`, in byte order.
    async fn state_list(
        &self,
        table: StateTable,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<StatePage>;

    /// Streams and state tables that changed since `cursor`, at least once each; may repeat, never skips. The only read
    /// across streams; there is no global order, and nothing may assume one.
    /// A cursor that is too old answers everything there is, page by page.
    async fn changed_since(&self, cursor: &Cursor, limit: usize) -> Result<Changes>;

    /// A cursor from which [`Self::changed_since`] tells at least what came in the ten minutes before the newest change,
    /// and all that follows. It is where a node begins that has no copies yet: what is older was seen through to its end by
    /// the nodes before it. A store whose changes are whole when they are there may answer its start.
    async fn late_cursor(&self) -> Result<Cursor>;

    /// The cursor that a consumer last noted; `None` for an unknown one.
    async fn consumer(&self, name: &str) -> Result<Option<Cursor>>;

    /// Notes how far a consumer is. What the slowest consumer still needs is kept, for at most 7 days.
    async fn set_consumer(&self, name: &str, cursor: &Cursor) -> Result<()>;

    /// The data's epoch: new at creation, restore and repair, otherwise the same for ever.
    async fn epoch(&self) -> Result<Epoch>;

    /// Removes expired state rows, nonces and change notes, a bounded number a call; answers how many it removed, so
    /// 0 means that nothing is left to remove.
    async fn sweep(&self) -> Result<usize>;

    /// Notes that this node lives, and answers all nodes that do, this one included, in the order of their ids.
    ///
    /// - A node lives until [`NodeBeat::LIVES_MS`] after its last beat, by the clock of the database: what the nodes'
    ///   own clocks say counts nothing. Another primary of the database may have another clock: after a fail-over a node may
    ///   seem dead until its next beat.
    /// - While a node lives, a beat of its id with another `life` is [`NodeTaken`](crate::Error::NodeTaken), and changes
    ///   nothing.
    /// - Nodes that are dead for long are forgotten.
    /// - A store that only one node can use answers that node.
    async fn beat(&self, beat: &NodeBeat) -> Result<Vec<NodeBeat>>;

    /// Notes that this node ends: from now on others do not see it. Of another life's beat nothing is changed. Tries once.
    async fn leave(&self, beat: &NodeBeat) -> Result<()>;

    /// Whether the store reads and writes, and how much space it takes.
    async fn status(&self) -> Status;

    /// Stops taking work, finishes what was taken, and closes.
    async fn close(&self) -> Result<()>;
}
