//! The audit: who did what to whom, when and why.

pub(super) mod details;
mod log;
mod notes;

pub use log::{AuditEntry, AuditFilter, AuditPage};
