//! The full check: every row by itself, every row against those that it must agree with, every stream replayed.
//!
//! The same code checks data that nobody uses and data of a running store. A running store is checked in steps, each
//! over a snapshot of its own, so that a step sees one moment and later writes are kept for one step only.

mod against;
mod messages;
mod nonces;
mod notes;
mod rows;
mod streams;
mod words;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backup::{Turn, blocking};
use super::compact::{open_engine, open_folder};
use super::folder::Tip;
use super::snapshot::Snapshot;
use super::{Embedded, META_EPOCH, frame, meta};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::store::status::Readiness;
use nonces::Nonces;
use words::words;

/// How many problems a report spells out.
const MAX_PROBLEMS: usize = 100;
/// How many rows a step reads.
const SLICE: usize = 500;
/// The longest rest after a step while others write.
const MAX_REST: Duration = Duration::from_millis(20);

/// What a check found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerifyReport {
    /// How many rows were looked at.
    pub rows: u64,
    /// How many streams were replayed.
    pub streams: u64,
    /// How many rows of a backup were compared.
    pub compared: u64,
    /// How many rows are not as they should be.
    pub problem_count: u64,
    /// The first of them, each naming its row.
    pub problems: Vec<String>,
}

impl VerifyReport {
    /// Whether everything is as it should be.
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }
}

/// Checks all data in `folder`, which nobody may have open, and that it has everything that the backup `against` has.
/// Blocks. Changes nothing but what every start does.
pub fn verify(folder: &Path, against: Option<&Path>) -> Result<VerifyReport> {
    let (folder, kind) = open_folder(folder)?;
    let engine = open_engine(kind, &folder.store(), false)?;
    let tip = Tip::open(&folder.store())?.read();
    let checked = {
        let mut source = Still(Arc::clone(&engine));
        let mut checker = Checker::new(&mut source)?;
        checker.tip(tip).and_then(|()| checker.run(against))
    };
    let closed = engine.close();
    let report = checked?;
    closed?;
    Ok(report)
}

impl Embedded {
    /// Checks all data while the store goes on, and that it has everything that the backup `against` has. Problems
    /// that it finds are noted as damage: from then on the store only reads. One check at a time.
    pub async fn scrub(&self, against: Option<&Path>) -> Result<VerifyReport> {
        let (store, against) = (self.clone(), against.map(Path::to_owned));
        blocking(move || store.scrub_blocking(against.as_deref())).await
    }

    /// [`scrub`](Self::scrub) for callers without a runtime. Must not be called on a runtime's own thread.
    pub fn scrub_blocking(&self, against: Option<&Path>) -> Result<VerifyReport> {
        let shared = &self.inner.shared;
        let _turn = Turn::take(&shared.scrubbing, "a check is running already")?;
        let mut source = Running::new(self)?;
        let report = Checker::new(&mut source)?.run(against)?;
        if let Some(first) = report.problems.first() {
            tracing::error!(
                problems = report.problem_count,
                first,
                "stored data is damaged, writes stop"
            );
            shared.set_readiness(Readiness::Damaged(first.clone()));
        }
        Ok(report)
    }
}

/// Where the rows come from.
trait Source {
    /// The rows as of one moment.
    fn engine(&self) -> Arc<dyn Engine>;
    /// Goes on to a later moment, once what depended on this one is done.
    fn step(&mut self) -> Result<()>;
}

/// Data that nobody changes.
struct Still(Arc<dyn Engine>);

impl Source for Still {
    fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.0)
    }

    fn step(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Data of a running store.
struct Running {
    store: Embedded,
    snapshot: Arc<Snapshot>,
    spill: PathBuf,
    began: Instant,
}

impl Running {
    fn new(store: &Embedded) -> Result<Self> {
        let spill = store.inner.folder.join("scrub.replaced");
        Ok(Self {
            store: store.clone(),
            snapshot: Arc::new(Snapshot::take(store, |_| true, &spill)?),
            spill,
            began: Instant::now(),
        })
    }
}

impl Source for Running {
    fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.snapshot) as Arc<dyn Engine>
    }

    fn step(&mut self) -> Result<()> {
        // Nobody wrote: the moment is still the present one.
        if self.snapshot.groups_since() == 0 {
            return Ok(());
        }
        thread::sleep(self.began.elapsed().min(MAX_REST));
        self.snapshot = Arc::new(Snapshot::take(&self.store, |_| true, &self.spill)?);
        self.began = Instant::now();
        Ok(())
    }
}

/// A check under way.
struct Checker<'a> {
    source: &'a mut dyn Source,
    engine: Arc<dyn Engine>,
    report: VerifyReport,
    /// Rows that a problem was told of: one is enough.
    told: BTreeSet<Vec<u8>>,
    nonces: Nonces,
}

impl<'a> Checker<'a> {
    fn new(source: &'a mut dyn Source) -> Result<Self> {
        let engine = source.engine();
        Ok(Self {
            nonces: Nonces::default(),
            source,
            engine,
            report: VerifyReport::default(),
            told: BTreeSet::new(),
        })
    }

    fn run(mut self, against: Option<&Path>) -> Result<VerifyReport> {
        // A backup that is not whole proves nothing: that is told before hours of reading.
        if let Some(file) = against {
            super::archive::check(file)?;
        }
        self.notes()?;
        self.rows()?;
        self.streams()?;
        if let Some(file) = against {
            self.against(file)?;
        }
        Ok(self.report)
    }

    /// Compares the newest group with the file `tip`.
    fn tip(&mut self, tip: Result<Option<super::folder::TipContent>>) -> Result<()> {
        let checked = tip.and_then(|tip| {
            let missing = || Error::Damaged("the data's epoch is missing".to_owned());
            let epoch = meta(&*self.engine, META_EPOCH)?.ok_or_else(missing)?;
            let tick = super::current_tick(&*self.engine)?;
            super::check::check_tip(epoch, &tick, tip)
        });
        match checked {
            Err(Error::Damaged(what)) => {
                self.problem(&super::tables::meta(super::META_TICK), what);
                Ok(())
            }
            other => other,
        }
    }

    fn step(&mut self) -> Result<()> {
        // Let go of first, or two snapshots are kept for a while.
        self.source.step()?;
        self.engine = self.source.engine();
        self.nonces.are_present = false;
        Ok(())
    }

    /// Notes that a row is not as it should be.
    fn problem(&mut self, key: &[u8], what: impl Display) {
        if self.told.contains(key) {
            return;
        }
        self.report.problem_count += 1;
        if self.report.problems.len() < MAX_PROBLEMS {
            self.told.insert(key.to_vec());
            self.report.problems.push(format!("{}: {what}", words(key)));
        }
    }

    /// Turns damage into a problem of the row.
    fn noted<T>(&mut self, key: &[u8], result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Damaged(what)) => {
                self.problem(key, what);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A row's content, if it exists and is whole.
    fn content(&mut self, key: &[u8], main: Option<Vec<u8>>) -> Result<Option<Vec<u8>>> {
        let content = frame::read(&*self.engine, key, main);
        Ok(self.noted(key, content)?.flatten())
    }

    /// A row's value, if it exists and is whole.
    fn value<T: DeserializeOwned>(&mut self, key: &[u8], main: Option<Vec<u8>>) -> Result<Option<T>> {
        match self.content(key, main)? {
            Some(content) => self.noted(key, frame::decode(key, &content)),
            None => Ok(None),
        }
    }

    /// A row's content, which must exist.
    fn required(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let main = self.engine.get(key)?;
        if main.is_none() {
            self.problem(key, "it is missing");
            return Ok(None);
        }
        self.content(key, main)
    }
}
