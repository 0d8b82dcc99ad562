//! What can be configured: TOML, environment, and the documentation of both.

mod check;
mod example;
mod load;
mod settings;
#[cfg(test)]
mod tests;

pub use example::example;
pub use load::{ConfigError, ConfigErrors, load, unknown_variables};
pub use settings::{
    Broker, BrokerKind, Config, Gateway, Log, LogFormat, LogLevel, Presence, PresenceKind, Secret, Server,
    Storage, StorageKind, Tls,
};
