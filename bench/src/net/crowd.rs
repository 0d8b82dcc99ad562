//! Many connections that one thread reads. Nothing is parsed but the frames' headers, and all share one buffer.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::frame::{self, Frame};
use crate::machine::clock;

/// How much is read at a time.
const READ_BYTES: usize = 64 * 1024;

/// Takes what a crowd receives.
pub(crate) trait Sink {
    /// A frame arrived for a member, at a moment of [`clock::now`].
    fn frame(&mut self, member: usize, frame: &Frame<'_>, now: u64);

    /// A member's connection ended.
    fn ended(&mut self, member: usize);
}

struct Member {
    stream: mio::net::TcpStream,
    /// The beginning of a frame whose rest has not arrived.
    pending: Vec<u8>,
}

/// The connections.
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    buffer: Vec<u8>,
}

impl Crowd {
    /// Nobody.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            members: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Takes a connection in, with what was read of it already; answers its number.
    pub(crate) fn add(&mut self, stream: TcpStream, pending: Vec<u8>) -> anyhow::Result<usize> {
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        let number = self.members.len();
        self.poll
            .registry()
            .register(&mut stream, Token(number), Interest::READABLE)?;
        self.members.push(Member { stream, pending });
        Ok(number)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Writes for a member. A server that takes nothing for long is an error.
    pub(crate) fn write(&mut self, member: usize, bytes: &[u8]) -> io::Result<()> {
        write_whole(&mut self.members[member].stream, bytes)
    }

    /// Waits until something arrives or the time is up, and hands on what arrived.
    pub(crate) fn pump(&mut self, within: Duration, sink: &mut impl Sink) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(within)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let number = event.token().0;
            if let Some(member) = self.members.get_mut(number) {
                member.read(number, &mut self.buffer, sink);
            }
        }
        Ok(())
    }

    /// Pumps until a moment of [`clock::now`] or until the sink has enough.
    pub(crate) fn pump_until<S: Sink>(
        &mut self,
        deadline: u64,
        sink: &mut S,
        enough: impl Fn(&S) -> bool,
    ) -> anyhow::Result<()> {
        while !enough(sink) && clock::now() < deadline {
            self.pump(clock::until(deadline).min(Duration::from_millis(100)), sink)?;
        }
        Ok(())
    }

    /// Says for everybody that they are still there, so that the server does not close what was idle for long.
    pub(crate) fn heartbeat(&mut self) -> anyhow::Result<()> {
        // Far above the numbers of other requests.
        let beat = frame::from_client(r#"{"id":9000000000,"op":"heartbeat"}"#);
        for member in 0..self.len() {
            self.write(member, &beat)?;
        }
        self.pump_until(clock::now() + 1_000_000_000, &mut Forget, |_| false)
    }
}

impl Member {
    fn read(&mut self, number: usize, buffer: &mut [u8], sink: &mut impl Sink) {
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return sink.ended(number),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return sink.ended(number),
            };
            let now = clock::now();
            if self.pending.is_empty() {
                let used = deliver(&buffer[..read], number, now, sink);
                self.pending.extend_from_slice(&buffer[used..read]);
            } else {
                self.pending.extend_from_slice(&buffer[..read]);
                let used = deliver(&self.pending, number, now, sink);
                self.pending.drain(..used);
            }
            // A short read has emptied the socket (epoll(7)); one more call to learn the same would cost every delivery.
            if read < buffer.len() {
                return;
            }
        }
    }
}

fn deliver(bytes: &[u8], number: usize, now: u64, sink: &mut impl Sink) -> usize {
    let mut used = 0;
    while let Some(frame) = frame::first(&bytes[used..]) {
        sink.frame(number, &frame, now);
        used += frame.length;
    }
    used
}

/// Writes all of it to a socket that does not block.
pub(crate) fn write_whole(stream: &mut impl io::Write, mut bytes: &[u8]) -> io::Result<()> {
    let deadline = clock::now() + 10_000_000_000;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && clock::now() < deadline => {
                std::thread::sleep(Duration::from_micros(100));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A sink that wants nothing.
pub(crate) struct Forget;

impl Sink for Forget {
    fn frame(&mut self, _: usize, _: &Frame<'_>, _: u64) {}

    fn ended(&mut self, _: usize) {}
}
