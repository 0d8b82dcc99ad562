//! Compaction: the same data in new files, in key order. Gives space back, erases replaced bytes, changes the engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::bulk::{Bulk, each_row};
use super::folder::{Folder, Tip, TipContent};
use super::stored::Tick;
use super::tables::{self, Table};
use super::{META_EPOCH, check, current_tick, frame, meta};
use crate::engine::{self, Engine, EngineKind, EngineOptions};
use crate::error::{Error, Result};
use crate::model::Epoch;

/// How the system's errors for a full disk and a full quota read, whoever hands them on.
const NO_SPACE: [&str; 4] = [
    "os error 28",
    "No space left on device",
    "os error 122",
    "StorageFull",
];

/// What a compaction did.
#[derive(Debug, Clone, Serialize)]
pub struct CompactReport {
    /// The data folder.
    pub folder: PathBuf,
    /// The engine that the data was in.
    pub from: String,
    /// The engine that the data is in now.
    pub to: String,
    /// Rows that were carried over.
    pub rows: u64,
    /// What the files took.
    pub bytes_before: u64,
    /// What the files take.
    pub bytes_after: u64,
}

/// Rebuilds the data in `folder`, which nobody may have open, also into another engine. Blocks.
///
/// Needs as much free space as the new files take. The old files go only after the new ones have been read back whole
/// and have taken their place; an interrupted compaction leaves the one or the other. Damaged data is refused: it
/// would lose what a repair may still need.
pub fn compact(folder: &Path, engine: Option<EngineKind>) -> Result<CompactReport> {
    let (folder, from) = open_folder(folder)?;
    let to = engine.unwrap_or(from);
    let old = open_engine(from, &folder.store(), false)?;
    let made = checked(&*old, &folder.store()).and_then(|()| rebuild(&folder, &*old, to));
    let closed = old.close();
    drop(old);
    if made.is_err() {
        folder.abandon_new();
    }
    let bytes_before = folder.store_bytes()?;
    let rows = made.map_err(|error| explained(error, &folder, bytes_before))?;
    closed?;
    folder.finish_new(to)?;
    let bytes_after = reopen(&folder, to)?;
    folder.forget_old()?;
    Ok(CompactReport {
        folder: folder.path().to_owned(),
        from: from.name().to_owned(),
        to: to.name().to_owned(),
        rows,
        bytes_before,
        bytes_after,
    })
}

/// Says in words of the operator's what a full disk makes an engine say in its own.
fn explained(error: Error, folder: &Folder, bytes_before: u64) -> Error {
    let text = error.to_string();
    if !NO_SPACE.iter().any(|sign| text.contains(sign)) {
        return error;
    }
    let free = match folder.free_bytes() {
        Ok(free_bytes) => format!(" ({free_bytes} bytes are free, the data takes {bytes_before} now)"),
        Err(_) => String::new(),
    };
    Error::CannotOpen(format!(
        "there is not enough space on the disk of {} for the new files{free}. Nothing was changed: the data is as it was",
        folder.path().display()
    ))
}

/// Locks a folder that has data, and brings an interrupted replacement to its end.
pub(crate) fn open_folder(path: &Path) -> Result<(Folder, EngineKind)> {
    let none = || Error::CannotOpen(format!("there is no data in {}", path.display()));
    // Locking would make the folder.
    if !path.is_dir() {
        return Err(none());
    }
    let folder = Folder::lock(path)?;
    let kind = folder.recover()?.ok_or_else(none)?;
    Ok((folder, kind))
}

pub(crate) fn open_engine(kind: EngineKind, store: &Path, create: bool) -> Result<Arc<dyn Engine>> {
    let options = EngineOptions {
        create,
        ..EngineOptions::default()
    };
    engine::open(kind, store, &options)
}

/// The check that every start makes.
fn checked(engine: &dyn Engine, store: &Path) -> Result<()> {
    let (epoch, tick) = identity(engine)?;
    let tip: Option<TipContent> = Tip::open(store)?.read()?;
    check::start(engine, epoch, &tick, tip).map(|_| ())
}

