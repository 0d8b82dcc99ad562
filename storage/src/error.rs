//! What can go wrong in a store.

/// The result of a store's work.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a store could not do what it was asked. The texts are for logs and operators, not for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store cannot be reached or is closing; what was asked may or may not have happened.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Something that was stored is missing or altered. Never answered by leaving it out.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// A write failed in a way after which no further write is safe; reads go on.
    #[error("the store only reads until it is restarted: {0}")]
    ReadOnly(String),
    /// There is too little space left to write safely. Nothing was written.
    #[error("the disk is nearly full: {free_bytes} bytes are free, {needed_bytes} must stay free")]
    DiskFull {
        /// What is free now.
        free_bytes: u64,
        /// What must stay free.
        needed_bytes: u64,
    },
    /// The nonce is too old or too far ahead: whether it was used cannot be told.
    #[error("the nonce is outside its time")]
    NonceExpired,
    /// The nonce was used before, for another content.
    #[error("the nonce was used for another content")]
    NonceConflict,
    /// A key, value, page or group is over a documented limit.
    #[error("{what} is over its limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Another process lives under this node's id; the text says which.
    #[error("another process uses this node's id: {0}")]
    NodeTaken(String),
    /// A decision broke its contract: a defect of the caller.
    #[error("the decision does not fit its stream: {0}")]
    InvalidFact(String),
    /// The folder or data cannot be opened as it is; the text says why and what to do.
    #[error("{0}")]
    CannotOpen(String),
}

/// Why an append did not happen. `R` is the caller's own reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError<R> {
    /// The decision refused, for the caller's reason. Nothing was written.
    #[error("refused")]
    Refused(R),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}
