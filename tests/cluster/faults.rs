//! Services and nodes that go while people write: nothing that was answered is lost, nothing comes twice, and everybody
//! gets everything in the end without anything being started anew.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::crowd::{Crowd, Habits};
use super::measure::{conclude, say};
use super::nodes::{Nodes, Person, Place, wait_until};
use super::rest::{call, try_call};
use super::services::Service;

const NODES: usize = 3;
const POSTERS: usize = 20;
const ROOMS: usize = 2;
const PACE: Duration = Duration::from_millis(500);
/// So much is posted before, during and after a fault, at least.
const SOME: usize = 40;
/// For how long a fault lasts in the short form of a test, and in the long one.
const SHORT_CUT: Duration = Duration::from_secs(8);
const LONG_CUT: Duration = Duration::from_secs(60);
const SHORT_PAUSE: Duration = Duration::from_secs(5);
const LONG_PAUSE: Duration = Duration::from_secs(30);
/// After how long those who do not wait go to another node.
const HASTE: Duration = Duration::from_secs(2);
/// For how long a load balancer waits for `/readyz`, and then sends nobody there.
const A_BALANCERS_PATIENCE: Duration = Duration::from_secs(5);

/// Nodes, with people at all of them who write and do not stop.
struct Bustle {
    nodes: Nodes,
    place: Place,
    crowd: Crowd,
    phases: Vec<(&'static str, Instant)>,
}

impl Bustle {
    fn begin() -> Option<Self> {
        Self::begin_with(|_| Habits::listens(0).patience)
    }

    /// With people of such patience.
    fn begin_with(patience: fn(usize) -> Duration) -> Option<Self> {
        let nodes = Nodes::start(NODES)?;
        let place = Place::make(&nodes, POSTERS, ROOMS);
        let poster = |(number, person)| {
            let habits = Habits {
                patience: patience(number),
                ..Habits::posts(number % NODES, PACE)
            };
            (person, habits)
        };
        let listener = |node| (&place.owner, Habits::listens(node));
        let people: Vec<(&Person, Habits)> = place
            .people
            .iter()
            .enumerate()
            .map(poster)
            .chain((0..NODES).map(listener))
            .collect();
        let crowd = Crowd::gather(&nodes, &place, &people);
        let mut bustle = Self {
            nodes,
            place,
            crowd,
            phases: Vec::new(),
        };
        bustle.phase("before");
        bustle.crowd.wait_for_posts(SOME);
        Some(bustle)
    }

    fn phase(&mut self, name: &'static str) -> Instant {
        let now = Instant::now();
        self.phases.push((name, now));
        now
    }

    /// The fault is over: waits until what is said reaches everybody again, and some more.
    fn heal(&mut self, what: &str) {
        let since = self.phase("after");
        let healed = self.crowd.healed(since);
        wait_until("every node hears the others", || {
            (0..NODES).all(|node| self.nodes.is_sure(node))
        });
        let sure = since.elapsed();
        self.crowd.wait_for_posts(SOME);
        say(&format!(
            "{what}: {healed:.1?} until the first message reached everybody again, {sure:.1?} until all nodes were sure"
        ));
    }

