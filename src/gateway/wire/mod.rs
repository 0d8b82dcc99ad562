//! What the server sends: answers, events and signals, in the shapes of `docs/protocol.md`.

mod events;
mod signals;

use bytes::Bytes;
use madang_storage::model::{Commit, Epoch};
use serde::Serialize;

use super::codec::Codec;
use crate::chat;
use crate::chat::view::{HeadView, Time};
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
        events::encode(Codec::of_key(key), commit)
    }

    fn signal(&self, key: FrameKey, signal: &Signal) -> Bytes {
        signals::encode(Codec::of_key(key), signal)
    }
}
