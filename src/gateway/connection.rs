//! One socket after its handshake: the one connection type of all protocols over WebSocket.
//!
//! There is no buffer while it is idle. A frame for it is written at once by whoever has it; only what does not fit is
//! queued, and from then on everything else behind it, until the connection's own task has written it all.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::Interest;
use tokio::sync::Notify;

use super::close::CloseCode;
use super::frame::{self, FrameReader, Incoming};
use crate::tls::Socket;

/// How much is read at a time. The buffer belongs to the thread, not to the connection.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    static READ_BUFFER: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; READ_BYTES]);
}

/// A socket, and what waits to be written to it.
pub(super) struct Connection {
    /// Tells connections apart.
    pub(super) number: u64,
    stream: Socket,
    outbox: Mutex<Outbox>,
    /// Wakes the connection's task: something is queued, or it is closing.
    wake: Notify,
    /// When the client was last heard of, in milliseconds since `started`.
    heard: AtomicU64,
    started: Instant,
    max_queue_bytes: usize,
}

#[derive(Default)]
struct Outbox {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// How much of what waits are answers. The client asked for them, so they do not count against the bound; and as a
    /// connection carries out one request at a time, there are few.
    answers: usize,
    closing: Option<Instant>,
    /// The client has said that it closes, too: nothing more comes from it.
    peer_closed: bool,
    /// Nothing is written any more.
    dead: bool,
}

/// What the connection's task waits for.
pub(super) enum Input {
    /// Something arrived; these are the complete messages of it.
    Incoming(Vec<Incoming>),
    /// The peer is gone, or the connection was closed and is done.
    Ended,
    /// The client broke the protocol.
    Broken(CloseCode),
}

impl Connection {
    pub(super) fn new(number: u64, stream: Socket, max_queue_bytes: usize) -> Self {
        Self {
            number,
            stream,
            outbox: Mutex::default(),
            wake: Notify::new(),
            heard: AtomicU64::new(0),
            started: Instant::now(),
            max_queue_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a frame, or queues what does not fit. Never blocks. Over its bound the connection is closed: the client
    /// resumes and loses nothing.
    pub(super) fn send(&self, frame: &Bytes) {
        let mut outbox = self.lock();
        if outbox.dead || outbox.closing.is_some() {
            return;
        }
        self.write_or_queue(&mut outbox, frame.clone());
        if outbox.bytes > self.max_queue_bytes + outbox.answers {
            self.begin_close(&mut outbox, CloseCode::TooSlow);
        }
    }

    /// Writes or queues the answer to a request, however long it is.
    pub(super) fn answer(&self, frame: &Bytes) {
        let mut outbox = self.lock();
        if outbox.dead || outbox.closing.is_some() {
            return;
        }
        let before = outbox.bytes;
        self.write_or_queue(&mut outbox, frame.clone());
        outbox.answers += outbox.bytes - before;
    }

    /// Closes the connection once what is queued was sent.
    pub(super) fn close(&self, code: CloseCode) {
        let mut outbox = self.lock();
        if !outbox.dead && outbox.closing.is_none() {
            self.begin_close(&mut outbox, code);
        }
    }

    /// Notes that the client closes; it is answered with `code`.
    pub(super) fn closed_by_peer(&self, code: CloseCode) {
        self.lock().peer_closed = true;
        self.close(code);
    }

    /// Whether nothing that the client still asks for can be answered.
    pub(super) fn is_over(&self) -> bool {
        let outbox = self.lock();
        outbox.dead || outbox.closing.is_some()
    }

    /// Ends a closing connection that takes longer than `within` to take its last frames and close.
    pub(super) fn enforce_close(&self, now: Instant, within: Duration) {
        let mut outbox = self.lock();
        if outbox
            .closing
            .is_some_and(|since| now.duration_since(since) > within)
        {
            outbox.dead = true;
            self.wake.notify_one();
        }
    }

    /// How long nothing was heard of the client.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        now.duration_since(self.started).saturating_sub(heard)
    }

    /// How long the connection exists.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.duration_since(self.started)
    }

    /// How much waits to be written, in bytes.
    pub(super) fn queued_bytes(&self) -> usize {
        self.lock().bytes
    }

