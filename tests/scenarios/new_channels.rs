//! Channels that are made at once as they are wanted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::accounts::{call, done, id_of, refused};
use super::conversations::newcomer;
use super::rest::at_once;
use super::support::{Client, Form, World};

const MISSING: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn channels(world: &World) -> String {
    format!("/guilds/{}/channels", world.guild)
}

fn make(world: &World, body: Value) -> Value {
    done(world, &world.owner, "POST", &channels(world), body)
}

/// A role with these rights, which somebody gets.
fn role(world: &World, permissions: Value, users: &[&str]) -> Value {
    let path = format!("/guilds/{}/roles", world.guild);
    let body = json!({ "name": "crew", "permissions": permissions });
    let role = done(world, &world.owner, "POST", &path, body)["id"].clone();
    for user in users {
        let path = format!("/guilds/{}/members/{user}/roles", world.guild);
        done(world, &world.owner, "PUT", &path, json!({ "roles": [role] }));
    }
    role
}

fn sees(world: &World, token: &str, room: &Value) -> bool {
    let list = done(world, token, "GET", &channels(world), json!({}));
    let mut channels = list["channels"].as_array().unwrap().iter();
    channels.any(|channel| channel["id"] == *room)
}

fn room(world: &World, token: &str, room: &Value) -> Value {
    let path = format!("/rooms/{}", room.as_str().unwrap());
    done(world, token, "GET", &path, json!({}))
}

pub(crate) fn a_new_channel_is_as_it_was_wanted_and_the_last(form: Form) {
    let world = World::on(form);
    let categories = format!("/guilds/{}/categories", world.guild);
    let work = done(&world, &world.owner, "POST", &categories, json!({ "name": "일" }))["id"].clone();
    let place = |channel: &Value| (channel["category"].clone(), channel["position"].clone());
    let news = make(
        &world,
        json!({
            "name": "news", "topic": "what is new", "category": work, "is_announcement": true,
            "slow_mode_seconds": 30,
        }),
    );
    assert_eq!(place(&news), (work.clone(), json!(0)));
    assert_eq!(
        (
            &news["is_announcement"],
            &news["slow_mode_seconds"],
            &news["is_private"]
        ),
        (&json!(true), &json!(30), &json!(false))
    );
    assert_eq!(
        place(&make(&world, json!({ "name": "tea" }))),
        (Value::Null, json!(1))
    );
    let far = make(&world, json!({ "name": "far", "category": work, "position": 40 }));
    assert_eq!(place(&far), (work.clone(), json!(40)));
    let below = make(&world, json!({ "name": "below", "category": work }));
    assert_eq!(place(&below), (work.clone(), json!(41)));
    let last = make(&world, json!({ "name": "last", "position": 100_000 }));
    assert_eq!(place(&last), (Value::Null, json!(100_000)));
    assert_eq!(
        make(&world, json!({ "name": "no place left" }))["position"],
        100_000
    );
    for (body, code, field) in [
        (
            json!({ "name": "x", "category": MISSING }),
            "invalid_field",
            "category",
        ),
        (
            json!({ "name": "x", "position": 100_001 }),
            "invalid_field",
            "position",
        ),
        (
            json!({ "name": "x", "slow_mode_seconds": 21_601 }),
            "invalid_field",
            "slow_mode_seconds",
        ),
        (
            json!({ "name": "x", "is_announcement": 1 }),
            "invalid_field",
            "is_announcement",
        ),
        (
            json!({ "name": "x", "users": [MISSING] }),
            "invalid_field",
            "is_private",
        ),
        (
            json!({ "name": "x", "is_private": true, "roles": [world.guild] }),
            "invalid_field",
            "roles",
        ),
        (
            json!({ "name": "x", "overrides": [] }),
            "unknown_field",
            "overrides",
        ),
    ] {
        let request = ("POST", channels(&world), body);
        let request = (request.0, request.1.as_str(), request.2);
        refused(&world, &world.owner, request, (400, code, json!(field)));
    }
    // What was refused has left no name behind.
    make(&world, json!({ "name": "x" }));
}

