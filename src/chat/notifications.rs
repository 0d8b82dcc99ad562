//! What somebody wants to be told of: a level for each room and guild, and for how long nothing at all.

use std::time::Duration;

use madang_storage::model::{GuildId, RoomId, StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{StateRecord, decode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::MAX_TRIES;
use super::view::Time;
use super::{Chat, Code, Error, Identity, Result};

/// How many rooms and guilds somebody can have wishes about.
const MAX_WISHES: usize = 1_000;
/// Nobody mutes for longer than a year; without an end one says "nothing".
const MAX_MUTE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Of which messages somebody wants to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What the guild, or else everything, is set to.
    #[default]
    Default,
    /// Every message.
    All,
    /// Those that call the person.
    Mentions,
    /// None.
    Nothing,
}

/// What a wish is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// One room.
    Room(RoomId),
    /// All rooms of a guild that have no wish of their own.
    Guild(GuildId),
}

/// A wish as it is kept, under the user and the place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Wish {
    level: Level,
    muted_until: Option<Timestamp>,
}

impl Wish {
    /// Without a mute that has run out.
    fn as_of(self, now: Timestamp) -> Self {
        Self {
            muted_until: self.muted_until.filter(|until| now < *until),
            ..self
        }
    }
}

impl StateRecord for Wish {
    const TABLE: StateTable = StateTable::Notifications;
}

/// A wish as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Wish")]
pub struct WishView {
    /// For one room,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// or for a guild.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guild: Option<GuildId>,
    /// Of what to tell.
    pub level: Level,
    /// Until when to tell nothing at all.
    pub muted_until: Option<Time>,
}

impl Level {
    /// The level with this name.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "default" => Ok(Self::Default),
            "all" => Ok(Self::All),
            "mentions" => Ok(Self::Mentions),
            "nothing" => Ok(Self::Nothing),
            _ => Err(Error::invalid(
                "level",
                "expected default, all, mentions or nothing",
            )),
        }
    }
}

impl Place {
    const ROOM: u8 = b'r';
    const GUILD: u8 = b'g';

    fn key(self, user: UserId) -> StateKey {
        StateKey::new(StateTable::Notifications, &[&user.to_bytes(), &self.to_bytes()])
    }

    /// The place within keys.
    pub(super) fn to_bytes(self) -> [u8; 17] {
        let (kind, id) = match self {
            Self::Room(room) => (Self::ROOM, room.to_bytes()),
            Self::Guild(guild) => (Self::GUILD, guild.to_bytes()),
        };
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(&id);
        bytes
    }

    fn of_key(key: &[u8]) -> Option<Self> {
        Self::of_bytes(key.get(16..)?)
    }

    /// The inverse of [`Place::to_bytes`].
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, id) = bytes.split_first()?;
        let id = id.try_into().ok()?;
        match *kind {
            Self::ROOM => Some(Self::Room(RoomId::from_bytes(id))),
            Self::GUILD => Some(Self::Guild(GuildId::from_bytes(id))),
            _ => None,
        }
    }
}

impl Chat {
    /// Says of what somebody wants to be told. `muted_seconds` of 0 ends a mute; what is `None` stays.
    pub async fn wish(
        &self,
        identity: &Identity,
        place: Place,
        level: Option<Level>,
        muted_seconds: Option<u64>,
    ) -> Result<WishView> {
        match place {
            Place::Room(room) => self.room_access(identity, room).await.map(|_| ())?,
            Place::Guild(guild) => self.guild_access(identity, guild).await.map(|_| ())?,
        }
        if muted_seconds.is_some_and(|seconds| seconds > MAX_MUTE.as_secs()) {
            let text = format!("at most {} seconds", MAX_MUTE.as_secs());
            return Err(Error::invalid("muted_seconds", text));
        }
        let until = |seconds| (seconds > 0).then(|| self.env().now().plus_millis(seconds * 1000));
        let key = place.key(identity.user);
        for _ in 0..MAX_TRIES {
            let found = self.store().state::<Wish>(&key).await?;
            let present = found.as_ref().map(|found| found.record).unwrap_or_default();
            let present = present.as_of(self.env().now());
            let wish = Wish {
                level: level.unwrap_or(present.level),
                muted_until: muted_seconds.map_or(present.muted_until, until),
            };
            let outcome = match found {
                Some(found) if wish == Wish::default() => {
                    self.store().state_delete(key.clone(), found.version).await?
                }
                Some(found) => {
                    self.store()
                        .state_replace(key.clone(), found.version, &wish, None)
                        .await?
                }
                None if wish == Wish::default() => return Ok(view(place, wish)),
                None => {
                    self.check_room_for_wish(identity.user).await?;
                    self.store().state_insert(key.clone(), &wish, None).await?
                }
            };
            if let StateOutcome::Written { .. } = outcome {
                self.follow_wish(identity.user, place).await?;
                return Ok(view(place, wish));
            }
        }
        Err(Error::new(Code::Conflict, "this kept changing; try again"))
    }

    /// Of what somebody wants to be told in a place, and whether it is muted by now.
    pub(super) async fn wish_of(&self, user: UserId, place: Place) -> Result<(Level, bool)> {
        let found = self.store().state::<Wish>(&place.key(user)).await?;
        let wish = found.map(|found| found.record).unwrap_or_default();
        let now = self.env().now();
        Ok((wish.level, wish.muted_until.is_some_and(|until| now < until)))
    }

    /// Everything that somebody has said about notifications.
    pub async fn wishes(&self, identity: &Identity) -> Result<Vec<WishView>> {
        let page = self
            .store()
            .state_list(
                StateTable::Notifications,
                &identity.user.to_bytes(),
                None,
                MAX_WISHES,
            )
            .await?;
        let mut wishes = Vec::with_capacity(page.rows.len());
        for (key, row) in &page.rows {
            let Some(place) = Place::of_key(key) else { continue };
            let wish = decode::<Wish>(&row.value)?.as_of(self.env().now());
            if wish != Wish::default() && self.sees(identity, place).await? {
                wishes.push(view(place, wish));
            }
        }
        Ok(wishes)
    }

    /// Whether somebody still sees a place.
    async fn sees(&self, identity: &Identity, place: Place) -> Result<bool> {
        let outcome = match place {
            Place::Room(room) => self.room_access(identity, room).await.map(|_| ()),
            Place::Guild(guild) => self.guild_access(identity, guild).await.map(|_| ()),
        };
        match outcome {
            Ok(()) => Ok(true),
            Err(error) if error.code == Code::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn check_room_for_wish(&self, user: UserId) -> Result<()> {
        let page = self
            .store()
            .state_list(StateTable::Notifications, &user.to_bytes(), None, MAX_WISHES)
            .await?;
        if page.rows.len() < MAX_WISHES {
            return Ok(());
        }
        let text = format!("one has wishes about at most {MAX_WISHES} rooms and guilds");
        Err(Error::new(Code::TooMany, text))
    }
}

fn view(place: Place, wish: Wish) -> WishView {
    let (room, guild) = match place {
        Place::Room(room) => (Some(room), None),
        Place::Guild(guild) => (None, Some(guild)),
    };
    WishView {
        room,
        guild,
        level: wish.level,
        muted_until: wish.muted_until.map(Time),
    }
}
