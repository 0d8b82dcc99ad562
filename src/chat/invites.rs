//! Invites: codes that let people sign up into a guild.

use madang_storage::model::{GuildId, Permissions, StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{StateRecord, Versioned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::{Account, Visitor};
use super::credentials::Credentials;
use super::invited::InviteId;
use super::names;
use super::places::GuildCopy;
use super::registration::Registration;
use super::sessions::SignedIn;
use super::view::Time;
use super::{Chat, Error, Identity, Result, secrets};

/// An invite can be used at most so often, where its uses are counted.
pub(super) const MAX_USES: u64 = 1_000;
/// An invite ends after seven days, unless something else is said.
pub(super) const DEFAULT_LIFETIME_SECONDS: u64 = 7 * 24 * 60 * 60;
/// An invite ends after a year at the latest.
pub(super) const MAX_LIFETIME_SECONDS: u64 = 365 * 24 * 60 * 60;

/// An invite as it is kept, under the hash of its code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Invite {
    pub(super) guild: GuildId,
    pub(super) inviter: UserId,
    /// `None` for as often as one likes. Never 0: the last use removes the row.
    pub(super) uses_left: Option<u64>,
    pub(super) created_at: Timestamp,
    /// How often it was used.
    #[serde(default)]
    pub(super) uses: u64,
    /// Which of its maker's places it takes up. Older invites take up none.
    #[serde(default)]
    pub(super) slot: Option<u8>,
}

impl Invite {
    /// Whether whoever made it has been a member ever since: what somebody has made who was sent away is of no use, also
    /// when the person comes back.
    pub(super) fn is_held(&self, copy: &GuildCopy) -> bool {
        let maker = copy.member(self.inviter);
        maker.is_some_and(|member| member.joined_at <= self.created_at)
    }
}

impl StateRecord for Invite {
    const TABLE: StateTable = StateTable::Invites;
}

/// An invite to make.
#[derive(Debug, Clone, Copy)]
pub struct NewInvite {
    /// Where it leads.
    pub guild: GuildId,
    /// How often it may be used; `None` for as often as one likes.
    pub max_uses: Option<u64>,
    /// When it ends; `None` for in seven days.
    pub expires_in_seconds: Option<u64>,
}

/// A new invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeInvite {
    /// By what it is found in lists.
    pub id: String,
    /// What lets people in. Nobody can read it again.
    pub code: String,
    /// How often it may be used.
    pub uses_left: Option<u64>,
    /// When it ends.
    pub expires_at: Time,
}

/// What an invite says to whoever has its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Invite")]
pub struct InviteView {
    /// The instance's name.
    pub instance_name: String,
    /// Where it leads.
    pub guild_name: String,
    /// The name of whoever made it.
    pub invited_by: String,
}

impl Chat {
    /// Makes an invite into a guild.
    pub async fn create_invite(&self, identity: &Identity, new: NewInvite) -> Result<MadeInvite> {
        let guild = self.guild_access(identity, new.guild).await?;
        guild.require(Permissions::INVITE)?;
        if new.max_uses.is_some_and(|uses| uses == 0 || uses > MAX_USES) {
            let text = format!("an invite can be used 1 to {MAX_USES} times");
            return Err(Error::invalid("max_uses", text));
        }
        let seconds = new.expires_in_seconds.unwrap_or(DEFAULT_LIFETIME_SECONDS);
        if seconds == 0 || seconds > MAX_LIFETIME_SECONDS {
            let text = format!("an invite lives 1 to {MAX_LIFETIME_SECONDS} seconds");
            return Err(Error::invalid("expires_in_seconds", text));
        }
        let code = secrets::code();
        let key = secrets::key(StateTable::Invites, &code).ok_or_else(Error::internal)?;
        let now = self.env().now();
        // Never from before its maker came, whatever the clocks say.
        let joined_at = |copy: &GuildCopy| copy.member(identity.user).map(|member| member.joined_at);
        let joined_at = self.look_at_guild(new.guild, joined_at).await?;
        let created_at = joined_at.map_or(now, |joined_at| now.max(joined_at));
        let expires_at = now.plus_millis(seconds * 1000);
        let (chat, inviter) = (self.clone(), identity.user);
        let id = InviteId::of(&key).to_string();
        self.to_the_end(async move {
            let slot = chat.take_slot(guild.id, inviter, &key, expires_at).await?;
            let invite = Invite {
                guild: guild.id,
                inviter,
                uses_left: new.max_uses,
                created_at,
                uses: 0,
                slot: Some(slot),
            };
            let target = InviteId::of(&key).as_u128();
            chat.store().state_insert(key, &invite, Some(expires_at)).await?;
            let uses = new.max_uses.map(|uses| ("max_uses", uses.to_string()));
            let details: Vec<(&str, String)> = uses.into_iter().collect();
            chat.note(
                Some(guild.id),
                Some(inviter),
                "invite.created",
                Some(target),
                &details,
            )
            .await
        })
        .await?;
        Ok(MadeInvite {
            id,
            code,
            uses_left: new.max_uses,
            expires_at: Time(expires_at),
        })
    }

