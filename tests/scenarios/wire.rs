//! What requests and answers look like, as the description tells it.

use serde_json::{Value, json};

use super::accounts::{done, id_of, refused};
use super::calls::post;
use super::support::{Form, World};

pub(crate) fn requests_say_nothing_that_nobody_reads(form: Form) {
    let world = World::on(form);
    let invite = done(
        &world,
        &world.owner,
        "POST",
        "/invites",
        json!({ "guild": world.guild }),
    );
    let invite = format!("/invites/{}", invite["code"].as_str().unwrap());
    for path in ["/instance", &*invite] {
        let ask = |rest: &str| {
            let path = format!("/api/v1{path}{rest}");
            world.server.call("GET", &path, None, None)
        };
        assert_eq!(ask("").0, 200, "{path}");
        let (status, problem) = ask("?zzz=1");
        assert_eq!(
            (status, &problem["code"], &problem["field"]),
            (400, &json!("unknown_field"), &json!("zzz")),
            "{path}"
        );
    }
    let message = post(&world, &world.owner, json!({ "text": "hello" }));
    assert_eq!(message["seq"], 1);
    // One thing has one address.
    for seq in ["01", "0001", "00"] {
        let path = format!("/rooms/{}/messages/{seq}", world.room);
        let missing = (404, "not_found", Value::Null);
        refused(&world, &world.owner, ("DELETE", &path, json!({})), missing);
    }
    let path = format!("/rooms/{}/messages?limit=010", world.room);
    refused(
        &world,
        &world.owner,
        ("GET", &path, json!({})),
        (400, "invalid_field", json!("limit")),
    );
}

pub(crate) fn what_hides_something_is_refused_everywhere(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let guild = format!("/guilds/{}", world.guild);
    let ban = format!("{guild}/bans/{jiho}");
    let marks = format!("a{}", "\u{301}".repeat(50));
    for bad in ["a\0b", "a\u{202e}b", &*marks] {
        for (method, path, field) in [("PATCH", &guild, "description"), ("PUT", &ban, "reason")] {
            let wrong = (400, "invalid_field", json!(field));
            refused(&world, &world.owner, (method, path, json!({ field: bad })), wrong);
        }
    }
    let lines = json!({ "description": "tea\r\nand books" });
    let changed = done(&world, &world.owner, "PATCH", &guild, lines);
    assert_eq!(changed["description"], "tea\nand books");
}

pub(crate) fn the_description_tells_what_is_answered(form: Form) {
    let world = World::on(form);
    let (_, description) = world.server.call("GET", "/api/openapi.json", None, None);
    for path in ["/rooms/{room}/messages", "/rooms/{room}/messages/{seq}/thread"] {
        let answers = &description["paths"][path]["post"]["responses"];
        for status in ["200", "201"] {
            assert!(answers[status]["content"].is_object(), "{path}: {status}");
        }
    }
    let body = |path: &str, method: &str| {
        let body = &description["paths"][path][method]["requestBody"];
        body["content"]["application/json"]["schema"]["properties"]["colour"].clone()
    };
    for (path, method) in [("/me", "patch"), ("/guilds/{guild}/roles", "post")] {
        assert_eq!(body(path, method)["type"], json!(["string", "null"]), "{path}");
    }
    // What is read can be written back.
    let face = json!({ "colour": "#00FF7f" });
    let profile = done(&world, &world.owner, "PATCH", "/me", face);
    assert_eq!(profile["colour"], "#00ff7f");
    let back: Value = json!({ "colour": profile["colour"] });
    assert_eq!(done(&world, &world.owner, "PATCH", "/me", back), profile);
}
