//! The register of nodes. All but the first case are for stores that several nodes share.

use std::time::Duration;

use super::Fixture;
use crate::model::{NodeBeat, NodeId, NodeLife, Timestamp};
use crate::{Error, Store};

const LIVES: Duration = Duration::from_millis(NodeBeat::LIVES_MS);
const KEPT: Duration = Duration::from_millis(NodeBeat::KEPT_MS);

pub(super) fn beat_of(node: u128, life: u128) -> NodeBeat {
    NodeBeat {
        node: NodeId::from_u128(node),
        life: NodeLife::from_u128(life),
        build: "1.2.3".to_owned(),
        name: format!("node-{node}.example.org:8080"),
        reads: 7,
        // As wrong as a clock may be.
        started_at: Timestamp::from_millis(u64::try_from(node).expect("small")),
    }
}

async fn beat(store: &Store, beat: &NodeBeat) -> Vec<NodeBeat> {
    store.beat(beat).await.expect("a beat is written")
}

/// A node sees itself, as it said last, also after it left and came again, and in data that was opened again.
pub async fn node_that_beats_is_listed(fixture: &mut Fixture) {
    let mut one = beat_of(1, 1);
    for reads in [7, 8] {
        one.reads = reads;
        assert_eq!(beat(fixture.store(), &one).await, [one.clone()]);
    }
    fixture.reopen().await;
    assert_eq!(beat(fixture.store(), &one).await, [one.clone()]);
    fixture.store().leave(&one).await.expect("it leaves");
    fixture.store().leave(&one).await.expect("it may leave twice");
    assert_eq!(beat(fixture.store(), &one).await, [one.clone()]);
}

/// Every node sees all that live, in the order of their ids.
pub async fn nodes_that_beat_are_listed(fixture: &mut Fixture) {
    let store = fixture.store();
    let (one, two, three) = (beat_of(1, 1), beat_of(2, 1), beat_of(3, 1));
    assert_eq!(beat(store, &two).await, std::slice::from_ref(&two));
    assert_eq!(beat(store, &three).await, [two.clone(), three.clone()]);
    let all = [one.clone(), two.clone(), three.clone()];
    assert_eq!(beat(store, &one).await, all);
    assert_eq!(beat(store, &two).await, all);
}

/// Who leaves need not be waited for. Nobody takes a life that is not its own.
pub async fn node_that_leaves_is_gone_at_once(fixture: &mut Fixture) {
    let store = fixture.store();
    let (one, two) = (beat_of(1, 1), beat_of(2, 1));
    beat(store, &one).await;
    beat(store, &two).await;
    store.leave(&beat_of(1, 2)).await.expect("nothing to do");
    assert_eq!(beat(store, &two).await, [one.clone(), two.clone()]);
    store.leave(&one).await.expect("it leaves");
    assert_eq!(beat(store, &two).await, std::slice::from_ref(&two));
}

/// A node that is not heard of is dead, until it is heard of again, also after it is forgotten.
pub async fn node_that_is_silent_is_gone_after_a_while(fixture: &mut Fixture) {
    let store = fixture.store();
    let (one, two) = (beat_of(1, 1), beat_of(2, 1));
    beat(store, &one).await;
    fixture.pass_time(LIVES / 3).await;
    assert_eq!(beat(store, &two).await, [one.clone(), two.clone()]);
    for silent in [LIVES * 2 / 3, KEPT, LIVES] {
        fixture.pass_time(silent).await;
        assert_eq!(beat(store, &two).await, std::slice::from_ref(&two));
    }
    assert_eq!(beat(store, &one).await, [one.clone(), two.clone()]);
}

/// Of two processes with one id the second one is told, and the first one goes on.
pub async fn node_with_the_id_of_another_is_noticed(fixture: &mut Fixture) {
    let store = fixture.store();
    let (first, second) = (beat_of(1, 1), beat_of(1, 2));
    beat(store, &first).await;
    for _ in 0..2 {
        let refused = store.beat(&second).await;
        assert!(
            matches!(&refused, Err(Error::NodeTaken(who)) if who.contains(&first.name)),
            "{refused:?}"
        );
        assert_eq!(beat(store, &first).await, std::slice::from_ref(&first));
    }
    // Many at once: one is in, all others are told.
    let beats: Vec<NodeBeat> = (1..=8).map(|life| beat_of(2, life)).collect();
    let tries = beats.into_iter().map(|beat| {
        let store = store.clone();
        async move { store.beat(&beat).await }
    });
    let answers = super::support::at_once(tries.collect::<Vec<_>>()).await;
    let told = answers
        .iter()
        .filter(|answer| matches!(answer, Err(Error::NodeTaken(_))));
    assert_eq!(
        (told.count(), answers.iter().filter(|a| a.is_ok()).count()),
        (7, 1)
    );
}

/// An id is free once its node has left or is dead; a dead one that wakes up is told that it is taken.
pub async fn node_may_follow_one_that_is_gone(fixture: &mut Fixture) {
    let store = fixture.store();
    let (first, second, third) = (beat_of(1, 1), beat_of(1, 2), beat_of(1, 3));
    beat(store, &first).await;
    store.leave(&first).await.expect("it leaves");
    assert_eq!(beat(store, &second).await, std::slice::from_ref(&second));
    fixture.pass_time(LIVES).await;
    assert_eq!(beat(store, &third).await, std::slice::from_ref(&third));
    let woken = store.beat(&second).await;
    assert!(matches!(woken, Err(Error::NodeTaken(_))), "{woken:?}");
}
