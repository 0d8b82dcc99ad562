//! Who is in a guild, what they may do there, and what becomes of that on sockets that are open all the while.

use serde_json::{Value, json};

use super::conversations::does;
use super::gateway::nonce;
use super::support::{Client, Form, World};

/// The id of whoever has this token.
pub(crate) fn id_of(world: &World, token: &str) -> String {
    let (status, me) = world.server.call("GET", "/api/v1/me", Some(token), None);
    assert_eq!(status, 200, "{me}");
    me["user"]["id"].as_str().unwrap().to_owned()
}

fn invite(world: &World) -> String {
    let body = json!({ "guild": world.guild });
    let (status, invite) = world
        .server
        .call("POST", "/api/v1/invites", Some(&world.owner), Some(body));
    assert_eq!(status, 201, "{invite}");
    invite["code"].as_str().unwrap().to_owned()
}

pub(crate) fn owner_does(world: &World, method: &str, path: &str, body: Value) {
    let (status, answer) = world.server.call(method, path, Some(&world.owner), Some(body));
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
}

/// Fails unless the room answers as one that does not exist, in every way.
fn assert_hidden(world: &World, token: &str, room: &str) {
    let missing = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for (method, rest, body) in [
        ("GET", "/messages", None),
        ("POST", "/messages", Some(json!({ "text": "hello" }))),
        ("PUT", "/marker", Some(json!({ "seq": 1 }))),
        ("PATCH", "", Some(json!({ "topic": "x" }))),
        ("DELETE", "", None),
    ] {
        let call = |id: &str| {
            let path = format!("/api/v1/rooms/{id}{rest}");
            world.server.call(method, &path, Some(token), body.clone())
        };
        let hidden = call(room);
        assert_eq!(hidden, call(missing), "{method} {rest}");
        assert_eq!(hidden.0, 404, "{method} {rest}");
    }
    let (mut client, _) = Client::sign_in(world.server.address(), token, None);
    for op in ["open", "history", "typing"] {
        let hidden = client.ask(op, json!({ "room": room }));
        assert_eq!(hidden, client.ask(op, json!({ "room": missing })), "{op}");
        assert_eq!(hidden.unwrap_err()["code"], "not_found", "{op}");
    }
}

pub(crate) fn whoever_is_sent_away_hears_nothing_more(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    member.ask("open", json!({ "room": world.room })).unwrap();
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    owner
        .ask("post", json!({ "room": world.room, "text": "before" }))
        .unwrap();
    member.wait(|frame| frame["data"]["text"] == "before");

    let kick = format!("/api/v1/guilds/{}/members/{jiho}?reason=enough", world.guild);
    owner_does(&world, "DELETE", &kick, json!({}));
    let left = member.wait(|frame| frame["signal"] == "guild_left");
    assert_eq!(left["data"]["guild"], json!(world.guild));
    let reset = member.wait(|frame| frame["signal"] == "reset");
    assert_eq!(reset["data"]["stream"], format!("room:{}", world.room));
    assert_eq!(reset["data"]["head"]["rev"], 0, "as if the room did not exist");
    owner
        .ask("post", json!({ "room": world.room, "text": "about jiho" }))
        .unwrap();
    // Two answers later nothing has come: what is told goes its way before the answer to whoever causes it.
    for _ in 0..2 {
        member.ask("heartbeat", json!({})).unwrap();
    }
    assert!(
        !member.has_pushed(|frame| frame.to_string().contains("about jiho")),
        "the removed person heard of it"
    );
    assert_hidden(&world, &world.member, &world.room);
    let (_, guilds) = world
        .server
        .call("GET", "/api/v1/guilds", Some(&world.member), None);
    assert_eq!(guilds["guilds"], json!([]));

    // By an invite the person comes back, on the socket that is still open.
    let join = format!("/api/v1/invites/{}/join", invite(&world));
    let (status, guild) = world
        .server
        .call("POST", &join, Some(&world.member), Some(json!({})));
    assert_eq!((status, &guild["id"]), (200, &json!(world.guild)), "{guild}");
    member.wait(|frame| frame["signal"] == "guild_joined");
    member.ask("open", json!({ "room": world.room })).unwrap();
    owner
        .ask("post", json!({ "room": world.room, "text": "welcome back" }))
        .unwrap();
    member.wait(|frame| frame["data"]["text"] == "welcome back");
}

