//! Changes of guilds and rooms: judged by a copy in memory, and appended only while that copy is what the stream says.
//!
//! Two administrators who demote each other, two owners who leave: whoever comes second is judged again, by what the first
//! one has left.

use std::collections::BTreeMap;

use madang_storage::model::{
    Draft, EventId, Fact, GuildId, Head, Permissions, Room, RoomId, RowKey, Rows, Sealed, StreamId, UserId,
};
use madang_storage::{AppendError, Command};

use super::audit::details;
use super::places::{GuildCopy, RoomCopy};
use super::{Chat, Code, Error, Identity, Result, names};

/// How often a change is judged again because something else came first. Somebody who changes one thing in a tight loop wins
/// against sixteen tries of another one now and then, where a write takes long.
const MAX_TRIES: usize = 64;
/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// Something else was appended since the change was judged.
struct Moved {
    rev: u64,
}

/// Where a stream must still be for a change to be appended, and by which `rev` of a guild it was judged.
#[derive(Debug, Clone, Copy)]
struct Place {
    stream: StreamId,
    rev: u64,
    access_rev: u64,
}

/// Whether somebody must have the right to what is appended at that very moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    JudgedAgain,
    NotAsked,
}

impl Chat {
    /// Changes a guild as `judge` says, which sees it as it is at that very moment, and answers `None` when it is so
    /// already. Answers whether there was anything to change.
    pub(super) async fn change_guild(
        &self,
        identity: &Identity,
        guild: GuildId,
        why: impl Into<Why>,
        judge: impl Fn(&GuildCopy) -> Result<Option<Fact>>,
    ) -> Result<bool> {
        let why = why.into();
        check_reason(&why)?;
        let stream = StreamId::Guild(guild);
        // What another node did a moment ago is no reason to refuse.
        self.renew_guild(guild).await?;
        for _ in 0..MAX_TRIES {
            let look = |copy: &GuildCopy| {
                let draft = |fact| {
                    let details = details::of_guild(copy, &fact);
                    Draft {
                        fact,
                        sealed: Some(why.sealed(details)),
                    }
                };
                (copy.rev(), judge(copy).map(|fact| fact.map(draft)))
            };
            let (rev, change) = self.look_at_guild(guild, look).await?;
            let Some(draft) = change? else {
                return Ok(false);
            };
            let place = Place {
                stream,
                rev,
                access_rev: rev,
            };
            if self.append_at(identity, place, draft, |head| head.rev).await? {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    /// Changes a room itself, as above. Messages that are posted meanwhile do not count. Whoever changes a channel is judged
    /// again each time, and the event says by which `rev` of the guild: nobody hears of it who was sent away before.
    pub(super) async fn change_room(
        &self,
        identity: &Identity,
        room: RoomId,
        why: impl Into<Why>,
        judge: impl Fn(&RoomCopy) -> Result<Option<Fact>>,
    ) -> Result<bool> {
        self.change_room_with(identity, room, Rights::JudgedAgain, why.into(), judge)
            .await
    }

    /// Takes back what somebody has just changed about a room, whatever rights are left to the person.
    pub(super) async fn take_back_in_room(
        &self,
        identity: &Identity,
        room: RoomId,
        judge: impl Fn(&RoomCopy) -> Result<Option<Fact>>,
    ) -> Result<bool> {
        self.change_room_with(identity, room, Rights::NotAsked, Why::default(), judge)
            .await
    }

    async fn change_room_with(
        &self,
        identity: &Identity,
        room: RoomId,
        rights: Rights,
        why: Why,
        judge: impl Fn(&RoomCopy) -> Result<Option<Fact>>,
    ) -> Result<bool> {
        check_reason(&why)?;
        self.renew_room(room).await?;
        for _ in 0..MAX_TRIES {
            let look = |copy: &RoomCopy| {
                // A conversation of a few people has no audit.
                let is_audited = copy.kind().guild().is_some();
                let draft = |fact| {
                    let details = details::of_room(copy.room(), &fact);
                    Draft {
                        fact,
                        sealed: is_audited.then(|| why.sealed(details)),
                    }
                };
                let change = judge(copy).map(|fact| fact.map(draft));
                (copy.meta_rev(), copy.room().cloned(), change)
            };
            let (rev, present, change) = self.look_at_room(room, look).await?;
            let Some(draft) = change? else {
                return Ok(false);
            };
            let access_rev = self.rev_of_rights(identity, present.as_ref(), rights).await?;
            let place = Place {
                stream: StreamId::Room(room),
                rev,
                access_rev,
            };
            if self
                .append_at(identity, place, draft, |head| head.meta_rev)
                .await?
            {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    /// By which `rev` of its guild somebody may change a channel; 0 where no guild decides.
    async fn rev_of_rights(&self, identity: &Identity, room: Option<&Room>, rights: Rights) -> Result<u64> {
        let Some((room, guild)) = room.and_then(|room| Some((room, room.kind.guild()?))) else {
            return Ok(0);
        };
        let look = |copy: &GuildCopy| (copy.permissions_in(identity.user, room), copy.rev());
        let (held, rev) = self.look_at_guild(guild, look).await?;
        if rights == Rights::JudgedAgain {
            if !held.contains(Permissions::VIEW) {
                return Err(Error::not_found());
            }
            super::access::require(held, Permissions::MANAGE_CHANNELS)?;
        }
        Ok(rev)
    }

    /// Appends a fact, unless it is so already.
    pub(super) async fn append_unless(
        &self,
        stream: StreamId,
        actor: Option<UserId>,
        rows: Vec<RowKey>,
        draft: impl Into<Draft>,
        is_so: impl Fn(&Head, &Rows) -> bool + Send + 'static,
    ) -> Result<()> {
        let mut command = self.server_command(stream);
        (command.actor, command.rows) = (actor, rows);
        self.append_command_unless(command, draft, is_so).await
    }

    /// The same with everything else that a command can say.
    pub(super) async fn append_command_unless(
        &self,
        command: Command,
        draft: impl Into<Draft>,
        is_so: impl Fn(&Head, &Rows) -> bool + Send + 'static,
    ) -> Result<()> {
        let draft = draft.into();
        let decide = move |head: &Head, rows: &Rows| {
            if is_so(head, rows) {
                Err(())
            } else {
                Ok(draft.clone())
            }
        };
        match self.store().append(command, decide).await {
            Ok(_) | Err(AppendError::Refused(())) => Ok(()),
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }

    /// An append by the server itself.
    pub(super) fn server_command(&self, stream: StreamId) -> Command {
        Command {
            stream,
            event_id: EventId::from_u128(self.env().next_id()),
            actor: None,
            access_rev: 0,
            nonce: None,
            rows: Vec::new(),
        }
    }

    /// Appends if the stream still is where it was; `false` when it is not.
    async fn append_at(
        &self,
        identity: &Identity,
        place: Place,
        draft: Draft,
        present: impl Fn(&Head) -> u64 + Send + 'static,
    ) -> Result<bool> {
        let Place {
            stream,
            rev,
            access_rev,
        } = place;
        let command = Command {
            stream,
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(identity.user),
            access_rev,
            nonce: None,
            rows: Vec::new(),
        };
        let decide = move |head: &Head, _: &Rows| {
            if present(head) == rev {
                Ok(draft.clone())
            } else {
                Err(Moved { rev: head.rev })
            }
        };
        match self.store().append(command, decide).await {
            Ok(_) => Ok(true),
            Err(AppendError::Refused(Moved { rev })) => {
                self.places().hear_of(stream, rev);
                Ok(false)
            }
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }
}

/// Why something is done, for the audit.
#[derive(Debug, Clone, Default)]
pub(super) struct Why {
    reason: String,
    details: BTreeMap<String, String>,
}

impl From<Option<String>> for Why {
    fn from(reason: Option<String>) -> Self {
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        Self {
            reason: reason.unwrap_or_default(),
            details: BTreeMap::new(),
        }
    }
}

impl Why {
    /// With something more to know.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: String) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    /// What only the audit reads.
    pub(super) fn sealed(&self, mut details: BTreeMap<String, String>) -> Sealed {
        details.extend(self.details.clone());
        Sealed {
            reason: self.reason.clone(),
            details,
        }
    }
}

/// Refuses a reason that is too long, or hides something.
pub(super) fn check_reason(why: &Why) -> Result<()> {
    if why.reason.chars().count() > MAX_REASON {
        let text = format!("a reason has at most {MAX_REASON} characters");
        return Err(Error::too_large("reason", text));
    }
    names::check_lines("reason", &why.reason)
}

fn kept_changing() -> Error {
    Error::new(Code::Conflict, "this kept changing; try again")
}
