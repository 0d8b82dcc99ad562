//! The real binary on a folder of its own, and clients that talk to it like strangers.

#![allow(dead_code, reason = "each test uses its own part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::hash::{Hash as _, Hasher as _};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// How long anything may take before a test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// In which form Madang runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One node that keeps its data with sled.
    Sled,
    /// One node that keeps its data with redb.
    Redb,
    /// One node that keeps its data in a MongoDB.
    Mongodb,
}

impl Form {
    /// Where the MongoDB of the tests is.
    const MONGODB: &str = "MADANG_TEST_MONGO_URL";

    /// Whether the services are here that this form needs. If not it is said, and where all are required it fails.
    #[allow(clippy::print_stderr, reason = "what was not run must be seen")]
    pub(crate) fn is_here(self) -> bool {
        if self != Self::Mongodb || std::env::var_os(Self::MONGODB).is_some() {
            return true;
        }
        let why = "MADANG_TEST_MONGO_URL is not set: see `cargo xtask services up`";
        let is_required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(!is_required, "{why}");
        eprintln!("NOT RUN: {why}");
        false
    }

    /// Tells a server where its data is, beside its folder.
    fn configure(self, command: &mut Command, data: &Path) {
        let kind = match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
            Self::Mongodb => {
                // As many databases as folders; `cargo xtask services down` removes them.
                let mut hasher = std::hash::DefaultHasher::new();
                data.hash(&mut hasher);
                command
                    .env("MADANG_STORAGE__URL", std::env::var(Self::MONGODB).unwrap())
                    .env(
                        "MADANG_STORAGE__DATABASE",
                        format!("madang_test_{:x}", hasher.finish()),
                    );
                "mongodb"
            }
        };
        command.env("MADANG_STORAGE__KIND", kind);
    }
}

/// A running server.
pub(crate) struct Server {
    form: Form,
    process: Child,
    /// `host:port`.
    pub(crate) address: String,
    /// `http` or `https`.
    pub(crate) listens: String,
    /// The token of the set-up link, when there is one.
    pub(crate) setup_token: Option<String>,
}

impl Server {
    /// Starts on a folder and waits until it listens. With an address of an earlier life it takes that one again.
    pub(crate) fn start(form: Form, data: &Path, address: Option<&str>) -> Self {
        Self::start_with(form, data, address, |_| {})
    }

