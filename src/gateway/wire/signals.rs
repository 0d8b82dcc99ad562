//! Signals as they are sent.

use bytes::Bytes;
use madang_storage::model::{GuildId, RoomId, UserId};
use serde::Serialize;

use super::SignalWire;
use crate::chat;
use crate::chat::view::{HeadView, MarkerView, PresenceView};
use crate::gateway::codec::Codec;
use crate::hub::Signal;

/// A signal as a frame.
pub(super) fn encode(codec: Codec, signal: &Signal) -> Bytes {
    #[derive(Serialize)]
    struct Typing {
        room: RoomId,
        user: UserId,
    }
    #[derive(Serialize)]
    struct RoomHead {
        room: RoomId,
        rev: u64,
        seq: u64,
        n: u64,
    }
    #[derive(Serialize)]
    struct Advance {
        stream: String,
        rev: u64,
    }
    #[derive(Serialize)]
    struct Reset {
        stream: String,
        head: HeadView,
    }
    #[derive(Serialize)]
    struct OneGuild {
        guild: GuildId,
    }
    #[derive(Serialize)]
    struct Room<'a> {
        guild: GuildId,
        channel: Channel<'a>,
    }
    #[derive(Serialize)]
    struct Channel<'a> {
        id: RoomId,
        name: &'a str,
        topic: &'a str,
        rev: u64,
        seq: u64,
        n: u64,
        marker: MarkerView,
        unread: u64,
        mentions: u64,
    }
    #[derive(Serialize)]
    struct Marked {
        room: RoomId,
        seq: u64,
        n: u64,
        unread: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        back: bool,
    }
    #[derive(Serialize)]
    struct Profile {
        user: UserId,
        version: u64,
    }
    #[derive(Serialize)]
    struct Draining {
        retry_ms: u64,
    }

    #[derive(Serialize)]
    struct Presence {
        users: Vec<PresenceView>,
    }
    #[derive(Serialize)]
    struct Switched {
        room: RoomId,
        on: bool,
    }

    match signal {
        Signal::Typing { room, user } => named(
            codec,
            "typing",
            Typing {
                room: *room,
                user: *user,
            },
        ),
        Signal::Head { room, head } => named(
            codec,
            "head",
            RoomHead {
                room: *room,
                rev: head.rev,
                seq: head.seq,
                n: head.n,
            },
        ),
        Signal::Advance { stream, rev } => named(
            codec,
            "advance",
            Advance {
                stream: stream.to_string(),
                rev: *rev,
            },
        ),
        Signal::Reset { stream, head } => named(
            codec,
            "reset",
            Reset {
                stream: stream.to_string(),
                head: (*head).into(),
            },
        ),
        Signal::GuildJoined { guild } => named(codec, "guild_joined", OneGuild { guild: *guild }),
        Signal::GuildLeft { guild } => named(codec, "guild_left", OneGuild { guild: *guild }),
        Signal::ResetGuild { guild } => named(codec, "reset", OneGuild { guild: *guild }),
        Signal::Room {
            guild,
            room,
            name,
            topic,
            head,
        } => {
            let marker = MarkerView { seq: 0, n: 0 };
            let unread = head.n.min(chat::MAX_COUNTED);
            let (rev, seq, n) = (head.rev, head.seq, head.n);
            let channel = Channel {
                id: *room,
                name,
                topic,
                rev,
                seq,
                n,
                marker,
                unread,
                mentions: 0,
            };
            named(
                codec,
                "room",
                Room {
                    guild: *guild,
                    channel,
                },
            )
        }
        Signal::Marker {
            room,
            seq,
            n,
            unread,
            is_back,
        } => named(
            codec,
            "marker",
            Marked {
                room: *room,
                seq: *seq,
                n: *n,
                unread: *unread,
                back: *is_back,
            },
        ),
        Signal::Presence { users } => {
            let users = users.iter().cloned().map(PresenceView::from).collect();
            named(codec, "presence", Presence { users })
        }
        Signal::Switched { room, on } => named(codec, "switched", Switched { room: *room, on: *on }),
        Signal::Profile { user, version } => named(
            codec,
            "profile",
            Profile {
                user: *user,
                version: *version,
            },
        ),
        Signal::Draining { retry_ms } => named(codec, "draining", Draining { retry_ms: *retry_ms }),
    }
}

fn named<T: Serialize>(codec: Codec, signal: &'static str, data: T) -> Bytes {
    codec.encode(&SignalWire { signal, data })
}
