//! Backups while the store runs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::archive::{self, Contents, Manifest};
use super::compact::open_folder;
use super::folder::Folder;
use super::snapshot::Snapshot;
use super::tables::{Table, TableClass};
use super::{Embedded, Options, frame, tables};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::StateTable;
use crate::store::status::Readiness;

/// How many rows are read before others get a turn.
const SLICE: usize = 500;
/// The longest rest after a slice. While somebody writes, reading takes at most every second moment.
const MAX_REST: Duration = Duration::from_millis(20);

/// What a backup wrote.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupReport {
    /// The file.
    pub file: PathBuf,
    /// Where and when the backup was made.
    pub manifest: Manifest,
    /// What it holds.
    pub contents: Contents,
    /// What was known to be damaged in the store then; the backup has all that could be read.
    pub damage: Option<String>,
}

impl Embedded {
    /// Writes a backup of everything that was durable when it was asked for, while the store goes on.
    ///
    /// Streams and state rows are in it; what follows from them is rebuilt by [`restore`](super::restore). An existing
    /// file is never overwritten. After an error there is no file. Runs to its end also when the future is dropped;
    /// one backup at a time.
    pub async fn backup(&self, to: &Path) -> Result<BackupReport> {
        let (store, to) = (self.clone(), to.to_owned());
        blocking(move || store.backup_blocking(&to)).await
    }

    /// [`backup`](Self::backup) for callers without a runtime. Must not be called on a runtime's own thread.
    pub fn backup_blocking(&self, to: &Path) -> Result<BackupReport> {
        let shared = &self.inner.shared;
        let _turn = Turn::take(&shared.backing_up, "a backup is running already")?;
        let damage = match shared.readiness() {
            Readiness::Damaged(what) => Some(what),
            _ => None,
        };
        let mut writer = archive::Writer::create(to)?;
        let spill = archive::beside(to, ".replaced");
        let snapshot = Snapshot::take(self, is_backed_up, &spill)?;
        let manifest = self.manifest(&snapshot)?;
        writer.manifest(&manifest)?;
        for table in Table::ALL.into_iter().filter(|table| is_archived(*table)) {
            shared.note(write_table(&snapshot, table, &mut writer))?;
        }
        drop(snapshot);
        let contents = writer.finish()?;
        tracing::info!(file = %to.display(), rows = contents.total_rows(), bytes = contents.bytes, "backup written");
        Ok(BackupReport {
            file: to.to_owned(),
            manifest,
            contents,
            damage,
        })
    }

    fn manifest(&self, snapshot: &Snapshot) -> Result<Manifest> {
        let mut manifest = Manifest {
            madang: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: self.inner.epoch,
            tick: snapshot.tick().number,
            created_at: self.inner.env.now(),
            engine: snapshot.kind().name().to_owned(),
            state_writes: std::collections::BTreeMap::new(),
        };
        for table in StateTable::ALL {
            if let Some(count) = frame::read_as(snapshot, &tables::state_count(table))? {
                manifest.state_writes.insert(table.number(), count);
            }
        }
        Ok(manifest)
    }
}

/// Writes a backup of the data in `folder`, which nobody may have open. Blocks.
pub fn backup(folder: &Path, to: &Path) -> Result<BackupReport> {
    let told = |error: Error| match error {
        error if Folder::is_in_use(&error) => Error::CannotOpen(format!(
            "{error}. Only the server itself can back up its data while it runs, and the one that has it does not \
             listen on its control socket"
        )),
        error => error,
    };
    // Opening alone would make data where there is none.
    drop(open_folder(folder).map_err(told)?);
    let options = Options {
        // Nothing is written, so a full disk is no reason to refuse.
        min_free_bytes: 0,
        ..Options::default()
    };
    let store = super::open(folder, options)?;
    let report = store.backup_blocking(to);
    store.close_blocking()?;
    report
}

/// Whether a table's rows are in a backup.
pub(crate) fn is_archived(table: Table) -> bool {
    matches!(table.class(), TableClass::Stream | TableClass::State)
}

fn is_backed_up(row: &[u8]) -> bool {
    Table::of(row).is_ok_and(is_archived) || tables::is_state_count(row)
}

fn write_table(snapshot: &Snapshot, table: Table, writer: &mut archive::Writer) -> Result<()> {
    let (mut from, to) = tables::whole(table);
    let mut pace = Pace::new(snapshot);
    loop {
        let pairs = snapshot.range(&from, &to, SLICE, false)?;
        let Some((last, _)) = pairs.last() else {
            return Ok(());
        };
        from = tables::after(last);
        for (key, main) in pairs {
            if let Some(content) = frame::read(snapshot, &key, Some(main))? {
                writer.frame(&key, &content)?;
            }
        }
        snapshot.release_before(&from);
        pace.rest(snapshot);
    }
}

/// Leaves time to those who write: long reads at full speed would halve what they get done.
pub(crate) struct Pace {
    began: Instant,
    groups: u64,
}

impl Pace {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        Self {
            began: Instant::now(),
            groups: snapshot.groups_since(),
        }
    }

    /// Ends a slice. Rests as long as it took when others wrote meanwhile.
    pub(crate) fn rest(&mut self, snapshot: &Snapshot) {
        let groups = snapshot.groups_since();
        if groups == self.groups {
            thread::yield_now();
        } else {
            thread::sleep(self.began.elapsed().min(MAX_REST));
        }
        self.began = Instant::now();
        self.groups = groups;
    }
}

/// One of a kind of long work at a time.
pub(crate) struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    pub(crate) fn take(flag: &'a AtomicBool, busy: &str) -> Result<Self> {
        match flag.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(Self(flag)),
            Err(_) => Err(Error::Unavailable(busy.to_owned())),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Runs long work beside the runtime's own threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let ended = |error| Error::Unavailable(format!("the work ended without an answer: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}
