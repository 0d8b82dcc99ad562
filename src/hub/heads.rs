//! Heads of rooms for those who watch a guild without having the room open: at most one a second and room.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use madang_storage::Store;
use madang_storage::model::{Commit, GuildId, Head, Room, RoomId, RoomKind, Row, RowKey, StreamId};

use super::listener::Listener;
use super::{Attached, Audience, FrameKey, Hub, Signal, Standing};

/// How many rooms' guilds are remembered. Above it the memory starts anew: they are a read away.
const MAX_KNOWN_ROOMS: usize = 100_000;

/// Rooms that changed since heads were told, and what is known of rooms.
#[derive(Default)]
pub(super) struct Heads {
    /// In the order of their ids: whoever repeats a run sees the same.
    changed: Mutex<BTreeMap<RoomId, Changed>>,
    known: Mutex<HashMap<RoomId, Known>>,
}

#[derive(Debug, Clone, Copy)]
struct Changed {
    rev: u64,
    /// Where the room stands; `None` when only its `rev` was heard of.
    head: Option<Head>,
    /// The room itself changed, not its messages: watchers learn of its name.
    meta: bool,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    audience: Watchers,
    /// The newest `rev` that was told.
    told: u64,
}

/// Who is told of a room without having it open.
#[derive(Debug, Clone, Copy)]
enum Watchers {
    /// Those who watch its guild.
    Guild(GuildId),
    /// Of a thread: those who have the room open whose message it hangs on.
    Lookers(RoomId),
}

impl Heads {
    /// Notes a commit. Called on the committing thread: one entry for a room, however often it changes.
    pub(super) fn note(&self, room: RoomId, commit: &Commit) {
        let head = commit.event.head;
        let meta = head.meta_rev == head.rev;
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = changed.entry(room).or_insert(Changed {
            rev: 0,
            head: None,
            meta,
        });
        entry.meta |= meta;
        if head.rev >= entry.rev {
            (entry.rev, entry.head) = (head.rev, Some(head));
        }
    }

    /// Notes that a room is at `rev`, unless that was told before.
    pub(super) fn note_rev(&self, room: RoomId, rev: u64) {
        if self.known(room).is_some_and(|known| known.told >= rev) {
            return;
        }
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = changed.entry(room).or_insert(Changed {
            rev: 0,
            head: None,
            // It may be a room that nobody has heard of yet.
            meta: true,
        });
        if rev > entry.rev {
            (entry.rev, entry.head, entry.meta) = (rev, None, true);
        }
    }

    fn take(&self) -> BTreeMap<RoomId, Changed> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn known(&self, room: RoomId) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&room).copied()
    }

    fn remember(&self, room: RoomId, audience: Watchers, told: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN_ROOMS && !known.contains_key(&room) {
            known.clear();
        }
        known.insert(room, Known { audience, told });
    }
}

/// Tells what changed since the last time.
pub(super) async fn tell(hub: &Hub, attached: &Attached) {
    let changed = hub.inner.heads.take();
    if changed.is_empty() || hub.people().guilds.is_empty() {
        return;
    }
    let mut by_guild: BTreeMap<GuildId, Vec<Told>> = BTreeMap::new();
    for (room, changed) in changed {
        let known = hub.inner.heads.known(room).filter(|_| !changed.meta);
        let told = match (known, changed.head) {
            (Some(known), Some(head)) => Some((known.audience, head, None)),
            _ => read_room(&attached.store, room, &changed).await,
        };
        let Some((audience, head, details)) = told else {
            continue;
        };
        let guild = match audience {
            Watchers::Guild(guild) => guild,
            Watchers::Lookers(parent) => {
                hub.inner.heads.remember(room, audience, head.rev);
                hub.tell_lookers(parent, room, &Signal::Head { room, head });
                tell_followers(hub, attached, parent, room, head).await;
                continue;
            }
        };
        let stream = StreamId::Room(room);
        // Whoever may hear of the room must be known before it is asked for each watcher.
        let any = Standing { guild: 0, room: 0 };
        if let Err(error) = attached.audience.reach(stream, any).await {
            tracing::warn!(%room, %error, "nobody knows who may hear of a room");
            continue;
        }
        hub.inner.heads.remember(room, audience, head.rev);
        let is_restricted = attached.audience.is_restricted(stream);
        let signal = match details {
            None => Signal::Head { room, head },
            Some(details) => Signal::Room {
                guild,
                room,
                details,
                head,
                is_private: is_restricted,
            },
        };
        by_guild.entry(guild).or_default().push(Told {
            room,
            signal,
            is_restricted,
        });
    }
    for (guild, told) in by_guild {
        let watchers = hub.people().guilds.get(&guild).cloned();
        if let Some(watchers) = watchers {
            tell_guild(hub, &*attached.audience, guild, &watchers, &told).await;
        }
    }
}

