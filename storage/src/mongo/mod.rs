//! The store on MongoDB, and on servers that speak its protocol.
//!
//! # How it works
//! - `document` is the store; this gives it the database. Every operation is one command on one document or index,
//!   so nothing here needs transactions, change streams, or indexes that expire or leave documents out.
//! - **Writes** are `update` commands: an insert is an update that cannot match and so becomes an upsert, which alone
//!   lets the server's clock say when. They wait for a majority's journal. Those that come while others are under
//!   way go into one command; each writer is told what became of its own.
//! - **Reads** see what a majority has, on the primary, and never less than this node has read or written before.
//! - Everything has a time limit. What takes longer is unclear, like whatever else goes wrong.
//! - Without a broker only one node may use a database: a lease in it refuses a second one.
//!
//! # Layout
//! `connection`: commands and their limits. `form`: documents as an operator sees them. `group`: many writes in one
//! command. `indexes`: what is made at the start. `lease` and `format`: who may use the data.

mod connection;
mod documents;
mod form;
mod format;
mod group;
mod indexes;
mod lease;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::document::{self, DocumentStore};
use crate::error::Result;
use crate::{CommitSink, Env, NoSink, Store};
use connection::Connection;
use documents::MongoDocuments;
use lease::Lease;

/// How a database is opened.
#[derive(Clone)]
pub struct Options {
    /// The connection string. It may hold a password, so it is in no text that leaves this module.
    pub url: String,
    /// The database's name. Empty: what the connection string names, or else [`Options::DATABASE`].
    pub database: String,
    /// Whether this node wants the database for itself, as it must without a broker.
    pub alone: bool,
    /// Time and identifiers.
    pub env: Env,
    /// Who is told of this node's commits.
    pub sink: Arc<dyn CommitSink>,
}

impl Options {
    /// The database's name where nobody gives another.
    pub const DATABASE: &str = "madang";

    /// The options that most want, for a node that is alone.
    pub fn new(url: String) -> Self {
        Self {
            url,
            database: String::new(),
            alone: true,
            env: Env::system(),
            sink: Arc::new(NoSink),
        }
    }
}

/// Opens a database: makes what is missing in it, and refuses what this version or this node may not use.
pub async fn open(options: Options) -> Result<Store> {
    let connection = Arc::new(Connection::open(&options).await?);
    format::check(&connection).await?;
    let lease = if options.alone {
        Some(Lease::take(&connection, &options.env).await?)
    } else {
        None
    };
    indexes::make(&connection).await?;
    let documents = MongoDocuments::new(connection, lease);
    let store = DocumentStore::new(
        Arc::new(documents),
        document::Options {
            env: options.env,
            sink: options.sink,
            defect: None,
        },
    );
    Ok(store.store())
}

/// Makes all nodes' last beats this much older, for tests: nobody sets the clock of a database.
pub async fn age_beats(options: &Options, by: std::time::Duration) -> Result<()> {
    let connection = Connection::open(options).await?;
    let aged = documents::age_beats(&connection, by).await;
    aged.map_err(|unclear| crate::Error::Unavailable(unclear.to_string()))
}

/// Removes a database with everything in it, for tests.
pub async fn remove(options: &Options) -> Result<()> {
    let connection = Connection::open(options).await?;
    connection.remove().await
}
