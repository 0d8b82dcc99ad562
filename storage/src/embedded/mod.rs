//! The store of one node: streams and their projections over an [`Engine`].

mod append;
pub mod archive;
mod backend;
mod backup;
mod bulk;
mod changes;
mod check;
mod committer;
mod compact;
mod derive;
mod events;
mod folder;
mod frame;
mod group;
mod nonces;
mod private;
mod reads;
mod restore;
mod snapshot;
mod state;
mod stored;
mod sweep;
mod tables;
mod tap;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::engine::{self, Engine, EngineKind, EngineOptions, Entry, Previous};
use crate::error::{Error, Result};
use crate::model::Epoch;
use crate::store::status::{Readiness, Space, Status};
use crate::{CommitSink, Env, NoSink, Store};
use committer::{Committer, Operation, Shared};
use folder::{Folder, Tip};
use nonces::Index;
use stored::Tick;

pub use backup::{BackupReport, backup};
pub use compact::{CompactReport, compact};
pub use restore::{RestoreReport, restore};
pub use tables::{Table, TableClass};
pub use verify::{VerifyReport, verify};

/// A page of more rows than this is work that others must not have to wait for.
const LARGE_PAGE: usize = 64;

const META_FORMAT: &str = "format";
const META_EPOCH: &str = "epoch";
const META_TICK: &str = "tick";

/// How to open an embedded store.
#[derive(Clone)]
pub struct Options {
    /// Which engine to make new data with, and to insist on with existing data; `None` takes what the folder has,
    /// and sled for a new one.
    pub engine: Option<EngineKind>,
    /// How much memory the engine may use to keep pages at hand, in bytes.
    pub cache_bytes: u64,
    /// Writes stop while less than this is free on the file system, in bytes. Engines must be able to write when they
    /// open, so a full disk would also keep the data from opening.
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

/// The store of one node. Cheap to clone. Close it through [`Store::close`]; the folder's lock is let go then, or when
/// the last clone is gone and the committer has ended.
#[derive(Clone)]
pub struct Embedded {
    inner: Arc<Inner>,
}

struct Inner {
    /// `None` once closed.
    engine: RwLock<Option<Arc<dyn Engine>>>,
    operations: mpsc::Sender<Operation>,
    shared: Arc<Shared>,
    epoch: Epoch,
    env: Env,
    /// Turns for reading large pages.
    large_reads: Semaphore,
    /// The data folder: where work that needs a file of its own keeps it.
    folder: PathBuf,
}

/// Opens the data in `folder`, or makes it when the folder is missing or empty. Blocks. A second process is refused.
///
/// Damage that leaves the data readable opens: [`Status::readiness`] tells it, and writes are refused.
pub fn open(folder: &Path, options: Options) -> Result<Embedded> {
    let folder = Folder::lock(folder)?;
    let kind = match (folder.recover()?, options.engine) {
        (Some(present), Some(wanted)) if present != wanted => {
            let path = folder.path().display();
            return Err(Error::CannotOpen(format!(
                "the data in {path} was made with {present}, not {wanted}: `madang compact --engine {wanted}` moves it"
            )));
        }
        (Some(present), _) => present,
        (None, wanted) => {
            let kind = wanted.unwrap_or(EngineKind::Sled);
            create(&folder, kind, &options)?;
            kind
        }
    };
    let engine_options = EngineOptions {
        cache_bytes: options.cache_bytes,
        create: false,
    };
    let engine = engine::open(kind, &folder.store(), &engine_options)?;
    folder.tighten();
    start(folder, engine, options)
}

/// [`open`] for data that is there: a folder without any is refused, and stays as it is.
pub fn open_existing(folder: &Path, options: Options) -> Result<Embedded> {
    drop(compact::open_folder(folder)?);
    open(folder, options)
}

/// Makes empty data of a new epoch.
fn create(folder: &Folder, kind: EngineKind, options: &Options) -> Result<()> {
    let new = folder.begin_new()?;
    let engine = engine::open(
        kind,
        &new,
        &EngineOptions {
            cache_bytes: options.cache_bytes,
            create: true,
        },
    )?;
    let epoch = Epoch::from_u128(options.env.next_id());
    let tick = Tick {
        number: 0,
        hash: 0,
        logical_bytes: 0,
        changes_from: 1,
        nonces_from: 0,
    };
    engine.commit(vec![
        first(META_FORMAT, &folder::FORMAT)?,
        first(META_EPOCH, &epoch)?,
        first(META_TICK, &tick)?,
    ])?;
    engine.close()?;
    drop(engine);
    folder.finish_new(kind)
}

fn first<T: serde::Serialize>(name: &str, value: &T) -> Result<Entry> {
    let key = tables::meta(name);
    let value = frame::seal(&key, &frame::encode(value)?)?.main;
    Ok(Entry {
        key,
        value: Some(value),
        previous: Previous::Absent,
    })
}

/// Checks the data and starts the committer.
fn start(folder: Folder, engine: Arc<dyn Engine>, options: Options) -> Result<Embedded> {
    let missing = |what: &str| Error::Damaged(format!("the data's {what} is missing"));
    let format: u32 = meta(&*engine, META_FORMAT)?.ok_or_else(|| missing("format"))?;
    if format != folder::FORMAT {
        return Err(Error::CannotOpen(format!(
            "the data has format {format}, this version reads {}",
            folder::FORMAT
        )));
    }
    let epoch: Epoch = meta(&*engine, META_EPOCH)?.ok_or_else(|| missing("epoch"))?;
    let tick = current_tick(&*engine)?;
    let tip = Tip::open(&folder.store())?;
    let shared = Arc::new(Shared::default());
    let checked = tip
        .read()
        .and_then(|tip| check::start(&*engine, epoch, &tick, tip));
    let nonces = match shared.note(checked) {
        Ok(nonces) => {
            folder.forget_old()?;
            nonces
        }
        // Nothing is written any more, so nobody asks for them.
        Err(Error::Damaged(_)) => Index::default(),
        Err(error) => return Err(error),
    };

    let path = folder.path().to_owned();
    let (operations, receiver) = mpsc::channel(committer::QUEUE);
    let mut committer = Committer {
        engine: Arc::clone(&engine),
        folder: Arc::new(folder),
        tip,
        epoch,
        tick,
        nonces,
        env: options.env.clone(),
        sink: options.sink,
        shared: Arc::clone(&shared),
        min_free_bytes: options.min_free_bytes,
        space: committer::SpaceWatch::default(),
        taps: Vec::new(),
    };
    // A server that cannot write must not say that it is ready, not even until its first write.
    match committer.writable() {
        Ok(()) | Err(Error::DiskFull { .. } | Error::ReadOnly(_)) => {}
        Err(error) => return Err(error),
    }
    thread::Builder::new()
        .name("committer".to_owned())
        .spawn(move || committer.run(receiver))
        .map_err(|error| Error::CannotOpen(format!("cannot start the committer: {error}")))?;
    let inner = Inner {
        engine: RwLock::new(Some(engine)),
        operations,
        shared,
        epoch,
        env: options.env,
        large_reads: Semaphore::new(large_reads_at_once()),
        folder: path,
    };
    Ok(Embedded {
        inner: Arc::new(inner),
    })
}

fn meta<T: serde::de::DeserializeOwned>(engine: &dyn Engine, name: &str) -> Result<Option<T>> {
    frame::read_as(engine, &tables::meta(name))
}

/// The newest durable group.
fn current_tick(engine: &dyn Engine) -> Result<Tick> {
    meta(engine, META_TICK)?.ok_or_else(|| Error::Damaged("the data's tick is missing".to_owned()))
}

impl Embedded {
    /// The store's handle.
    pub fn store(&self) -> Store {
        Store::new(Arc::new(self.clone()))
    }