pub(crate) fn a_ban_lasts_until_it_is_lifted(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let ban = format!("/api/v1/guilds/{}/bans/{jiho}", world.guild);
    let (status, _) = world
        .server
        .call("PUT", &ban, Some(&world.member), Some(json!({})));
    assert_eq!(status, 403, "members ban nobody");
    owner_does(&world, "PUT", &ban, json!({ "reason": "spam" }));
    let join = format!("/api/v1/invites/{}/join", invite(&world));
    let (status, problem) = world
        .server
        .call("POST", &join, Some(&world.member), Some(json!({})));
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("forbidden")),
        "{problem}"
    );
    let bans = format!("/api/v1/guilds/{}/bans", world.guild);
    let (_, list) = world.server.call("GET", &bans, Some(&world.owner), None);
    assert_eq!(list["bans"][0]["user"], json!(jiho));
    assert!(list["users"].to_string().contains("지호"), "{list}");

    let world = world.crash();
    let (status, _) = world
        .server
        .call("POST", &join, Some(&world.member), Some(json!({})));
    assert_eq!(status, 403, "after a crash, too");
    owner_does(&world, "DELETE", &ban, json!({}));
    let (status, _) = world
        .server
        .call("POST", &join, Some(&world.member), Some(json!({})));
    assert_eq!(status, 200);
}

pub(crate) fn a_private_channel_is_there_for_its_people_only(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    member.ask("open", json!({ "room": world.room })).unwrap();
    let everybody = format!("/api/v1/rooms/{}/overrides/roles/{}", world.room, world.guild);
    owner_does(&world, "PUT", &everybody, json!({ "deny": ["view"] }));
    member.wait(|frame| frame["signal"] == "reset" && frame["data"]["guild"] == json!(world.guild));
    assert_hidden(&world, &world.member, &world.room);
    let channels = format!("/api/v1/guilds/{}/channels", world.guild);
    let (_, list) = world.server.call("GET", &channels, Some(&world.member), None);
    assert_eq!(list["channels"], json!([]));
    let (_, ready) = Client::sign_in(world.server.address(), &world.member, None);
    assert_eq!(ready["guilds"][0]["channels"], json!([]));

    // What is written there reaches nobody else, not even as a number.
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    owner
        .ask("post", json!({ "room": world.room, "text": "secret" }))
        .unwrap();
    let open = json!({ "name": "open" });
    let (status, other) = world
        .server
        .call("POST", &channels, Some(&world.owner), Some(open));
    assert_eq!(status, 201, "{other}");
    // The new channel's announcement comes after everything that could have been told of the private one.
    member.wait(|frame| frame["signal"] == "room" && frame["data"]["channel"]["id"] == other["id"]);
    let about_it = |frame: &Value| frame.to_string().contains(&world.room) && frame["signal"] != "reset";
    assert!(!member.has_pushed(about_it), "a private channel was told of");

    let own = format!("/api/v1/rooms/{}/overrides/users/{jiho}", world.room);
    owner_does(&world, "PUT", &own, json!({ "allow": ["view"] }));
    member.wait(|frame| frame["signal"] == "room" && frame["data"]["channel"]["id"] == json!(world.room));
    let (_, page) = world.server.call(
        "GET",
        &format!("/api/v1/rooms/{}/messages", world.room),
        Some(&world.member),
        None,
    );
    assert_eq!(page["messages"][0]["text"], "secret");
}

