//! Whoever comes to another node with each request notices nothing of it.

use serde_json::{Value, json};

use super::accounts::{done, sign_in};
use super::people::id_of;
use super::support::{Client, Form, PATIENCE, World};

pub(crate) fn what_is_allowed_on_one_node_works_on_the_others_at_once(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let channels = format!("/guilds/{}/channels", world.guild);
    let done_next = |world: &World, token: &str, method: &str, path: &str, body: Value| {
        world.server.address();
        done(world, token, method, path, body)
    };
    for number in 0..10 {
        // Each request comes to another node than the one before.
        let wanted = json!({ "name": format!("방-{number}"), "is_private": true });
        let made = done_next(&world, &world.owner, "POST", &channels, wanted);
        let room = made["id"].as_str().unwrap();
        let posts = format!("/rooms/{room}/messages");
        done_next(&world, &world.owner, "POST", &posts, json!({ "text": "하나" }));
        let exception = format!("/rooms/{room}/overrides/users/{jiho}");
        done(
            &world,
            &world.owner,
            "PUT",
            &exception,
            json!({ "allow": ["view"] }),
        );
        let page = done_next(&world, &world.member, "GET", &posts, json!({}));
        assert_eq!(page["messages"].as_array().unwrap().len(), 1);
        done_next(&world, &world.member, "POST", &posts, json!({ "text": "둘" }));
    }
}

pub(crate) fn what_is_said_on_one_node_is_heard_on_the_others(form: Form) {
    let world = World::on(form);
    let mut clients: Vec<Client> = Vec::new();
    for index in 0..4 {
        let token = if index < 2 { &world.owner } else { &world.member };
        let (mut client, _) = Client::sign_in(world.server.address(), token, None);
        client.ask("open", json!({ "room": world.room })).unwrap();
        clients.push(client);
    }
    for number in 0..12 {
        let sender = number % clients.len();
        let text = format!("{number}");
        clients[sender]
            .ask("post", json!({ "room": world.room, "text": text }))
            .unwrap();
        for client in &mut clients {
            let event = client.wait(|frame| frame["kind"] == "message.posted");
            assert_eq!(event["data"]["text"], text.as_str(), "each once, in order");
        }
    }
}

pub(crate) fn guesses_are_counted_together(form: Form) {
    let world = World::on(form);
    // Each node knows how many there are.
    let nodes = world.server.addresses().len();
    let end = std::time::Instant::now() + PATIENCE;
    while world.server.figure("madang_nodes") != (nodes * nodes) as f64 {
        assert!(
            std::time::Instant::now() < end,
            "the nodes do not know each other"
        );
    }
    let (mut allowed, mut refused) = (0, 0);
    while refused < nodes {
        world.server.address();
        match sign_in(&world, "minji", "a wrong guess").1["code"].as_str() {
            Some("rate_limited") => refused += 1,
            _ => (allowed, refused) = (allowed + 1, 0),
        }
    }
    // Ten at once and one in ten seconds, however many nodes there are.
    assert!((8..=14).contains(&allowed), "{allowed}");
}
