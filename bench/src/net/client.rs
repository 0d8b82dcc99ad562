//! One patient connection to the gateway: asks, waits for the answer, and keeps what is pushed meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::connect::{self, Network};
use super::frame;

/// A connection that waits.
pub(crate) struct Client {
    stream: TcpStream,
    pending: Vec<u8>,
    next_id: u64,
    /// The epoch, from the server's greeting.
    pub(crate) epoch: Value,
    /// What was pushed, in order: events and signals.
    pub(crate) pushed: Vec<Value>,
}

/// What arrives.
#[derive(Debug)]
pub(crate) enum Received {
    /// A map of the protocol.
    Map(Value),
    /// The server closed the connection; `None` when it did so without a word.
    Closed(Option<u16>),
}

impl Client {
    /// Connects and waits for the greeting. `index` tells connections apart.
    pub(crate) fn connect(target: SocketAddr, index: usize, network: Network) -> anyhow::Result<Self> {
        let mut stream = connect::connect(target, index, network)?;
        let pending = connect::upgrade(&mut stream, target)?;
        let mut client = Self {
            stream,
            pending,
            next_id: 1,
            epoch: Value::Null,
            pushed: Vec::new(),
        };
        match client.receive()? {
            Received::Map(hello) if hello["signal"] == "hello" => {
                client.epoch = hello["data"]["epoch"].clone();
                Ok(client)
            }
            other => anyhow::bail!("expected a greeting, found {other:?}"),
        }
    }

    /// Connects and authenticates; answers the snapshot, too.
    pub(crate) fn sign_in(target: SocketAddr, index: usize, token: &str) -> anyhow::Result<(Self, Value)> {
        let mut client = Self::connect(target, index, Network::Loopback)?;
        let ready = client.request("authenticate", json!({"token": token}))?;
        Ok((client, ready))
    }

    /// Asks, and waits for the answer.
    pub(crate) fn request(&mut self, op: &str, args: Value) -> anyhow::Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({"id": id, "op": op, "args": args}).to_string();
        self.stream.write_all(&frame::from_client(&request))?;
        loop {
            match self.receive()? {
                Received::Map(mut answer) if answer["id"] == id => {
                    anyhow::ensure!(answer.get("error").is_none(), "{op} was refused: {answer}");
                    return Ok(answer["ok"].take());
                }
                Received::Map(pushed) => self.pushed.push(pushed),
                Received::Closed(code) => anyhow::bail!("closed with {code:?} instead of answering {op}"),
            }
        }
    }

    /// The next thing that arrives.
    pub(crate) fn receive(&mut self) -> anyhow::Result<Received> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(frame) = frame::first(&self.pending) {
                let length = frame.length;
                if let Some(code) = frame.close_code() {
                    return Ok(Received::Closed(Some(code)));
                }
                let map = serde_json::from_slice(frame.payload).context("the server sent no JSON")?;
                self.pending.drain(..length);
                return Ok(Received::Map(map));
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(Received::Closed(None)),
                Ok(read) => self.pending.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Ok(Received::Closed(None));
                }
                Err(error) => return Err(error).context("the server said nothing for too long"),
            }
        }
    }

    /// The socket, and what was read of it beyond the last answer.
    pub(crate) fn into_socket(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.pending)
    }
}