pub(crate) fn roles_give_what_their_maker_has(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let roles = format!("/api/v1/guilds/{}/roles", world.guild);
    let make = |token: &str, body: Value| world.server.call("POST", &roles, Some(token), Some(body));
    let (status, _) = make(&world.member, json!({ "name": "mine" }));
    assert_eq!(status, 403);
    let (status, helper) = make(
        &world.owner,
        json!({ "name": "helper", "permissions": ["manage_roles", "kick"], "position": 10, "colour": "#0000ff" }),
    );
    assert_eq!(status, 201, "{helper}");
    assert_eq!(helper["colour"], "#0000ff");
    let given = format!("/api/v1/guilds/{}/members/{jiho}/roles", world.guild);
    owner_does(&world, "PUT", &given, json!({ "roles": [helper["id"]] }));

    // Now the person may make roles, but none that allows more, and none that stands as high.
    let (status, problem) = make(&world.member, json!({ "name": "x", "permissions": ["ban"] }));
    assert_eq!(
        (status, &problem["field"]),
        (403, &json!("permissions")),
        "{problem}"
    );
    let (status, problem) = make(&world.member, json!({ "name": "x", "position": 10 }));
    assert_eq!(
        (status, &problem["field"]),
        (403, &json!("position")),
        "{problem}"
    );
    let (status, small) = make(
        &world.member,
        json!({ "name": "small", "permissions": ["kick"], "position": 9 }),
    );
    assert_eq!(status, 201, "{small}");
    let (status, problem) = make(&world.member, json!({ "name": "x", "permissions": ["fly"] }));
    assert_eq!(
        (status, &problem["field"]),
        (400, &json!("permissions")),
        "{problem}"
    );

    let own = format!("{roles}/{}", helper["id"].as_str().unwrap());
    let more = json!({ "permissions": ["manage_roles", "kick", "ban"] });
    let (status, _) = world.server.call("PATCH", &own, Some(&world.member), Some(more));
    assert_eq!(
        status, 403,
        "nobody changes the role that makes them what they are"
    );
    let (status, _) = world.server.call("DELETE", &own, Some(&world.member), None);
    assert_eq!(status, 403);
    let minji = id_of(&world, &world.owner);
    let kick = format!("/api/v1/guilds/{}/members/{minji}", world.guild);
    let (status, _) = world.server.call("DELETE", &kick, Some(&world.member), None);
    assert_eq!(status, 403, "nobody acts on somebody above");

    // Taken away, it is gone at once.
    owner_does(&world, "PUT", &given, json!({ "roles": [] }));
    let (status, _) = make(&world.member, json!({ "name": "late" }));
    assert_eq!(status, 403);
    let (_, list) = world.server.call("GET", &roles, Some(&world.member), None);
    let names: Vec<&str> = list["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["administrator", "moderator", "helper", "small", "everyone"]
    );
}

pub(crate) fn a_guild_is_never_without_its_owner(form: Form) {
    let world = World::on(form);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let leave = format!("/api/v1/guilds/{}/members/me", world.guild);
    let (status, problem) = world.server.call("DELETE", &leave, Some(&world.owner), None);
    assert_eq!((status, &problem["code"]), (409, &json!("conflict")), "{problem}");
    let give = format!("/api/v1/guilds/{}/owner", world.guild);
    let to = |user: &str| Some(json!({ "user": user }));
    assert_eq!(
        world.server.call("PUT", &give, Some(&world.member), to(&jiho)).0,
        403
    );

    // The new owner leaves while the old one gives the guild away: whichever comes first, there is an owner.
    for _ in 0..10 {
        let statuses = std::thread::scope(|scope| {
            let giving = scope.spawn(|| world.server.call("PUT", &give, Some(&world.owner), to(&jiho)).0);
            let leaving = scope.spawn(|| world.server.call("DELETE", &leave, Some(&world.member), None).0);
            (giving.join().unwrap(), leaving.join().unwrap())
        });
        let (_, guilds) = world
            .server
            .call("GET", "/api/v1/guilds", Some(&world.owner), None);
        let owner = guilds["guilds"][0]["owner"].as_str().unwrap();
        match statuses {
            (204, 409) => {
                assert_eq!(owner, jiho);
                let (status, _) = world.server.call("PUT", &give, Some(&world.member), to(&minji));
                assert_eq!(status, 204);
            }
            (400, 204) => {
                assert_eq!(owner, minji);
                let join = format!("/api/v1/invites/{}/join", invite(&world));
                assert_eq!(
                    world
                        .server
                        .call("POST", &join, Some(&world.member), Some(json!({})))
                        .0,
                    200
                );
            }
            other => panic!("{other:?}, and the owner is {owner}"),
        }
    }
}

