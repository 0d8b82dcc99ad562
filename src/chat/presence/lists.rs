//! Who is there, for those who ask.

use std::sync::Arc;

use madang_storage::MAX_ROWS_PER_PAGE;
use madang_storage::model::{GuildId, RoomId, RoomKind, RowKey, StreamId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use super::MAX_WATCHED;
use super::known::check_count;
use super::said::name_of_choice;
use super::windows::Window;
use crate::chat::view::{PresenceView, RoomPresenceView, Time};
use crate::chat::{Chat, Identity, Result};
use crate::hub::{Audience as _, Listener, Seen, Words};
use crate::presence::{State, Status};

/// What somebody says of itself, and where it was last. Only for its eyes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OwnPresence {
    /// As others would see it, or `invisible`.
    #[serde(flatten)]
    pub seen: PresenceView,
    /// What was chosen, whether a session is there or not.
    pub chosen: &'static str,
    /// Where a session was last that looks at nothing now.
    pub last: Option<LastView>,
}

/// Where somebody was last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LastView {
    /// The room.
    pub room: RoomId,
    /// When it was left.
    pub at: Time,
}

/// Who is in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoomPresence {
    /// The members of a DM or group; elsewhere those who look at the room, at most 100.
    pub users: Vec<RoomPresenceView>,
    /// How many they are; `None` while nobody knows.
    pub count: Option<usize>,
}

impl Chat {
    /// How somebody is seen, told to itself.
    pub async fn own_presence(&self, identity: &Identity) -> Result<OwnPresence> {
        let said = self.said_by(identity.user).await?;
        let chosen = said.as_ref().map(|said| said.choice).unwrap_or_default();
        let states = self.presences().backend.states(&[identity.user]).await;
        let known = states.ok().and_then(|mut states| states.pop());
        let state = known.map(|state| State {
            status: state.status,
            said,
        });
        let left = self.left_by(identity.user).await?;
        Ok(OwnPresence {
            seen: own_view(identity.user, state.as_ref(), self.env().now()).into(),
            chosen: name_of_choice(chosen),
            last: left.map(|left| LastView {
                room: left.room,
                at: Time(left.at),
            }),
        })
    }

    /// How some people are seen, in the order asked. Those who share no guild, DM or group with the asker are left out.
    pub async fn presence_of(&self, identity: &Identity, users: &[UserId]) -> Result<Vec<PresenceView>> {
        check_count(users, "ids")?;
        self.presences().take_look(identity.user)?;
        let known = self.known_to(identity.user, users).await?;
        let known = users.iter().zip(known).filter(|(_, known)| *known);
        let known: Vec<UserId> = known.map(|(user, _)| *user).collect();
        let seen = self.appearing_to(identity.user, &known).await?;
        Ok(seen.into_iter().map(PresenceView::from).collect())
    }

    /// Watches members of a guild from now on, and no others; answers how they are seen. Those who are no members are left
    /// out.
    pub async fn watch(
        &self,
        identity: &Identity,
        listener: &Arc<Listener>,
        guild: GuildId,
        users: &[UserId],
    ) -> Result<Vec<PresenceView>> {
        check_count(users, "users")?;
        self.presences().take_look(identity.user)?;
        self.guild_access(identity, guild).await?;
        let mut users = self
            .look_at_guild(guild, |copy| {
                let members = users.iter().filter(|user| copy.member(**user).is_some());
                members.copied().collect::<Vec<UserId>>()
            })
            .await?;
        users.sort_unstable();
        users.dedup();
        // Watching first, asking second: nothing between can be missed.
        let window = Window {
            listener: Arc::clone(listener),
            guild,
            users: users.clone(),
            answered: None,
        };
        self.presences().lock_windows().open(window);
        let seen = self.appearing_to(identity.user, &users).await?;
        self.presences()
            .lock_windows()
            .answer(listener.number(), &users, seen.clone());
        Ok(seen.into_iter().map(PresenceView::from).collect())
    }

