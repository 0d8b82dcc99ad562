//! The history checker, proved on wrong histories: each is a good one with one thing wrong.

mod events;
mod maker;
mod others;
