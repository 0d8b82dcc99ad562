//! Logins that ended, for nodes that may not have been told.
//!
//! A login's end is told as a signal, and closes its sockets on every node. A signal can get lost, and a socket asks for
//! nothing by which it would be found out. So each end also leaves a row, which lies about for some minutes, and a node that
//! cannot be sure that it heard of everything looks through these rows.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use madang_storage::model::{SessionId, StateKey, StateTable, Timestamp, UserId};
use madang_storage::{MAX_ROWS_PER_PAGE, StateRecord, decode};
use serde::{Deserialize, Serialize};

use super::{Chat, Result};
use crate::broker::Signal;

/// What stands before the number of an end in the keys of these rows. No user's id begins with it: its time is thousands of
/// years away.
const ENDED: &[u8] = &[0xff];
/// How long an end lies about, in milliseconds: a quarter of an hour. A node that hears of nothing for 10 seconds closes
/// its sockets, and the clocks of nodes differ by minutes at most.
const LIES_FOR: u64 = 15 * 60 * 1_000;

/// An end, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ended {
    at: Timestamp,
    user: UserId,
    /// The one login that ended; `None`: all of the user but those kept.
    session: Option<SessionId>,
    kept: Vec<SessionId>,
}

impl StateRecord for Ended {
    const TABLE: StateTable = StateTable::SessionsOf;
}

/// How long this node knows which logins ended after it has read so.
const KNOWN_FOR: Duration = Duration::from_secs(1);

/// The ends that this node has heeded.
#[derive(Debug, Default)]
pub(super) struct Heeded {
    /// By the keys of their rows: those that still lie about.
    keys: Mutex<BTreeSet<Vec<u8>>>,
    /// When the last reading of all of them began.
    at: Mutex<Option<Instant>>,
    /// Of many who want to know one reads.
    reading: tokio::sync::Mutex<()>,
}

impl Chat {
    /// Leaves a row that a login ends. Comes before the login is removed: whoever reads the row closes a socket too early
    /// at worst, and never too late.
    pub(super) async fn note_end_of_session(&self, user: UserId, session: SessionId) -> Result<()> {
        self.note_end(user, Some(session), Vec::new()).await
    }

    /// Leaves a row that all logins of a user end but those kept, and tells all nodes.
    pub(super) async fn tell_end_of_sessions(&self, user: UserId, kept: Vec<SessionId>) -> Result<()> {
        self.note_end(user, None, kept.clone()).await?;
        self.tell(Signal::SessionsEnded { user, kept });
        Ok(())
    }

    /// Comes before what somebody asks for over a socket: a node that may not have heard of everything, because it was
    /// stopped or cut off, looks whether the login that the socket stands on has ended, and closes it if so.
    pub async fn make_sure_of_sessions(&self) -> Result<()> {
        let heeded = &self.inner.ends_heeded;
        if self.hears_everything() || heeded.is_known() {
            return Ok(());
        }
        let _one = heeded.reading.lock().await;
        if heeded.is_known() {
            return Ok(());
        }
        self.heed_ended_sessions().await
    }

    /// Closes the sockets of logins that ended without this node having heard of it.
    pub async fn heed_ended_sessions(&self) -> Result<()> {
        let began = Instant::now();
        let mut present = BTreeSet::new();
        let mut after = None;
        loop {
            let page = self
                .store()
                .state_list(StateTable::SessionsOf, ENDED, after.as_deref(), MAX_ROWS_PER_PAGE)
                .await?;
            for (key, row) in &page.rows {
                present.insert(key.clone());
                if !self.inner.ends_heeded.contains(key) {
                    self.heed(decode::<Ended>(&row.value)?);
                }
            }
            match page.rows.into_iter().next_back() {
                Some((key, _)) if page.more => after = Some(key),
                _ => break,
            }
        }
        self.inner.ends_heeded.replace(present, began);
        Ok(())
    }

    fn heed(&self, ended: Ended) {
        let Ended { user, kept, .. } = ended;
        self.hear_signal(&match ended.session {
            Some(session) => Signal::SessionEnded { session },
            None => Signal::SessionsEnded { user, kept },
        });
    }

    async fn note_end(&self, user: UserId, session: Option<SessionId>, kept: Vec<SessionId>) -> Result<()> {
        let at = self.env().now();
        let number = self.env().next_id().to_be_bytes();
        let key = StateKey::new(StateTable::SessionsOf, &[ENDED, &number]);
        let ended = Ended {
            at,
            user,
            session,
            kept,
        };
        self.store()
            .state_insert(key, &ended, Some(at.plus_millis(LIES_FOR)))
            .await?;
        Ok(())
    }
}

impl Heeded {
    fn contains(&self, key: &[u8]) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.contains(key)
    }

    fn is_known(&self) -> bool {
        let at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < KNOWN_FOR)
    }

    fn replace(&self, present: BTreeSet<Vec<u8>>, began: Instant) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = present;
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
    }
}
