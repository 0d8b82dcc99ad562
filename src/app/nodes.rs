//! What connects this node with the others on the same data: the one place that knows every broker and every presence.

use std::time::Duration;

use madang_storage::Env;
use madang_storage::model::NodeId;

use super::AppError;
use crate::broker::memory::Bus;
use crate::broker::{self, Broker};
use crate::config::{BrokerKind, Config, PresenceKind};
use crate::presence::memory::Commons;
use crate::presence::{self, Presence};

/// Whether this binary has what the settings name.
pub fn check(config: &Config) -> Result<(), AppError> {
    let misses = |key: &str, kind: &str| {
        AppError::NotBuilt(format!(
            "{key} is \"{kind}\", but this binary was built without it: build it with `--features {kind}`"
        ))
    };
    if config.broker.kind == BrokerKind::Kafka && !cfg!(feature = "kafka") {
        return Err(misses("broker.kind", "kafka"));
    }
    if config.presence.kind == PresenceKind::Redis && !cfg!(feature = "redis") {
        return Err(misses("presence.kind", "redis"));
    }
    Ok(())
}

/// The broker that the settings name. Reaches nobody before it starts.
pub(super) fn broker(config: &Config, node: NodeId) -> Result<Broker, broker::Error> {
    match config.broker.kind {
        BrokerKind::Memory => Ok(Bus::new().join()),
        BrokerKind::Kafka => kafka(config, node),
    }
}

#[cfg(feature = "kafka")]
fn kafka(config: &Config, node: NodeId) -> Result<Broker, broker::Error> {
    use std::collections::BTreeMap;

    use crate::broker::kafka;

    let settings = &config.broker;
    let mut options = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        options.insert(name.to_owned(), value);
    };
    let protocol = match (settings.tls, settings.user.is_empty()) {
        (false, true) => "PLAINTEXT",
        (false, false) => "SASL_PLAINTEXT",
        (true, true) => "SSL",
        (true, false) => "SASL_SSL",
    };
    set("security.protocol", protocol.to_owned());
    if !settings.ca_file.as_os_str().is_empty() {
        set("ssl.ca.location", settings.ca_file.display().to_string());
    }
    if !settings.user.is_empty() {
        set("sasl.mechanism", settings.mechanism.clone());
        set("sasl.username", settings.user.clone());
        set(
            "sasl.password",
            settings.read_password().map_err(broker::Error::Unavailable)?,
        );
    }
    let meeting = kafka::Settings {
        servers: settings.servers.join(","),
        prefix: settings.topics.clone(),
        partitions: i32::from(settings.partitions),
        // Kafka takes -1 for what it is configured to do.
        replication: if settings.replicas == 0 {
            -1
        } else {
            i32::from(settings.replicas)
        },
        options,
    };
    kafka::broker(meeting, node)
}

#[cfg(not(feature = "kafka"))]
fn kafka(_config: &Config, _node: NodeId) -> Result<Broker, broker::Error> {
    Err(broker::Error::Unavailable("no Kafka is built in".to_owned()))
}

/// The presence that the settings name. Connects to nobody before it starts.
pub(super) fn presence(config: &Config, env: &Env) -> Result<Presence, presence::Error> {
    let grace = Duration::from_secs(config.presence.grace_seconds);
    match config.presence.kind {
        PresenceKind::Memory => Ok(Commons::new(env.clone(), grace).join()),
        PresenceKind::Redis => redis(config, grace),
    }
}

#[cfg(feature = "redis")]
fn redis(config: &Config, grace: Duration) -> Result<Presence, presence::Error> {
    use crate::presence::redis;

    let settings = &config.presence;
    redis::presence(redis::Settings {
        url: settings.read_url().map_err(presence::Error::Settings)?,
        prefix: settings.prefix.clone(),
        grace,
    })
}

#[cfg(not(feature = "redis"))]
fn redis(_config: &Config, _grace: Duration) -> Result<Presence, presence::Error> {
    Err(presence::Error::Unavailable("no Redis is built in".to_owned()))
}
