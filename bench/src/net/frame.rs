//! WebSocket frames (RFC 6455), as little of them as a client needs.

/// The opcode of a closing frame.
pub(crate) const CLOSE: u8 = 8;

/// One frame that arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// What kind it is.
    pub(crate) opcode: u8,
    /// What it carries.
    pub(crate) payload: &'a [u8],
    /// How many bytes it takes with its header.
    pub(crate) length: usize,
}

impl Frame<'_> {
    /// The code of a closing frame; 1005 stands for none, as in RFC 6455.
    pub(crate) fn close_code(&self) -> Option<u16> {
        let code = self
            .payload
            .first_chunk()
            .map_or(1005, |code| u16::from_be_bytes(*code));
        (self.opcode == CLOSE).then_some(code)
    }
}

/// The first frame in the bytes, once it is complete. Servers do not mask and Madang does not fragment.
pub(crate) fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match head[1] & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    Some(Frame {
        opcode: head[0] & 0x0f,
        payload: rest.get(..length)?,
        length: bytes.len() - rest.len() + length,
    })
}

/// A text frame from a client. The mask is zero, which leaves the payload as it is: the server unmasks all the same, and
/// the client saves the work.
pub(crate) fn from_client(text: &str) -> Vec<u8> {
    let mut frame = header(text.len(), 0x80);
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// A text frame as a server sends it.
pub(crate) fn from_server(text: &str) -> Vec<u8> {
    let mut frame = header(text.len(), 0);
    frame.extend(text.as_bytes());
    frame
}

fn header(length: usize, mask: u8) -> Vec<u8> {
    let mut header = vec![0x81];
    if let Ok(short) = u8::try_from(length)
        && short < 126
    {
        header.push(mask | short);
    } else if let Ok(medium) = u16::try_from(length) {
        header.push(mask | 126);
        header.extend(medium.to_be_bytes());
    } else {
        header.push(mask | 127);
        header.extend((length as u64).to_be_bytes());
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back_whole_and_never_early() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let text = "x".repeat(length);
            let mut bytes = from_server(&text);
            let whole = bytes.len();
            bytes.extend(b"next");
            let frame = first(&bytes).unwrap();
            assert_eq!(
                (frame.opcode, frame.payload.len(), frame.length),
                (1, length, whole)
            );
            for part in [0, 1, 2, whole / 2, whole - 1] {
                assert!(
                    part >= whole || first(&bytes[..part]).is_none(),
                    "{part} of {whole}"
                );
            }
        }
    }

    #[test]
    fn a_closing_frame_tells_its_code() {
        assert_eq!(first(&[0x88, 2, 0x0f, 0xa4]).unwrap().close_code(), Some(4004));
        assert_eq!(first(&[0x88, 0]).unwrap().close_code(), Some(1005));
        assert_eq!(first(&[0x81, 0]).unwrap().close_code(), None);
    }
}
