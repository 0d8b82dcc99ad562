//! Settings that are each understood but do not fit: one function for each area.

use super::load::ConfigError;
use super::{Broker, BrokerKind, Config, Gateway, Presence, PresenceKind, Server, Storage, StorageKind, Tls};

/// More memory than any machine has that this runs on, in MiB: a slip of the keyboard.
const MAX_CACHE_MIB: u64 = 1024 * 1024;
/// More than anybody spreads one topic over: every node reads all of them.
const MAX_PARTITIONS: u64 = 1_000;
/// Longer than anybody waits to hear who is there: an hour.
const MAX_PRESENCE_SECONDS: u64 = 60 * 60;
/// A prefix stands before every key.
const MAX_PREFIX: usize = 100;

/// Everything that cannot work.
pub(super) fn check(config: &Config) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    errors.extend(check_server(&config.server));
    errors.extend(check_tls(&config.tls, &config.server));
    errors.extend(check_storage(&config.storage));
    errors.extend(check_broker(&config.broker, &config.storage));
    errors.extend(check_gateway(&config.gateway));
    errors.extend(check_presence(&config.presence, &config.broker));
    errors
}

fn check_server(server: &Server) -> Vec<ConfigError> {
    let public_url = Some(&server.public_url).filter(|url| !url.is_empty());
    let public_url = public_url.and_then(|url| check_origin("server.public_url", url).err());
    let origins = server.allowed_origins.iter();
    let origins = origins.filter_map(|origin| check_origin("server.allowed_origins", origin).err());
    let most = at_least("server.max_connections", server.max_connections as u64, 10);
    public_url.into_iter().chain(origins).chain(most.err()).collect()
}

fn check_tls(tls: &Tls, server: &Server) -> Vec<ConfigError> {
    let is_given = |path: &std::path::Path| !path.as_os_str().is_empty();
    let (certificate, key) = (is_given(&tls.certificate), is_given(&tls.key));
    let acme = !tls.acme_domains.is_empty();
    let names_https = server.public_url.is_empty() || server.public_url.starts_with("https://");
    let names = tls.acme_domains.iter().filter_map(|name| check_name(name).err());
    let others = wrong_ones([
        unless(
            certificate && !key,
            "tls.key",
            "the certificate's key is needed, too",
        ),
        unless(
            key && !certificate,
            "tls.certificate",
            "the key's certificate is needed, too",
        ),
        unless(
            acme && certificate,
            "tls.acme_domains",
            "certificates come either from files or from an authority: leave out one of both",
        ),
        unless(
            acme && !tls.acme_accept_terms,
            "tls.acme_accept_terms",
            "the authority gives certificates only to whoever accepts its terms of service: read them, and set this to true",
        ),
        unless(
            acme && tls.redirect_listen.is_none(),
            "tls.redirect_listen",
            "the authority looks for its proof at port 80: set this to \"0.0.0.0:80\" or what port 80 leads to",
        ),
        unless(
            acme && !tls.acme_directory.starts_with("https://"),
            "tls.acme_directory",
            "expected an address that begins with https://",
        ),
        unless(
            tls.redirect_listen.is_some() && !tls.is_on(),
            "tls.redirect_listen",
            "there is no https to lead to: set tls.certificate and tls.key, or tls.acme_domains",
        ),
        unless(
            tls.redirect_listen == Some(server.listen) && server.listen.port() != 0,
            "tls.redirect_listen",
            "server.listen is there already",
        ),
        unless(
            tls.is_on() && !names_https,
            "server.public_url",
            "with TLS it begins with https://",
        ),
    ]);
    names.chain(others).collect()
}

/// A name that an authority can look up.
fn check_name(name: &str) -> Result<(), ConfigError> {
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(is_plain)
    };
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    if name.len() <= 253 && !is_address && name.split('.').all(is_label) {
        return Ok(());
    }
    let reason = format!("{name:?} is no name to get a certificate for: expected one as chat.example.org");
    Err(wrong("tls.acme_domains", reason))
}

fn unless(is_wrong: bool, key: &'static str, reason: &str) -> Result<(), ConfigError> {
    if is_wrong { Err(wrong(key, reason)) } else { Ok(()) }
}

fn check_storage(storage: &Storage) -> Vec<ConfigError> {
    let is_named = !storage.folder.as_os_str().is_empty();
    let folder = is_named
        .then_some(())
        .ok_or_else(|| wrong("storage.folder", "a folder is needed"));
    let (url, url_file) = (
        !storage.url.0.is_empty(),
        !storage.url_file.as_os_str().is_empty(),
    );
    let is_mongodb = storage.kind == StorageKind::Mongodb;
    wrong_ones([
        folder,
        unless(
            is_mongodb && !url && !url_file,
            "storage.url",
            "the address of the MongoDB is needed here or in storage.url_file",
        ),
        unless(
            url && url_file,
            "storage.url_file",
            "storage.url is given, too: leave out one of both",
        ),
        unless(
            !is_mongodb && (url || url_file),
            "storage.kind",
            "with storage.url or storage.url_file it must be \"mongodb\"",
        ),
        at_least("storage.cache_mib", storage.cache_mib, 1),
        at_most("storage.cache_mib", storage.cache_mib, MAX_CACHE_MIB),
    ])
}

