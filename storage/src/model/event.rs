//! Events and what they say.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Category, CategoryId, EventId, Guild, GuildId, Head, Instance, Member, Mentions, MessageRecord, Nonce,
    Role, RoleId, Room, RoomKind, StreamId, StreamKind, SystemMessage, Timestamp, User, UserId,
};

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
    /// The guild has this name, owner and so on now. Stream `guild:`.
    GuildChanged {
        /// The whole guild as it is now.
        guild: Guild,
    },
    /// The guild is gone; what is left of it a job clears away. Stream `guild:`.
    GuildDeleted {
        /// The whole guild as it was.
        guild: Guild,
    },
    /// Somebody became a member. Stream `guild:`.
    MemberJoined {
        /// Who.
        user: UserId,
    },
    /// A member has this nickname and these roles now. Stream `guild:`.
    MemberChanged {
        /// Who.
        user: UserId,
        /// The whole membership as it is now.
        member: Member,
    },
    /// Somebody is no member any more. Stream `guild:`.
    MemberLeft {
        /// Who.
        user: UserId,
        /// Who sent the person away, if it did not go by itself.
        kicked_by: Option<UserId>,
    },
    /// Somebody is no member any more, if it was one, and cannot become one. Stream `guild:`.
    MemberBanned {
        /// Who.
        user: UserId,
        /// Who did it.
        by: UserId,
    },
    /// Somebody may join again. Stream `guild:`.
    BanLifted {
        /// Who.
        user: UserId,
    },
    /// A role is new or has changed. Stream `guild:`.
    RoleChanged {
        /// Which.
        id: RoleId,
        /// The whole role as it is now.
        role: Role,
    },
    /// A role is gone. Members that had it have it no more. Stream `guild:`.
    RoleDeleted {
        /// Which.
        id: RoleId,
    },
    /// A heading is new or has changed. Stream `guild:`.
    CategoryChanged {
        /// Which.
        id: CategoryId,
        /// The whole heading as it is now.
        category: Category,
    },
    /// A heading is gone. Channels under it stand under none. Stream `guild:`.
    CategoryDeleted {
        /// Which.
        id: CategoryId,
    },
    /// A person's public identity came to be. Stream `user:`, its first event.
    UserCreated {
        /// The unique name.
        name: String,
    },
    /// A person calls itself something else, or says something else of itself. Stream `user:`.
    UserChanged {
        /// The whole identity as it is now.
        user: User,
    },
    /// A person follows another one, or does so no more. Stream `user:` of the one that follows.
    FollowChanged {
        /// Whom.
        user: UserId,
        /// From now on, or no more.
        on: bool,
    },
    /// A person wants nothing of another one, or has changed its mind. Stream `user:` of the one that blocks.
    BlockChanged {
        /// Of whom.
        user: UserId,
        /// From now on, or no more.
        on: bool,
    },
    /// A room was made. Stream `room:`, its first event.
    RoomCreated {
        /// The room; the time of the event is when it was made.
        room: Room,
        /// Who is in it, for a DM or group; at most [`Fact::MAX_FIRST_MEMBERS`].
        members: Vec<UserId>,
    },
    /// The room has this name, topic and so on now. Stream `room:`.
    RoomChanged {
        /// The whole room as it is now.
        room: Room,
    },
    /// Other people may see the room now, or do other things in it. Stream `room:`.
    RoomAccessChanged {
        /// The whole room as it is now.
        room: Room,
    },
    /// The room is gone. Stream `room:`.
    RoomDeleted {
        /// The whole room as it was.
        room: Room,
    },
    /// Somebody came into a group, or went. Stream `room:`.
    RoomMemberChanged {
        /// Who.
        user: UserId,
        /// Came, or went.
        on: bool,
    },
    /// A message was posted; its number is the `seq` of the head after the event. Stream `room:`.
    MessagePosted {
        /// Who wrote it.
        author: UserId,
        /// Markdown source. Empty in a stored event whose text lives in the message record.
        text: String,
        /// The message that it answers.
        reply_to: Option<u64>,
        /// Who wrote that one: it learns of the answer.
        reply_to_author: Option<UserId>,
        /// Whom it calls.
        mentions: Mentions,
        /// What the server itself tells by it.
        system: Option<SystemMessage>,
    },
    /// A message's text was replaced. Stream `room:`.
    MessageEdited {
        /// Which message.
        seq: u64,
        /// The new Markdown source. Empty in a stored event once it is projected: no event holds a text that was replaced.
        text: String,
        /// Whether the replaced text is kept among [`super::MessageRecord::earlier`]. If not, none of those stays.
        #[serde(default)]
        keeps: bool,
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
    /// A message was pinned, or is so no more. Stream `room:`.
    MessagePinned {
        /// Which message.
        seq: u64,
        /// Pinned, or no more.
        on: bool,
        /// By whom.
        by: UserId,
    },
    /// A thread hangs on a message from now on. Stream `room:`.
    ThreadStarted {
        /// Which message.
        seq: u64,
    },
    /// The instance is called so now. Stream `instance`.
    InstanceChanged {
        /// The whole instance as it is now.
        instance: Instance,
    },
}

