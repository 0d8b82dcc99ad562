//! The store over single-document writes: what a store on MongoDB does, apart from its driver.
//!
//! # How it works
//! - **The commit point is one insert**: the event's document is called `<stream>/<rev>`, so two writers of one rev
//!   cannot both succeed. Which of them did is found by reading, never concluded from an error.
//! - **A message's record lives in the document of its posted event.** A post is then three writes: the event, the
//!   author's read marker, and the stream's head. All other rows are documents of their own.
//! - **Projections follow in rev order**, each guarded by the rev that wrote the document last, so that whoever is
//!   late does nothing. The stream's head moves from N-1 to N when everything of N is written. Any node may do it.
//! - **Readers look no further than the head**, so what is visible has all that follows from it.
//!
//! # Invariants
//! - Nothing of rev N+1 is written before its event is on a majority, and the event only after rev N was.
//!   So rows that were read while no event N+1 was there are exactly those at N.
//! - `Taken` and "did not fit" are hints: the document behind them may be rolled back. Only reads decide.
//! - A removed row leaves an empty document for a while: a late writer's guard must find it.

mod append;
mod backend;
mod changes;
mod documents;
mod names;
mod nodes;
mod project;
mod read;
mod retry;
mod settings;
mod state;
mod turns;

use std::sync::Arc;

pub use documents::{
    Answer, Collection, Content, Document, Documents, Guard, Index, Inserted, Position, Span, StoredEvent,
    StoredState, Unclear, Update,
};

use crate::{CommitSink, Env, NoSink, Store};
use turns::Turns;

/// How a document store is opened.
#[derive(Clone)]
pub struct Options {
    /// Time and identifiers.
    pub env: Env,
    /// Who is told of this node's commits.
    pub sink: Arc<dyn CommitSink>,
    /// A deliberate defect, so that a simulation can prove that it would notice.
    pub defect: Option<Defect>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            env: Env::system(),
            sink: Arc::new(NoSink),
            defect: None,
        }
    }
}

/// Deliberate defects, for tests of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// After an unclear error the own event is not looked for.
    SkipTailRead,
    /// Nonces are not looked for before an append.
    SkipNonceRead,
    /// The head of a stream is moved without looking where it stands.
    SkipAppliedGuard,
    /// Rows are written without looking who wrote them last.
    SkipRowGuard,
    /// Removed rows leave nothing behind.
    SkipTombstones,
    /// Rows are used without looking whether an event came in between.
    SkipConfirm,
    /// An append is answered before what follows from it is written.
    AnswerEarly,
    /// The commit sink is told by a task of its own.
    TellLater,
    /// Changes are followed without reading anything twice.
    SkipOverlap,
    /// What a dead node left is not projected while following changes.
    SkipRepair,
    /// An edit's event keeps its text.
    KeepText,
}

impl Defect {
    /// Every defect.
    pub const ALL: [Self; 11] = [
        Self::SkipTailRead,
        Self::SkipNonceRead,
        Self::SkipAppliedGuard,
        Self::SkipRowGuard,
        Self::SkipTombstones,
        Self::SkipConfirm,
        Self::AnswerEarly,
        Self::TellLater,
        Self::SkipOverlap,
        Self::SkipRepair,
        Self::KeepText,
    ];
}

/// The store over single-document writes. Cheap to clone.
#[derive(Clone)]
pub struct DocumentStore {
    documents: Arc<dyn Documents>,
    env: Env,
    sink: Arc<dyn CommitSink>,
    defect: Option<Defect>,
    /// One append at a time for each stream; also what closing waits for.
    turns: Arc<Turns>,
}

impl DocumentStore {
    /// A store on this database. Reads and writes nothing yet.
    pub fn new(documents: Arc<dyn Documents>, options: Options) -> Self {
        let Options { env, sink, defect } = options;
        Self {
            documents,
            env,
            sink,
            defect,
            turns: Arc::new(Turns::default()),
        }
    }

    /// The store's handle.
    pub fn store(&self) -> Store {
        Store::new(Arc::new(self.clone()))
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}