    /// Who is in a room, and who of them is on.
    pub async fn room_presence(&self, identity: &Identity, room: RoomId) -> Result<RoomPresence> {
        self.presences().take_look(identity.user)?;
        let access = self.room_access(identity, room).await?;
        let lookers = self.presences().backend.lookers(room, MAX_WATCHED).await;
        let lookers = lookers.ok();
        let looking = lookers
            .as_ref()
            .map(|lookers| lookers.users.clone())
            .unwrap_or_default();
        let conversation = match access.room.kind {
            RoomKind::Dm { .. } | RoomKind::Group { .. } => Some(room),
            RoomKind::Thread {
                parent, guild: None, ..
            } => Some(parent),
            RoomKind::Channel { .. } | RoomKind::Thread { .. } => None,
        };
        let (users, count) = match conversation {
            Some(room) => {
                let members: Vec<UserId> = self
                    .look_at_room(room, |copy| copy.members().iter().copied().collect())
                    .await?;
                let count = members.len();
                (members, Some(count))
            }
            None => {
                // Whoever was sent away may still say that it looks, and some may not want to be seen by the asker.
                let stream = StreamId::Room(room);
                let may_see = |user: &UserId| self.may_hear(*user, stream) == Some(true);
                let hidden = self.hidden_from(identity.user, &looking).await?;
                let users = looking.iter().zip(hidden);
                let users = users.filter(|(user, hidden)| !hidden && may_see(user));
                let users: Vec<UserId> = users.map(|(user, _)| *user).collect();
                let gone = looking.len() - users.len();
                (users, lookers.map(|lookers| lookers.count - gone))
            }
        };
        let seen = self.appearing_to(identity.user, &users).await?;
        let hidden = self.hidden_from(identity.user, &users).await?;
        let users = seen
            .into_iter()
            .zip(hidden)
            .map(|(seen, hidden)| RoomPresenceView {
                on: !self.is_off(seen.user, room),
                looks: looking.contains(&seen.user) && !hidden,
                seen: seen.into(),
            });
        Ok(RoomPresence {
            users: users.collect(),
            count,
        })
    }

    /// How some people are seen by one person, who alone sees itself as it is; as unknown while nobody knows. Whoever has
    /// blocked the person is away, and nothing tells that from being so.
    pub(super) async fn appearing_to(&self, asker: UserId, users: &[UserId]) -> Result<Vec<Seen>> {
        let now = self.env().now();
        let mut seen = Vec::with_capacity(users.len());
        for users in users.chunks(MAX_WATCHED) {
            let hidden = self.hidden_from(asker, users).await?;
            let states = self.presences().backend.states(users).await;
            let states = states.inspect_err(|error| tracing::debug!(%error, "people are seen as unknown"));
            let states = states.ok();
            for (place, (user, is_hidden)) in users.iter().zip(hidden).enumerate() {
                let state = states.as_ref().and_then(|states| states.get(place));
                seen.push(match state {
                    _ if *user == asker => own_view(*user, state, now),
                    Some(_) if is_hidden => view(*user, Some(&State::default()), now),
                    state => view(*user, state, now),
                });
            }
        }
        Ok(seen)
    }

    /// Which of some people want nothing of somebody.
    async fn hidden_from(&self, asker: UserId, users: &[UserId]) -> Result<Vec<bool>> {
        let block = |user: &UserId| RowKey::Block {
            user: *user,
            blocked: asker,
        };
        let mut hidden = Vec::with_capacity(users.len());
        for users in users.chunks(MAX_ROWS_PER_PAGE) {
            let keys: Vec<RowKey> = users.iter().map(block).collect();
            let rows = self.store().rows(&keys).await?;
            hidden.extend(rows.iter().map(Option::is_some));
        }
        Ok(hidden)
    }
}

/// How somebody is seen by others.
pub(super) fn view(user: UserId, state: Option<&State>, now: Timestamp) -> Seen {
    let hidden = State::default();
    let state = state.map(|state| match state.status {
        Status::Invisible => &hidden,
        _ => state,
    });
    own_view(user, state, now)
}

/// How somebody is seen by itself.
pub(super) fn own_view(user: UserId, state: Option<&State>, now: Timestamp) -> Seen {
    let said = state.and_then(|state| state.said.as_ref());
    let custom = said.and_then(|said| said.custom.as_ref());
    let meant = custom.filter(|custom| custom.expires_at.is_none_or(|at| now < at));
    Seen {
        user,
        status: state.map_or("unknown", |state| name_of(state.status)),
        custom: meant.map(|custom| Words {
            text: custom.text.clone(),
            emoji: custom.emoji.clone(),
            expires_at: custom.expires_at,
        }),
    }
}

const fn name_of(status: Status) -> &'static str {
    match status {
        Status::Offline => "offline",
        Status::Online => "online",
        Status::Idle => "idle",
        Status::DoNotDisturb => "do_not_disturb",
        Status::Invisible => "invisible",
    }
}
