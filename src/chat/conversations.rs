//! Conversations beside guilds: DMs of two, who never change, and groups of a few, who come and go.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use madang_storage::model::{
    Fact, Room, RoomId, RoomKind, RowKey, RowPrefix, StreamId, SystemMessage, UserId,
};
use madang_storage::{MAX_ROWS_PER_PAGE, Store};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::access::RoomAccess;
use super::places::RoomCopy;
use super::view::{ConversationView, Time};
use super::{Chat, Code, Error, Identity, Once, Result, list_limit, names};

/// How many people a group has at most, its owner included.
pub const MAX_GROUP_MEMBERS: usize = Fact::MAX_FIRST_MEMBERS;
/// How many conversations somebody can be in who begins another one.
const MAX_CONVERSATIONS: usize = 1_000;
/// How many of somebody's conversations are looked at: others may have begun more with that person.
const MAX_LISTED: usize = 2_000;

/// So many conversations can be begun, or people drawn into them, at once,
pub(super) const BEGINNINGS: u32 = 50;
/// and one more after each such while.
pub(super) const BEGINNING_EVERY: Duration = Duration::from_secs(5);

/// A page of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Conversations {
    /// The one with the newest event first.
    pub conversations: Vec<ConversationView>,
    /// Whether there are more.
    pub more: bool,
}

impl Chat {
    /// Begins a DM with somebody, or finds the one that there is.
    pub async fn open_dm(&self, identity: &Identity, user: UserId) -> Result<ConversationView> {
        if user == identity.user {
            return Err(Error::invalid("user", "a conversation needs somebody else"));
        }
        let mut users = [identity.user, user];
        users.sort_unstable();
        let room = dm_of(users);
        if !self.exists(room).await? {
            self.check_can_be_asked(identity, &[user], "user").await?;
            self.count_beginning(identity)?;
            let kind = RoomKind::Dm { users };
            self.begin(identity, room, kind, String::new(), users.to_vec())
                .await?;
        }
        self.conversation(identity, room).await
    }

    /// Begins a group with some people. Whoever asks owns it.
    pub async fn create_group(
        &self,
        identity: &Identity,
        once: &Once,
        name: Option<&str>,
        users: &[UserId],
    ) -> Result<ConversationView> {
        let name = name.map(group_name).transpose()?.unwrap_or_default();
        let mut members: BTreeSet<UserId> = users.iter().copied().collect();
        members.insert(identity.user);
        if members.len() > MAX_GROUP_MEMBERS {
            return Err(too_many_members());
        }
        let others: Vec<UserId> = members
            .iter()
            .copied()
            .filter(|user| *user != identity.user)
            .collect();
        let room = RoomId::from_u128(self.new_id(identity, once, "group"));
        let members: Vec<UserId> = members.into_iter().collect();
        let as_asked = |first: &Room, people: &[UserId]| first.name == name && people == members;
        if !self.is_made(room, as_asked).await? {
            self.check_can_be_asked(identity, &others, "users").await?;
            self.check_room_for_conversation(identity).await?;
            self.count_beginning(identity)?;
            let kind = RoomKind::Group { owner: identity.user };
            self.begin(identity, room, kind, name.clone(), members.clone())
                .await?;
            // Of two that come at once with one key, one has made it.
            self.is_made(room, as_asked).await?;
        }
        self.conversation(identity, room).await
    }

