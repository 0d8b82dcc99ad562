//! Everybody who is here, or was in the last two weeks.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use madang_storage::model::{RoomId, Timestamp, UserId};

use crate::presence::tally::Tally;
use crate::presence::{Change, Choice, DEAD_AFTER, Entry, KEPT_FOR, Left, Lookers, Said, State, Status};

/// What all nodes know together.
pub(super) struct People {
    grace_ms: u64,
    /// When each node was heard of last.
    nodes: HashMap<u64, Timestamp>,
    users: HashMap<UserId, Person>,
    /// Who looks at a room and may be seen.
    rooms: HashMap<RoomId, BTreeSet<UserId>>,
    /// When something ends for those without a session: first the grace, then what is known of them.
    due: BTreeSet<(Timestamp, UserId)>,
    changes: u64,
    /// Who has left a room since somebody asked.
    leavings: Vec<(UserId, Left)>,
}

#[derive(Default)]
struct Person {
    said: Option<Arc<Said>>,
    /// What the sessions of each node add up to: no change looks at all of somebody's sessions.
    nodes: Vec<(u64, Tally)>,
    /// The last session has ended a moment ago.
    lingers: bool,
    due: Option<Timestamp>,
    /// What was told.
    told: State,
    left: Option<Left>,
}

impl Person {
    fn is_here(&self) -> bool {
        !self.nodes.is_empty()
    }

    fn state(&self) -> State {
        let choice = self.said.as_ref().map(|said| said.choice).unwrap_or_default();
        if !self.is_here() && !self.lingers {
            return State::default();
        }
        let is_idle = if self.is_here() {
            self.nodes.iter().all(|(_, tally)| tally.is_idle())
        } else {
            self.told.status == Status::Idle
        };
        let status = match choice {
            Choice::Invisible => Status::Invisible,
            Choice::DoNotDisturb => Status::DoNotDisturb,
            Choice::Idle => Status::Idle,
            Choice::Online if is_idle => Status::Idle,
            Choice::Online => Status::Online,
        };
        State {
            status,
            said: self.said.clone(),
        }
    }

    fn rooms(&self) -> BTreeSet<RoomId> {
        let rooms = self.nodes.iter().flat_map(|(_, tally)| tally.rooms());
        rooms.collect()
    }

    fn looks_at(&self, room: RoomId) -> bool {
        self.nodes.iter().any(|(_, tally)| tally.looks_at(room))
    }

    /// Whether others may see where it looks.
    fn is_seen(&self) -> bool {
        self.said
            .as_ref()
            .is_none_or(|said| said.choice != Choice::Invisible)
    }

    fn tally(&mut self, node: u64) -> &mut Tally {
        let known = self.nodes.iter().position(|(known, _)| *known == node);
        let place = known.unwrap_or_else(|| {
            self.nodes.reserve_exact(1);
            self.nodes.push((node, Tally::default()));
            self.nodes.len() - 1
        });
        &mut self.nodes[place].1
    }

    fn set_tally(&mut self, node: u64, tally: Option<Tally>) {
        self.nodes.retain(|(known, _)| *known != node);
        self.nodes.extend(tally.map(|tally| (node, tally)));
    }

    fn hears(&mut self, said: Option<&Arc<Said>>) {
        let known = self.said.as_ref().map_or(0, |said| said.version);
        if let Some(newer) = said.filter(|said| said.version > known) {
            self.said = Some(Arc::clone(newer));
        }
    }
}

