//! What the server sends: answers, events and signals, in the shapes of `docs/protocol.md`.

use bytes::Bytes;
use madang_storage::model::{Commit, Epoch, Fact, GuildId, RoomId, StreamId, UserId};
use serde::Serialize;

use super::codec::Codec;
use crate::chat;
use crate::chat::view::{HeadView, MarkerView, MessageView, Time};
use crate::hub::{Encoder, FrameKey, Signal};

/// A request's answer.
#[derive(Serialize)]
pub(super) struct Answer<T> {
    pub(super) id: u64,
    pub(super) ok: T,
}

/// A request's error.
#[derive(Serialize)]
pub(super) struct Refusal<'a> {
    id: u64,
    error: ErrorWire<'a>,
}

#[derive(Serialize)]
struct ErrorWire<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl<'a> Refusal<'a> {
    pub(super) fn new(id: u64, error: &'a chat::Error) -> Self {
        let field = error.field.as_deref();
        Self {
            id,
            error: ErrorWire {
                code: error.code.as_str(),
                message: &error.message,
                field,
            },
        }
    }
}

/// An answer that says nothing.
#[derive(Serialize)]
pub(super) struct Empty {}

/// The answer to `open`.
#[derive(Serialize)]
pub(super) struct OpenedWire {
    pub(super) head: HeadView,
    pub(super) reset: bool,
}

/// The answer to everything that changes a message.
#[derive(Serialize)]
pub(super) struct MessageWire<'a> {
    pub(super) message: MessageView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replayed: Option<bool>,
}

/// The answer to `history`.
#[derive(Serialize)]
pub(super) struct HistoryWire<'a> {
    pub(super) head: HeadView,
    pub(super) messages: Vec<MessageView<'a>>,
}

/// The answer to `mark`.
#[derive(Serialize)]
pub(super) struct MarkedWire {
    pub(super) marker: MarkerView,
    pub(super) unread: u64,
}

#[derive(Serialize)]
struct EventWire<'a, T> {
    stream: &'a str,
    rev: u64,
    at: Time,
    kind: &'static str,
    data: T,
}

#[derive(Serialize)]
struct SignalWire<T> {
    signal: &'static str,
    data: T,
}

/// The first thing that a client hears.
pub(super) fn hello(codec: Codec, epoch: Epoch, heartbeat_ms: u64, authenticate_within_ms: u64) -> Bytes {
    #[derive(Serialize)]
    struct Hello {
        epoch: Epoch,
        heartbeat_ms: u64,
        authenticate_within_ms: u64,
        version: &'static str,
    }
    let version = env!("CARGO_PKG_VERSION");
    let data = Hello {
        epoch,
        heartbeat_ms,
        authenticate_within_ms,
        version,
    };
    codec.encode(&SignalWire {
        signal: "hello",
        data,
    })
}

/// Encodes for the hub.
#[derive(Debug, Clone, Copy, Default)]
pub struct NativeEncoder;

impl Encoder for NativeEncoder {
    fn event(&self, key: FrameKey, commit: &Commit) -> Bytes {
        encode_event(Codec::of_key(key), commit)
    }

    fn signal(&self, key: FrameKey, signal: &Signal) -> Bytes {
        encode_signal(Codec::of_key(key), signal)
    }
}

/// Never touches the event's sealed part.
fn encode_event(codec: Codec, commit: &Commit) -> Bytes {
    #[derive(Serialize)]
    struct Named<'a> {
        name: &'a str,
    }
    #[derive(Serialize)]
    struct Joined {
        user: UserId,
    }
    #[derive(Serialize)]
    struct RoomMade<'a> {
        guild: GuildId,
        name: &'a str,
        topic: &'a str,
    }
    #[derive(Serialize)]
    struct Reacted<'a> {
        seq: u64,
        emoji: &'a str,
        user: UserId,
        on: bool,
        count: u32,
    }

    let wire = Wire { codec, commit };
    match &commit.event.fact {
        Fact::InstanceCreated { name } | Fact::GuildCreated { name, .. } | Fact::UserCreated { name } => {
            wire.event(Named { name })
        }
        Fact::MemberJoined { user } => wire.event(Joined { user: *user }),
        Fact::RoomCreated { guild, name, topic } => wire.event(RoomMade {
            guild: *guild,
            name,
            topic,
        }),
        Fact::ReactionChanged {
            seq,
            emoji,
            user,
            on,
            count,
        } => wire.event(Reacted {
            seq: *seq,
            emoji,
            user: *user,
            on: *on,
            count: *count,
        }),
        Fact::MessagePosted { .. } | Fact::MessageEdited { .. } | Fact::MessageDeleted { .. } => {
            match (commit.event.stream, &commit.record) {
                (StreamId::Room(room), Some(record)) => wire.event(MessageView::new(room, record)),
                // A store answers every message event with its message; without it the client asks for a page.
                _ => wire.event(Empty {}),
            }
        }
    }
}

