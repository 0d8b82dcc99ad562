//! Following threads. Whoever has a marker in a thread follows it; two rows beside the marker say so to those who look from
//! the person, and from the thread.

use madang_storage::model::{
    Head, Marker, RoomId, RoomKind, StateKey, StateOutcome, StateTable, StreamId, UserId,
};
use madang_storage::{MAX_ROWS_PER_PAGE, StateRecord};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::MAX_TRIES;
use super::view::ThreadView;
use super::{Chat, Code, Error, Identity, Result, list_limit};

/// What the keys of rows start with that are found by the person.
const BY_USER: &[u8] = b"u";
/// What the keys of rows start with that are found by the thread.
const BY_THREAD: &[u8] = b"t";

/// A page of threads that somebody follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FollowedThreads {
    /// In the order of their ids. Those that cannot be seen any more are left out, so a page may be short.
    pub threads: Vec<ThreadView>,
    /// Where the next page goes on; `null` when there is none.
    pub next: Option<RoomId>,
}

/// Says only that somebody follows a thread.
#[derive(Serialize, Deserialize)]
struct Follows;

impl StateRecord for Follows {
    const TABLE: StateTable = StateTable::ThreadFollows;
}

impl Chat {
    /// A page of the threads that the asking person follows.
    pub async fn followed_threads(
        &self,
        identity: &Identity,
        after: Option<RoomId>,
        limit: Option<u64>,
    ) -> Result<FollowedThreads> {
        let limit = list_limit(limit)?;
        let prefix = [BY_USER, &identity.user.to_bytes()].concat();
        let after = after.map(|thread| [&prefix[..], &thread.to_bytes()].concat());
        let list = self
            .store()
            .state_list(StateTable::ThreadFollows, &prefix, after.as_deref(), limit);
        let page = list.await?;
        let mut threads = Vec::new();
        let mut last = None;
        for (key, _) in &page.rows {
            let thread = RoomId::from_bytes(last_id(key)?);
            last = Some(thread);
            match self.thread(identity, thread).await {
                Ok(view) if view.unread.is_some() => threads.push(view),
                // The rows may be behind the marker for a moment.
                Ok(_) => {}
                Err(error) if error.code == Code::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(FollowedThreads {
            threads,
            next: last.filter(|_| page.more),
        })
    }

    /// Follows a thread, or does so no more. Whoever posts in one follows it.
    pub async fn follow_thread(&self, identity: &Identity, thread: RoomId, on: bool) -> Result<()> {
        let access = self.room_access(identity, thread).await?;
        if !matches!(access.room.kind, RoomKind::Thread { .. }) {
            return Err(Error::not_found());
        }
        let head = self.store().head(StreamId::Room(thread)).await?;
        let (chat, user) = (self.clone(), identity.user);
        self.to_the_end(async move {
            chat.set_marker_there(user, thread, on.then_some(head)).await?;
            chat.align_following(user, thread).await
        })
        .await
    }

    /// Lets somebody follow a thread from its beginning who does not follow it yet.
    pub(super) async fn follow_from_the_start(&self, user: UserId, thread: RoomId) -> Result<()> {
        let key = StateKey::marker(user, thread);
        // Whoever has a marker there follows it already, from wherever that is.
        self.store().state_insert(key, &Marker::default(), None).await?;
        self.align_following(user, thread).await
    }

    /// Brings the rows beside a marker in line with it. Of two at the same time whoever is last leaves what is so.
    pub(super) async fn align_following(&self, user: UserId, thread: RoomId) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let on = self.has_marker(user, thread).await?;
            for key in keys_of(user, thread) {
                self.set_row(key, on).await?;
            }
            if self.has_marker(user, thread).await? == on {
                return Ok(());
            }
        }
        Err(Error::new(Code::Conflict, "the marker kept moving; try again"))
    }

    /// Who follows a thread: at most `most`, in the order of their ids.
    pub(super) async fn followers_of_thread(&self, thread: RoomId, most: usize) -> Result<Vec<UserId>> {
        let prefix = [BY_THREAD, &thread.to_bytes()].concat();
        let limit = most.min(MAX_ROWS_PER_PAGE);
        let list = self
            .store()
            .state_list(StateTable::ThreadFollows, &prefix, None, limit);
        let keys = list.await?.rows.into_iter().map(|(key, _)| key);
        keys.map(|key| last_id(&key).map(UserId::from_bytes)).collect()
    }

    /// How many messages of a thread a follower has not read; `None` for whoever does not follow it.
    pub(super) async fn following(&self, user: UserId, thread: RoomId, head: &Head) -> Result<Option<u64>> {
        let key = StateKey::marker(user, thread);
        let Some(stored) = self.store().state::<Marker>(&key).await? else {
            return Ok(None);
        };
        let marker = self.newest_marker(user, thread, stored.record);
        Ok(Some(self.read_of(thread, head, marker).await?.unread))
    }

    /// Makes the marker at `head` unless there is one, or takes it away.
    async fn set_marker_there(&self, user: UserId, thread: RoomId, head: Option<Head>) -> Result<()> {
        let key = StateKey::marker(user, thread);
        for _ in 0..MAX_TRIES {
            let present = self.store().state::<Marker>(&key).await?;
            let outcome = match (present, head) {
                (Some(_), Some(_)) | (None, None) => return Ok(()),
                (None, Some(Head { seq, n, .. })) => {
                    let marker = Marker { seq, n };
                    self.store().state_insert(key.clone(), &marker, None).await?
                }
                (Some(marker), None) => self.store().state_delete(key.clone(), marker.version).await?,
            };
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
        Err(Error::new(Code::Conflict, "the marker kept moving; try again"))
    }

    async fn has_marker(&self, user: UserId, thread: RoomId) -> Result<bool> {
        let key = StateKey::marker(user, thread);
        Ok(self.store().state::<Marker>(&key).await?.is_some())
    }

    /// A conflict means that somebody else aligns the same rows, which is found out after it.
    async fn set_row(&self, key: StateKey, on: bool) -> Result<()> {
        match (self.store().state::<Follows>(&key).await?, on) {
            (Some(_), true) | (None, false) => {}
            (None, true) => {
                self.store().state_insert(key, &Follows, None).await?;
            }
            (Some(row), false) => {
                self.store().state_delete(key, row.version).await?;
            }
        }
        Ok(())
    }
}

fn keys_of(user: UserId, thread: RoomId) -> [StateKey; 2] {
    let (user, thread) = (user.to_bytes(), thread.to_bytes());
    [
        StateKey::new(StateTable::ThreadFollows, &[BY_USER, &user, &thread]),
        StateKey::new(StateTable::ThreadFollows, &[BY_THREAD, &thread, &user]),
    ]
}

fn last_id(key: &[u8]) -> Result<[u8; 16]> {
    let id = key.last_chunk::<16>().copied();
    id.ok_or_else(|| {
        tracing::error!(?key, "a row about a followed thread has a key that is too short");
        Error::internal()
    })
}
