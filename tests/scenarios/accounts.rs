//! Accounts as their owners and the instance's administrators meet them: signing up, passwords, logins, being kept out.

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

fn sign_in(world: &World, name: &str, password: &str) -> (u16, Value) {
    let body = json!({ "name": name, "password": password, "transport": "bearer" });
    world.server.call("POST", "/api/v1/sessions", None, Some(body))
}

/// Signs in, which must work; answers the token.
pub(crate) fn token_of(world: &World, name: &str, password: &str) -> String {
    let (status, session) = sign_in(world, name, password);
    assert_eq!(status, 201, "{session}");
    session["token"].as_str().unwrap().to_owned()
}

fn sign_up(world: &World, name: &str, password: &str) -> (u16, Value) {
    let body = json!({ "name": name, "password": password, "transport": "bearer" });
    world.server.call("POST", "/api/v1/accounts", None, Some(body))
}

fn is_good(world: &World, token: &str) -> bool {
    match call(world, token, "GET", "/me", json!({})) {
        (200, _) => true,
        (401, problem) if problem["code"] == "unauthenticated" => false,
        (status, answer) => panic!("{status} {answer}"),
    }
}

pub(crate) fn who_may_sign_up_is_set_while_it_runs(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let instance = |world: &World| world.server.call("GET", "/api/v1/instance", None, None).1;
    assert_eq!(instance(&world)["registration"], "invite");
    assert_eq!(sign_up(&world, "sora", "correct horse").1["code"], "forbidden");
    let path = "/instance/registration";
    let none = Value::Null;
    let open = json!({ "registration": "open", "welcome_guild": world.guild });
    refused(
        &world,
        member,
        ("PATCH", path, open.clone()),
        (403, "forbidden", none.clone()),
    );
    refused(&world, member, ("GET", path, json!({})), (403, "forbidden", none));
    let everybody = json!({ "registration": "everybody" });
    refused(
        &world,
        owner,
        ("PATCH", path, everybody),
        (400, "invalid_field", json!("registration")),
    );
    let unknown = json!({ "welcome_guild": "01ARZ3NDEKTSV4RRFFQ69G5FAV" });
    refused(
        &world,
        owner,
        ("PATCH", path, unknown),
        (404, "not_found", json!("welcome_guild")),
    );
    done(&world, owner, "PATCH", path, open);
    assert_eq!(instance(&world)["registration"], "open");

    let (status, session) = sign_up(&world, "sora", "correct horse");
    assert_eq!(status, 201, "{session}");
    let sora = session["token"].as_str().unwrap();
    let guilds = done(&world, sora, "GET", "/guilds", json!({}));
    assert_eq!(guilds["guilds"][0]["id"], json!(world.guild));
    for (name, password, at_fault) in [
        ("SORA", "correct horse", (409, "name_taken", "name")),
        ("x", "correct horse", (400, "invalid_field", "name")),
        ("hana", "short", (400, "invalid_field", "password")),
    ] {
        let (status, problem) = sign_up(&world, name, password);
        let code = problem["code"].as_str().unwrap();
        assert_eq!(
            (status, code, problem["field"].as_str().unwrap()),
            at_fault,
            "{name}"
        );
    }

    // It is kept, and who is closed out is closed out with an invite, too; who has an account still follows one.
    let world = world.crash();
    assert_eq!(instance(&world)["registration"], "open");
    let settings = done(
        &world,
        &world.owner,
        "PATCH",
        path,
        json!({ "welcome_guild": null }),
    );
    assert_eq!(settings["registration"], "open", "what is left out stays");
    done(
        &world,
        &world.owner,
        "PATCH",
        path,
        json!({ "registration": "closed" }),
    );
    assert_eq!(sign_up(&world, "dodam", "correct horse").0, 403);
    let invite = done(
        &world,
        &world.owner,
        "POST",
        "/invites",
        json!({ "guild": world.guild }),
    );
    let code = invite["code"].as_str().unwrap();
    let newcomer = json!({ "name": "dodam", "password": "correct horse" });
    let accept = format!("/api/v1/invites/{code}/accept");
    let (status, problem) = world.server.call("POST", &accept, None, Some(newcomer));
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("forbidden")),
        "{problem}"
    );
    done(
        &world,
        &world.member,
        "POST",
        &format!("/invites/{code}/join"),
        json!({}),
    );
}

pub(crate) fn of_two_who_want_one_name_one_gets_it_and_floods_are_slowed(form: Form) {
    let world = World::on(form);
    done(
        &world,
        &world.owner,
        "PATCH",
        "/instance/registration",
        json!({ "registration": "open" }),
    );
    let world = Arc::new(world);
    let racing = Arc::clone(&world);
    let statuses = at_once(3, move |index| {
        let name = ["Sora", "sora", "s0ra"][index];
        sign_up(&racing, name, "correct horse").0
    });
    assert_eq!(statuses, [201, 409, 409]);
    let mut tries = 0;
    loop {
        let (status, problem) = sign_up(&world, "sora", "correct horse");
        tries += 1;
        if status == 429 {
            assert_eq!(problem["code"], "rate_limited");
            break;
        }
        assert_eq!(status, 409, "{problem}");
        assert!(tries < 50, "names can be tried out for ever");
    }
    assert!(tries > 3, "an office shares an address");
    // Whoever has an account does not notice.
    token_of(&world, "sora", "correct horse");
}

