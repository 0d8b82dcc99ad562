//! A stream that somebody listens to: its events reach all listeners in `rev` order, without holes.
//!
//! The committer only enqueues. Whoever finds the lane idle starts a task that drains it: it takes one event at a time
//! under the lane's lock and writes to the receivers without it. What was taken stands in a ring, so that a listener that
//! joins meanwhile is handed what it just missed.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use madang_storage::Store;
use madang_storage::model::{Commit, Head, StreamId};

use super::audience::{Audience, Standing, needed_for};
use super::frames::EventFrames;
use super::listener::{CloseReason, Listener};
use super::{Counters, Encoder, FrameKey, Signal};

/// How many events may wait in a lane. Above it they are read from the store later.
const MAX_QUEUE: usize = 1_024;
/// How many events a lane remembers for those who join.
const RING: usize = 32;
/// After so many receivers the draining task lets others run.
const RECEIVERS_PER_TURN: usize = 256;
/// How many events are read from the store at a time.
const PAGE: usize = 100;
/// How often a gap is tried to be read before the receivers are told to connect again.
const MAX_TRIES: u32 = 6;
/// How long to wait before the second try; before each further one twice as long.
const FIRST_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// A stream with listeners.
pub(super) struct Lane {
    pub(super) stream: StreamId,
    state: Mutex<State>,
}

struct State {
    /// The `rev` up to which events were handed to the receivers.
    delivered: u64,
    queue: VecDeque<Arc<EventFrames>>,
    /// Events were left out of the queue; the store has them.
    behind: bool,
    /// A task is draining the lane.
    draining: bool,
    /// Taken out of the hub: nobody may join any more.
    retired: bool,
    ring: VecDeque<Arc<EventFrames>>,
    receivers: Arc<Vec<Arc<Listener>>>,
    /// Those who know more than was delivered: each joins when its `rev` is reached.
    joining: Vec<(Arc<Listener>, u64)>,
    /// By what every listener was found to be in the audience; `None` when somebody is new.
    judged: Option<Standing>,
    /// How many have joined so far: whoever judges sees whether somebody came meanwhile.
    joins: u64,
    /// Somebody was let go, and nobody is left.
    emptied: bool,
}

/// What it takes to deliver.
pub(super) struct Delivery {
    pub(super) store: Store,
    pub(super) audience: Arc<dyn Audience>,
    pub(super) encoder: Arc<dyn Encoder>,
    pub(super) counters: Arc<Counters>,
}

/// What a draining task does next.
enum Next {
    Nothing,
    Event(Arc<EventFrames>),
    /// Events after this `rev` are in the store and not in the queue.
    Missing(u64),
}

/// What became of an attempt to join.
pub(super) enum Joined {
    /// From now on the lane's order is the listener's order.
    Yes,
    /// The lane is further than its ring remembers: read the store up to here, and try again.
    Behind,
    /// The lane is gone: take a new one.
    Retired,
    /// The listener may not hear the stream any more.
    Refused,
}

