//! Everything that can be configured. The comments below are the documentation: `madang config example` prints them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use madang_storage::engine::EngineKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// All settings. Each has a default, so that no file is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the server listens, and what it is called from outside.
    pub server: Server,
    /// TLS without a proxy: from certificate files, or with certificates that the server gets by itself.
    pub tls: Tls,
    /// Where the data is.
    pub storage: Storage,
    /// How several nodes tell each other what happens.
    pub broker: Broker,
    /// The WebSocket connections.
    pub gateway: Gateway,
    /// Who is there.
    pub presence: Presence,
    /// What people write.
    pub messages: Messages,
    /// What is logged.
    pub log: Log,
}

/// Where the server listens, and what it is called from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port. Port 0 takes a free one. With 127.0.0.1 only this machine can connect.
    pub listen: SocketAddr,
    /// The address that people type, as "https://chat.example.org", when it differs from `listen`: behind a proxy
    /// always. Links are made with it, and with https cookies are sent over TLS only. Empty: `listen` is used.
    pub public_url: String,
    /// Other sites whose pages may use this server with its cookies, as "https://intranet.example.org".
    pub allowed_origins: Vec<String>,
    /// Proxies whose word about a client's address is believed. Rate limits count by that address.
    pub trusted_proxies: Vec<IpAddr>,
    /// How many connections may be open at a time, WebSockets included.
    pub max_connections: usize,
    /// How many of them may come from one address; with IPv6 a network of /64 counts as one. 0 for no limit. It does not
    /// hold for trusted proxies.
    pub max_connections_per_address: usize,
    /// How many requests one account may make a second, over all its connections, counted over ten seconds. 0 for no limit.
    pub requests_per_account_per_second: u32,
    /// How many HTTP requests may come from one address a second, counted alike; with IPv6 a network of /64 counts as one.
    pub requests_per_address_per_second: u32,
    /// How long requests may take to end when the server is told to stop, in seconds.
    pub drain_seconds: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: String::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_connections: 20_000,
            max_connections_per_address: 4_000,
            requests_per_account_per_second: 200,
            requests_per_address_per_second: 1_000,
            drain_seconds: 10,
        }
    }
}

/// TLS without a proxy: from certificate files, or with certificates that the server gets by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// A file with the certificate and those that lead to its authority, in PEM. With it `server.listen` speaks https.
    /// The files are read again within 30 seconds of a change, and at once on SIGHUP.
    pub certificate: PathBuf,
    /// A file with the certificate's private key, in PEM.
    pub key: PathBuf,
    /// Address and port where http is answered with a redirect to https, as "0.0.0.0:80". Empty: nowhere.
    #[serde(with = "optional_address")]
    pub redirect_listen: Option<SocketAddr>,
    /// Names to get certificates for from an authority that speaks ACME, instead of `certificate` and `key`. The authority
    /// must reach `redirect_listen` at port 80 of each. What it gives is kept in the data folder.
    pub acme_domains: Vec<String>,
    /// An e-mail address where the authority may write to.
    pub acme_contact: String,
    /// The authority's address.
    pub acme_directory: String,
    /// Whether the authority's terms of service are accepted. Without that it gives nothing.
    pub acme_accept_terms: bool,
    /// A file with the certificates, in PEM, by which the authority itself is known. Empty: those that browsers trust.
    pub acme_authority: PathBuf,
}

impl Tls {
    /// Whether `server.listen` speaks https.
    pub fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty() || !self.acme_domains.is_empty()
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            redirect_listen: None,
            acme_domains: Vec::new(),
            acme_contact: String::new(),
            acme_directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            acme_accept_terms: false,
            acme_authority: PathBuf::new(),
        }
    }
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The storage engine: "sled" or "redb", with the data in `folder`; `madang compact --engine` moves existing data. Or
    /// "mongodb", with the data in a MongoDB, for which the binary must have been built.
    pub kind: StorageKind,
    /// How to reach the MongoDB, as "mongodb://name:password@host:27017/?replicaSet=rs0". It is a secret: better give it in
    /// `url_file`, or as MADANG_STORAGE__URL.
    pub url: Secret,
    /// A file that has the MongoDB's address in it, instead of `url`.
    pub url_file: PathBuf,
    /// The MongoDB's database. Empty: the one that the address names, or else "madang".
    pub database: String,
    /// The data folder. Made if it is missing. With a MongoDB only certificates and the control socket are in it.
    pub folder: PathBuf,
    /// How much memory the engine may use to keep pages at hand, in MiB.
    pub cache_mib: u64,
    /// Writes stop while less than this is free on the disk, in MiB: the data must be able to open again.
    pub min_free_mib: u64,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            kind: StorageKind::Engine(EngineKind::Sled),
            url: Secret::default(),
            url_file: PathBuf::new(),
            database: String::new(),
            folder: PathBuf::from("data"),
            cache_mib: 64,
            min_free_mib: 1_024,
        }
    }
}

impl Storage {
    /// Whether the data is in the folder.
    pub const fn is_in_folder(&self) -> bool {
        matches!(self.kind, StorageKind::Engine(_))
    }

    /// The MongoDB's address, from wherever it is given; or why there is none.
    pub fn read_url(&self) -> Result<String, String> {
        read_secret(&self.url, &self.url_file)
    }
}

/// In what the data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKind {
    /// In the data folder, by this engine.
    Engine(EngineKind),
    /// In a MongoDB.
    Mongodb,
}

impl StorageKind {
    const MONGODB: &str = "mongodb";

    /// The name in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine(engine) => engine.name(),
            Self::Mongodb => Self::MONGODB,
        }
    }
}

impl Serialize for StorageKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for StorageKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == Self::MONGODB {
            return Ok(Self::Mongodb);
        }
        name.parse().map(Self::Engine).map_err(D::Error::custom)
    }
}

