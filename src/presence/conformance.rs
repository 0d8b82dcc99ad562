//! The conformance suite of presence: one named test for each promise of [`Backend`](super::Backend), for every backend.

mod nodes;
mod places;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madang_storage::model::{RoomId, Timestamp, UserId};

use super::{Change, Choice, Custom, DEAD_AFTER, Entry, Left, Presence, Receiver, Said, State, Status};

/// How long a backend under test waits before somebody is offline.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// A bit more than nothing.
const MOMENT: Duration = Duration::from_millis(100);

/// Where nodes of one kind meet.
pub(crate) trait Home {
    /// Another node's presence. One that never beats is a dead node.
    fn join(&self) -> impl Future<Output = Presence> + Send;

    /// Lets time pass for all nodes.
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// Waits until all that the nodes were given is told to all of them.
    fn settle(&self) -> impl Future<Output = ()> + Send;

    /// Lets what the nodes share go away, or come back as it was.
    fn set_away(&self, is_away: bool) -> impl Future<Output = ()> + Send;

    /// The time of all nodes.
    fn now(&self) -> Timestamp;
}

/// Makes a test of every case for the backend whose [`Home`] the expression makes.
macro_rules! presence_conformance {
    ($home:expr) => {
        $crate::presence::conformance::presence_conformance! { @each $home,
            the_first_session_makes_online_and_every_node_is_told_once
            sessions_on_two_nodes_are_one_user
            offline_only_after_the_grace
            a_reconnect_within_the_grace_tells_nobody
            quick_off_on_off_ends_with_the_truth
            a_dead_node_ends_its_sessions
            a_node_that_was_thought_dead_comes_back
            a_closed_node_ends_its_sessions
            idle_when_all_sessions_are
            what_is_chosen_holds_for_all_sessions
            what_is_older_is_passed_over
            words_change_without_a_change_of_status
            a_room_knows_who_looks_at_it
            the_invisible_are_in_no_room_for_others
            the_last_room_and_when_it_was_left_are_known
            nothing_is_kept_longer_than_two_weeks
            while_it_is_away_nobody_knows_and_then_all_is_well
            numbers_of_changes_grow
            racing_nodes_tell_each_transition_once
            the_users_of_a_dead_node_are_ended_once_by_many
        }
    };
    (@each $home:expr, $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::presence::conformance::$case(&$home).await;
            }
        )*
    };
}

pub(crate) use nodes::*;
pub(crate) use places::*;
pub(crate) use presence_conformance;

/// Remembers what it hears.
#[derive(Default)]
pub(crate) struct Ear {
    changes: Mutex<Vec<Change>>,
    left: Mutex<Vec<(UserId, Left)>>,
    pub(crate) unsure: AtomicUsize,
}

impl Ear {
    /// What was heard since the last time: who, what was so, what is so.
    pub(crate) fn take(&self) -> Vec<(UserId, Status, Status)> {
        let changes = std::mem::take(&mut *self.changes.lock().unwrap());
        let of = |change: &Change| (change.user, change.before.status, change.after.status);
        changes.iter().map(of).collect()
    }
}

impl Receiver for Ear {
    fn changed(&self, change: &Change) {
        self.changes.lock().unwrap().push(change.clone());
    }

    fn left(&self, user: UserId, left: Left) {
        self.left.lock().unwrap().push((user, left));
    }

