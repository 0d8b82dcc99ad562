//! Work that spans several streams: begun with a row that says what is to be done, carried on in bounded steps, and done
//! again without harm. Whoever finds such a row carries it on: this node at its next start, or another one.
//!
//! The row is written before what it follows from: a crash in between leaves a row that leads to nothing, and not
//! something that nobody finishes.

use std::time::Duration;

use madang_storage::model::{GuildId, Nonce, RoomId, StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{MAX_ROWS_PER_PAGE, StateRecord, Versioned, decode};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

use super::erasing::Erasure;
use super::{Chat, Result};

/// How long it is waited for what a row announces. Whoever wrote the row has done it by then, or never will.
pub(super) const HELD_MS: u64 = 60 * 1000;

/// What is to be done. Stored: new kinds and fields only at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Job {
    /// Tell in a guild's welcome room who came and went.
    Announce {
        /// Where.
        guild: GuildId,
        /// Everything up to here was told.
        told: u64,
    },
    /// Free a channel's former name, and tell its new one.
    Renamed(Renamed),
    /// Clear away what is left of a deleted guild.
    DeleteGuild {
        /// Which.
        guild: GuildId,
    },
    /// Delete what a banned person has written.
    Purge(Purge),
    /// Erase what was written in a deleted channel.
    Erase(Erasure),
}

/// What is to be deleted of a banned person, and how far that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Purge {
    /// Where.
    pub(super) guild: GuildId,
    /// Whose messages.
    pub(super) user: UserId,
    /// Who does it.
    pub(super) by: UserId,
    /// What was written from here on.
    pub(super) since: Timestamp,
    /// The channel that is worked on; `None` before the first one.
    pub(super) channel: Option<RoomId>,
    /// The thread in that channel; `None` for the channel itself.
    pub(super) thread: Option<RoomId>,
    /// Only messages before this one are left in that room; `None` before the first page, 0 for none.
    pub(super) before: Option<u64>,
    /// Whether all rooms were worked on once. A post that was let in before the ban may come after that.
    #[serde(default)]
    pub(super) again: bool,
}

/// A channel that gets another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Renamed {
    /// Which.
    pub(super) room: RoomId,
    /// In which guild.
    pub(super) guild: GuildId,
    /// Who does it.
    pub(super) user: UserId,
    /// The new name.
    pub(super) name: String,
    /// The key of the former one.
    pub(super) former: String,
    /// Makes the message that tells it one message, however often it is posted.
    pub(super) nonce: Nonce,
}

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JobRow {
    /// What.
    pub(super) job: Job,
    /// When somebody last counted on it.
    pub(super) at: Timestamp,
}

impl StateRecord for JobRow {
    const TABLE: StateTable = StateTable::Jobs;
}

/// How far a step came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing is left.
    Done,
    /// There is more, from here on.
    More(Job),
    /// What it follows from has not happened yet.
    Wait,
}

/// Who works, and what wakes it.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    wake: Notify,
    working: Mutex<()>,
}

impl Jobs {
    /// There is something to do.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Job {
    /// The key of its row. The same work has the same key: it is done once.
    pub(super) fn key(&self) -> StateKey {
        let key = |kind: u8, parts: &[&[u8]]| {
            let parts = parts.concat();
            StateKey::new(StateTable::Jobs, &[&[kind], &parts])
        };
        match self {
            Self::Announce { guild, .. } => key(1, &[&guild.to_bytes()]),
            Self::Renamed(Renamed { room, nonce, .. }) => key(2, &[&room.to_bytes(), &nonce.to_bytes()]),
            Self::DeleteGuild { guild } => key(3, &[&guild.to_bytes()]),
            Self::Erase(Erasure { channel, .. }) => key(5, &[&channel.to_bytes()]),
            Self::Purge(Purge { guild, user, .. }) => key(4, &[&guild.to_bytes(), &user.to_bytes()]),
        }
    }
}

impl Chat {
    /// Carries on with everything that was begun, one bounded step of each after the other, until nothing is left or what
    /// is left has to wait.
    pub async fn carry_on(&self) -> Result<()> {
        let _turn = self.inner.jobs.working.lock().await;
        while self.one_round().await? {}
        Ok(())
    }

    /// Waits until there is something to do, or for so long.
    pub async fn wait_for_work(&self, at_most: Duration) {
        // Called, or the time is up: either is a reason to look, so it does not matter which it was.
        let _ = tokio::time::timeout(at_most, self.inner.jobs.wake.notified()).await;
    }

    /// One step of every job; answers whether another round makes sense at once.
    async fn one_round(&self) -> Result<bool> {
        let (mut after, mut goes_on) = (None::<Vec<u8>>, false);
        loop {
            let page = self
                .store()
                .state_list(StateTable::Jobs, &[], after.as_deref(), MAX_ROWS_PER_PAGE)
                .await?;
            for (key, row) in &page.rows {
                let found = Versioned {
                    version: row.version,
                    record: decode::<JobRow>(&row.value)?,
                    expires_at: row.expires_at,
                };
                match self.one_step(found).await {
                    Ok(more) => goes_on |= more,
                    // The others go on; this one is tried again later.
                    Err(error) => tracing::warn!(%error, kind = key.first(), "a job failed for now"),
                }
            }
            match page.rows.into_iter().next_back() {
                Some((key, _)) if page.more => after = Some(key),
                _ => return Ok(goes_on),
            }
        }
    }

    /// One step of one job; answers whether there is more to do at once.
    pub(super) async fn one_step(&self, found: Versioned<JobRow>) -> Result<bool> {
        let key = found.record.job.key();
        let age = self
            .env()
            .now()
            .as_millis()
            .saturating_sub(found.record.at.as_millis());
        let step = match &found.record.job {
            Job::Announce { guild, told } => self.announce_some(*guild, *told).await?,
            Job::Renamed(renamed) => self.finish_renaming(renamed).await?,
            Job::DeleteGuild { guild } => self.clear_some_of(*guild).await?,
            Job::Erase(erasure) => self.erase_some(erasure, found.record.at).await?,
            Job::Purge(purge) => self.purge_some(purge, found.record.at).await?,
        };
        let is_held = age < HELD_MS;
        match step {
            Step::Wait if is_held => Ok(false),
            Step::More(job) => {
                let row = JobRow {
                    job,
                    at: found.record.at,
                };
                // A conflict means that somebody else went on with it, or counts on it: it is looked at again.
                self.store().state_replace(key, found.version, &row, None).await?;
                Ok(true)
            }
            Step::Done | Step::Wait => {
                self.store().state_delete(key, found.version).await?;
                Ok(false)
            }
        }
    }

    /// Notes what is to be done. It is there when this returns.
    pub(super) async fn begin_job(&self, job: Job) -> Result<()> {
        let key = job.key();
        let row = JobRow {
            job,
            at: self.env().now(),
        };
        loop {
            let outcome = self.store().state_insert(key.clone(), &row, None).await?;
            let StateOutcome::Conflict { current } = outcome else {
                return Ok(());
            };
            let Some(present) = current else { continue };
            let outcome = self
                .store()
                .state_replace(key.clone(), present.version, &row, None)
                .await?;
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
    }

    /// Does at once what was just begun, as far as one step goes; the rest is done by whoever carries it on.
    pub(super) async fn carry_on_with(&self, job: &Job) -> Result<()> {
        if let Some(found) = self.store().state::<JobRow>(&job.key()).await?
            && self.one_step(found).await?
        {
            self.inner.jobs.wake();
        }
        Ok(())
    }
}
