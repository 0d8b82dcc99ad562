//! What clients did and saw, and the rules that every such history must keep.
//!
//! Moments are numbers from one counter that every invocation and every return moves on: of two operations the
//! first precedes the second when it returned before the second was invoked, and only then is anything known about
//! their order.

mod events;
mod fold;
mod followers;
mod nonces;
mod reads;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::StoredEvent;
use crate::model::{
    Commit, EventId, Fact, Head, RoomId, Row, RowKey, StateKey, StateOutcome, StateRow, StateWrite, StreamId,
    UserId,
};
use crate::{Changed, EventPage, HistoryPage, NonceUse};

pub use fold::{Folded, fold};

/// What one client did once.
#[derive(Debug, Clone)]
pub struct Operation {
    /// On which node.
    pub node: usize,
    /// In which life of the node.
    pub life: usize,
    /// When it was invoked.
    pub invoked: u64,
    /// When it returned, successfully or with a clear failure. `None`: it is open what became of it, and when.
    pub returned: Option<u64>,
    /// What was done, and what came of it.
    pub call: Call,
}

/// What a client did, and what came of it. Reads that failed are left out: they say nothing.
#[derive(Debug, Clone)]
pub enum Call {
    /// An append.
    Append(AppendCall),
    /// Heads were read.
    Heads(Vec<(StreamId, Head)>),
    /// Events were read.
    Events {
        /// Of which stream.
        stream: StreamId,
        /// After which rev.
        after: u64,
        /// The answer.
        page: EventPage,
    },
    /// Messages were read.
    History {
        /// Of which room.
        room: RoomId,
        /// The answer.
        page: HistoryPage,
    },
    /// Rows were read.
    Rows(Vec<(RowKey, Option<Row>)>),
    /// A state row was read.
    StateRead {
        /// Which.
        key: StateKey,
        /// The answer.
        row: Option<StateRow>,
    },
    /// A state row was written.
    StateWrite {
        /// What was asked.
        write: StateWrite,
        /// The answer, if there was a clear one.
        outcome: Option<StateOutcome>,
    },
    /// A follower of changes asked for a page.
    Changes {
        /// Which follower.
        consumer: usize,
        /// What it was told.
        entries: Vec<(Changed, u64)>,
    },
    /// Something that no fault of the database excuses: the store called good data damaged or a proper decision unfit,
    /// showed a decision rows and a head that do not belong together, or did not answer on a good day.
    Broken(String),
}

/// An append.
#[derive(Debug, Clone)]
pub struct AppendCall {
    /// To which stream.
    pub stream: StreamId,
    /// The event's id.
    pub event_id: EventId,
    /// By whom.
    pub actor: Option<UserId>,
    /// The client's nonce.
    pub nonce: Option<NonceUse>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an append.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The event is durable.
    Appended {
        /// The event, and the message that it is about.
        commit: Arc<Commit>,
        /// Whether an earlier request with the same nonce did it.
        replayed: bool,
    },
    /// The decision said no.
    Refused,
    /// The nonce was used for another content.
    NonceConflict,
    /// The nonce was outside its time.
    NonceExpired,
    /// It may or may not have happened.
    Unclear,
}

/// A commit that a node's sink was told of.
#[derive(Debug, Clone)]
pub struct Told {
    /// On which node.
    pub node: usize,
    /// In which life of the node.
    pub life: usize,
    /// When.
    pub at: u64,
    /// What.
    pub commit: Arc<Commit>,
}

/// What there is when everything has come to rest, read through the store, and behind its back.
#[derive(Debug, Clone, Default)]
pub struct End {
    /// Each stream's head and events.
    pub streams: BTreeMap<StreamId, (Head, Vec<Commit>)>,
    /// All rows that the events decide.
    pub rows: BTreeMap<RowKey, Option<Row>>,
    /// The event documents, as they are stored.
    pub stored: Vec<StoredEvent>,
    /// What each follower of changes was told, at most, when it had come to the end.
    pub followed: BTreeMap<usize, BTreeMap<Changed, u64>>,
}

/// A whole run.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What was done, in no certain order.
    pub operations: Vec<Operation>,
    /// What each event's decision wanted last, with its text.
    pub meant: BTreeMap<EventId, Fact>,
    /// What sinks were told, in the order of the telling.
    pub told: Vec<Told>,
    /// What was left.
    pub end: End,
}

/// A rule that a history must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// An answered append stands where it was answered, once.
    AnsweredIsKept,
    /// Nobody appended it, and there it is.
    NothingUnasked,
    /// Revs, seqs and counts have no holes, and time does not run backwards.
    Dense,
    /// What returned before another was invoked stands before it.
    RealTime,
    /// What was seen stays.
    SeenStays,
    /// What was answered is seen by everybody who looks afterwards.
    AnsweredIsSeen,
    /// An event says the same to everybody, for ever.
    EventsAreFixed,
    /// Rows are what the events make of them.
    RowsFollow,
    /// Every event gets everything that follows from it.
    Projected,
    /// No event keeps a text.
    NoTextBehind,
    /// One nonce, one event.
    NonceOnce,
    /// What was refused is not there.
    RefusedIsNothing,
    /// Versions of a state row are given to one writer each.
    VersionOnce,
    /// Of racing inserts one wins.
    InsertOnce,
    /// State rows behave as if there were one writer after the other.
    Linearizable,
    /// Read markers only grow.
    MarkerGrows,
    /// Whoever follows the changes learns of all of them.
    ChangesComplete,
    /// The sink is told of each own commit once, in order, and before the caller.
    SinkInOrder,
    /// Nothing happened that no fault of the database excuses.
    NoExcuse,
}

/// A rule that was broken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// Where.
    pub text: String,
}

/// What the rules found.
#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, rule: Rule, text: String) {
        self.0.push(Violation { rule, text });
    }

    fn unless(&mut self, kept: bool, rule: Rule, text: impl FnOnce() -> String) {
        if !kept {
            self.add(rule, text());
        }
    }
}

/// Everything in the history that breaks a rule; nothing, if it is a good one.
pub fn check(history: &History) -> Vec<Violation> {
    let mut findings = Findings::default();
    for operation in &history.operations {
        if let Call::Broken(text) = &operation.call {
            findings.add(Rule::NoExcuse, text.clone());
        }
    }
    events::check(history, &mut findings);
    fold::check(history, &mut findings);
    reads::check(history, &mut findings);
    nonces::check(history, &mut findings);
    state::check(history, &mut findings);
    followers::check(history, &mut findings);
    findings.0
}

impl History {
    /// The appends with their operations.
    fn appends(&self) -> impl Iterator<Item = (&Operation, &AppendCall)> {
        self.operations
            .iter()
            .filter_map(|operation| match &operation.call {
                Call::Append(append) => Some((operation, append)),
                _ => None,
            })
    }

    /// The event that stands here in the end.
    fn event(&self, stream: StreamId, rev: u64) -> Option<&Commit> {
        let (_, commits) = self.end.streams.get(&stream)?;
        commits.iter().find(|commit| commit.event.rev() == rev)
    }

    /// Every event that anybody saw.
    fn seen(&self) -> impl Iterator<Item = &Commit> {
        let seen = self
            .operations
            .iter()
            .flat_map(|operation| match &operation.call {
                Call::Append(AppendCall {
                    outcome: Outcome::Appended { commit, .. },
                    ..
                }) => std::slice::from_ref(&**commit),
                Call::Events { page, .. } => page.commits.as_slice(),
                _ => &[],
            });
        seen.chain(self.told.iter().map(|told| &*told.commit))
    }
}
