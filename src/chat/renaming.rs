//! The names of channels: one name, one channel in a guild, and what happens when a channel gets another one.
//!
//! A claim is a row of its own, beside the channel. It counts while its channel bears the name, and for ten minutes after
//! it was made: the channel may not have come to its name yet. Whatever is cut off leaves a claim that goes void.

use madang_storage::StateRecord;
use madang_storage::decode;
use madang_storage::model::{
    Fact, GuildId, Nonce, Room, RoomId, StateKey, StateOutcome, StateTable, SystemMessage, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::accounts::{CLAIM_HELD_MS, MAX_TRIES};
use super::jobs::{Job, Renamed, Step};
use super::names::{self, Name};
use super::places::RoomCopy;
use super::{Chat, Error, Identity, Result};

/// What stands before the names of channels among a guild's claims.
const CHANNEL_NAMES: &[u8] = b"c";

/// Who has a channel's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ChannelClaim {
    room: RoomId,
    at: Timestamp,
}

impl StateRecord for ChannelClaim {
    const TABLE: StateTable = StateTable::Claims;
}

impl Chat {
    /// Takes a name for a channel. Doing it again makes the claim new, so that nobody who has seen it before frees it.
    pub(super) async fn claim_channel_name(&self, guild: GuildId, room: RoomId, name: &Name) -> Result<()> {
        let key = claim_key(guild, &name.folded);
        for _ in 0..MAX_TRIES {
            let claim = ChannelClaim {
                room,
                at: self.env().now(),
            };
            let outcome = self.store().state_insert(key.clone(), &claim, None).await?;
            let StateOutcome::Conflict { current } = outcome else {
                return Ok(());
            };
            let Some(row) = current else { continue };
            let present: ChannelClaim = decode(&row.value)?;
            if present.room != room && self.is_held(&present, &name.folded, claim.at).await? {
                return Err(names::name_taken("name"));
            }
            let outcome = self
                .store()
                .state_replace(key.clone(), row.version, &claim, None)
                .await?;
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
        Err(names::name_taken("name"))
    }

    /// Whether a claim counts.
    async fn is_held(&self, claim: &ChannelClaim, folded: &str, now: Timestamp) -> Result<bool> {
        let is_new = now < claim.at.plus_millis(CLAIM_HELD_MS);
        Ok(match self.store().room(claim.room).await? {
            Some(room) if room.deleted_at.is_some() => false,
            Some(room) => is_new || folded_name(&room) == folded,
            None => is_new,
        })
    }

    /// Changes a channel that gets another name with it: claims the name, changes the channel, frees the former name and
    /// tells the new one.
    pub(super) async fn rename_channel(
        &self,
        identity: &Identity,
        id: RoomId,
        guild: GuildId,
        name: &Name,
        judge: impl Fn(&RoomCopy) -> Result<Option<Fact>>,
    ) -> Result<()> {
        let look = |copy: &RoomCopy| copy.room().map(|room| (room.name.clone(), folded_name(room)));
        let former = self.look_at_room(id, look).await?;
        let (shown, former) = former.ok_or_else(Error::not_found)?;
        self.claim_channel_name(guild, id, name).await?;
        if shown == name.shown {
            return self.change_room(identity, id, None, judge).await.map(|_| ());
        }
        let job = Job::Renamed(Renamed {
            room: id,
            guild,
            user: identity.user,
            name: name.shown.clone(),
            former,
            nonce: Nonce::from_u128(self.env().next_id()),
        });
        self.begin_job(job.clone()).await?;
        self.change_room(identity, id, None, judge).await?;
        // Somebody who renamed the channel at the same time may have freed the name in between. Whoever took it then has
        // it: this channel goes back.
        if let Err(error) = self.claim_channel_name(guild, id, name).await {
            self.name_back(identity, id, &name.shown, &shown).await?;
            return Err(error);
        }
        self.carry_on_with(&job).await
    }

    async fn name_back(&self, identity: &Identity, id: RoomId, from: &str, to: &str) -> Result<()> {
        self.take_back_in_room(identity, id, |copy| {
            let Some(present) = copy.room().filter(|room| room.name == from) else {
                return Ok(None);
            };
            let room = Room {
                name: to.to_owned(),
                ..present.clone()
            };
            Ok(Fact::RoomChanged { room }.into())
        })
        .await
        .map(|_| ())
    }

    /// What is left to do once a channel has its new name.
    pub(super) async fn finish_renaming(&self, renamed: &Renamed) -> Result<Step> {
        let Renamed { room: id, guild, .. } = *renamed;
        let claim = self
            .store()
            .state::<ChannelClaim>(&claim_key(guild, &renamed.former))
            .await?;
        // After the claim: a channel that takes the name back makes its claim new before and after.
        let Some(room) = self.store().room(id).await? else {
            return Ok(Step::Done);
        };
        if room.name != renamed.name {
            return Ok(Step::Wait);
        }
        if let Some(claim) = claim
            && claim.record.room == id
            && folded_name(&room) != renamed.former
        {
            let key = claim_key(guild, &renamed.former);
            // A conflict means that somebody counts on it.
            self.store().state_delete(key, claim.version).await?;
        }
        let system = SystemMessage::Renamed {
            name: renamed.name.clone(),
        };
        self.tell_in_room(guild, id, renamed.user, system, renamed.nonce)
            .await?;
        Ok(Step::Done)
    }

    /// Frees a bounded number of the names of a guild; answers whether there may be more.
    pub(super) async fn free_names(&self, guild: GuildId, at_most: usize) -> Result<bool> {
        let prefix = [&guild.to_bytes()[..], CHANNEL_NAMES].concat();
        let page = self
            .store()
            .state_list(StateTable::Claims, &prefix, None, at_most)
            .await?;
        for (key, row) in page.rows {
            let key = StateKey::new(StateTable::Claims, &[&key]);
            self.store().state_delete(key, row.version).await?;
        }
        Ok(page.more)
    }
}

fn claim_key(guild: GuildId, folded: &str) -> StateKey {
    let parts = [&guild.to_bytes()[..], CHANNEL_NAMES, folded.as_bytes()];
    StateKey::new(StateTable::Claims, &parts)
}

/// The key of the name that a channel bears; nothing for one that could not be given today.
fn folded_name(room: &Room) -> String {
    names::title("name", &room.name)
        .map(|name| name.folded)
        .unwrap_or_default()
}
