//! Who may sign up: everybody, who has an invite, or nobody.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use madang_storage::StateRecord;
use madang_storage::model::{GuildId, Permissions, StateKey, StateOutcome, StateTable, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::{Account, MAX_TRIES, Visitor};
use super::credentials::{Credentials, limited_part};
use super::limits::Buckets;
use super::sessions::SignedIn;
use super::{Chat, Code, Error, Identity, Result, names, passwords};

/// Who may sign up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Whoever has an invite.
    #[default]
    Invite,
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
}

impl Registration {
    /// Reads what a client calls it.
    pub(super) fn read(name: &str) -> Result<Self> {
        match name {
            "invite" => Ok(Self::Invite),
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err(Error::invalid("registration", "expected open, invite or closed")),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// The answer to whoever may not sign up.
    pub(super) fn refusal(self) -> Error {
        let text = match self {
            Self::Closed => "nobody can sign up on this server at the moment",
            Self::Invite | Self::Open => "this server takes new people by invite only",
        };
        Error::new(Code::Forbidden, text)
    }
}

/// What administrators have set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RegistrationRow {
    pub(super) mode: Registration,
    /// The guild that open sign-ups lead into.
    pub(super) welcome_guild: Option<GuildId>,
}

impl StateRecord for RegistrationRow {
    const TABLE: StateTable = StateTable::Settings;
}

/// What administrators have set, as they see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegistrationView {
    /// Who may sign up.
    pub registration: Registration,
    /// The guild that open sign-ups lead into.
    pub welcome_guild: Option<GuildId>,
}

impl From<RegistrationRow> for RegistrationView {
    fn from(row: RegistrationRow) -> Self {
        Self {
            registration: row.mode,
            welcome_guild: row.welcome_guild,
        }
    }
}

/// What is to be changed; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct RegistrationChanges {
    /// Who may sign up, by its name.
    pub mode: Option<String>,
    /// The guild that open sign-ups lead into; `Some(None)` for none.
    pub welcome_guild: Option<Option<GuildId>>,
}

/// How often an address may try to sign up.
#[derive(Debug)]
pub(super) struct SignUps(Buckets<IpAddr>);

impl SignUps {
    pub(super) fn new() -> Self {
        Self(Buckets::new(10, Duration::from_secs(60)))
    }

    pub(super) fn share(&self, nodes: u32) {
        self.0.share(nodes);
    }
}

impl Chat {
    /// Who may sign up.
    pub(super) async fn registration(&self) -> Result<RegistrationRow> {
        let found = self.store().state::<RegistrationRow>(&row_key()).await?;
        Ok(found.map(|found| found.record).unwrap_or_default())
    }

    /// Who may sign up and where that leads, for administrators.
    pub async fn registration_settings(&self, identity: &Identity) -> Result<RegistrationView> {
        self.require_administrator(identity).await?;
        Ok(self.registration().await?.into())
    }

    /// Changes who may sign up.
    pub async fn change_registration(
        &self,
        identity: &Identity,
        changes: RegistrationChanges,
    ) -> Result<RegistrationView> {
        self.require_administrator(identity).await?;
        let mode = changes.mode.as_deref().map(Registration::read).transpose()?;
        if let Some(Some(guild)) = changes.welcome_guild {
            // Administrators of the instance are nobody special in a guild: they open none that they could not invite to.
            let access = self.guild_access(identity, guild).await;
            let access = access.map_err(|error| error.about("welcome_guild"))?;
            access
                .require(Permissions::INVITE)
                .map_err(|error| error.about("welcome_guild"))?;
        }
        for _ in 0..MAX_TRIES {
            let found = self.store().state::<RegistrationRow>(&row_key()).await?;
            let present = found.as_ref().map(|found| found.record).unwrap_or_default();
            let settings = RegistrationRow {
                mode: mode.unwrap_or(present.mode),
                welcome_guild: changes.welcome_guild.unwrap_or(present.welcome_guild),
            };
            if settings == present {
                return Ok(settings.into());
            }
            let store = self.store();
            let outcome = match found {
                None => store.state_insert(row_key(), &settings, None).await?,
                Some(found) => {
                    store
                        .state_replace(row_key(), found.version, &settings, None)
                        .await?
                }
            };
            if let StateOutcome::Written { .. } = outcome {
                let details = differences(present, settings);
                let actor = Some(identity.user);
                self.note(None, actor, "registration.changed", None, &details)
                    .await?;
                return Ok(settings.into());
            }
        }
        Err(Error::new(
            Code::Conflict,
            "the settings kept changing; try again",
        ))
    }

    /// Signs up without an invite, and in.
    pub async fn sign_up(&self, credentials: &Credentials, visitor: &Visitor) -> Result<SignedIn> {
        let settings = self.registration().await?;
        if settings.mode != Registration::Open || self.store().instance().await?.is_none() {
            return Err(settings.mode.refusal());
        }
        let name = names::user_name(&credentials.name)?;
        passwords::check(&credentials.password)?;
        // What is refused before this line costs nothing and tells nothing. From here on names can be tried out, and
        // each try is a hash.
        let taken = self
            .inner
            .sign_ups
            .0
            .take(&limited_part(visitor.address), Instant::now());
        taken.map_err(|wait| Error::rate_limited(wait.as_secs() + 1))?;
        let user = self
            .found_account(name, &credentials.password, settings.welcome_guild)
            .await?;
        self.start_session(user, 0, visitor).await
    }

    /// Makes an account, from the claim of its name to the end.
    pub(super) async fn found_account(
        &self,
        name: names::Name,
        password: &str,
        joins: Option<GuildId>,
    ) -> Result<UserId> {
        let password_hash = self.inner.passwords.hash(password).await?;
        let user = UserId::from_u128(self.env().next_id());
        let chat = self.clone();
        self.to_the_end(async move {
            chat.claim_name(&name, user).await?;
            let account = Account::new(user, name, password_hash, chat.env().now());
            chat.make_account(&Account { joins, ..account }).await
        })
        .await?;
        Ok(user)
    }
}

fn row_key() -> StateKey {
    StateKey::new(StateTable::Settings, &[b"registration"])
}

/// What the audit tells of a change: only what differs.
fn differences(before: RegistrationRow, after: RegistrationRow) -> Vec<(&'static str, String)> {
    let mut details = Vec::new();
    if before.mode != after.mode {
        details.push(("before.registration", before.mode.name().to_owned()));
        details.push(("after.registration", after.mode.name().to_owned()));
    }
    if before.welcome_guild != after.welcome_guild {
        let guild = |name, row: RegistrationRow| Some((name, row.welcome_guild?.to_string()));
        details.extend(guild("before.welcome_guild", before));
        details.extend(guild("after.welcome_guild", after));
    }
    details
}
