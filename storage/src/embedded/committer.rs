//! The one thread that writes: it drains whatever waits, decides it as one group, and commits the group with one sync.
//!
//! No timer: while a group is being synced the next one gathers. An answer is given once its group is durable, also a
//! refusal and a conflict, because both may tell of writes of the same group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::folder::{Folder, Tip};
use super::group::{Finished, Group};
use super::nonces::Index;
use super::stored::Tick;
use super::tap::Tap;
use super::{append, state, sweep, tables};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{Commit, Epoch, StateOutcome, StateWrite};
use crate::store::backend::{AppendOutcome, Decide};
use crate::store::command::Command;
use crate::store::status::Readiness;
use crate::{CommitSink, Env};

/// How many operations may wait. Above it callers wait before their operation is taken.
pub(crate) const QUEUE: usize = 1_024;
/// A group takes no more operations than this.
const MAX_GROUP_OPERATIONS: usize = 1_000;
/// A group takes no more operations once it would write this much.
const MAX_GROUP_BYTES: usize = 1024 * 1024;
/// How often free space is looked at while there is enough.
const SPACE_CHECK_EVERY: Duration = Duration::from_secs(1);
/// How much may be written between two looks at the free space.
const SPACE_CHECK_BYTES: usize = 4 * 1024 * 1024;

/// What callers ask of the committer.
pub(crate) enum Operation {
    Append {
        command: Box<Command>,
        decide: Decide,
        answer: oneshot::Sender<Result<AppendOutcome>>,
    },
    State {
        write: StateWrite,
        answer: oneshot::Sender<Result<StateOutcome>>,
    },
    Consumer {
        name: String,
        cursor: Vec<u8>,
        answer: oneshot::Sender<Result<()>>,
    },
    Sweep {
        answer: oneshot::Sender<Result<usize>>,
    },
    StartTap {
        tap: Arc<dyn Tap>,
        answer: oneshot::Sender<Tick>,
    },
    StopTap {
        tap: Arc<dyn Tap>,
    },
    Close {
        answer: oneshot::Sender<()>,
    },
}

/// What the committer tells everybody else.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    readiness: Mutex<Option<Readiness>>,
    free_bytes: AtomicU64,
    logical_bytes: AtomicU64,
    /// Whether a backup is being made.
    pub(crate) backing_up: AtomicBool,
    /// Whether the data is being checked.
    pub(crate) scrubbing: AtomicBool,
}

impl Shared {
    pub(crate) fn readiness(&self) -> Readiness {
        let held = self.readiness.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().unwrap_or(Readiness::Ready)
    }

    /// Damage stays; everything else may be replaced.
    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        let mut held = self.readiness.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*held, Some(Readiness::Damaged(_))) {
            *held = Some(readiness);
        }
    }

    /// Notes damage that a read or a write met.
    pub(crate) fn note<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(Error::Damaged(what)) = &result
            // Said once: whoever reads there again meets the same.
            && self.readiness() != Readiness::Damaged(what.clone())
        {
            tracing::error!(%what, "stored data is damaged, writes stop");
            self.set_readiness(Readiness::Damaged(what.clone()));
        }
        result
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn logical_bytes(&self) -> u64 {
        self.logical_bytes.load(Ordering::Relaxed)
    }
}

/// Everything that the thread owns.
pub(crate) struct Committer {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) folder: Arc<Folder>,
    pub(crate) tip: Tip,
    pub(crate) epoch: Epoch,
    pub(crate) tick: Tick,
    pub(crate) nonces: Index,
    pub(crate) env: Env,
    pub(crate) sink: Arc<dyn CommitSink>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) min_free_bytes: u64,
    pub(crate) space: SpaceWatch,
    pub(crate) taps: Vec<Arc<dyn Tap>>,
}

/// When the free space was looked at.
#[derive(Debug, Default)]
pub(crate) struct SpaceWatch {
    looked_at: Option<Instant>,
    written_since: usize,
}