fn identity(engine: &dyn Engine) -> Result<(Epoch, Tick)> {
    let epoch = meta(engine, META_EPOCH)?;
    let missing = || Error::Damaged("the data's epoch is missing".to_owned());
    Ok((epoch.ok_or_else(missing)?, current_tick(engine)?))
}

fn rebuild(folder: &Folder, old: &dyn Engine, kind: EngineKind) -> Result<u64> {
    let store = folder.begin_new()?;
    let new = open_engine(kind, &store, true)?;
    let copied = copy(old, &*new);
    let closed = new.close();
    drop(new);
    let copied = copied?;
    closed?;
    let new = open_engine(kind, &store, false)?;
    let compared = compare(&copied, &*new).and_then(|()| identity(&*new));
    let closed = new.close();
    drop(new);
    let (epoch, tick) = compared?;
    closed?;
    Tip::open(&store)?.write(epoch, &tick)?;
    Ok(copied.rows.values().sum())
}

/// What an engine holds, in a form that two engines can be compared by.
#[derive(Default)]
struct Digested {
    rows: BTreeMap<u8, u64>,
    hasher: Sha256,
}

impl Digested {
    fn add(&mut self, key: &[u8], content: &[u8]) {
        *self.rows.entry(key.first().copied().unwrap_or(0)).or_default() += 1;
        for part in [key, content] {
            self.hasher.update((part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
    }
}

/// Carries all rows over. Content that no row leads to stays behind.
fn copy(old: &dyn Engine, new: &dyn Engine) -> Result<Digested> {
    let mut bulk = Bulk::new(new);
    let digested = each_content(old, |key, content| bulk.put(key, content))?;
    bulk.commit()?;
    Ok(digested)
}

/// Visits every row with its whole content, checksums compared.
fn each_content(engine: &dyn Engine, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<Digested> {
    let mut digested = Digested::default();
    each_row(engine, |key, main| {
        if Table::of(&key)? == Table::Parts {
            let (main, _) = tables::part_of(&key)?;
            return match engine.get(main)? {
                Some(_) => Ok(()),
                None => Err(Error::Damaged(format!(
                    "{} belongs to no row",
                    frame::describe(&key)
                ))),
            };
        }
        match frame::read(engine, &key, Some(main))? {
            Some(content) => {
                digested.add(&key, &content);
                visit(&key, &content)
            }
            None => Err(Error::Damaged(format!("{} is missing", frame::describe(&key)))),
        }
    })?;
    Ok(digested)
}

/// Reads the new data back: it must hold exactly what was carried over.
fn compare(copied: &Digested, new: &dyn Engine) -> Result<()> {
    let found = each_content(new, |_, _| Ok(()))?;
    if found.rows == copied.rows && found.hasher.finalize() == copied.hasher.clone().finalize() {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "the rebuilt data does not hold what was written into it: {:?} rows by table, not {:?}",
        found.rows, copied.rows
    )))
}

/// Opens the data in its place once more, as the next start will, and answers how large it is.
fn reopen(folder: &Folder, kind: EngineKind) -> Result<u64> {
    let engine = open_engine(kind, &folder.store(), false)?;
    let checked = checked(&*engine, &folder.store());
    let closed = engine.close();
    drop(engine);
    checked?;
    closed?;
    folder.store_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_damage() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::lock(temporary.path()).unwrap();
        let full = [
            "redb failed: No space left on device (os error 28)",
            "sled failed: Os { code: 28, kind: StorageFull }",
        ];
        for text in full {
            let told = explained(Error::ReadOnly(text.to_owned()), &folder, 7).to_string();
            assert!(
                told.contains("not enough space") && told.contains("Nothing was changed"),
                "{told}"
            );
            assert!(told.contains("the data takes 7 now"), "{told}");
        }
        let other = Error::Damaged("a row is missing".to_owned());
        assert_eq!(explained(other.clone(), &folder, 7), other);
    }
}