impl Fact {
    /// How many people a DM or group can begin with.
    pub const MAX_FIRST_MEMBERS: usize = 20;

    /// A plain message, for whoever needs no more than that.
    pub fn posted(author: UserId, text: impl Into<String>) -> Self {
        Self::MessagePosted {
            author,
            text: text.into(),
            reply_to: None,
            reply_to_author: None,
            mentions: Mentions::default(),
            system: None,
        }
    }

    /// A plain channel.
    pub fn channel_created(guild: GuildId, name: impl Into<String>, topic: impl Into<String>) -> Self {
        Self::RoomCreated {
            room: Room::new(RoomKind::Channel { guild }, name.into(), topic.into()),
            members: Vec::new(),
        }
    }

    /// The kind of stream that this fact belongs to.
    pub const fn stream_kind(&self) -> StreamKind {
        match self {
            Self::InstanceCreated { .. } | Self::InstanceChanged { .. } => StreamKind::Instance,
            Self::GuildCreated { .. }
            | Self::GuildChanged { .. }
            | Self::GuildDeleted { .. }
            | Self::MemberJoined { .. }
            | Self::MemberChanged { .. }
            | Self::MemberLeft { .. }
            | Self::MemberBanned { .. }
            | Self::BanLifted { .. }
            | Self::RoleChanged { .. }
            | Self::RoleDeleted { .. }
            | Self::CategoryChanged { .. }
            | Self::CategoryDeleted { .. } => StreamKind::Guild,
            Self::UserCreated { .. }
            | Self::UserChanged { .. }
            | Self::FollowChanged { .. }
            | Self::BlockChanged { .. } => StreamKind::User,
            Self::RoomCreated { .. }
            | Self::RoomChanged { .. }
            | Self::RoomAccessChanged { .. }
            | Self::RoomDeleted { .. }
            | Self::RoomMemberChanged { .. }
            | Self::MessagePosted { .. }
            | Self::MessageEdited { .. }
            | Self::MessageDeleted { .. }
            | Self::ReactionChanged { .. }
            | Self::MessagePinned { .. }
            | Self::ThreadStarted { .. } => StreamKind::Room,
        }
    }

    /// The name of the fact's kind, as clients see it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InstanceCreated { .. } => "instance.created",
            Self::GuildCreated { .. } => "guild.created",
            Self::GuildChanged { .. } => "guild.changed",
            Self::GuildDeleted { .. } => "guild.deleted",
            Self::MemberJoined { .. } => "member.joined",
            Self::MemberChanged { .. } => "member.changed",
            Self::MemberLeft { .. } => "member.left",
            Self::MemberBanned { .. } => "member.banned",
            Self::BanLifted { .. } => "ban.lifted",
            Self::RoleChanged { .. } => "role.changed",
            Self::RoleDeleted { .. } => "role.deleted",
            Self::CategoryChanged { .. } => "category.changed",
            Self::CategoryDeleted { .. } => "category.deleted",
            Self::UserCreated { .. } => "user.created",
            Self::UserChanged { .. } => "user.changed",
            Self::FollowChanged { .. } => "follow.changed",
            Self::BlockChanged { .. } => "block.changed",
            Self::RoomCreated { .. } => "room.created",
            Self::RoomChanged { .. } => "room.changed",
            Self::RoomAccessChanged { .. } => "room_access.changed",
            Self::RoomDeleted { .. } => "room.deleted",
            Self::RoomMemberChanged { .. } => "room_member.changed",
            Self::MessagePosted { .. } => "message.posted",
            Self::MessageEdited { .. } => "message.edited",
            Self::MessageDeleted { .. } => "message.deleted",
            Self::ReactionChanged { .. } => "reaction.changed",
            Self::MessagePinned { .. } => "message.pinned",
            Self::ThreadStarted { .. } => "thread.started",
            Self::InstanceChanged { .. } => "instance.changed",
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
            | Self::ReactionChanged { seq, .. }
            | Self::MessagePinned { seq, .. }
            | Self::ThreadStarted { seq } => Some(*seq),
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
    /// What was before and is after, where from, and the like.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

impl Sealed {
    /// The detail that says which guild an event concerns whose fact does not say so.
    pub const GUILD: &str = "guild";
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
