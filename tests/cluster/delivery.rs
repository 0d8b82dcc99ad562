//! Everybody at every node gets everything once and in order.

use std::time::{Duration, Instant};

use super::crowd::{Crowd, Habits};
use super::measure::{conclude, say};
use super::nodes::{Nodes, Person, Place};

const NODES: usize = 3;
const AT_ONCE: Duration = Duration::ZERO;

/// So many senders, each at the next node, and one more listener at each node.
fn senders(place: &Place, count: usize, posts: usize) -> Vec<(&Person, Habits)> {
    let sender = |number: usize| {
        let habits = Habits {
            posts,
            ..Habits::posts(number % NODES, AT_ONCE)
        };
        (&place.people[number], habits)
    };
    let listener = |node: usize| (&place.owner, Habits::listens(node));
    (0..count).map(sender).chain((0..NODES).map(listener)).collect()
}

fn everybody_gets(total: usize, count: usize) {
    let Some(nodes) = Nodes::start(NODES) else { return };
    let place = Place::make(&nodes, count, 1);
    let began = Instant::now();
    let crowd = Crowd::gather(&nodes, &place, &senders(&place, count, total / count));
    while crowd.acknowledged() < total {
        crowd.wait_for_posts((total - crowd.acknowledged()).min(count));
    }
    let took = began.elapsed();
    let history = conclude(crowd, &nodes, &place, &[("all", began)]);
    assert_eq!(history.posts.len(), total);
    let arrived = |chain: &super::history::Chain| {
        let of = chain
            .connections
            .iter()
            .map(|connection| connection.records.len());
        assert_eq!(of.sum::<usize>(), total, "{}", chain.name);
    };
    history.chains.iter().for_each(arrived);
    let rate = total as f64 / took.as_secs_f64();
    say(&format!(
        "{total} messages of {count} in {took:.1?}: {rate:.0} a second"
    ));
}

#[test]
fn ten_messages_of_ten_people_at_three_nodes() {
    everybody_gets(10, 10);
}

#[test]
fn six_hundred_messages_of_thirty_senders_at_three_nodes() {
    everybody_gets(600, 30);
}

#[test]
#[ignore = "takes minutes: the short form is run always"]
fn ten_thousand_messages_of_thirty_senders_at_three_nodes() {
    everybody_gets(9_990, 30);
}
