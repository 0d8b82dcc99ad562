//! Several nodes of the real binary on the same services, each with ways of its own to each of them.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::proxy::Proxy;
use super::rest::{call, try_call};
use super::services::Services;

/// How long anything may take before a test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(20);

/// A node, running or not.
pub(crate) struct Node {
    process: Option<Child>,
    /// The same over all its lives.
    pub(crate) address: SocketAddr,
    /// Its ways to the services.
    pub(crate) kafka: Proxy,
    pub(crate) mongo: Proxy,
    pub(crate) redis: Proxy,
}

/// Nodes that share data which nobody else uses.
pub(crate) struct Nodes {
    pub(crate) services: Services,
    pub(crate) all: Vec<Node>,
    /// The database, and what the names of topics and keys begin with.
    name: String,
    folder: PathBuf,
    setup: Option<String>,
    /// What is started as a node.
    pub(crate) program: PathBuf,
}

impl Nodes {
    /// So many nodes of this build, ready. `None` when the services are not here.
    pub(crate) fn start(count: usize) -> Option<Self> {
        Self::start_of(Self::this_build(), count)
    }

    /// The program that was built with the tests.
    pub(crate) fn this_build() -> PathBuf {
        env!("CARGO_BIN_EXE_madang").into()
    }

    /// So many nodes of another build.
    pub(crate) fn start_of(program: PathBuf, count: usize) -> Option<Self> {
        let services = Services::take()?;
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let name = format!("madang_cluster_{:x}", since.as_micros());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut nodes = Self {
            services,
            all: Vec::new(),
            name,
            folder,
            setup: None,
            program,
        };
        for number in 0..count {
            let services = &nodes.services;
            let door = services.doors[number];
            let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
            let node = Node {
                process: None,
                address: local(0),
                kafka: Proxy::start(door.tells, local(door.listens)),
                mongo: Proxy::start(0, services.mongo),
                redis: Proxy::start(0, services.redis),
            };
            nodes.all.push(node);
            nodes.start_node(number);
        }
        Some(nodes)
    }

