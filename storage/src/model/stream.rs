//! Streams: what they are called and how their names order.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{GuildId, RoomId, UserId};

/// The kinds of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StreamKind {
    /// The one stream of the instance: only what everybody may know.
    Instance,
    /// Members, roles and settings of a guild.
    Guild,
    /// Messages of a room, and the room's own name, topic and overrides.
    Room,
    /// A user's profile and own limits.
    User,
}

/// The name of a stream: `instance`, `guild:<id>`, `room:<id>` or `user:<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// The one stream of the instance.
    Instance,
    /// A guild's stream.
    Guild(GuildId),
    /// A room's stream.
    Room(RoomId),
    /// A user's stream.
    User(UserId),
}

impl StreamId {
    /// Which kind of stream this is.
    pub const fn kind(self) -> StreamKind {
        match self {
            Self::Instance => StreamKind::Instance,
            Self::Guild(_) => StreamKind::Guild,
            Self::Room(_) => StreamKind::Room,
            Self::User(_) => StreamKind::User,
        }
    }

    /// 17 bytes: the kind, then the identifier (zeros for the instance). Byte order is the order of [`StreamId`].
    pub fn to_bytes(self) -> [u8; 17] {
        let (kind, id) = match self {
            Self::Instance => (0, 0),
            Self::Guild(id) => (1, id.as_u128()),
            Self::Room(id) => (2, id.as_u128()),
            Self::User(id) => (3, id.as_u128()),
        };
        let mut bytes = [0; 17];
        bytes[0] = kind;
        bytes[1..].copy_from_slice(&u128::to_be_bytes(id));
        bytes
    }

    /// The inverse of [`Self::to_bytes`]; `None` for bytes that name no stream.
    pub fn from_bytes(bytes: [u8; 17]) -> Option<Self> {
        let [kind, id @ ..] = bytes;
        let id = u128::from_be_bytes(id);
        match kind {
            0 if id == 0 => Some(Self::Instance),
            1 => Some(Self::Guild(GuildId::from_u128(id))),
            2 => Some(Self::Room(RoomId::from_u128(id))),
            3 => Some(Self::User(UserId::from_u128(id))),
            _ => None,
        }
    }

    /// Reads the name that `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = match text.split_once(':') {
            Some(parts) => parts,
            None => return (text == "instance").then_some(Self::Instance),
        };
        match kind {
            "guild" => id.parse().ok().map(Self::Guild),
            "room" => id.parse().ok().map(Self::Room),
            "user" => id.parse().ok().map(Self::User),
            _ => None,
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance => f.write_str("instance"),
            Self::Guild(id) => write!(f, "guild:{id}"),
            Self::Room(id) => write!(f, "room:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

impl Serialize for StreamId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.to_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let unknown = || D::Error::custom("expected a stream: instance, guild:<id>, room:<id> or user:<id>");
        if deserializer.is_human_readable() {
            let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
            Self::parse(&text).ok_or_else(unknown)
        } else {
            let bytes = serde_bytes::ByteArray::<17>::deserialize(deserializer)?;
            Self::from_bytes(bytes.into_array()).ok_or_else(unknown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_round_trip() {
        let streams = [
            StreamId::Instance,
            StreamId::Guild(GuildId::from_u128(7)),
            StreamId::Room(RoomId::from_u128(u128::MAX)),
            StreamId::User(UserId::from_u128(1)),
        ];
        for stream in streams {
            assert_eq!(StreamId::parse(&stream.to_string()), Some(stream));
            assert_eq!(StreamId::from_bytes(stream.to_bytes()), Some(stream));
        }
        assert_eq!(StreamId::parse("server:1"), None);
        assert_eq!(StreamId::parse("instance:"), None);
    }
}
