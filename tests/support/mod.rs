//! The real binary on a folder of its own, and clients that talk to it like strangers.

#![allow(dead_code, reason = "each test uses its own part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod form;
mod server;

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

pub(crate) use form::Form;
pub(crate) use server::Server;

/// How long anything may take before a test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

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
    pub(crate) fn with(form: Form, prepare: impl Fn(&mut Command)) -> Self {
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
    pub(crate) fn restart_with(mut self, prepare: impl Fn(&mut Command)) -> Self {
        assert!(self.server.stop());
        self.crash_with(prepare)
    }

    /// Crashes; `prepare` changes what it likes about the command of the next start.
    pub(crate) fn crash_with(self, prepare: impl Fn(&mut Command)) -> Self {
        let Self {
            server,
            owner,
            member,
            guild,
            room,
            folder,
        } = self;
        let (form, addresses) = (server.form(), server.addresses());
        server.kill();
        let server = Server::start_with(form, folder.path(), Some(&addresses), prepare);
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

    /// Waits for one frame of each kind, in whatever order they come: rooms are told apart from each other.
    pub(crate) fn wait_for_each<const N: usize>(
        &mut self,
        wanted: [&dyn Fn(&Value) -> bool; N],
    ) -> [Value; N] {
        let mut found: [Option<Value>; N] = [const { None }; N];
        while found.iter().any(Option::is_none) {
            let frame = self.wait(|frame| wanted.iter().any(|wanted| wanted(frame)));
            for (place, wanted) in found.iter_mut().zip(wanted) {
                if place.is_none() && wanted(&frame) {
                    *place = Some(frame.clone());
                }
            }
        }
        found.map(Option::unwrap)
    }

    /// Whether such a frame arrived while answers were awaited.
    pub(crate) fn has_pushed(&self, wanted: impl Fn(&Value) -> bool) -> bool {
        self.pushed.iter().any(wanted)
    }
}
