//! Nodes that are restarted one after the other, and nodes whose clocks are wrong.

use std::time::{Duration, Instant};

use super::crowd::{Crowd, Habits};
use super::measure::{conclude, say};
use super::nodes::{Nodes, Person, Place};

const NODES: usize = 3;
const POSTERS: usize = 12;
const PACE: Duration = Duration::from_millis(400);
const SOME: usize = 24;

fn at_all_nodes(place: &Place) -> Vec<(&Person, Habits)> {
    let poster = |(number, person)| (person, Habits::posts(number % NODES, PACE));
    let listener = |node| (&place.owner, Habits::listens(node));
    let posters = place.people.iter().enumerate().map(poster);
    posters.chain((0..NODES).map(listener)).collect()
}

#[test]
fn a_rolling_restart_is_noticed_by_nobody() {
    let Some(mut nodes) = Nodes::start(NODES) else {
        return;
    };
    let place = Place::make(&nodes, POSTERS, 2);
    let crowd = Crowd::gather(&nodes, &place, &at_all_nodes(&place));
    let began = Instant::now();
    crowd.wait_for_posts(SOME);
    for node in 0..NODES {
        let asked = Instant::now();
        assert!(nodes.stop(node), "the node ended well");
        let stopped = asked.elapsed();
        crowd.wait_for_posts(SOME);
        nodes.start_node(node);
        crowd.wait_for_posts(SOME);
        say(&format!("node {node}: stopped in {stopped:.1?}"));
    }
    let refusals = crowd.refusals();
    assert!(
        refusals.is_empty(),
        "nobody is answered with an error: {refusals:?}"
    );
    conclude(crowd, &nodes, &place, &[("restarting", began)]);
}

/// One node is four minutes behind, another four ahead.
#[test]
#[allow(clippy::print_stderr, reason = "what was not run must be seen")]
fn clocks_that_are_minutes_apart_do_no_harm() {
    let has_faketime = std::process::Command::new("faketime").arg("--version").output();
    if has_faketime.is_err() {
        let is_required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(!is_required, "no faketime");
        eprintln!("NOT RUN: no faketime: install it so that it is on the path");
        return;
    }
    let clocks = [None, Some("-4m"), Some("+4m")];
    let Some(mut nodes) = Nodes::start_with_clocks(&clocks) else {
        return;
    };
    let place = Place::make(&nodes, POSTERS, 2);
    let crowd = Crowd::gather(&nodes, &place, &at_all_nodes(&place));
    let began = Instant::now();
    crowd.wait_for_posts(3 * SOME);
    // What it stored and did not tell is found although its clock is wrong.
    nodes.all[1].kafka.cut();
    let since = Instant::now();
    say(&format!("cut off and behind: {:.1?}", crowd.healed(since)));
    nodes.all[1].kafka.heal();
    nodes.kill(2);
    crowd.wait_for_posts(SOME);
    nodes.start_node(2);
    crowd.wait_for_posts(SOME);
    conclude(crowd, &nodes, &place, &[("apart", began)]);
}