/// Where nodes tell each other who is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PresenceKind {
    /// Within this process: there is one node.
    #[default]
    Memory,
    /// In a Redis.
    Redis,
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "..." })
    }
}

/// How several nodes tell each other what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    /// "memory" for a node that is alone; "kafka" for several on the same data, which goes with storage.kind = "mongodb", and
    /// for which the binary must have been built.
    pub kind: BrokerKind,
    /// Some of Kafka's servers, as ["kafka-1:9092", "kafka-2:9092"].
    pub servers: Vec<String>,
    /// What the names of all topics begin with. Topics that are missing are made.
    pub topics: String,
    /// Into how many partitions a topic is divided that is made. Every node reads all of them; more of them spread the
    /// work over more of Kafka's servers. They can be added later, never taken away.
    pub partitions: u16,
    /// On how many of Kafka's servers a topic is kept that is made. 0: as Kafka itself is configured.
    pub replicas: u16,
    /// Whether Kafka is reached over TLS.
    pub tls: bool,
    /// A file with the certificates by which Kafka is known, in PEM. Empty: those of the system.
    pub ca_file: PathBuf,
    /// The name that Kafka knows this server by (SASL). Empty: Kafka asks for none.
    pub user: String,
    /// Its password. It is a secret: better give it in `password_file`, or as MADANG_BROKER__PASSWORD.
    pub password: Secret,
    /// A file that has the password in it, instead of `password`.
    pub password_file: PathBuf,
    /// How the password is proved: "SCRAM-SHA-512", "SCRAM-SHA-256", or "PLAIN", which shows it to Kafka.
    pub mechanism: String,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            kind: BrokerKind::Memory,
            servers: Vec::new(),
            topics: "madang".to_owned(),
            partitions: 6,
            replicas: 0,
            tls: false,
            ca_file: PathBuf::new(),
            user: String::new(),
            password: Secret::default(),
            password_file: PathBuf::new(),
            mechanism: "SCRAM-SHA-512".to_owned(),
        }
    }
}

impl Broker {
    /// The password, from wherever it is given; or why there is none.
    pub fn read_password(&self) -> Result<String, String> {
        read_secret(&self.password, &self.password_file)
    }
}

/// By what nodes tell each other what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrokerKind {
    /// By nothing: there is one node.
    Memory,
    /// By Kafka.
    Kafka,
}

/// The WebSocket connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// How many WebSockets may be open at a time.
    pub max_connections: usize,
    /// How many of them may be waiting for their sign-in. Beyond that whoever waits longest makes place.
    pub max_unauthenticated: usize,
    /// How much may wait to be sent to one of them, in KiB. Above it the connection is closed, and its client resumes.
    pub max_queue_kib: usize,
    /// How often a client must be heard of, in seconds.
    pub heartbeat_seconds: u64,
    /// How many requests one connection may make a second, counted over ten seconds.
    pub requests_per_second: u32,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_unauthenticated: 1_000,
            max_queue_kib: 512,
            heartbeat_seconds: 30,
            requests_per_second: 100,
        }
    }
}

/// What is given as a text or in a file; or why there is nothing.
fn read_secret(text: &Secret, file: &Path) -> Result<String, String> {
    if file.as_os_str().is_empty() {
        return Ok(text.0.clone());
    }
    let found = std::fs::read_to_string(file);
    let found = found.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(found.trim().to_owned())
}

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    /// Where nodes tell each other who is there: "memory" for a single node, or "redis", for which the binary must have been
    /// built.
    pub kind: PresenceKind,
    /// How to reach the Redis, as "redis://name:password@host:6379/0", or "rediss://" with TLS. It is a secret: better give
    /// it in `url_file`, or as MADANG_PRESENCE__URL.
    pub url: Secret,
    /// A file that has the Redis' address in it, instead of `url`.
    pub url_file: PathBuf,
    /// What the names of all keys in the Redis begin with. The same on all nodes of a deployment, and on no others.
    pub prefix: String,
    /// How long somebody who has lost the last connection is still seen to be there, in seconds.
    pub grace_seconds: u64,
    /// After a start everybody connects again: for so long nobody is told who came, only who asks, in seconds.
    pub quiet_seconds: u64,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            kind: PresenceKind::Memory,
            url: Secret::default(),
            url_file: PathBuf::new(),
            prefix: "madang:".to_owned(),
            grace_seconds: 10,
            quiet_seconds: 30,
        }
    }
}

impl Presence {
    /// The Redis' address, from wherever it is given; or why there is none.
    pub fn read_url(&self) -> Result<String, String> {
        read_secret(&self.url, &self.url_file)
    }
}

/// What people write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Messages {
    /// Whether an edited message keeps what it said before, for its author and for moderators: up to 20 texts and 32 KiB.
    /// They go with the message. Once this is false, they also go with the next edit.
    pub keep_edits: bool,
}

impl Default for Messages {
    fn default() -> Self {
        Self { keep_edits: true }
    }
}

/// What is logged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// "text" for people, "json" for machines.
    pub format: LogFormat,
    /// "error", "warn", "info", "debug" or "trace".
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// What is left out of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what somebody must look at.
    Error,
    /// And what is out of the ordinary.
    Warn,
    /// And what happens.
    #[default]
    Info,
    /// And how.
    Debug,
    /// And every step.
    Trace,
}

/// An address, or an empty text for none: the example has a line for every setting.
mod optional_address {
    use std::net::SocketAddr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        address: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = address.map(|address| address.to_string()).unwrap_or_default();
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        let address = text.parse();
        address
            .map(Some)
            .map_err(|_| D::Error::custom("expected an address and a port, as \"0.0.0.0:80\""))
    }
}
