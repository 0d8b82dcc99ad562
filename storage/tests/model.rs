//! Properties of the pure model: whatever happens in a room, its rows say what the events say.

// A failed expectation is a failed test, in helpers too.
#![allow(clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use madang_storage::model::{
    Event, EventId, Fact, GuildId, Head, MAX_CHANGES_PER_EVENT, Marker, MessageRecord, ProjectError, RoomId,
    Row, RowChange, RowKey, Rows, StreamId, Timestamp, UserId, advance, project, rows_needed,
};
use madang_storage::{decode, encode};
use proptest::collection::vec;
use proptest::prelude::*;

const ROOM: RoomId = RoomId::from_u128(1);
const EMOJI: [&str; 3] = ["\u{1f980}", "\u{1f469}", "\u{1f469}\u{200d}\u{1f4bb}"];

/// What somebody wants to do; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Wish {
    Post { author: u128, text: String },
    Edit { which: u64, text: String },
    Delete { which: u64, by: u128 },
    React { which: u64, emoji: usize, user: u128 },
}

fn wish() -> impl Strategy<Value = Wish> {
    let text = "[a-z]{0,8}";
    prop_oneof![
        3 => (1..5_u128, text).prop_map(|(author, text)| Wish::Post { author, text }),
        2 => (any::<u64>(), text).prop_map(|(which, text)| Wish::Edit { which, text }),
        1 => (any::<u64>(), 1..5_u128).prop_map(|(which, by)| Wish::Delete { which, by }),
        4 => (any::<u64>(), 0..EMOJI.len(), 1..5_u128)
            .prop_map(|(which, emoji, user)| Wish::React { which, emoji, user }),
    ]
}

/// A wish and the time of the clock, which may jump.
fn wishes() -> impl Strategy<Value = Vec<(Wish, u64)>> {
    vec((wish(), 0..1_000_u64), 0..60)
}

/// One room, its events and their rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct World {
    head: Head,
    rows: BTreeMap<RowKey, Row>,
    markers: BTreeMap<UserId, Marker>,
}

impl World {
    fn message(&self, seq: u64) -> Option<&MessageRecord> {
        match self.rows.get(&RowKey::Message { room: ROOM, seq }) {
            Some(Row::Message(record)) => Some(record),
            _ => None,
        }
    }

    /// The fact that fulfils the wish, if a decision would allow it.
    fn fact(&self, wish: &Wish) -> Option<Fact> {
        let live = |which: u64| {
            let seq = (self.head.seq > 0).then(|| which % self.head.seq + 1)?;
            self.message(seq).filter(|record| record.deleted.is_none())
        };
        Some(match wish {
            Wish::Post { author, text } => Fact::MessagePosted {
                author: UserId::from_u128(*author),
                text: text.clone(),
                reply_to: None,
                reply_to_author: None,
                mentions: Default::default(),
                system: None,
            },
            Wish::Edit { which, text } => Fact::MessageEdited {
                seq: live(*which)?.seq,
                text: text.clone(),
                keeps: false,
            },
            Wish::Delete { which, by } => Fact::MessageDeleted {
                seq: live(*which)?.seq,
                by: UserId::from_u128(*by),
            },
            Wish::React { which, emoji, user } => {
                let (record, user) = (live(*which)?, UserId::from_u128(*user));
                let (seq, emoji) = (record.seq, EMOJI[*emoji].to_owned());
                let row = RowKey::Reaction {
                    room: ROOM,
                    seq,
                    emoji: emoji.clone(),
                    user,
                };
                let on = !self.rows.contains_key(&row);
                let before = record.count_of(&emoji);
                let count = if on { before + 1 } else { before - 1 };
                Fact::ReactionChanged {
                    seq,
                    emoji,
                    user,
                    on,
                    count,
                }
            }
        })
    }

    fn event(&self, fact: Fact, now: Timestamp) -> Event {
        Event {
            id: EventId::from_u128(u128::from(self.head.rev) + 1),
            stream: StreamId::Room(ROOM),
            head: advance(&self.head, &fact, now),
            actor: None,
            access_rev: 0,
            nonce: None,
            fact,
            sealed: None,
        }
    }

    fn changes(&self, event: &Event) -> Result<Vec<RowChange>, ProjectError> {
        let mut rows = Rows::default();
        for key in rows_needed(event.stream, &event.fact) {
            if let Some(row) = self.rows.get(&key) {
                rows.insert(key, row.clone());
            }
        }
        project(event, &rows)
    }

