//! What only several nodes at the same time can show.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use madang_storage::model::UserId;

use super::{Ear, GRACE, HALL, Home, MOMENT, YARD, here, in_room, started};
use crate::presence::{DEAD_AFTER, Presence, Status};

const USERS: u128 = 20;

/// What an ear heard of each user, in order.
fn heard_by(ear: &Ear) -> BTreeMap<UserId, Vec<(Status, Status)>> {
    let mut heard: BTreeMap<UserId, Vec<(Status, Status)>> = BTreeMap::new();
    for (user, before, after) in ear.take() {
        heard.entry(user).or_default().push((before, after));
    }
    heard
}

fn each_of(users: u128, change: (Status, Status)) -> BTreeMap<UserId, Vec<(Status, Status)>> {
    (1..=users)
        .map(|user| (UserId::from_u128(user), vec![change]))
        .collect()
}

/// Sessions of everybody come and go on a node, while it and others beat.
async fn come_and_go(node: Presence) {
    for round in 0..5 {
        for user in 1..=USERS {
            let number = u64::try_from(user).unwrap();
            let room = if round % 2 == 0 { HALL } else { YARD };
            node.put(number, in_room(UserId::from_u128(user), room));
            tokio::task::yield_now().await;
            if round < 4 {
                node.end(number);
            }
        }
        node.beat().await.unwrap();
    }
}

pub(crate) async fn racing_nodes_tell_each_transition_once(home: &impl Home) {
    let nodes = [started(home).await, started(home).await, started(home).await];
    let racing: Vec<_> = nodes
        .iter()
        .map(|(node, _)| tokio::spawn(come_and_go(node.clone())))
        .collect();
    for race in racing {
        race.await.unwrap();
    }
    home.settle().await;
    for (_, ear) in &nodes {
        assert_eq!(heard_by(ear), each_of(USERS, (Status::Offline, Status::Online)));
    }
    for (node, _) in &nodes {
        for user in 1..=USERS {
            node.end(u64::try_from(user).unwrap());
        }
    }
    home.settle().await;
    home.pass(GRACE).await;
    let [one, two, three] = nodes.each_ref().map(|(node, _)| node);
    let (one, two, three) = tokio::join!(one.beat(), two.beat(), three.beat());
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    home.settle().await;
    for (_, ear) in &nodes {
        assert_eq!(heard_by(ear), each_of(USERS, (Status::Online, Status::Offline)));
        assert_eq!(ear.unsure.load(Ordering::SeqCst), 0, "nothing went wrong");
    }
}

/// More users than are looked at in one step.
pub(crate) async fn the_users_of_a_dead_node_are_ended_once_by_many(home: &impl Home) {
    const MANY: u128 = 450;
    let (dead, _) = started(home).await;
    for user in 1..=MANY {
        dead.put(
            u64::try_from(user).unwrap(),
            in_room(UserId::from_u128(user), HALL),
        );
    }
    home.settle().await;
    drop(dead);
    let nodes = [started(home).await, started(home).await, started(home).await];
    // One of them has a session of one of the users.
    nodes[0].0.put(1, here(UserId::from_u128(MANY)));
    home.settle().await;
    assert_eq!(nodes[1].0.lookers(HALL, 3).await.unwrap().count, MANY as usize);
    home.pass(DEAD_AFTER - MOMENT).await;
    for (node, ear) in &nodes {
        node.beat().await.unwrap();
        assert_eq!(ear.take(), vec![]);
    }
    home.pass(MOMENT * 2).await;
    let [one, two, three] = nodes.each_ref().map(|(node, _)| node);
    let (one, two, three) = tokio::join!(one.beat(), two.beat(), three.beat());
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    home.settle().await;
    for (_, ear) in &nodes {
        assert_eq!(
            heard_by(ear),
            each_of(MANY - 1, (Status::Online, Status::Offline))
        );
    }
    let told = |(_, ear): &(Presence, Arc<Ear>)| ear.left.lock().unwrap().len();
    let left: usize = nodes.iter().map(told).sum();
    assert_eq!(left, MANY as usize, "each is told to one node");
    assert_eq!(nodes[2].0.lookers(HALL, 3).await.unwrap().count, 0);
}
