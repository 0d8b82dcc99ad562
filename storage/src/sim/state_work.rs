//! What clients do with state rows, and how they follow changes.

use serde::{Deserialize, Serialize};

use super::history::Call;
use super::workload::Client;
use crate::error::{Error, Result};
use crate::model::{
    Marker, StateKey, StateOutcome, StateRow, StateTable, StateWrite, StateWriteKind, StreamId,
};
use crate::{Changed, Cursor, StateRecord, Store, decode, encode};

/// How many state rows clients race for.
const KEYS: u64 = 2;

/// What the shared state rows hold.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Claim {
    holder: u64,
}

impl StateRecord for Claim {
    const TABLE: StateTable = StateTable::Claims;
}

impl Client {
    pub(super) async fn use_state(&self) {
        let key = shared_key(self.world.random.below(KEYS));
        match self.world.random.below(10) {
            0..3 => {
                let kind = StateWriteKind::Insert {
                    value: self.unique_value(),
                    expires_at: None,
                };
                self.write_state(StateWrite { key, kind }).await;
            }
            3..6 => {
                let Some(row) = self.look_at_state(key.clone()).await else {
                    return;
                };
                let value = self.unique_value();
                let kind = StateWriteKind::CompareAndSet {
                    version: row.version,
                    value,
                    expires_at: None,
                };
                self.write_state(StateWrite { key, kind }).await;
            }
            6 => {
                let Some(row) = self.look_at_state(key.clone()).await else {
                    return;
                };
                let kind = StateWriteKind::CompareAndDelete { version: row.version };
                self.write_state(StateWrite { key, kind }).await;
            }
            7 => {
                self.look_at_state(key).await;
            }
            8 => {
                let key = StateKey::marker(self.user, self.some_room());
                self.look_at_state(key).await;
            }
            _ => self.move_own_marker().await,
        }
    }

    fn unique_value(&self) -> Vec<u8> {
        encode(&Claim {
            holder: self.world.random.bits(),
        })
        .unwrap_or_default()
    }

    /// Marks everything as read.
    async fn move_own_marker(&self) {
        let room = self.some_room();
        let head = self
            .ask(|store| async move { store.head(StreamId::Room(room)).await })
            .await;
        let Some(Ok(head)) = head else { return };
        let key = StateKey::marker(self.user, room);
        let before = self.look_at_state(key.clone()).await;
        let to = Marker {
            seq: head.seq,
            n: head.n,
        };
        let Ok(value) = encode(&to) else { return };
        let kind = match before {
            None => StateWriteKind::Insert {
                value,
                expires_at: None,
            },
            Some(row) if seq_of(&row) >= to.seq => return,
            Some(row) => StateWriteKind::CompareAndSet {
                version: row.version,
                value,
                expires_at: None,
            },
        };
        self.write_state(StateWrite { key, kind }).await;
    }

    async fn write_state(&self, write: StateWrite) {
        let asked = write.clone();
        let invoked = self.world.recorder.invoke(self.node);
        let answer = self
            .ask(|store| async move { carry_out(&store, asked).await })
            .await;
        let outcome: Option<StateOutcome> = match answer {
            Some(Ok(outcome)) => Some(outcome),
            Some(Err(Error::Unavailable(_))) | None => None,
            Some(Err(error)) => {
                self.broken(error.to_string());
                None
            }
        };
        let clear = outcome.is_some();
        let call = Call::StateWrite { write, outcome };
        if clear {
            self.world.recorder.answered(invoked, call);
        } else {
            self.world.recorder.unclear(invoked, call);
        }
    }

    /// Goes on following the changes by one page, from where the client's cursor was noted.
    pub(super) async fn follow(&self) -> bool {
        let (name, limit) = (
            format!("client {}", self.number),
            1 + self.world.random.below(6) as usize,
        );
        let asked = name.clone();
        let Some(Ok(cursor)) = self
            .ask(|store| async move { store.consumer(&asked).await })
            .await
        else {
            return true;
        };
        let cursor = cursor.unwrap_or_else(Cursor::start);
        let invoked = self.world.recorder.invoke(self.node);
        let page = self
            .ask(|store| async move { store.changed_since(&cursor, limit).await })
            .await;
        let page = match page {
            Some(Ok(page)) => page,
            Some(Err(Error::Unavailable(_))) | None => return true,
            Some(Err(error)) => {
                self.broken(error.to_string());
                return false;
            }
        };
        let entries: Vec<(Changed, u64)> = page
            .entries
            .iter()
            .map(|entry| (entry.what, entry.head))
            .collect();
        self.world.recorder.followed(self.number, &entries);
        self.world.recorder.answered(
            invoked,
            Call::Changes {
                consumer: self.number,
                entries,
            },
        );
        let noted = self
            .ask(|store| async move { store.set_consumer(&name, &page.cursor).await })
            .await;
        page.more || !matches!(noted, Some(Ok(())))
    }
}

/// The state rows that clients race for.
pub(super) fn shared_key(number: u64) -> StateKey {
    StateKey::new(StateTable::Claims, &[&number.to_be_bytes()])
}

/// All of them.
pub(super) fn shared_keys() -> Vec<StateKey> {
    (0..KEYS).map(shared_key).collect()
}

fn seq_of(row: &StateRow) -> u64 {
    decode::<Marker>(&row.value).map_or(0, |marker| marker.seq)
}

/// Reads a state row, as it is stored.
pub(super) async fn read(store: &Store, key: &StateKey) -> Result<Option<StateRow>> {
    match key.table {
        StateTable::Markers => read_as::<Marker>(store, key).await,
        _ => read_as::<Claim>(store, key).await,
    }
}

async fn read_as<T: StateRecord>(store: &Store, key: &StateKey) -> Result<Option<StateRow>> {
    let Some(found) = store.state::<T>(key).await? else {
        return Ok(None);
    };
    let value = encode(&found.record)?;
    Ok(Some(StateRow {
        version: found.version,
        value,
        expires_at: found.expires_at,
    }))
}

async fn carry_out(store: &Store, write: StateWrite) -> Result<StateOutcome> {
    match write.key.table {
        StateTable::Markers => carry_out_as::<Marker>(store, write).await,
        _ => carry_out_as::<Claim>(store, write).await,
    }
}

async fn carry_out_as<T: StateRecord>(store: &Store, write: StateWrite) -> Result<StateOutcome> {
    match write.kind {
        StateWriteKind::Insert { value, expires_at } => {
            store
                .state_insert(write.key, &decode::<T>(&value)?, expires_at)
                .await
        }
        StateWriteKind::CompareAndSet {
            version,
            value,
            expires_at,
        } => {
            store
                .state_replace(write.key, version, &decode::<T>(&value)?, expires_at)
                .await
        }
        StateWriteKind::CompareAndDelete { version } => store.state_delete(write.key, version).await,
    }
}
