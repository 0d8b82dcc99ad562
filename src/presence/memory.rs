//! The presence of nodes within one process: of the only node there is, or of several in a test.

mod people;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use madang_storage::Env;
use madang_storage::model::{RoomId, UserId};

use super::{Backend, Change, Entry, Error, Figures, Left, Lookers, Presence, Receiver, Said, State};
use people::People;

/// What nodes of one process know together. Cheap to clone.
#[derive(Clone)]
pub struct Commons {
    shared: Arc<Shared>,
}

struct Shared {
    env: Env,
    people: Mutex<People>,
    ears: Mutex<Vec<(u64, Arc<dyn Receiver>)>>,
    next_node: AtomicU64,
    #[cfg(test)]
    is_away: std::sync::atomic::AtomicBool,
}

impl Commons {
    /// Knows nobody. Who leaves is seen as before for `grace`.
    pub fn new(env: Env, grace: Duration) -> Self {
        let shared = Shared {
            env,
            people: Mutex::new(People::new(grace)),
            ears: Mutex::default(),
            next_node: AtomicU64::new(1),
            #[cfg(test)]
            is_away: std::sync::atomic::AtomicBool::new(false),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A node's presence.
    pub fn join(&self) -> Presence {
        Presence::new(Arc::new(MemoryPresence {
            node: self.shared.next_node.fetch_add(1, Ordering::Relaxed),
            shared: Arc::clone(&self.shared),
            own: Mutex::default(),
            changes: Arc::default(),
        }))
    }

    #[cfg(test)]
    pub(crate) fn set_away(&self, is_away: bool) {
        self.shared.is_away.store(is_away, Ordering::SeqCst);
    }
}

impl Shared {
    /// What is known, unless it cannot be asked, which only tests bring about.
    fn people(&self) -> Result<MutexGuard<'_, People>, Error> {
        #[cfg(test)]
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("it is away".to_owned()));
        }
        Ok(lock(&self.people))
    }

    /// Tells every node, and the one that brought it about what only one is told. Without the lock of the people: who
    /// hears may ask.
    fn tell(&self, teller: u64, news: &News) {
        if news.changes.is_empty() && news.leavings.is_empty() {
            return;
        }
        let ears = lock(&self.ears).clone();
        for (node, ear) in ears {
            news.changes.iter().for_each(|change| ear.changed(change));
            if node == teller {
                news.leavings
                    .iter()
                    .for_each(|(user, left)| ear.left(*user, *left));
            }
        }
    }
}

/// What came of something.
#[derive(Default)]
struct News {
    changes: Vec<Change>,
    leavings: Vec<(UserId, Left)>,
}

impl News {
    fn of(people: &mut People, changes: Vec<Change>) -> Self {
        let leavings = people.take_leavings();
        Self { changes, leavings }
    }
}

struct MemoryPresence {
    node: u64,
    shared: Arc<Shared>,
    own: Mutex<Own>,
    changes: Arc<AtomicU64>,
}

/// What a node knows by itself, whatever becomes of the rest.
#[derive(Default)]
struct Own {
    entries: HashMap<u64, Entry>,
    /// What could not be said so far.
    unsaid: HashMap<UserId, Arc<Said>>,
    /// The others were not told everything.
    is_behind: bool,
    /// The last beat did not reach them.
    is_away: bool,
    is_closed: bool,
}

/// Counts what a node hears.
struct Counting {
    ear: Arc<dyn Receiver>,
    changes: Arc<AtomicU64>,
}

impl Receiver for Counting {
    fn changed(&self, change: &Change) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.ear.changed(change);
    }

    fn left(&self, user: UserId, left: Left) {
        self.ear.left(user, left);
    }

    fn unsure(&self) {
        self.ear.unsure();
    }
}

#[async_trait]
impl Backend for MemoryPresence {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error> {
        let now = self.shared.env.now();
        self.shared.people()?.beat(self.node, now);
        let ear = Counting {
            ear: receiver,
            changes: Arc::clone(&self.changes),
        };
        lock(&self.shared.ears).push((self.node, Arc::new(ear)));
        Ok(())
    }

    fn put(&self, number: u64, mut entry: Entry) {
        let mut own = lock(&self.own);
        if own.is_closed {
            return;
        }
        let old = own.entries.remove(&number);
        if entry.said.is_none() {
            entry.said = old.as_ref().and_then(|old| old.said.clone());
        }
        own.entries.insert(number, entry.clone());
        let now = self.shared.env.now();
        let told = self.with_people(&mut own, |people| {
            people.put(self.node, old.as_ref(), &entry, now)
        });
        drop(own);
        self.shared.tell(self.node, &told);
    }

    fn end(&self, number: u64) {
        let mut own = lock(&self.own);
        let Some(entry) = own.entries.remove(&number) else {
            return;
        };
        let now = self.shared.env.now();
        let told = self.with_people(&mut own, |people| people.end(self.node, &entry, now));
        drop(own);
        self.shared.tell(self.node, &told);
    }