pub(crate) fn another_password_ends_all_other_logins(form: Form) {
    let world = World::on(form);
    let mine = &world.member;
    let other = token_of(&world, "지호", "battery staple");
    let (mut socket, _) = Client::sign_in(&world.server.address, &other, None);
    let (mut own_socket, _) = Client::sign_in(&world.server.address, mine, None);
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
    let (mut socket, _) = Client::sign_in(&world.server.address, &others[0], None);
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

    let (mut socket, _) = Client::sign_in(&world.server.address, &others[1], None);
    let (mut own_socket, _) = Client::sign_in(&world.server.address, mine, None);
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
            let (mut client, _) = Client::connect(&world.server.address);
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

pub(crate) fn whoever_is_deactivated_is_out_at_once_and_leaves_everything(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let jiho = id_of(&world, member);
    let (mut socket, _) = Client::sign_in(&world.server.address, member, None);
    socket
        .ask("post", json!({ "room": world.room, "text": "here" }))
        .unwrap();
    let token = json!({ "name": "bot", "scopes": ["read"] });
    let token = done(&world, member, "POST", "/tokens", token)["token"].clone();
    let token = token.as_str().unwrap();
    let path = format!("/accounts/{jiho}/deactivation");
    refused(
        &world,
        member,
        ("PUT", &path, json!({})),
        (403, "forbidden", Value::Null),
    );
    let nobody = "/accounts/01ARZ3NDEKTSV4RRFFQ69G5FAV/deactivation";
    refused(
        &world,
        owner,
        ("PUT", nobody, json!({})),
        (404, "not_found", Value::Null),
    );

    // It comes while the person posts: what was answered is there, and nothing more comes after the answer to this.
    let posts = format!("/rooms/{}/messages", world.room);
    let posted = std::thread::scope(|scope| {
        let posting = scope.spawn(|| {
            let mut posted = 1;
            loop {
                match call(&world, member, "POST", &posts, json!({ "text": "more" })) {
                    (201, _) => posted += 1,
                    (401, _) => return posted,
                    (status, answer) => panic!("{status} {answer}"),
                }
            }
        });
        done(&world, owner, "PUT", &path, json!({}));
        posting.join().unwrap()
    });
    assert_eq!(socket.read_until_closed(), 4003);
    for ended in [member.as_str(), token] {
        assert!(!is_good(&world, ended));
    }
    assert_eq!(
        sign_in(&world, "지호", "battery staple"),
        sign_in(&world, "지호", "wrong guess")
    );
    let history = done(&world, owner, "GET", &format!("{posts}?limit=200"), json!({}));
    assert_eq!(history["head"]["n"], posted);
    done(&world, owner, "PUT", &path, json!({}));
    let accounts =
        |world: &World| done(world, &world.owner, "GET", "/accounts", json!({}))["accounts"].clone();
    assert_eq!(
        accounts(&world)[1]["is_deactivated"],
        true,
        "{}",
        accounts(&world)
    );

    let world = world.crash();
    assert_eq!(
        sign_in(&world, "지호", "battery staple").1["code"],
        "wrong_credentials"
    );
    let invite = done(
        &world,
        &world.owner,
        "POST",
        "/invites",
        json!({ "guild": world.guild }),
    );
    let accept = format!("/api/v1/invites/{}/accept", invite["code"].as_str().unwrap());
    let again = json!({ "name": "지호", "password": "battery staple" });
    assert_eq!(
        world.server.call("POST", &accept, None, Some(again)).0,
        409,
        "the name stays taken"
    );
    done(&world, &world.owner, "DELETE", &path, json!({}));
    let fresh = token_of(&world, "지호", "battery staple");
    assert!(is_good(&world, &fresh));
    for ended in [world.member.as_str(), token] {
        assert!(!is_good(&world, ended), "what ended stays so");
    }
}

pub(crate) fn the_instance_has_an_administrator_whatever_they_do(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let (minji, jiho) = (id_of(&world, owner), id_of(&world, member));
    let (to_minji, to_jiho) = (
        format!("/administrators/{minji}"),
        format!("/administrators/{jiho}"),
    );
    let last = (409, "conflict", Value::Null);
    refused(
        &world,
        member,
        ("PUT", &to_jiho, json!({})),
        (403, "forbidden", Value::Null),
    );
    refused(&world, owner, ("DELETE", &to_minji, json!({})), last.clone());
    let own = format!("/accounts/{minji}/deactivation");
    refused(&world, owner, ("PUT", &own, json!({})), last);
    for (token, path) in [(owner, "/accounts"), (member, "/accounts")] {
        let status = call(&world, token, "GET", path, json!({})).0;
        assert_eq!(status == 200, token == owner);
    }
    done(&world, owner, "PUT", &to_jiho, json!({}));
    assert_eq!(done(&world, member, "GET", "/me", json!({}))["owner"], true);
    // Two who take each other's right.
    let statuses = std::thread::scope(|scope| {
        let one = scope.spawn(|| call(&world, owner, "DELETE", &to_jiho, json!({})).0);
        let other = scope.spawn(|| call(&world, member, "DELETE", &to_minji, json!({})).0);
        let mut statuses = [one.join().unwrap(), other.join().unwrap()];
        statuses.sort_unstable();
        statuses
    });
    assert_eq!(statuses, [204, 403]);
    let administrators = |token: &str| {
        let page = done(&world, token, "GET", "/accounts?limit=1", json!({}));
        assert_eq!(
            (&page["more"], page["accounts"].as_array().unwrap().len()),
            (&json!(true), 1)
        );
        let after = page["accounts"][0]["id"].as_str().unwrap();
        let rest = done(
            &world,
            token,
            "GET",
            &format!("/accounts?after={after}"),
            json!({}),
        );
        assert_eq!(rest["more"], false);
        let both = [page["accounts"][0].clone(), rest["accounts"][0].clone()];
        both.iter()
            .filter(|account| account["is_administrator"] == true)
            .count()
    };
    let left = if call(&world, owner, "GET", "/accounts", json!({})).0 == 200 {
        owner
    } else {
        member
    };
    assert_eq!(administrators(left), 1);
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
