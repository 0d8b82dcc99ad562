//! Our own yardstick: the least that a server can do. One thread waits in epoll and does one `write(2)` for each receiver
//! of each message. It keeps no history, checks nobody and encodes nothing; what it costs is what the kernel costs.
//!
//! A client says in its first byte what it is, and hears a greeting once it counts. What a publisher sends are frames as a
//! server would send them, which go to every subscriber as they are.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::Command;

use clap::Args;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::net::connect::{self, Network};
use crate::net::frame;
use crate::server::Process;

const SUBSCRIBE: u8 = b'S';
const PUBLISH: u8 = b'P';
const LISTENER: Token = Token(usize::MAX);

/// The yardstick's server. Called by the benchmarks.
#[derive(Args)]
pub(crate) struct Arguments {}

/// Starts the yardstick as a process of its own.
pub(crate) fn start() -> anyhow::Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("floor-server");
    Process::start(command)
}

/// Connects as a subscriber.
pub(crate) fn subscribe(address: SocketAddr, index: usize) -> anyhow::Result<std::net::TcpStream> {
    join(address, index, SUBSCRIBE)
}

/// Connects as a publisher.
pub(crate) fn publish(address: SocketAddr, index: usize) -> anyhow::Result<std::net::TcpStream> {
    join(address, index, PUBLISH)
}

fn join(address: SocketAddr, index: usize, role: u8) -> anyhow::Result<std::net::TcpStream> {
    let mut stream = connect::connect(address, index, Network::Loopback)?;
    stream.write_all(&[role])?;
    let mut greeting = vec![0; greeting().len()];
    stream.read_exact(&mut greeting)?;
    Ok(stream)
}

fn greeting() -> Vec<u8> {
    frame::from_server("hello")
}

struct Peer {
    stream: TcpStream,
    role: Option<u8>,
    /// The beginning of a publisher's next frame.
    pending: Vec<u8>,
}

/// Serves until it is killed.
#[allow(clippy::print_stdout, reason = "the parent process reads it")]
pub(crate) fn run(_: &Arguments) -> anyhow::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&poll, &listener, &mut peers)?;
                continue;
            }
            let number = event.token().0;
            let Some(peer) = peers.get_mut(number).and_then(Option::as_mut) else {
                continue;
            };
            match peer.read(&mut buffer) {
                Ok(frames) if frames.is_empty() => {}
                Ok(frames) => deliver(&mut peers, &frames),
                Err(_) => peers[number] = None,
            }
        }
    }
}

fn accept(poll: &Poll, listener: &TcpListener, peers: &mut Vec<Option<Peer>>) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        poll.registry()
            .register(&mut stream, Token(peers.len()), Interest::READABLE)?;
        peers.push(Some(Peer {
            stream,
            role: None,
            pending: Vec::new(),
        }));
    }
}

impl Peer {
    /// Reads all there is; answers the whole frames that a publisher sent.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        loop {
            let mut bytes = match self.stream.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => &buffer[..read],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(frames),
                Err(error) => return Err(error),
            };
            if self.role.is_none() {
                self.role = bytes.first().copied();
                bytes = &bytes[1..];
                self.stream.write_all(&greeting())?;
            }
            if self.role == Some(PUBLISH) {
                self.pending.extend_from_slice(bytes);
                while let Some(frame) = frame::first(&self.pending) {
                    let length = frame.length;
                    frames.push(self.pending.drain(..length).collect());
                }
            }
        }
    }
}

fn deliver(peers: &mut [Option<Peer>], frames: &[Vec<u8>]) {
    for frame in frames {
        for place in peers.iter_mut() {
            let Some(peer) = place else { continue };
            if peer.role != Some(SUBSCRIBE) {
                continue;
            }
            // There is no queue: who does not read fast enough is dropped.
            let written = peer.stream.write(frame);
            if !written.is_ok_and(|written| written == frame.len()) {
                *place = None;
            }
        }
    }
}