    fn say(&self, user: UserId, said: Arc<Said>) {
        let mut own = lock(&self.own);
        let now = self.shared.env.now();
        let changes = match self.shared.people() {
            Ok(mut people) => people.say(user, &said, now),
            Err(_) => {
                own.unsaid.insert(user, said);
                own.is_behind = true;
                return;
            }
        };
        drop(own);
        let leavings = Vec::new();
        self.shared.tell(self.node, &News { changes, leavings });
    }

    async fn beat(&self) -> Result<(), Error> {
        let now = self.shared.env.now();
        let (news, is_sure) = {
            let mut own = lock(&self.own);
            if own.is_closed {
                return Ok(());
            }
            let Ok(mut people) = self.shared.people() else {
                own.is_behind = true;
                let knew = !std::mem::replace(&mut own.is_away, true);
                drop(own);
                if knew {
                    self.unsure();
                }
                return Err(Error::Unavailable("it is away".to_owned()));
            };
            let is_sure = people.beat(self.node, now) && !own.is_behind;
            let mut changes = Vec::new();
            if !is_sure {
                changes = people.replace(self.node, own.entries.values(), now);
                for (user, said) in std::mem::take(&mut own.unsaid) {
                    changes.extend(people.say(user, &said, now));
                }
                (own.is_behind, own.is_away) = (false, false);
            }
            changes.extend(people.end_overdue(now));
            (News::of(&mut people, changes), is_sure)
        };
        self.shared.tell(self.node, &news);
        if !is_sure {
            self.unsure();
        }
        Ok(())
    }

    async fn states(&self, users: &[UserId]) -> Result<Vec<State>, Error> {
        let people = self.shared.people()?;
        Ok(users.iter().map(|user| people.state(*user)).collect())
    }

    async fn lookers(&self, room: RoomId, limit: usize) -> Result<Lookers, Error> {
        Ok(self.shared.people()?.lookers(room, limit))
    }

    async fn looking(&self, room: RoomId, users: &[UserId]) -> Result<Vec<bool>, Error> {
        let people = self.shared.people()?;
        Ok(users.iter().map(|user| people.looks_at(*user, room)).collect())
    }

    async fn left(&self, user: UserId) -> Result<Option<Left>, Error> {
        Ok(self.shared.people()?.left(user))
    }

    fn figures(&self) -> Figures {
        Figures {
            sessions: lock(&self.own).entries.len(),
            changes: self.changes.load(Ordering::Relaxed),
            is_known: true,
        }
    }

    async fn close(&self) {
        let now = self.shared.env.now();
        let news = {
            let mut own = lock(&self.own);
            own.is_closed = true;
            own.entries.clear();
            match self.shared.people() {
                Ok(mut people) => {
                    let changes = people.go(self.node, now);
                    News::of(&mut people, changes)
                }
                // Who cannot be told finds out that this node is dead.
                Err(_) => News::default(),
            }
        };
        lock(&self.shared.ears).retain(|(node, _)| *node != self.node);
        self.shared.tell(self.node, &news);
    }
}

impl MemoryPresence {
    /// Changes what all know together. What cannot be told now is told anew with the next beat, and with it all the rest.
    fn with_people(&self, own: &mut Own, change: impl FnOnce(&mut People) -> Vec<Change>) -> News {
        match self.shared.people() {
            Ok(mut people) if people.knows(self.node) && !own.is_behind => {
                let changes = change(&mut people);
                News::of(&mut people, changes)
            }
            _ => {
                own.is_behind = true;
                News::default()
            }
        }
    }

    fn unsure(&self) {
        let own = lock(&self.shared.ears)
            .iter()
            .find(|(node, _)| *node == self.node)
            .map(|(_, ear)| Arc::clone(ear));
        if let Some(ear) = own {
            ear.unsure();
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use madang_storage::model::Timestamp;
    use madang_storage::{Clock, SystemIds};

    use super::*;

    struct Hands(AtomicU64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    struct Nodes {
        commons: Commons,
        hands: Arc<Hands>,
    }

    impl Nodes {
        fn new() -> Self {
            let hands = Arc::new(Hands(AtomicU64::new(1_800_000_000_000)));
            let clock = Arc::clone(&hands) as Arc<dyn Clock>;
            let env = Env {
                clock,
                ids: Arc::new(SystemIds),
            };
            let commons = Commons::new(env, super::super::conformance::GRACE);
            Self { commons, hands }
        }
    }

    impl super::super::conformance::Home for Nodes {
        async fn join(&self) -> Presence {
            self.commons.join()
        }

        async fn pass(&self, time: Duration) {
            let millis = u64::try_from(time.as_millis()).unwrap();
            self.hands.0.fetch_add(millis, Ordering::SeqCst);
        }

        async fn settle(&self) {}

        async fn set_away(&self, is_away: bool) {
            self.commons.set_away(is_away);
        }

        fn now(&self) -> Timestamp {
            self.hands.now()
        }
    }

    crate::presence::conformance::presence_conformance!(Nodes::new());
}