    /// Takes somebody into a group. Whoever is in it may do that.
    pub async fn add_to_group(&self, identity: &Identity, room: RoomId, user: UserId) -> Result<()> {
        self.group(identity, room).await?;
        self.check_can_be_asked(identity, &[user], "user").await?;
        self.count_beginning(identity)?;
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            let is_new = chat.change_room(&identity, room, None, |copy| {
                check_in_group(copy, identity.user)?;
                if copy.members().contains(&user) {
                    return Ok(None);
                }
                if copy.members().len() >= MAX_GROUP_MEMBERS {
                    return Err(too_many_members());
                }
                Ok(Some(Fact::RoomMemberChanged { user, on: true }))
            });
            match is_new.await? {
                true => chat.tell_in_group(room, user, SystemMessage::Joined).await,
                false => Ok(()),
            }
        })
        .await
    }

    /// Sends somebody away from a group, which its owner may do, or leaves it. An owner who leaves is followed by
    /// somebody else who is in it.
    pub async fn remove_from_group(&self, identity: &Identity, room: RoomId, user: UserId) -> Result<()> {
        let present = self.group(identity, room).await?;
        let owner = owner_of(&present)?;
        if user != identity.user && owner != identity.user {
            let text = "only the owner of a group sends people away";
            return Err(Error::new(Code::Forbidden, text));
        }
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            if chat.take_out_of_group(&identity, room, user).await? {
                chat.tell_in_group(room, user, SystemMessage::Left).await?;
            }
            Ok(())
        })
        .await
    }

    /// Two events of one stream, the harmless one first: should the second one never come, nobody has left.
    async fn take_out_of_group(&self, identity: &Identity, room: RoomId, user: UserId) -> Result<bool> {
        self.change_room(identity, room, None, |copy| {
            let next = copy.members().iter().find(|member| **member != user);
            let present = copy.room().ok_or_else(Error::not_found)?;
            match (owner_of(present)? == user, next) {
                (true, Some(next)) => Ok(Some(Fact::RoomChanged {
                    room: Room {
                        kind: RoomKind::Group { owner: *next },
                        ..present.clone()
                    },
                })),
                _ => Ok(None),
            }
        })
        .await?;
        self.change_room(identity, room, None, |copy| {
            if !copy.members().contains(&user) {
                return Ok(None);
            }
            let owner = owner_of(copy.room().ok_or_else(Error::not_found)?)?;
            if user != identity.user && owner != identity.user {
                return Err(Error::new(Code::Conflict, "somebody else owns the group now"));
            }
            if owner == user && copy.members().len() > 1 {
                return Err(Error::new(
                    Code::Conflict,
                    "the group changed meanwhile; try again",
                ));
            }
            Ok(Some(Fact::RoomMemberChanged { user, on: false }))
        })
        .await
    }

    /// Gives a group another name; an empty one takes it back. Whoever is in it may do that.
    pub async fn rename_group(&self, identity: &Identity, room: RoomId, name: &str) -> Result<()> {
        self.group(identity, room).await?;
        let name = group_name(name)?;
        let (chat, identity) = (self.clone(), *identity);
        self.to_the_end(async move {
            let is_new = chat.change_room(&identity, room, None, |copy| {
                check_in_group(copy, identity.user)?;
                let present = copy.room().ok_or_else(Error::not_found)?;
                if present.name == name {
                    return Ok(None);
                }
                Ok(Some(Fact::RoomChanged {
                    room: Room {
                        name: name.clone(),
                        ..present.clone()
                    },
                }))
            });
            match is_new.await? {
                true => {
                    let system = SystemMessage::Renamed { name };
                    chat.tell_in_group(room, identity.user, system).await
                }
                false => Ok(()),
            }
        })
        .await
    }

    /// One conversation, for somebody who is in it.
    pub async fn conversation(&self, identity: &Identity, room: RoomId) -> Result<ConversationView> {
        self.room_access(identity, room).await?;
        let mut views = self.conversation_views(identity.user, vec![room]).await?;
        views.pop().ok_or_else(Error::not_found)
    }

    /// Somebody's conversations, the one with the newest event first: those that come after `after` in that order.
    pub async fn conversations(
        &self,
        identity: &Identity,
        after: Option<RoomId>,
        limit: Option<u64>,
    ) -> Result<Conversations> {
        let limit = list_limit(limit)?;
        let rooms = rooms_of(self.store(), identity.user, MAX_LISTED).await?;
        let streams: Vec<StreamId> = rooms.iter().copied().map(StreamId::Room).collect();
        let mut order = Vec::with_capacity(rooms.len());
        for (rooms, streams) in rooms
            .chunks(MAX_ROWS_PER_PAGE)
            .zip(streams.chunks(MAX_ROWS_PER_PAGE))
        {
            let heads = self.store().heads(streams).await?;
            order.extend(rooms.iter().zip(heads).map(|(room, head)| (head.at, *room)));
        }
        order.sort_unstable_by_key(|entry| std::cmp::Reverse(*entry));
        let begin = match after {
            None => 0,
            Some(after) => order
                .iter()
                .position(|(_, room)| *room == after)
                .map(|at| at + 1)
                .ok_or_else(|| Error::invalid("after", "this is none of your conversations"))?,
        };
        let rest = &order[begin..];
        let page: Vec<RoomId> = rest.iter().take(limit).map(|(_, room)| *room).collect();
        let mut ascending = page.clone();
        ascending.sort_unstable();
        let mut views = self.conversation_views(identity.user, ascending).await?;
        views.sort_unstable_by_key(|view| std::cmp::Reverse((view.at.0, view.id)));
        Ok(Conversations {
            conversations: views,
            more: rest.len() > limit,
        })
    }

    /// Conversations, ascending, as somebody in them sees them.
    async fn conversation_views(&self, user: UserId, rooms: Vec<RoomId>) -> Result<Vec<ConversationView>> {
        let streams: Vec<StreamId> = rooms.iter().copied().map(StreamId::Room).collect();
        let heads = self.store().heads(&streams).await?;
        let markers = self.markers(user, &rooms).await?;
        let calls = self.calls(user).await?;
        let mut views = Vec::with_capacity(rooms.len());
        for (id, head) in rooms.into_iter().zip(heads) {
            let look = |copy: &RoomCopy| {
                let members: Vec<UserId> = copy.members().iter().copied().collect();
                copy.room().cloned().map(|room| (room, members))
            };
            let Some((room, users)) = self.look_at_room(id, look).await? else {
                continue;
            };
            if !users.contains(&user) {
                continue;
            }
            let (kind, owner) = match room.kind {
                RoomKind::Dm { .. } => ("dm", None),
                RoomKind::Group { owner } => ("group", Some(owner)),
                RoomKind::Channel { .. } | RoomKind::Thread { .. } => continue,
            };
            let stored = markers.get(&id).copied().unwrap_or_default();
            let marker = self.newest_marker(user, id, stored);
            let read = self.read_of(id, &head, marker).await?;
            views.push(ConversationView {
                id,
                kind,
                name: room.name,
                users,
                owner,
                at: Time(head.at),
                rev: head.rev,
                seq: head.seq,
                n: head.n,
                marker: read.marker,
                unread: read.unread,
                mentions: self.count_calls(user, id, None, &head, marker, &calls).await?,
            });
        }
        Ok(views)
    }

    /// Starts the stream of a conversation. Two who begin the same DM at once begin one.
    async fn begin(
        &self,
        identity: &Identity,
        room: RoomId,
        kind: RoomKind,
        name: String,
        members: Vec<UserId>,
    ) -> Result<()> {
        let fact = Fact::RoomCreated {
            room: Room::new(kind, name, String::new()),
            members,
        };
        self.append_unless(
            StreamId::Room(room),
            Some(identity.user),
            Vec::new(),
            fact,
            |head, _| head.exists(),
        )
        .await
    }

    /// The group, for somebody who is in it.
    async fn group(&self, identity: &Identity, room: RoomId) -> Result<Room> {
        let access = self.room_access(identity, room).await?;
        match access.room.kind {
            RoomKind::Group { .. } => Ok(access.room),
            _ => Err(Error::new(Code::Forbidden, "this is no group")),
        }
    }

    async fn exists(&self, room: RoomId) -> Result<bool> {
        Ok(self.store().head(StreamId::Room(room)).await?.exists())
    }

    /// Only those can be asked whom one knows and who want to be. Who wants nothing of the asker answers like somebody
    /// who is not there any more: the asker does not learn which it is.
    async fn check_can_be_asked(
        &self,
        identity: &Identity,
        users: &[UserId],
        field: &'static str,
    ) -> Result<()> {
        for users in users.chunks(super::MAX_USERS) {
            if self.users(identity, users).await?.len() < users.len() {
                return Err(Error {
                    field: Some(field.into()),
                    ..Error::not_found()
                });
            }
        }
        for user in users {
            self.check_can_be_reached(identity.user, *user).await?;
        }
        Ok(())
    }

    /// Refuses to reach somebody who is not there any more, or wants nothing of the asker: nothing tells one from the
    /// other.
    async fn check_can_be_reached(&self, asker: UserId, user: UserId) -> Result<()> {
        let account = self.account(user).await?;
        if account.is_some_and(|account| account.record.deactivated) {
            return Err(cannot_be_written_to());
        }
        self.check_not_blocked(asker, user).await
    }

    /// Refuses everything by which somebody would reach, in a DM or a thread in one, who wants nothing of them.
    pub(super) async fn check_may_reach(&self, identity: &Identity, access: &RoomAccess) -> Result<()> {
        let kind = match access.room.kind {
            RoomKind::Thread {
                parent, guild: None, ..
            } => self.look_at_room(parent, |copy| copy.kind()).await?,
            kind => kind,
        };
        let RoomKind::Dm { users } = kind else {
            return Ok(());
        };
        match users.into_iter().find(|user| *user != identity.user) {
            Some(other) => self.check_can_be_reached(identity.user, other).await,
            None => Ok(()),
        }
    }

    /// Refuses when one of two has blocked the other.
    pub(super) async fn check_not_blocked(&self, asker: UserId, other: UserId) -> Result<()> {
        if self.has_blocked(other, asker).await? {
            return Err(cannot_be_written_to());
        }
        if self.has_blocked(asker, other).await? {
            return Err(Error::new(Code::Forbidden, "you have blocked this person"));
        }
        Ok(())
    }

    /// Notes which of these users somebody shares a conversation with. Asks only about those who are not known yet.
    pub(super) async fn note_partners(&self, user: UserId, ids: &[UserId], known: &mut [bool]) -> Result<()> {
        if known.iter().all(|known| *known) {
            return Ok(());
        }
        let rooms = rooms_of(self.store(), user, MAX_LISTED).await?;
        for room in rooms {
            let is_in = |copy: &RoomCopy| ids.iter().map(|id| copy.members().contains(id)).collect();
            let found: Vec<bool> = self.look_at_room(room, is_in).await?;
            for (known, found) in known.iter_mut().zip(found) {
                *known |= found;
            }
        }
        Ok(())
    }

    /// Whoever draws many others into conversations is slowed: each of them has it in a list.
    fn count_beginning(&self, identity: &Identity) -> Result<()> {
        let taken = self.inner.beginnings.take(&identity.user, Instant::now());
        taken.map_err(|wait| Error::rate_limited(wait.as_secs() + 1))
    }

    async fn check_room_for_conversation(&self, identity: &Identity) -> Result<()> {
        let rooms = rooms_of(self.store(), identity.user, MAX_CONVERSATIONS).await?;
        if rooms.len() < MAX_CONVERSATIONS {
            return Ok(());
        }
        let text = format!("one begins no more with {MAX_CONVERSATIONS} conversations");
        Err(Error::new(Code::TooMany, text))
    }
}

