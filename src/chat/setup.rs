//! The first start: who has the link from the server's own output makes the owner, the first guild and its channel.
//!
//! One state row holds the link's hash and, once somebody used the link, the *plan*: everything that is to be made, with
//! its ids. Of two who use the link one writes the plan. What follows from the plan can be done again by anybody, and the
//! event that makes the instance comes last: a set-up that was cut off is carried to its end at the next start, or by the
//! next one who uses the link.

use madang_storage::StateRecord;
use madang_storage::model::{
    Fact, GuildId, RoomId, StateKey, StateOutcome, StateTable, StreamId, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use super::accounts::{Account, Visitor};
use super::credentials::Credentials;
use super::founding::first_channel;
use super::names::{self, Name};
use super::sessions::SignedIn;
use super::{Chat, Code, Error, Result, secrets};

/// How long a link works beside the ones printed after it, in milliseconds: a day.
const LINK_LASTS: u64 = 24 * 60 * 60 * 1_000;
/// How many links work at a time: nodes that start together print one each, and any of them may be used.
const MAX_LINKS: usize = 8;

/// The one row of a set-up that is not done.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SetupRow {
    /// The hash of the newest link's token, in hexadecimal digits.
    token_hash: String,
    plan: Option<Plan>,
    /// Links that were printed before, oldest first.
    #[serde(default)]
    earlier: Vec<EarlierLink>,
    /// When the newest link was printed; nothing in a row of before.
    #[serde(default)]
    printed: Option<Timestamp>,
}

/// A link that another one was printed after.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EarlierLink {
    token_hash: String,
    printed: Timestamp,
}

impl SetupRow {
    /// The row after another link was printed.
    fn with_link(present: Option<Self>, token_hash: String, now: Timestamp) -> Self {
        let mut earlier = Vec::new();
        if let Some(row) = present {
            earlier = row.earlier;
            let link = |printed| EarlierLink {
                token_hash: row.token_hash,
                printed,
            };
            earlier.extend(row.printed.map(link));
        }
        earlier.retain(|link| link.lasts(now));
        let surplus = (earlier.len() + 1).saturating_sub(MAX_LINKS);
        earlier.drain(..surplus);
        Self {
            token_hash,
            plan: None,
            earlier,
            printed: Some(now),
        }
    }

    /// Whether a link with such a token works. Hashes are compared: how long that takes tells nothing about the token.
    fn opens_by(&self, token_hash: &str, now: Timestamp) -> bool {
        let is_earlier = |link: &EarlierLink| link.token_hash == token_hash && link.lasts(now);
        self.token_hash == token_hash || self.earlier.iter().any(is_earlier)
    }
}

impl EarlierLink {
    fn lasts(&self, now: Timestamp) -> bool {
        now.as_millis().saturating_sub(self.printed.as_millis()) < LINK_LASTS
    }
}

impl StateRecord for SetupRow {
    const TABLE: StateTable = StateTable::OneTimeTokens;
}

/// What is to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Plan {
    instance_name: String,
    guild_name: String,
    name: String,
    folded: String,
    password_hash: String,
    user: UserId,
    guild: GuildId,
    room: RoomId,
    at: Timestamp,
    #[serde(default)]
    channel_name: Option<String>,
}

/// What a set-up asks for.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// The token of the link.
    pub token: String,
    /// How the instance is called.
    pub instance_name: String,
    /// How its first guild is called.
    pub guild_name: String,
    /// How the guild's first channel is called; `None` for the usual name.
    pub channel_name: Option<String>,
    /// The owner's name and password.
    pub owner: Credentials,
}

impl Chat {
    /// Called once at start: carries an interrupted set-up to its end. While the instance has no owner, answers a new
    /// token for the link; the seven before it work for a day.
    pub async fn open_setup(&self) -> Result<Option<String>> {
        let key = row_key();
        loop {
            let present = self.store().state::<SetupRow>(&key).await?;
            if let Some(plan) = present.as_ref().and_then(|row| row.record.plan.clone()) {
                tracing::info!("an interrupted set-up is carried to its end");
                self.carry_out(&plan).await?;
                return Ok(None);
            }
            if self.store().instance().await?.is_some() {
                self.settle_deactivations().await?;
                return Ok(None);
            }
            let token = secrets::token();
            let earlier = present.as_ref().map(|row| row.record.clone());
            let row = SetupRow::with_link(earlier, token_hash(&token), self.env().now());
            let outcome = match present {
                Some(present) => {
                    self.store()
                        .state_replace(key.clone(), present.version, &row, None)
                        .await?
                }
                None => self.store().state_insert(key.clone(), &row, None).await?,
            };
            if let StateOutcome::Written { .. } = outcome {
                return Ok(Some(token));
            }
        }
    }