    /// Does what the event says.
    fn apply(&mut self, event: &Event) {
        let changes = self.changes(event).expect("the event fits its rows");
        assert!(changes.len() <= MAX_CHANGES_PER_EVENT);
        for change in changes {
            match change {
                RowChange::Put(key, row) => drop(self.rows.insert(key, row)),
                RowChange::Delete(key) => drop(self.rows.remove(&key)),
                RowChange::MoveMarker { user, room, to } => {
                    assert_eq!(room, ROOM);
                    let marker = self.markers.entry(user).or_default();
                    if to.seq > marker.seq {
                        *marker = to;
                    }
                }
            }
        }
        self.head = event.head;
    }
}

/// Every world that a room passes through, the new room first, and the events in between.
fn live(wishes: &[(Wish, u64)]) -> (Vec<World>, Vec<Event>) {
    let made = Fact::channel_created(GuildId::from_u128(1), "room".to_owned(), String::new());
    let mut world = World::default();
    let first = world.event(made, Timestamp::from_millis(500));
    world.apply(&first);
    let (mut worlds, mut events) = (vec![world.clone()], vec![first]);
    for (wish, now) in wishes {
        let Some(fact) = world.fact(wish) else { continue };
        let event = world.event(fact, Timestamp::from_millis(*now));
        world.apply(&event);
        worlds.push(world.clone());
        events.push(event);
    }
    (worlds, events)
}

proptest! {
    /// Revs, seqs and n are dense, time and `deleted_seq` never go back.
    #[test]
    fn head_moves_by_one_step_at_a_time(wishes in wishes()) {
        let (worlds, events) = live(&wishes);
        for (pair, event) in worlds.windows(2).zip(&events[1..]) {
            let (before, after) = (pair[0].head, pair[1].head);
            let posted = u64::from(matches!(event.fact, Fact::MessagePosted { .. }));
            prop_assert_eq!(after.rev, before.rev + 1);
            prop_assert_eq!((after.seq, after.n), (before.seq + posted, before.n + posted));
            prop_assert!(after.at >= before.at && after.deleted_seq >= before.deleted_seq);
            prop_assert_eq!((after.meta_rev, after.first_rev), (1, 1));
            prop_assert_eq!(after, event.head);
        }
        let last = worlds.last().expect("the new room");
        let deleted = last.rows.values().filter_map(|row| match row {
            Row::Message(record) if record.deleted.is_some() => Some(record.seq),
            _ => None,
        });
        prop_assert_eq!(last.head.deleted_seq, deleted.max().unwrap_or(0));
    }

    /// Doing an event twice is doing it once.
    #[test]
    fn project_is_idempotent_per_event(wishes in wishes()) {
        let (worlds, events) = live(&wishes);
        for (world, event) in worlds.iter().zip(&events) {
            let mut again = world.clone();
            again.apply(event);
            prop_assert_eq!(&again, world);
        }
    }

    /// Doing the events again from any place on, in order, ends where they ended: as after a crash.
    #[test]
    fn project_again_from_anywhere_ends_the_same(wishes in wishes(), from in any::<prop::sample::Index>()) {
        let (worlds, events) = live(&wishes);
        let last = worlds.last().expect("the new room");
        let mut again = last.clone();
        for event in &events[from.index(events.len())..] {
            again.apply(event);
        }
        prop_assert_eq!(&again, last);
    }

    /// Each event changes its own message and no other, and a record's rev is the event that changed it last.
    #[test]
    fn record_rev_is_its_last_event(wishes in wishes()) {
        let (worlds, events) = live(&wishes);
        for (pair, event) in worlds.windows(2).zip(&events[1..]) {
            let (before, after) = (&pair[0], &pair[1]);
            let about = event.fact.message_seq(&event.head);
            for seq in 1..=after.head.seq {
                let record = after.message(seq).expect("messages are dense");
                if Some(seq) == about {
                    prop_assert_eq!(record.rev, event.rev());
                    prop_assert!(before.message(seq).is_none_or(|before| before.rev < record.rev));
                } else {
                    prop_assert_eq!(Some(record), before.message(seq));
                }
            }
        }
    }

    /// Counts are the number of different people with a reaction; no emoji stands there with nobody.
    #[test]
    fn reaction_counts_are_their_rows(wishes in wishes()) {
        let (worlds, _) = live(&wishes);
        for world in &worlds {
            for seq in 1..=world.head.seq {
                let record = world.message(seq).expect("messages are dense");
                if record.deleted.is_some() {
                    continue;
                }
                let mut listed = BTreeSet::new();
                for reaction in &record.reactions {
                    prop_assert!(reaction.count > 0);
                    prop_assert!(listed.insert(reaction.emoji.as_str()), "an emoji stands there twice");
                }
                for emoji in EMOJI {
                    prop_assert_eq!(record.count_of(emoji) as usize, reactors(world, seq, emoji));
                }
            }
        }
    }

    /// A deleted message is a tombstone, and an author's marker stands at the newest own post.
    #[test]
    fn tombstones_are_empty_and_markers_at_the_newest_post(wishes in wishes()) {
        let (worlds, _) = live(&wishes);
        let last = worlds.last().expect("the new room");
        let mut newest: BTreeMap<UserId, Marker> = BTreeMap::new();
        for seq in 1..=last.head.seq {
            let record = last.message(seq).expect("messages are dense");
            prop_assert_eq!((record.seq, record.n), (seq, seq));
            prop_assert!(record.deleted.is_none() || (record.text.is_empty() && record.reactions.is_empty()));
            newest.insert(record.author, Marker { seq, n: record.n });
        }
        prop_assert_eq!(&last.markers, &newest);
    }

    /// Events and rows come back from their stored form as they were, and bytes left over are noticed.
    #[test]
    fn stored_forms_round_trip(wishes in wishes()) {
        let (worlds, events) = live(&wishes);
        for event in &events {
            let mut bytes = encode(event).expect("encoded");
            prop_assert_eq!(&decode::<Event>(&bytes).expect("decoded"), event);
            bytes.push(0);
            prop_assert!(decode::<Event>(&bytes).is_err());
        }
        for (key, row) in &worlds.last().expect("the new room").rows {
            let bytes = encode(&(key, row)).expect("encoded");
            prop_assert_eq!(&decode::<(RowKey, Row)>(&bytes).expect("decoded"), &(key.clone(), row.clone()));
        }
    }

    /// Byte order of stream names is their order, so that neighbours in storage are neighbours.
    #[test]
    fn streams_order_like_their_bytes(left in stream(), right in stream()) {
        prop_assert_eq!(left.cmp(&right), left.to_bytes().cmp(&right.to_bytes()));
        prop_assert_eq!(StreamId::from_bytes(left.to_bytes()), Some(left));
        prop_assert_eq!(StreamId::parse(&left.to_string()), Some(left));
    }
}

