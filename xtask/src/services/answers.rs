//! Whether a service answers: the shortest question of each protocol.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);

/// Whether PostgreSQL lets its user `postgres` in: while it starts, it answers with an error.
pub(super) fn postgresql(port: u16) -> bool {
    const VERSION_3: i32 = 196_608;
    let mut question = VERSION_3.to_be_bytes().to_vec();
    question.extend(b"user\0postgres\0\0");
    ask(port, &length_first(&question, true), 1).is_some_and(|answer| answer == b"R")
}

/// Whether a server answers `hello` in MongoDB's protocol.
pub(super) fn mongodb(port: u16) -> bool {
    const OP_MSG: i32 = 2013;
    let mut document = b"\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0".to_vec();
    let length = i32::try_from(document.len() + 4).unwrap_or_default();
    document.splice(..0, length.to_le_bytes());
    let mut message = Vec::new();
    for number in [1, 0, OP_MSG, 0] {
        message.extend(number.to_le_bytes());
    }
    // Kind 0: the one document follows.
    message.push(0);
    message.extend(document);
    let length = i32::try_from(message.len() + 4).unwrap_or_default();
    message.splice(..0, length.to_le_bytes());
    ask(port, &message, 16).is_some_and(|answer| answer[12..16] == OP_MSG.to_le_bytes())
}

/// Whether Kafka tells which requests it knows.
pub(super) fn kafka(port: u16) -> bool {
    const API_VERSIONS: i16 = 18;
    const CORRELATION: i32 = 7;
    const NO_CLIENT: i16 = -1;
    let mut question = API_VERSIONS.to_be_bytes().to_vec();
    question.extend(0_i16.to_be_bytes());
    question.extend(CORRELATION.to_be_bytes());
    question.extend(NO_CLIENT.to_be_bytes());
    ask(port, &length_first(&question, false), 8)
        .is_some_and(|answer| answer[4..8] == CORRELATION.to_be_bytes())
}

/// Whether Redis says that it is there.
pub(super) fn redis(port: u16) -> bool {
    ask(port, b"PING\r\n", 5).is_some_and(|answer| answer == b"+PONG")
}

/// Whether a node of Madang reads and writes.
pub(super) fn madang(port: u16) -> bool {
    let question = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    ask(port, question, 12).is_some_and(|answer| answer == b"HTTP/1.1 200")
}

fn length_first(question: &[u8], counts_itself: bool) -> Vec<u8> {
    let length = question.len() + if counts_itself { 4 } else { 0 };
    let mut message = i32::try_from(length).unwrap_or_default().to_be_bytes().to_vec();
    message.extend(question);
    message
}

fn ask(port: u16, question: &[u8], length: usize) -> Option<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    stream.write_all(question).ok()?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn another_answer_is_none() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            for stream in listener.incoming().take(5) {
                stream.unwrap().write_all(&[b'x'; 64]).unwrap();
            }
        });
        for answers in [postgresql, mongodb, kafka, redis, madang] {
            assert!(!answers(port));
        }
        server.join().unwrap();
        assert!(!redis(port), "nobody listens any more");
    }
}
