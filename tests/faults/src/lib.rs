//! What Madang's stores survive on real files: kills, losses of power, full disks, flipped bytes.
//!
//! # Layout
//! - [`writer`]: what the child process `fault-writer` does to a store, and how it tells of it in a journal.
//! - [`knowledge`]: the journal's lines, and what they oblige the data to hold.
//! - [`verify`]: whether a store holds what a journal says, and whether everything in it fits together.
//! - [`child`]: running the child process, and what became of a check.
//! - [`recording`] and [`image`]: what the recorder saw, and the disks that a loss of power could have left.
//! - [`folders`]: data folders as files: copies, flipped bytes, small file systems.
//!
//! Every open of damaged or interrupted data happens in a child process with a time limit: a panic, an abort or a
//! hang is an outcome of a test like any other.

// A harness fails by panicking with a text that says what was expected, and tells the terminal what it counted.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

pub mod child;
pub mod content;
pub mod dice;
pub mod folders;
pub mod image;
pub mod knowledge;
pub mod recording;
pub mod verify;
pub mod writer;
