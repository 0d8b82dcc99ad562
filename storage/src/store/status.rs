//! How a store is.

/// Whether a store reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Reads and writes.
    Ready,
    /// Reads; refuses writes because the disk is nearly full. Ends by itself when space is free again.
    DiskFull,
    /// Reads; refuses writes until a restart, for this reason.
    ReadOnly(String),
    /// The database behind the store does not answer; neither reads nor writes work. Ends by itself.
    Unreachable(String),
    /// Something stored is missing or altered: this.
    Damaged(String),
}

/// How much space a store takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// Keys and values that count, without the engine's own needs.
    pub logical_bytes: u64,
    /// What the files take.
    pub file_bytes: u64,
    /// What is free on the file system.
    pub free_bytes: u64,
}

/// A store's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether it reads and writes.
    pub readiness: Readiness,
    /// How much space it takes.
    pub space: Space,
}