/// A group on its way: what it would write, whom to answer, whom to tell, and what broke it.
struct Gathering<'a> {
    group: Group<'a>,
    answers: Vec<Answer>,
    commits: Vec<Arc<Commit>>,
    broken: Option<Error>,
}

impl Gathering<'_> {
    /// Notes an outcome. A failed read may have left half an operation in the group: then nothing of it is written.
    fn note<T: Send + 'static>(&mut self, answer: oneshot::Sender<Result<T>>, outcome: Result<T>) {
        if let Err(error @ (Error::Damaged(_) | Error::Unavailable(_))) = &outcome {
            self.broken = Some(error.clone());
        }
        self.answers.push(later(answer, outcome));
    }
}

/// An answer that waits for its group.
type Answer = Box<dyn FnOnce(Option<Error>) + Send>;

impl Committer {
    /// Runs until it is told to close or nobody can ask any more.
    pub(crate) fn run(mut self, mut operations: mpsc::Receiver<Operation>) {
        let mut closing = None;
        while closing.is_none() {
            let Some(first) = operations.blocking_recv() else {
                break;
            };
            closing = self.commit_group(first, &mut operations);
        }
        operations.close();
        if let Err(error) = self.engine.close() {
            tracing::error!(%error, "the store did not close cleanly");
        }
        drop(self);
        if let Some(answer) = closing {
            // Whoever asked to close may have stopped waiting.
            answer.send(()).ok();
        }
    }

    /// Takes what waits, commits it, and answers. Answers whom to tell when it was asked to close.
    fn commit_group(
        &mut self,
        first: Operation,
        operations: &mut mpsc::Receiver<Operation>,
    ) -> Option<oneshot::Sender<()>> {
        let engine = Arc::clone(&self.engine);
        let group = Group::new(&*engine);
        let mut gathering = Gathering {
            group,
            answers: Vec::new(),
            commits: Vec::new(),
            broken: None,
        };
        let mut closing = None;
        let mut turn = None;
        let writable = self.writable();
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(operation) = next {
            taken += 1;
            match operation {
                Operation::Close { answer } => {
                    closing = Some(answer);
                    break;
                }
                tap @ (Operation::StartTap { .. } | Operation::StopTap { .. }) => {
                    turn = Some(tap);
                    break;
                }
                operation => self.apply(operation, &writable, &mut gathering),
            }
            if taken >= MAX_GROUP_OPERATIONS || gathering.group.bytes() >= MAX_GROUP_BYTES {
                break;
            }
            next = operations.try_recv().ok();
        }
        let Gathering {
            group,
            answers,
            commits,
            broken,
        } = gathering;
        let failure = match broken {
            Some(error) => Some(error),
            None if group.is_empty() => None,
            None => self.commit(group, &commits).err(),
        };
        for answer in answers {
            answer(failure.clone());
        }
        if let Some(operation) = turn {
            self.turn_tap(operation);
        }
        closing
    }

    fn apply(&self, operation: Operation, writable: &Result<()>, gathering: &mut Gathering<'_>) {
        let now = self.env.now();
        let writable = writable.clone();
        match operation {
            Operation::Append {
                command,
                mut decide,
                answer,
            } => {
                let group = &mut gathering.group;
                let outcome =
                    writable.and_then(|()| append::apply(group, &self.nonces, &command, &mut decide, now));
                if let Ok(AppendOutcome::Appended(appended)) = &outcome
                    && !appended.replayed
                {
                    gathering.commits.push(Arc::clone(&appended.commit));
                }
                gathering.note(answer, self.shared.note(outcome));
            }
            Operation::State { write, answer } => {
                let outcome = writable.and_then(|()| state::apply(&mut gathering.group, write));
                gathering.note(answer, self.shared.note(outcome));
            }
            Operation::Consumer { name, cursor, answer } => {
                let cursor = serde_bytes::ByteBuf::from(cursor);
                let outcome =
                    writable.and_then(|()| gathering.group.put_as(tables::consumer(&name), &cursor));
                gathering.note(answer, self.shared.note(outcome));
            }
            Operation::Sweep { answer } => {
                let outcome = writable.and_then(|()| sweep::apply(&mut gathering.group, &self.tick, now));
                gathering.note(answer, self.shared.note(outcome));
            }
            // Handled by the caller: they stand outside groups.
            Operation::StartTap { .. } | Operation::StopTap { .. } | Operation::Close { .. } => {}
        }
    }

