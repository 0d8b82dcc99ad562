//! Accounts as their owners meet them: passwords and logins.

use std::sync::Arc;

use serde_json::{Value, json};

use super::rest::at_once;
use super::support::{Client, Form, World};

/// What a request by this token answers.
pub(crate) fn call(world: &World, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/v1{path}");
    world.server.call(method, &path, Some(token), Some(body))
}

/// Does what must work.
pub(crate) fn done(world: &World, token: &str, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = call(world, token, method, path, body);
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}

/// Does what must be refused: with this status, this code, and about this field.
pub(crate) fn refused(
    world: &World,
    token: &str,
    (method, path, body): (&str, &str, Value),
    (status, code, field): (u16, &str, Value),
) {
    let (got, problem) = call(world, token, method, path, body);
    assert_eq!(
        (got, &problem["code"], &problem["field"]),
        (status, &json!(code), &field),
        "{method} {path}: {problem}"
    );
}

/// The id of whoever has this token.
pub(crate) fn id_of(world: &World, token: &str) -> String {
    let me = done(world, token, "GET", "/me", json!({}));
    me["user"]["id"].as_str().unwrap().to_owned()
}

pub(crate) fn sign_in(world: &World, name: &str, password: &str) -> (u16, Value) {
    let body = json!({ "name": name, "password": password, "transport": "bearer" });
    world.server.call("POST", "/api/v1/sessions", None, Some(body))
}

/// Signs in, which must work; answers the token.
pub(crate) fn token_of(world: &World, name: &str, password: &str) -> String {
    let (status, session) = sign_in(world, name, password);
    assert_eq!(status, 201, "{session}");
    session["token"].as_str().unwrap().to_owned()
}

pub(crate) fn is_good(world: &World, token: &str) -> bool {
    match call(world, token, "GET", "/me", json!({})) {
        (200, _) => true,
        (401, problem) if problem["code"] == "unauthenticated" => false,
        (status, answer) => panic!("{status} {answer}"),
    }
}

pub(crate) fn another_password_ends_all_other_logins(form: Form) {
    let world = World::on(form);
    let mine = &world.member;
    let other = token_of(&world, "지호", "battery staple");
    let (mut socket, _) = Client::sign_in(world.server.address(), &other, None);
    let (mut own_socket, _) = Client::sign_in(world.server.address(), mine, None);
    let path = "/me/password";
    let change = |present: &str, new: &str| json!({ "password": present, "new_password": new });
    for (body, at_fault) in [
        (
            change("wrong guess", "another horse"),
            (401, "wrong_credentials", json!("password")),
        ),
        (
            change("battery staple", "short"),
            (400, "invalid_field", json!("new_password")),
        ),
        (
            change("battery staple", &"x".repeat(257)),
            (413, "too_large", json!("new_password")),
        ),
        (
            json!({ "new_password": "another horse" }),
            (400, "missing_field", json!("password")),
        ),
    ] {
        refused(&world, mine, ("PUT", path, body), at_fault);
    }
    assert!(is_good(&world, &other), "what was refused changed nothing");
    done(
        &world,
        mine,
        "PUT",
        path,
        change("battery staple", "another horse"),
    );
    assert_eq!(socket.read_until_closed(), 4003);
    assert!(!is_good(&world, &other));
    assert!(is_good(&world, mine));
    own_socket.ask("heartbeat", json!({})).unwrap();
    assert_eq!(
        sign_in(&world, "지호", "battery staple").1["code"],
        "wrong_credentials"
    );

    let world = world.crash();
    assert!(!is_good(&world, &other), "after a crash, too");
    assert!(is_good(&world, &world.member));
    token_of(&world, "지호", "another horse");
    // A stolen login is no way to guess the password.
    let guess = |world: &World| {
        call(
            world,
            &world.member,
            "PUT",
            path,
            change("a guess", "another horse"),
        )
        .0
    };
    let mut tries = 0;
    while guess(&world) != 429 {
        tries += 1;
        assert!(tries < 50, "it can be guessed for ever");
    }
    assert!((2..20).contains(&tries), "{tries}");
    let right = change("another horse", "battery staple");
    assert_eq!(call(&world, &world.member, "PUT", path, right).0, 429);
}