struct Wire<'a> {
    codec: Codec,
    commit: &'a Commit,
}

impl Wire<'_> {
    fn event<T: Serialize>(&self, data: T) -> Bytes {
        let event = &self.commit.event;
        let stream = event.stream.to_string();
        let kind = event.fact.name();
        self.codec.encode(&EventWire {
            stream: &stream,
            rev: event.rev(),
            at: Time(event.at()),
            kind,
            data,
        })
    }
}

fn encode_signal(codec: Codec, signal: &Signal) -> Bytes {
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
    struct ResetGuild {
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
    }
    #[derive(Serialize)]
    struct Marked {
        room: RoomId,
        seq: u64,
        n: u64,
        unread: u64,
    }
    #[derive(Serialize)]
    struct Draining {
        retry_ms: u64,
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
        Signal::ResetGuild { guild } => named(codec, "reset", ResetGuild { guild: *guild }),
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
        Signal::Marker { room, seq, n, unread } => named(
            codec,
            "marker",
            Marked {
                room: *room,
                seq: *seq,
                n: *n,
                unread: *unread,
            },
        ),
        Signal::Draining { retry_ms } => named(codec, "draining", Draining { retry_ms: *retry_ms }),
    }
}

fn named<T: Serialize>(codec: Codec, signal: &'static str, data: T) -> Bytes {
    codec.encode(&SignalWire { signal, data })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use madang_storage::model::{Event, EventId, Head, MessageRecord, Sealed, Timestamp};

    use super::*;

    const MARKER: &str = "sealed-4f9c1e";

    fn facts() -> Vec<Fact> {
        let (user, guild, name) = (UserId::from_u128(1), GuildId::from_u128(2), "name".to_owned());
        let (text, topic, emoji) = ("text".to_owned(), "topic".to_owned(), "👍".to_owned());
        vec![
            Fact::InstanceCreated { name: name.clone() },
            Fact::GuildCreated {
                name: name.clone(),
                owner: user,
            },
            Fact::MemberJoined { user },
            Fact::UserCreated { name: name.clone() },
            Fact::RoomCreated { guild, name, topic },
            Fact::MessagePosted {
                author: user,
                text: text.clone(),
                reply_to: None,
            },
            Fact::MessageEdited { seq: 1, text },
            Fact::MessageDeleted { seq: 1, by: user },
            Fact::ReactionChanged {
                seq: 1,
                emoji,
                user,
                on: true,
                count: 1,
            },
        ]
    }

    fn commit(fact: Fact) -> Commit {
        let stream = match fact.stream_kind() {
            madang_storage::model::StreamKind::Instance => StreamId::Instance,
            madang_storage::model::StreamKind::Guild => StreamId::Guild(GuildId::from_u128(2)),
            madang_storage::model::StreamKind::User => StreamId::User(UserId::from_u128(1)),
            madang_storage::model::StreamKind::Room => StreamId::Room(RoomId::from_u128(3)),
        };
        let head = Head {
            rev: 1,
            seq: 1,
            n: 1,
            ..Head::default()
        };
        let record = fact.message_seq(&head).map(|seq| {
            Arc::new(MessageRecord {
                seq,
                rev: 1,
                n: 1,
                author: UserId::from_u128(1),
                at: Timestamp::default(),
                text: "text".to_owned(),
                reply_to: None,
                edited_at: None,
                deleted: None,
                reactions: Vec::new(),
            })
        });
        let event = Event {
            id: EventId::from_u128(9),
            stream,
            head,
            actor: Some(UserId::from_u128(1)),
            access_rev: 1,
            nonce: None,
            fact,
            sealed: Some(Sealed {
                reason: MARKER.to_owned(),
            }),
        };
        Commit { event, record }
    }

    #[test]
    fn what_only_the_audit_may_read_is_in_no_frame() {
        for fact in facts() {
            let commit = commit(fact);
            for codec in Codec::ALL {
                let frame = NativeEncoder.event(codec.key(), &commit);
                let kind = commit.event.fact.name().as_bytes();
                let holds = |text: &[u8]| frame.windows(text.len()).any(|part| part == text);
                assert!(holds(kind), "the search finds what is there");
                assert!(!holds(MARKER.as_bytes()), "{:?}", commit.event.fact);
            }
        }
    }
}
