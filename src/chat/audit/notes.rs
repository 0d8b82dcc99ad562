//! What the audit tells that is no event: invites, which are rows, and what is done to the instance as a whole.
//!
//! A note is written right after what it tells: a crash in between loses the note, never the deed.

use std::collections::BTreeMap;

use madang_storage::StateRecord;
use madang_storage::model::{GuildId, StateKey, StateTable, TargetId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::chat::{Chat, Result};

/// A note as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::chat) struct Note {
    pub(in crate::chat) at: Timestamp,
    pub(in crate::chat) actor: Option<UserId>,
    pub(in crate::chat) kind: String,
    pub(in crate::chat) target: Option<TargetId>,
    pub(in crate::chat) details: BTreeMap<String, String>,
    #[serde(default)]
    pub(in crate::chat) reason: String,
}

impl StateRecord for Note {
    const TABLE: StateTable = StateTable::AuditNotes;
}

/// What the keys of a guild's notes start with; of the instance's where there is no guild.
pub(super) fn scope(guild: Option<GuildId>) -> [u8; 16] {
    guild.map(GuildId::to_bytes).unwrap_or_default()
}

/// Before the notes of this moment and all older ones: newer ones come first.
pub(super) fn key_before(guild: Option<GuildId>, at: Timestamp) -> Vec<u8> {
    let backwards = u64::MAX - at.as_millis();
    [&scope(guild)[..], &backwards.to_be_bytes()].concat()
}

impl Chat {
    /// Notes what somebody did, for the audit of a guild or of the instance.
    pub(in crate::chat) async fn note(
        &self,
        guild: Option<GuildId>,
        actor: Option<UserId>,
        kind: &str,
        target: Option<u128>,
        details: &[(&str, String)],
    ) -> Result<()> {
        self.note_because(guild, actor, kind, target, details, String::new())
            .await
    }

    /// Notes it with the reason that was given.
    pub(in crate::chat) async fn note_because(
        &self,
        guild: Option<GuildId>,
        actor: Option<UserId>,
        kind: &str,
        target: Option<u128>,
        details: &[(&str, String)],
        reason: String,
    ) -> Result<()> {
        let at = self.env().now();
        let named = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
        let note = Note {
            at,
            actor,
            kind: kind.to_owned(),
            target: target.map(TargetId::from_u128),
            details: details.iter().map(named).collect(),
            reason,
        };
        let id = self.env().next_id().to_be_bytes();
        let key = StateKey::new(StateTable::AuditNotes, &[&key_before(guild, at), &id]);
        self.store().state_insert(key, &note, None).await?;
        Ok(())
    }
}
