//! Personal access tokens: what programs of a person may do, and no more.

use serde_json::{Value, json};

use super::accounts::{call, done, id_of, refused};
use super::support::{Client, Form, World};

fn make(world: &World, maker: &str, scopes: &[&str]) -> (String, String) {
    let made = done(
        world,
        maker,
        "POST",
        "/tokens",
        json!({ "name": "bot", "scopes": scopes }),
    );
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

pub(crate) fn a_token_does_what_its_scopes_say(form: Form) {
    let world = World::on(form);
    let (_, reader) = make(&world, &world.owner, &["read"]);
    let (_, writer) = make(&world, &world.owner, &["read", "write"]);
    let posts = format!("/rooms/{}/messages", world.room);
    let lacks = |token: &str, (method, path, body): (&str, &str, Value), scope: &str| {
        let (status, problem) = call(&world, token, method, path, body);
        assert_eq!(
            (status, &problem["code"]),
            (403, &json!("forbidden")),
            "{method} {path}: {problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(scope), "{problem}");
    };
    done(&world, &reader, "GET", "/guilds", json!({}));
    lacks(&reader, ("POST", &posts, json!({ "text": "hello" })), "write");
    // Before anything else of the request is looked at.
    lacks(&reader, ("POST", &posts, json!({ "unheard": 1 })), "write");
    done(&world, &writer, "POST", &posts, json!({ "text": "hello" }));
    let roles = format!("/guilds/{}/roles", world.guild);
    lacks(&writer, ("POST", &roles, json!({ "name": "x" })), "manage");
    let password = json!({ "password": "correct horse", "new_password": "another horse" });
    for request in [
        ("PUT", "/me/password", password),
        ("GET", "/sessions", json!({})),
        ("DELETE", "/sessions", json!({})),
        ("POST", "/tokens", json!({ "name": "more", "scopes": ["read"] })),
    ] {
        lacks(&writer, request, "account");
    }
    lacks(&writer, ("GET", "/accounts", json!({})), "admin");
    refused(
        &world,
        &writer,
        ("DELETE", "/sessions/current", json!({})),
        (403, "forbidden", Value::Null),
    );

    // The same over the gateway.
    let (mut client, _) = Client::sign_in(world.server.address(), &reader, None);
    client.ask("history", json!({ "room": world.room })).unwrap();
    let problem = client
        .ask("post", json!({ "room": world.room, "text": "hello" }))
        .unwrap_err();
    assert_eq!(problem["code"], "forbidden", "{problem}");
    let (_, blind) = make(&world, &world.owner, &["write"]);
    let (mut client, _) = Client::connect(world.server.address());
    let problem = client.ask("authenticate", json!({ "token": blind })).unwrap_err();
    assert_eq!(problem["code"], "forbidden", "what is pushed is read");
}

pub(crate) fn a_token_is_shown_once_and_ends_when_it_is_revoked(form: Form) {
    let world = World::on(form);
    let (id, token) = make(&world, &world.member, &["read"]);
    let (_, other) = make(&world, &world.member, &["read", "account"]);
    let list = |world: &World| done(world, &world.member, "GET", "/tokens", json!({}))["tokens"].clone();
    assert!(list(&world)[0]["last_used"].is_null());
    let (mut socket, _) = Client::sign_in(world.server.address(), &token, None);
    let (mut beside, _) = Client::sign_in(world.server.address(), &world.member, None);
    let tokens = list(&world);
    assert!(tokens[0]["last_used"].is_string(), "{tokens}");
    assert_eq!(
        (&tokens[0]["name"], &tokens[0]["scopes"]),
        (&json!("bot"), &json!(["read"]))
    );
    assert!(!tokens.to_string().contains(&token), "it cannot be read again");

    // All logins end, and tokens go on.
    done(&world, &world.member, "DELETE", "/sessions", json!({}));
    socket.ask("heartbeat", json!({})).unwrap();
    let path = format!("/tokens/{id}");
    refused(
        &world,
        &world.owner,
        ("DELETE", &path, json!({})),
        (404, "not_found", Value::Null),
    );
    done(&world, &other, "DELETE", &path, json!({}));
    assert_eq!(socket.read_until_closed(), 4003);
    beside.ask("heartbeat", json!({})).unwrap();
    assert_eq!(call(&world, &token, "GET", "/me", json!({})).0, 401);
    refused(
        &world,
        &world.member,
        ("DELETE", &path, json!({})),
        (404, "not_found", Value::Null),
    );

    let world = world.crash();
    assert_eq!(call(&world, &token, "GET", "/me", json!({})).0, 401);
    assert_eq!(id_of(&world, &other), id_of(&world, &world.member));
    assert_eq!(list(&world).as_array().unwrap().len(), 1);
}

pub(crate) fn a_token_runs_out_on_open_sockets_too(form: Form) {
    let world = World::on(form);
    let short = json!({ "name": "bot", "scopes": ["read"], "expires_in_seconds": 2 });
    let made = done(&world, &world.member, "POST", "/tokens", short);
    let token = made["token"].as_str().unwrap();
    let (mut socket, _) = Client::sign_in(world.server.address(), token, None);
    assert_eq!(socket.read_until_closed(), 4003);
    assert_eq!(call(&world, token, "GET", "/me", json!({})).0, 401);
    let list = done(&world, &world.member, "GET", "/tokens", json!({}));
    assert_eq!(list["tokens"], json!([]));
}

pub(crate) fn bad_tokens_are_not_made(form: Form) {
    let world = World::on(form);
    let member = &world.member;
    for (body, at_fault) in [
        (json!({ "scopes": ["read"] }), (400, "missing_field", "name")),
        (
            json!({ "name": "", "scopes": ["read"] }),
            (400, "invalid_field", "name"),
        ),
        (
            json!({ "name": "x".repeat(65), "scopes": ["read"] }),
            (413, "too_large", "name"),
        ),
        (json!({ "name": "bot" }), (400, "missing_field", "scopes")),
        (
            json!({ "name": "bot", "scopes": [] }),
            (400, "invalid_field", "scopes"),
        ),
        (
            json!({ "name": "bot", "scopes": ["fly"] }),
            (400, "invalid_field", "scopes"),
        ),
        (
            json!({ "name": "bot", "scopes": vec!["read"; 6] }),
            (413, "too_large", "scopes"),
        ),
        (
            json!({ "name": "bot", "scopes": ["admin"] }),
            (403, "forbidden", "scopes"),
        ),
        (
            json!({ "name": "bot", "scopes": ["read"], "expires_in_seconds": 0 }),
            (400, "invalid_field", "expires_in_seconds"),
        ),
    ] {
        let (status, code, field) = at_fault;
        refused(
            &world,
            member,
            ("POST", "/tokens", body),
            (status, code, json!(field)),
        );
    }
    for _ in 0..50 {
        make(&world, member, &["read"]);
    }
    let one_more = json!({ "name": "bot", "scopes": ["read"] });
    refused(
        &world,
        member,
        ("POST", "/tokens", one_more),
        (409, "too_many", Value::Null),
    );
    make(&world, &world.owner, &["admin"]);
}

pub(crate) fn a_token_ends_with_the_one_that_it_was_made_with(form: Form) {
    let world = World::on(form);
    let ask = |maker: &str, body: Value| done(&world, maker, "POST", "/tokens", body);
    let text = |made: &Value, field: &str| made[field].as_str().unwrap().to_owned();
    let scopes = json!(["read", "account"]);
    let short = json!({ "name": "first", "scopes": scopes, "expires_in_seconds": 3600 });
    let first = ask(&world.owner, short);
    // Whoever says nothing gets what is left.
    let second = ask(
        &text(&first, "token"),
        json!({ "name": "second", "scopes": scopes }),
    );
    assert_eq!(second["expires_at"], first["expires_at"]);
    let third = ask(
        &text(&second, "token"),
        json!({ "name": "third", "scopes": ["read"] }),
    );
    let long = json!({ "name": "long", "scopes": scopes, "expires_in_seconds": 7200 });
    let problem = (403, "forbidden", json!("expires_in_seconds"));
    refused(&world, &text(&first, "token"), ("POST", "/tokens", long), problem);
    let beside = ask(&world.owner, json!({ "name": "beside", "scopes": ["read"] }));

    let (mut socket, _) = Client::sign_in(world.server.address(), &text(&third, "token"), None);
    let path = format!("/tokens/{}", text(&first, "id"));
    done(&world, &world.owner, "DELETE", &path, json!({}));
    assert_eq!(socket.read_until_closed(), 4003);
    let world = world.crash();
    for ended in [&first, &second, &third] {
        let status = call(&world, &text(ended, "token"), "GET", "/me", json!({})).0;
        assert_eq!(status, 401, "{}", ended["name"]);
    }
    done(&world, &text(&beside, "token"), "GET", "/me", json!({}));
    let list = done(&world, &world.owner, "GET", "/tokens", json!({}));
    let names: Vec<&Value> = list["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| &token["name"])
        .collect();
    assert_eq!(names, [&json!("beside")]);
}
