//! What a node knows by itself, whatever becomes of the rest.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use madang_storage::model::{RoomId, UserId};

use crate::presence::tally::Tally;
use crate::presence::{Entry, Said};

/// How much may wait to be told. Whoever has more to tell than that tells everything anew.
const MAX_WAITING: usize = 10_000;
/// Of how many users without a session here it is kept what they said while it could not be told. Beyond that it is told
/// when they come: the logic hands in with a session what its user has said.
const MAX_UNSAID: usize = 10_000;

/// Sessions of this node, and what was not told of them yet.
#[derive(Default)]
pub(super) struct Own {
    entries: HashMap<u64, Entry>,
    users: HashMap<UserId, Mine>,
    waiting: VecDeque<Step>,
    unsaid: HashMap<UserId, Arc<Said>>,
    /// The others were not told everything: with the next beat they are told anew.
    pub(super) is_behind: bool,
    /// The last beat did not reach them.
    pub(super) is_away: bool,
    /// Changes were not heard.
    pub(super) has_missed: bool,
    pub(super) is_closed: bool,
}

/// A user with sessions here.
#[derive(Default)]
struct Mine {
    tally: Tally,
    /// The newest that was said here.
    said: Option<Arc<Said>>,
}

impl Mine {
    fn hears(&mut self, said: Option<&Arc<Said>>) {
        if let Some(said) = said.filter(|said| is_newer(said, self.said.as_ref())) {
            self.said = Some(Arc::clone(said));
        }
    }

    fn sessions(&self) -> Sessions {
        if self.tally.is_empty() {
            return Sessions::None;
        }
        Sessions::Some {
            are_idle: self.tally.is_idle(),
            rooms: self.tally.rooms().collect(),
        }
    }
}

/// What others are to be told of a user: how it is now, and so it does no harm to be told twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) user: UserId,
    pub(super) sessions: Sessions,
    pub(super) said: Option<Arc<Said>>,
}

/// The sessions of a user on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sessions {
    /// As before.
    Same,
    /// There is none any more.
    None,
    /// There are some.
    Some {
        /// All of them.
        are_idle: bool,
        /// What they look at.
        rooms: Vec<RoomId>,
    },
}

impl Own {
    pub(super) fn put(&mut self, number: u64, mut entry: Entry) {
        if self.is_closed {
            return;
        }
        if let Some(old) = self.entries.remove(&number) {
            if entry.said.is_none() && entry.user == old.user {
                entry.said.clone_from(&old.said);
            }
            self.take(&old, entry.user);
        }
        let mine = self.users.entry(entry.user).or_default();
        mine.tally.add(&entry);
        mine.hears(entry.said.as_ref());
        let step = Step {
            user: entry.user,
            sessions: mine.sessions(),
            said: entry.said.clone(),
        };
        self.entries.insert(number, entry);
        self.wait(step);
    }

    pub(super) fn end(&mut self, number: u64) {
        let Some(entry) = self.entries.remove(&number) else {
            return;
        };
        let Some(mine) = self.users.get_mut(&entry.user) else {
            return;
        };
        mine.tally.take(&entry);
        let step = Step {
            user: entry.user,
            sessions: mine.sessions(),
            said: None,
        };
        if mine.tally.is_empty() {
            self.users.remove(&entry.user);
        }
        self.wait(step);
    }

    pub(super) fn say(&mut self, user: UserId, said: Arc<Said>) {
        if self.is_closed {
            return;
        }
        if let Some(mine) = self.users.get_mut(&user) {
            mine.hears(Some(&said));
        }
        if self.is_behind {
            self.keep_unsaid(user, said);
            return;
        }
        self.wait(Step {
            user,
            sessions: Sessions::Same,
            said: Some(said),
        });
    }

    /// The next that are to be told.
    pub(super) fn take_waiting(&mut self, limit: usize) -> Vec<Step> {
        let count = self.waiting.len().min(limit);
        self.waiting.drain(..count).collect()
    }

    /// Everything that is to be told to those who know nothing. What waits is part of it.
    pub(super) fn everything(&mut self) -> Vec<Step> {
        self.waiting.clear();
        self.is_behind = false;
        let unsaid = std::mem::take(&mut self.unsaid).into_iter();
        let unsaid = unsaid.map(|(user, said)| Step {
            user,
            sessions: Sessions::Same,
            said: Some(said),
        });
        let users = self.users.iter().map(|(user, mine)| Step {
            user: *user,
            sessions: mine.sessions(),
            said: mine.said.clone(),
        });
        users.chain(unsaid).collect()
    }

