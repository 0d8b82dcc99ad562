//! Madang, a self-hosted chat server: everything behind the `madang` command.
//!
//! # Layout
//! Calls go downwards only; `tests/tidy.rs` holds every module to it.
//! ```text
//! main                      reads the arguments and starts
//!   cli                     one file per subcommand
//! madang-storage            the crate below: streams of events and the stores that keep them
//! ```
//! The way from here to a server, and the invariants on it, stand in `docs/architecture.md`.

pub mod cli;
