//! The connection: commands with their concerns and limits.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mongodb::bson::{Bson, DateTime, Document, Timestamp as ClusterTime, doc};
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use mongodb::{Client, Database};

use super::Options;
use crate::document::{Answer, Unclear};
use crate::error::{Error, Result};

/// How long is looked for a server that can be written to.
const SELECTION_LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long one command may take; well below how long the store goes on trying.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
/// Tells the server to give up when we do.
const COMMAND_LIMIT_MS: i64 = 10_000;
/// How long is tried at the start, when the server may be starting as well.
const OPENING_TRIES: u32 = 6;
/// Enough for the groups of writes under way and for many reads.
const MAX_CONNECTIONS: u32 = 64;

/// A database that commands go to.
pub(super) struct Connection {
    database: Database,
    /// The latest moment of the cluster that an answer spoke of: a read asks for no less.
    seen: Mutex<Option<ClusterTime>>,
    equality_only: bool,
}

impl Connection {
    pub(super) async fn open(options: &Options) -> Result<Self> {
        // The driver's own words may hold parts of the connection string, and so of a password.
        let unreadable = |_| {
            Error::CannotOpen(
                "the address of the MongoDB is not understood: expected mongodb://host:port or mongodb+srv://host, \
                 with name and password in percent encoding"
                    .to_owned(),
            )
        };
        let mut settings = ClientOptions::parse(&options.url).await.map_err(unreadable)?;
        settings.app_name.get_or_insert_with(|| "madang".to_owned());
        settings.server_selection_timeout = Some(SELECTION_LIMIT);
        settings.connect_timeout = Some(CONNECT_LIMIT);
        settings.max_pool_size.get_or_insert(MAX_CONNECTIONS);
        settings.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let name = Some(&options.database).filter(|name| !name.is_empty()).cloned();
        let name = name.or_else(|| settings.default_database.clone());
        let client = Client::with_options(settings).map_err(unreadable)?;
        let mut connection = Self {
            database: client.database(name.as_deref().unwrap_or(Options::DATABASE)),
            seen: Mutex::default(),
            equality_only: false,
        };
        connection.equality_only = connection.greet().await?.contains_key("ferretdbVersion");
        Ok(connection)
    }

    /// Asks the server what it is, for as long as it may take to start.
    async fn greet(&self) -> Result<Document> {
        let mut tries = 0;
        loop {
            match self.run(doc! { "buildInfo": 1 }).await {
                Ok(answer) => return Ok(answer),
                Err(unclear) if tries + 1 == OPENING_TRIES => {
                    return Err(Error::CannotOpen(format!(
                        "the MongoDB cannot be reached: {unclear}"
                    )));
                }
                Err(unclear) => tracing::warn!(%unclear, "the MongoDB cannot be reached yet"),
            }
            tries += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Whether the server looks through everything unless it is asked for one value of a field: FerretDB.
    pub(super) const fn finds_by_equality_only(&self) -> bool {
        self.equality_only
    }

    /// Runs a command as it is.
    pub(super) async fn run(&self, command: Document) -> Answer<Document> {
        let answer = tokio::time::timeout(COMMAND_LIMIT, self.database.run_command(command)).await;
        let answer = answer
            .map_err(|_| Unclear("no answer in time".to_owned()))?
            .map_err(|error| Unclear(error.to_string()))?;
        if let Some(Bson::Timestamp(time)) = answer.get("operationTime") {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = (*seen).max(Some(*time));
        }
        Ok(answer)
    }

    /// Runs a command that writes, and waits for a majority's journal.
    pub(super) async fn write(&self, mut command: Document) -> Answer<Document> {
        command.insert(
            "writeConcern",
            doc! { "w": "majority", "j": true, "wtimeout": COMMAND_LIMIT_MS },
        );
        let answer = self.run(command).await?;
        match answer.get("writeConcernError") {
            // It is written, but may yet be rolled back.
            Some(error) => Err(Unclear(error.to_string())),
            None => Ok(answer),
        }
    }

    /// The documents that a `find` finds, all of them.
    pub(super) async fn find(&self, collection: &str, limit: usize, find: Document) -> Answer<Vec<Document>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut command = doc! { "find": collection };
        command.extend(find);
        command.extend(doc! {
            "limit": limit,
            // Everything in the first answer, as long as it is not too large for one.
            "batchSize": limit,
            "maxTimeMS": COMMAND_LIMIT_MS,
            "readConcern": self.read_concern(),
        });
        let mut answer = self.run(command).await?;
        let mut found = Vec::new();
        loop {
            let mut cursor = take_part(&mut answer, "cursor")?;
            for name in ["firstBatch", "nextBatch"] {
                let Ok(batch) = cursor.get_array_mut(name) else {
                    continue;
                };
                for document in std::mem::take(batch) {
                    match document {
                        Bson::Document(document) => found.push(document),
                        other => return Err(Unclear(format!("a document was expected, not {other:?}"))),
                    }
                }
            }
            match cursor.get_i64("id") {
                Ok(0) | Err(_) => return Ok(found),
                Ok(id) => answer = self.run(doc! { "getMore": id, "collection": collection }).await?,
            }
        }
    }

    /// The server's clock.
    pub(super) async fn now(&self) -> Answer<DateTime> {
        match self.run(doc! { "hello": 1 }).await?.get("localTime") {
            Some(Bson::DateTime(now)) => Ok(*now),
            _ => Err(Unclear("the server does not tell its time".to_owned())),
        }
    }

    /// Removes the database.
    pub(super) async fn remove(&self) -> Result<()> {
        let answer = self.run(doc! { "dropDatabase": 1 }).await;
        answer
            .map(drop)
            .map_err(|unclear| Error::Unavailable(unclear.to_string()))
    }

    fn read_concern(&self) -> Document {
        let mut concern = doc! { "level": "majority" };
        if let Some(time) = *self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            concern.insert("afterClusterTime", time);
        }
        concern
    }
}

/// Takes a document out of an answer.
fn take_part(answer: &mut Document, name: &str) -> Answer<Document> {
    match answer.remove(name) {
        Some(Bson::Document(part)) => Ok(part),
        _ => Err(Unclear(format!("an answer without {name}"))),
    }
}
