//! Opening many sockets to one address.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;
use socket2::{Domain, Protocol, Socket, Type};

/// How many connections share a source address. One address has some 28,000 ports, fewer right after another run.
const PER_SOURCE: usize = 4_000;
/// How long any answer may take before the run counts as failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a client's network looks to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// The machine's own loopback as it is.
    Loopback,
    /// Small segments and a small receive buffer, as behind a slow line: without them the kernel buffers megabytes for
    /// a reader that has stopped.
    Narrow,
}

/// Connects. Each few thousand connections have a source address of their own.
pub(crate) fn connect(target: SocketAddr, index: usize, network: Network) -> anyhow::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    if network == Network::Narrow {
        socket.set_recv_buffer_size(4 * 1024)?;
        socket.set_tcp_mss(1_400)?;
    }
    // Closing by a reset leaves no port behind in TIME_WAIT.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    if target.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        let last = u8::try_from(2 + index / PER_SOURCE).context("too many connections for one machine")?;
        let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
        socket.bind(&source.into())?;
    }
    socket
        .connect(&target.into())
        .with_context(|| format!("connection {index} to {target} was refused"))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// Upgrades to a WebSocket; answers what arrived behind the handshake.
pub(crate) fn upgrade(stream: &mut TcpStream, target: SocketAddr) -> anyhow::Result<Vec<u8>> {
    // The key only proves that the peer speaks the protocol, which this client knows.
    let request = format!(
        "GET /gateway HTTP/1.1\r\nHost: {target}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: madang.v1.json\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            anyhow::ensure!(
                answer.starts_with(b"HTTP/1.1 101 "),
                "the handshake was refused: {}",
                String::from_utf8_lossy(&answer)
            );
            return Ok(answer.split_off(end + 4));
        }
        let read = stream.read(&mut buffer)?;
        anyhow::ensure!(read > 0, "the connection ended during the handshake");
        answer.extend_from_slice(&buffer[..read]);
    }
}
