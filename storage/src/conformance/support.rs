//! Builders of commands, facts and decisions, for the cases and for other tests of stores.

use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use crate::model::{
    Deletion, Draft, EventId, Fact, GuildId, Head, MessageRecord, Nonce, RoomId, RowKey, Rows, StreamId,
    Timestamp, UserId,
};
use crate::{AppendError, Appended, Command, Env, NonceUse, Store};

/// A test that waits this long for something has failed; none gets near it otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

/// The user with this number.
pub const fn user(number: u128) -> UserId {
    UserId::from_u128(number)
}

/// The guild with this number.
pub const fn guild(number: u128) -> GuildId {
    GuildId::from_u128(number)
}

/// The room with this number.
pub const fn room(number: u128) -> RoomId {
    RoomId::from_u128(number)
}

/// A nonce that a client made at this moment.
pub const fn nonce(made: Timestamp, number: u64) -> Nonce {
    Nonce::from_u128((made.as_millis() as u128) << 80 | number as u128)
}

/// A text of exactly so many bytes with characters of one to four bytes, different for each `mark`.
pub fn long_text(bytes: usize, mark: &str) -> String {
    let mut text = String::with_capacity(bytes);
    for part in [mark, " "]
        .into_iter()
        .chain(["a", "\u{e9}", "\u{20ac}", "\u{1f980}"].into_iter().cycle())
    {
        if text.len() + part.len() > bytes {
            break;
        }
        text.push_str(part);
    }
    text.extend(std::iter::repeat_n('.', bytes - text.len()));
    text
}

/// Why the decisions in here refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no message with this number.
    NoMessage,
    /// The message was deleted.
    Deleted,
    /// What the command asks for is so already.
    Already,
    /// What the decision was shown contradicts itself; a defect of the store.
    Inconsistent(String),
}

/// What an append by a [`Writer`] answers.
pub type Answer = Result<Appended, AppendError<Refusal>>;

/// Appends this fact whatever the rows say.
pub fn always(fact: Fact) -> impl FnMut(&Head, &Rows) -> Result<Draft, Refusal> + Send + 'static {
    move |_, _| Ok(fact.clone().into())
}

/// The message, unless it is missing or deleted.
pub fn live_message(rows: &Rows, room: RoomId, seq: u64) -> Result<&MessageRecord, Refusal> {
    let record = rows.message(room, seq).ok_or(Refusal::NoMessage)?;
    if record.deleted.is_some() {
        Err(Refusal::Deleted)
    } else {
        Ok(record)
    }
}

/// Replaces the text of a message that was not deleted. Needs [`message_key`].
pub fn edit_live(
    room: RoomId,
    seq: u64,
    text: &str,
) -> impl FnMut(&Head, &Rows) -> Result<Draft, Refusal> + Send + 'static {
    let text = text.to_owned();
    move |_, rows| {
        live_message(rows, room, seq)?;
        Ok(Fact::MessageEdited {
            seq,
            text: text.clone(),
            keeps: false,
        }
        .into())
    }
}

/// Deletes a message once. Needs [`message_key`].
pub fn delete_live(
    room: RoomId,
    seq: u64,
    by: UserId,
) -> impl FnMut(&Head, &Rows) -> Result<Draft, Refusal> + Send + 'static {
    move |_, rows| {
        live_message(rows, room, seq)?;
        Ok(Fact::MessageDeleted { seq, by }.into())
    }
}

/// Puts a reaction on, or takes it back, each once per person and emoji. Needs [`message_key`] and the reaction's row.
pub fn react_once(
    room: RoomId,
    seq: u64,
    emoji: &str,
    user: UserId,
    on: bool,
) -> impl FnMut(&Head, &Rows) -> Result<Draft, Refusal> + Send + 'static {
    let emoji = emoji.to_owned();
    move |_, rows| {
        let before = live_message(rows, room, seq)?.count_of(&emoji);
        if rows.contains(&reaction_key(room, seq, &emoji, user)) == on {
            return Err(Refusal::Already);
        }
        let count = if on { before + 1 } else { before - 1 };
        Ok(Fact::ReactionChanged {
            seq,
            emoji: emoji.clone(),
            user,
            on,
            count,
        }
        .into())
    }
}

/// The row of a message.
pub const fn message_key(room: RoomId, seq: u64) -> RowKey {
    RowKey::Message { room, seq }
}

/// The row of a reaction.
pub fn reaction_key(room: RoomId, seq: u64, emoji: &str, user: UserId) -> RowKey {
    RowKey::Reaction {
        room,
        seq,
        emoji: emoji.to_owned(),
        user,
    }
}

/// A message's fact.
pub fn posted(author: UserId, text: &str) -> Fact {
    Fact::MessagePosted {
        author,
        text: text.to_owned(),
        reply_to: None,
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    }
}

/// A room's first fact.
pub fn room_created(guild: GuildId, name: &str) -> Fact {
    Fact::channel_created(guild, name.to_owned(), String::new())
}