pub(crate) fn logins_are_listed_and_end_one_by_one_or_all(form: Form) {
    let world = World::on(form);
    let mine = &world.member;
    let others: Vec<String> = (0..3)
        .map(|_| token_of(&world, "지호", "battery staple"))
        .collect();
    let list =
        |world: &World, token: &str| done(world, token, "GET", "/sessions", json!({}))["sessions"].clone();
    let sessions = list(&world, mine);
    assert_eq!(sessions.as_array().unwrap().len(), 4);
    for session in sessions.as_array().unwrap() {
        for time in ["created_at", "last_used"] {
            assert!(session[time].as_str().unwrap().ends_with('Z'), "{session}");
        }
        assert!(session["device"].is_string(), "{session}");
    }
    let current = |sessions: &Value| -> Vec<String> {
        let sessions = sessions.as_array().unwrap().iter();
        let current = sessions.filter(|session| session["is_current"] == true);
        current
            .map(|session| session["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let own = current(&sessions);
    assert_eq!(own.len(), 1);
    let first = current(&list(&world, &others[0]))[0].clone();
    let (mut socket, _) = Client::sign_in(world.server.address(), &others[0], None);
    let not_found = |world: &World, token: &str, id: &str| {
        let path = format!("/sessions/{id}");
        refused(
            world,
            token,
            ("DELETE", &path, json!({})),
            (404, "not_found", Value::Null),
        );
    };
    // Somebody else's login is none.
    not_found(&world, &world.owner, &first);
    not_found(&world, mine, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    done(&world, mine, "DELETE", &format!("/sessions/{first}"), json!({}));
    assert_eq!(socket.read_until_closed(), 4003);
    assert!(!is_good(&world, &others[0]));
    not_found(&world, mine, &first);

    let (mut socket, _) = Client::sign_in(world.server.address(), &others[1], None);
    let (mut own_socket, _) = Client::sign_in(world.server.address(), mine, None);
    done(&world, mine, "DELETE", "/sessions", json!({}));
    assert_eq!(socket.read_until_closed(), 4003);
    own_socket.ask("heartbeat", json!({})).unwrap();
    let world = world.crash();
    for other in &others {
        assert!(!is_good(&world, other));
    }
    assert_eq!(current(&list(&world, &world.member)), own);
    assert_eq!(list(&world, &world.member).as_array().unwrap().len(), 1);
    assert!(is_good(&world, &world.owner), "nobody else's");
    // One's own ends like any other.
    done(
        &world,
        &world.member,
        "DELETE",
        &format!("/sessions/{}", own[0]),
        json!({}),
    );
    assert!(!is_good(&world, &world.member));
}

pub(crate) fn a_login_that_ends_while_it_is_used_is_of_no_use_after(form: Form) {
    let world = Arc::new(World::on(form));
    for _ in 0..5 {
        let token = token_of(&world, "지호", "battery staple");
        let racing = (Arc::clone(&world), token.clone());
        at_once(4, move |index| {
            let (world, token) = &racing;
            if index == 0 {
                return call(world, token, "DELETE", "/sessions/current", json!({})).0;
            }
            let (mut client, _) = Client::connect(world.server.address());
            let signed_in = client.try_ask("authenticate", json!({ "token": token }));
            // Whoever came in just before is put out.
            if matches!(signed_in, Ok(Ok(_))) {
                assert_eq!(client.read_until_closed(), 4003);
            }
            200
        });
        assert!(!is_good(&world, &token));
    }
}

pub(crate) fn accounts_are_closed_to_strangers(form: Form) {
    let world = World::on(form);
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for (method, path) in [
        ("PUT", "/me/password".to_owned()),
        ("PATCH", "/me".to_owned()),
        ("GET", format!("/users/{id}")),
        ("GET", "/sessions".to_owned()),
        ("DELETE", "/sessions".to_owned()),
        ("DELETE", format!("/sessions/{id}")),
        ("GET", "/tokens".to_owned()),
        ("POST", "/tokens".to_owned()),
        ("DELETE", format!("/tokens/{id}")),
        ("GET", "/instance/registration".to_owned()),
        ("PATCH", "/instance/registration".to_owned()),
        ("GET", "/accounts".to_owned()),
        ("PUT", format!("/accounts/{id}/deactivation")),
        ("DELETE", format!("/accounts/{id}/deactivation")),
        ("PUT", format!("/administrators/{id}")),
        ("DELETE", format!("/administrators/{id}")),
        ("GET", "/me/follows".to_owned()),
        ("GET", "/me/followers".to_owned()),
        ("GET", "/me/blocks".to_owned()),
        ("PUT", format!("/me/follows/{id}")),
        ("PUT", format!("/me/blocks/{id}")),
    ] {
        for token in [
            "0".repeat(64),
            format!("madang_{}", "0".repeat(64)),
            "madang_".to_owned(),
        ] {
            refused(
                &world,
                &token,
                (method, &path, json!({})),
                (401, "unauthenticated", Value::Null),
            );
        }
    }
}

pub(crate) fn guessing_from_many_addresses_locks_nobody_out_at_home(form: Form) {
    let world = World::with(form, |command| {
        command.env("MADANG_SERVER__TRUSTED_PROXIES", "127.0.0.1");
    });
    let try_from = |world: &World, address: &str, password: &str| {
        let body = json!({ "name": "minji", "password": password, "transport": "bearer" }).to_string();
        let request = format!(
            "POST /api/v1/sessions HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-Forwarded-For: {address}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            world.server.address(),
            body.len()
        );
        world.server.raw(request.as_bytes()).0
    };
    let home = "192.0.2.7";
    assert_eq!(try_from(&world, home, "correct horse"), 201);
    let world = world.restart_with(|command| {
        command.env("MADANG_SERVER__TRUSTED_PROXIES", "127.0.0.1");
    });
    let mut guesses = (1..).map(|number| {
        let address = format!("198.51.{}.{}", 100 + number / 200, 1 + number % 200);
        try_from(&world, &address, "a wrong guess")
    });
    let slowed = guesses.by_ref().take(400).position(|status| status == 429);
    assert!(slowed.is_some_and(|tries| tries > 50), "{slowed:?}");
    assert_eq!(
        try_from(&world, "203.0.113.9", "correct horse"),
        429,
        "a stranger's address"
    );
    assert_eq!(try_from(&world, home, "correct horse"), 201);
    // At home guessing is slowed, too.
    let at_home = (0..30).position(|_| try_from(&world, home, "a wrong guess") == 429);
    assert!(at_home.is_some_and(|tries| tries > 3), "{at_home:?}");
}
