//! What people say of themselves, whom they follow, and of whom they want nothing.

use serde_json::{Value, json};

use super::accounts::{call, done, id_of, refused, token_of};
use super::support::{Client, Form, World};

/// Somebody who shares nothing with the others; answers token and id.
fn stranger(world: &World) -> (String, String) {
    done(
        world,
        &world.owner,
        "PATCH",
        "/instance/registration",
        json!({ "registration": "open" }),
    );
    let body = json!({ "name": "stranger", "password": "correct horse", "transport": "bearer" });
    let (status, session) = world.server.call("POST", "/api/v1/accounts", None, Some(body));
    assert_eq!(status, 201, "{session}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&session["token"]), text(&session["user"]["id"]))
}

pub(crate) fn a_new_face_is_told_to_those_who_see_it(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let jiho = id_of(&world, member);
    let (stranger, _) = stranger(&world);
    // In two guilds together: told once all the same.
    let second = done(&world, owner, "POST", "/guilds", json!({ "name": "second" }));
    let second = second["id"].as_str().unwrap();
    let invite = done(&world, owner, "POST", "/invites", json!({ "guild": second }));
    let join = format!("/invites/{}/join", invite["code"].as_str().unwrap());
    done(&world, member, "POST", &join, json!({}));
    let beside = token_of(&world, "지호", "battery staple");
    let mut clients: Vec<Client> = [owner, member, &beside, &stranger]
        .map(|token| Client::sign_in(world.server.address(), token, None).0)
        .into();

    let face = json!({ "display_name": "Jiho 🌱", "bio": "tea\r\nand books", "colour": "#0000FF" });
    let profile = done(&world, member, "PATCH", "/me", face);
    assert_eq!(profile["display_name"], "Jiho 🌱");
    assert_eq!(
        (&profile["bio"], &profile["colour"]),
        (&json!("tea\nand books"), &json!("#0000ff"))
    );
    let is_told = |frame: &Value| frame["signal"] == "profile";
    let told = clients[0].wait(is_told);
    assert_eq!(
        told["data"],
        json!({ "user": jiho, "version": profile["version"] })
    );
    assert_eq!(clients[2].wait(is_told), told, "the person's other login");
    assert_eq!(
        done(&world, member, "PATCH", "/me", json!({}))["version"],
        profile["version"]
    );
    done(
        &world,
        member,
        "PATCH",
        "/me",
        json!({ "display_name": "", "colour": null }),
    );
    let next = clients[0].wait(is_told);
    assert!(
        next["data"]["version"].as_u64() > told["data"]["version"].as_u64(),
        "told once each"
    );
    clients[2].wait(is_told);
    // Whoever did it knows, and whoever shares nothing hears nothing.
    for silent in [1, 3] {
        clients[silent].ask("heartbeat", json!({})).unwrap();
        assert!(!clients[silent].has_pushed(is_told));
    }

    let seen = done(&world, owner, "GET", &format!("/users/{jiho}"), json!({}));
    assert_eq!(seen["bio"], "tea\nand books");
    assert!(
        seen["display_name"].is_null() && seen["colour"].is_null(),
        "{seen}"
    );
    done(&world, member, "PATCH", "/me", json!({ "display_name": "Ji" }));
    let users = done(&world, owner, "GET", &format!("/users?ids={jiho}"), json!({}));
    assert_eq!(users["users"][0]["display_name"], "Ji");
    let path = format!("/users/{jiho}");
    let missing = call(
        &world,
        &stranger,
        "GET",
        "/users/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        json!({}),
    );
    assert_eq!(call(&world, &stranger, "GET", &path, json!({})), missing);
    assert_eq!(missing.0, 404);

    let world = world.crash();
    let me = done(&world, &world.member, "GET", "/me", json!({}));
    assert_eq!(me["user"]["display_name"], "Ji");
}

pub(crate) fn what_people_say_of_themselves_has_limits(form: Form) {
    let world = World::on(form);
    let bad = [
        (
            json!({ "display_name": "x".repeat(65) }),
            (413, "too_large", "display_name"),
        ),
        (
            json!({ "display_name": "a\u{202e}b" }),
            (400, "invalid_field", "display_name"),
        ),
        (json!({ "bio": "가".repeat(501) }), (413, "too_large", "bio")),
        (json!({ "bio": "a\u{0}" }), (400, "invalid_field", "bio")),
        (json!({ "bio": 1 }), (400, "invalid_field", "bio")),
        (json!({ "colour": 255 }), (400, "invalid_field", "colour")),
        (json!({ "colour": "red" }), (400, "invalid_field", "colour")),
        (json!({ "colour": "#00ff" }), (400, "invalid_field", "colour")),
        (json!({ "colour": "#+00fff" }), (400, "invalid_field", "colour")),
        (json!({ "name": "other" }), (400, "unknown_field", "name")),
    ];
    for (body, (status, code, field)) in bad {
        refused(
            &world,
            &world.member,
            ("PATCH", "/me", body),
            (status, code, json!(field)),
        );
    }
    let change = |index: u32| {
        let body = json!({ "bio": format!("{index}") });
        call(&world, &world.member, "PATCH", "/me", body).0
    };
    let slowed = (0..100).map(change).position(|status| status == 429);
    assert!(
        slowed.is_some_and(|at| at > 5),
        "{slowed:?}: each change is told to many"
    );
}

pub(crate) fn people_follow_each_other(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let (minji, jiho) = (id_of(&world, owner), id_of(&world, member));
    let (stranger, strangers_id) = stranger(&world);
    let names = |world: &World, token: &str, path: &str| -> Vec<String> {
        let list = done(world, token, "GET", path, json!({}));
        assert_eq!(list["more"], false);
        let users = list["users"].as_array().unwrap().iter();
        users
            .map(|user| user["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let to_jiho = format!("/me/follows/{jiho}");
    for _ in 0..2 {
        done(&world, owner, "PUT", &to_jiho, json!({}));
    }
    assert_eq!(names(&world, owner, "/me/follows"), ["지호"]);
    assert_eq!(names(&world, member, "/me/followers"), ["minji"]);
    assert_eq!(names(&world, member, "/me/follows"), [] as [&str; 0]);
    // Whoever cannot be known answers as one that does not exist.
    for (token, id) in [(&stranger, &jiho), (owner, &strangers_id)] {
        let hidden = call(&world, token, "PUT", &format!("/me/follows/{id}"), json!({}));
        let missing = call(
            &world,
            token,
            "PUT",
            "/me/follows/01ARZ3NDEKTSV4RRFFQ69G5FAV",
            json!({}),
        );
        assert_eq!((hidden.0, &hidden), (404, &missing));
    }
    let own = format!("/me/follows/{minji}");
    refused(
        &world,
        owner,
        ("PUT", &own, json!({})),
        (409, "conflict", Value::Null),
    );

    let world = world.crash();
    assert_eq!(names(&world, &world.member, "/me/followers"), ["minji"]);
    for _ in 0..2 {
        done(&world, &world.owner, "DELETE", &to_jiho, json!({}));
    }
    assert_eq!(names(&world, &world.member, "/me/followers"), [] as [&str; 0]);
}

pub(crate) fn nobody_finds_out_who_blocked_them(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let (minji, jiho) = (id_of(&world, owner), id_of(&world, member));
    let (mut client, _) = Client::sign_in(world.server.address(), member, None);
    done(&world, owner, "PUT", &format!("/me/follows/{jiho}"), json!({}));
    let looks = |world: &World| {
        [
            "/me",
            "/me/followers",
            "/me/follows",
            "/me/blocks",
            &format!("/users/{minji}"),
            &format!("/users?ids={minji}"),
        ]
        .map(|path| call(world, &world.member, "GET", path, json!({})))
    };
    let before = looks(&world);
    let path = format!("/me/blocks/{jiho}");
    for _ in 0..2 {
        done(&world, owner, "PUT", &path, json!({}));
    }
    let own = format!("/me/blocks/{minji}");
    refused(
        &world,
        owner,
        ("PUT", &own, json!({})),
        (409, "conflict", Value::Null),
    );
    let list = done(&world, owner, "GET", "/me/blocks", json!({}));
    assert_eq!(list["users"][0]["id"], json!(jiho));
    // Not even by a number that counts what its owner does.
    assert_eq!(before, looks(&world));
    assert_eq!(before[4].0, 200);
    client.ask("heartbeat", json!({})).unwrap();
    let is_of_minji = |frame: &Value| frame.to_string().contains(&minji);
    assert!(!client.has_pushed(is_of_minji), "the blocked one is told nothing");
    done(&world, member, "PUT", &format!("/me/follows/{minji}"), json!({}));
    assert_eq!(looks(&world)[4], before[4]);

    let world = world.crash();
    let list = done(&world, &world.owner, "GET", "/me/blocks", json!({}));
    assert_eq!(list["users"][0]["id"], json!(jiho));
    done(&world, &world.owner, "DELETE", &path, json!({}));
    let list = done(&world, &world.owner, "GET", "/me/blocks", json!({}));
    assert_eq!(list["users"], json!([]));
}
