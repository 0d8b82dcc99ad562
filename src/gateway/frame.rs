//! WebSocket frames (RFC 6455): a reader that takes bytes in any portions, and complete frames to send.

use std::io::Cursor;

use bytes::Bytes;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::close::CloseCode;

/// The largest message that a client may send, in bytes, over all its fragments.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The largest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL_BYTES: u64 = 125;

/// Whether a message is text or binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Incoming {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// Puts frames together. Holds memory only for what is incomplete: an idle connection has none.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    pending: Vec<u8>,
    fragments: Option<(Kind, Vec<u8>)>,
}

impl FrameReader {
    /// Takes the next bytes, and adds what they complete. After an error the connection must be closed with its code.
    pub(super) fn feed(&mut self, bytes: &[u8], complete: &mut Vec<Incoming>) -> Result<(), CloseCode> {
        if self.pending.is_empty() {
            let used = self.read(bytes, complete)?;
            self.pending.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let used = self.read(&pending, complete)?;
        if used < pending.len() {
            pending.drain(..used);
            self.pending = pending;
        }
        Ok(())
    }

    /// Forgets what is incomplete: the connection is closing, and nothing of it matters any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Reads whole frames; answers how many bytes they took.
    fn read(&mut self, bytes: &[u8], complete: &mut Vec<Incoming>) -> Result<usize, CloseCode> {
        let mut used = 0;
        while used < bytes.len() {
            let mut cursor = Cursor::new(&bytes[used..]);
            let parsed = FrameHeader::parse(&mut cursor).map_err(|_| CloseCode::Protocol)?;
            let Some((header, length)) = parsed else { break };
            let mask = self.check(&header, length)?;
            let start = used + usize::try_from(cursor.position()).map_err(|_| CloseCode::TooLarge)?;
            let length = usize::try_from(length).map_err(|_| CloseCode::TooLarge)?;
            let Some(payload) = bytes.get(start..start + length) else {
                break;
            };
            let mut payload = payload.to_vec();
            unmask(&mut payload, mask);
            complete.extend(self.take(&header, payload)?);
            used = start + length;
        }
        Ok(used)
    }

    /// Judges a header before its payload is waited for: nobody makes the server keep more than a message.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<[u8; 4], CloseCode> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(CloseCode::Protocol);
        }
        let mask = header.mask.ok_or(CloseCode::Protocol)?;
        let gathered = self.fragments.as_ref().map_or(0, |(_, bytes)| bytes.len()) as u64;
        match header.opcode {
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => {
                Err(CloseCode::Protocol)
            }
            OpCode::Control(_) if !header.is_final || length > MAX_CONTROL_BYTES => Err(CloseCode::Protocol),
            OpCode::Control(_) => Ok(mask),
            OpCode::Data(Data::Continue) if self.fragments.is_none() => Err(CloseCode::Protocol),
            OpCode::Data(Data::Text | Data::Binary) if self.fragments.is_some() => Err(CloseCode::Protocol),
            OpCode::Data(_) if gathered.saturating_add(length) > MAX_MESSAGE_BYTES as u64 => {
                Err(CloseCode::TooLarge)
            }
            OpCode::Data(_) => Ok(mask),
        }
    }

    fn take(&mut self, header: &FrameHeader, payload: Vec<u8>) -> Result<Option<Incoming>, CloseCode> {
        let (kind, message) = match header.opcode {
            OpCode::Control(Control::Ping) => return Ok(Some(Incoming::Ping(payload))),
            OpCode::Control(Control::Pong) => return Ok(Some(Incoming::Pong)),
            OpCode::Control(_) => return check_close(&payload).map(|()| Some(Incoming::Close)),
            OpCode::Data(Data::Text) => (Kind::Text, payload),
            OpCode::Data(Data::Binary) => (Kind::Binary, payload),
            OpCode::Data(_) => {
                let (kind, mut gathered) = self.fragments.take().ok_or(CloseCode::Protocol)?;
                gathered.extend_from_slice(&payload);
                (kind, gathered)
            }
        };
        if !header.is_final {
            self.fragments = Some((kind, message));
            return Ok(None);
        }
        if kind == Kind::Text && std::str::from_utf8(&message).is_err() {
            return Err(CloseCode::NotUtf8);
        }
        Ok(Some(Incoming::Message(kind, message)))
    }
}

/// Judges what a client closes with (RFC 6455, sections 5.5.1 and 7.4): nothing, or a code that may be sent and a text.
fn check_close(payload: &[u8]) -> Result<(), CloseCode> {
    if payload.is_empty() {
        return Ok(());
    }
    let (code, reason) = payload.split_first_chunk().ok_or(CloseCode::Protocol)?;
    // 1004 means nothing, 1005, 1006 and 1015 are never on the wire.
    if !matches!(u16::from_be_bytes(*code), 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(CloseCode::Protocol);
    }
    std::str::from_utf8(reason)
        .map(|_| ())
        .map_err(|_| CloseCode::NotUtf8)
}

/// A complete frame to send. Servers do not mask, so one frame serves all receivers.
pub(super) fn message(kind: Kind, payload: &[u8]) -> Bytes {
    frame(if kind == Kind::Text { 0x1 } else { 0x2 }, payload)
}

