//! Who belongs where: this node's copies of guilds, kept current by their events.
//!
//! Every request asks whether its sender may do what it asks, and every delivery whether its receivers may hear it. Both are
//! answered from memory. A copy is made when it is first asked for, and follows its guild's events from then on. Where
//! an event is missing the copy knows that it is behind, and is brought up from the store before it is believed.

mod guild;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use madang_storage::model::{Commit, GuildId, RoomId, Row, RowKey, RowPrefix, StreamId};
use madang_storage::{MAX_ROWS_PER_PAGE, Store};
use tokio::sync::Mutex;

pub(super) use guild::GuildCopy;

use super::{Chat, Code, Error, Result};

/// How many guilds are kept in memory. Above it all are forgotten: they are a read away.
const MAX_GUILDS: usize = 10_000;
/// How many rooms' guilds are kept in memory; above it as above.
const MAX_ROOMS: usize = 200_000;
/// A copy that is further behind is made anew.
const MAX_BEHIND: u64 = 1_000;
/// How many events are read at a time.
const EVENTS_PER_PAGE: usize = 100;
/// How often a guild that changes while it is looked at is looked at again.
const MAX_LOOKS: usize = 8;
/// How long what rests on having heard of everything is good after that was last known.
const PROOF_LASTS: Duration = Duration::from_secs(1);

/// This node's copies of guilds. Cheap to clone.
#[derive(Clone, Default)]
pub struct Places {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    guilds: RwLock<HashMap<GuildId, Arc<Place>>>,
    rooms: RwLock<HashMap<RoomId, GuildId>>,
}

/// A guild as this node knows it.
#[derive(Default)]
pub(super) struct Place {
    copy: RwLock<Option<GuildCopy>>,
    /// The newest `rev` that this node has heard of.
    heard: AtomicU64,
    /// Held by whoever reads from the store, so that many who wait make one read.
    reading: Mutex<()>,
}

impl Places {
    /// Takes a durable event: from this node's store, or from another node.
    pub fn hear(&self, commit: &Commit) {
        if let StreamId::Guild(guild) = commit.event.stream
            && let Some(place) = self.known(guild)
        {
            place.hear(commit);
        }
    }

    /// Notes that a stream is at `rev`, which nobody may have told.
    pub fn hear_of(&self, stream: StreamId, rev: u64) {
        if let StreamId::Guild(guild) = stream
            && let Some(place) = self.known(guild)
        {
            place.hear_of(rev);
        }
    }

    fn known(&self, guild: GuildId) -> Option<Arc<Place>> {
        let guilds = self.inner.guilds.read().unwrap_or_else(PoisonError::into_inner);
        guilds.get(&guild).cloned()
    }

    fn add(&self, guild: GuildId) -> Arc<Place> {
        let mut guilds = self.inner.guilds.write().unwrap_or_else(PoisonError::into_inner);
        if guilds.len() >= MAX_GUILDS && !guilds.contains_key(&guild) {
            guilds.clear();
        }
        Arc::clone(guilds.entry(guild).or_default())
    }

    fn guild_of(&self, room: RoomId) -> Option<GuildId> {
        let rooms = self.inner.rooms.read().unwrap_or_else(PoisonError::into_inner);
        rooms.get(&room).copied()
    }

    fn remember_room(&self, room: RoomId, guild: GuildId) {
        let mut rooms = self.inner.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() >= MAX_ROOMS && !rooms.contains_key(&room) {
            rooms.clear();
        }
        rooms.insert(room, guild);
    }
}

impl Place {
    /// What this node knows of the guild; `None` while it knows that it does not know everything.
    pub(super) fn look<T>(&self, look: impl FnOnce(&GuildCopy) -> T) -> Option<T> {
        let copy = self.copy.read().unwrap_or_else(PoisonError::into_inner);
        copy.as_ref().filter(|copy| copy.rev() >= self.heard()).map(look)
    }

    fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    fn hear_of(&self, rev: u64) {
        self.heard.fetch_max(rev, Ordering::AcqRel);
    }

    fn hear(&self, commit: &Commit) {
        let mut copy = self.copy.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: nobody sees the copy as behind that is about to be brought forward.
        self.hear_of(commit.event.rev());
        if let Some(copy) = &mut *copy {
            copy.apply(commit);
        }
    }

    fn rev(&self) -> Option<u64> {
        let copy = self.copy.read().unwrap_or_else(PoisonError::into_inner);
        copy.as_ref().map(GuildCopy::rev)
    }

