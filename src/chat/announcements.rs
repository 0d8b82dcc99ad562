//! What the server itself tells in a room: who came, who went, how the room is called now.

use madang_storage::model::{
    Commit, EventId, Fact, GuildId, Head, Nonce, RoomId, RoomKind, Rows, StateOutcome, StreamId,
    SystemMessage, UserId,
};
use madang_storage::{AppendError, Command, Error as StoreError, NonceUse};

use super::audit::details::WAS_MEMBER;
use super::jobs::{HELD_MS, Job, JobRow, Step};
use super::places::{GuildCopy, RoomCopy};
use super::{Chat, Code, Result};

/// How many events of a guild are told of in one step.
const EVENTS_PER_STEP: usize = 100;

impl Chat {
    /// Sees to it that whoever comes or goes from now on is told of in the guild's welcome room, if it has one.
    pub(super) async fn announce(&self, guild: GuildId) -> Result<()> {
        let look = |copy: &GuildCopy| copy.guild().and_then(|guild| guild.welcome_room);
        if self.look_at_guild(guild, look).await?.is_none() {
            return Ok(());
        }
        let told = self.store().head(StreamId::Guild(guild)).await?.rev;
        let job = Job::Announce { guild, told };
        let key = job.key();
        let now = self.env().now();
        loop {
            let Some(found) = self.store().state::<JobRow>(&key).await? else {
                let row = JobRow {
                    job: job.clone(),
                    at: now,
                };
                let outcome = self.store().state_insert(key.clone(), &row, None).await?;
                if let StateOutcome::Written { .. } = outcome {
                    return Ok(());
                }
                continue;
            };
            let mut row = found.record;
            // Of many who come at once few write.
            if now.as_millis().saturating_sub(row.at.as_millis()) < HELD_MS / 2 {
                return Ok(());
            }
            row.at = now;
            let outcome = self
                .store()
                .state_replace(key.clone(), found.version, &row, None)
                .await?;
            if let StateOutcome::Written { .. } = outcome {
                return Ok(());
            }
        }
    }

    /// Tells of those who came and went after `told`. Does not end by itself while somebody may still count on it.
    pub(super) async fn announce_some(&self, guild: GuildId, told: u64) -> Result<Step> {
        let look = |copy: &GuildCopy| copy.guild().map(|guild| guild.welcome_room);
        let Some(welcome) = self.look_at_guild(guild, look).await? else {
            return Ok(Step::Done);
        };
        let page = self
            .store()
            .events(StreamId::Guild(guild), told, EVENTS_PER_STEP)
            .await?;
        let Some(newest) = page.commits.last().map(|commit| commit.event.rev()) else {
            return Ok(Step::Wait);
        };
        for commit in &page.commits {
            if let (Some(room), Some((user, system))) = (welcome, to_tell(commit)) {
                // The event's id is the nonce: a retry is the same message.
                let nonce = Nonce::from_u128(commit.event.id.as_u128());
                self.tell_in_room(guild, room, user, system, nonce).await?;
            }
        }
        Ok(Step::More(Job::Announce { guild, told: newest }))
    }

    /// Posts what the server tells in a group. Should it stop before this, what it tells of has happened all the same.
    pub(super) async fn tell_in_group(
        &self,
        room: RoomId,
        author: UserId,
        system: SystemMessage,
    ) -> Result<()> {
        let is_empty = |copy: &RoomCopy| copy.members().is_empty();
        if self.look_at_room(room, is_empty).await? {
            return Ok(());
        }
        let mut command = self.server_command(StreamId::Room(room));
        command.actor = Some(author);
        let fact = of_the_server(author, system);
        self.append_command_unless(command, fact, |_, _| false).await
    }

    /// Posts what the server tells, once for each nonce. A room that is not there any more is passed over.
    pub(super) async fn tell_in_room(
        &self,
        guild: GuildId,
        room: RoomId,
        author: UserId,
        system: SystemMessage,
        nonce: Nonce,
    ) -> Result<()> {
        let is_there = |copy: &RoomCopy| {
            let kind = copy.room().map(|room| room.kind);
            kind == Some(RoomKind::Channel { guild })
        };
        match self.look_at_room(room, is_there).await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) if error.code == Code::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        let command = Command {
            stream: StreamId::Room(room),
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(author),
            access_rev: self.look_at_guild(guild, GuildCopy::rev).await?,
            nonce: Some(NonceUse {
                nonce,
                fingerprint: 0,
            }),
            rows: Vec::new(),
        };
        let fact = of_the_server(author, system);
        let decide = move |_: &Head, _: &Rows| Ok::<_, ()>(fact.clone().into());
        match self.store().append(command, decide).await {
            // What is too old to know whether it was told is not told.
            Ok(_) | Err(AppendError::Refused(()) | AppendError::Store(StoreError::NonceExpired)) => Ok(()),
            Err(AppendError::Store(error)) => Err(error.into()),
        }
    }
}

/// A message of the server itself, in the name of whom it is about.
pub(super) fn of_the_server(author: UserId, system: SystemMessage) -> Fact {
    Fact::MessagePosted {
        author,
        text: String::new(),
        reply_to: None,
        reply_to_author: None,
        mentions: Default::default(),
        system: Some(system),
    }
}

/// What there is to tell of an event.
fn to_tell(commit: &Commit) -> Option<(UserId, SystemMessage)> {
    let event = &commit.event;
    match &event.fact {
        Fact::MemberJoined { user } => Some((*user, SystemMessage::Joined)),
        Fact::MemberLeft { user, .. } => Some((*user, SystemMessage::Left)),
        Fact::MemberBanned { user, .. } => {
            let sealed = event.sealed.as_ref()?;
            let was_member = sealed.details.contains_key(WAS_MEMBER);
            was_member.then_some((*user, SystemMessage::Left))
        }
        _ => None,
    }
}