impl Lane {
    /// A lane that delivers what comes after `head_rev`. It must have been listening before that head was read.
    pub(super) fn new(stream: StreamId) -> Self {
        let state = State {
            delivered: 0,
            queue: VecDeque::new(),
            behind: false,
            // Nothing is drained until the head is known.
            draining: true,
            retired: false,
            ring: VecDeque::new(),
            receivers: Arc::default(),
            joining: Vec::new(),
            judged: None,
            joins: 0,
            emptied: false,
        };
        Self {
            stream,
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a committed event; answers whether the caller must start to drain the lane.
    pub(super) fn enqueue(&self, commit: &Arc<Commit>) -> bool {
        let mut state = self.lock();
        if state.queue.len() >= MAX_QUEUE {
            state.behind = true;
        } else {
            state
                .queue
                .push_back(Arc::new(EventFrames::new(Arc::clone(commit))));
        }
        !std::mem::replace(&mut state.draining, true)
    }

    /// Starts at a head that was read after the lane began to listen. Whoever joined before may know less than that
    /// head: then the lane starts with what is next for them, which stands in the queue or in the store.
    pub(super) fn start(&self, head_rev: u64) {
        let mut state = self.lock();
        let lowest = state
            .joining
            .iter()
            .map(|(_, rev)| *rev)
            .min()
            .unwrap_or(head_rev);
        state.delivered = lowest.min(head_rev);
        state.behind = state.delivered < head_rev;
        state.promote();
    }

    /// Adds a listener that has everything up to `rev`.
    pub(super) fn join(&self, listener: &Arc<Listener>, rev: u64, by: &Delivery) -> Joined {
        let mut state = self.lock();
        if state.retired {
            return Joined::Retired;
        }
        // Under the lock: what the ring holds was judged by what is known now, or by less.
        match by.audience.may_hear(listener.user, self.stream) {
            Some(true) => {}
            Some(false) => return Joined::Refused,
            None => return Joined::Behind,
        }
        state.remove(listener);
        // Whoever let the listener in may have judged by an older guild than this lane has.
        state.judged = None;
        state.joins += 1;
        if rev > state.delivered {
            state.joining.push((Arc::clone(listener), rev));
            return Joined::Yes;
        }
        let missed = usize::try_from(state.delivered - rev).unwrap_or(usize::MAX);
        if missed > state.ring.len() {
            return Joined::Behind;
        }
        // Under the lock, so that the next event cannot overtake these.
        for frames in state.ring.iter().skip(state.ring.len() - missed) {
            listener.send(&frames.get(listener.key, &*by.encoder));
        }
        Arc::make_mut(&mut state.receivers).push(Arc::clone(listener));
        Joined::Yes
    }

    /// Removes a listener; answers whether nobody is left.
    pub(super) fn leave(&self, listener: &Listener) -> bool {
        let mut state = self.lock();
        state.remove(listener);
        state.is_empty()
    }

    /// Whether nobody may join any more.
    pub(super) fn is_retired(&self) -> bool {
        self.lock().retired
    }

    /// Ends the lane if nobody listens.
    pub(super) fn retire(&self) -> bool {
        let mut state = self.lock();
        if state.is_empty() {
            state.retired = true;
        }
        state.retired
    }

    /// Whether everybody was let go since this was asked last.
    pub(super) fn was_emptied(&self) -> bool {
        std::mem::take(&mut self.lock().emptied)
    }

    /// Those who listen now.
    pub(super) fn receivers(&self) -> Arc<Vec<Arc<Listener>>> {
        Arc::clone(&self.lock().receivers)
    }

    /// Notes that the stream is at `rev` at least; answers whether the caller must start to drain the lane.
    pub(super) fn hear_of(&self, rev: u64) -> bool {
        let mut state = self.lock();
        let known = state.queue.back().map_or(0, |last| last.rev());
        // Whatever stands in the queue is on its way; a lane that has not started finds its place by itself.
        if rev <= state.delivered.max(known) {
            return false;
        }
        state.behind = true;
        !std::mem::replace(&mut state.draining, true)
    }

    /// Hands events out until none are left. One task at a time.
    pub(super) async fn drain(&self, by: &Delivery) {
        loop {
            let goes_on = match self.next() {
                Next::Nothing => return,
                Next::Event(frames) => self.deliver(frames, by).await,
                Next::Missing(after) => self.fill(after, by).await,
            };
            if !goes_on {
                by.counters.given_up.fetch_add(1, Ordering::Relaxed);
                self.give_up();
                return;
            }
        }
    }

    /// Lets go of everybody who is not in the audience any more.
    pub(super) async fn judge(&self, by: &Delivery) {
        // When nobody can tell, the next event of the stream is not delivered either.
        self.reach(Standing { guild: 0, room: 0 }, by).await;
    }

    /// What is to be done next. `Nothing` ends the draining: whoever enqueues then starts it anew.
    fn next(&self) -> Next {
        let mut state = self.lock();
        let delivered = state.delivered;
        while state.queue.front().is_some_and(|next| next.rev() <= delivered) {
            state.queue.pop_front();
        }
        let next_rev = state.queue.front().map(|next| next.rev());
        if next_rev == Some(delivered + 1)
            && let Some(frames) = state.queue.pop_front()
        {
            return Next::Event(frames);
        }
        if next_rev.is_some() || state.behind {
            return Next::Missing(delivered);
        }
        state.draining = false;
        Next::Nothing
    }

    /// Reads what is missing from the store, a page at most, and delivers it.
    async fn fill(&self, after: u64, by: &Delivery) -> bool {
        by.counters.fills.fetch_add(1, Ordering::Relaxed);
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_TRIES {
            match by.store.events(self.stream, after, PAGE).await {
                Ok(page) => {
                    let head_rev = page.head.rev;
                    for commit in page.commits {
                        let frames = Arc::new(EventFrames::new(Arc::new(commit)));
                        if !self.deliver(frames, by).await {
                            return false;
                        }
                    }
                    let mut state = self.lock();
                    if state.delivered >= head_rev {
                        state.behind = false;
                    }
                    if state.delivered > after || !state.behind {
                        return true;
                    }
                }
                Err(error) => tracing::warn!(stream = %self.stream, %error, "what is missing cannot be read"),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        false
    }

    /// Hands one event, the next one, to everybody who listens and may. `false` when nobody can tell who may.
    async fn deliver(&self, frames: Arc<EventFrames>, by: &Delivery) -> bool {
        if !self.reach(needed_for(frames.commit()), by).await {
            return false;
        }
        let receivers = {
            let mut state = self.lock();
            if frames.rev() != state.delivered + 1 {
                return true;
            }
            state.delivered = frames.rev();
            if state.ring.len() == RING {
                state.ring.pop_front();
            }
            state.ring.push_back(Arc::clone(&frames));
            let receivers = Arc::clone(&state.receivers);
            state.promote();
            receivers
        };
        let count = receivers.len() as u64;
        by.counters.delivered.fetch_add(count, Ordering::Relaxed);
        let mut last: Option<(FrameKey, bytes::Bytes)> = None;
        for (index, receiver) in receivers.iter().enumerate() {
            if index > 0 && index % RECEIVERS_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
            let known = last.as_ref().filter(|(key, _)| *key == receiver.key);
            if known.is_none() {
                last = Some((receiver.key, frames.get(receiver.key, &*by.encoder)));
            }
            if let Some((_, frame)) = &last {
                receiver.send(frame);
            }
        }
        true
    }

    /// Finds out what it takes to judge by something as new as `needed`; `None` when nobody can tell.
    async fn standing(&self, needed: Standing, by: &Delivery) -> Option<Standing> {
        let mut present = by.audience.standing(self.stream);
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_TRIES {
            if let Some(standing) = present.filter(|standing| standing.covers(needed)) {
                return Some(standing);
            }
            match by.audience.reach(self.stream, needed).await {
                Ok(standing) => present = Some(standing),
                Err(error) => tracing::warn!(stream = %self.stream, %error, "the audience cannot be judged"),
            }
            if !present.is_some_and(|standing| standing.covers(needed)) {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        None
    }

    /// Whether a listener who is not here yet may hear these events, judged by what they say; `None` when nobody can
    /// tell.
    pub(super) async fn may_hear(
        &self,
        listener: &Listener,
        commits: &[Commit],
        by: &Delivery,
    ) -> Option<bool> {
        let needed = commits.iter().map(needed_for);
        let needed = needed.fold(Standing { guild: 0, room: 0 }, Standing::newer);
        for _ in 0..MAX_TRIES {
            self.standing(needed, by).await?;
            if let Some(may) = by.audience.may_hear(listener.user, self.stream) {
                return Some(may);
            }
            tokio::task::yield_now().await;
        }
        None
    }

    /// Makes sure that everybody here was judged by something as new as `needed`.
    async fn reach(&self, needed: Standing, by: &Delivery) -> bool {
        for _ in 0..MAX_TRIES {
            match self.standing(needed, by).await {
                Some(standing) if self.judge_by(standing, by) => return true,
                // Something new was heard of while everybody was judged.
                Some(_) => tokio::task::yield_now().await,
                None => return false,
            }
        }
        false
    }

    /// Judges everybody here, unless that was done by the same already. `false` when this node stopped knowing enough
    /// on the way; then nobody was let go.
    fn judge_by(&self, standing: Standing, by: &Delivery) -> bool {
        let (present, joins) = {
            let state = self.lock();
            if state.judged == Some(standing) {
                return true;
            }
            (state.present(), state.joins)
        };
        let mut gone = Vec::new();
        for listener in present {
            match by.audience.may_hear(listener.user, self.stream) {
                Some(true) => {}
                Some(false) => gone.push(listener),
                None => return false,
            }
        }
        {
            let mut state = self.lock();
            gone.iter().for_each(|listener| state.remove(listener));
            state.emptied |= !gone.is_empty() && state.is_empty();
            state.judged = (state.joins == joins).then_some(standing);
        }
        by.counters.let_go.fetch_add(gone.len() as u64, Ordering::Relaxed);
        for listener in gone {
            self.let_go(&listener, by);
        }
        true
    }

    /// Tells a listener that the stream is nothing for it any more, as if it did not exist.
    pub(super) fn let_go(&self, listener: &Listener, by: &Delivery) {
        if let StreamId::Room(room) = self.stream {
            listener.note_closed(room);
        }
        let reset = Signal::Reset {
            stream: self.stream,
            head: Head::default(),
        };
        listener.send(&by.encoder.signal(listener.key, &reset));
    }

    /// The store cannot tell what is missing: everybody connects again and resumes, when it can.
    fn give_up(&self) {
        let mut state = self.lock();
        state.retired = true;
        state.queue.clear();
        for listener in state.present() {
            listener.outlet.close(CloseReason::Lost);
        }
    }
}

impl State {
    fn remove(&mut self, listener: &Listener) {
        self.joining
            .retain(|(joining, _)| joining.number != listener.number);
        if self
            .receivers
            .iter()
            .any(|receiver| receiver.number == listener.number)
        {
            Arc::make_mut(&mut self.receivers).retain(|receiver| receiver.number != listener.number);
        }
    }

    /// Everybody who listens or is about to.
    fn present(&self) -> Vec<Arc<Listener>> {
        let joining = self.joining.iter().map(|(listener, _)| listener);
        self.receivers.iter().chain(joining).cloned().collect()
    }

    /// Lets in those whose `rev` is reached.
    fn promote(&mut self) {
        if self.joining.is_empty() {
            return;
        }
        let (ready, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.joining)
            .into_iter()
            .partition(|(_, rev)| *rev <= self.delivered);
        self.joining = waiting;
        if !ready.is_empty() {
            Arc::make_mut(&mut self.receivers).extend(ready.into_iter().map(|(listener, _)| listener));
        }
    }

    fn is_empty(&self) -> bool {
        self.receivers.is_empty() && self.joining.is_empty()
    }
}
