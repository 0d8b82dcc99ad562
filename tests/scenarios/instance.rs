//! How an instance begins, and what its administrators decide: who may sign up, who is kept out, who is one of them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::accounts::{call, done, id_of, is_good, refused, sign_in, token_of};
use super::rest::at_once;
use super::support::{Client, Form, Server, World};

fn sign_up(world: &World, name: &str, password: &str) -> (u16, Value) {
    let body = json!({ "name": name, "password": password, "transport": "bearer" });
    world.server.call("POST", "/api/v1/accounts", None, Some(body))
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

pub(crate) fn a_name_that_looks_like_another_is_taken(form: Form) {
    let world = World::on(form);
    done(
        &world,
        &world.owner,
        "PATCH",
        "/instance/registration",
        json!({ "registration": "open" }),
    );
    let taken = |name: &str| {
        let (status, problem) = sign_up(&world, name, "correct horse");
        (status, problem["code"].clone())
    };
    assert_eq!(taken("bob"), (201, Value::Null));
    assert_eq!(taken("ВОВ"), (409, json!("name_taken")), "in Cyrillic");
    assert_eq!(taken("НАТА"), (201, Value::Null));
    assert_eq!(taken("hata"), (409, json!("name_taken")));
    // Of two who want what looks alike one gets it, and what the other one had claimed is free again.
    let world = Arc::new(world);
    let racing = Arc::clone(&world);
    let statuses = at_once(2, move |index| {
        sign_up(&racing, ["НОСК", "hock"][index], "correct horse").0
    });
    assert_eq!(statuses, [201, 409]);
    // What is held for its looks only is nobody's name.
    token_of(&world, "НАТА", "correct horse");
    assert_eq!(
        sign_in(&world, "hata", "correct horse").1["code"],
        "wrong_credentials"
    );
}

pub(crate) fn whoever_is_deactivated_is_out_at_once_and_leaves_everything(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let jiho = id_of(&world, member);
    let (mut socket, _) = Client::sign_in(world.server.address(), member, None);
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
        assert!(
            both.iter().all(|account| account["last_used"].is_string()),
            "from the first sign-in on: {both:?}"
        );
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

pub(crate) fn the_place_gets_another_name_and_everybody_sees_it(form: Form) {
    let world = World::on(form);
    let (owner, path) = (&world.owner, "/instance");
    let called = |world: &World| world.server.call("GET", "/api/v1/instance", None, None).1;
    let (mut member, ready) = Client::sign_in(world.server.address(), &world.member, None);
    assert_eq!(ready["instance"], json!({ "name": "마당", "rev": 1 }));
    for (token, body, at_fault) in [
        (
            &world.member,
            json!({ "name": "yard" }),
            (403, "forbidden", Value::Null),
        ),
        (
            owner,
            json!({ "name": "   " }),
            (400, "invalid_field", json!("name")),
        ),
        (
            owner,
            json!({ "name": "x".repeat(65) }),
            (413, "too_large", json!("name")),
        ),
        (owner, json!({ "name": 7 }), (400, "invalid_field", json!("name"))),
        (
            owner,
            json!({ "title": "yard" }),
            (400, "unknown_field", json!("title")),
        ),
    ] {
        refused(&world, token, ("PATCH", path, body), at_fault);
    }
    done(&world, owner, "PATCH", path, json!({}));
    done(&world, owner, "PATCH", path, json!({ "name": "마당" }));
    let changed = done(&world, owner, "PATCH", path, json!({ "name": "안마당" }));
    assert_eq!((&changed["name"], &changed["rev"]), (&json!("안마당"), &json!(2)));
    let told = member.wait(|frame| frame["signal"] == "instance" && frame["data"]["rev"] == 2);
    assert_eq!(told["data"]["name"], "안마당");

    // Of two at once both are done one after the other, and all agree on which was second.
    let world = Arc::new(world);
    let racing = Arc::clone(&world);
    let statuses = at_once(2, move |index| {
        let name = json!({ "name": format!("yard {index}") });
        call(&racing, &racing.owner, "PATCH", path, name).0
    });
    assert_eq!(statuses, [200, 200]);
    let last = called(&world);
    assert_eq!(last["rev"], 4);
    let told = member.wait(|frame| frame["signal"] == "instance" && frame["data"]["rev"] == 4);
    assert_eq!(told["data"]["name"], last["name"]);

    let world = Arc::into_inner(world).unwrap().crash();
    assert_eq!(
        (&called(&world)["name"], &called(&world)["rev"]),
        (&last["name"], &json!(4))
    );
    let (_, ready) = Client::sign_in(world.server.address(), &world.member, None);
    assert_eq!(ready["instance"], json!({ "name": last["name"], "rev": 4 }));
    let audit = done(
        &world,
        &world.owner,
        "GET",
        "/instance/audit?kind=instance.changed",
        json!({}),
    );
    let entries = audit["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3, "{audit}");
    let first = &entries[2];
    assert_eq!(first["actor"], json!(id_of(&world, &world.owner)));
    assert_eq!(
        first["details"],
        json!({ "before.name": "마당", "after.name": "안마당" })
    );
}

pub(crate) fn a_first_channel_is_called_as_asked(form: Form) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(form, folder.path(), None);
    let set_up = |channel: &str| {
        let body = json!({
            "token": server.setup_token, "instance_name": "yard", "guild_name": "guild", "channel_name": channel,
            "name": "owner", "password": "correct horse", "transport": "bearer",
        });
        server.call("POST", "/api/v1/setup", None, Some(body))
    };
    let (status, problem) = set_up(&"x".repeat(65));
    assert_eq!(
        (status, &problem["field"]),
        (413, &json!("channel_name")),
        "{problem}"
    );
    let (status, session) = set_up("일반");
    assert_eq!(status, 201, "{session}");
    let token = session["token"].as_str().unwrap();
    let channels = |guild: &Value| {
        let path = format!("/api/v1/guilds/{}/channels", guild["id"].as_str().unwrap());
        let (_, page) = server.call("GET", &path, Some(token), None);
        let channels = page["channels"].as_array().unwrap().iter();
        channels
            .map(|channel| channel["name"].clone())
            .collect::<Vec<_>>()
    };
    let (_, guilds) = server.call("GET", "/api/v1/guilds", Some(token), None);
    assert_eq!(channels(&guilds["guilds"][0]), ["일반"]);
    for (asked, name) in [(json!("lobby"), "lobby"), (Value::Null, "general")] {
        let mut body = json!({ "name": "another" });
        if !asked.is_null() {
            body["channel_name"] = asked;
        }
        let (status, guild) = server.call("POST", "/api/v1/guilds", Some(token), Some(body));
        assert_eq!(status, 201, "{guild}");
        assert_eq!(channels(&guild), [name]);
    }
}
