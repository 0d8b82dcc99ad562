//! One client of a crowd: it posts, writes down what comes, and goes on at another node when its own is gone.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, Message, WebSocket};

use super::super::history::{Acknowledged, Chain, Connection, Post, Record, stream_of};
use super::super::nodes::text;
use super::{HEARTBEAT, Habits, OPEN_LIMIT, READ_LIMIT, RETRY_PAUSE, Shared};

/// A post that was not answered yet.
pub(super) struct Pending {
    /// Its place among the client's posts.
    index: usize,
    nonce: String,
    /// Of the request that was sent last; `None` when none was sent on this connection.
    id: Option<u64>,
    sent_at: Instant,
    /// Not to be sent before.
    again_at: Instant,
}

pub(super) struct Client {
    pub(super) shared: Arc<Shared>,
    pub(super) number: usize,
    pub(super) token: String,
    pub(super) habits: Habits,
    pub(super) chain: Arc<Mutex<Chain>>,
    pub(super) posts: Arc<Mutex<Vec<Post>>>,
    pub(super) node: usize,
    pub(super) epoch: Option<String>,
    pub(super) pending: Option<Pending>,
    pub(super) next_id: u64,
    pub(super) due: Instant,
    pub(super) beaten_at: Instant,
}

/// The connection is of no use any more.
struct Gone;

impl From<Error> for Gone {
    fn from(_: Error) -> Self {
        Self
    }
}

impl Client {
    pub(super) fn live(mut self) {
        let mut is_first = true;
        while !self.is_over() {
            if !is_first {
                self.shared.reconnects.fetch_add(1, Ordering::AcqRel);
                self.node = (self.node + 1) % self.shared.addresses.len();
                thread::sleep(RETRY_PAUSE);
            }
            is_first = false;
            if let Some(pending) = &mut self.pending {
                pending.id = None;
            }
            // Whatever ended it, the next connection goes on from there.
            if let Ok(mut socket) = self.open() {
                while !self.is_over() && self.turn(&mut socket).is_ok() {}
                socket.close(None).ok();
                socket.flush().ok();
            }
        }
    }

    fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Acquire)
    }

    /// Connects, signs in and opens the rooms, or resumes where the last connection ended.
    fn open(&mut self) -> Result<WebSocket<TcpStream>, Gone> {
        let address = self.shared.addresses[self.node];
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).map_err(|_| Gone)?;
        stream.set_read_timeout(Some(OPEN_LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = format!("ws://{address}/gateway").into_client_request()?;
        let protocol = "madang.v1.json".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (mut socket, _) = tungstenite::client(request, stream).map_err(|_| Gone)?;
        self.chain.lock().unwrap().connections.push(Connection {
            node: self.node,
            records: Vec::new(),
        });
        let hello = self.read(&mut socket)?.ok_or(Gone)?;
        let epoch = text(&hello["data"]["epoch"]);
        let mut args = json!({ "token": self.token });
        let resumes = self.epoch.is_some();
        if resumes {
            args["resume"] = json!({ "epoch": epoch, "rooms": self.places(), "guilds": {} });
        }
        let ready = self.ask(&mut socket, "authenticate", args)?;
        assert_eq!(ready["resumed"], resumes, "{ready}");
        if !resumes {
            for room in self.shared.rooms.clone() {
                let opened = self.ask(&mut socket, "open", json!({ "room": room }))?;
                let rev = opened["head"]["rev"].as_u64().expect("a rev");
                self.chain.lock().unwrap().from.insert(stream_of(&room), rev);
            }
            self.shared.open.fetch_add(1, Ordering::AcqRel);
        }
        self.epoch = Some(epoch);
        socket.get_ref().set_read_timeout(Some(READ_LIMIT)).unwrap();
        Ok(socket)
    }

    /// How far this client came in each room.
    fn places(&self) -> BTreeMap<String, u64> {
        let chain = self.chain.lock().unwrap();
        let rooms = self.shared.rooms.iter();
        rooms
            .map(|room| (room.clone(), chain.last(&stream_of(room))))
            .collect()
    }

    /// Asks, and waits for the answer. An error ends the connection.
    fn ask(&mut self, socket: &mut WebSocket<TcpStream>, op: &str, args: Value) -> Result<Value, Gone> {
        let id = self.send(socket, op, &args)?;
        loop {
            if let Some(frame) = self.read(socket)?
                && frame["id"] == id
            {
                return match &frame["error"] {
                    Value::Null => Ok(frame["ok"].clone()),
                    error => {
                        self.refused(error);
                        Err(Gone)
                    }
                };
            }
        }
    }

    fn send(&mut self, socket: &mut WebSocket<TcpStream>, op: &str, args: &Value) -> Result<u64, Gone> {
        let id = self.next_id;
        self.next_id += 1;
        socket.send(Message::text(
            json!({ "id": id, "op": op, "args": args }).to_string(),
        ))?;
        Ok(id)
    }

    fn refused(&self, error: &Value) {
        let mut refusals = self.shared.refusals.lock().unwrap();
        *refusals.entry(text(&error["code"])).or_default() += 1;
    }

    /// The next frame; `None` when none comes soon. What is an event is noted as it came.
    fn read(&mut self, socket: &mut WebSocket<TcpStream>) -> Result<Option<Value>, Gone> {
        let frame: Value = match socket.read() {
            Ok(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
            Ok(Message::Close(_)) => return Err(Gone),
            Ok(_) => return Ok(None),
            Err(Error::Io(error)) if is_time_out(&error) => return Ok(None),
            Err(_) => return Err(Gone),
        };
        self.note(&frame);
        Ok(Some(frame))
    }

    fn note(&self, frame: &Value) {
        let is_reset = frame["signal"] == "reset" && frame["data"]["stream"].is_string();
        let record = if is_reset {
            Record {
                at: Instant::now(),
                stream: text(&frame["data"]["stream"]),
                rev: frame["data"]["head"]["rev"].as_u64().unwrap_or(0),
                kind: Record::RESET.to_owned(),
                seq: 0,
                text: String::new(),
            }
        } else if frame["rev"].is_u64()
            && frame["stream"]
                .as_str()
                .is_some_and(|name| name.starts_with("room:"))
        {
            Record {
                at: Instant::now(),
                stream: text(&frame["stream"]),
                rev: frame["rev"].as_u64().unwrap(),
                kind: text(&frame["kind"]),
                seq: frame["data"]["seq"].as_u64().unwrap_or(0),
                text: frame["data"]["text"].as_str().unwrap_or_default().to_owned(),
            }
        } else {
            return;
        };
        let mut chain = self.chain.lock().unwrap();
        let connection = chain.connections.last_mut().expect("the connection is open");
        connection.records.push(record);
    }

    /// Posts when it is time, and takes what comes.
    fn turn(&mut self, socket: &mut WebSocket<TcpStream>) -> Result<(), Gone> {
        if self.beaten_at.elapsed() > HEARTBEAT {
            self.beaten_at = Instant::now();
            self.send(socket, "heartbeat", &json!({}))?;
        }
        self.begin_post();
        self.send_post(socket)?;
        if let Some(frame) = self.read(socket)? {
            self.take_answer(&frame);
        }
        Ok(())
    }

    fn begin_post(&mut self) {
        let Some(pace) = self.habits.pace else { return };
        let said = self.posts.lock().unwrap().len();
        let may_talk = self.shared.is_complete() && !self.shared.quiet.load(Ordering::Acquire);
        if !may_talk || said >= self.habits.posts || self.pending.is_some() || Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + pace;
        let rooms = &self.shared.rooms;
        let now = Instant::now();
        self.posts.lock().unwrap().push(Post {
            room: rooms[(self.number + said) % rooms.len()].clone(),
            text: format!("{said} by client {}", self.number),
            node: self.node,
            sent_at: now,
            acknowledged: None,
        });
        self.pending = Some(Pending {
            index: said,
            nonce: nonce(),
            id: None,
            sent_at: now,
            again_at: now,
        });
    }

    /// Sends the post under way, unless that was done on this connection.
    fn send_post(&mut self, socket: &mut WebSocket<TcpStream>) -> Result<(), Gone> {
        let Some(pending) = &self.pending else {
            return Ok(());
        };
        if pending.id.is_some() {
            let has_patience = pending.sent_at.elapsed() < self.habits.patience;
            return if has_patience { Ok(()) } else { Err(Gone) };
        }
        if Instant::now() < pending.again_at {
            return Ok(());
        }
        let args = {
            let post = &self.posts.lock().unwrap()[pending.index];
            json!({ "room": post.room, "text": post.text, "nonce": pending.nonce })
        };
        let id = self.send(socket, "post", &args)?;
        if let Some(pending) = &mut self.pending {
            pending.id = Some(id);
            pending.sent_at = Instant::now();
        }
        Ok(())
    }

    fn take_answer(&mut self, frame: &Value) {
        let Some(pending) = &mut self.pending else { return };
        if pending.id.is_none_or(|id| frame["id"] != id) {
            return;
        }
        if frame["error"].is_null() {
            let message = &frame["ok"]["message"];
            self.posts.lock().unwrap()[pending.index].acknowledged = Some(Acknowledged {
                at: Instant::now(),
                seq: message["seq"].as_u64().expect("a seq"),
                rev: message["rev"].as_u64().expect("a rev"),
                text: text(&message["text"]),
            });
            self.pending = None;
            return;
        }
        let code = frame["error"]["code"].as_str();
        assert!(
            matches!(code, Some("unavailable" | "rate_limited")),
            "a post is refused: {frame}"
        );
        pending.id = None;
        pending.again_at = Instant::now() + 4 * RETRY_PAUSE;
        self.refused(&frame["error"]);
    }
}

fn is_time_out(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

/// A ULID of now.
fn nonce() -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let random: u128 = rand::random();
    let value = (now << 80) | (random >> 48);
    let digit = |place: u32| char::from(DIGITS[((value >> (5 * place)) & 31) as usize]);
    (0..26).rev().map(digit).collect()
}
