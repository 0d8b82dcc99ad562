//! The contract, carried out by the other files of this module.

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::DocumentStore;
use super::turns::Waiting;
use crate::error::{Error, Result};
use crate::model::{
    Epoch, Head, NodeBeat, RoomId, Row, RowKey, RowPrefix, StateKey, StateOutcome, StateRow, StateTable,
    StateWrite, StreamId,
};
use crate::store::backend::{AppendOutcome, Backend, Decide};
use crate::store::changes::{Changes, Cursor};
use crate::store::command::Command;
use crate::store::pages::{Anchor, EventPage, HistoryPage, RowPage, StatePage};
use crate::store::status::{Readiness, Space, Status};

#[async_trait]
impl Backend for DocumentStore {
    fn name(&self) -> &'static str {
        "document"
    }

    async fn append(&self, command: Command, decide: Decide) -> Result<AppendOutcome> {
        let work = self.turns.take_work()?;
        let store = self.clone();
        let (answer, answered) = oneshot::channel();
        let stream = command.stream;
        let waiting = Waiting {
            command,
            decide,
            answer,
            since: Instant::now(),
            work,
        };
        if self.turns.queue(waiting) {
            // A task of its own: whoever asked may go away, the append does not.
            tokio::spawn(store.work_on(stream));
        }
        answered
            .await
            .unwrap_or_else(|_| Err(Error::Unavailable("the append stopped before its end".to_owned())))
    }

    async fn heads(&self, streams: &[StreamId]) -> Result<Vec<Head>> {
        let _work = self.turns.take_work()?;
        self.read_heads(streams).await
    }

    async fn events(&self, stream: StreamId, after_rev: u64, limit: usize) -> Result<EventPage> {
        let _work = self.turns.take_work()?;
        self.read_events(stream, after_rev, limit).await
    }

    async fn history(&self, room: RoomId, anchor: Anchor, limit: usize) -> Result<HistoryPage> {
        let _work = self.turns.take_work()?;
        self.read_history(room, anchor, limit).await
    }

    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>> {
        let _work = self.turns.take_work()?;
        self.read_rows(keys).await
    }

    async fn list_rows(&self, prefix: &RowPrefix, after: Option<&RowKey>, limit: usize) -> Result<RowPage> {
        let _work = self.turns.take_work()?;
        self.read_row_list(prefix, after, limit).await
    }

    async fn state_get(&self, key: &StateKey) -> Result<Option<StateRow>> {
        let _work = self.turns.take_work()?;
        self.read_state(key).await
    }

    async fn state_write(&self, write: StateWrite) -> Result<StateOutcome> {
        let _work = self.turns.take_work()?;
        self.write_state_row(write).await
    }

    async fn state_list(
        &self,
        table: StateTable,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<StatePage> {
        let _work = self.turns.take_work()?;
        self.list_state(table, prefix, after, limit).await
    }

    async fn changed_since(&self, cursor: &Cursor, limit: usize) -> Result<Changes> {
        let _work = self.turns.take_work()?;
        self.read_changes(cursor, limit).await
    }

    async fn late_cursor(&self) -> Result<Cursor> {
        let _work = self.turns.take_work()?;
        self.read_late_cursor().await
    }

    async fn consumer(&self, name: &str) -> Result<Option<Cursor>> {
        let _work = self.turns.take_work()?;
        self.read_consumer(name).await
    }

    async fn set_consumer(&self, name: &str, cursor: &Cursor) -> Result<()> {
        let _work = self.turns.take_work()?;
        self.write_consumer(name, cursor).await
    }

    async fn epoch(&self) -> Result<Epoch> {
        let _work = self.turns.take_work()?;
        self.read_epoch().await
    }

    async fn sweep(&self) -> Result<usize> {
        let _work = self.turns.take_work()?;
        self.sweep_once().await
    }

    async fn beat(&self, beat: &NodeBeat) -> Result<Vec<NodeBeat>> {
        let _work = self.turns.take_work()?;
        self.note_beat(beat).await
    }

    async fn leave(&self, beat: &NodeBeat) -> Result<()> {
        let _work = self.turns.take_work()?;
        self.remove_beat(beat).await
    }

    async fn status(&self) -> Status {
        match self.turns.take_work() {
            Ok(_work) => self.read_status().await,
            Err(closed) => Status {
                readiness: Readiness::Unreachable(closed.to_string()),
                space: Space::default(),
            },
        }
    }

    async fn close(&self) -> Result<()> {
        self.turns.close().await;
        self.documents.close().await;
        Ok(())
    }
}
