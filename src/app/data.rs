//! Where the data is: the one place that knows every store.

use std::path::Path;
use std::sync::Arc;

use madang_storage::embedded::{self, Embedded, Options};
use madang_storage::engine::EngineKind;
use madang_storage::{CommitSink, Env, Error, Result, Store};

use super::LEAST_FREE_BYTES;
use crate::config::{Config, Storage, StorageKind};

/// Data that is open.
pub(super) struct Data {
    pub(super) store: Store,
    /// The folder's own side of it, where the data is in a folder: what backs up, and looks at files.
    pub(super) embedded: Option<Embedded>,
}

/// Opens the data that the settings name, and makes what is missing.
pub(super) async fn open(config: &Config, env: Env, sink: Arc<dyn CommitSink>) -> Result<Data> {
    let storage = &config.storage;
    match storage.kind {
        StorageKind::Engine(engine) => open_folder(storage, engine, env, sink).await,
        StorageKind::Mongodb => open_mongodb(storage, env, sink).await,
    }
}

/// Opens the data in a folder, which must be there.
pub(super) async fn open_existing(folder: &Path, env: Env, sink: Arc<dyn CommitSink>) -> Result<Data> {
    let options = Options {
        min_free_bytes: LEAST_FREE_BYTES,
        env,
        sink,
        ..Options::default()
    };
    open_with(folder, options, embedded::open_existing).await
}

async fn open_folder(
    storage: &Storage,
    engine: EngineKind,
    env: Env,
    sink: Arc<dyn CommitSink>,
) -> Result<Data> {
    let bytes = |mib: u64| mib.saturating_mul(1024 * 1024);
    let options = Options {
        engine: Some(engine),
        cache_bytes: bytes(storage.cache_mib),
        min_free_bytes: bytes(storage.min_free_mib).max(LEAST_FREE_BYTES),
        env,
        sink,
        ..Options::default()
    };
    open_with(&storage.folder, options, embedded::open).await
}

async fn open_with(
    folder: &Path,
    options: Options,
    open: fn(&Path, Options) -> Result<Embedded>,
) -> Result<Data> {
    let folder = folder.to_owned();
    let opening = tokio::task::spawn_blocking(move || open(&folder, options)).await;
    let embedded = opening.map_err(|error| Error::CannotOpen(error.to_string()))??;
    Ok(Data {
        store: embedded.store(),
        embedded: Some(embedded),
    })
}

#[cfg(feature = "mongodb")]
async fn open_mongodb(storage: &Storage, env: Env, sink: Arc<dyn CommitSink>) -> Result<Data> {
    use madang_storage::mongo;

    // Certificates and the control socket are in the folder, also where the data is not.
    std::fs::create_dir_all(&storage.folder).map_err(|error| {
        let folder = storage.folder.display();
        Error::CannotOpen(format!("the folder {folder} cannot be made: {error}"))
    })?;
    let options = mongo::Options {
        database: storage.database.clone(),
        env,
        sink,
        ..mongo::Options::new(storage.read_url().map_err(Error::CannotOpen)?)
    };
    let store = mongo::open(options).await?;
    Ok(Data {
        store,
        embedded: None,
    })
}

#[cfg(not(feature = "mongodb"))]
async fn open_mongodb(_storage: &Storage, _env: Env, _sink: Arc<dyn CommitSink>) -> Result<Data> {
    Err(Error::CannotOpen(
        "storage.kind is \"mongodb\", but this binary was built without it: build it with `--features mongodb`"
            .to_owned(),
    ))
}
