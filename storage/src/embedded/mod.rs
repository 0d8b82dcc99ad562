//! The store of one node: streams and their projections over an [`Engine`](crate::engine::Engine).

use std::path::Path;
use std::sync::Arc;

use crate::engine::EngineKind;
use crate::{CommitSink, Env, NoSink, Result, Store};

/// How to open an embedded store.
#[derive(Clone)]
pub struct Options {
    /// Which engine to make new data with, and to insist on with existing data; `None` takes what the folder has,
    /// and sled for a new one.
    pub engine: Option<EngineKind>,
    /// How much memory the engine may use to keep pages at hand, in bytes.
    pub cache_bytes: u64,
    /// Writes stop while less than this is free on the file system, in bytes.
    pub min_free_bytes: u64,
    /// Time and identifiers.
    pub env: Env,
    /// Who is told of commits.
    pub sink: Arc<dyn CommitSink>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: None,
            cache_bytes: 64 * 1024 * 1024,
            min_free_bytes: 1024 * 1024 * 1024,
            env: Env::system(),
            sink: Arc::new(NoSink),
        }
    }
}

/// The store of one node. Cheap to clone.
#[derive(Clone)]
pub struct Embedded {}

/// Opens the data in `folder`, or makes it when the folder is missing or empty. Blocks; takes the folder's lock until
/// the last clone is gone.
pub fn open(_folder: &Path, _options: Options) -> Result<Embedded> {
    todo!()
}

impl Embedded {
    /// The store's handle.
    pub fn store(&self) -> Store {
        todo!()
    }
}
