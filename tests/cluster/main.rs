//! Several nodes on real services, on bad days.
//!
//! What clients get is written down as it comes over the wire, and judged afterwards with what was answered and what is
//! stored. Tests that take minutes have a short form that is always run: `cargo test --features cluster --test cluster --
//! --ignored` runs the long ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod crowd;
mod delivery;
mod faults;
mod history;
mod measure;
mod nodes;
mod proxy;
mod removal;
mod rest;
mod restarts;
mod services;
