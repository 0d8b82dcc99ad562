//! Signals as they are sent.

use bytes::Bytes;
use madang_storage::model::{GuildId, RoomId, UserId};
use serde::Serialize;

use super::SignalWire;
use crate::chat;
use crate::chat::view::{ChannelView, HeadView, MarkerView, PresenceView};
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
    struct Room {
        guild: GuildId,
        channel: ChannelView,
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
    struct Instance<'a> {
        name: &'a str,
        rev: u64,
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
            details,
            head,
            is_private,
        } => {
            let marker = MarkerView { seq: 0, n: 0 };
            let unread = head.n.min(chat::MAX_COUNTED);
            let channel = ChannelView::new(
                *room,
                details.as_ref().clone(),
                head,
                *is_private,
                marker,
                unread,
                0,
            );
            let guild = *guild;
            named(codec, "room", Room { guild, channel })
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
        Signal::Instance { name, rev } => named(codec, "instance", Instance { name, rev: *rev }),
        Signal::Draining { retry_ms } => named(codec, "draining", Draining { retry_ms: *retry_ms }),
    }
}

fn named<T: Serialize>(codec: Codec, signal: &'static str, data: T) -> Bytes {
    codec.encode(&SignalWire { signal, data })
}
