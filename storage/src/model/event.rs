//! Events and what they say.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{EventId, GuildId, Head, MessageRecord, Nonce, RoomId, StreamId, StreamKind, Timestamp, UserId};

/// What happened. New kinds and new fields are only ever added at the end, fields with `serde(default)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The instance was set up. Stream `instance`, its first event.
    InstanceCreated {
        /// The name that people see.
        name: String,
    },
    /// A guild was made. Stream `guild:`, its first event.
    GuildCreated {
        /// The name that people see.
        name: String,
        /// Who owns it; a guild is never ownerless.
        owner: UserId,
    },
    /// Somebody became a member. Stream `guild:`.
    MemberJoined {
        /// Who.
        user: UserId,
    },
    /// A person's public identity came to be. Stream `user:`, its first event.
    UserCreated {
        /// The unique name.
        name: String,
    },
    /// A room was made. Stream `room:`, its first event.
    RoomCreated {
        /// The guild whose channel it is.
        guild: GuildId,
        /// The channel's name.
        name: String,
        /// What it is about; may be empty.
        topic: String,
    },
    /// A message was posted; its number is the `seq` of the head after the event. Stream `room:`.
    MessagePosted {
        /// Who wrote it.
        author: UserId,
        /// Markdown source. Empty in a stored event whose text lives in the message record.
        text: String,
        /// The message that it answers.
        reply_to: Option<u64>,
    },
    /// A message's text was replaced. Stream `room:`.
    MessageEdited {
        /// Which message.
        seq: u64,
        /// The new Markdown source. Empty in a stored event once it is projected: no replaced text stays behind.
        text: String,
    },
    /// A message's content was removed; a tombstone stays. Stream `room:`.
    MessageDeleted {
        /// Which message.
        seq: u64,
        /// Who did it: the author or a moderator.
        by: UserId,
    },
    /// Somebody put a reaction on a message or took it back. Stream `room:`.
    ReactionChanged {
        /// Which message.
        seq: u64,
        /// The emoji, as Unicode.
        emoji: String,
        /// Who.
        user: UserId,
        /// Put on, or taken back.
        on: bool,
        /// How many have it on the message after this event.
        count: u32,
    },
}

impl Fact {
    /// The kind of stream that this fact belongs to.
    pub const fn stream_kind(&self) -> StreamKind {
        match self {
            Self::InstanceCreated { .. } => StreamKind::Instance,
            Self::GuildCreated { .. } | Self::MemberJoined { .. } => StreamKind::Guild,
            Self::UserCreated { .. } => StreamKind::User,
            Self::RoomCreated { .. }
            | Self::MessagePosted { .. }
            | Self::MessageEdited { .. }
            | Self::MessageDeleted { .. }
            | Self::ReactionChanged { .. } => StreamKind::Room,
        }
    }

    /// The name of the fact's kind, as clients see it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InstanceCreated { .. } => "instance.created",
            Self::GuildCreated { .. } => "guild.created",
            Self::MemberJoined { .. } => "member.joined",
            Self::UserCreated { .. } => "user.created",
            Self::RoomCreated { .. } => "room.created",
            Self::MessagePosted { .. } => "message.posted",
            Self::MessageEdited { .. } => "message.edited",
            Self::MessageDeleted { .. } => "message.deleted",
            Self::ReactionChanged { .. } => "reaction.changed",
        }
    }

    /// The fact as it is kept once the message record holds the text: replaced text must not outlive its record.
    #[must_use]
    pub fn without_text(&self) -> Self {
        let mut kept = self.clone();
        if let Self::MessagePosted { text, .. } | Self::MessageEdited { text, .. } = &mut kept {
            text.clear();
        }
        kept
    }

    /// Whether the fact starts its stream: such a fact is the first of a stream and no other is.
    pub const fn starts_stream(&self) -> bool {
        matches!(
            self,
            Self::InstanceCreated { .. }
                | Self::GuildCreated { .. }
                | Self::UserCreated { .. }
                | Self::RoomCreated { .. }
        )
    }

    /// The number of the message that the fact is about, given the head after it.
    pub const fn message_seq(&self, head: &Head) -> Option<u64> {
        match self {
            Self::MessagePosted { .. } => Some(head.seq),
            Self::MessageEdited { seq, .. }
            | Self::MessageDeleted { seq, .. }
            | Self::ReactionChanged { seq, .. } => Some(*seq),
            _ => None,
        }
    }

    /// The room that a first fact makes, if it makes one.
    pub const fn made_room(&self, stream: StreamId) -> Option<(GuildId, RoomId)> {
        match (self, stream) {
            (Self::RoomCreated { guild, .. }, StreamId::Room(room)) => Some((*guild, room)),
            _ => None,
        }
    }
}

/// The part of an event that only the audit page reads: reasons, addresses, before and after.
/// No client codec, webhook or signal ever encodes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Why, in the words of whoever did it.
    pub reason: String,
}

/// What a decision wants to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What happened.
    pub fact: Fact,
    /// What only the audit may read.
    pub sealed: Option<Sealed>,
}

impl From<Fact> for Draft {
    fn from(fact: Fact) -> Self {
        Self { fact, sealed: None }
    }
}

/// One numbered entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Chosen by the author before the append.
    pub id: EventId,
    /// The stream that it stands in.
    pub stream: StreamId,
    /// The stream's head after this event; its `rev` is the event's number, its `at` the event's time.
    pub head: Head,
    /// Who did it; `None` for the server itself.
    pub actor: Option<UserId>,
    /// The `rev` of the guild's stream that the author's node had checked permissions at; 0 where none applies.
    pub access_rev: u64,
    /// The client's own id of the request.
    pub nonce: Option<Nonce>,
    /// What happened.
    pub fact: Fact,
    /// What only the audit may read.
    #[serde(default)]
    pub sealed: Option<Sealed>,
}

impl Event {
    /// The event's number in its stream.
    pub const fn rev(&self) -> u64 {
        self.head.rev
    }

    /// When it was appended: never before the event ahead of it.
    pub const fn at(&self) -> Timestamp {
        self.head.at
    }
}

/// A durable event together with the message that it is about.
///
/// Just committed, the record is the message right after the event. Replayed, it is the message as it is now,
/// which may already show later events: its `rev` says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The event.
    pub event: Event,
    /// The message that the event is about, if it is about one.
    pub record: Option<Arc<MessageRecord>>,
}
