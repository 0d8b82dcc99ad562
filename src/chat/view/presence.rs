//! How people are seen to be there.

use madang_storage::model::UserId;
use schemars::JsonSchema;
use serde::Serialize;

use super::Time;
use crate::hub::{Seen, Words};

/// How somebody is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PresenceView {
    /// Who.
    pub user: UserId,
    /// `online`, `idle`, `do_not_disturb` or `offline`; `unknown` while nobody knows; to oneself also `invisible`.
    pub status: &'static str,
    /// A few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomView>,
}

/// A few words that somebody is seen with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CustomView {
    /// The words; may be empty.
    pub text: String,
    /// The emoji before them.
    pub emoji: Option<String>,
    /// When they are not meant any more: a client takes them away by itself.
    pub expires_at: Option<Time>,
}

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoomPresenceView {
    /// How the person is seen.
    #[serde(flatten)]
    pub seen: PresenceView,
    /// Whether the person looks at the room, as far as it can be seen.
    pub looks: bool,
    /// Whether the person is on: has not switched itself off in the room.
    pub on: bool,
}

impl From<Seen> for PresenceView {
    fn from(seen: Seen) -> Self {
        Self {
            user: seen.user,
            status: seen.status,
            custom: seen.custom.map(CustomView::from),
        }
    }
}

impl From<Words> for CustomView {
    fn from(words: Words) -> Self {
        Self {
            text: words.text,
            emoji: words.emoji,
            expires_at: words.expires_at.map(Time),
        }
    }
}
