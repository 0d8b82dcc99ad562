//! What connects this node with the others on the same data: the one place that knows every broker.

use madang_storage::Env;

use crate::broker::memory::Bus;
use crate::broker::{Broker, Error};
use crate::config::{BrokerKind, Config};

/// The broker that the settings name. Reaches nobody before it starts.
pub(super) fn broker(config: &Config, env: &Env) -> Result<Broker, Error> {
    match config.broker.kind {
        BrokerKind::Memory => Ok(Bus::new().join()),
        BrokerKind::Kafka => kafka(config, env),
    }
}

#[cfg(feature = "kafka")]
fn kafka(config: &Config, env: &Env) -> Result<Broker, Error> {
    use std::collections::BTreeMap;

    use crate::broker::{NodeId, kafka};

    let broker = &config.broker;
    let mut options = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        options.insert(name.to_owned(), value);
    };
    let protocol = match (broker.tls, broker.user.is_empty()) {
        (false, true) => "PLAINTEXT",
        (false, false) => "SASL_PLAINTEXT",
        (true, true) => "SSL",
        (true, false) => "SASL_SSL",
    };
    set("security.protocol", protocol.to_owned());
    if !broker.ca_file.as_os_str().is_empty() {
        set("ssl.ca.location", broker.ca_file.display().to_string());
    }
    if !broker.user.is_empty() {
        set("sasl.mechanism", broker.mechanism.clone());
        set("sasl.username", broker.user.clone());
        set(
            "sasl.password",
            broker.read_password().map_err(Error::Unavailable)?,
        );
    }
    let settings = kafka::Settings {
        servers: broker.servers.join(","),
        prefix: broker.topics.clone(),
        partitions: i32::from(broker.partitions),
        // Kafka takes -1 for what it is configured to do.
        replication: if broker.replicas == 0 {
            -1
        } else {
            i32::from(broker.replicas)
        },
        options,
    };
    kafka::broker(settings, NodeId(env.next_id()))
}

#[cfg(not(feature = "kafka"))]
fn kafka(_config: &Config, _env: &Env) -> Result<Broker, Error> {
    Err(Error::Unavailable(
        "broker.kind is \"kafka\", but this binary was built without it: build it with `--features kafka`"
            .to_owned(),
    ))
}
