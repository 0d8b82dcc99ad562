//! The invites of a guild: which there are, taking them back, and who came by which.
//!
//! Each living invite takes up one of a hundred places that a person has in a guild. A place is a row of its own, so that of
//! two who take the last one, one gets it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use madang_storage::model::{
    GuildId, Permissions, RoomId, StateKey, StateOutcome, StateRow, StateTable, Timestamp, UserId,
};
use madang_storage::{MAX_ROWS_PER_PAGE, StateRecord, Versioned, decode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::MAX_TRIES;
use super::guilds::list_limit;
use super::invites::Invite;
use super::jobs::HELD_MS;
use super::places::GuildCopy;
use super::view::Time;
use super::{Chat, Code, Error, Identity, Result};

/// How many living invites one person may have in one guild.
const MAX_INVITES: u8 = 100;

/// What an invite is called where its code must not be told: the first half of the code's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteId([u8; 16]);

impl InviteId {
    /// Of the row of an invite.
    pub(super) fn of(key: &StateKey) -> Self {
        let mut id = [0; 16];
        let half = key.key.get(..16).unwrap_or_default();
        id[..half.len()].copy_from_slice(half);
        Self(id)
    }
}

impl InviteId {
    pub(super) fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl fmt::Display for InviteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written like every other identifier.
        RoomId::from_bytes(self.0).fmt(f)
    }
}

impl FromStr for InviteId {
    type Err = madang_storage::model::InvalidId;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        text.parse::<RoomId>().map(|id| Self(id.to_bytes()))
    }
}

/// A place that an invite takes up.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Slot {
    /// The key of the invite.
    invite: Vec<u8>,
    at: Timestamp,
}

impl StateRecord for Slot {
    const TABLE: StateTable = StateTable::InviteSlots;
}

/// By which invite somebody came.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Arrival {
    invite: [u8; 16],
    inviter: UserId,
    at: Timestamp,
}

impl StateRecord for Arrival {
    const TABLE: StateTable = StateTable::Arrivals;
}

/// An invite as those see it who may take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InviteListed {
    /// Its id. Its code cannot be read again.
    pub id: String,
    /// Who made it.
    pub inviter: UserId,
    /// How often it was used.
    pub uses: u64,
    /// How often it may still be used; `null` for as often as one likes.
    pub uses_left: Option<u64>,
    /// When it was made.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Option<Time>,
}

/// A page of invites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Invites {
    /// By who made them.
    pub invites: Vec<InviteListed>,
    /// Where the next page goes on; `null` when there is none.
    pub next: Option<String>,
}

/// By which invite a member came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArrivalView {
    /// Who.
    pub user: UserId,
    /// By which invite.
    pub invite: String,
    /// Whose invite it was.
    pub inviter: UserId,
    /// When.
    pub at: Time,
}

/// A page of arrivals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Arrivals {
    /// In the order of their users' ids. A page may be short although there are more.
    pub arrivals: Vec<ArrivalView>,
    /// Whether there are more.
    pub more: bool,
    /// Where the next page goes on.
    pub next: Option<UserId>,
}

impl Chat {
    /// A page of a guild's living invites: all for those who manage invites, their own for others.
    pub async fn invites(
        &self,
        identity: &Identity,
        guild: GuildId,
        after: Option<&str>,
        limit: Option<u64>,
    ) -> Result<Invites> {
        let limit = list_limit(limit)?;
        let access = self.guild_access(identity, guild).await?;
        let mut prefix = guild.to_bytes().to_vec();
        if !access.permissions.contains(Permissions::MANAGE_INVITES) {
            access.require(Permissions::INVITE)?;
            prefix.extend_from_slice(&identity.user.to_bytes());
        }
        let after = after.map(|after| place(guild, after)).transpose()?;
        let page = self
            .store()
            .state_list(StateTable::InviteSlots, &prefix, after.as_deref(), limit)
            .await?;
        let mut invites = Vec::with_capacity(page.rows.len());
        for (_, row) in &page.rows {
            let slot: Slot = decode(&row.value)?;
            let key = StateKey::new(StateTable::Invites, &[&slot.invite]);
            let invite = self.living_invite(&key).await?;
            invites.extend(invite.map(|found| listed(&key, found)));
        }
        let last = page.rows.last().filter(|_| page.more);
        Ok(Invites {
            invites,
            next: last.and_then(|(key, _)| Some(name_of(key.get(16..)?))),
        })
    }

