//! When this node can be sure that it has heard everything that was told.
//!
//! # How it works
//! Several times a second every node *beats*: behind whatever it told before it puts a numbered record into every place
//! in which it tells. Such a beat says how many records its sender told in that place so far, and which beat of each other
//! node the sender had heard when it made this one.
//!
//! So a beat of another node that was heard in all places, and that knows of our own beat number k, proves this: whatever
//! that node told before we made beat k has been heard, unless the count says that some of it got lost. No clock of
//! another machine is believed, and a broker that stalls in either direction only makes the proof older.
//!
//! Whatever was lost stands in the store. From the moment at which something is known to be missing until a look into the
//! store that began after it, nothing is proved.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use madang_storage::model::NodeId;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// A node that was not heard of for so long has died, unless the store says that it lives.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(15);
/// How many own beats are remembered: those that were not heard again within minutes prove nothing worth knowing.
const MAX_BEATS: usize = 1_024;

/// Where records are told: a topic, by its place in the settings, and one of its partitions.
pub(super) type Place = (u8, i32);

/// What a node says several times a second in each place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    /// Grows by one.
    pub(super) number: u64,
    /// In how many places the sender beats.
    pub(super) places: u32,
    /// How many records the sender told in this place so far.
    pub(super) told: u64,
    /// The highest beat of each other node that the sender had heard in any place.
    pub(super) heard: Vec<(NodeId, u64)>,
    /// The sender goes away, and told everything before.
    pub(super) leaves: bool,
}

/// What is known of when this node had heard everything.
#[derive(Debug)]
pub(super) struct Proof {
    me: NodeId,
    /// Own beats, and when each was made.
    beats: VecDeque<(u64, Instant)>,
    /// Every node that was heard of, this one included.
    nodes: HashMap<NodeId, Peer>,
    /// Who is there, as the store says.
    expected: HashSet<NodeId>,
    /// Since when something is known to be missing.
    missing_since: Option<Instant>,
}

/// A node that tells.
#[derive(Debug)]
struct Peer {
    /// When it was heard last.
    at: Instant,
    places: HashMap<Place, Told>,
    /// In how many places it beats.
    count: u32,
    /// Its beats that are not heard in all places yet, and the beat of this node that each knows of.
    knows: VecDeque<(u64, u64)>,
    /// When this node made the newest beat that is proved to be followed by nothing unheard.
    proved: Option<Instant>,
}

/// What was heard of a node in one place.
#[derive(Debug, Default)]
struct Told {
    /// Its last beat there; 0 before the first.
    beat: u64,
    /// What that beat said was told, and what was heard since.
    records: u64,
}

impl Proof {
    pub(super) fn new(me: NodeId) -> Self {
        Self {
            me,
            beats: VecDeque::new(),
            nodes: HashMap::new(),
            expected: HashSet::new(),
            missing_since: None,
        }
    }

    /// This node makes a beat: answers its number and what it says of the others.
    pub(super) fn beat(&mut self, now: Instant) -> (u64, Vec<(NodeId, u64)>) {
        let number = self.beats.back().map_or(1, |(number, _)| number + 1);
        if self.beats.len() == MAX_BEATS {
            self.beats.pop_front();
        }
        self.beats.push_back((number, now));
        let me = self.me;
        let others = self.nodes.iter().filter(|(node, _)| **node != me);
        let heard = others.map(|(node, peer)| (*node, peer.highest())).collect();
        (number, heard)
    }

    /// A record that is not a beat was heard of another node.
    pub(super) fn heard(&mut self, from: NodeId, place: Place, now: Instant) {
        let peer = self.nodes.entry(from).or_insert_with(|| Peer::new(now));
        peer.at = now;
        peer.places.entry(place).or_default().records += 1;
    }

    /// A beat was heard, of another node or of this one.
    pub(super) fn heard_beat(&mut self, from: NodeId, place: Place, beat: &Beat, now: Instant) {
        if beat.leaves {
            self.nodes.remove(&from);
            self.expected.remove(&from);
            return;
        }
        let is_own = from == self.me;
        let peer = self.nodes.entry(from).or_insert_with(|| Peer::new(now));
        // This node does not count what it told itself.
        if peer.misses(place, beat) && !is_own {
            self.missing_since = Some(now);
        }
        peer.at = now;
        peer.count = beat.places;
        let known = if is_own {
            Some(beat.number)
        } else {
            beat.heard
                .iter()
                .find(|(node, _)| *node == self.me)
                .map(|(_, number)| *number)
        };
        if let Some(known) = known {
            peer.knows(beat.number, known);
        }
        if let Some(at) = peer.settle().and_then(|known| made_at(&self.beats, known)) {
            peer.proved = Some(at);
        }
    }

    /// Something was told that this node will never hear.
    pub(super) fn missed(&mut self, now: Instant) {
        self.missing_since = Some(now);
    }