    /// What an invite says. Open to everybody: whoever has the code was invited.
    pub async fn invite(&self, code: &str) -> Result<InviteView> {
        let (_, invite) = self.valid_invite(code).await?;
        let guild = self.store().guild(invite.record.guild).await?;
        let guild = guild.ok_or_else(Error::not_found)?;
        let instance = self.store().instance().await?.ok_or_else(Error::not_found)?;
        let inviter = self.store().user(invite.record.inviter).await?;
        Ok(InviteView {
            instance_name: instance.name,
            guild_name: guild.name,
            invited_by: inviter.map(|user| user.name).unwrap_or_default(),
        })
    }

    /// Signs up by an invite, and in.
    pub async fn accept_invite(
        &self,
        code: &str,
        credentials: &Credentials,
        visitor: &Visitor,
    ) -> Result<SignedIn> {
        // Before the password is hashed: whoever has no code causes no work.
        self.valid_invite(code).await?;
        if self.registration().await?.mode == Registration::Closed {
            return Err(Registration::Closed.refusal());
        }
        let name = names::user_name(&credentials.name)?;
        let password_hash = self.inner.passwords.hash(&credentials.password).await?;
        let user = UserId::from_u128(self.env().next_id());
        let (chat, code) = (self.clone(), code.to_owned());
        self.to_the_end(async move {
            chat.claim_name(&name, user).await?;
            let guild = match chat.use_invite(&code, user).await {
                Ok(guild) => guild,
                Err(error) => {
                    chat.release_name(&name, user).await?;
                    return Err(error);
                }
            };
            let account = Account::new(user, name, password_hash, chat.env().now());
            chat.make_account(&Account {
                joins: Some(guild),
                ..account
            })
            .await
        })
        .await?;
        self.start_session(user, 0, visitor).await
    }

    /// The guild that an invite leads to.
    pub(super) async fn invited_to(&self, code: &str) -> Result<GuildId> {
        Ok(self.valid_invite(code).await?.1.record.guild)
    }

    /// The invite of a code. Unknown, used up and expired ones answer the same.
    async fn valid_invite(&self, code: &str) -> Result<(StateKey, Versioned<Invite>)> {
        let key = secrets::key(StateTable::Invites, code).ok_or_else(Error::not_found)?;
        let found = self.store().state::<Invite>(&key).await?;
        let now = self.env().now();
        let valid = found.filter(|invite| invite.expires_at.is_none_or(|at| now < at));
        let valid = valid.ok_or_else(Error::not_found)?;
        // A guild that is being deleted takes its invites with it before they are cleared away, and so does a maker.
        let is_held = |copy: &GuildCopy| valid.record.is_held(copy);
        let maker = self.account(valid.record.inviter).await?;
        let is_kept_out = maker.is_some_and(|maker| maker.record.deactivated);
        if is_kept_out || !self.look_at_guild(valid.record.guild, is_held).await? {
            return Err(Error::not_found());
        }
        Ok((key, valid))
    }

    /// Takes one use, and notes who came by it. Exact: of two who take the last one, one gets it.
    pub(super) async fn use_invite(&self, code: &str, user: UserId) -> Result<GuildId> {
        loop {
            let (key, found) = self.valid_invite(code).await?;
            let mut invite = found.record;
            invite.uses = invite.uses.saturating_add(1);
            let outcome = match invite.uses_left {
                Some(0 | 1) => self.store().state_delete(key.clone(), found.version).await?,
                left => {
                    invite.uses_left = left.map(|left| left - 1);
                    self.store()
                        .state_replace(key.clone(), found.version, &invite, found.expires_at)
                        .await?
                }
            };
            // Each conflict is somebody else's use, and those are bounded.
            if let StateOutcome::Written { version } = outcome {
                if let (0, Some(slot)) = (version, invite.slot) {
                    self.free_slot(invite.guild, invite.inviter, slot, &key).await?;
                }
                let (guild, inviter) = (invite.guild, invite.inviter);
                self.note_arrival(guild, user, InviteId::of(&key), inviter)
                    .await?;
                return Ok(guild);
            }
        }
    }
}
