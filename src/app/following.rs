//! What keeps a node current: it asks the store again and again what changed.

use std::collections::BTreeSet;
use std::time::Duration;

use madang_storage::model::{StateTable, StreamId};
use madang_storage::{Changed, Changes, Cursor, MAX_ROWS_PER_PAGE, Store};
use tokio::time::Instant;

use super::delivery::Delivery;
use crate::broker::{Broker, CURRENT_FOR};
use crate::chat::Chat;
use crate::hub::CloseReason;

/// How often the store is asked what nobody told.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often it is asked while this node cannot be sure that it hears of everything.
const LOOK_EVERY_IN_DOUBT: Duration = Duration::from_millis(500);
/// How long a node that neither hears the others nor reads the store keeps its sockets: whoever was sent away meanwhile
/// must not stay.
const BLIND_FOR: Duration = Duration::from_secs(10);
/// How long a page of changes may take: the store by itself tries for longer than this node may be blind.
const PAGE_WITHIN: Duration = Duration::from_secs(10);
/// How long the ends of logins may take to be read before the store counts as away.
const ENDS_WITHIN: Duration = Duration::from_secs(4);
/// The longest pause after the store could not be looked through, as a power of two of the shortest.
const MAX_DOUBLINGS: u32 = 2;

/// Finds what nobody told, because whoever stored it died before, or because the broker lost it.
pub struct Following {
    store: Store,
    delivery: Delivery,
    chat: Chat,
    /// Nothing before the store was asked where to begin.
    cursor: Option<Cursor>,
    is_first: bool,
    /// How many rounds failed one after the other.
    failures: u32,
    /// When this node last knew of everything, by the others' word or the store's.
    knew_at: Instant,
    /// State tables that changed of late.
    tables: BTreeSet<StateTable>,
}

impl Following {
    /// Has looked at nothing yet.
    pub fn new(store: Store, delivery: Delivery, chat: Chat) -> Self {
        Self {
            store,
            delivery,
            chat,
            cursor: None,
            is_first: true,
            failures: 0,
            knew_at: Instant::now(),
            tables: BTreeSet::new(),
        }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        loop {
            let began = Instant::now();
            let was_sure = self.delivery.broker.status().is_current();
            let round = self.round(was_sure).await;
            match &round {
                Ok(()) => self.delivery.broker.looked(began),
                Err(error) => tracing::warn!(%error, "what changed cannot be read"),
            }
            self.judge_sight(began, was_sure || round.is_ok()).await;
            self.failures = if round.is_ok() {
                0
            } else {
                self.failures.saturating_add(1)
            };
            // A store that has too much to do is not helped by being asked again at once.
            tokio::time::sleep(pause_after(self.failures)).await;
            wait(&self.delivery.broker, began).await;
        }
    }

    /// Closes the sockets of a node that has been blind for too long. One whose store is slow is not blind: what others
    /// say comes with what is needed to judge it, and which logins ended is quickly read.
    async fn judge_sight(&mut self, began: Instant, knows: bool) {
        if knows || self.reads_ends().await {
            self.knew_at = began;
        } else if self.knew_at.elapsed() > BLIND_FOR {
            tracing::warn!("neither the other nodes nor the store are heard: connections are closed");
            self.delivery.hub.close_all(CloseReason::Lost);
            self.knew_at = Instant::now();
        }
    }

    async fn reads_ends(&self) -> bool {
        let ends = tokio::time::timeout(ENDS_WITHIN, self.chat.heed_ended_sessions()).await;
        ends.is_ok_and(|read| read.is_ok())
    }

    async fn round(&mut self, was_sure: bool) -> Result<(), crate::chat::Error> {
        let tables = self.look().await?;
        if was_sure {
            // What changed after it was sure is looked at once more by the next round that is not.
            self.tables = tables;
            return Ok(());
        }
        self.tables.extend(tables);
        self.chat.catch_up(&self.tables).await?;
        self.tables.clear();
        Ok(())
    }

    /// Everything that changed since the last round, or of late before the first one; answers the state tables among it.
    async fn look(&mut self) -> madang_storage::Result<BTreeSet<StateTable>> {
        let mut tables = BTreeSet::new();
        let mut cursor = match self.cursor.take() {
            Some(cursor) => cursor,
            None => self.store.late_cursor().await?,
        };
        loop {
            let page = self.page(&cursor).await;
            // A page that cannot be read is read again.
            let page = page.inspect_err(|_| self.cursor = Some(cursor.clone()))?;
            for change in &page.entries {
                match change.what {
                    Changed::Stream(stream) => self.hear_of(stream, change.head).await,
                    Changed::State(table) => {
                        tables.insert(table);
                    }
                }
            }
            cursor = page.cursor;
            if !page.more {
                self.cursor = Some(cursor);
                self.is_first = false;
                return Ok(tables);
            }
        }
    }

    async fn page(&self, cursor: &Cursor) -> madang_storage::Result<Changes> {
        let page = self.store.changed_since(cursor, MAX_ROWS_PER_PAGE);
        let page = tokio::time::timeout(PAGE_WITHIN, page).await;
        page.unwrap_or_else(|_| {
            let text = format!("no changes within {} s", PAGE_WITHIN.as_secs());
            Err(madang_storage::Error::Unavailable(text))
        })
    }

    async fn hear_of(&self, stream: StreamId, head: u64) {
        let was_told = self.delivery.places.has_heard(stream, head);
        self.delivery.hear_of(stream, head);
        // The first round tells of all that there is. Whoever is here has read where the rooms stand after this node
        // began to hear of changes.
        if let (StreamId::Room(room), false) = (stream, self.is_first) {
            self.delivery.hub.hear_of_head(room, head);
            if !was_told {
                self.delivery.hub.hear_of_conversation(room).await;
            }
        }
    }
}

fn pause_after(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(more) => LOOK_EVERY_IN_DOUBT * 2_u32.pow(more.min(MAX_DOUBLINGS)),
    }
}

/// Waits until it is time to look again. Time that passed while nothing of this process ran counts as doubt: others
/// may have given up on this node meanwhile.
async fn wait(broker: &Broker, began: Instant) {
    while began.elapsed() < LOOK_EVERY {
        let asleep = Instant::now();
        tokio::time::sleep(LOOK_EVERY_IN_DOUBT).await;
        let was_stopped = asleep.elapsed() > LOOK_EVERY_IN_DOUBT + CURRENT_FOR;
        if was_stopped || !broker.status().is_current() {
            return;
        }
    }
}
