//! Settings that are each understood but do not fit: one function for each area.

use super::load::ConfigError;
use super::{Config, Gateway, Presence, Server, Storage};

/// More memory than any machine has that this runs on, in MiB: a slip of the keyboard.
const MAX_CACHE_MIB: u64 = 1024 * 1024;
/// Longer than anybody waits to hear who is there: an hour.
const MAX_PRESENCE_SECONDS: u64 = 60 * 60;

/// Refuses what cannot work.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    check_server(&config.server)?;
    check_storage(&config.storage)?;
    check_gateway(&config.gateway)?;
    check_presence(&config.presence)
}

fn check_server(server: &Server) -> Result<(), ConfigError> {
    if !server.public_url.is_empty() {
        check_origin("server.public_url", &server.public_url)?;
    }
    for origin in &server.allowed_origins {
        check_origin("server.allowed_origins", origin)?;
    }
    at_least("server.max_connections", server.max_connections as u64, 10)
}

fn check_storage(storage: &Storage) -> Result<(), ConfigError> {
    if storage.folder.as_os_str().is_empty() {
        return Err(wrong("storage.folder", "a folder is needed"));
    }
    at_least("storage.cache_mib", storage.cache_mib, 1)?;
    at_most("storage.cache_mib", storage.cache_mib, MAX_CACHE_MIB)
}

fn check_presence(presence: &Presence) -> Result<(), ConfigError> {
    at_most(
        "presence.grace_seconds",
        presence.grace_seconds,
        MAX_PRESENCE_SECONDS,
    )?;
    at_most(
        "presence.quiet_seconds",
        presence.quiet_seconds,
        MAX_PRESENCE_SECONDS,
    )
}

fn check_gateway(gateway: &Gateway) -> Result<(), ConfigError> {
    at_least("gateway.max_connections", gateway.max_connections as u64, 1)?;
    at_least(
        "gateway.max_unauthenticated",
        gateway.max_unauthenticated as u64,
        1,
    )?;
    // Two of the largest messages with their frames.
    at_least("gateway.max_queue_kib", gateway.max_queue_kib as u64, 64)?;
    at_least("gateway.heartbeat_seconds", gateway.heartbeat_seconds, 1)?;
    at_least(
        "gateway.requests_per_second",
        u64::from(gateway.requests_per_second),
        1,
    )
}

fn check_origin(key: &'static str, url: &str) -> Result<(), ConfigError> {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match host {
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
