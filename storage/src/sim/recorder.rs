//! Writes a history down while it happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::history::{Call, History, Operation, Told};
use super::trace::Trace;
use crate::model::{Commit, EventId, Fact};
use crate::{Changed, CommitSink};

/// A history in the making. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    written: Arc<Mutex<Written>>,
    trace: Trace,
}

#[derive(Default)]
struct Written {
    moment: u64,
    history: History,
    /// Which life each node is in.
    lives: BTreeMap<usize, usize>,
}

/// An operation that was invoked.
#[derive(Debug, Clone, Copy)]
pub struct Invoked {
    node: usize,
    life: usize,
    moment: u64,
}

impl Recorder {
    /// An empty history.
    pub fn new(trace: Trace) -> Self {
        Self {
            written: Arc::default(),
            trace,
        }
    }

    /// A client asks a node for something.
    pub fn invoke(&self, node: usize) -> Invoked {
        let mut written = self.written();
        let moment = written.next();
        let life = written.life(node);
        Invoked { node, life, moment }
    }

    /// The client got its answer.
    pub fn answered(&self, invoked: Invoked, call: Call) {
        let moment = self.written().next();
        self.write(invoked, Some(moment), call);
    }

    /// It is open what became of it.
    pub fn unclear(&self, invoked: Invoked, call: Call) {
        self.write(invoked, None, call);
    }

    fn write(&self, Invoked { node, life, moment }: Invoked, returned: Option<u64>, call: Call) {
        self.trace
            .note(|| format!("client on {node}, {moment} to {returned:?}: {call:?}"));
        let operation = Operation {
            node,
            life,
            invoked: moment,
            returned,
            call,
        };
        self.written().history.operations.push(operation);
    }

    /// A decision wants this.
    pub fn decided(&self, event: EventId, fact: Fact) {
        self.written().history.meant.insert(event, fact);
    }

    /// The node begins another life.
    pub fn restarts(&self, node: usize) {
        *self.written().lives.entry(node).or_default() += 1;
    }

    /// A follower was told of changes.
    pub fn followed(&self, consumer: usize, entries: &[(Changed, u64)]) {
        let mut written = self.written();
        let known = written.history.end.followed.entry(consumer).or_default();
        for (changed, head) in entries {
            let entry = known.entry(*changed).or_default();
            *entry = (*entry).max(*head);
        }
    }

    /// The sink of a node.
    pub fn sink(&self, node: usize) -> Arc<dyn CommitSink> {
        Arc::new(RecordingSink {
            recorder: self.clone(),
            node,
        })
    }

    /// The history so far.
    pub fn history(&self) -> History {
        self.written().history.clone()
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    fn life(&self, node: usize) -> usize {
        self.lives.get(&node).copied().unwrap_or_default()
    }
}

struct RecordingSink {
    recorder: Recorder,
    node: usize,
}

impl CommitSink for RecordingSink {
    fn committed(&self, commits: &[Arc<Commit>]) {
        for commit in commits {
            let node = self.node;
            self.recorder
                .trace
                .note(|| format!("node {node} tells of {}", commit.event.id));
            let mut written = self.recorder.written();
            let (at, life) = (written.next(), written.life(node));
            written.history.told.push(Told {
                node,
                life,
                at,
                commit: Arc::clone(commit),
            });
        }
    }
}