impl People {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace_ms: millis(grace),
            nodes: HashMap::new(),
            users: HashMap::new(),
            rooms: HashMap::new(),
            due: BTreeSet::new(),
            changes: 0,
            leavings: Vec::new(),
        }
    }

    /// Notes that a node lives; answers whether it was known to.
    pub(super) fn beat(&mut self, node: u64, now: Timestamp) -> bool {
        self.nodes.insert(node, now).is_some()
    }

    /// Whether a node is thought to live: sessions of one that is not would never end.
    pub(super) fn knows(&self, node: u64) -> bool {
        self.nodes.contains_key(&node)
    }

    /// A session of a node is new, or was `old` before.
    pub(super) fn put(
        &mut self,
        node: u64,
        old: Option<&Entry>,
        entry: &Entry,
        now: Timestamp,
    ) -> Vec<Change> {
        let touched: Vec<RoomId> = [old, Some(entry)]
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.room)
            .collect();
        let change = self.change(entry.user, now, &touched, |person| {
            person.hears(entry.said.as_ref());
            let tally = person.tally(node);
            if let Some(old) = old {
                tally.take(old);
            }
            tally.add(entry);
        });
        change.into_iter().collect()
    }

    pub(super) fn end(&mut self, node: u64, entry: &Entry, at: Timestamp) -> Vec<Change> {
        let touched: Vec<RoomId> = entry.room.into_iter().collect();
        let change = self.change(entry.user, at, &touched, |person| {
            let tally = person.tally(node);
            tally.take(entry);
            if tally.is_empty() {
                person.set_tally(node, None);
            }
        });
        change.into_iter().collect()
    }

    pub(super) fn say(&mut self, user: UserId, said: &Arc<Said>, now: Timestamp) -> Vec<Change> {
        let change = self.change(user, now, &[], |person| person.hears(Some(said)));
        change.into_iter().collect()
    }

    /// What a node has is this, and nothing else.
    pub(super) fn replace<'a>(
        &mut self,
        node: u64,
        entries: impl Iterator<Item = &'a Entry>,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut tallies: HashMap<UserId, (Tally, Option<Arc<Said>>)> = HashMap::new();
        for entry in entries {
            let (tally, said) = tallies.entry(entry.user).or_default();
            tally.add(entry);
            let version = |said: &Option<Arc<Said>>| said.as_ref().map_or(0, |said| said.version);
            if version(&entry.said) > version(said) {
                said.clone_from(&entry.said);
            }
        }
        let gone = self
            .users_on(node)
            .into_iter()
            .filter(|user| !tallies.contains_key(user));
        let gone: Vec<UserId> = gone.collect();
        let mut changes = Vec::new();
        for (user, (tally, said)) in tallies {
            changes.extend(self.set_tally(node, user, Some(tally), said.as_ref(), now));
        }
        for user in gone {
            changes.extend(self.set_tally(node, user, None, None, now));
        }
        changes
    }

    /// A node goes, and its sessions with it.
    pub(super) fn go(&mut self, node: u64, at: Timestamp) -> Vec<Change> {
        self.nodes.remove(&node);
        let users = self.users_on(node).into_iter();
        users
            .filter_map(|user| self.set_tally(node, user, None, None, at))
            .collect()
    }

    fn set_tally(
        &mut self,
        node: u64,
        user: UserId,
        tally: Option<Tally>,
        said: Option<&Arc<Said>>,
        at: Timestamp,
    ) -> Option<Change> {
        let mut touched = self.users.get(&user).map(Person::rooms).unwrap_or_default();
        touched.extend(tally.iter().flat_map(Tally::rooms));
        let touched: Vec<RoomId> = touched.into_iter().collect();
        self.change(user, at, &touched, |person| {
            person.hears(said);
            person.set_tally(node, tally);
        })
    }

    pub(super) fn end_overdue(&mut self, now: Timestamp) -> Vec<Change> {
        let is_dead = |at: &Timestamp| at.plus_millis(millis(DEAD_AFTER)) < now;
        let dead = self.nodes.iter().filter(|(_, at)| is_dead(at));
        let dead: Vec<(u64, Timestamp)> = dead.map(|(node, at)| (*node, *at)).collect();
        let mut changes = Vec::new();
        for (node, at) in dead {
            changes.extend(self.go(node, at));
        }
        while let Some((_, user)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            changes.extend(self.end_due(user));
        }
        changes
    }

    pub(super) fn state(&self, user: UserId) -> State {
        self.users.get(&user).map(Person::state).unwrap_or_default()
    }

    pub(super) fn lookers(&self, room: RoomId, limit: usize) -> Lookers {
        let Some(users) = self.rooms.get(&room) else {
            return Lookers::default();
        };
        Lookers {
            users: users.iter().copied().take(limit).collect(),
            count: users.len(),
        }
    }

    pub(super) fn looks_at(&self, user: UserId, room: RoomId) -> bool {
        let person = self.users.get(&user);
        person.is_some_and(|person| person.looks_at(room))
    }

    pub(super) fn left(&self, user: UserId) -> Option<Left> {
        self.users.get(&user)?.left
    }

    /// Who has left a room since this was asked last. Whoever makes changes asks after each.
    pub(super) fn take_leavings(&mut self) -> Vec<(UserId, Left)> {
        std::mem::take(&mut self.leavings)
    }

    /// Looks at everybody: for what happens when a node dies or comes back.
    fn users_on(&self, node: u64) -> Vec<UserId> {
        let is_there = |person: &Person| person.nodes.iter().any(|(known, _)| *known == node);
        let users = self.users.iter().filter(|(_, person)| is_there(person));
        users.map(|(user, _)| *user).collect()
    }

    /// Changes a person, and what follows from it: rooms, what is due, and what is to be told. `touched` are the rooms that
    /// the person may begin or cease to look at.
    fn change(
        &mut self,
        user: UserId,
        at: Timestamp,
        touched: &[RoomId],
        change: impl FnOnce(&mut Person),
    ) -> Option<Change> {
        let person = self.users.entry(user).or_default();
        let looked: Vec<bool> = touched.iter().map(|room| person.looks_at(*room)).collect();
        let (was_seen, was_here) = (person.is_seen(), person.is_here());
        change(person);
        person.lingers = !person.is_here() && (was_here || person.lingers);
        let mut moved = Vec::new();
        for (room, looked) in touched.iter().zip(looked) {
            let looks = person.looks_at(*room);
            if looked && !looks {
                let left = Left { room: *room, at };
                person.left = Some(left);
                self.leavings.push((user, left));
            }
            moved.push((*room, looks && person.is_seen()));
        }
        if was_seen != person.is_seen() {
            moved.extend(person.rooms().into_iter().map(|room| (room, person.is_seen())));
        }
        let due = if person.is_here() {
            None
        } else if was_here {
            Some(at.plus_millis(self.grace_ms))
        } else {
            person.due.or(Some(at.plus_millis(millis(KEPT_FOR))))
        };
        let was_due = std::mem::replace(&mut person.due, due);
        self.move_due(user, was_due, due);
        self.move_looker(user, &moved);
        self.settle(user)
    }

    /// What was due for somebody without a session.
    fn end_due(&mut self, user: UserId) -> Option<Change> {
        let person = self.users.get_mut(&user)?;
        let was_due = person.due.take();
        if !person.lingers {
            self.move_due(user, was_due, None);
            self.users.remove(&user);
            return None;
        }
        person.lingers = false;
        // From the moment of leaving: the grace is a part of it.
        let kept_ms = millis(KEPT_FOR).saturating_sub(self.grace_ms);
        let due = was_due.map(|at| at.plus_millis(kept_ms));
        person.due = due;
        self.move_due(user, was_due, due);
        self.settle(user)
    }

    fn move_due(&mut self, user: UserId, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let Some(at) = from {
            self.due.remove(&(at, user));
        }
        if let Some(at) = to {
            self.due.insert((at, user));
        }
    }

    /// Notes for each of these rooms whether somebody is seen in it.
    fn move_looker(&mut self, user: UserId, rooms: &[(RoomId, bool)]) {
        for (room, is_seen) in rooms {
            if *is_seen {
                self.rooms.entry(*room).or_default().insert(user);
            } else if let Some(users) = self.rooms.get_mut(room) {
                users.remove(&user);
                if users.is_empty() {
                    self.rooms.remove(room);
                }
            }
        }
    }

    /// What is to be told of somebody, if anything.
    fn settle(&mut self, user: UserId) -> Option<Change> {
        let person = self.users.get_mut(&user)?;
        let after = person.state();
        if after == person.told {
            return None;
        }
        let before = std::mem::replace(&mut person.told, after.clone());
        self.changes += 1;
        Some(Change {
            user,
            number: self.changes,
            before,
            after,
            rooms: person.rooms().into_iter().collect(),
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