    /// Makes the group durable, then tells the sink.
    fn commit(&mut self, group: Group<'_>, commits: &[Arc<Commit>]) -> Result<()> {
        self.space.written_since += group.bytes();
        let Finished {
            batch,
            tick: next,
            nonces,
        } = self.shared.note(group.finish(&self.tick, self.env.now()))?;
        self.taps.iter().for_each(|tap| tap.committing(&batch));
        if let Err(error) = self.engine.commit(batch) {
            tracing::error!(%error, tick = next.number, "a commit failed, writes stop until a restart");
            let readiness = match &error {
                Error::Damaged(what) => Readiness::Damaged(what.clone()),
                other => Readiness::ReadOnly(other.to_string()),
            };
            self.shared.set_readiness(readiness);
            return Err(Error::ReadOnly(error.to_string()));
        }
        if next.nonces_from > self.tick.nonces_from {
            self.nonces.forget_before(next.nonces_from);
        }
        self.nonces.add(&nonces);
        self.tick = next;
        self.shared
            .logical_bytes
            .store(next.logical_bytes, Ordering::Relaxed);
        if let Err(error) = self.tip.write(self.epoch, &next) {
            // The data is durable; only the next start knows less.
            tracing::warn!(%error, "the file tip was not written");
        }
        if !commits.is_empty() {
            self.sink.committed(commits);
        }
        Ok(())
    }

    fn turn_tap(&mut self, operation: Operation) {
        match operation {
            Operation::StartTap { tap, answer } => {
                self.taps.push(tap);
                // Whoever stopped waiting stops the tap, too.
                answer.send(self.tick).ok();
            }
            Operation::StopTap { tap } => self.taps.retain(|known| !Arc::ptr_eq(known, &tap)),
            _ => {}
        }
    }

    /// Whether the next group may write, looking at the free space now and then.
    pub(crate) fn writable(&mut self) -> Result<()> {
        match self.shared.readiness() {
            Readiness::Ready | Readiness::DiskFull => {}
            Readiness::ReadOnly(reason) | Readiness::Unreachable(reason) => {
                return Err(Error::ReadOnly(reason));
            }
            Readiness::Damaged(what) => {
                return Err(Error::ReadOnly(format!("stored data is damaged: {what}")));
            }
        }
        let full = self.shared.readiness() == Readiness::DiskFull;
        let recent = self
            .space
            .looked_at
            .is_some_and(|at| at.elapsed() < SPACE_CHECK_EVERY);
        if !full && recent && self.space.written_since < SPACE_CHECK_BYTES {
            return Ok(());
        }
        self.space = SpaceWatch {
            looked_at: Some(Instant::now()),
            written_since: 0,
        };
        let free_bytes = self.folder.free_bytes()?;
        self.shared.free_bytes.store(free_bytes, Ordering::Relaxed);
        let needed_bytes = self.min_free_bytes;
        if free_bytes >= needed_bytes {
            if full {
                tracing::info!(free_bytes, "there is space again, writes go on");
                self.shared.set_readiness(Readiness::Ready);
            }
            return Ok(());
        }
        if !full {
            tracing::error!(free_bytes, needed_bytes, "the disk is nearly full, writes stop");
            self.shared.set_readiness(Readiness::DiskFull);
        }
        Err(Error::DiskFull {
            free_bytes,
            needed_bytes,
        })
    }
}

/// An answer to give once the group is durable, or failed.
fn later<T: Send + 'static>(answer: oneshot::Sender<Result<T>>, outcome: Result<T>) -> Answer {
    Box::new(move |failure| {
        let outcome = match failure {
            Some(failure) if outcome.is_ok() => Err(failure),
            _ => outcome,
        };
        // A caller that stopped waiting does not undo what was done.
        answer.send(outcome).ok();
    })
}