pub(crate) fn many_guilds_live_side_by_side(form: Form) {
    let world = World::on(form);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    let body = Some(json!({ "name": "두번째" }));
    let guild = does(&world, &world.member, "POST", "/guilds", body);
    let id = guild["id"].as_str().unwrap().to_owned();
    member.wait(|frame| frame["signal"] == "guild_joined" && frame["data"]["guild"] == json!(id));
    let join = format!("/api/v1/guilds/{id}/join");
    let (status, _) = world
        .server
        .call("POST", &join, Some(&world.owner), Some(json!({})));
    assert_eq!(status, 404, "it is not public");
    let path = format!("/api/v1/guilds/{id}");
    let open = Some(json!({ "is_public": true, "name": "세번째" }));
    assert_eq!(
        world
            .server
            .call("PATCH", &path, Some(&world.owner), open.clone())
            .0,
        404
    );
    assert_eq!(
        world.server.call("PATCH", &path, Some(&world.member), open).0,
        200
    );
    let event =
        member.wait(|frame| frame["kind"] == "guild.changed" && frame["data"]["guild"]["name"] == "세번째");
    assert_eq!(event["data"]["guild"]["is_public"], true);
    let open_guilds = || does(&world, &world.owner, "GET", "/guilds/open", None);
    let found = open_guilds();
    let only = &found["guilds"][0];
    assert_eq!(
        (&only["id"], &only["name"], &only["is_member"], &found["more"]),
        (&json!(id), &json!("세번째"), &json!(false), &json!(false))
    );
    let (status, joined) = world
        .server
        .call("POST", &join, Some(&world.owner), Some(json!({})));
    assert_eq!((status, &joined["name"]), (200, &json!("세번째")), "{joined}");
    assert_eq!(open_guilds()["guilds"][0]["is_member"], true);
    let body = Some(json!({ "is_public": false }));
    does(&world, &world.member, "PATCH", &format!("/guilds/{id}"), body);
    assert_eq!(open_guilds()["guilds"], json!([]));

    let world = world.crash();
    let (_, ready) = Client::sign_in(world.server.address(), &world.owner, None);
    assert_eq!(ready["guilds"].as_array().unwrap().len(), 2);
    let leave = format!("/api/v1/guilds/{id}/members/me");
    assert_eq!(
        world.server.call("DELETE", &leave, Some(&world.owner), None).0,
        204
    );
    let (_, guilds) = world
        .server
        .call("GET", "/api/v1/guilds", Some(&world.owner), None);
    assert_eq!(guilds["guilds"].as_array().unwrap().len(), 1);
}

pub(crate) fn a_deleted_channel_is_gone_and_its_name_is_free(form: Form) {
    let world = World::on(form);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    member.ask("open", json!({ "room": world.room })).unwrap();
    let path = format!("/api/v1/rooms/{}", world.room);
    assert_eq!(
        world.server.call("DELETE", &path, Some(&world.member), None).0,
        403
    );
    owner_does(
        &world,
        "PATCH",
        &path,
        json!({ "topic": "tea", "slow_mode_seconds": 5 }),
    );
    let changed = member.wait(|frame| frame["kind"] == "room.changed");
    assert_eq!(changed["data"]["room"]["topic"], "tea");
    owner_does(&world, "DELETE", &path, json!({}));
    member.wait(|frame| frame["signal"] == "reset" && frame["data"]["head"]["rev"] == 0);
    for token in [&world.owner, &world.member] {
        assert_hidden(&world, token, &world.room);
    }
    let channels = format!("/api/v1/guilds/{}/channels", world.guild);
    owner_does(&world, "POST", &channels, json!({ "name": "general" }));
}