    /// Takes an invite back: one's own, or any for those who manage invites.
    pub async fn revoke_invite(&self, identity: &Identity, guild: GuildId, id: InviteId) -> Result<()> {
        let access = self.guild_access(identity, guild).await?;
        let may_manage = access.permissions.contains(Permissions::MANAGE_INVITES);
        if !may_manage {
            access.require(Permissions::INVITE)?;
        }
        for _ in 0..MAX_TRIES {
            let (key, found) = self.invite_by_id(guild, id).await?;
            let invite = &found.record;
            if invite.inviter != identity.user && !may_manage {
                return Err(Error::not_found());
            }
            let outcome = self.store().state_delete(key.clone(), found.version).await?;
            if let StateOutcome::Written { .. } = outcome {
                if let Some(slot) = invite.slot {
                    self.free_slot(guild, invite.inviter, slot, &key).await?;
                }
                let target = id.as_u128();
                let details = [("inviter", invite.inviter.to_string())];
                let actor = Some(identity.user);
                self.note(Some(guild), actor, "invite.revoked", Some(target), &details)
                    .await?;
                return Ok(());
            }
        }
        Err(Error::new(
            Code::Conflict,
            "the invite kept being used; try again",
        ))
    }

    /// A page of who came by which invite, of those who are members, for those who manage invites.
    pub async fn arrivals(
        &self,
        identity: &Identity,
        guild: GuildId,
        after: Option<UserId>,
        limit: Option<u64>,
    ) -> Result<Arrivals> {
        let limit = list_limit(limit)?;
        self.guild_access(identity, guild)
            .await?
            .require(Permissions::MANAGE_INVITES)?;
        let after = after.map(|user| arrival_key(guild, user).key);
        let page = self
            .store()
            .state_list(StateTable::Arrivals, &guild.to_bytes(), after.as_deref(), limit)
            .await?;
        let mut found = Vec::with_capacity(page.rows.len());
        for (key, row) in &page.rows {
            let Some(user) = key.get(16..).and_then(|user| user.try_into().ok()) else {
                continue;
            };
            found.push((UserId::from_bytes(user), decode::<Arrival>(&row.value)?));
        }
        let next = found.last().map(|(user, _)| *user).filter(|_| page.more);
        let look = |copy: &GuildCopy| -> Vec<bool> {
            let is_member = |(user, _): &(UserId, Arrival)| copy.member(*user).is_some();
            found.iter().map(is_member).collect()
        };
        let members = self.look_at_guild(guild, look).await?;
        let present = found.into_iter().zip(members).filter(|(_, is_member)| *is_member);
        let arrivals = present.map(|((user, arrival), _)| ArrivalView {
            user,
            invite: InviteId(arrival.invite).to_string(),
            inviter: arrival.inviter,
            at: Time(arrival.at),
        });
        Ok(Arrivals {
            arrivals: arrivals.collect(),
            more: page.more,
            next,
        })
    }

    /// Takes a place for an invite that is about to be made.
    pub(super) async fn take_slot(
        &self,
        guild: GuildId,
        inviter: UserId,
        invite: &StateKey,
        expires_at: Timestamp,
    ) -> Result<u8> {
        let slot = Slot {
            invite: invite.key.clone(),
            at: self.env().now(),
        };
        let prefix = [guild.to_bytes(), inviter.to_bytes()].concat();
        let page = self
            .store()
            .state_list(StateTable::InviteSlots, &prefix, None, usize::from(MAX_INVITES))
            .await?;
        let known: HashMap<u8, StateRow> = page
            .rows
            .into_iter()
            .filter_map(|(key, row)| Some((*key.last()?, row)))
            .collect();
        for number in 0..MAX_INVITES {
            let key = slot_key(guild, inviter, number);
            let outcome = match known.get(&number) {
                None => self.store().state_insert(key, &slot, Some(expires_at)).await?,
                Some(present) if self.is_taken(decode(&present.value)?).await? => continue,
                Some(present) => {
                    self.store()
                        .state_replace(key, present.version, &slot, Some(expires_at))
                        .await?
                }
            };
            // A conflict means that another invite of the same person has taken it.
            if let StateOutcome::Written { .. } = outcome {
                return Ok(number);
            }
        }
        let text = format!("one has at most {MAX_INVITES} invites into a guild at a time");
        Err(Error::new(Code::TooMany, text))
    }

    /// A place is taken by a living invite, and for a minute by one that is about to be made.
    async fn is_taken(&self, slot: Slot) -> Result<bool> {
        let is_new = self.env().now() < slot.at.plus_millis(HELD_MS);
        let key = StateKey::new(StateTable::Invites, &[&slot.invite]);
        Ok(is_new || self.living_invite(&key).await?.is_some())
    }

    /// Gives the place of an invite back that is no more.
    pub(super) async fn free_slot(
        &self,
        guild: GuildId,
        inviter: UserId,
        slot: u8,
        invite: &StateKey,
    ) -> Result<()> {
        let key = slot_key(guild, inviter, slot);
        let found = self.store().state::<Slot>(&key).await?;
        if let Some(found) = found.filter(|found| found.record.invite == invite.key) {
            // A conflict means that the place has another invite already.
            self.store().state_delete(key, found.version).await?;
        }
        Ok(())
    }

