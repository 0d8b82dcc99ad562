//! Records: what events leave behind, and what pages are made of.

use serde::{Deserialize, Serialize};

use super::{GuildId, Timestamp, UserId};

/// One message as it is now. Addressed by its room and `seq`; it has no other id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// The message's number in its room.
    pub seq: u64,
    /// The `rev` of the room at which the record last changed, reactions included.
    pub rev: u64,
    /// Who wrote it.
    pub author: UserId,
    /// When it was posted.
    pub at: Timestamp,
    /// How many countable messages the room had with this one. Never rewritten.
    pub n: u64,
    /// Markdown source; empty once deleted.
    pub text: String,
    /// The message that it answers, in the same room.
    pub reply_to: Option<u64>,
    /// When its text was last replaced.
    pub edited_at: Option<Timestamp>,
    /// When and by whom it was deleted. The record stays as a tombstone without content.
    pub deleted: Option<Deletion>,
    /// Emoji and their counts, in the order of their first appearance.
    pub reactions: Vec<ReactionCount>,
}

impl MessageRecord {
    /// How many have put this emoji on the message.
    pub fn count_of(&self, emoji: &str) -> u32 {
        self.reactions
            .iter()
            .find(|reaction| reaction.emoji == emoji)
            .map_or(0, |reaction| reaction.count)
    }
}

/// When and by whom a message was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// When.
    pub at: Timestamp,
    /// By whom: the author, or a moderator.
    pub by: UserId,
}

/// How many people put one emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionCount {
    /// The emoji, as Unicode.
    pub emoji: String,
    /// How many; never 0.
    pub count: u32,
}

/// One person's reaction on one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// When it was put on.
    pub at: Timestamp,
}

/// How far somebody has read a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The newest message that was read.
    pub seq: u64,
    /// That message's `n`, so that unread is a subtraction.
    pub n: u64,
}

/// The instance as everybody may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The name that people see.
    pub name: String,
    /// When it was set up.
    pub created_at: Timestamp,
}

/// A guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guild {
    /// The name that people see.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Somebody's membership in a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// When the person joined.
    pub joined_at: Timestamp,
}

/// A person's public identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The unique name.
    pub name: String,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// The guild whose channel it is.
    pub guild: GuildId,
    /// The channel's name.
    pub name: String,
    /// What it is about; may be empty.
    pub topic: String,
    /// When it was made.
    pub created_at: Timestamp,
}
