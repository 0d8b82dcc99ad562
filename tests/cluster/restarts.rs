//! Nodes that are restarted one after the other.

use std::net::SocketAddr;
use std::process::Command;
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

/// Restarts each node, with this build, while people talk at all of them.
fn restart_all(mut nodes: Nodes) {
    let place = Place::make(&nodes, POSTERS, 2);
    let crowd = Crowd::gather(&nodes, &place, &at_all_nodes(&place));
    let began = Instant::now();
    crowd.wait_for_posts(SOME);
    nodes.program = Nodes::this_build();
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

#[test]
fn a_rolling_restart_is_noticed_by_nobody() {
    if let Some(nodes) = Nodes::start(NODES) {
        restart_all(nodes);
    }
}

#[test]
#[ignore = "needs the build before: MADANG_TEST_BUILD_BEFORE names its program, by its whole path"]
fn an_update_node_by_node_is_noticed_by_nobody() {
    let before = std::env::var_os("MADANG_TEST_BUILD_BEFORE").expect("MADANG_TEST_BUILD_BEFORE");
    let nodes = Nodes::start_of(before.into(), NODES).expect("the services");
    restart_all(nodes);
}

#[test]
fn a_second_server_on_one_folder_is_refused_and_harms_nobody() {
    let Some(nodes) = Nodes::start(1) else { return };
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let second = nodes.command(0, elsewhere).output().expect("it starts");
    let why = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success(), "{why}");
    assert!(why.contains("another server runs on"), "{why}");
    let health = Command::new(Nodes::this_build())
        .args(["health", "--data"])
        .arg(nodes.folder(0))
        .output()
        .expect("it starts");
    assert!(health.status.success(), "{health:?}");
}
