//! How clients look at what there is.

use std::future::Future;

use super::history::Call;
use super::workload::Client;
use crate::error::{Error, Result};
use crate::model::{RoomId, Row, RowKey, StateKey, StateRow, StreamId};
use crate::{Anchor, Store};

impl Client {
    /// Reads something.
    pub(super) async fn look(&self) {
        let room = self.some_room();
        match self.world.random.below(4) {
            0 => self.look_at_heads().await,
            1 => self.look_at_events(StreamId::Room(room)).await,
            2 => self.look_at_history(room).await,
            _ => {
                let message = |seq| RowKey::Message { room, seq };
                self.look_at_rows((1..=5).map(message).collect()).await;
            }
        }
    }

    pub(super) async fn look_at_heads(&self) {
        let streams = self.world.streams();
        let asked = streams.clone();
        self.read(
            |store| async move { store.heads(&asked).await },
            |heads| Call::Heads(streams.into_iter().zip(heads).collect()),
        )
        .await;
    }

    async fn look_at_events(&self, stream: StreamId) {
        let after = self.world.random.below(6);
        self.read(
            |store| async move { store.events(stream, after, 10).await },
            |page| Call::Events { stream, after, page },
        )
        .await;
    }

    pub(super) async fn look_at_history(&self, room: RoomId) {
        let anchors = [
            Anchor::Latest,
            Anchor::After(1),
            Anchor::Before(4),
            Anchor::Around(2),
        ];
        let anchor = self
            .world
            .random
            .pick(&anchors)
            .copied()
            .unwrap_or(Anchor::Latest);
        self.read(
            |store| async move { store.history(room, anchor, 10).await },
            |page| Call::History { room, page },
        )
        .await;
    }

    pub(super) async fn look_at_rows(&self, keys: Vec<RowKey>) {
        let asked = keys.clone();
        self.read(
            |store| async move { store.rows(&asked).await },
            |rows| Call::Rows(keys.into_iter().zip(rows).collect::<Vec<(RowKey, Option<Row>)>>()),
        )
        .await;
    }

    pub(super) async fn look_at_state(&self, key: StateKey) -> Option<StateRow> {
        let asked = key.clone();
        let backend_read = move |store: Store| async move { super::state_work::read(&store, &asked).await };
        self.read(backend_read, |row| Call::StateRead { key, row })
            .await
            .flatten()
    }

    /// Reads, and writes down what was read.
    pub(super) async fn read<T: Clone, W: Future<Output = Result<T>>>(
        &self,
        work: impl FnOnce(Store) -> W,
        call: impl FnOnce(T) -> Call,
    ) -> Option<T> {
        let invoked = self.world.recorder.invoke(self.node);
        match self.ask(work).await? {
            Ok(answer) => {
                self.world.recorder.answered(invoked, call(answer.clone()));
                Some(answer)
            }
            Err(Error::Unavailable(_)) if !self.world.is_calm() => None,
            Err(error) => {
                self.broken(error.to_string());
                None
            }
        }
    }
}
