//! The history checker, proved on wrong histories: each is a good one with one thing wrong.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod events;
mod maker;
mod others;