    /// The store was looked through; the look began at this moment.
    pub(super) fn looked(&mut self, began: Instant) {
        if self.missing_since.is_some_and(|since| since <= began) {
            self.missing_since = None;
        }
    }

    /// Who is there, as the store says.
    pub(super) fn expect(&mut self, nodes: &[NodeId]) {
        self.expected = nodes.iter().copied().filter(|node| *node != self.me).collect();
    }

    /// The last moment of which it is proved that everything told by then was heard.
    pub(super) fn current_at(&mut self, now: Instant) -> Option<Instant> {
        let Self {
            me, nodes, expected, ..
        } = self;
        nodes.retain(|node, peer| {
            *node == *me || expected.contains(node) || now.duration_since(peer.at) < SILENT_AFTER
        });
        let knows_all = self.expected.iter().all(|node| self.nodes.contains_key(node));
        if self.missing_since.is_some() || !knows_all {
            return None;
        }
        let own = self.nodes.get(&self.me)?.proved?;
        let mut proved = own;
        for peer in self.nodes.values() {
            proved = proved.min(peer.proved?);
        }
        Some(proved)
    }
}

/// When an own beat was made, if it is still remembered.
fn made_at(beats: &VecDeque<(u64, Instant)>, number: u64) -> Option<Instant> {
    let (first, _) = beats.front()?;
    let index = usize::try_from(number.checked_sub(*first)?).ok()?;
    beats.get(index).map(|(_, at)| *at)
}

impl Peer {
    fn new(now: Instant) -> Self {
        Self {
            at: now,
            places: HashMap::new(),
            count: 0,
            knows: VecDeque::new(),
            proved: None,
        }
    }

    /// Takes a beat into the account of its place; answers whether fewer records were heard than were told. Of what a
    /// node told before it was heard of for the first time nobody can know.
    fn misses(&mut self, place: Place, beat: &Beat) -> bool {
        let told = self.places.entry(place).or_default();
        let is_first = told.beat == 0;
        let is_new = is_first && beat.number == 1;
        let misses = (is_first && !is_new) || told.records < beat.told;
        *told = Told {
            beat: told.beat.max(beat.number),
            records: beat.told,
        };
        misses
    }

    fn highest(&self) -> u64 {
        self.places.values().map(|told| told.beat).max().unwrap_or(0)
    }

    fn knows(&mut self, number: u64, known: u64) {
        // Only the record in one of its places says what a beat knows.
        if self.knows.back().is_none_or(|(last, _)| *last < number) {
            self.knows.push_back((number, known));
        }
        if self.knows.len() > MAX_BEATS {
            self.knows.pop_front();
        }
    }

