//! Whoever is removed hears nothing more, also at a node that nobody can tell of it.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

use super::crowd::{Crowd, Habits};
use super::measure::say;
use super::nodes::{Nodes, PATIENCE, Place, wait_until};
use super::proxy::Proxy;
use super::rest::{call, try_call};

const AFTER: usize = 20;
const RETRY: Duration = Duration::from_millis(10);

fn post(node: SocketAddr, place: &Place, text: &str) {
    let path = format!("/api/v1/rooms/{}/messages", place.rooms[0]);
    call(
        node,
        "POST",
        &path,
        Some(&place.owner.token),
        Some(&json!({ "text": text })),
    );
}

/// What reading the room is answered with.
fn reading(node: SocketAddr, place: &Place, token: &str) -> u16 {
    let path = format!("/api/v1/rooms/{}/messages", place.rooms[0]);
    try_call(node, "GET", &path, Some(token), None)
        .expect("an answer")
        .0
}

/// Asks a node until it answers so; answers how long it took. From then on it must go on answering so.
fn refuses_soon(node: SocketAddr, place: &Place, token: &str, status: u16) -> Duration {
    let began = Instant::now();
    wait_until("reading is refused", || {
        thread::sleep(RETRY);
        reading(node, place, token) == status
    });
    began.elapsed()
}

/// Two people at a node whose Kafka is disturbed; one of them is removed at the other node.
fn removed_while(disturb: fn(&Proxy), remove: fn(&Nodes, &Place), status: u16) {
    let Some(nodes) = Nodes::start(2) else { return };
    let place = Place::make(&nodes, 2, 1);
    let (here, there) = (nodes.address(0), nodes.address(1));
    let at_there =
        |number: usize| Crowd::gather(&nodes, &place, &[(&place.people[number], Habits::listens(1))]);
    let (removed, stays) = (at_there(0), at_there(1));
    post(here, &place, "before");
    wait_until("both heard", || removed.arrived() == 1 && stays.arrived() == 1);
    disturb(&nodes.all[1].kafka);
    remove(&nodes, &place);
    for number in 0..AFTER {
        post(here, &place, &format!("after {number}"));
    }
    let took = refuses_soon(there, &place, &place.people[0].token, status);
    say(&format!(
        "reading there was refused {took:.1?} after the last word"
    ));
    for number in 0..AFTER {
        post(here, &place, &format!("later {number}"));
        assert_eq!(reading(there, &place, &place.people[0].token), status);
    }
    wait_until("who stays hears all", || stays.arrived() == 1 + 2 * AFTER);
    nodes.all[1].kafka.heal();
    post(here, &place, "at last");
    wait_until("who stays hears on", || stays.arrived() == 2 + 2 * AFTER);
    assert_eq!(reading(there, &place, &place.people[0].token), status);
    let heard = removed.leave();
    assert_eq!(heard, ["before"], "nothing of what was said after");
    assert_eq!(stays.leave().len(), 2 + 2 * AFTER);
}

fn kick(nodes: &Nodes, place: &Place) {
    let path = format!("/api/v1/guilds/{}/members/{}", place.guild, place.people[0].id);
    call(nodes.address(0), "DELETE", &path, Some(&place.owner.token), None);
}

/// Ends the login at the other node, and waits until the node that cannot be told of it has seen so.
fn sign_out(nodes: &Nodes, place: &Place) {
    let token = &place.people[0].token;
    call(
        nodes.address(0),
        "DELETE",
        "/api/v1/sessions/current",
        Some(token),
        None,
    );
    let sockets = || nodes.figure(1, "madang_hub_connections");
    let took = wait_until("the socket is closed", || sockets() == 1);
    say(&format!(
        "the socket there was closed {took:.1?} after the login had ended"
    ));
}

#[test]
fn somebody_kicked_hears_nothing_more_where_kafka_is_cut() {
    removed_while(Proxy::cut, kick, 404);
}

#[test]
fn somebody_kicked_hears_nothing_more_where_kafka_stalls() {
    removed_while(Proxy::stall, kick, 404);
}

#[test]
fn a_login_that_ended_hears_nothing_more_where_kafka_is_cut() {
    removed_while(Proxy::cut, sign_out, 401);
}

#[test]
fn a_login_that_ended_hears_nothing_more_where_kafka_stalls() {
    removed_while(Proxy::stall, sign_out, 401);
}

/// A socket on which somebody has signed in.
fn signed_in(node: SocketAddr, token: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(node).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("ws://{node}/gateway").into_client_request().unwrap();
    let protocol = "madang.v1.json".parse().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tungstenite::client(request, stream).expect("the handshake");
    let authenticate = json!({ "id": 1, "op": "authenticate", "args": { "token": token } });
    socket.send(Message::text(authenticate.to_string())).unwrap();
    while !socket.read().unwrap().to_string().contains("\"id\":1") {}
    socket
}

#[test]
fn a_login_that_ended_while_its_node_stood_still_posts_nothing() {
    const PAUSES: [Duration; 2] = [Duration::from_millis(1_500), Duration::from_secs(6)];
    let Some(nodes) = Nodes::start(2) else { return };
    let place = Place::make(&nodes, PAUSES.len(), 1);
    let (here, there) = (nodes.address(0), nodes.address(1));
    for (person, pause) in place.people.iter().zip(PAUSES) {
        let mut socket = signed_in(there, &person.token);
        nodes.pause(1);
        call(
            here,
            "DELETE",
            "/api/v1/sessions/current",
            Some(&person.token),
            None,
        );
        let args = json!({ "room": place.rooms[0], "text": "after the end" });
        let frame = json!({ "id": 2, "op": "post", "args": args });
        socket.send(Message::text(frame.to_string())).unwrap();
        thread::sleep(pause);
        nodes.go_on(1);
        while socket.read().is_ok_and(|message| !message.is_close()) {}
    }
    let path = format!("/api/v1/rooms/{}/messages", place.rooms[0]);
    let page = call(here, "GET", &path, Some(&place.owner.token), None);
    assert_eq!(page["messages"], json!([]), "whoever has gone says nothing more");
}
