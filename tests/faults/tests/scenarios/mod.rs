//! What the tests do, for any engine.

#![allow(clippy::expect_used, clippy::unwrap_used)]

pub(crate) mod damage;
pub(crate) mod full;
pub(crate) mod kill;
pub(crate) mod power;
pub(crate) mod processes;

use std::path::{Path, PathBuf};
use std::time::Duration;

use madang_faults::child::{Program, Running, Writing, wait_until};
use madang_faults::dice::Dice;
use madang_faults::knowledge::Knowledge;
use madang_storage::engine::EngineKind;

/// How long a writer may take until it has written what a test waits for.
pub(crate) const PROGRESS_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn program() -> Program {
    Program(PathBuf::from(env!("CARGO_BIN_EXE_fault-writer")))
}

/// The places of one test, gone when dropped.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) kind: EngineKind,
}

impl Place {
    pub(crate) fn new(kind: EngineKind) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder for the test"),
            kind,
        }
    }

    /// A path below the test's folder, without links in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder
            .path()
            .canonicalize()
            .expect("the folder exists")
            .join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path("journal")
    }

    /// Starts a writer on the test's data.
    pub(crate) fn writer(&self, dice: &mut Dice) -> Running {
        let (data, journal) = (self.data(), self.journal());
        program().write(&writing(&data, self.kind, &journal, dice.next()), &[])
    }

    /// Data of some size, left by a writer that was killed.
    pub(crate) fn killed_data(&self, dice: &mut Dice, acknowledged: usize) {
        let mut writer = self.writer(dice);
        assert!(
            wait_until(PROGRESS_LIMIT, || writer.ended()
                || lines(&self.journal()) > acknowledged),
            "the writer makes no progress"
        );
        let ended = writer.kill();
        assert_eq!(ended, None, "the writer ended by itself");
        trim(&self.journal());
    }
}

/// A writer with nothing special.
pub(crate) fn writing<'a>(folder: &'a Path, engine: EngineKind, journal: &'a Path, seed: u64) -> Writing<'a> {
    Writing {
        folder,
        engine,
        journal,
        seed,
        min_free_bytes: 0,
        on_error: "fail",
    }
}

/// How many lines a journal has.
pub(crate) fn lines(journal: &Path) -> usize {
    let bytes = std::fs::read(journal).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Removes a torn last line, so that the next writer starts on a new one.
pub(crate) fn trim(journal: &Path) {
    let Ok(bytes) = std::fs::read(journal) else { return };
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    if whole < bytes.len() {
        std::fs::write(journal, &bytes[..whole]).expect("the journal can be written");
    }
}

/// What a journal amounts to, for a test's output.
pub(crate) fn told(journal: &Path) -> String {
    let knowledge = Knowledge::read(journal);
    format!("{} acknowledged, {} seen", knowledge.acknowledged, knowledge.seen)
}
