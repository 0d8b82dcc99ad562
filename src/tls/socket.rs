//! A socket, in the clear or encrypted: the one type that HTTP and the gateway read and write.
//!
//! Both kinds can be used without waiting (`try_read`, `try_write`), by whoever has something to send, as well as by a
//! task that waits. What an encrypted socket has encrypted and could not send yet is never more than one write's worth.

use std::io::{self, Read as _, Write as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::TcpStream;

/// How many times in a row a socket is read for records that carry nothing, before others get a turn.
const MAX_EMPTY_READS: usize = 16;

/// One end of a connection.
pub struct Socket(Kind);

enum Kind {
    Plain(TcpStream),
    Encrypted(Box<Encrypted>),
}

struct Encrypted {
    stream: TcpStream,
    state: Mutex<Connection>,
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self(Kind::Plain(stream))
    }
}

impl Socket {
    /// Shakes hands with a client that has connected. How long it may take is the caller's business.
    pub async fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let state = ServerConnection::new(config).map_err(io::Error::other)?;
        Self::encrypted(stream, Connection::Server(state)).await
    }

    /// Shakes hands with a server that was connected to, which must prove its name.
    pub async fn connect(
        stream: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let state = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Self::encrypted(stream, Connection::Client(state)).await
    }

    async fn encrypted(stream: TcpStream, state: Connection) -> io::Result<Self> {
        let encrypted = Encrypted {
            stream,
            state: Mutex::new(state),
        };
        while let Some(interest) = encrypted.shake_hands()? {
            encrypted.stream.ready(interest).await?;
        }
        Ok(Self(Kind::Encrypted(Box::new(encrypted))))
    }

    /// Reads what is there. `WouldBlock` means that `ready` tells when there is more.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Kind::Plain(stream) => stream.try_read(buffer),
            Kind::Encrypted(encrypted) => encrypted.try_read(buffer),
        }
    }

    /// Writes as much as fits. What was taken may still have to be sent: see `try_flush`.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Kind::Plain(stream) => stream.try_write(bytes),
            Kind::Encrypted(encrypted) => encrypted.try_write(bytes),
        }
    }

    /// Sends what was taken. `WouldBlock` means that some of it is left.
    pub fn try_flush(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Plain(_) => Ok(()),
            Kind::Encrypted(encrypted) => send(&mut encrypted.lock(), &encrypted.stream),
        }
    }

    /// Waits until the socket can be read or written.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.stream().ready(interest).await
    }

    fn stream(&self) -> &TcpStream {
        match &self.0 {
            Kind::Plain(stream) => stream,
            Kind::Encrypted(encrypted) => &encrypted.stream,
        }
    }
}

impl Encrypted {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with the handshake; answers what must happen first, or nothing when it is done.
    fn shake_hands(&self) -> io::Result<Option<Interest>> {
        let mut state = self.lock();
        loop {
            match send(&mut state, &self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Some(Interest::WRITABLE));
                }
                sent => sent?,
            }
            if !state.is_handshaking() {
                return Ok(None);
            }
            match receive(&mut state, &self.stream) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Some(Interest::READABLE));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What was decrypted is handed out before anything is read: so nothing readable is ever left behind when the
    /// stream says that it would block, and waiting for the stream is enough.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.lock();
        for _ in 0..MAX_EMPTY_READS {
            match state.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            receive(&mut state, &self.stream)?;
            // The protocol answers some records by itself. What does not fit goes out before the next write.
            or_later(send(&mut state, &self.stream))?;
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        send(&mut state, &self.stream)?;
        let taken = state.writer().write(bytes)?;
        or_later(send(&mut state, &self.stream))?;
        Ok(taken)
    }

    fn say_goodbye(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.send_close_notify();
        send(&mut state, &self.stream)
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        // So that the other end can tell the end from a cut. Whoever does not read does not hear it.
        self.say_goodbye().ok();
    }
}

/// Sends what is encrypted; `WouldBlock` when some of it is left.
fn send(state: &mut Connection, stream: &TcpStream) -> io::Result<()> {
    while state.wants_write() {
        if state.write_tls(&mut Raw(stream))? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

fn or_later(sent: io::Result<()>) -> io::Result<()> {
    match sent {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        sent => sent,
    }
}

/// Reads once and decrypts it; answers how much was read, encrypted.
fn receive(state: &mut Connection, stream: &TcpStream) -> io::Result<usize> {
    let read = state.read_tls(&mut Raw(stream))?;
    if let Err(error) = state.process_new_packets() {
        // It is told why; that it hears it is not needed.
        send(state, stream).ok();
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    Ok(read)
}

/// The stream as what rustls reads and writes.
struct Raw<'a>(&'a TcpStream);

impl io::Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl io::Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tries, and waits while it would block.
fn poll<T>(
    context: &mut Context<'_>,
    wait: impl Fn(&mut Context<'_>) -> Poll<io::Result<()>>,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(wait(context))?,
            done => return Poll::Ready(done),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let encrypted = match &mut self.0 {
            Kind::Plain(stream) => return Pin::new(stream).poll_read(context, buffer),
            Kind::Encrypted(encrypted) => encrypted,
        };
        let wait = |context: &mut Context<'_>| encrypted.stream.poll_read_ready(context);
        let read = ready!(poll(context, wait, || {
            encrypted.try_read(buffer.initialize_unfilled())
        }))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Kind::Encrypted(encrypted) => {
                let wait = |context: &mut Context<'_>| encrypted.stream.poll_write_ready(context);
                poll(context, wait, || encrypted.try_write(bytes))
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Kind::Encrypted(_) => {
                let first = parts.iter().find(|part| !part.is_empty());
                self.poll_write(context, first.map_or(&[], |part| part))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self.0, Kind::Plain(_))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_flush(context),
            Kind::Encrypted(encrypted) => {
                let wait = |context: &mut Context<'_>| encrypted.stream.poll_write_ready(context);
                poll(context, wait, || send(&mut encrypted.lock(), &encrypted.stream))
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Encrypted(encrypted) => {
                let wait = |context: &mut Context<'_>| encrypted.stream.poll_write_ready(context);
                ready!(poll(context, wait, || encrypted.say_goodbye()))?;
                Pin::new(&mut encrypted.stream).poll_shutdown(context)
            }
        }
    }
}
