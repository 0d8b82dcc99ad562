//! Storage of Madang: streams of events, what follows from them, and the stores that keep them.
//!
//! # Layout
//! - [`model`]: the stored types, and the pure functions that say what an event does. No I/O.
//! - [`Store`]: the contract that all of Madang is written against; [`Backend`] is what a store implements.
//! - [`engine`]: a small ordered key-value layer with one atomic durable batch at a time, on sled and on redb.
//! - [`embedded`]: the store of one node, over an engine.
//! - `document`: the store over single-document writes; `mongo`, which gives it a MongoDB (feature `mongodb`), and
//!   `sim`, the simulator that behaves like such a database on a bad day (feature `testing`).
//! - `conformance`: one named test for each promise of the contract, for every store (feature `testing`).
//!
//! # Invariants
//! - Nothing in here knows of HTTP, sockets, a broker or a cache.
//! - What a read returns is durable; an answered append is durable, with everything that follows from it.
//! - Revs of a stream and seqs of a room are dense; a hole is answered as damage and never skipped.

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(any(feature = "testing", feature = "mongodb"))]
pub mod document;
pub mod embedded;
pub mod engine;
mod env;
mod error;
pub mod model;
#[cfg(feature = "mongodb")]
pub mod mongo;
#[cfg(feature = "testing")]
pub mod sim;
mod store;

pub use env::{Clock, Env, Ids, SystemClock, SystemIds};
pub use error::{AppendError, Error, Result};
pub use store::Store;
pub use store::backend::{AppendOutcome, Backend, Decide};
pub use store::changes::{Change, Changed, Changes, Cursor};
pub use store::command::{Appended, Command, NonceUse};
pub use store::pages::{
    Anchor, EventPage, HistoryPage, MAX_EVENTS_PER_PAGE, MAX_MESSAGES_PER_PAGE, MAX_ROWS_PER_PAGE, RowPage,
    StatePage,
};
pub use store::record::{StateRecord, Versioned, decode, encode};
pub use store::sink::{CommitSink, NoSink};
pub use store::status::{Readiness, Space, Status};
