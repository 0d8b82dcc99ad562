//! The services, as far as tests may disturb them.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Where each is told to tests.
const MONGO: &str = "MADANG_TEST_MONGO_URL";
const KAFKA: &str = "MADANG_TEST_KAFKA";
const DOORS: &str = "MADANG_TEST_KAFKA_DOORS";
const REDIS: &str = "MADANG_TEST_REDIS_URL";
const TICK: Duration = Duration::from_millis(20);

/// A listener of Kafka's that tells its clients to go on at another port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    pub(crate) listens: u16,
    pub(crate) tells: u16,
}

/// Where the services are. Whoever has this is alone with them: there are as many doors as a test has nodes, and some
/// tests end what all others would use.
pub(crate) struct Services {
    pub(crate) mongo: SocketAddr,
    pub(crate) redis: SocketAddr,
    pub(crate) doors: Vec<Door>,
    _alone: MutexGuard<'static, ()>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Mongo,
    Kafka,
    Redis,
}

impl Services {
    /// The services, when all are here. If not it is said, and where all are required it fails.
    #[allow(clippy::print_stderr, reason = "what was not run must be seen")]
    pub(crate) fn take() -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<&str> = [MONGO, KAFKA, DOORS, REDIS]
            .into_iter()
            .filter(|name| std::env::var_os(name).is_none())
            .collect();
        if missing.is_empty() {
            return Some(Self {
                mongo: address(&value(MONGO)),
                redis: address(&value(REDIS)),
                doors: doors(&value(DOORS)),
                _alone: alone,
            });
        }
        let why = format!("{} not set: see `cargo xtask services up`", missing.join(", "));
        let is_required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(!is_required, "{why}");
        eprintln!("NOT RUN: {why}");
        None
    }

    /// Kills one without a warning, and waits until it is gone.
    pub(crate) fn kill(&self, service: Service) {
        let (folder, address) = self.place(service);
        let pid = std::fs::read_to_string(folder.join("pid"));
        let pid = pid.expect("only services that `cargo xtask services up` started can be killed");
        let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
        assert!(killed.unwrap().success(), "{service:?} did not run");
        while TcpStream::connect(address).is_ok() {
            thread::sleep(TICK);
        }
    }

    /// Starts what was killed, with the data and at the ports that it had, and waits until it answers.
    pub(crate) fn start_again(&self) {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["xtask", "services", "up"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // What is named there is taken for somebody else's.
        for name in [MONGO, KAFKA, DOORS, REDIS, "MADANG_TEST_MONGO_SQLITE_URL"] {
            command.env_remove(name);
        }
        assert!(command.status().unwrap().success(), "the services are up again");
        let (_, kafka) = self.place(Service::Kafka);
        for address in [self.mongo, self.redis, kafka] {
            let began = Instant::now();
            while TcpStream::connect(address).is_err() {
                assert!(began.elapsed() < Duration::from_secs(30), "{address} is not back");
                thread::sleep(TICK);
            }
        }
    }

    /// The folder in which `cargo xtask services` keeps it, and where it listens.
    fn place(&self, service: Service) -> (PathBuf, SocketAddr) {
        let (names, address): (&[&str], _) = match service {
            Service::Mongo => (&["mongod", "ferretdb-postgresql"], self.mongo),
            Service::Kafka => (&["kafka"], address(&value(KAFKA))),
            Service::Redis => (&["redis"], self.redis),
        };
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../services");
        let is_it = |folder: &PathBuf| {
            std::fs::read_to_string(folder.join("port"))
                .is_ok_and(|port| port.trim() == address.port().to_string())
        };
        let found = names.iter().map(|name| folder.join(name)).find(is_it);
        let found = found.expect("only services that `cargo xtask services up` started can be killed");
        (found, address)
    }
}

fn value(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// What comes after the scheme, up to a path.
fn address(url: &str) -> SocketAddr {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let host = after.split(['/', ',']).next().unwrap_or_default();
    let mut found = host
        .to_socket_addrs()
        .expect("an address without a name and password");
    found.next().expect("an address")
}

fn doors(told: &str) -> Vec<Door> {
    let door = |pair: &str| {
        let (listens, tells) = pair.split_once(':')?;
        Some(Door {
            listens: listens.parse().ok()?,
            tells: tells.parse().ok()?,
        })
    };
    told.split(',')
        .map(|pair| door(pair).expect("doors as listens:tells"))
        .collect()
}