    fn unsure(&self) {
        self.unsure.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) const ANA: UserId = UserId::from_u128(1);
pub(crate) const BO: UserId = UserId::from_u128(2);
pub(crate) const HALL: RoomId = RoomId::from_u128(10);
const YARD: RoomId = RoomId::from_u128(11);

pub(crate) async fn started(home: &impl Home) -> (Presence, Arc<Ear>) {
    let (presence, ear) = (home.join().await, Arc::new(Ear::default()));
    presence
        .start(Arc::clone(&ear) as Arc<dyn Receiver>)
        .await
        .unwrap();
    (presence, ear)
}

pub(crate) fn here(user: UserId) -> Entry {
    Entry {
        user,
        is_idle: false,
        room: None,
        said: None,
    }
}

pub(crate) fn in_room(user: UserId, room: RoomId) -> Entry {
    Entry {
        room: Some(room),
        ..here(user)
    }
}

pub(crate) fn saying(version: u64, choice: Choice) -> Arc<Said> {
    Arc::new(Said {
        version,
        choice,
        custom: None,
    })
}

pub(crate) async fn status(presence: &Presence, user: UserId) -> Status {
    presence.states(&[user]).await.unwrap()[0].status
}

/// Lets time pass while these nodes live.
pub(crate) async fn live(home: &impl Home, nodes: &[&Presence], time: Duration) {
    let mut left = time;
    while !left.is_zero() {
        let step = left.min(Duration::from_secs(1));
        home.settle().await;
        home.pass(step).await;
        left -= step;
        for node in nodes {
            node.beat().await.unwrap();
        }
    }
    home.settle().await;
}

pub(crate) async fn the_first_session_makes_online_and_every_node_is_told_once(home: &impl Home) {
    let (one, one_ear) = started(home).await;
    let (two, two_ear) = started(home).await;
    assert_eq!(status(&one, ANA).await, Status::Offline);
    one.put(1, here(ANA));
    one.put(2, here(ANA));
    two.put(1, here(ANA));
    home.settle().await;
    for ear in [&one_ear, &two_ear] {
        assert_eq!(ear.take(), vec![(ANA, Status::Offline, Status::Online)]);
    }
    let both = two.states(&[BO, ANA]).await.unwrap();
    assert_eq!(
        [both[0].status, both[1].status],
        [Status::Offline, Status::Online]
    );
    assert_eq!((one.figures().sessions, one.figures().changes), (2, 1));
}

pub(crate) async fn sessions_on_two_nodes_are_one_user(home: &impl Home) {
    let (one, one_ear) = started(home).await;
    let (two, two_ear) = started(home).await;
    one.put(1, here(ANA));
    two.put(1, here(ANA));
    home.settle().await;
    one_ear.take();
    two_ear.take();
    one.end(1);
    live(home, &[&one, &two], GRACE * 2).await;
    assert_eq!(
        status(&one, ANA).await,
        Status::Online,
        "the other node has a session"
    );
    assert_eq!(one_ear.take(), vec![]);
    two.end(1);
    live(home, &[&one, &two], GRACE * 2).await;
    for ear in [&one_ear, &two_ear] {
        assert_eq!(ear.take(), vec![(ANA, Status::Online, Status::Offline)]);
    }
}

pub(crate) async fn offline_only_after_the_grace(home: &impl Home) {
    let (one, ear) = started(home).await;
    one.put(1, here(ANA));
    home.settle().await;
    ear.take();
    one.end(1);
    live(home, &[&one], GRACE - MOMENT).await;
    assert_eq!(status(&one, ANA).await, Status::Online);
    assert_eq!(ear.take(), vec![]);
    live(home, &[&one], MOMENT).await;
    assert_eq!(status(&one, ANA).await, Status::Offline);
    assert_eq!(ear.take(), vec![(ANA, Status::Online, Status::Offline)]);
}

pub(crate) async fn a_reconnect_within_the_grace_tells_nobody(home: &impl Home) {
    let (one, ear) = started(home).await;
    let (two, _) = started(home).await;
    one.put(1, here(ANA));
    home.settle().await;
    ear.take();
    one.end(1);
    live(home, &[&one, &two], GRACE - MOMENT).await;
    two.put(1, here(ANA));
    live(home, &[&one, &two], GRACE * 3).await;
    assert_eq!(ear.take(), vec![]);
    assert_eq!(status(&one, ANA).await, Status::Online);
}

pub(crate) async fn quick_off_on_off_ends_with_the_truth(home: &impl Home) {
    let (one, ear) = started(home).await;
    for number in 0..50 {
        one.put(number, here(ANA));
        live(home, &[&one], MOMENT).await;
        one.end(number);
        live(home, &[&one], MOMENT).await;
    }
    assert_eq!(ear.take(), vec![(ANA, Status::Offline, Status::Online)]);
    // The grace counts from the last time.
    live(home, &[&one], GRACE - MOMENT * 2).await;
    assert_eq!(status(&one, ANA).await, Status::Online);
    live(home, &[&one], MOMENT).await;
    assert_eq!(ear.take(), vec![(ANA, Status::Online, Status::Offline)]);
    one.put(99, here(ANA));
    home.settle().await;
    assert_eq!(ear.take(), vec![(ANA, Status::Offline, Status::Online)]);
}

pub(crate) async fn a_dead_node_ends_its_sessions(home: &impl Home) {
    let (one, ear) = started(home).await;
    let (dead, _) = started(home).await;
    dead.put(1, in_room(ANA, HALL));
    dead.put(2, here(BO));
    one.put(1, here(BO));
    let died = home.now();
    live(home, &[&one], DEAD_AFTER).await;
    assert_eq!(status(&one, ANA).await, Status::Online);
    ear.take();
    live(home, &[&one], MOMENT).await;
    assert_eq!(
        ear.take(),
        vec![(ANA, Status::Online, Status::Offline)],
        "it was silent longer than the grace"
    );
    assert_eq!(
        status(&one, BO).await,
        Status::Online,
        "there is a session on another node"
    );
    assert_eq!(one.lookers(HALL, 10).await.unwrap().count, 0);
    assert_eq!(one.left(ANA).await.unwrap(), Some(Left { room: HALL, at: died }));
}

pub(crate) async fn a_node_that_was_thought_dead_comes_back(home: &impl Home) {
    let (one, one_ear) = started(home).await;
    let (paused, paused_ear) = started(home).await;
    paused.put(1, in_room(ANA, HALL));
    paused.put(2, here(BO));
    live(home, &[&one], DEAD_AFTER + GRACE).await;
    assert_eq!(status(&one, ANA).await, Status::Offline);
    // What happens before it says that it lives is not lost.
    paused.end(2);
    home.settle().await;
    one_ear.take();
    assert_eq!(paused_ear.unsure.load(Ordering::SeqCst), 0);
    live(home, &[&one, &paused], MOMENT).await;
    assert_eq!(one_ear.take(), vec![(ANA, Status::Offline, Status::Online)]);
    assert_eq!(one.lookers(HALL, 10).await.unwrap().users, vec![ANA]);
    assert_eq!(
        paused_ear.unsure.load(Ordering::SeqCst),
        1,
        "it may have missed something"
    );
    live(home, &[&one, &paused], DEAD_AFTER * 2).await;
    assert_eq!(one_ear.take(), vec![]);
}

pub(crate) async fn a_closed_node_ends_its_sessions(home: &impl Home) {
    let (one, ear) = started(home).await;
    let (two, two_ear) = started(home).await;
    two.put(1, here(ANA));
    home.settle().await;
    ear.take();
    two_ear.take();
    two.close().await;
    two.put(2, here(BO));
    live(home, &[&one], GRACE).await;
    assert_eq!(ear.take(), vec![(ANA, Status::Online, Status::Offline)]);
    assert_eq!(two_ear.take(), vec![], "it does not hear any more");
}

pub(crate) async fn idle_when_all_sessions_are(home: &impl Home) {
    let (one, ear) = started(home).await;
    let (two, _) = started(home).await;
    let idle = Entry {
        is_idle: true,
        ..here(ANA)
    };
    one.put(1, here(ANA));
    two.put(1, here(ANA));
    home.settle().await;
    ear.take();
    one.put(1, idle.clone());
    home.settle().await;
    assert_eq!(ear.take(), vec![]);
    two.put(1, idle);
    home.settle().await;
    assert_eq!(ear.take(), vec![(ANA, Status::Online, Status::Idle)]);
    one.end(1);
    two.end(1);
    live(home, &[&one, &two], GRACE - MOMENT).await;
    assert_eq!(ear.take(), vec![], "as before, until the grace is over");
    one.put(2, here(ANA));
    home.settle().await;
    assert_eq!(ear.take(), vec![(ANA, Status::Idle, Status::Online)]);
}

pub(crate) async fn what_is_chosen_holds_for_all_sessions(home: &impl Home) {
    let (one, ear) = started(home).await;
    let (two, _) = started(home).await;
    one.put(1, here(ANA));
    two.put(1, here(ANA));
    home.settle().await;
    ear.take();
    for (version, choice, status) in [
        (1, Choice::DoNotDisturb, Status::DoNotDisturb),
        (2, Choice::Invisible, Status::Invisible),
        (3, Choice::Idle, Status::Idle),
        (4, Choice::Online, Status::Online),
    ] {
        two.say(ANA, saying(version, choice));
        home.settle().await;
        let heard = ear.take();
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].2, status);
    }
    // Said by somebody who is not here: it counts for the session to come.
    one.say(BO, saying(1, Choice::Invisible));
    home.settle().await;
    assert_eq!(status(&one, BO).await, Status::Offline);
    two.put(2, here(BO));
    home.settle().await;
    assert_eq!(ear.take(), vec![(BO, Status::Offline, Status::Invisible)]);
}