    fn end(self) {
        conclude(self.crowd, &self.nodes, &self.place, &self.phases);
    }
}

#[test]
fn kafka_is_killed_and_started_again() {
    let Some(mut bustle) = Bustle::begin() else { return };
    bustle.phase("without Kafka");
    bustle.nodes.services.kill(Service::Kafka);
    // Nobody waits for Kafka, and what is posted arrives.
    bustle.crowd.wait_for_posts(2 * SOME);
    let since = Instant::now();
    let found = bustle.crowd.healed(since);
    say(&format!(
        "without Kafka: {found:.1?} until a message had reached everybody"
    ));
    bustle.nodes.services.start_again();
    bustle.heal("Kafka killed and started again");
    bustle.end();
}

fn kafka_is_cut_off_from_one_node(lasts: Duration) {
    let Some(mut bustle) = Bustle::begin() else { return };
    bustle.phase("cut");
    bustle.nodes.all[1].kafka.cut();
    thread::sleep(lasts);
    bustle.crowd.wait_for_posts(1);
    bustle.nodes.all[1].kafka.heal();
    bustle.heal("one node's way to Kafka cut");
    bustle.end();
}

#[test]
fn kafka_is_cut_off_from_one_node_for_seconds() {
    kafka_is_cut_off_from_one_node(SHORT_CUT);
}

#[test]
#[ignore = "takes more than a minute: the short form is run always"]
fn kafka_is_cut_off_from_one_node_for_a_minute() {
    kafka_is_cut_off_from_one_node(LONG_CUT);
}

fn kafka_stalls_for_one_node(lasts: Duration) {
    let Some(mut bustle) = Bustle::begin() else { return };
    bustle.phase("stalled");
    bustle.nodes.all[1].kafka.stall();
    thread::sleep(lasts);
    bustle.crowd.wait_for_posts(1);
    // What was held back arrives now, long after everybody has it.
    bustle.nodes.all[1].kafka.heal();
    bustle.heal("one node's way to Kafka stalled");
    bustle.end();
}

#[test]
#[ignore = "takes more than a minute: being cut off is run always"]
fn kafka_stalls_for_one_node_for_a_minute() {
    kafka_stalls_for_one_node(LONG_CUT);
}

#[test]
fn the_database_is_killed_and_started_again() {
    let Some(mut bustle) = Bustle::begin() else { return };
    bustle.phase("without database");
    bustle.nodes.services.kill(Service::Mongo);
    wait_until("every node says that it is not ready", || {
        (0..NODES).all(|node| {
            let answer = try_call(bustle.nodes.address(node), "GET", "/readyz", None, None);
            answer.is_some_and(|(status, _)| status == 503)
        })
    });
    let asked = Instant::now();
    let (status, why) = try_call(bustle.nodes.address(0), "GET", "/readyz", None, None).expect("an answer");
    assert_eq!(status, 503, "{why}");
    assert!(
        asked.elapsed() < A_BALANCERS_PATIENCE,
        "after {:?}",
        asked.elapsed()
    );
    bustle.nodes.services.start_again();
    bustle.heal("the database killed and started again");
    for node in 0..NODES {
        bustle.nodes.wait_until_ready(node);
    }
    bustle.end();
}

/// Supervisors kill what does not end within a minute.
#[test]
#[ignore = "takes most of a minute"]
fn a_node_stops_while_its_way_to_the_database_is_cut() {
    let Some(mut bustle) = Bustle::begin_with(|_| HASTE) else {
        return;
    };
    bustle.phase("cut");
    bustle.nodes.all[0].mongo.cut();
    bustle.crowd.wait_for_posts(SOME);
    let asked = Instant::now();
    assert!(bustle.nodes.stop(0), "the node ended well");
    say(&format!("stopped in {:.1?}", asked.elapsed()));
    assert!(asked.elapsed() < Duration::from_secs(50));
    bustle.nodes.all[0].mongo.heal();
    bustle.nodes.start_node(0);
    bustle.heal("its way to the database cut, and stopped");
    bustle.end();
}

#[test]
fn presence_is_killed_and_emptied() {
    let Some(mut bustle) = Bustle::begin() else { return };
    let are_seen = |bustle: &Bustle, node: usize, status: &str| {
        let ids: Vec<&str> = bustle.place.people.iter().map(|person| &*person.id).collect();
        let path = format!("/api/v1/presence?ids={}", ids.join(","));
        let owner = Some(&*bustle.place.owner.token);
        let seen = call(bustle.nodes.address(node), "GET", &path, owner, None);
        let seen = seen["users"].as_array().expect("people").clone();
        seen.len() == POSTERS && seen.iter().all(|person| person["status"] == json!(status))
    };
    let everywhere = |bustle: &Bustle, status: &str| {
        wait_until(status, || (0..NODES).all(|node| are_seen(bustle, node, status)))
    };
    everywhere(&bustle, "online");
    bustle.phase("without Redis");
    bustle.nodes.services.kill(Service::Redis);
    let unknown = everywhere(&bustle, "unknown");
    bustle.crowd.wait_for_posts(SOME);
    bustle.nodes.services.start_again();
    let since = Instant::now();
    bustle.heal("Redis killed and emptied");
    everywhere(&bustle, "online");
    say(&format!(
        "presence: unknown after {unknown:.1?}, known again {:.1?} after Redis came back",
        since.elapsed()
    ));
    bustle.end();
}

#[test]
fn one_of_three_nodes_is_killed() {
    let Some(mut bustle) = Bustle::begin() else { return };
    let since = bustle.phase("without a node");
    bustle.nodes.kill(2);
    let healed = bustle.crowd.healed(since);
    say(&format!(
        "a node killed: {healed:.1?} until a message had reached everybody"
    ));
    bustle.crowd.wait_for_posts(2 * SOME);
    bustle.nodes.start_node(2);
    bustle.heal("the node started again");
    bustle.end();
}

/// What the node stored last it told nobody: the others find it. Nobody else says anything, by which they could notice.
#[test]
fn a_node_is_killed_between_storing_and_telling() {
    let Some(mut nodes) = Nodes::start(NODES) else {
        return;
    };
    let place = Place::make(&nodes, 1, 1);
    let once = Habits {
        posts: 1,
        ..Habits::posts(2, Duration::ZERO)
    };
    let listener = |node| (&place.owner, Habits::listens(node));
    let listeners = Crowd::gather(&nodes, &place, &[listener(0), listener(1)]);
    nodes.all[2].kafka.stall();
    let began = Instant::now();
    let poster = Crowd::gather(&nodes, &place, &[(&place.people[0], once)]);
    // It may have been answered by now.
    wait_until("it is stored", || poster.acknowledged() == 1);
    nodes.kill(2);
    // What the proxy held is gone, too.
    nodes.all[2].kafka.cut();
    let killed = Instant::now();
    wait_until("the others have found it", || listeners.arrived() == 2);
    say(&format!(
        "stored and not told: found {:.1?} after the node was killed",
        killed.elapsed()
    ));
    nodes.all[2].kafka.heal();
    nodes.start_node(2);
    let mut history = poster.finish(&nodes, &place);
    let listened = listeners.finish(&nodes, &place);
    history.chains.extend(listened.chains);
    assert_eq!(history.faults(), []);
    assert!(history.posts[0].sent_at >= began);
}

#[test]
fn a_node_is_killed_before_it_told_while_all_write() {
    let Some(mut bustle) = Bustle::begin() else { return };
    bustle.phase("untold");
    bustle.nodes.all[2].kafka.stall();
    let since = Instant::now();
    wait_until("something is stored and not told", || {
        bustle.crowd.acknowledged_by(2, since) >= 3
    });
    bustle.nodes.kill(2);
    bustle.nodes.all[2].kafka.cut();
    let killed = bustle.phase("without a node");
    let healed = bustle.crowd.healed(killed);
    say(&format!(
        "killed before it told: {healed:.1?} until a message had reached everybody"
    ));
    bustle.nodes.all[2].kafka.heal();
    bustle.nodes.start_node(2);
    bustle.heal("the node started again");
    bustle.end();
}

fn a_node_stands_still(lasts: Duration) {
    let in_haste = |number| {
        if number % 2 == 0 {
            HASTE
        } else {
            Habits::listens(0).patience
        }
    };
    let Some(mut bustle) = Bustle::begin_with(in_haste) else {
        return;
    };
    bustle.phase("paused");
    bustle.nodes.pause(1);
    thread::sleep(lasts);
    bustle.crowd.wait_for_posts(1);
    bustle.nodes.go_on(1);
    bustle.heal("a node stood still");
    bustle.end();
}

#[test]
fn a_node_stands_still_for_seconds() {
    a_node_stands_still(SHORT_PAUSE);
}

#[test]
#[ignore = "takes most of a minute: the short form is run always"]
fn a_node_stands_still_for_half_a_minute() {
    a_node_stands_still(LONG_PAUSE);
}

#[test]
#[ignore = "takes most of a minute: being cut off is run always"]
fn kafka_is_slow_for_all() {
    let Some(mut bustle) = Bustle::begin() else { return };
    bustle.phase("slow");
    for node in &bustle.nodes.all {
        node.kafka.slow(Duration::from_millis(700));
    }
    thread::sleep(LONG_PAUSE);
    for node in &bustle.nodes.all {
        node.kafka.heal();
    }
    bustle.heal("Kafka slow");
    bustle.end();
}