/// A guild's first fact.
pub fn guild_created(name: &str, owner: UserId) -> Fact {
    Fact::GuildCreated {
        name: name.to_owned(),
        owner,
    }
}

/// The tombstone that a deletion leaves of a record.
pub fn tombstone(before: &MessageRecord, rev: u64, deletion: Deletion) -> MessageRecord {
    MessageRecord {
        rev,
        text: String::new(),
        reactions: Vec::new(),
        deleted: Some(deletion),
        ..before.clone()
    }
}

/// Somebody who writes to a store. Cheap to clone; holds a clone of the store.
#[derive(Debug, Clone)]
pub struct Writer {
    store: Store,
    env: Env,
    user: UserId,
}

impl Writer {
    /// User number 1.
    pub fn new(store: &Store, env: &Env) -> Self {
        Self {
            store: store.clone(),
            env: env.clone(),
            user: user(1),
        }
    }

    /// Another user.
    #[must_use]
    pub fn by(&self, user: UserId) -> Self {
        Self { user, ..self.clone() }
    }

    /// The store that is written to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A command of this user with a new event id, without a nonce and without rows.
    pub fn command(&self, stream: StreamId) -> Command {
        Command {
            stream,
            event_id: EventId::from_u128(self.env.next_id()),
            actor: Some(self.user),
            access_rev: 0,
            nonce: None,
            rows: Vec::new(),
        }
    }

    /// Carries out a command.
    pub async fn append(
        &self,
        command: Command,
        decide: impl FnMut(&Head, &Rows) -> Result<Draft, Refusal> + Send + 'static,
    ) -> Answer {
        self.store.append(command, decide).await
    }

    /// Appends a fact whatever the rows say.
    pub async fn fact(&self, stream: StreamId, fact: Fact) -> Answer {
        self.append(self.command(stream), always(fact)).await
    }

    /// Makes a guild that this user owns.
    pub async fn create_guild(&self, guild: GuildId) -> Answer {
        self.fact(StreamId::Guild(guild), guild_created("a guild", self.user))
            .await
    }

    /// Makes a room.
    pub async fn create_room(&self, guild: GuildId, room: RoomId) -> Answer {
        self.fact(StreamId::Room(room), room_created(guild, "a room"))
            .await
    }

    /// Joins a guild, once.
    pub async fn join(&self, guild: GuildId) -> Answer {
        let user = self.user;
        let member = RowKey::Member { guild, user };
        let command = Command {
            rows: vec![member.clone()],
            ..self.command(StreamId::Guild(guild))
        };
        let decide = move |_: &Head, rows: &Rows| {
            if rows.contains(&member) {
                Err(Refusal::Already)
            } else {
                Ok(Fact::MemberJoined { user }.into())
            }
        };
        self.append(command, decide).await
    }

    /// Posts a message.
    pub async fn post(&self, room: RoomId, text: &str) -> Answer {
        self.fact(StreamId::Room(room), posted(self.user, text)).await
    }

    /// Posts a message with a nonce; the fingerprint stands for what the client's request says.
    pub async fn post_once(&self, room: RoomId, text: &str, nonce: Nonce, fingerprint: u64) -> Answer {
        let nonce = Some(NonceUse { nonce, fingerprint });
        let command = Command {
            nonce,
            ..self.command(StreamId::Room(room))
        };
        self.append(command, always(posted(self.user, text))).await
    }

    /// Posts messages with these numbers as text, one after the other.
    pub async fn post_all(&self, room: RoomId, numbers: Range<u64>) {
        for number in numbers {
            self.post(room, &number.to_string())
                .await
                .expect("a message is posted");
        }
    }

    /// Replaces a message's text, unless it was deleted.
    pub async fn edit(&self, room: RoomId, seq: u64, text: &str) -> Answer {
        self.append(self.about(room, seq), edit_live(room, seq, text))
            .await
    }

    /// Deletes a message, once.
    pub async fn delete(&self, room: RoomId, seq: u64) -> Answer {
        self.append(self.about(room, seq), delete_live(room, seq, self.user))
            .await
    }

    /// Puts this user's reaction on a message or takes it back, each once.
    pub async fn react(&self, room: RoomId, seq: u64, emoji: &str, on: bool) -> Answer {
        let mut command = self.about(room, seq);
        command.rows.push(reaction_key(room, seq, emoji, self.user));
        self.append(command, react_once(room, seq, emoji, self.user, on))
            .await
    }

    /// A command that sees a message.
    pub fn about(&self, room: RoomId, seq: u64) -> Command {
        Command {
            rows: vec![message_key(room, seq)],
            ..self.command(StreamId::Room(room))
        }
    }
}

/// Runs all of these as tasks of their own and answers their results, in the order given.
pub async fn at_once<F>(tasks: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(running.len());
    for task in running {
        results.push(in_time(task).await.expect("no task panics"));
    }
    results
}

/// Waits, but not for ever: a promise that is never kept is a failed test, not a test that hangs.
pub async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("what is waited for happens in time")
}