    /// These could not be told: everything must be told anew. Sessions are known, what was said by others is kept.
    pub(super) fn fall_behind(&mut self, untold: impl IntoIterator<Item = Step>) {
        self.is_behind = true;
        let waiting = std::mem::take(&mut self.waiting);
        for step in untold.into_iter().chain(waiting) {
            if let Some(said) = step.said {
                self.keep_unsaid(step.user, said);
            }
        }
    }

    pub(super) fn sessions(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn close(&mut self) {
        *self = Self {
            is_closed: true,
            ..Self::default()
        };
    }

    /// Takes a session out of what its user's add up to, before `next` gets it.
    fn take(&mut self, old: &Entry, next: UserId) {
        let Some(mine) = self.users.get_mut(&old.user) else {
            return;
        };
        mine.tally.take(old);
        if old.user == next {
            return;
        }
        let step = Step {
            user: old.user,
            sessions: mine.sessions(),
            said: None,
        };
        if mine.tally.is_empty() {
            self.users.remove(&old.user);
        }
        self.wait(step);
    }

    fn wait(&mut self, step: Step) {
        if self.is_behind {
            return;
        }
        if self.waiting.len() >= MAX_WAITING {
            self.fall_behind([step]);
            return;
        }
        self.waiting.push_back(step);
    }

    fn keep_unsaid(&mut self, user: UserId, said: Arc<Said>) {
        let has_room = self.unsaid.len() < MAX_UNSAID;
        match self.unsaid.get_mut(&user) {
            Some(known) if said.version > known.version => *known = said,
            Some(_) => {}
            // Of those who are here it is known anyway.
            None if has_room && !self.users.contains_key(&user) => drop(self.unsaid.insert(user, said)),
            None => {}
        }
    }
}

fn is_newer(said: &Said, known: Option<&Arc<Said>>) -> bool {
    said.version > known.map_or(0, |known| known.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: UserId = UserId::from_u128(1);
    const BO: UserId = UserId::from_u128(2);

    fn here(user: UserId) -> Entry {
        Entry {
            user,
            is_idle: false,
            room: None,
            said: None,
        }
    }

    fn saying(version: u64) -> Arc<Said> {
        Arc::new(Said {
            version,
            ..Said::default()
        })
    }

    #[test]
    fn what_cannot_be_told_is_bounded_and_told_anew() {
        let mut own = Own::default();
        for number in 0..3 * MAX_WAITING as u64 {
            own.put(number, here(ANA));
        }
        assert!(own.is_behind && !own.has_waiting());
        let all = own.everything();
        assert_eq!(
            all.len(),
            1,
            "a user is told once, however many sessions there are"
        );
        assert!(!own.is_behind);
        own.end(0);
        assert!(own.has_waiting());
    }

    #[test]
    fn words_of_those_elsewhere_are_kept_within_a_bound() {
        let mut own = Own::default();
        own.say(ANA, saying(2));
        let waiting = own.take_waiting(10);
        own.fall_behind(waiting);
        own.say(ANA, saying(1));
        for user in 10..10 + 2 * MAX_UNSAID as u128 {
            own.say(UserId::from_u128(user), saying(1));
        }
        let all = own.everything();
        assert_eq!(all.len(), MAX_UNSAID);
        let ana = all.iter().find(|step| step.user == ANA).unwrap();
        assert_eq!(ana.said, Some(saying(2)), "the newest counts");
    }

    #[test]
    fn the_newest_words_of_those_who_are_here_are_told_anew() {
        let mut own = Own::default();
        own.put(1, here(ANA));
        own.fall_behind([]);
        own.say(ANA, saying(7));
        own.end(5);
        let all = own.everything();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].said, Some(saying(7)));
    }

    #[test]
    fn a_number_that_goes_to_somebody_else_ends_the_first_ones_session() {
        let mut own = Own::default();
        own.put(1, here(ANA));
        own.put(1, here(BO));
        let told: Vec<(UserId, bool)> = own
            .take_waiting(10)
            .iter()
            .map(|step| (step.user, step.sessions == Sessions::None))
            .collect();
        assert_eq!(told, [(ANA, false), (ANA, true), (BO, false)]);
        assert_eq!(own.sessions(), 1);
    }
}