    /// Starts a node, at the address that it had before, and waits until it is ready.
    pub(crate) fn start_node(&mut self, number: usize) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log(number))
            .unwrap();
        let mut command = self.command(number, self.address(number));
        command.stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().expect("the node starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let log = self.log(number);
        let mut line = || {
            let line = lines.next();
            line.unwrap_or_else(|| panic!("the node ended: see {}", log.display()))
                .expect("text")
        };
        let listening = line();
        let address = listening.rsplit_once("://").expect("an address").1;
        let setup = line().split_once("#token=").map(|(_, token)| token.to_owned());
        let node = &mut self.all[number];
        node.address = address.parse().unwrap();
        node.process = Some(process);
        if setup.is_some() {
            self.setup = setup;
        }
        self.wait_until_ready(number);
    }

    pub(crate) fn folder(&self, number: usize) -> PathBuf {
        self.folder.join(number.to_string())
    }

    /// What starts a node with its folder and its ways to the services.
    pub(crate) fn command(&self, number: usize, listen: SocketAddr) -> Command {
        let node = &self.all[number];
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--listen", &listen.to_string(), "--data"])
            .arg(self.folder(number))
            .env("MADANG_STORAGE__KIND", "mongodb")
            .env("MADANG_STORAGE__URL", format!("mongodb://{}", node.mongo.address))
            .env("MADANG_STORAGE__DATABASE", &self.name)
            .env("MADANG_BROKER__KIND", "kafka")
            .env("MADANG_BROKER__SERVERS", node.kafka.address.to_string())
            .env("MADANG_BROKER__TOPICS", &self.name)
            .env("MADANG_BROKER__REPLICAS", "1")
            .env("MADANG_PRESENCE__KIND", "redis")
            .env("MADANG_PRESENCE__URL", format!("redis://{}", node.redis.address))
            .env("MADANG_PRESENCE__PREFIX", format!("{}:", self.name))
            .env("MADANG_PRESENCE__GRACE_SECONDS", "1")
            .env("MADANG_PRESENCE__QUIET_SECONDS", "0")
            .env("MADANG_SERVER__DRAIN_SECONDS", "2");
        command
    }

    pub(crate) fn address(&self, number: usize) -> SocketAddr {
        self.all[number].address
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.all.iter().map(|node| node.address).collect()
    }

    pub(crate) fn wait_until_ready(&self, number: usize) {
        let address = self.address(number);
        wait_until("the node is ready", || {
            try_call(address, "GET", "/readyz", None, None).is_some_and(|(status, _)| status == 200)
        });
    }

    /// Kills a node without a warning.
    pub(crate) fn kill(&mut self, number: usize) {
        if let Some(mut process) = self.all[number].process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Asks a node to stop, and waits until it has; answers whether it ended well.
    pub(crate) fn stop(&mut self, number: usize) -> bool {
        self.signal(number, "-TERM");
        let mut process = self.all[number].process.take().expect("it runs");
        process.wait().unwrap().success()
    }

    /// Stops a node where it stands, as a machine that is suspended does.
    pub(crate) fn pause(&self, number: usize) {
        self.signal(number, "-STOP");
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self, number: usize) {
        self.signal(number, "-CONT");
    }

    fn signal(&self, number: usize, signal: &str) {
        let process = self.all[number].process.as_ref().expect("it runs");
        let status = Command::new("kill")
            .args([signal, &process.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// A figure of a node.
    pub(crate) fn figure(&self, number: usize, name: &str) -> u64 {
        let metrics = call(self.address(number), "GET", "/metrics", None, None);
        let lines = metrics.as_str().expect("figures").lines();
        let found = lines
            .filter_map(|line| line.split_once(' '))
            .find(|(found, _)| *found == name);
        found.and_then(|(_, value)| value.parse().ok()).expect(name)
    }

    /// Whether a node knows that it hears of everything that the others tell.
    pub(crate) fn is_sure(&self, number: usize) -> bool {
        let answer = try_call(self.address(number), "GET", "/readyz", None, None);
        answer.is_some_and(|(status, text)| {
            status == 200 && !text.as_str().unwrap_or_default().contains("broker:")
        })
    }

    fn log(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{number}.log"))
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for number in 0..self.all.len() {
            // What was stopped ends as well.
            self.kill(number);
        }
        // What nodes said is worth reading when something went wrong.
        if !thread::panicking() {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// Somebody with a login.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// A guild with some channels, and people in it.
pub(crate) struct Place {
    pub(crate) owner: Person,
    pub(crate) people: Vec<Person>,
    pub(crate) guild: String,
    pub(crate) rooms: Vec<String>,
}

impl Place {
    /// Sets up what the nodes serve: each person signs up at another node than the one before.
    pub(crate) fn make(nodes: &Nodes, people: usize, rooms: usize) -> Self {
        let count = nodes.all.len();
        let first = nodes.address(0);
        let setup = json!({
            "token": nodes.setup, "instance_name": "마당", "guild_name": "모임", "name": "minji",
            "password": "correct horse", "transport": "bearer",
        });
        let owner = person(&call(first, "POST", "/api/v1/setup", None, Some(&setup)));
        let ask = |method: &str, path: &str, body: Option<Value>| {
            call(first, method, path, Some(&owner.token), body.as_ref())
        };
        let guild = text(&ask("GET", "/api/v1/guilds", None)["guilds"][0]["id"]);
        let quiet = json!({ "welcome_room": null });
        ask("PATCH", &format!("/api/v1/guilds/{guild}"), Some(quiet));
        let channels = format!("/api/v1/guilds/{guild}/channels");
        let mut all = vec![text(&ask("GET", &channels, None)["channels"][0]["id"])];
        for number in 1..rooms {
            let channel = json!({ "name": format!("room-{number}") });
            all.push(text(&ask("POST", &channels, Some(channel))["id"]));
        }
        let invite = ask("POST", "/api/v1/invites", Some(json!({ "guild": guild })));
        let accept = format!("/api/v1/invites/{}/accept", text(&invite["code"]));
        let people = (0..people).map(|number| {
            let who = json!({
                "name": format!("person{number}"), "password": "battery staple", "transport": "bearer",
            });
            person(&call(
                nodes.address(number % count),
                "POST",
                &accept,
                None,
                Some(&who),
            ))
        });
        Self {
            people: people.collect(),
            owner,
            guild,
            rooms: all,
        }
    }
}

fn person(session: &Value) -> Person {
    Person {
        id: text(&session["user"]["id"]),
        token: text(&session["token"]),
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Asks again and again, for as long as a test has patience; answers how long it took.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited too long until {what}");
        thread::sleep(TICK);
    }
    began.elapsed()
}
