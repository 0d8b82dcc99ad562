//! A user in memory: of whom somebody wants nothing, which every message between two asks.

use std::collections::BTreeSet;

use async_trait::async_trait;
use madang_storage::model::{Commit, Fact, RowKey, RowPrefix, StreamId, UserId};
use madang_storage::{MAX_ROWS_PER_PAGE, Store};

use super::kept::Copied;
use crate::chat::{Error, Result};

/// A user as of one of the user's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserCopy {
    rev: u64,
    blocked: BTreeSet<UserId>,
}

#[async_trait]
impl Copied for UserCopy {
    async fn read(stream: StreamId, store: &Store) -> Result<Self> {
        let StreamId::User(user) = stream else {
            return Err(Error::not_found());
        };
        let rev = store.head(stream).await?.rev;
        let (prefix, mut blocked, mut after) = (RowPrefix::BlockedBy(user), BTreeSet::new(), None);
        loop {
            let page = store
                .list_rows(&prefix, after.as_ref(), MAX_ROWS_PER_PAGE)
                .await?;
            blocked.extend(page.rows.iter().filter_map(|(key, _)| match key {
                RowKey::Block { blocked, .. } => Some(*blocked),
                _ => None,
            }));
            match page.rows.into_iter().next_back() {
                Some((key, _)) if page.more => after = Some(key),
                _ => return Ok(Self { rev, blocked }),
            }
        }
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn apply(&mut self, commit: &Commit) {
        self.rev = commit.event.rev();
        match commit.event.fact {
            Fact::BlockChanged { user, on: true } => {
                self.blocked.insert(user);
            }
            Fact::BlockChanged { user, on: false } => {
                self.blocked.remove(&user);
            }
            _ => {}
        }
    }
}

impl UserCopy {
    /// All of whom the user wants nothing.
    pub(crate) fn blocked(&self) -> &BTreeSet<UserId> {
        &self.blocked
    }

    /// Whether the user wants nothing of somebody.
    pub(crate) fn has_blocked(&self, user: UserId) -> bool {
        self.blocked.contains(&user)
    }
}