/// The answer to a ping.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    frame(0xa, payload)
}

/// A close frame with a code and a short reason.
pub(super) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.bytes().take(MAX_CONTROL_BYTES as usize - 2));
    frame(0x8, &payload)
}

/// RFC 6455, section 5.2: one byte of flags and opcode, then the length in 1, 3 or 9 bytes.
fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(0x80 | opcode);
    match payload.len() {
        // Each cast is within the range that its arm matches.
        length @ 0..=125 => frame.push(length as u8),
        length @ 126..=65_535 => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame.into()
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// A client's frame.
    fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame(0, payload).to_vec();
        bytes[0] = first;
        bytes[1] |= 0x80;
        let start = bytes.len() - payload.len();
        bytes.splice(start..start, MASK);
        unmask(&mut bytes[start + 4..], MASK);
        bytes
    }

    fn read_all(portions: &[&[u8]]) -> Result<Vec<Incoming>, CloseCode> {
        let mut reader = FrameReader::default();
        let mut complete = Vec::new();
        for portion in portions {
            reader.feed(portion, &mut complete)?;
        }
        Ok(complete)
    }

    #[test]
    fn frames_split_at_every_byte_are_the_same() {
        let mut bytes = client_frame(0x81, "안녕하세요".as_bytes());
        bytes.extend(client_frame(0x89, b"ping"));
        bytes.extend(client_frame(0x01, b"frag"));
        bytes.extend(client_frame(0x8a, b""));
        bytes.extend(client_frame(0x80, b"ment"));
        bytes.extend(client_frame(0x82, &[7; 300]));
        let whole = read_all(&[&bytes]).unwrap();
        assert_eq!(whole.len(), 5);
        assert_eq!(whole[3], Incoming::Message(Kind::Text, b"fragment".to_vec()));
        for split in 0..bytes.len() {
            assert_eq!(
                read_all(&[&bytes[..split], &bytes[split..]]).unwrap(),
                whole,
                "split at {split}"
            );
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read_all(&single).unwrap(), whole);
    }

    #[test]
    fn bad_frames_have_their_code() {
        let unmasked = frame(0x1, b"hi").to_vec();
        assert_eq!(read_all(&[&unmasked]), Err(CloseCode::Protocol));
        for first in [0xc1, 0xa1, 0x91, 0x83, 0x8b, 0x09, 0x80] {
            assert_eq!(
                read_all(&[&client_frame(first, b"x")]),
                Err(CloseCode::Protocol),
                "{first:#x}"
            );
        }
        assert_eq!(
            read_all(&[&client_frame(0x89, &[0; 126])]),
            Err(CloseCode::Protocol)
        );
        assert_eq!(read_all(&[&client_frame(0x81, &[0xff])]), Err(CloseCode::NotUtf8));
        let too_large = vec![b'x'; MAX_MESSAGE_BYTES + 1];
        assert_eq!(
            read_all(&[&client_frame(0x81, &too_large)[..14]]),
            Err(CloseCode::TooLarge)
        );
        let second_start = [client_frame(0x01, b"a"), client_frame(0x81, b"b")].concat();
        assert_eq!(read_all(&[&second_start]), Err(CloseCode::Protocol));
    }

    #[test]
    fn close_frames_are_judged() {
        let of = |code: u16, reason: &[u8]| [&code.to_be_bytes(), reason].concat();
        for good in [
            Vec::new(),
            of(1000, b""),
            of(1001, "잘 가".as_bytes()),
            of(3000, b""),
            of(4999, b"x"),
        ] {
            assert_eq!(
                read_all(&[&client_frame(0x88, &good)]),
                Ok(vec![Incoming::Close]),
                "{good:?}"
            );
        }
        for bad in [
            vec![3],
            of(999, b""),
            of(1004, b""),
            of(1005, b""),
            of(1006, b""),
            of(1015, b""),
            of(2999, b""),
            of(5000, b""),
        ] {
            assert_eq!(
                read_all(&[&client_frame(0x88, &bad)]),
                Err(CloseCode::Protocol),
                "{bad:?}"
            );
        }
        assert_eq!(
            read_all(&[&client_frame(0x88, &of(1000, &[0xff]))]),
            Err(CloseCode::NotUtf8)
        );
    }

    #[test]
    fn fragments_count_together() {
        let half = vec![b'x'; MAX_MESSAGE_BYTES / 2 + 1];
        let bytes = [client_frame(0x01, &half), client_frame(0x80, &half)].concat();
        assert_eq!(read_all(&[&bytes]), Err(CloseCode::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..512), split in 0_usize..512) {
            let split = split.min(bytes.len());
            let whole = read_all(&[&bytes]);
            let parts = read_all(&[&bytes[..split], &bytes[split..]]);
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn messages_round_trip(payload in proptest::collection::vec(any::<u8>(), 0..70_000)) {
            let expected = if payload.len() > MAX_MESSAGE_BYTES {
                Err(CloseCode::TooLarge)
            } else {
                Ok(vec![Incoming::Message(Kind::Binary, payload.clone())])
            };
            prop_assert_eq!(read_all(&[&client_frame(0x82, &payload)]), expected);
        }
    }
}
