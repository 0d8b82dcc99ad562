//! What a node brings up to date that cannot be sure that it heard of every signal.
//!
//! Copies of streams follow their events, and know themselves when they are behind. What follows signals does not: it is
//! read again from the store, as far as its table changed.

use std::collections::BTreeSet;

use madang_storage::model::StateTable;

use super::{Chat, Result};

impl Chat {
    /// Reads again what this node keeps of these tables. Called after a time in which signals may have been lost.
    pub async fn catch_up(&self, changed: &BTreeSet<StateTable>) -> Result<()> {
        if changed.contains(&StateTable::SessionsOf) {
            self.heed_ended_sessions().await?;
        }
        if changed.contains(&StateTable::Presence) {
            self.load_switches().await?;
        }
        if changed.contains(&StateTable::Notifications) {
            self.load_asked().await?;
        }
        Ok(())
    }
}