    /// Reads what is missing. Whoever waited for another's reading finds it done.
    async fn read(&self, guild: GuildId, store: &Store) -> Result<()> {
        let _turn = self.reading.lock().await;
        loop {
            let heard = self.heard();
            match self.rev() {
                Some(rev) if rev >= heard => return Ok(()),
                Some(rev) if heard - rev <= MAX_BEHIND => self.read_events(guild, rev, store).await?,
                _ => {
                    let read = read_guild(guild, store).await?;
                    *self.copy.write().unwrap_or_else(PoisonError::into_inner) = Some(read);
                }
            }
        }
    }

    async fn read_events(&self, guild: GuildId, after: u64, store: &Store) -> Result<()> {
        let page = store
            .events(StreamId::Guild(guild), after, EVENTS_PER_PAGE)
            .await?;
        let mut copy = self.copy.write().unwrap_or_else(PoisonError::into_inner);
        if page.commits.is_empty() {
            // What was heard of is not there: this node heard of another life of the data.
            tracing::warn!(%guild, after, heard = self.heard(), "a guild is not as far as was told");
            self.heard.store(page.head.rev.min(after), Ordering::Release);
        }
        if let Some(copy) = &mut *copy {
            page.commits.iter().for_each(|commit| copy.apply(commit));
        }
        Ok(())
    }
}

/// A copy as of a head that was read before anything else. Later events are applied to what may show them already,
/// which changes nothing in the end.
async fn read_guild(id: GuildId, store: &Store) -> Result<GuildCopy> {
    let head = store.head(StreamId::Guild(id)).await?;
    let guild = store.guild(id).await?.ok_or_else(Error::not_found)?;
    let mut copy = GuildCopy::new(head.rev, guild.owner);
    let mut after = None;
    loop {
        let prefix = RowPrefix::MembersOf(id);
        let page = store
            .list_rows(&prefix, after.as_ref(), MAX_ROWS_PER_PAGE)
            .await?;
        for (key, row) in &page.rows {
            if let (RowKey::Member { user, .. }, Row::Member(member)) = (key, row) {
                copy.add(*user, *member);
            }
        }
        match page.rows.into_iter().next_back() {
            Some((key, _)) if page.more => after = Some(key),
            _ => return Ok(copy),
        }
    }
}

impl Chat {
    /// Looks at a guild as it is now. Asks the store only where this node cannot know.
    pub(super) async fn look_at<T>(&self, guild: GuildId, look: impl Fn(&GuildCopy) -> T) -> Result<T> {
        for _ in 0..MAX_LOOKS {
            let place = self.place(guild).await?;
            if let Some(seen) = place.look(&look) {
                return Ok(seen);
            }
            place.read(guild, self.store()).await?;
        }
        // It changes faster than it can be read.
        Err(Error::new(Code::Unavailable, "the guild is changing; try again"))
    }

    /// A guild that is known to exist, and as of which event it must be known.
    async fn place(&self, guild: GuildId) -> Result<Arc<Place>> {
        let known = self.places().known(guild);
        if let Some(place) = &known
            && self.hears_everything()
        {
            return Ok(Arc::clone(place));
        }
        let head = self.store().head(StreamId::Guild(guild)).await?;
        if !head.exists() {
            return Err(Error::not_found());
        }
        let place = known.unwrap_or_else(|| self.places().add(guild));
        place.hear_of(head.rev);
        Ok(place)
    }

    /// The guild of a room; `None` when there is no such room. A room never moves.
    pub(super) async fn guild_of(&self, room: RoomId) -> Result<Option<GuildId>> {
        if let Some(guild) = self.places().guild_of(room) {
            return Ok(Some(guild));
        }
        let Some(found) = self.store().room(room).await? else {
            return Ok(None);
        };
        self.places().remember_room(room, found.guild);
        Ok(Some(found.guild))
    }

    /// The guild that decides who may hear a stream, if this node knows it.
    pub(super) fn known_place(&self, stream: StreamId) -> Option<Arc<Place>> {
        let guild = match stream {
            StreamId::Guild(guild) => guild,
            StreamId::Room(room) => self.places().guild_of(room)?,
            StreamId::User(_) | StreamId::Instance => return None,
        };
        self.places().known(guild)
    }

    /// Whether this node can be sure that it has heard of everything that others did.
    fn hears_everything(&self) -> bool {
        let current_at = self.broker().status().current_at;
        current_at.is_some_and(|at| at.elapsed() < PROOF_LASTS)
    }
}