pub(crate) fn slow_rooms_and_announcements_hold_members_back(form: Form) {
    let world = World::on(form);
    let path = format!("/api/v1/rooms/{}", world.room);
    let messages = format!("{path}/messages");
    let post = |token: &str| {
        let body = json!({ "text": "hello" });
        world.server.call("POST", &messages, Some(token), Some(body))
    };
    owner_does(&world, "PATCH", &path, json!({ "slow_mode_seconds": 3600 }));
    let once = json!({ "text": "hello", "nonce": nonce() });
    let try_once = || {
        world
            .server
            .call("POST", &messages, Some(&world.member), Some(once.clone()))
    };
    assert_eq!(
        (try_once().0, try_once().0),
        (201, 200),
        "a retry is not another post"
    );
    let (status, problem) = post(&world.member);
    assert_eq!(
        (status, &problem["code"]),
        (429, &json!("rate_limited")),
        "{problem}"
    );
    for _ in 0..2 {
        assert_eq!(post(&world.owner).0, 201, "whoever may skip it does not wait");
    }
    owner_does(
        &world,
        "PATCH",
        &path,
        json!({ "slow_mode_seconds": 0, "is_announcement": true }),
    );
    let (status, problem) = post(&world.member);
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("forbidden")),
        "{problem}"
    );
    assert_eq!(post(&world.owner).0, 201);
    let read = world.server.call("GET", &messages, Some(&world.member), None);
    assert_eq!(read.1["messages"].as_array().unwrap().len(), 4);
}

pub(crate) fn what_can_be_set_can_be_read(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let role = "/api/v1/guilds/GUILD/roles".replace("GUILD", &world.guild);
    let (_, role) = world.server.call(
        "POST",
        &role,
        Some(&world.owner),
        Some(json!({ "name": "cooks" })),
    );
    let guild = format!("/api/v1/guilds/{}", world.guild);
    owner_does(
        &world,
        "PATCH",
        &guild,
        json!({ "description": "who eats together", "is_public": true }),
    );
    owner_does(
        &world,
        "PUT",
        &format!("{guild}/members/{jiho}/roles"),
        json!({ "roles": [role["id"]] }),
    );
    owner_does(
        &world,
        "PATCH",
        &format!("{guild}/members/{jiho}"),
        json!({ "nickname": "호" }),
    );
    let room = format!("/api/v1/rooms/{}", world.room);
    owner_does(&world, "PATCH", &room, json!({ "slow_mode_seconds": 5 }));
    owner_does(
        &world,
        "PUT",
        &format!("{room}/overrides/users/{jiho}"),
        json!({ "deny": ["react"] }),
    );
    let read = |path: &str, token: &str| world.server.call("GET", path, Some(token), None).1;
    let seen = read(&guild, &world.member);
    assert_eq!(
        (&seen["description"], &seen["is_public"]),
        (&json!("who eats together"), &json!(true))
    );
    assert!(
        !seen["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("manage_guild"))
    );
    let members = read(&format!("{guild}/members"), &world.member);
    let member = members["members"]
        .as_array()
        .unwrap()
        .iter()
        .find(|member| member["user"]["id"] == json!(jiho));
    let member = member.unwrap();
    assert_eq!(
        (&member["nickname"], &member["roles"]),
        (&json!("호"), &json!([role["id"]]))
    );
    let seen = read(&room, &world.member);
    assert_eq!(
        (&seen["slow_mode_seconds"], &seen["overrides"][0]["deny"]),
        (&json!(5), &json!(["react"]))
    );
    let rights = seen["permissions"].as_array().unwrap();
    assert!(
        rights.contains(&json!("post")) && !rights.contains(&json!("react")),
        "{seen}"
    );
}
