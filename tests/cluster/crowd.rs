//! Clients that follow rooms, post there, and go on at another node when theirs is gone.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, Message, WebSocket};

use super::history::{Acknowledged, Chain, Connection, History, Pages, Post, Record, Stored, stream_of};
use super::nodes::{Nodes, Person, Place, text, wait_until};
use super::rest::call;

/// How long opening a connection may take.
const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// How long a client sleeps when nothing comes; it must not wake too often among a hundred.
const READ_LIMIT: Duration = Duration::from_millis(15);
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const HEARTBEAT: Duration = Duration::from_secs(10);
const OPEN_ROOMS_LIMIT: usize = 16;

/// What a client does.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    /// At which node it begins.
    pub(crate) node: usize,
    /// How often it posts; never for `None`.
    pub(crate) pace: Option<Duration>,
    /// After how many posts it has said everything.
    pub(crate) posts: usize,
    /// After how long without an answer it goes elsewhere.
    pub(crate) patience: Duration,
}

impl Habits {
    /// Only listens.
    pub(crate) const fn listens(node: usize) -> Self {
        Self {
            node,
            pace: None,
            posts: 0,
            patience: Duration::from_secs(90),
        }
    }

    /// Posts at a pace until it is told to be quiet.
    pub(crate) const fn posts(node: usize, pace: Duration) -> Self {
        Self {
            pace: Some(pace),
            posts: usize::MAX,
            ..Self::listens(node)
        }
    }
}

/// What a client and its test share.
struct Shared {
    addresses: Vec<SocketAddr>,
    rooms: Vec<String>,
    /// Nobody says anything new.
    quiet: AtomicBool,
    /// Everybody goes.
    over: AtomicBool,
    /// How many clients there are.
    count: usize,
    /// How many have opened their rooms. Before all have nobody says anything.
    open: AtomicUsize,
    /// How often somebody had to connect again.
    reconnects: AtomicUsize,
    /// Answers to posts that were errors, by their code.
    refusals: Mutex<BTreeMap<String, usize>>,
}

impl Shared {
    fn is_complete(&self) -> bool {
        self.open.load(Ordering::Acquire) == self.count
    }
}

struct Member {
    chain: Arc<Mutex<Chain>>,
    posts: Arc<Mutex<Vec<Post>>>,
    thread: JoinHandle<()>,
}

/// Clients at work.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    members: Vec<Member>,
}

impl Crowd {
    /// Connects a client for each person, with its habits, and waits until all have their rooms open.
    pub(crate) fn gather(nodes: &Nodes, place: &Place, people: &[(&Person, Habits)]) -> Self {
        let shared = Arc::new(Shared {
            addresses: nodes.addresses(),
            rooms: place.rooms.clone(),
            quiet: AtomicBool::new(false),
            over: AtomicBool::new(false),
            count: people.len(),
            open: AtomicUsize::new(0),
            reconnects: AtomicUsize::new(0),
            refusals: Mutex::default(),
        });
        assert!(place.rooms.len() <= OPEN_ROOMS_LIMIT);
        let members = people.iter().enumerate().map(|(number, (person, habits))| {
            let chain = Chain {
                name: format!("client {number}, first at node {}", habits.node),
                ..Chain::default()
            };
            let (chain, posts) = (Arc::new(Mutex::new(chain)), Arc::default());
            let client = Client {
                shared: Arc::clone(&shared),
                number,
                token: person.token.clone(),
                habits: habits.clone(),
                chain: Arc::clone(&chain),
                posts: Arc::clone(&posts),
                node: habits.node,
                epoch: None,
                pending: None,
                next_id: 1,
                due: Instant::now(),
                beaten_at: Instant::now(),
            };
            let thread = thread::spawn(move || client.live());
            Member { chain, posts, thread }
        });
        let crowd = Self {
            members: members.collect(),
            shared,
        };
        wait_until("everybody has the rooms open", || crowd.shared.is_complete());
        crowd
    }