pub(crate) fn a_private_channel_is_private_from_its_first_event_on(form: Form) {
    let world = World::on(form);
    let (owner, jiho) = (&world.owner, id_of(&world, &world.member));
    let (sora, hana) = (newcomer(&world, "sora"), newcomer(&world, "hana"));
    let (sora_id, hana_id) = (id_of(&world, &sora), id_of(&world, &hana));
    let crew = role(&world, json!([]), &[&sora_id]);
    let (mut outside, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut inside, _) = Client::sign_in(world.server.address(), &sora, None);
    for (body, status, code, field) in [
        (json!({ "roles": [MISSING] }), 404, "not_found", "roles"),
        (json!({ "users": [MISSING] }), 404, "not_found", "users"),
        (json!({ "users": vec![MISSING; 51] }), 413, "too_large", "users"),
    ] {
        let mut body = body;
        (body["name"], body["is_private"]) = (json!("secret"), json!(true));
        let path = channels(&world);
        refused(&world, owner, ("POST", &path, body), (status, code, json!(field)));
    }
    let wanted = json!({
        "name": "secret", "is_private": true, "roles": [crew, crew], "users": [hana_id],
        "idempotency_key": "one",
    });
    let (mut minji, _) = Client::sign_in(world.server.address(), owner, None);
    let mut args = wanted.clone();
    args["guild"] = json!(world.guild);
    let made = minji.ask("create_channel", args.clone()).unwrap();
    assert_eq!(made["is_private"], true);
    let secret = made["id"].clone();
    // The same key makes nothing twice, and for something else it is refused.
    assert_eq!(minji.ask("create_channel", args.clone()).unwrap()["id"], secret);
    args["users"] = json!([]);
    let other = minji.ask("create_channel", args).unwrap_err();
    assert_eq!(other["code"], "nonce_conflict");

    inside.wait(|frame| frame["signal"] == "room" && frame["data"]["channel"]["id"] == secret);
    let open = make(&world, json!({ "name": "open" }));
    outside.wait(|frame| frame["signal"] == "room" && frame["data"]["channel"]["id"] == open["id"]);
    outside.ask("heartbeat", json!({})).unwrap();
    let text = secret.as_str().unwrap();
    assert!(
        !outside.has_pushed(|frame| frame.to_string().contains(text)),
        "nobody else was told at any time"
    );
    let world = world.crash();
    for (token, is_seen) in [
        (&world.owner, true),
        (&world.member, false),
        (&sora, true),
        (&hana, true),
    ] {
        assert_eq!(sees(&world, token, &secret), is_seen);
    }

    // Who may manage channels makes one and sees it, for those who stand lower.
    let helpers = role(&world, json!(["manage_channels"]), &[&jiho]);
    let path = channels(&world);
    let own = json!({ "name": "own", "is_private": true, "users": [hana_id] });
    let own = done(&world, &world.member, "POST", &path, own)["id"].clone();
    for (token, is_seen) in [(&world.member, true), (&hana, true), (&sora, false)] {
        assert_eq!(sees(&world, token, &own), is_seen);
    }
    let told = room(&world, &world.member, &own)["overrides"].to_string();
    assert!(told.contains(&jiho) && told.contains(&hana_id), "{told}");
    let owner_id = id_of(&world, &world.owner);
    for (field, whom) in [("roles", helpers), ("users", json!(owner_id))] {
        let body = json!({ "name": "other", "is_private": true, field: [whom] });
        let at_fault = (403, "forbidden", json!(field));
        refused(&world, &world.member, ("POST", &path, body), at_fault);
    }
    let none = json!({ "name": "other", "is_private": true });
    let at_fault = (403, "forbidden", Value::Null);
    refused(&world, &hana, ("POST", &path, none), at_fault);
}

pub(crate) fn of_two_private_channels_with_one_name_one_is_made(form: Form) {
    let world = Arc::new(World::on(form));
    let racing = Arc::clone(&world);
    let statuses = at_once(3, move |_| {
        let body = json!({ "name": "secret", "is_private": true });
        call(&racing, &racing.owner, "POST", &channels(&racing), body).0
    });
    assert_eq!(statuses, [201, 409, 409]);
    let list = done(&world, &world.member, "GET", &channels(&world), json!({}));
    assert_eq!(list["channels"].as_array().unwrap().len(), 1, "{list}");
}
