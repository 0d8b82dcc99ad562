//! A forgotten password: links by which another one is chosen.

use std::sync::Arc;

use serde_json::{Value, json};

use super::accounts::{call, done, id_of, is_good, refused, sign_in, token_of};
use super::rest::at_once;
use super::support::{Client, Form, World};

const NEW: &str = "another horse";

/// What a link says, and what is answered to whoever uses it.
fn opened(world: &World, token: &str) -> (u16, Value) {
    let body = json!({ "token": token });
    world
        .server
        .call("POST", "/api/v1/password-link", None, Some(body))
}

fn used(world: &World, token: &str, password: &str) -> (u16, Value) {
    let body = json!({ "token": token, "password": password, "transport": "bearer" });
    world
        .server
        .call("POST", "/api/v1/password-link/use", None, Some(body))
}

fn path(user: &str) -> String {
    format!("/accounts/{user}/password-link")
}

/// Makes a link; answers what it ends with.
fn made(world: &World, user: &str) -> String {
    let link = done(world, &world.owner, "POST", &path(user), json!({}));
    let url = link["url"].as_str().unwrap();
    let start = format!("http://{}/new-password#token=", world.server.address());
    url.strip_prefix(&start)
        .unwrap_or_else(|| panic!("{url}"))
        .to_owned()
}

pub(crate) fn whoever_has_the_link_chooses_a_password_once(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let (minji, jiho) = (id_of(&world, owner), id_of(&world, member));
    for (token, user, at_fault) in [
        (member, jiho.as_str(), (403, "forbidden", Value::Null)),
        (owner, minji.as_str(), (403, "forbidden", Value::Null)),
        (
            owner,
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            (404, "not_found", Value::Null),
        ),
    ] {
        refused(&world, token, ("POST", &path(user), json!({})), at_fault);
    }
    let first = made(&world, &jiho);
    let token = made(&world, &jiho);
    assert_eq!(opened(&world, &token), (200, json!({ "name": "지호" })));

    // What was replaced, what never was and what is no link answer the same.
    let never = format!("{jiho}.{}", "0".repeat(64));
    let strangers = format!("{minji}.{}", token.split_once('.').unwrap().1);
    let (status, problem) = opened(&world, &first);
    assert_eq!(
        (status, &problem["code"], &problem["field"]),
        (400, &json!("invalid_field"), &json!("token"))
    );
    for void in [
        &first,
        &never,
        &strangers,
        "",
        ".",
        "x",
        &token[..token.len() - 1],
        &"x".repeat(10_000),
    ] {
        assert_eq!(opened(&world, void), (status, problem.clone()), "{void}");
        assert_eq!(used(&world, void, NEW), (status, problem.clone()), "{void}");
    }
    let (status, short) = used(&world, &token, "short");
    assert_eq!((status, &short["field"]), (400, &json!("password")));
    let extra = json!({ "token": token, "password": NEW, "name": "지호" });
    let (_, extra) = world
        .server
        .call("POST", "/api/v1/password-link/use", None, Some(extra));
    assert_eq!(
        (&extra["code"], &extra["field"]),
        (&json!("unknown_field"), &json!("name"))
    );
    assert!(is_good(&world, member), "what was refused changed nothing");

    let bot = done(
        &world,
        member,
        "POST",
        "/tokens",
        json!({ "name": "bot", "scopes": ["read"] }),
    );
    let bot = bot["token"].as_str().unwrap();
    let (mut socket, _) = Client::sign_in(world.server.address(), member, None);
    let (mut bots, _) = Client::sign_in(world.server.address(), bot, None);
    let (status, session) = used(&world, &token, NEW);
    assert_eq!((status, &session["user"]["id"]), (201, &json!(jiho)), "{session}");
    assert_eq!(
        (socket.read_until_closed(), bots.read_until_closed()),
        (4003, 4003)
    );
    for ended in [member.as_str(), bot] {
        assert!(!is_good(&world, ended));
    }
    assert_eq!(used(&world, &token, NEW), opened(&world, &first), "it works once");

    let world = world.crash();
    assert!(is_good(&world, session["token"].as_str().unwrap()));
    assert_eq!(opened(&world, &token).0, 400);
    assert_eq!(sign_in(&world, "지호", "battery staple").0, 401);
    let fresh = token_of(&world, "지호", NEW);
    assert_eq!(
        done(&world, &fresh, "GET", "/tokens", json!({}))["tokens"],
        json!([])
    );
    let audit = done(&world, &world.owner, "GET", "/instance/audit", json!({}));
    let deeds: Vec<(&str, &Value, &Value)> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["kind"].as_str().unwrap(), &entry["actor"], &entry["target"]))
        .filter(|(kind, ..)| kind.starts_with("password_link"))
        .collect();
    let (minji, jiho) = (json!(minji), json!(jiho));
    assert_eq!(
        deeds,
        [
            ("password_link.used", &jiho, &jiho),
            ("password_link.created", &minji, &jiho),
            ("password_link.created", &minji, &jiho),
        ]
    );
    let secret = token.split_once('.').unwrap().1;
    assert!(!audit.to_string().contains(secret));
}

pub(crate) fn of_two_who_use_a_link_one_does_and_guesses_are_slowed(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let token = made(&world, &jiho);
    let world = Arc::new(world);
    let (racing, raced) = (Arc::clone(&world), token.clone());
    let statuses = at_once(3, move |index| {
        used(&racing, &raced, &format!("another horse {index}")).0
    });
    assert_eq!(statuses, [201, 400, 400]);
    let works = |index: usize| sign_in(&world, "지호", &format!("another horse {index}")).0 == 201;
    assert_eq!((0..3).filter(|index| works(*index)).count(), 1);

    let mut tries = 0;
    let refused = loop {
        let (status, problem) = opened(&world, &format!("{jiho}.{}", "0".repeat(64)));
        tries += 1;
        if status == 429 {
            break problem;
        }
        assert_eq!(status, 400);
        assert!(tries < 100, "links can be guessed for ever");
    };
    assert_eq!(refused["code"], "rate_limited");
    assert!(tries > 3, "an office shares an address");
    let text = json!({ "room": world.room, "text": "here" });
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    minji.ask("post", text).unwrap();
    assert_eq!(call(&world, &world.owner, "GET", "/me", json!({})).0, 200);
}