    /// How many posts were answered so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.members
            .iter()
            .map(|member| {
                let posts = member.posts.lock().unwrap();
                posts.iter().filter(|post| post.acknowledged.is_some()).count()
            })
            .sum()
    }

    /// How many posts that were sent to a node since then were answered.
    pub(crate) fn acknowledged_by(&self, node: usize, since: Instant) -> usize {
        let is_one = |post: &&Post| post.node == node && post.sent_at > since && post.acknowledged.is_some();
        self.members
            .iter()
            .map(|member| member.posts.lock().unwrap().iter().filter(is_one).count())
            .sum()
    }

    /// How many messages arrived so far, counted at each client.
    pub(crate) fn arrived(&self) -> usize {
        self.members
            .iter()
            .map(|member| member.chain.lock().unwrap().texts().len())
            .sum()
    }

    /// Sends everybody away at once; answers the messages that arrived.
    pub(crate) fn leave(self) -> Vec<String> {
        self.shared.over.store(true, Ordering::Release);
        let mut texts = Vec::new();
        for member in self.members {
            member.thread.join().expect("the client lived on");
            texts.extend(member.chain.lock().unwrap().texts());
        }
        texts
    }

    /// Waits until so many more posts were answered.
    pub(crate) fn wait_for_posts(&self, more: usize) -> Duration {
        let goal = self.acknowledged() + more;
        wait_until("more was posted", || self.acknowledged() >= goal)
    }

    /// How often somebody had to connect again.
    pub(crate) fn reconnects(&self) -> usize {
        self.shared.reconnects.load(Ordering::Acquire)
    }

    /// How often posts were answered with which error.
    pub(crate) fn refusals(&self) -> BTreeMap<String, usize> {
        self.shared.refusals.lock().unwrap().clone()
    }

    /// How long after `since` the first message that was sent after it had arrived at every client. Waits for it.
    pub(crate) fn healed(&self, since: Instant) -> Duration {
        let found = Mutex::new(None);
        wait_until("a message reaches everybody", || {
            *found.lock().unwrap() = self.first_everywhere(since);
            found.lock().unwrap().is_some()
        });
        found.into_inner().unwrap().unwrap()
    }

    fn first_everywhere(&self, since: Instant) -> Option<Duration> {
        let mut arrivals: BTreeMap<(String, u64), (usize, Instant)> = BTreeMap::new();
        let sent: std::collections::HashSet<String> = self
            .members
            .iter()
            .flat_map(|member| {
                let posts = member.posts.lock().unwrap();
                let late = posts.iter().filter(|post| post.sent_at > since);
                late.map(|post| post.text.clone()).collect::<Vec<_>>()
            })
            .collect();
        for member in &self.members {
            let chain = member.chain.lock().unwrap();
            let records = chain
                .connections
                .iter()
                .flat_map(|connection| &connection.records);
            for record in records.filter(|record| record.at > since && sent.contains(&record.text)) {
                let entry = arrivals
                    .entry((record.stream.clone(), record.rev))
                    .or_insert((0, record.at));
                entry.0 += 1;
                entry.1 = entry.1.max(record.at);
            }
        }
        let everywhere = arrivals
            .into_values()
            .filter(|(count, _)| *count == self.members.len());
        everywhere.map(|(_, at)| at - since).min()
    }

    /// Lets everybody fall silent, waits until all posts are answered and everything has arrived everywhere, and answers
    /// what was seen.
    pub(crate) fn finish(self, nodes: &Nodes, place: &Place) -> History {
        self.shared.quiet.store(true, Ordering::Release);
        wait_until("every post is answered", || {
            self.members.iter().all(|member| {
                let posts = member.posts.lock().unwrap();
                posts.iter().all(|post| post.acknowledged.is_some())
            })
        });
        let heads: Vec<(String, u64)> = place
            .rooms
            .iter()
            .map(|room| (stream_of(room), head(nodes.address(0), place, room)))
            .collect();
        // Whoever never gets there is found by the checker.
        let began = Instant::now();
        let has_all = |member: &Member| {
            let chain = member.chain.lock().unwrap();
            heads.iter().all(|(stream, rev)| chain.last(stream) >= *rev)
        };
        while began.elapsed() < super::nodes::PATIENCE && !self.members.iter().all(has_all) {
            thread::sleep(READ_LIMIT);
        }
        self.shared.over.store(true, Ordering::Release);
        let mut history = History::default();
        for member in self.members {
            member.thread.join().expect("the client lived on");
            history.chains.push(member.chain.lock().unwrap().clone());
            history.posts.extend(member.posts.lock().unwrap().iter().cloned());
        }
        for room in &place.rooms {
            for node in 0..nodes.all.len() {
                history.pages.push(pages(nodes, node, place, room));
            }
        }
        history
    }
}

fn head(node: SocketAddr, place: &Place, room: &str) -> u64 {
    let path = format!("/api/v1/rooms/{room}/messages?limit=1");
    let page = call(node, "GET", &path, Some(&place.owner.token), None);
    page["head"]["rev"].as_u64().expect("a rev")
}

fn pages(nodes: &Nodes, node: usize, place: &Place, room: &str) -> Pages {
    let mut messages: Vec<Stored> = Vec::new();
    loop {
        let before = messages
            .first()
            .map(|first| format!("&before={}", first.seq))
            .unwrap_or_default();
        let path = format!("/api/v1/rooms/{room}/messages?limit=200{before}");
        let page = call(nodes.address(node), "GET", &path, Some(&place.owner.token), None);
        let page = page["messages"].as_array().expect("messages").iter();
        let mut page: Vec<Stored> = page
            .map(|message| Stored {
                seq: message["seq"].as_u64().unwrap(),
                rev: message["rev"].as_u64().unwrap(),
                text: text(&message["text"]),
            })
            .collect();
        let is_last = page.is_empty() || page[0].seq == 1;
        page.append(&mut messages);
        messages = page;
        if is_last {
            break;
        }
    }
    Pages {
        room: room.to_owned(),
        node,
        messages,
    }
}

/// A post that was not answered yet.
struct Pending {
    /// Its place among the client's posts.
    index: usize,
    nonce: String,
    /// Of the request that was sent last; `None` when none was sent on this connection.
    id: Option<u64>,
    sent_at: Instant,
    /// Not to be sent before.
    again_at: Instant,
}

struct Client {
    shared: Arc<Shared>,
    number: usize,
    token: String,
    habits: Habits,
    chain: Arc<Mutex<Chain>>,
    posts: Arc<Mutex<Vec<Post>>>,
    node: usize,
    epoch: Option<String>,
    pending: Option<Pending>,
    next_id: u64,
    due: Instant,
    beaten_at: Instant,
}

/// The connection is of no use any more.
struct Gone;

impl From<Error> for Gone {
    fn from(_: Error) -> Self {
        Self
    }
}

impl Client {
    fn live(mut self) {
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