fn check_presence(presence: &Presence, broker: &Broker) -> Vec<ConfigError> {
    let Presence {
        grace_seconds,
        quiet_seconds,
        ..
    } = *presence;
    let (url, url_file) = (
        !presence.url.0.is_empty(),
        !presence.url_file.as_os_str().is_empty(),
    );
    let is_redis = presence.kind == PresenceKind::Redis;
    let is_kafka = broker.kind == BrokerKind::Kafka;
    wrong_ones([
        unless(
            is_redis && !url && !url_file,
            "presence.url",
            "the address of the Redis is needed here or in presence.url_file",
        ),
        unless(
            url && url_file,
            "presence.url_file",
            "presence.url is given, too: leave out one of both",
        ),
        unless(
            !is_redis && (url || url_file),
            "presence.kind",
            "with presence.url or presence.url_file it must be \"redis\"",
        ),
        unless(
            is_kafka && !is_redis,
            "presence.kind",
            "nodes that tell each other of events by Kafka know who is there by a Redis: set it to \"redis\"",
        ),
        unless(
            is_redis && !is_kafka,
            "broker.kind",
            "a node that shares who is there in a Redis must tell others of events, too: set it to \"kafka\"",
        ),
        unless(
            presence.prefix.len() > MAX_PREFIX || presence.prefix.contains(char::is_whitespace),
            "presence.prefix",
            "expected a text of at most 100 bytes without spaces",
        ),
        at_most("presence.grace_seconds", grace_seconds, MAX_PRESENCE_SECONDS),
        at_most("presence.quiet_seconds", quiet_seconds, MAX_PRESENCE_SECONDS),
    ])
}

fn check_broker(broker: &Broker, storage: &Storage) -> Vec<ConfigError> {
    let is_kafka = broker.kind == BrokerKind::Kafka;
    let is_secret = !broker.password.0.is_empty();
    let is_in_file = !broker.password_file.as_os_str().is_empty();
    wrong_ones([
        unless(
            is_kafka && storage.kind != StorageKind::Mongodb,
            "broker.kind",
            "nodes that share data need a database that they share: set storage.kind to \"mongodb\"",
        ),
        unless(
            is_kafka && broker.servers.is_empty(),
            "broker.servers",
            "some of Kafka's servers are needed, as \"kafka-1:9092\"",
        ),
        unless(
            !is_kafka && !broker.servers.is_empty(),
            "broker.kind",
            "with broker.servers it must be \"kafka\"",
        ),
        unless(
            broker
                .servers
                .iter()
                .any(|server| server.contains("://") || server.contains('@') || !server.contains(':')),
            "broker.servers",
            "expected names with ports, as \"kafka-1:9092\": user and password have settings of their own",
        ),
        unless(broker.topics.is_empty(), "broker.topics", "a name is needed"),
        unless(
            !broker
                .topics
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter)),
            "broker.topics",
            "Kafka's names have letters, digits, and . _ - in them",
        ),
        unless(
            is_secret && is_in_file,
            "broker.password_file",
            "broker.password is given, too: leave out one of both",
        ),
        unless(
            broker.user.is_empty() && (is_secret || is_in_file),
            "broker.user",
            "the name that the password belongs to is needed",
        ),
        unless(
            !["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"].contains(&broker.mechanism.as_str()),
            "broker.mechanism",
            "expected \"SCRAM-SHA-512\", \"SCRAM-SHA-256\" or \"PLAIN\"",
        ),
        at_least("broker.partitions", u64::from(broker.partitions), 1),
        at_most("broker.partitions", u64::from(broker.partitions), MAX_PARTITIONS),
    ])
}

fn check_gateway(gateway: &Gateway) -> Vec<ConfigError> {
    let unauthenticated = gateway.max_unauthenticated as u64;
    let requests = u64::from(gateway.requests_per_second);
    wrong_ones([
        at_least("gateway.max_connections", gateway.max_connections as u64, 1),
        at_least("gateway.max_unauthenticated", unauthenticated, 1),
        // Two of the largest messages with their frames.
        at_least("gateway.max_queue_kib", gateway.max_queue_kib as u64, 64),
        at_least("gateway.heartbeat_seconds", gateway.heartbeat_seconds, 1),
        at_least("gateway.requests_per_second", requests, 1),
    ])
}

fn wrong_ones<const COUNT: usize>(checked: [Result<(), ConfigError>; COUNT]) -> Vec<ConfigError> {
    checked.into_iter().filter_map(Result::err).collect()
}

fn check_origin(key: &'static str, url: &str) -> Result<(), ConfigError> {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match host {
        // It stands in links that everybody reads.
        Some(host) if host.contains('@') => Err(wrong(key, "a name or password does not belong here")),
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', ' ']) => Ok(()),
        _ => Err(wrong(
            key,
            "expected https://host or http://host:port, without a path",
        )),
    }
}

fn at_least(key: &'static str, value: u64, least: u64) -> Result<(), ConfigError> {
    if value < least {
        Err(wrong(key, format!("must be at least {least}, is {value}")))
    } else {
        Ok(())
    }
}

fn at_most(key: &'static str, value: u64, most: u64) -> Result<(), ConfigError> {
    if value > most {
        Err(wrong(key, format!("must be at most {most}, is {value}")))
    } else {
        Ok(())
    }
}

fn wrong(key: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Setting {
        key,
        reason: reason.into(),
    }
}
