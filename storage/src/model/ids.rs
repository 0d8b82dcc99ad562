//! 128-bit identifiers, written as 26 characters of ULID's alphabet.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use super::Timestamp;

/// A text that is not the one canonical spelling of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 26 characters of Crockford's base 32, in upper case")]
pub struct InvalidId;

/// Defines a 128-bit identifier type. In human-readable formats it is its 26 characters, in binary ones 16 bytes.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// Wraps a raw value.
            pub const fn from_u128(value: u128) -> Self {
                Self(value)
            }

            /// The raw value.
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// The 16 bytes, most significant first, so that byte order is value order.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The inverse of [`Self::to_bytes`].
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; ulid::ULID_LEN];
                f.write_str(Ulid(self.0).array_to_str(&mut buffer))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$" })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.to_bytes())
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    let bytes = serde_bytes::ByteArray::<16>::deserialize(deserializer)?;
                    Ok(Self::from_bytes(bytes.into_array()))
                }
            }
        }
    };
}

id!(
    /// A person's public identity.
    UserId
);

id!(
    /// Whom or what something was done to: a user, a role, a category, a room.
    TargetId
);
id!(
    /// A community with its members and channels.
    GuildId
);
id!(
    /// Anything that messages live in.
    RoomId
);
id!(
    /// What a member is in a guild, and what that allows. The guild's own id as a role is everybody.
    RoleId
);
id!(
    /// A heading under which a guild orders channels.
    CategoryId
);
id!(
    /// One login of one account.
    SessionId
);
id!(
    /// One event, chosen by its author before the append, so that a retry recognises its own write.
    EventId
);
id!(
    /// One life of the data: new at creation, restore and repair. A client that resumes with another one starts over.
    Epoch
);
id!(
    /// One process among those that work on the same data.
    NodeId
);
id!(
    /// One start of a node, so that two processes that were given one id are told apart.
    NodeLife
);
id!(
    /// A client's own ULID for one request. Its time part says how old the request is.
    Nonce
);

/// How a nonce's own time relates to the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceAge {
    /// May be used.
    Usable,
    /// Too old or too far ahead: whether it was used before can no longer be told.
    Expired,
}

impl Nonce {
    /// A nonce older than this is refused: 48 hours.
    pub const MAX_AGE_MS: u64 = 48 * 60 * 60 * 1000;
    /// A nonce further ahead of the server's clock than this is refused: 10 minutes.
    pub const MAX_AHEAD_MS: u64 = 10 * 60 * 1000;
    /// The row that remembers a nonce is kept at least this long after the nonce's time: 72 hours.
    pub const KEPT_MS: u64 = 72 * 60 * 60 * 1000;

    /// The moment that the client wrote into the nonce.
    pub const fn time(self) -> Timestamp {
        Timestamp::from_millis((self.0 >> 80) as u64)
    }

    /// Whether the nonce may be used at `now`.
    pub fn age(self, now: Timestamp) -> NonceAge {
        let made = self.time().as_millis();
        let now = now.as_millis();
        let too_old = made.saturating_add(Self::MAX_AGE_MS) < now;
        let too_new = made > now.saturating_add(Self::MAX_AHEAD_MS);
        if too_old || too_new {
            NonceAge::Expired
        } else {
            NonceAge::Usable
        }
    }
}

/// Accepts the canonical spelling only: one identifier has one text, so a text can serve as a key.
fn parse(text: &str) -> Result<u128, InvalidId> {
    let id = Ulid::from_string(text).map_err(|_| InvalidId)?;
    let mut buffer = [0; ulid::ULID_LEN];
    if id.array_to_str(&mut buffer) == text {
        Ok(id.0)
    } else {
        Err(InvalidId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_one_spelling() {
        let id = RoomId::from_u128(0x0190_0000_0000_0000_0000_0000_0000_00ff);
        let text = id.to_string();
        assert_eq!(text.len(), 26);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_lowercase().parse::<RoomId>(), Err(InvalidId));
        assert_eq!("8ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<RoomId>(), Err(InvalidId));
        assert_eq!("".parse::<RoomId>(), Err(InvalidId));
        assert_eq!(
            "\u{ff10}1ARZ3NDEKTSV4RRFFQ69G5FA".parse::<RoomId>(),
            Err(InvalidId)
        );
    }

    #[test]
    fn nonce_has_a_window() {
        let now = Timestamp::from_millis(1_000_000_000_000);
        let at = |millis: u64| Nonce::from_u128(u128::from(millis) << 80);
        assert_eq!(at(now.as_millis()).age(now), NonceAge::Usable);
        assert_eq!(at(now.as_millis() - Nonce::MAX_AGE_MS).age(now), NonceAge::Usable);
        assert_eq!(
            at(now.as_millis() - Nonce::MAX_AGE_MS - 1).age(now),
            NonceAge::Expired
        );
        assert_eq!(
            at(now.as_millis() + Nonce::MAX_AHEAD_MS).age(now),
            NonceAge::Usable
        );
        assert_eq!(
            at(now.as_millis() + Nonce::MAX_AHEAD_MS + 1).age(now),
            NonceAge::Expired
        );
    }
}
