//! Changes of guilds and rooms: judged by a copy in memory, and appended only while that copy is what the stream says.
//!
//! Two administrators who demote each other, two owners who leave: whoever comes second is judged again, by what the first
//! one has left.

use madang_storage::model::{
    Draft, EventId, Fact, GuildId, Head, RoomId, RowKey, Rows, Sealed, StreamId, UserId,
};
use madang_storage::{AppendError, Command};

use super::places::{GuildCopy, RoomCopy};
use super::{Chat, Code, Error, Identity, Result};

/// How often a change is judged again because something else came first.
const MAX_TRIES: usize = 16;
/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// Something else was appended since the change was judged.
struct Moved {
    rev: u64,
}

impl Chat {
    /// Changes a guild as `judge` says, which sees it as it is at that very moment, and answers `None` when it is so
    /// already. Answers whether there was anything to change.
    pub(super) async fn change_guild(
        &self,
        identity: &Identity,
        guild: GuildId,
        reason: Option<String>,
        judge: impl Fn(&GuildCopy) -> Result<Option<Fact>>,
    ) -> Result<bool> {
        let sealed = sealed(reason)?;
        let stream = StreamId::Guild(guild);
        for _ in 0..MAX_TRIES {
            let (rev, change) = self
                .look_at_guild(guild, |copy| (copy.rev(), judge(copy)))
                .await?;
            let Some(fact) = change? else {
                return Ok(false);
            };
            let draft = Draft {
                fact,
                sealed: sealed.clone(),
            };
            if self
                .append_at(identity, stream, rev, draft, |head| head.rev)
                .await?
            {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    /// Changes a room itself, as above. Messages that are posted meanwhile do not count. `access_rev` is where the guild
    /// stood when the person's rights were judged.
    pub(super) async fn change_room(
        &self,
        identity: &Identity,
        room: RoomId,
        reason: Option<String>,
        judge: impl Fn(&RoomCopy) -> Result<Option<Fact>>,
    ) -> Result<bool> {
        let sealed = sealed(reason)?;
        for _ in 0..MAX_TRIES {
            let look = |copy: &RoomCopy| (copy.meta_rev(), judge(copy));
            let (rev, change) = self.look_at_room(room, look).await?;
            let Some(fact) = change? else {
                return Ok(false);
            };
            let draft = Draft {
                fact,
                sealed: sealed.clone(),
            };
            let stream = StreamId::Room(room);
            if self
                .append_at(identity, stream, rev, draft, |head| head.meta_rev)
                .await?
            {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    /// Appends a fact, unless it is so already.
    pub(super) async fn append_unless(
        &self,
        stream: StreamId,
        actor: Option<UserId>,
        rows: Vec<RowKey>,
        fact: Fact,
        is_so: impl Fn(&Head, &Rows) -> bool + Send + 'static,
    ) -> Result<()> {
        let mut command = self.server_command(stream);
        (command.actor, command.rows) = (actor, rows);
        self.append_command_unless(command, fact, is_so).await
    }

    /// The same with everything else that a command can say.
    pub(super) async fn append_command_unless(
        &self,
        command: Command,
        fact: Fact,
        is_so: impl Fn(&Head, &Rows) -> bool + Send + 'static,
    ) -> Result<()> {
        let decide = move |head: &Head, rows: &Rows| {
            if is_so(head, rows) {
                Err(())
            } else {
                Ok(fact.clone().into())
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
        stream: StreamId,
        rev: u64,
        draft: Draft,
        place: impl Fn(&Head) -> u64 + Send + 'static,
    ) -> Result<bool> {
        let command = Command {
            stream,
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(identity.user),
            access_rev: if let StreamId::Guild(_) = stream { rev } else { 0 },
            nonce: None,
            rows: Vec::new(),
        };
        let decide = move |head: &Head, _: &Rows| {
            if place(head) == rev {
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

fn sealed(reason: Option<String>) -> Result<Option<Sealed>> {
    let Some(reason) = reason.filter(|reason| !reason.trim().is_empty()) else {
        return Ok(None);
    };
    if reason.chars().count() > MAX_REASON {
        let text = format!("a reason has at most {MAX_REASON} characters");
        return Err(Error::too_large("reason", text));
    }
    Ok(Some(Sealed {
        reason,
        details: Default::default(),
    }))
}

fn kept_changing() -> Error {
    Error::new(Code::Conflict, "this kept changing; try again")
}
