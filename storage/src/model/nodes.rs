//! What a node says of itself while it lives.

use serde::{Deserialize, Serialize};

use super::{NodeId, NodeLife, Timestamp};

/// A sign of life of a node, and what others must know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeBeat {
    /// Who lives.
    pub node: NodeId,
    /// Which start of it this is: random.
    pub life: NodeLife,
    /// The version that it was built from.
    pub build: String,
    /// An address or a name, for people.
    pub name: String,
    /// The kinds of events that it can read: a number that grows with them.
    pub reads: u32,
    /// When it started, by its own clock. For people: clocks of nodes differ.
    pub started_at: Timestamp,
}

impl NodeBeat {
    /// How long a node lives after a beat, by the clock of the store. A node beats several times within it.
    pub const LIVES_MS: u64 = 15_000;
    /// How long after its last beat a node that is dead is forgotten.
    pub const KEPT_MS: u64 = 10 * 60 * 1000;
    /// The longest text in a beat, in bytes.
    pub const MAX_TEXT_BYTES: usize = 1_000;
}