    /// Sets the instance up, and signs its owner in.
    pub async fn set_up(&self, request: SetUp, visitor: &Visitor) -> Result<SignedIn> {
        if self.store().instance().await?.is_some() {
            return Err(already_set_up());
        }
        let key = row_key();
        let mut row = self
            .store()
            .state::<SetupRow>(&key)
            .await?
            .ok_or_else(already_set_up)?;
        if !row.record.opens_by(&token_hash(&request.token), self.env().now()) {
            return Err(void_link());
        }
        if row.record.plan.is_some() {
            return self.was_set_up(row.record.plan).await;
        }
        let plan = self.plan(&request).await?;
        loop {
            let written = SetupRow {
                plan: Some(plan.clone()),
                ..row.record
            };
            let outcome = self
                .store()
                .state_replace(key.clone(), row.version, &written, None)
                .await?;
            if let StateOutcome::Written { .. } = outcome {
                break;
            }
            // Another one was first, or a node started meanwhile and printed another link.
            row = match self.store().state::<SetupRow>(&key).await? {
                Some(row) if row.record.plan.is_none() => row,
                present => return self.was_set_up(present.and_then(|row| row.record.plan)).await,
            };
        }
        let user = plan.user;
        self.carry_out_elsewhere(plan).await?;
        self.start_session(user, 0, visitor).await
    }

    /// Somebody else was first: what they began is carried to its end.
    async fn was_set_up(&self, plan: Option<Plan>) -> Result<SignedIn> {
        if let Some(plan) = plan {
            self.carry_out_elsewhere(plan).await?;
        }
        Err(already_set_up())
    }

    async fn plan(&self, request: &SetUp) -> Result<Plan> {
        let instance_name = names::title("instance_name", &request.instance_name)?.shown;
        let guild_name = names::title("guild_name", &request.guild_name)?.shown;
        first_channel(request.channel_name.as_deref())?;
        let Name { shown, folded } = names::user_name(&request.owner.name)?;
        let password_hash = self.inner.passwords.hash(&request.owner.password).await?;
        let env = self.env();
        Ok(Plan {
            instance_name,
            guild_name,
            name: shown,
            folded,
            password_hash,
            user: UserId::from_u128(env.next_id()),
            guild: GuildId::from_u128(env.next_id()),
            room: RoomId::from_u128(env.next_id()),
            at: env.now(),
            channel_name: request.channel_name.clone(),
        })
    }

    async fn carry_out_elsewhere(&self, plan: Plan) -> Result<()> {
        let chat = self.clone();
        self.to_the_end(async move { chat.carry_out(&plan).await }).await
    }

    /// Makes what is planned, as far as it is not there. May be done by several at once.
    async fn carry_out(&self, plan: &Plan) -> Result<()> {
        let name = Name {
            shown: plan.name.clone(),
            folded: plan.folded.clone(),
        };
        self.claim_name(&name, plan.user).await?;
        let account = Account::new(plan.user, name, plan.password_hash.clone(), plan.at);
        self.make_account(&Account {
            owner: true,
            ..account
        })
        .await?;
        self.first_administrator(plan.user).await?;
        let actor = Some(plan.user);
        let guild_created = Fact::GuildCreated {
            name: plan.guild_name.clone(),
            owner: plan.user,
        };
        let guild = StreamId::Guild(plan.guild);
        self.append_unless(guild, actor, Vec::new(), guild_created, |head, _| head.exists())
            .await?;
        self.join_guild(plan.guild, plan.user).await?;
        let channel = first_channel(plan.channel_name.as_deref())?;
        self.make_first_channel(plan.guild, plan.room, plan.user, &channel)
            .await?;
        self.welcome_in(plan.guild, plan.room, plan.user).await?;
        let instance_created = Fact::InstanceCreated {
            name: plan.instance_name.clone(),
        };
        self.append_unless(
            StreamId::Instance,
            actor,
            Vec::new(),
            instance_created,
            |head, _| head.exists(),
        )
        .await?;
        let key = row_key();
        if let Some(row) = self.store().state::<SetupRow>(&key).await? {
            // A conflict means that another one has removed it at the same time.
            self.store().state_delete(key, row.version).await?;
        }
        Ok(())
    }
}

fn row_key() -> StateKey {
    StateKey::new(StateTable::OneTimeTokens, &[b"setup"])
}

fn token_hash(token: &str) -> String {
    secrets::digest(token)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn already_set_up() -> Error {
    Error::new(Code::AlreadySetUp, "the instance has an owner already: sign in")
}

fn void_link() -> Error {
    Error::invalid(
        "token",
        "the set-up link is not valid: the server prints one at each start, which works for a day after the next",
    )
}
