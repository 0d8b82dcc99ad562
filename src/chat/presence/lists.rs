//! Who is there, for those who ask.

use std::sync::Arc;

use madang_storage::model::{GuildId, RoomId, RoomKind, StreamId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use super::MAX_WATCHED;
use super::known::check_count;
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
        let states = self.presences().backend.states(&[identity.user]).await;
        let known = states.ok().and_then(|mut states| states.pop());
        let state = known.map(|state| State {
            status: state.status,
            said,
        });
        let left = self.left_by(identity.user).await?;
        Ok(OwnPresence {
            seen: own_view(identity.user, state.as_ref(), self.env().now()).into(),
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
        Ok(self
            .seen_now(&known)
            .await
            .into_iter()
            .map(PresenceView::from)
            .collect())
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
        let seen = self.seen_now(&users).await;
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
                // Whoever was sent away may still say that it looks.
                let stream = StreamId::Room(room);
                let may_see = |user: &&UserId| self.may_hear(**user, stream) == Some(true);
                let users: Vec<UserId> = looking.iter().filter(may_see).copied().collect();
                let gone = looking.len() - users.len();
                (users, lookers.map(|lookers| lookers.count - gone))
            }
        };
        let seen = self.seen_now(&users).await;
        let users = seen.into_iter().map(|seen| RoomPresenceView {
            on: !self.is_off(seen.user, room),
            looks: looking.contains(&seen.user),
            seen: seen.into(),
        });
        Ok(RoomPresence {
            users: users.collect(),
            count,
        })
    }

    /// How some people are seen by others; as unknown while nobody knows.
    pub(super) async fn seen_now(&self, users: &[UserId]) -> Vec<Seen> {
        let now = self.env().now();
        let mut seen = Vec::with_capacity(users.len());
        for users in users.chunks(MAX_WATCHED) {
            match self.presences().backend.states(users).await {
                Ok(states) => {
                    let states = users.iter().zip(&states);
                    seen.extend(states.map(|(user, state)| view(*user, Some(state), now)));
                }
                Err(error) => {
                    tracing::debug!(%error, "people are seen as unknown");
                    seen.extend(users.iter().map(|user| view(*user, None, now)));
                }
            }
        }
        seen
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