    fn begin_close(&self, outbox: &mut Outbox, code: CloseCode) {
        // What waits behind a slow reader will be resumed, but a frame that was begun must be finished.
        if code == CloseCode::TooSlow {
            outbox.queue.truncate(1);
            outbox.bytes = outbox.queue.front().map_or(0, Bytes::len);
        }
        self.write_or_queue(outbox, frame::close(code.number(), code.reason()));
        outbox.closing = Some(Instant::now());
        self.wake.notify_one();
    }

    fn write_or_queue(&self, outbox: &mut Outbox, mut frame: Bytes) {
        if outbox.queue.is_empty() {
            match self.stream.try_write(&frame) {
                Ok(written) if written == frame.len() => {
                    // Taken, but not all of it sent: that is left to the task.
                    if self.stream.try_flush().is_err() {
                        self.wake.notify_one();
                    }
                    return;
                }
                Ok(written) => frame.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    // The task finds the same error when it reads, and ends.
                    outbox.dead = true;
                    self.wake.notify_one();
                    return;
                }
            }
            self.wake.notify_one();
        }
        outbox.bytes += frame.len();
        outbox.queue.push_back(frame);
    }

    /// Writes what is queued as far as it fits; answers whether anything is left.
    fn flush(&self) -> bool {
        let mut outbox = self.lock();
        while let Some(frame) = outbox.queue.front_mut() {
            match self.stream.try_write(frame) {
                Ok(written) => {
                    let done = written == frame.len();
                    frame.advance(written);
                    outbox.bytes -= written;
                    if done {
                        outbox.queue.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(_) => {
                    outbox.dead = true;
                    return false;
                }
            }
        }
        outbox.answers = 0;
        // An idle connection keeps no memory for a queue.
        outbox.queue.shrink_to_fit();
        match self.stream.try_flush() {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(_) => {
                outbox.dead = true;
                false
            }
        }
    }

    /// Waits until everything queued is written, or the connection is given up. For whoever has much to send, and would
    /// otherwise overrun the bound.
    pub(super) async fn drained(&self) {
        while self.flush() && !self.lock().dead {
            tokio::select! {
                writable = self.stream.ready(Interest::WRITABLE) => if writable.is_err() { return },
                () = self.wake.notified() => {}
            }
        }
    }

    /// Waits for the next messages. Writes what is queued meanwhile.
    pub(super) async fn next(&self, reader: &mut FrameReader) -> Input {
        loop {
            let queued = self.flush();
            let (ended, closing) = {
                let outbox = self.lock();
                // After both close frames the server is the one that ends the connection (RFC 6455, section 7.1.1).
                let done = outbox.closing.is_some() && outbox.peer_closed && !queued;
                (outbox.dead || done, outbox.closing.is_some())
            };
            if ended {
                return Input::Ended;
            }
            let interest = if queued {
                Interest::READABLE | Interest::WRITABLE
            } else {
                Interest::READABLE
            };
            tokio::select! {
                ready = self.stream.ready(interest) => if ready.is_err() { return Input::Ended },
                () = self.wake.notified() => continue,
            }
            let mut complete = Vec::new();
            match self.read(reader, &mut complete) {
                Ok(true) if closing => self.lock().peer_closed |= complete.contains(&Incoming::Close),
                Ok(true) if complete.is_empty() => {}
                Ok(true) => return Input::Incoming(complete),
                Ok(false) => {}
                // Nothing of it matters any more.
                Err(Some(_)) if closing => reader.clear(),
                Err(Some(code)) => return Input::Broken(code),
                Err(None) => return Input::Ended,
            }
        }
    }

    /// Reads once. `Ok(false)` when nothing was there, `Err(None)` at the end, `Err(Some)` for a breach.
    fn read(
        &self,
        reader: &mut FrameReader,
        complete: &mut Vec<Incoming>,
    ) -> Result<bool, Option<CloseCode>> {
        READ_BUFFER.with_borrow_mut(|buffer| match self.stream.try_read(buffer) {
            Ok(0) => Err(None),
            Ok(read) => {
                let heard = self.started.elapsed().as_millis();
                self.heard
                    .store(u64::try_from(heard).unwrap_or(u64::MAX), Ordering::Relaxed);
                reader
                    .feed(&buffer[..read], complete)
                    .map(|()| true)
                    .map_err(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(_) => Err(None),
        })
    }
}
