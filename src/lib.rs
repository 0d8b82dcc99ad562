//! Madang, a self-hosted chat server: everything behind the `madang` command.
//!
//! # Layout
//! Calls go downwards only; `tests/tidy.rs` holds every module to it.
//! ```text
//! main                      reads the arguments and starts
//!   cli, config             one file per subcommand; what can be configured
//!     app                   puts everything together; the only file that names a backend
//!       http, gateway       REST under /api/v1; the native WebSocket protocol
//!         operations        what can be asked for: one table for every transport
//!           chat            the logic, one file per noun
//!             hub           this node's connections
//!             broker        what nodes tell each other
//! origin                    where a request comes from; for every transport
//! tls                       sockets, in the clear or encrypted, and where certificates come from
//! madang-storage            the crate below: streams of events and the stores that keep them
//! ```
//! The invariants stand in `docs/architecture.md`.

pub mod app;
pub mod broker;
pub mod chat;
pub mod cli;
pub mod config;
pub mod fields;
pub mod gateway;
pub mod http;
pub mod hub;
pub mod operations;
pub mod origin;
pub mod presence;
pub mod tls;
