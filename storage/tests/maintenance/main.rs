//! Backup, restore, compaction and the full check, on both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test; clippy's own allowance covers test functions only"
)]

#[macro_use]
mod world;

mod backups;
mod compaction;
mod damage;
mod verification;
