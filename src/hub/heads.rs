//! Heads of rooms for those who watch a guild without having the room open: at most one a second and room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use madang_storage::Store;
use madang_storage::model::{Commit, Fact, GuildId, Head, Room, RoomId, Row, RowKey};

use super::listener::Listener;
use super::{FrameKey, Hub, Signal};

/// How many rooms' guilds are remembered. Above it the memory starts anew: they are a read away.
const MAX_KNOWN_ROOMS: usize = 100_000;

/// Rooms that changed since heads were told, and which guild rooms belong to.
#[derive(Default)]
pub(super) struct Heads {
    changed: Mutex<HashMap<RoomId, Changed>>,
    guilds: Mutex<HashMap<RoomId, GuildId>>,
}

struct Changed {
    head: Head,
    /// The room itself changed, not its messages: watchers learn of its name.
    meta: bool,
}

impl Heads {
    /// Notes a commit. Called on the committing thread: one entry for a room, however often it changes.
    pub(super) fn note(&self, room: RoomId, commit: &Commit) {
        let meta = matches!(commit.event.fact, Fact::RoomCreated { .. });
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = changed.entry(room).or_insert(Changed {
            head: commit.event.head,
            meta,
        });
        entry.head = commit.event.head;
        entry.meta |= meta;
    }

    fn take(&self) -> HashMap<RoomId, Changed> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn guild_of(&self, room: RoomId) -> Option<GuildId> {
        self.guilds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&room)
            .copied()
    }

    fn remember(&self, room: RoomId, guild: GuildId) {
        let mut guilds = self.guilds.lock().unwrap_or_else(PoisonError::into_inner);
        if guilds.len() >= MAX_KNOWN_ROOMS {
            guilds.clear();
        }
        guilds.insert(room, guild);
    }
}

/// Tells what changed since the last time.
pub(super) async fn tell(hub: &Hub, store: &Store) {
    let changed = hub.inner.heads.take();
    if changed.is_empty() || hub.people().guilds.is_empty() {
        return;
    }
    let mut by_guild: HashMap<GuildId, Vec<(RoomId, Signal)>> = HashMap::new();
    for (room, changed) in changed {
        let known = if changed.meta {
            None
        } else {
            hub.inner.heads.guild_of(room)
        };
        let (guild, signal) = match known {
            Some(guild) => (
                guild,
                Signal::Head {
                    room,
                    head: changed.head,
                },
            ),
            None => match read_room(store, room).await {
                Some(row) => {
                    hub.inner.heads.remember(room, row.guild);
                    (row.guild, signal_of(room, row, &changed))
                }
                None => continue,
            },
        };
        by_guild.entry(guild).or_default().push((room, signal));
    }
    for (guild, signals) in by_guild {
        let watchers = hub.people().guilds.get(&guild).cloned();
        if let Some(watchers) = watchers {
            tell_guild(hub, &watchers, &signals).await;
        }
    }
}

fn signal_of(room: RoomId, row: Room, changed: &Changed) -> Signal {
    if changed.meta {
        Signal::Room {
            guild: row.guild,
            room,
            name: row.name,
            topic: row.topic,
            head: changed.head,
        }
    } else {
        Signal::Head {
            room,
            head: changed.head,
        }
    }
}

async fn read_room(store: &Store, room: RoomId) -> Option<Room> {
    match store
        .rows(&[RowKey::Room(room)])
        .await
        .map(|mut rows| rows.pop().flatten())
    {
        Ok(Some(Row::Room(row))) => Some(row),
        Ok(_) => None,
        Err(error) => {
            // A head is a hint; the next change of the room brings it again.
            tracing::warn!(%room, %error, "a room's head was not told");
            None
        }
    }
}

/// One write for each watcher: all heads in one run of frames, shared by those who have none of the rooms open.
async fn tell_guild(hub: &Hub, watchers: &Arc<Vec<Arc<Listener>>>, signals: &[(RoomId, Signal)]) {
    let mut shared: Vec<(FrameKey, Bytes)> = Vec::new();
    for (index, watcher) in watchers.iter().enumerate() {
        if index > 0 && index % 256 == 0 {
            tokio::task::yield_now().await;
        }
        let has_some_open = signals.iter().any(|(room, _)| watcher.has_open(*room));
        if has_some_open {
            let closed = signals.iter().filter(|(room, _)| !watcher.has_open(*room));
            let frames = run_of(hub, watcher.key, closed);
            if !frames.is_empty() {
                watcher.send(&frames);
            }
            continue;
        }
        let known = shared.iter().position(|(key, _)| *key == watcher.key);
        let place = known.unwrap_or_else(|| {
            shared.push((watcher.key, run_of(hub, watcher.key, signals.iter())));
            shared.len() - 1
        });
        watcher.send(&shared[place].1);
    }
}

fn run_of<'a>(hub: &Hub, key: FrameKey, signals: impl Iterator<Item = &'a (RoomId, Signal)>) -> Bytes {
    let mut frames = BytesMut::new();
    for (_, signal) in signals {
        frames.extend_from_slice(&hub.inner.encoder.signal(key, signal));
    }
    frames.freeze()
}
