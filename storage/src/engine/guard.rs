//! What both engines do the same way: they check a batch, catch panics, and remember that they may not write any more.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Batch, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::error::{Error, Result};

/// Why an engine writes no more, once that is so.
#[derive(Debug, Default)]
pub(super) struct Failure(OnceLock<String>);

impl Failure {
    /// Answers [`Error::ReadOnly`] after a failure.
    pub(super) fn check(&self) -> Result<()> {
        match self.0.get() {
            None => Ok(()),
            Some(reason) => Err(Error::ReadOnly(reason.clone())),
        }
    }

    /// Whether something failed.
    pub(super) fn happened(&self) -> bool {
        self.0.get().is_some()
    }

    /// Turns the engine read-only after a commit that failed on its way, and says what to answer for it.
    pub(super) fn of_commit(&self, error: Error) -> Error {
        let error = match error {
            Error::Damaged(_) => error,
            other => Error::ReadOnly(other.to_string()),
        };
        let reason = match &error {
            Error::ReadOnly(reason) => reason.clone(),
            other => other.to_string(),
        };
        tracing::error!(%error, "a commit failed, nothing is written any more");
        // The first reason is the one that explains the others.
        let _ = self.0.set(reason);
        error
    }

    /// Turns the engine read-only when a read met damage: what is written on top of it could not be trusted.
    pub(super) fn of_read<T>(&self, answer: Result<T>) -> Result<T> {
        if let Err(error @ Error::Damaged(_)) = &answer
            && self.0.set(error.to_string()).is_ok()
        {
            tracing::error!(%error, "a read met damage, nothing is written any more");
        }
        answer
    }
}

/// Runs an engine's own code. Both engines assert what they expect of their files, so that a panic in there is
/// damage: it is answered as such and does not take the server down.
pub(super) fn caught<T>(engine: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Whoever answers with damage stops writing, and reads look only at what was complete before: nothing that a
    // panic left half done is used again.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer,
        Err(panic) => {
            let message = panic_message(panic.as_ref());
            tracing::error!(engine, message, "the storage engine panicked");
            Err(Error::Damaged(format!("{engine} panicked: {message}")))
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return text;
    }
    panic
        .downcast_ref::<String>()
        .map_or("without a message", String::as_str)
}

/// Refuses a batch over the limits, before anything of it is written.
pub(super) fn check_batch(batch: &Batch) -> Result<()> {
    for entry in batch {
        if entry.key.len() > MAX_KEY_BYTES {
            return Err(Error::TooLarge {
                what: "a key",
                limit: MAX_KEY_BYTES,
            });
        }
        if entry
            .value
            .as_ref()
            .is_some_and(|value| value.len() > MAX_VALUE_BYTES)
        {
            return Err(Error::TooLarge {
                what: "a value",
                limit: MAX_VALUE_BYTES,
            });
        }
    }
    debug_assert!(keys_are_unique(batch), "a key stands in the batch twice");
    Ok(())
}

fn keys_are_unique(batch: &Batch) -> bool {
    let keys: std::collections::BTreeSet<_> = batch.iter().map(|entry| &entry.key).collect();
    keys.len() == batch.len()
}

/// What is answered after `close`.
pub(super) fn closed() -> Error {
    Error::Unavailable("the engine is closed".to_owned())
}

/// Locks for reading. A panic under one of these locks leaves nothing half done, so poison means nothing.
pub(super) fn read_lock<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing, like [`read_lock`].
pub(super) fn write_lock<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an error of reading says that a file is not what the engine wrote.
pub(super) fn is_damage(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
    )
}
