//! The two encodings of the native protocol: JSON in text frames, MessagePack in binary frames. Same maps, same names.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::frame::{self, Kind};
use crate::fields::{Distinct, MAX_DEPTH, is_shallow};
use crate::hub::FrameKey;

/// An encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Json,
    MessagePack,
}

impl Codec {
    /// Both, the preferred one first.
    pub(super) const ALL: [Self; 2] = [Self::Json, Self::MessagePack];

    /// The name of the subprotocol.
    pub(super) const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "madang.v1.json",
            Self::MessagePack => "madang.v1.msgpack",
        }
    }

    /// What the hub calls this encoding.
    pub(super) const fn key(self) -> FrameKey {
        match self {
            Self::Json => FrameKey(0),
            Self::MessagePack => FrameKey(1),
        }
    }

    pub(super) fn of_key(key: FrameKey) -> Self {
        if key == Self::MessagePack.key() {
            Self::MessagePack
        } else {
            Self::Json
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Json => Kind::Text,
            Self::MessagePack => Kind::Binary,
        }
    }

    /// Reads a message as a tree; `None` for anything that is not one value of this encoding within the depth.
    pub(super) fn decode(self, message: &[u8]) -> Option<Value> {
        let Distinct(value) = match self {
            Self::Json => serde_json::from_slice(message).ok()?,
            Self::MessagePack => {
                let mut rest = message;
                let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
                deserializer.set_max_depth(MAX_DEPTH + 1);
                let value = serde::Deserialize::deserialize(&mut deserializer).ok()?;
                if !rest.is_empty() {
                    return None;
                }
                value
            }
        };
        is_shallow(&value, MAX_DEPTH).then_some(value)
    }

    /// A complete frame with one value.
    pub(super) fn encode<T: Serialize>(self, value: &T) -> Bytes {
        let mut payload = Vec::with_capacity(256);
        let encoded = match self {
            Self::Json => serde_json::to_writer(&mut payload, value).map_err(|error| error.to_string()),
            Self::MessagePack => {
                let mut serializer = rmp_serde::Serializer::new(&mut payload)
                    .with_struct_map()
                    .with_human_readable();
                value
                    .serialize(&mut serializer)
                    .map_err(|error| error.to_string())
            }
        };
        if let Err(error) = encoded {
            // Only a map with keys that are no strings could fail, and the wire's types have none.
            tracing::error!(%error, "a frame cannot be encoded");
        }
        frame::message(self.kind(), &payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn payload(codec: Codec, value: &Value) -> Vec<u8> {
        // Frames of up to 125 bytes have a header of 2 bytes, of up to 65,535 one of 4.
        let frame = codec.encode(value);
        let header = if frame[1] < 126 { 2 } else { 4 };
        frame[header..].to_vec()
    }

    #[test]
    fn both_encodings_say_the_same() {
        let value = json!({"id": 7, "op": "post", "args": {"text": "안녕", "reply_to": null, "on": true}});
        for codec in Codec::ALL {
            assert_eq!(
                codec.decode(&payload(codec, &value)),
                Some(value.clone()),
                "{codec:?}"
            );
        }
    }

    #[test]
    fn bombs_are_refused() {
        let deep = "[".repeat(50_000);
        assert_eq!(Codec::Json.decode(deep.as_bytes()), None);
        assert_eq!(Codec::MessagePack.decode(&[0x91; 50_000]), None);
        // An array, a map, a string and a binary that say they have 2^32 - 1 entries.
        for first in [0xdd, 0xdf, 0xdb, 0xc6] {
            assert_eq!(
                Codec::MessagePack.decode(&[first, 0xff, 0xff, 0xff, 0xff, 0x01]),
                None,
                "{first:#x}"
            );
        }
        assert_eq!(Codec::MessagePack.decode(&[0x01, 0x01]), None, "two values");
        assert_eq!(Codec::Json.decode(b"{} {}"), None, "two values");
        assert_eq!(Codec::Json.decode(b"NaN"), None);
        assert_eq!(Codec::Json.decode(b""), None);
        assert_eq!(Codec::Json.decode(br#"{"id":1,"id":2}"#), None, "a key twice");
        assert_eq!(
            Codec::MessagePack.decode(&[0x82, 0xa1, b'a', 1, 0xa1, b'a', 2]),
            None
        );
        let nan = [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0];
        assert_eq!(Codec::MessagePack.decode(&nan), None, "no number");
    }

    proptest! {
        #[test]
        fn no_bytes_break_a_codec(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            for codec in Codec::ALL {
                if let Some(value) = codec.decode(&bytes) {
                    // What could be read can be written.
                    prop_assert!(!codec.encode(&value).is_empty());
                }
            }
        }
    }
}