    async fn living_invite(&self, key: &StateKey) -> Result<Option<Versioned<Invite>>> {
        let found = self.store().state::<Invite>(key).await?;
        let now = self.env().now();
        let Some(found) = found.filter(|invite| invite.expires_at.is_none_or(|at| now < at)) else {
            return Ok(None);
        };
        let is_held = |copy: &GuildCopy| found.record.is_held(copy);
        let is_held = self.look_at_guild(found.record.guild, is_held).await?;
        Ok(Some(found).filter(|_| is_held))
    }

    async fn invite_by_id(&self, guild: GuildId, id: InviteId) -> Result<(StateKey, Versioned<Invite>)> {
        let page = self
            .store()
            .state_list(StateTable::Invites, &id.0, None, 1)
            .await?;
        let (key, _) = page.rows.into_iter().next().ok_or_else(Error::not_found)?;
        let key = StateKey::new(StateTable::Invites, &[&key]);
        let found = self.living_invite(&key).await?;
        let found = found.filter(|found| found.record.guild == guild);
        Ok((key, found.ok_or_else(Error::not_found)?))
    }

    /// Notes by which invite somebody is about to come.
    pub(super) async fn note_arrival(
        &self,
        guild: GuildId,
        user: UserId,
        invite: InviteId,
        inviter: UserId,
    ) -> Result<()> {
        let key = arrival_key(guild, user);
        let arrival = Arrival {
            invite: invite.0,
            inviter,
            at: self.env().now(),
        };
        for _ in 0..MAX_TRIES {
            let outcome = match self.store().state::<Arrival>(&key).await? {
                None => self.store().state_insert(key.clone(), &arrival, None).await?,
                Some(found) => {
                    self.store()
                        .state_replace(key.clone(), found.version, &arrival, None)
                        .await?
                }
            };
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
        Err(Error::new(Code::Conflict, "this kept changing; try again"))
    }

    /// Forgets by which invite somebody came who is about to come another way.
    pub(super) async fn forget_arrival(&self, guild: GuildId, user: UserId) -> Result<()> {
        let key = arrival_key(guild, user);
        if let Some(found) = self.store().state::<Arrival>(&key).await? {
            // A conflict means that the person comes by an invite at the same time.
            self.store().state_delete(key, found.version).await?;
        }
        Ok(())
    }

    /// Clears away a bounded number of a guild's invites and of what is known of them; answers whether there may be more.
    pub(super) async fn clear_invites(&self, guild: GuildId, at_most: usize) -> Result<bool> {
        let at_most = at_most.min(MAX_ROWS_PER_PAGE);
        let prefix = guild.to_bytes();
        let slots = self
            .store()
            .state_list(StateTable::InviteSlots, &prefix, None, at_most)
            .await?;
        for (key, row) in slots.rows {
            let slot: Slot = decode(&row.value)?;
            let invite = StateKey::new(StateTable::Invites, &[&slot.invite]);
            if let Some(found) = self.store().state::<Invite>(&invite).await? {
                self.store().state_delete(invite, found.version).await?;
            }
            let key = StateKey::new(StateTable::InviteSlots, &[&key]);
            self.store().state_delete(key, row.version).await?;
        }
        let arrivals = self
            .store()
            .state_list(StateTable::Arrivals, &prefix, None, at_most)
            .await?;
        for (key, row) in arrivals.rows {
            let key = StateKey::new(StateTable::Arrivals, &[&key]);
            self.store().state_delete(key, row.version).await?;
        }
        Ok(slots.more || arrivals.more)
    }
}

fn listed(key: &StateKey, found: Versioned<Invite>) -> InviteListed {
    let invite = found.record;
    InviteListed {
        id: InviteId::of(key).to_string(),
        inviter: invite.inviter,
        uses: invite.uses,
        uses_left: invite.uses_left,
        created_at: Time(invite.created_at),
        expires_at: found.expires_at.map(Time),
    }
}

fn slot_key(guild: GuildId, inviter: UserId, number: u8) -> StateKey {
    let parts: [&[u8]; 3] = [&guild.to_bytes(), &inviter.to_bytes(), &[number]];
    StateKey::new(StateTable::InviteSlots, &parts)
}

fn arrival_key(guild: GuildId, user: UserId) -> StateKey {
    StateKey::new(StateTable::Arrivals, &[&guild.to_bytes(), &user.to_bytes()])
}

/// Where a list goes on, as clients hand it back.
fn name_of(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The inverse of [`name_of`].
fn place(guild: GuildId, name: &str) -> Result<Vec<u8>> {
    let wrong = || Error::invalid("after", "expected what a page has answered as next");
    let mut key = guild.to_bytes().to_vec();
    if name.len() != 34 || !name.is_ascii() {
        return Err(wrong());
    }
    for at in (0..name.len()).step_by(2) {
        let byte = u8::from_str_radix(&name[at..at + 2], 16);
        key.push(byte.map_err(|_| wrong())?);
    }
    Ok(key)
}
