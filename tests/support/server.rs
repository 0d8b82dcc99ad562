//! The real binary, in one or several processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{Form, PATIENCE};

/// A running server: one node, or several on the same data.
pub(crate) struct Server {
    form: Form,
    nodes: Vec<Node>,
    /// Whose turn it is.
    turn: AtomicUsize,
    /// `http` or `https`.
    pub(crate) listens: String,
    /// The token of the set-up link, when there is one.
    pub(crate) setup_token: Option<String>,
}

struct Node {
    process: Child,
    /// `host:port`.
    address: String,
    listens: String,
    setup_token: Option<String>,
}

impl Server {
    /// Starts on a folder and waits until it listens. With the addresses of an earlier life it takes those again.
    pub(crate) fn start(form: Form, data: &Path, addresses: Option<&[String]>) -> Self {
        Self::start_with(form, data, addresses, |_| {})
    }

    /// Starts like `start`, after `prepare` has changed what it likes about each node's command.
    pub(crate) fn start_with(
        form: Form,
        data: &Path,
        addresses: Option<&[String]>,
        prepare: impl Fn(&mut Command),
    ) -> Self {
        let node = |index: usize| {
            let address = addresses.map_or("127.0.0.1:0", |addresses| &addresses[index]);
            Node::start(form, data, &folder(data, index), address, &prepare)
        };
        let nodes: Vec<Node> = (0..form.nodes()).map(node).collect();
        Self {
            form,
            listens: nodes[0].listens.clone(),
            setup_token: nodes[0].setup_token.clone(),
            nodes,
            turn: AtomicUsize::new(0),
        }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// `host:port` of the next node: whoever connects comes to another one than who connected last.
    pub(crate) fn address(&self) -> &str {
        self.turn.fetch_add(1, Ordering::Relaxed);
        self.present()
    }

    /// `host:port` of the node that requests go to: the one of whoever connected last.
    fn present(&self) -> &str {
        let turn = self.turn.load(Ordering::Relaxed);
        &self.nodes[turn % self.nodes.len()].address
    }

    /// `host:port` of each node.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.address.clone()).collect()
    }

    /// Kills all nodes without a warning, as a crash does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// The number of the process of the first node.
    pub(crate) fn process_id(&self) -> u32 {
        self.nodes[0].process.id()
    }

    /// The standard error of the first node, when it was started with a pipe there.
    pub(crate) fn log(&mut self) -> Option<ChildStderr> {
        self.nodes[0].process.stderr.take()
    }

    /// Asks all nodes to stop, and waits for the end.
    pub(crate) fn stop(&mut self) -> bool {
        for node in &self.nodes {
            let id = node.process.id().to_string();
            Command::new("kill").args(["-TERM", &id]).status().unwrap();
        }
        let ends = self.nodes.iter_mut().map(|node| node.process.wait().unwrap());
        ends.filter(|end| !end.success()).count() == 0
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
            self.present(),
            body.len()
        );
        self.raw(request.as_bytes())
    }

    /// The body of what lies under a path, as text.
    pub(crate) fn text(&self, path: &str) -> String {
        text_at(self.present(), path)
    }

    /// One of the figures of `/metrics`, of all nodes together.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        let of_node = |node: &Node| -> f64 {
            let text = text_at(&node.address, "/metrics");
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{name} is in no line of\n{text}"))
                .parse()
                .unwrap()
        };
        self.nodes.iter().map(of_node).sum()
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
        exchange_at(self.present(), request)
    }
}

impl Server {
    fn end(&mut self) {
        for node in &mut self.nodes {
            // It may have been stopped already.
            node.process.kill().ok();
            node.process.wait().ok();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl Node {
    fn start(
        form: Form,
        world: &Path,
        folder: &Path,
        address: &str,
        prepare: &impl Fn(&mut Command),
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
        command
            .args(["serve", "--listen", address, "--data"])
            .arg(folder)
            .env("MADANG_STORAGE__MIN_FREE_MIB", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        form.configure(&mut command, world);
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
            process,
            address,
            listens,
            setup_token,
        }
    }
}

fn text_at(address: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = exchange_at(address, request.as_bytes());
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn exchange_at(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Where a node keeps what is its own. The first one's is the world's.
fn folder(world: &Path, index: usize) -> PathBuf {
    match index {
        0 => world.to_owned(),
        _ => world.join(format!("node-{index}")),
    }
}