fn reactors(world: &World, seq: u64, emoji: &str) -> usize {
    let of_message = |key: &&RowKey| match key {
        RowKey::Reaction {
            seq: on,
            emoji: which,
            ..
        } => *on == seq && which == emoji,
        _ => false,
    };
    world.rows.keys().filter(of_message).count()
}

fn stream() -> impl Strategy<Value = StreamId> {
    prop_oneof![
        Just(StreamId::Instance),
        any::<u128>().prop_map(|id| StreamId::Guild(GuildId::from_u128(id))),
        any::<u128>().prop_map(|id| StreamId::Room(RoomId::from_u128(id))),
        any::<u128>().prop_map(|id| StreamId::User(UserId::from_u128(id))),
    ]
}

/// Facts in the wrong place, and changes of what is not there, are told apart and change nothing.
#[test]
fn misplaced_facts_are_errors() {
    let (worlds, _) = live(&[]);
    let (empty, room) = (World::default(), worlds.last().expect("the new room"));
    let now = Timestamp::default();
    let made = Fact::channel_created(GuildId::from_u128(1), String::new(), String::new());
    let edit = Fact::MessageEdited {
        seq: 1,
        text: String::new(),
        keeps: false,
    };
    let joined = Fact::MemberJoined {
        user: UserId::from_u128(1),
    };
    let stream = StreamId::Room(ROOM);

    let again = ProjectError::WrongPlace {
        fact: "room.created",
        stream,
        rev: 2,
    };
    assert_eq!(room.changes(&room.event(made, now)), Err(again));
    let early = ProjectError::WrongPlace {
        fact: "message.edited",
        stream,
        rev: 1,
    };
    assert_eq!(empty.changes(&empty.event(edit.clone(), now)), Err(early));
    let missing = ProjectError::MissingRow(RowKey::Message { room: ROOM, seq: 1 });
    assert_eq!(room.changes(&room.event(edit, now)), Err(missing));
    let foreign = ProjectError::WrongStream {
        fact: "member.joined",
        stream,
    };
    assert_eq!(room.changes(&room.event(joined, now)), Err(foreign));
}
