//! The broker of nodes within one process: of the only node there is, or of several in a test.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use madang_storage::model::{Commit, NodeId};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Backend, Broker, Error, Receiver, Signal, Status};

/// How much may wait for a node to hear it. Above it events are lost: the node finds them in the store.
pub const MAX_QUEUE: usize = 4_096;
/// After so many a node that hears lets others run.
const HEARD_PER_TURN: usize = 64;

/// What joins nodes of one process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Bus {
    members: Arc<Mutex<Vec<Weak<Member>>>>,
}

impl Bus {
    /// A bus without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A node's broker on this bus. It is told nothing before it starts.
    pub fn join(&self) -> Broker {
        let member = Arc::new(Member::default());
        lock(&self.members).push(Arc::downgrade(&member));
        Broker::new(Arc::new(MemoryBroker {
            bus: self.clone(),
            member,
        }))
    }

    /// The other nodes. Those that are gone are forgotten.
    fn others(&self, member: &Arc<Member>) -> Vec<Arc<Member>> {
        let mut members = lock(&self.members);
        if members.len() == 1 {
            return Vec::new();
        }
        members.retain(|known| known.strong_count() > 0);
        let living = members.iter().filter_map(Weak::upgrade);
        living.filter(|other| !Arc::ptr_eq(other, member)).collect()
    }
}

/// A node on the bus.
#[derive(Default)]
struct Member {
    waiting: Mutex<Waiting>,
    news: Notify,
    hears: AtomicBool,
    closed: AtomicBool,
    told: AtomicU64,
    lost: AtomicU64,
    heard: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    queue: VecDeque<Told>,
    /// Something was taken out and is being heard.
    in_hand: bool,
}

enum Told {
    Event(Arc<Commit>),
    Signal(Signal),
}

impl Member {
    /// Lets the node hear something; `false` when too much waits already.
    fn take(&self, told: Told) -> bool {
        if !self.hears.load(Ordering::Acquire) {
            return true;
        }
        {
            let mut waiting = lock(&self.waiting);
            if waiting.queue.len() >= MAX_QUEUE {
                return false;
            }
            waiting.queue.push_back(told);
        }
        self.news.notify_one();
        true
    }

    /// What is to be heard next; what was taken before has been heard.
    fn next(&self) -> Option<Told> {
        let mut waiting = lock(&self.waiting);
        let next = waiting.queue.pop_front();
        waiting.in_hand = next.is_some();
        next
    }

    fn has_heard_all(&self) -> bool {
        let waiting = lock(&self.waiting);
        waiting.queue.is_empty() && !waiting.in_hand
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.hears.store(false, Ordering::Release);
        self.news.notify_one();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

struct MemoryBroker {
    bus: Bus,
    member: Arc<Member>,
}

#[async_trait]
impl Backend for MemoryBroker {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error> {
        if self.member.hears.swap(true, Ordering::AcqRel) {
            return Err(Error::Unavailable("it was started before".to_owned()));
        }
        tokio::spawn(hear(Arc::clone(&self.member), receiver));
        Ok(())
    }

    fn tell_events(&self, commits: &[Arc<Commit>]) {
        if self.member.is_closed() {
            return;
        }
        let count = commits.len() as u64;
        self.member.told.fetch_add(count, Ordering::Relaxed);
        for other in self.bus.others(&self.member) {
            let lost = commits
                .iter()
                .filter(|commit| !other.take(Told::Event(Arc::clone(commit))))
                .count();
            self.member.lost.fetch_add(lost as u64, Ordering::Relaxed);
        }
    }

    fn tell_signal(&self, signal: Signal) {
        if self.member.is_closed() {
            return;
        }
        for other in self.bus.others(&self.member) {
            // Nobody counts signals: one that is lost is as good as one that was never made.
            other.take(Told::Signal(signal.clone()));
        }
    }

    // In one process nobody can be there without being heard, and what is lost is told late, not never.
    fn expect(&self, _nodes: &[NodeId]) {}

    fn looked(&self, _began: Instant) {}

    fn status(&self) -> Status {
        let hears = self.member.hears.load(Ordering::Acquire) && !self.member.is_closed();
        let is_current = hears && self.member.has_heard_all();
        Status {
            current_at: is_current.then(Instant::now),
            events_told: self.member.told.load(Ordering::Relaxed),
            events_lost: self.member.lost.load(Ordering::Relaxed),
            events_heard: self.member.heard.load(Ordering::Relaxed),
        }
    }

    async fn close(&self) {
        self.member.close();
    }
}

/// A node that went without a word is not told any more.
impl Drop for MemoryBroker {
    fn drop(&mut self) {
        self.member.close();
    }
}

/// Hears until the broker is closed or nobody has it any more.
async fn hear(member: Arc<Member>, receiver: Arc<dyn Receiver>) {
    let mut heard = 0_usize;
    loop {
        while let Some(told) = member.next() {
            match told {
                Told::Event(commit) => {
                    member.heard.fetch_add(1, Ordering::Relaxed);
                    receiver.event(commit);
                }
                Told::Signal(signal) => receiver.signal(signal),
            }
            heard += 1;
            if heard.is_multiple_of(HEARD_PER_TURN) {
                tokio::task::yield_now().await;
            }
        }
        if member.is_closed() {
            return;
        }
        member.news.notified().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nodes(Bus);

    impl super::super::conformance::Home for Nodes {
        async fn join(&self) -> Broker {
            self.0.join()
        }
    }

    crate::broker::conformance::broker_conformance!(Some(Nodes(Bus::new())));
}
