//! The connection to Redis, and the scripts that run there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Pipeline, RedisError, Script};

use super::Settings;
use crate::presence::{DEAD_AFTER, Error, KEPT_FOR};

/// Whoever does not answer by then is away. Several of these fit into the time after which a node counts as dead.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// How many changes can be read later. Who missed more asks anew.
const KEPT_CHANGES: usize = 10_000;

/// How long hearing waits for something new; then it looks whether it still waits at the right place.
pub(super) const HEARS_WITHIN: Duration = Duration::from_secs(1);

/// What a script is given besides its own arguments.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) prefix: String,
    grace: Duration,
    #[cfg(test)]
    pub(super) clock: Option<std::sync::Arc<std::sync::atomic::AtomicU64>>,
    #[cfg(test)]
    pub(super) kept_changes: usize,
}

impl Common {
    pub(super) fn new(prefix: String, grace: Duration) -> Self {
        Self {
            prefix,
            grace,
            #[cfg(test)]
            clock: None,
            #[cfg(test)]
            kept_changes: KEPT_CHANGES,
        }
    }

    /// The time in a test; otherwise nothing, and the script asks Redis: the clocks of nodes differ.
    fn time(&self) -> String {
        #[cfg(test)]
        if let Some(clock) = &self.clock {
            return clock.load(std::sync::atomic::Ordering::SeqCst).to_string();
        }
        String::new()
    }

    fn kept_changes(&self) -> usize {
        #[cfg(test)]
        return self.kept_changes;
        #[cfg(not(test))]
        KEPT_CHANGES
    }

    fn arguments(&self) -> [String; 6] {
        [
            self.prefix.clone(),
            self.time(),
            self.grace.as_millis().to_string(),
            KEPT_FOR.as_millis().to_string(),
            DEAD_AFTER.as_millis().to_string(),
            self.kept_changes().to_string(),
        ]
    }

    /// The name of a key.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The name of a key that belongs to something.
    pub(super) fn key_of(&self, kind: &str, id: impl std::fmt::Display) -> String {
        format!("{}{kind}:{id}", self.prefix)
    }
}

/// Each is one step that all nodes see done or not done.
pub(super) struct Scripts {
    /// A node lives.
    pub(super) live: Script,
    /// What became of users on a node.
    pub(super) tell: Script,
    /// Nodes go of their own accord.
    pub(super) retire: Script,
    /// Ends what is overdue.
    pub(super) sweep: Script,
}

impl Scripts {
    fn new() -> Self {
        let script = |own: &str| Script::new(&format!("{}\n{own}", include_str!("scripts/people.lua")));
        Self {
            live: script(include_str!("scripts/live.lua")),
            tell: script(include_str!("scripts/tell.lua")),
            retire: script(include_str!("scripts/retire.lua")),
            sweep: script(include_str!("scripts/sweep.lua")),
        }
    }
}

/// The one connection over which this node tells and asks. Only a beat makes a new one: while Redis is away nobody else
/// waits for it to answer.
pub(super) struct Link {
    client: Client,
    pub(super) common: Common,
    pub(super) scripts: Scripts,
    connection: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    connection: Option<MultiplexedConnection>,
    /// Tells connections apart: what went wrong with an old one says nothing of the new one.
    number: u64,
}

impl Link {
    pub(super) fn new(settings: Settings) -> Result<Self, Error> {
        let client = Client::open(settings.url).map_err(|error| Error::Settings(error.to_string()))?;
        Ok(Self {
            client,
            common: Common::new(settings.prefix, settings.grace),
            scripts: Scripts::new(),
            connection: Mutex::default(),
        })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.current().connection.is_some()
    }

    /// Makes a new connection instead of what there is.
    pub(super) async fn connect(&self) -> Result<(), RedisError> {
        let connection = self.open(ANSWERS_WITHIN).await?;
        let mut current = self.current();
        current.number += 1;
        current.connection = Some(connection);
        Ok(())
    }

    pub(super) fn disconnect(&self) {
        self.current().connection = None;
    }

    /// A connection of its own, for whoever waits until there is something to hear.
    pub(super) async fn open_for_hearing(&self) -> Result<MultiplexedConnection, RedisError> {
        self.open(HEARS_WITHIN + ANSWERS_WITHIN).await
    }

    /// Runs a script.
    pub(super) async fn run(&self, script: &Script, arguments: &[String]) -> Result<Vec<String>, RedisError> {
        let (mut connection, number) = self.connection()?;
        let mut invocation = script.prepare_invoke();
        for argument in self.common.arguments() {
            invocation.arg(argument);
        }
        invocation.arg(arguments);
        let outcome = invocation.invoke_async(&mut connection).await;
        self.watched(number, outcome)
    }

    /// Asks several things at once.
    pub(super) async fn ask<T: redis::FromRedisValue>(&self, questions: &Pipeline) -> Result<T, RedisError> {
        let (mut connection, number) = self.connection()?;
        let outcome = questions.query_async(&mut connection).await;
        self.watched(number, outcome)
    }

    async fn open(&self, answers_within: Duration) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWERS_WITHIN))
            .set_response_timeout(Some(answers_within));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    fn connection(&self) -> Result<(MultiplexedConnection, u64), RedisError> {
        let current = self.current();
        let connection = current.connection.clone();
        let connection = connection
            .ok_or_else(|| RedisError::from(std::io::Error::from(std::io::ErrorKind::NotConnected)))?;
        Ok((connection, current.number))
    }

    /// After any error the connection goes: behind a new one may be another Redis, that is loaded, writable, or empty.
    fn watched<T>(&self, number: u64, outcome: Result<T, RedisError>) -> Result<T, RedisError> {
        if outcome.is_err() {
            let mut current = self.current();
            if current.number == number {
                current.connection = None;
            }
        }
        outcome
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