/// The room of two people, in the order of their ids: the same whoever begins.
fn dm_of(users: [UserId; 2]) -> RoomId {
    let mut hasher = Sha256::new();
    hasher.update(b"madang.dm");
    for user in users {
        hasher.update(user.to_bytes());
    }
    room_of(hasher)
}

/// An identifier out of a hash.
pub(super) fn room_of(hasher: Sha256) -> RoomId {
    let digest = hasher.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    RoomId::from_bytes(bytes)
}

/// The DMs and groups of somebody, ascending, at most so many.
pub(super) async fn rooms_of(store: &Store, user: UserId, most: usize) -> Result<Vec<RoomId>> {
    let mut rooms = Vec::new();
    let mut after = None;
    while rooms.len() < most {
        let limit = MAX_ROWS_PER_PAGE.min(most - rooms.len());
        let page = store
            .list_rows(&RowPrefix::RoomsOf(user), after.as_ref(), limit)
            .await?;
        rooms.extend(page.rows.iter().filter_map(|(key, _)| match key {
            RowKey::RoomOf { room, .. } => Some(*room),
            _ => None,
        }));
        match page.rows.into_iter().next_back() {
            Some((key, _)) if page.more => after = Some(key),
            _ => break,
        }
    }
    Ok(rooms)
}

fn group_name(name: &str) -> Result<String> {
    if name.is_empty() {
        return Ok(String::new());
    }
    Ok(names::title("name", name)?.shown)
}

fn owner_of(room: &Room) -> Result<UserId> {
    match room.kind {
        RoomKind::Group { owner } => Ok(owner),
        _ => Err(Error::new(Code::Forbidden, "this is no group")),
    }
}

fn check_in_group(copy: &RoomCopy, user: UserId) -> Result<()> {
    if copy.members().contains(&user) {
        Ok(())
    } else {
        Err(Error::not_found())
    }
}

fn too_many_members() -> Error {
    let text = format!("a group has at most {MAX_GROUP_MEMBERS} people");
    Error {
        field: Some("users".into()),
        ..Error::new(Code::TooMany, text)
    }
}

fn cannot_be_written_to() -> Error {
    Error::new(Code::Forbidden, "this person cannot be written to")
}
