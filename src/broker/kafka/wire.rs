//! What nodes write into Kafka.
//!
//! A record is one byte for what it is, the 16 bytes of the node that told it, and a map with named fields: nodes of
//! another build read what they know of it. An event whose kind a node does not know is passed on as a number alone, so
//! that nobody waits for it.

use std::sync::Arc;

use madang_storage::model::{Commit, Event, MessageRecord, NodeId, StreamId};
use serde::{Deserialize, Serialize};

use super::proof::Beat;
use crate::broker::Signal;

const EVENT: u8 = b'e';
const SIGNAL: u8 = b's';
const BEAT: u8 = b'b';
/// The byte for what it is, and the node.
const HEAD_BYTES: usize = 17;

/// What was told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A durable event.
    Event(Arc<Commit>),
    /// A durable event of a kind that this build does not know.
    Unknown(StreamId, u64),
    /// A signal; `None` for one of a kind that this build does not know.
    Signal(Option<Signal>),
    /// A beat.
    Beat(Beat),
}

#[derive(Serialize)]
struct EventOut<'a> {
    stream: StreamId,
    rev: u64,
    #[serde(with = "serde_bytes")]
    event: Vec<u8>,
    record: Option<&'a MessageRecord>,
}

#[derive(Deserialize)]
struct EventIn {
    stream: StreamId,
    rev: u64,
    #[serde(with = "serde_bytes")]
    event: Vec<u8>,
    record: Option<MessageRecord>,
}

/// Why a record cannot be written or read.
pub(super) type Error = String;

/// An event as it is told.
pub(super) fn of_event(me: NodeId, commit: &Commit) -> Result<Vec<u8>, Error> {
    let out = EventOut {
        stream: commit.event.stream,
        rev: commit.event.rev(),
        event: rmp_serde::to_vec_named(&commit.event).map_err(|error| error.to_string())?,
        record: commit.record.as_deref(),
    };
    record(EVENT, me, &out)
}

/// A signal as it is told.
pub(super) fn of_signal(me: NodeId, signal: &Signal) -> Result<Vec<u8>, Error> {
    record(SIGNAL, me, signal)
}

/// A beat as it is told.
pub(super) fn of_beat(me: NodeId, beat: &Beat) -> Result<Vec<u8>, Error> {
    record(BEAT, me, beat)
}

fn record(kind: u8, me: NodeId, content: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(512);
    bytes.push(kind);
    bytes.extend_from_slice(&me.to_bytes());
    rmp_serde::encode::write_named(&mut bytes, content).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Who told a record. Cheap: what a node told itself is read no further, but for its beats.
pub(super) fn sender(bytes: &[u8]) -> Option<NodeId> {
    let node = bytes.get(1..HEAD_BYTES)?.try_into().ok()?;
    Some(NodeId::from_bytes(node))
}

/// Whether a record is a beat.
pub(super) fn is_beat(bytes: &[u8]) -> bool {
    bytes.first() == Some(&BEAT)
}

/// What a record says.
pub(super) fn read(bytes: &[u8]) -> Result<Told, Error> {
    let (Some(kind), Some(content)) = (bytes.first(), bytes.get(HEAD_BYTES..)) else {
        return Err("it is too short".to_owned());
    };
    match *kind {
        EVENT => read_event(content),
        // A signal may be lost, and so may one that only newer nodes know.
        SIGNAL => Ok(Told::Signal(rmp_serde::from_slice(content).ok())),
        BEAT => rmp_serde::from_slice(content)
            .map(Told::Beat)
            .map_err(|error| error.to_string()),
        other => Err(format!("it begins with {other}")),
    }
}

fn read_event(content: &[u8]) -> Result<Told, Error> {
    let EventIn {
        stream,
        rev,
        event,
        record,
    } = rmp_serde::from_slice(content).map_err(|error| error.to_string())?;
    Ok(match rmp_serde::from_slice::<Event>(&event) {
        Ok(event) => Told::Event(Arc::new(Commit {
            event,
            record: record.map(Arc::new),
        })),
        Err(_) => Told::Unknown(stream, rev),
    })
}

#[cfg(test)]
mod tests {
    use madang_storage::model::{RoomId, SessionId};

    use super::*;
    use crate::broker::conformance::commit;

    const ME: NodeId = NodeId::from_u128(7);

    #[test]
    fn what_is_written_is_read() {
        let told = commit(1, 9);
        let bytes = of_event(ME, &told).unwrap();
        assert_eq!(sender(&bytes), Some(ME));
        assert_eq!(read(&bytes), Ok(Told::Event(told)));
        let signal = Signal::SessionEnded {
            session: SessionId::from_u128(3),
        };
        assert_eq!(
            read(&of_signal(ME, &signal).unwrap()),
            Ok(Told::Signal(Some(signal)))
        );
    }

    #[test]
    fn an_event_of_a_kind_to_come_is_passed_over_by_its_number() {
        #[derive(Serialize)]
        struct Newer {
            stream: StreamId,
            rev: u64,
            #[serde(with = "serde_bytes")]
            event: Vec<u8>,
            record: Option<MessageRecord>,
            field_to_come: bool,
        }
        let stream = StreamId::Room(RoomId::from_u128(1));
        let newer = Newer {
            stream,
            rev: 4,
            event: rmp_serde::to_vec_named(&("kind", "to come")).unwrap(),
            record: None,
            field_to_come: true,
        };
        let bytes = record(EVENT, ME, &newer).unwrap();
        assert_eq!(read(&bytes), Ok(Told::Unknown(stream, 4)));
        assert_eq!(
            read(&record(SIGNAL, ME, &"to come").unwrap()),
            Ok(Told::Signal(None))
        );
    }

    #[test]
    fn rubbish_is_an_error_and_no_panic() {
        for bytes in [
            &b""[..],
            b"e",
            b"?aaaaaaaaaaaaaaaa\x80",
            b"eaaaaaaaaaaaaaaaa\xff\x00",
            b"baaaaaaaaaaaaaaaa\xc1",
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