    /// Starts like `start`, after `prepare` has changed what it likes about the command.
    pub(crate) fn start_with(
        form: Form,
        data: &Path,
        address: Option<&str>,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
        command
            .args(["serve", "--listen", address.unwrap_or("127.0.0.1:0"), "--data"])
            .arg(data)
            .env("MADANG_STORAGE__MIN_FREE_MIB", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        form.configure(&mut command, data);
        prepare(&mut command);
        let mut process = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        let listening = line();
        let (listens, address) = listening
            .strip_prefix("listening on ")
            .and_then(|url| url.split_once("://"))
            .expect("the address");
        let (listens, address) = (listens.to_owned(), address.to_owned());
        let setup_token = line().split_once("#token=").map(|(_, token)| token.to_owned());
        Self {
            form,
            process,
            address,
            listens,
            setup_token,
        }
    }

    /// Kills without a warning, as a crash does.
    pub(crate) fn kill(mut self) {
        // It may have been stopped already.
        self.process.kill().ok();
        self.process.wait().unwrap();
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Its standard error, when it was started with a pipe there.
    pub(crate) fn log(&mut self) -> Option<std::process::ChildStderr> {
        self.process.stderr.take()
    }

    /// Asks to stop, and waits for the end.
    pub(crate) fn stop(&mut self) -> bool {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.process.wait().unwrap().success()
    }

    /// A request; answers status and body.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let authorization = token
            .map(|token| format!("Authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {authorization}Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.raw(request.as_bytes())
    }

    /// The body of what lies under a path, as text.
    pub(crate) fn text(&self, path: &str) -> String {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        let answer = self.exchange(request.as_bytes());
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Bytes as they are; answers status and body.
    pub(crate) fn raw(&self, request: &[u8]) -> (u16, Value) {
        let answer = self.exchange(request);
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        let body = answer
            .split_once("\r\n\r\n")
            .map(|(_, body)| body)
            .unwrap_or_default();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Bytes as they are; answers the whole answer.
    pub(crate) fn exchange(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been stopped already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A server with an owner, a member, and a channel.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) owner: String,
    pub(crate) member: String,
    pub(crate) guild: String,
    pub(crate) room: String,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn on(form: Form) -> Self {
        Self::with(form, |_| {})
    }

    /// Like `on`, after `prepare` has changed what it likes about the server's command.
    pub(crate) fn with(form: Form, prepare: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start_with(form, folder.path(), None, prepare);
        let setup = json!({
            "token": server.setup_token, "instance_name": "마당", "guild_name": "모임", "name": "minji",
            "password": "correct horse", "transport": "bearer",
        });
        let (status, session) = server.call("POST", "/api/v1/setup", None, Some(setup));
        assert_eq!(status, 201, "{session}");
        let owner = session["token"].as_str().unwrap().to_owned();
        let (_, guilds) = server.call("GET", "/api/v1/guilds", Some(&owner), None);
        let guild = guilds["guilds"][0]["id"].as_str().unwrap().to_owned();
        // Rooms begin empty: a scenario that is about who comes and goes says so.
        let quiet = Some(json!({ "welcome_room": null }));
        let (status, _) = server.call("PATCH", &format!("/api/v1/guilds/{guild}"), Some(&owner), quiet);
        assert_eq!(status, 200);
        let (_, channels) = server.call(
            "GET",
            &format!("/api/v1/guilds/{guild}/channels"),
            Some(&owner),
            None,
        );
        let room = channels["channels"][0]["id"].as_str().unwrap().to_owned();
        let invite = json!({ "guild": guild });
        let (status, invite) = server.call("POST", "/api/v1/invites", Some(&owner), Some(invite));
        assert_eq!(status, 201, "{invite}");
        let accept = json!({ "name": "지호", "password": "battery staple", "transport": "bearer" });
        let path = format!("/api/v1/invites/{}/accept", invite["code"].as_str().unwrap());
        let (status, session) = server.call("POST", &path, None, Some(accept));
        assert_eq!(status, 201, "{session}");
        let member = session["token"].as_str().unwrap().to_owned();
        Self {
            server,
            owner,
            member,
            guild,
            room,
            folder,
        }
    }

    /// Kills the server and starts it again at the same address.
    pub(crate) fn crash(self) -> Self {
        self.crash_with(|_| {})
    }

    /// Stops the server in order and starts it again at the same address.
    pub(crate) fn restart_with(mut self, prepare: impl FnOnce(&mut Command)) -> Self {
        assert!(self.server.stop());
        self.crash_with(prepare)
    }

    /// Crashes; `prepare` changes what it likes about the command of the next start.
    pub(crate) fn crash_with(self, prepare: impl FnOnce(&mut Command)) -> Self {
        let Self {
            server,
            owner,
            member,
            guild,
            room,
            folder,
        } = self;
        let (form, address) = (server.form, server.address.clone());
        server.kill();
        let server = Server::start_with(form, folder.path(), Some(&address), prepare);
        Self {
            server,
            owner,
            member,
            guild,
            room,
            folder,
        }
    }
}

/// How a client of the gateway writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Json,
    MessagePack,
}

/// A client of the gateway.
pub(crate) struct Client {
    codec: Codec,
    pub(crate) socket: WebSocket<TcpStream>,
    next_id: u64,
    /// What arrived while an answer was awaited.
    pushed: std::collections::VecDeque<Value>,
}

impl Client {
    /// Connects without signing in; answers the client and its hello.
    pub(crate) fn connect(address: &str) -> (Self, Value) {
        Self::connect_by(Codec::Json, address)
    }

    /// Connects without signing in, to speak so; answers the client and its hello.
    pub(crate) fn connect_by(codec: Codec, address: &str) -> (Self, Value) {
        let protocol = match codec {
            Codec::Json => "madang.v1.json",
            Codec::MessagePack => "madang.v1.msgpack",
        };
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("ws://{address}/gateway").into_client_request().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol.parse().unwrap());
        let (socket, _) = tungstenite::client(request, stream).expect("the handshake");
        let mut client = Self {
            codec,
            socket,
            next_id: 1,
            pushed: std::collections::VecDeque::new(),
        };
        let hello = client.read().expect("hello");
        assert_eq!(hello["signal"], "hello");
        (client, hello)
    }

    /// Connects and signs in; answers the client and its snapshot.
    pub(crate) fn sign_in(address: &str, token: &str, resume: Option<Value>) -> (Self, Value) {
        Self::sign_in_by(Codec::Json, address, token, resume)
    }

    /// Connects and signs in, to speak so; answers the client and its snapshot.
    pub(crate) fn sign_in_by(
        codec: Codec,
        address: &str,
        token: &str,
        resume: Option<Value>,
    ) -> (Self, Value) {
        let (mut client, _) = Self::connect_by(codec, address);
        let mut args = json!({ "token": token });
        if let Some(resume) = resume {
            args["resume"] = resume;
        }
        let ready = client.ask("authenticate", args).expect("ready");
        (client, ready)
    }

    /// The next frame; `Err` with the close code.
    pub(crate) fn read(&mut self) -> Result<Value, u16> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) if self.codec == Codec::Json => {
                    return Ok(serde_json::from_str(&text).unwrap());
                }
                Ok(Message::Binary(bytes)) if self.codec == Codec::MessagePack => {
                    return Ok(rmp_serde::from_slice(&bytes).unwrap());
                }
                Ok(Message::Text(_) | Message::Binary(_)) => panic!("a frame of another kind"),
                Ok(Message::Close(frame)) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Ok(_) => {}
                Err(error) => panic!("the connection broke: {error}"),
            }
        }
    }

    /// Reads on until the connection is closed; answers the close code.
    pub(crate) fn read_until_closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.read() {
                return code;
            }
        }
    }

    /// Sends a request and waits for its answer; other frames are kept.
    pub(crate) fn ask(&mut self, op: &str, args: Value) -> Result<Value, Value> {
        self.try_ask(op, args).expect("an answer")
    }

    /// Like `ask`; `Err` with the close code when the connection is closed instead.
    pub(crate) fn try_ask(&mut self, op: &str, args: Value) -> Result<Result<Value, Value>, u16> {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({ "id": id, "op": op, "args": args });
        let message = match self.codec {
            Codec::Json => Message::text(request.to_string()),
            Codec::MessagePack => Message::binary(rmp_serde::to_vec_named(&request).unwrap()),
        };
        self.socket.send(message).unwrap();
        loop {
            let frame = self.read()?;
            if frame["id"] == id {
                return Ok(if frame["error"].is_null() {
                    Ok(frame["ok"].clone())
                } else {
                    Err(frame["error"].clone())
                });
            }
            self.pushed.push_back(frame);
        }
    }

    /// The next event or signal for which `wanted` is true; others are passed over.
    pub(crate) fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self
                .pushed
                .pop_front()
                .unwrap_or_else(|| self.read().expect("an event"));
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Whether such a frame arrived while answers were awaited.
    pub(crate) fn has_pushed(&self, wanted: impl Fn(&Value) -> bool) -> bool {
        self.pushed.iter().any(wanted)
    }
}
