//! A way between a node and a service that can be disturbed.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// How soon a proxy notices that it is to behave otherwise.
const TICK: Duration = Duration::from_millis(5);
const CHUNK: usize = 64 * 1024;

/// How a proxy behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Passing,
    /// Whatever is open is closed, and nobody is let in.
    Cut,
    /// Whoever comes is let in, and nothing is passed.
    Stalled,
    /// Each chunk waits for so long.
    Slow(Duration),
    /// The proxy has ended.
    Ended,
}

struct State {
    mode: Mode,
    open: Vec<TcpStream>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

/// A proxy, until it is dropped.
pub(crate) struct Proxy {
    /// Where it listens, whenever it does.
    pub(crate) address: SocketAddr,
    shared: Shared,
    thread: Option<thread::JoinHandle<()>>,
}

impl Proxy {
    /// Listens at a port, or at any for 0, for what listens at another.
    pub(crate) fn start(port: u16, service: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the proxy's port is free");
        let address = listener.local_addr().unwrap();
        let shared = Shared(Arc::new(Mutex::new(State {
            mode: Mode::Passing,
            open: Vec::new(),
        })));
        let accepting = shared.clone();
        let thread = thread::spawn(move || accepting.accept(listener, address, service));
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// Closes what is open, loses what is on its way, and refuses whoever comes.
    pub(crate) fn cut(&self) {
        self.shared.set(Mode::Cut);
        // Refused from now on, not from soon on.
        while TcpStream::connect(self.address).is_ok() {
            thread::sleep(TICK);
        }
    }

    /// Lets everybody in and passes nothing.
    pub(crate) fn stall(&self) {
        self.shared.set(Mode::Stalled);
    }

    /// Passes each chunk later.
    pub(crate) fn slow(&self, by: Duration) {
        self.shared.set(Mode::Slow(by));
    }

    /// Passes everything again, what was held back first.
    pub(crate) fn heal(&self) {
        self.shared.set(Mode::Passing);
        while TcpStream::connect(self.address).is_err() {
            thread::sleep(TICK);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.set(Mode::Ended);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn mode(&self) -> Mode {
        self.lock().mode
    }

    fn set(&self, mode: Mode) {
        let mut state = self.lock();
        state.mode = mode;
        if matches!(mode, Mode::Cut | Mode::Ended) {
            for socket in state.open.drain(..) {
                // The other side may have closed it.
                socket.shutdown(Shutdown::Both).ok();
            }
        }
    }

    /// Notes a socket that is to be closed with the others; `false` when it is too late for it.
    fn note(&self, sockets: [&TcpStream; 2]) -> bool {
        let mut state = self.lock();
        if matches!(state.mode, Mode::Cut | Mode::Ended) {
            return false;
        }
        let both: Result<Vec<_>, _> = sockets.into_iter().map(TcpStream::try_clone).collect();
        both.map(|both| state.open.extend(both)).is_ok()
    }

    fn accept(&self, listener: TcpListener, address: SocketAddr, service: SocketAddr) {
        let mut listener = Some(listener);
        loop {
            match self.mode() {
                Mode::Ended => return,
                Mode::Cut => listener = None,
                Mode::Passing | Mode::Stalled | Mode::Slow(_) if listener.is_none() => {
                    listener = TcpListener::bind(address).ok();
                }
                Mode::Passing | Mode::Stalled | Mode::Slow(_) => {}
            }
            if let Some(listener) = &listener {
                listener.set_nonblocking(true).unwrap();
                match listener.accept() {
                    Ok((client, _)) => {
                        let shared = self.clone();
                        thread::spawn(move || shared.connect(&client, service));
                        continue;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => panic!("the proxy cannot accept: {error}"),
                }
            }
            thread::sleep(TICK);
        }
    }

    fn connect(&self, client: &TcpStream, service: SocketAddr) {
        self.wait_while_stalled();
        // What is gone is gone: its client sees a closed connection, as it would without a proxy.
        let Ok(server) = TcpStream::connect(service) else {
            return;
        };
        if client.set_nonblocking(false).is_err() || !self.note([client, &server]) {
            return;
        }
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else {
            return;
        };
        let shared = self.clone();
        let there = thread::spawn(move || shared.pump(from, to));
        if let (Ok(from), Ok(to)) = (server.try_clone(), client.try_clone()) {
            self.pump(from, to);
        }
        there.join().ok();
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length) = from.read(&mut chunk) {
            self.wait_while_stalled();
            if let Mode::Slow(by) = self.mode() {
                thread::sleep(by);
            }
            if length == 0 || to.write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    }

    fn wait_while_stalled(&self) {
        while self.mode() == Mode::Stalled {
            thread::sleep(TICK);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A service that says everything again.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                thread::spawn(move || {
                    let (mut from, mut to) = (socket.try_clone().unwrap(), socket);
                    std::io::copy(&mut from, &mut to).ok();
                });
            }
        });
        address
    }

    fn said_again(socket: &mut TcpStream, what: &[u8]) -> bool {
        let mut answer = vec![0; what.len()];
        socket.write_all(what).is_ok() && socket.read_exact(&mut answer).is_ok() && answer == what
    }

    #[test]
    fn what_is_cut_is_closed_and_refused_until_it_heals() {
        let proxy = Proxy::start(0, echo());
        let mut socket = TcpStream::connect(proxy.address).unwrap();
        assert!(said_again(&mut socket, b"before"));
        proxy.cut();
        assert!(!said_again(&mut socket, b"cut"));
        assert!(TcpStream::connect(proxy.address).is_err());
        proxy.heal();
        let mut socket = TcpStream::connect(proxy.address).unwrap();
        assert!(said_again(&mut socket, b"after"));
    }

    #[test]
    fn what_is_stalled_arrives_when_it_heals() {
        let proxy = Proxy::start(0, echo());
        let mut socket = TcpStream::connect(proxy.address).unwrap();
        assert!(said_again(&mut socket, b"before"));
        proxy.stall();
        socket.write_all(b"held").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut answer = [0; 4];
        assert!(socket.read_exact(&mut answer).is_err());
        // Whoever comes now is let in.
        TcpStream::connect(proxy.address).unwrap();
        proxy.heal();
        socket.set_read_timeout(None).unwrap();
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"held");
    }

    #[test]
    fn what_is_slow_arrives_later() {
        let proxy = Proxy::start(0, echo());
        let mut socket = TcpStream::connect(proxy.address).unwrap();
        assert!(said_again(&mut socket, b"before"));
        proxy.slow(Duration::from_millis(50));
        let began = Instant::now();
        assert!(said_again(&mut socket, b"later"));
        assert!(began.elapsed() >= Duration::from_millis(100), "there and back");
    }
}
