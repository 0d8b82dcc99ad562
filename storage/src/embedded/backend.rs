//! The contract of a store, carried out over the engine.

use async_trait::async_trait;

use super::committer::Operation;
use super::{Embedded, changes, events, frame, reads, tables};
use crate::error::{Error, Result};
use crate::model::{
    Epoch, Head, NodeBeat, RoomId, Row, RowKey, RowPrefix, StateKey, StateOutcome, StateRow, StateTable,
    StateWrite, StreamId,
};
use crate::store::backend::{AppendOutcome, Backend, Decide};
use crate::store::changes::{Changes, Cursor};
use crate::store::command::Command;
use crate::store::pages::{Anchor, EventPage, HistoryPage, MAX_ROWS_PER_PAGE, RowPage, StatePage};
use crate::store::status::Status;

/// The longest name of a consumer, in bytes.
const MAX_CONSUMER_NAME_BYTES: usize = 100;

#[async_trait]
impl Backend for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    async fn append(&self, command: Command, decide: Decide) -> Result<AppendOutcome> {
        let command = Box::new(command);
        self.ask(|answer| Operation::Append {
            command,
            decide,
            answer,
        })
        .await?
    }

    async fn heads(&self, streams: &[StreamId]) -> Result<Vec<Head>> {
        if streams.len() > MAX_ROWS_PER_PAGE {
            return Err(Error::TooLarge {
                what: "a page",
                limit: MAX_ROWS_PER_PAGE,
            });
        }
        self.read(|engine| {
            streams
                .iter()
                .map(|stream| reads::head(engine, *stream))
                .collect()
        })
    }

    async fn events(&self, stream: StreamId, after_rev: u64, limit: usize) -> Result<EventPage> {
        self.read_page(limit, |engine| events::page(engine, stream, after_rev, limit))
            .await
    }

    async fn history(&self, room: RoomId, anchor: Anchor, limit: usize) -> Result<HistoryPage> {
        self.read_page(limit, |engine| reads::history(engine, room, anchor, limit))
            .await
    }

    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>> {
        self.read(|engine| reads::rows(engine, keys))
    }

    async fn list_rows(&self, prefix: &RowPrefix, after: Option<&RowKey>, limit: usize) -> Result<RowPage> {
        self.read(|engine| reads::list_rows(engine, prefix, after, limit))
    }

    async fn state_get(&self, key: &StateKey) -> Result<Option<StateRow>> {
        self.read(|engine| reads::state(engine, key))
    }

    async fn state_write(&self, write: StateWrite) -> Result<StateOutcome> {
        self.ask(|answer| Operation::State { write, answer }).await?
    }

    async fn state_list(
        &self,
        table: StateTable,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<StatePage> {
        self.read(|engine| reads::state_list(engine, table, prefix, after, limit))
    }

    async fn changed_since(&self, cursor: &Cursor, limit: usize) -> Result<Changes> {
        self.read(|engine| changes::read(engine, cursor, limit))
    }

    async fn late_cursor(&self) -> Result<Cursor> {
        Ok(Cursor::start())
    }

    async fn consumer(&self, name: &str) -> Result<Option<Cursor>> {
        let key = tables::consumer(name);
        let bytes = self.read(|engine| frame::read_as::<serde_bytes::ByteBuf>(engine, &key))?;
        Ok(bytes.map(|bytes| Cursor::from_bytes(bytes.into_vec())))
    }

    async fn set_consumer(&self, name: &str, cursor: &Cursor) -> Result<()> {
        if name.len() > MAX_CONSUMER_NAME_BYTES {
            return Err(Error::TooLarge {
                what: "a consumer's name",
                limit: MAX_CONSUMER_NAME_BYTES,
            });
        }
        let cursor = match cursor.as_bytes() {
            [] => changes::Position::Scanning {
                tick: 0,
                after_key: Vec::new(),
            }
            .cursor(),
            bytes => {
                changes::Position::parse(bytes)?;
                cursor.clone()
            }
        };
        let (name, cursor) = (name.to_owned(), cursor.as_bytes().to_vec());
        self.ask(|answer| Operation::Consumer { name, cursor, answer })
            .await?
    }

    async fn epoch(&self) -> Result<Epoch> {
        self.engine().map(|_| self.inner.epoch)
    }

    async fn sweep(&self) -> Result<usize> {
        self.ask(|answer| Operation::Sweep { answer }).await?
    }

    async fn beat(&self, beat: &NodeBeat) -> Result<Vec<NodeBeat>> {
        // The folder's lock lets no other node in.
        self.engine().map(|_| vec![beat.clone()])
    }

    async fn leave(&self, _beat: &NodeBeat) -> Result<()> {
        self.engine().map(drop)
    }

    async fn status(&self) -> Status {
        self.status_now()
    }

    async fn close(&self) -> Result<()> {
        if !self.take_engine() {
            return Ok(());
        }
        self.ask(|answer| Operation::Close { answer }).await
    }
}