/// Tells a thread's head to those who follow it and have neither it nor its parent open.
async fn tell_followers(hub: &Hub, attached: &Attached, parent: RoomId, thread: RoomId, head: Head) {
    let (audience, stream) = (&attached.audience, StreamId::Room(thread));
    let any = Standing { guild: 0, room: 0 };
    let followers = match audience.reach(stream, any).await {
        Ok(_) => audience.followers(thread).await,
        Err(error) => Err(error),
    };
    let followers = match followers {
        Ok(followers) => followers,
        Err(error) => {
            // A head is a hint; the next post brings it again.
            tracing::warn!(%thread, %error, "the followers of a thread were not told");
            return;
        }
    };
    let allowed = followers
        .into_iter()
        .filter(|user| audience.may_hear(*user, stream) == Some(true));
    let mut listeners: Vec<Arc<Listener>> = allowed.flat_map(|user| hub.connections_of(user)).collect();
    listeners.retain(|listener| !listener.has_open(thread) && !listener.has_open(parent));
    hub.signal_all(&listeners, &Signal::Head { room: thread, head });
}

/// What is told of a room.
struct Told {
    room: RoomId,
    signal: Signal,
    /// Not for every member of the guild.
    is_restricted: bool,
}

/// Who is told of a room, where it stands, and what it is, where that is to be told.
async fn read_room(
    store: &Store,
    room: RoomId,
    changed: &Changed,
) -> Option<(Watchers, Head, Option<Box<Room>>)> {
    match try_read_room(store, room).await {
        Ok(Some((row, head))) => {
            let guild = row.kind.guild()?;
            if let RoomKind::Thread { parent, .. } = row.kind {
                return Some((Watchers::Lookers(parent), head, None));
            }
            Some((Watchers::Guild(guild), head, changed.meta.then(|| Box::new(row))))
        }
        Ok(None) => None,
        Err(error) => {
            // A head is a hint; the next change of the room brings it again.
            tracing::warn!(%room, %error, "a room's head was not told");
            None
        }
    }
}

async fn try_read_room(store: &Store, room: RoomId) -> madang_storage::Result<Option<(Room, Head)>> {
    // The head first: the row is at least as new.
    let head = store.head(StreamId::Room(room)).await?;
    let row = store.rows(&[RowKey::Room(room)]).await?.pop().flatten();
    Ok(match row {
        Some(Row::Room(row)) => Some((row, head)),
        _ => None,
    })
}

/// One write for each watcher: all heads in one run of frames, shared by those who have none of the rooms open and where
/// every member may know of all of them.
async fn tell_guild(
    hub: &Hub,
    audience: &dyn Audience,
    guild: GuildId,
    watchers: &Arc<Vec<Arc<Listener>>>,
    told: &[Told],
) {
    let mut shared: Vec<(FrameKey, Bytes)> = Vec::new();
    let is_restricted = told.iter().any(|told| told.is_restricted);
    for (index, watcher) in watchers.iter().enumerate() {
        if index > 0 && index % 256 == 0 {
            tokio::task::yield_now().await;
        }
        if audience.may_hear(watcher.user, StreamId::Guild(guild)) != Some(true) {
            continue;
        }
        if is_restricted || told.iter().any(|told| watcher.has_open(told.room)) {
            let may_hear = |told: &Told| {
                !told.is_restricted
                    || audience.may_hear(watcher.user, StreamId::Room(told.room)) == Some(true)
            };
            let own = told
                .iter()
                .filter(|told| !watcher.has_open(told.room) && may_hear(told));
            let frames = run_of(hub, watcher.key, own);
            if !frames.is_empty() {
                watcher.send(&frames);
            }
            continue;
        }
        let known = shared.iter().position(|(key, _)| *key == watcher.key);
        let place = known.unwrap_or_else(|| {
            shared.push((watcher.key, run_of(hub, watcher.key, told.iter())));
            shared.len() - 1
        });
        watcher.send(&shared[place].1);
    }
}

fn run_of<'a>(hub: &Hub, key: FrameKey, told: impl Iterator<Item = &'a Told>) -> Bytes {
    let mut frames = BytesMut::new();
    for told in told {
        frames.extend_from_slice(&hub.inner.encoder.signal(key, &told.signal));
    }
    frames.freeze()
}