pub(crate) async fn what_is_older_is_passed_over(home: &impl Home) {
    let (one, ear) = started(home).await;
    one.put(
        1,
        Entry {
            said: Some(saying(5, Choice::DoNotDisturb)),
            ..here(ANA)
        },
    );
    home.settle().await;
    assert_eq!(ear.take(), vec![(ANA, Status::Offline, Status::DoNotDisturb)]);
    one.say(ANA, saying(4, Choice::Online));
    one.put(
        2,
        Entry {
            said: Some(saying(3, Choice::Invisible)),
            ..here(ANA)
        },
    );
    home.settle().await;
    assert_eq!(ear.take(), vec![]);
    assert_eq!(status(&one, ANA).await, Status::DoNotDisturb);
}

pub(crate) async fn words_change_without_a_change_of_status(home: &impl Home) {
    let (one, _) = started(home).await;
    let (two, ear) = started(home).await;
    one.put(1, here(ANA));
    home.settle().await;
    ear.take();
    let said = Arc::new(Said {
        version: 1,
        choice: Choice::Online,
        custom: Some(Custom {
            text: "점심".to_owned(),
            emoji: Some("🍜".to_owned()),
            expires_at: None,
        }),
    });
    one.say(ANA, Arc::clone(&said));
    home.settle().await;
    assert_eq!(ear.take(), vec![(ANA, Status::Online, Status::Online)]);
    let seen = State {
        status: Status::Online,
        said: Some(said),
    };
    assert_eq!(two.states(&[ANA]).await.unwrap(), vec![seen]);
    one.end(1);
    live(home, &[&one, &two], GRACE).await;
    assert_eq!(
        two.states(&[ANA]).await.unwrap(),
        vec![State::default()],
        "nothing is seen of who is not here"
    );
}

pub(crate) async fn numbers_of_changes_grow(home: &impl Home) {
    let (one, ear) = started(home).await;
    let (two, _) = started(home).await;
    for round in 0..5 {
        let node = if round % 2 == 0 { &one } else { &two };
        node.put(1, here(ANA));
        node.end(1);
        live(home, &[&one, &two], GRACE).await;
    }
    let changes = std::mem::take(&mut *ear.changes.lock().unwrap());
    assert_eq!(changes.len(), 10);
    assert!(
        changes
            .windows(2)
            .all(|two| two[0].number < two[1].number && two[0].after == two[1].before)
    );
}