    /// The engine, until the store is closed.
    fn engine(&self) -> Result<Arc<dyn Engine>> {
        let held = self.inner.engine.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(closed)
    }

    /// Reads, and notes damage that the read meets.
    fn read<T>(&self, read: impl FnOnce(&dyn Engine) -> Result<T>) -> Result<T> {
        let engine = self.engine()?;
        self.inner.shared.note(read(&*engine))
    }

    /// Reads a page of so many rows. Reading is work of the processor: large pages take turns, so that a thread is
    /// always left for everything else, and give way before what was read is made into an answer.
    async fn read_page<T>(&self, rows: usize, read: impl FnOnce(&dyn Engine) -> Result<T>) -> Result<T> {
        if rows <= LARGE_PAGE {
            return self.read(read);
        }
        // Never closed; without a turn the read would still be right.
        let turn = self.inner.large_reads.acquire().await.ok();
        let page = self.read(read);
        drop(turn);
        tokio::task::yield_now().await;
        page
    }

    /// Hands an operation to the committer and waits for its answer. The operation is carried out also when the caller
    /// stops waiting.
    async fn ask<T>(&self, operation: impl FnOnce(oneshot::Sender<T>) -> Operation) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.inner
            .operations
            .send(operation(answer))
            .await
            .map_err(|_| closed())?;
        answered.await.map_err(|_| closed())
    }

    /// Takes the engine away from readers; whether it was there.
    fn take_engine(&self) -> bool {
        let mut held = self.inner.engine.write().unwrap_or_else(PoisonError::into_inner);
        held.take().is_some()
    }

    /// Closes on a thread that may block.
    fn close_blocking(&self) -> Result<()> {
        if !self.take_engine() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let sent = self.inner.operations.blocking_send(Operation::Close { answer });
        sent.map_err(|_| closed())?;
        answered.blocking_recv().map_err(|_| closed())
    }

    fn status_now(&self) -> Status {
        let shared = &self.inner.shared;
        let file_bytes = self.engine().and_then(|engine| engine.file_bytes()).unwrap_or(0);
        let space = Space {
            logical_bytes: shared.logical_bytes(),
            file_bytes,
            free_bytes: shared.free_bytes(),
        };
        let readiness = match self.engine() {
            Ok(_) => shared.readiness(),
            Err(error) => Readiness::ReadOnly(error.to_string()),
        };
        Status { readiness, space }
    }
}

fn large_reads_at_once() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).max(1)
}

fn closed() -> Error {
    Error::Unavailable("the store is closed".to_owned())
}
