//! Backup, restore, compaction and the full check, on both engines.

#[macro_use]
mod world;

mod backups;
mod compaction;
mod verification;