    /// The beat of this node that the newest beat heard in all places knows of, if it was not known before.
    fn settle(&mut self) -> Option<u64> {
        if (self.places.len() as u64) < u64::from(self.count.max(1)) {
            return None;
        }
        let complete = self.places.values().map(|told| told.beat).min()?;
        let mut settled = None;
        while self.knows.front().is_some_and(|(number, _)| *number <= complete) {
            settled = self.knows.pop_front().map(|(_, known)| known);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId::from_u128(1);
    const B: NodeId = NodeId::from_u128(2);
    const PLACES: [Place; 2] = [(0, 0), (0, 1)];

    /// Two nodes over two places, seen from A, on a clock of its own.
    struct World {
        proof: Proof,
        start: Instant,
        /// How many records B told in each place.
        told: [u64; 2],
        number: u64,
    }

    impl World {
        fn new() -> Self {
            let mut world = Self {
                proof: Proof::new(A),
                start: Instant::now(),
                told: [0; 2],
                number: 0,
            };
            let number = world.beats(0);
            world.hears_b(number, 1);
            world.hears_own(1, 1);
            world
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        /// A makes a beat.
        fn beats(&mut self, millis: u64) -> u64 {
            let now = self.at(millis);
            self.proof.beat(now).0
        }

        fn hears_own(&mut self, number: u64, millis: u64) {
            for place in PLACES {
                self.proof
                    .heard_beat(A, place, &beat(number, 0, Vec::new()), self.at(millis));
            }
        }

        /// The next beat of B comes in both places; it knows of a beat of A.
        fn hears_b(&mut self, known: u64, millis: u64) {
            self.number += 1;
            self.hears_b_in(&[0, 1], known, millis);
        }

        fn hears_b_in(&mut self, places: &[usize], known: u64, millis: u64) {
            for index in places {
                let knows = if *index == 0 { vec![(A, known)] } else { Vec::new() };
                let beat = beat(self.number, self.told[*index], knows);
                self.proof.heard_beat(B, PLACES[*index], &beat, self.at(millis));
            }
        }

        fn current_at(&mut self, millis: u64) -> Option<u64> {
            let at = self.proof.current_at(self.at(millis))?;
            Some(u64::try_from(at.duration_since(self.start).as_millis()).unwrap())
        }
    }

    fn beat(number: u64, told: u64, heard: Vec<(NodeId, u64)>) -> Beat {
        Beat {
            number,
            places: 2,
            told,
            heard,
            leaves: false,
        }
    }

    #[test]
    fn a_node_alone_is_current_as_of_the_beat_that_came_back() {
        let mut proof = Proof::new(A);
        let start = Instant::now();
        assert_eq!(proof.current_at(start), None, "nothing came back");
        let (number, _) = proof.beat(start);
        proof.heard_beat(A, PLACES[0], &beat(number, 0, Vec::new()), start);
        assert_eq!(proof.current_at(start), None, "one place is missing");
        proof.heard_beat(A, PLACES[1], &beat(number, 0, Vec::new()), start);
        assert_eq!(proof.current_at(start), Some(start));
    }

    #[test]
    fn it_is_as_current_as_the_own_beat_that_the_other_knew_of() {
        let mut world = World::new();
        assert_eq!(world.current_at(1), Some(0));
        let number = world.beats(100);
        world.hears_own(number, 110);
        assert_eq!(
            world.current_at(110),
            Some(0),
            "the other may have told something since"
        );
        world.hears_b(number, 120);
        assert_eq!(world.current_at(120), Some(100));
    }

    #[test]
    fn a_beat_proves_nothing_before_it_was_heard_in_all_places() {
        let mut world = World::new();
        let number = world.beats(100);
        world.hears_own(number, 110);
        world.number += 1;
        world.hears_b_in(&[0], number, 120);
        assert_eq!(
            world.current_at(120),
            Some(0),
            "what it told in the other place may be on its way"
        );
        world.hears_b_in(&[1], number, 130);
        assert_eq!(world.current_at(130), Some(100));
    }

    #[test]
    fn a_node_that_is_cut_off_makes_the_proof_old_until_it_is_dead() {
        let mut world = World::new();
        let number = world.beats(10_000);
        world.hears_own(number, 10_001);
        assert_eq!(world.current_at(10_001), Some(0));
        let number = world.beats(16_000);
        world.hears_own(number, 16_001);
        assert_eq!(world.current_at(16_001), Some(16_000), "it is gone");
    }

    #[test]
    fn a_node_that_lives_in_the_store_is_waited_for_however_silent_it_is() {
        let mut world = World::new();
        world.proof.expect(&[A, B, NodeId::from_u128(3)]);
        assert_eq!(world.current_at(1), None, "the third was never heard");
        world.proof.expect(&[A, B]);
        let number = world.beats(60_000);
        world.hears_own(number, 60_001);
        assert_eq!(world.current_at(60_001), Some(0));
        world.proof.expect(&[A]);
        assert_eq!(world.current_at(60_001), Some(60_000));
    }

    #[test]
    fn what_got_lost_is_noticed_and_found_by_a_look_that_began_after() {
        let mut world = World::new();
        world.told[1] = 2;
        world.proof.heard(B, PLACES[1], world.at(50));
        let number = world.beats(100);
        world.hears_own(number, 110);
        world.hears_b(number, 120);
        assert_eq!(world.current_at(120), None, "one of two was heard");
        world.proof.looked(world.at(119));
        assert_eq!(world.current_at(121), None, "that look may have been too early");
        world.proof.looked(world.at(120));
        assert_eq!(world.current_at(121), Some(100));
        let number = world.beats(200);
        world.hears_own(number, 210);
        world.hears_b(number, 220);
        assert_eq!(
            world.current_at(220),
            Some(200),
            "what was lost is not counted again"
        );
    }

    #[test]
    fn what_a_node_told_before_it_was_heard_is_looked_for() {
        let mut world = World::new();
        let late = NodeId::from_u128(3);
        for place in PLACES {
            let knows = vec![(A, 1)];
            world
                .proof
                .heard_beat(late, place, &beat(7, 4, knows), world.at(10));
        }
        assert_eq!(world.current_at(10), None);
        world.proof.looked(world.at(11));
        assert_eq!(world.current_at(12), Some(0));
    }

    #[test]
    fn a_node_that_says_goodbye_is_not_waited_for() {
        let mut world = World::new();
        let number = world.beats(100);
        world.hears_own(number, 110);
        let goodbye = Beat {
            leaves: true,
            ..beat(9, 0, Vec::new())
        };
        world.proof.heard_beat(B, PLACES[0], &goodbye, world.at(120));
        assert_eq!(world.current_at(120), Some(100));
    }

    #[test]
    fn beats_that_never_come_back_are_forgotten() {
        let mut world = World::new();
        for step in 0..2_000 {
            world.beats(step);
        }
        assert_eq!(world.proof.beats.len(), MAX_BEATS);
        world.hears_b(5, 2_000);
        assert_eq!(world.current_at(2_000), Some(0), "an old one proves nothing new");
    }
}
