//! Who is there, as people see it: both codecs, restarts, crashes, crowds.

use std::process::Command;

use super::conversations::{does, id_of};
use super::support::{Client, Codec, Form, PATIENCE, World};
use serde_json::{Value, json};

/// A short grace, and nothing held back after a start.
pub(crate) fn at_once(command: &mut Command) {
    command
        .env("MADANG_PRESENCE__GRACE_SECONDS", "1")
        .env("MADANG_PRESENCE__QUIET_SECONDS", "0");
}

/// Waits until the client is told that somebody is seen so.
pub(crate) fn until_seen(client: &mut Client, user: &str, status: &str) -> Value {
    let of = |frame: &Value| -> Option<Value> {
        let users = frame["data"]["users"]
            .as_array()
            .filter(|_| frame["signal"] == "presence")?;
        let seen = users
            .iter()
            .find(|seen| seen["user"] == user && seen["status"] == status)?;
        Some(seen.clone())
    };
    let frame = client.wait(|frame| of(frame).is_some());
    of(&frame).unwrap()
}

pub(crate) fn status_of(world: &World, user: &str, asker: &str) -> Value {
    let path = format!("/api/v1/presence?ids={user}");
    let (status, seen) = world.server.call("GET", &path, Some(asker), None);
    assert_eq!(status, 200, "{seen}");
    seen["users"][0]["status"].clone()
}

pub(crate) fn the_last_session_that_ends_makes_offline(form: Form) {
    let world = World::with(form, at_once);
    let jiho = id_of(&world, &world.member);
    for codec in [Codec::Json, Codec::MessagePack] {
        let (mut minji, _) = Client::sign_in_by(codec, world.server.address(), &world.owner, None);
        let (first, _) = Client::sign_in(world.server.address(), &world.member, None);
        let (second, _) = Client::sign_in_by(Codec::MessagePack, world.server.address(), &world.member, None);
        until_seen(&mut minji, &jiho, "online");
        drop(first);
        // Two requests on two doors take longer than a moment, and the second session is still there.
        assert_eq!(status_of(&world, &jiho, &world.owner), "online");
        drop(second);
        until_seen(&mut minji, &jiho, "offline");
        assert!(!minji.has_pushed(|frame| frame["signal"] == "presence"));
        assert_eq!(status_of(&world, &jiho, &world.owner), "offline");
    }
}

pub(crate) fn people_are_seen_as_they_chose(form: Form) {
    let world = World::with(form, at_once);
    let jiho = id_of(&world, &world.member);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut own, _) = Client::sign_in_by(Codec::MessagePack, world.server.address(), &world.member, None);
    until_seen(&mut minji, &jiho, "online");
    own.ask("set_status", json!({ "status": "do_not_disturb" }))
        .unwrap();
    until_seen(&mut minji, &jiho, "do_not_disturb");
    let words = json!({ "text": "점심", "emoji": "🍜", "expires_in_seconds": 3600 });
    let path = "/api/v1/me/custom-status";
    assert_eq!(
        world.server.call("PUT", path, Some(&world.member), Some(words)).0,
        204
    );
    let seen = minji.wait(|frame| !frame["data"]["users"][0]["custom"].is_null());
    let custom = &seen["data"]["users"][0]["custom"];
    assert_eq!(
        (&custom["text"], &custom["emoji"]),
        (&json!("점심"), &json!("🍜"))
    );
    assert!(custom["expires_at"].is_string(), "{custom}");
    assert_eq!(
        world.server.call("DELETE", path, Some(&world.member), None).0,
        204
    );
    let bare = |frame: &Value| frame["signal"] == "presence" && frame["data"]["users"][0]["custom"].is_null();
    minji.wait(bare);
    own.ask("look", json!({ "room": world.room, "idle": true }))
        .unwrap();
    own.ask("set_status", json!({ "status": "online" })).unwrap();
    until_seen(&mut minji, &jiho, "idle");
    own.ask("look", json!({ "room": world.room })).unwrap();
    until_seen(&mut minji, &jiho, "online");
    // Invisible: gone for others, and known to oneself.
    own.ask("set_status", json!({ "status": "invisible" })).unwrap();
    until_seen(&mut minji, &jiho, "offline");
    until_seen(&mut own, &jiho, "invisible");
    let room = minji.ask("room_presence", json!({ "room": world.room })).unwrap();
    assert_eq!(room, json!({ "users": [], "count": 0 }));
    assert_eq!(status_of(&world, &jiho, &world.owner), "offline");
    let (_, seen) = world
        .server
        .call("GET", "/api/v1/me/presence", Some(&world.member), None);
    assert_eq!(
        (&seen["status"], &seen["user"]),
        (&json!("invisible"), &json!(jiho))
    );
    for (op, args, code, field) in [
        (
            "set_status",
            json!({ "status": "offline" }),
            "invalid_field",
            "status",
        ),
        (
            "set_custom_status",
            json!({ "text": "x".repeat(101) }),
            "too_large",
            "text",
        ),
        ("set_custom_status", json!({}), "invalid_field", "text"),
        ("look", json!({ "where": 1 }), "unknown_field", "where"),
        ("watch", json!({ "guild": world.guild }), "missing_field", "users"),
    ] {
        let error = own.ask(op, args).unwrap_err();
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!(code), &json!(field)),
            "{op}"
        );
    }
}

pub(crate) fn what_was_chosen_outlives_a_crash(form: Form) {
    let world = World::with(form, at_once);
    let jiho = id_of(&world, &world.member);
    let (mut own, _) = Client::sign_in(world.server.address(), &world.member, None);
    own.ask("set_status", json!({ "status": "invisible" })).unwrap();
    own.ask("set_custom_status", json!({ "text": "back soon" }))
        .unwrap();
    own.ask("switch", json!({ "room": world.room, "on": false }))
        .unwrap();
    let world = world.crash_with(at_once);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut own, _) = Client::sign_in(world.server.address(), &world.member, None);
    assert_eq!(
        status_of(&world, &jiho, &world.owner),
        "offline",
        "who is invisible stays so"
    );
    let refused = own
        .ask("post", json!({ "room": world.room, "text": "hello" }))
        .unwrap_err();
    assert_eq!(refused["code"], "switched_off");
    own.ask("set_status", json!({ "status": "online" })).unwrap();
    let seen = until_seen(&mut minji, &jiho, "online");
    assert_eq!(seen["custom"]["text"], "back soon");
    own.ask("switch", json!({ "room": world.room, "on": true }))
        .unwrap();
    own.ask("post", json!({ "room": world.room, "text": "hello" }))
        .unwrap();
}

pub(crate) fn what_was_chosen_can_be_read_back(form: Form) {
    let world = World::with(form, at_once);
    let jiho = id_of(&world, &world.member);
    let own = || does(&world, &world.member, "GET", "/me/presence", None);
    assert_eq!(own()["chosen"], "online");
    let hide = json!({ "status": "invisible" });
    does(&world, &world.member, "PUT", "/me/presence", Some(hide));
    assert_eq!(own()["chosen"], "invisible", "without a socket, too");
    let (mut client, _) = Client::sign_in(world.server.address(), &world.member, None);
    assert_eq!(own()["status"], "invisible");
    assert_eq!(status_of(&world, &jiho, &world.member), "invisible");
    let watch = json!({ "guild": world.guild, "users": [jiho] });
    let seen = client.ask("watch", watch).unwrap();
    assert_eq!(seen["users"][0]["status"], "invisible", "{seen}");
    assert_eq!(status_of(&world, &jiho, &world.owner), "offline");
}

pub(crate) fn the_last_room_outlives_a_restart(form: Form) {
    let world = World::with(form, at_once);
    let (mut own, _) = Client::sign_in(world.server.address(), &world.member, None);
    own.ask("look", json!({ "room": world.room })).unwrap();
    assert_eq!(own.ask("own_presence", json!({})).unwrap()["last"], Value::Null);
    let world = world.restart_with(at_once);
    let (mut own, _) = Client::sign_in(world.server.address(), &world.member, None);
    let seen = own.ask("own_presence", json!({})).unwrap();
    assert_eq!(seen["last"]["room"], json!(world.room), "{seen}");
}

pub(crate) fn after_a_start_whoever_asks_is_answered_and_nobody_else_is_told(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut own, _) = Client::sign_in(world.server.address(), &world.member, None);
    let watched = minji
        .ask(
            "watch",
            json!({ "guild": world.guild, "users": [jiho, world.guild] }),
        )
        .unwrap();
    assert_eq!(
        watched["users"],
        json!([{ "user": jiho, "status": "online" }]),
        "who is no member is left out"
    );
    own.ask("set_status", json!({ "status": "idle" })).unwrap();
    // What was answered is put right by the next telling; a change of its own would wait.
    assert_eq!(status_of(&world, &jiho, &world.owner), "idle");
}

pub(crate) fn a_room_knows_who_looks_and_who_is_on(form: Form) {
    let world = World::with(form, at_once);
    let (jiho, minji_id) = (id_of(&world, &world.member), id_of(&world, &world.owner));
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut own, _) = Client::sign_in(world.server.address(), &world.member, None);
    for client in [&mut minji, &mut own] {
        client.ask("look", json!({ "room": world.room })).unwrap();
    }
    own.ask("switch", json!({ "room": world.room, "on": false }))
        .unwrap();
    own.wait(|frame| frame["signal"] == "switched" && frame["data"]["on"] == false);
    let path = format!("/api/v1/rooms/{}/presence", world.room);
    let (status, seen) = world.server.call("GET", &path, Some(&world.owner), None);
    assert_eq!((status, &seen["count"]), (200, &json!(2)), "{seen}");
    let of = |user: &str| {
        let users = seen["users"].as_array().unwrap();
        let found = users.iter().find(|seen| seen["user"] == user).unwrap();
        (
            found["on"].clone(),
            found["looks"].clone(),
            found["status"].clone(),
        )
    };
    assert_eq!(of(&jiho), (json!(false), json!(true), json!("online")));
    assert_eq!(of(&minji_id), (json!(true), json!(true), json!("online")));
    let messages = format!("/api/v1/rooms/{}/messages", world.room);
    let text = Some(json!({ "text": "hello" }));
    let (status, refused) = world
        .server
        .call("POST", &messages, Some(&world.member), text.clone());
    assert_eq!((status, &refused["code"]), (403, &json!("switched_off")));
    let switch = format!("/api/v1/rooms/{}/presence/me", world.room);
    let on = Some(json!({ "on": true }));
    assert_eq!(world.server.call("PUT", &switch, Some(&world.member), on).0, 204);
    assert_eq!(
        world.server.call("POST", &messages, Some(&world.member), text).0,
        201
    );
    // Whoever looks away is not there any more, and knows where it was last.
    own.ask("look", json!({ "room": null })).unwrap();
    let (_, seen) = world.server.call("GET", &path, Some(&world.owner), None);
    assert_eq!(seen["count"], 1);
    let last = own.ask("own_presence", json!({})).unwrap()["last"].clone();
    assert_eq!(last["room"], json!(world.room));
    assert!(last["at"].is_string());
    // A room that one may not see answers as one that does not exist.
    for (op, args) in [
        ("look", json!({ "room": world.guild })),
        ("room_presence", json!({ "room": world.guild })),
        ("switch", json!({ "room": world.guild, "on": false })),
        ("watch", json!({ "guild": world.room, "users": [] })),
    ] {
        assert_eq!(own.ask(op, args).unwrap_err()["code"], "not_found", "{op}");
    }
}

pub(crate) fn strangers_learn_nothing(form: Form) {
    let world = World::with(form, at_once);
    let jiho = id_of(&world, &world.member);
    // Another guild, and somebody who is only in that one.
    let name = Some(json!({ "name": "elsewhere" }));
    let (_, guild) = world
        .server
        .call("POST", "/api/v1/guilds", Some(&world.owner), name);
    let invite = Some(json!({ "guild": guild["id"] }));
    let (_, invite) = world
        .server
        .call("POST", "/api/v1/invites", Some(&world.owner), invite);
    let accept = json!({ "name": "hana", "password": "battery staple", "transport": "bearer" });
    let path = format!("/api/v1/invites/{}/accept", invite["code"].as_str().unwrap());
    let (status, session) = world.server.call("POST", &path, None, Some(accept));
    assert_eq!(status, 201, "{session}");
    let hana = session["token"].as_str().unwrap();
    let (mut stranger, _) = Client::sign_in(world.server.address(), hana, None);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (own, _) = Client::sign_in(world.server.address(), &world.member, None);
    until_seen(&mut minji, &jiho, "online");
    assert_eq!(status_of(&world, &jiho, hana), Value::Null);
    let watch = json!({ "guild": guild["id"], "users": [jiho] });
    assert_eq!(stranger.ask("watch", watch).unwrap()["users"], json!([]));
    drop(own);
    until_seen(&mut minji, &jiho, "offline");
    let of_jiho = |frame: &Value| frame["signal"] == "presence" && frame.to_string().contains(&jiho);
    stranger.ask("heartbeat", json!({})).unwrap();
    assert!(!stranger.has_pushed(of_jiho));
}

pub(crate) fn dm_partners_hear_of_each_other_and_of_what_they_miss(form: Form) {
    let world = World::with(form, at_once);
    let (jiho, minji_id) = (id_of(&world, &world.member), id_of(&world, &world.owner));
    let dm = does(&world, &world.owner, "PUT", &format!("/dms/{jiho}"), None);
    let dm = dm["id"].as_str().unwrap();
    // They share nothing but the conversation.
    let path = format!("/guilds/{}/members/me", world.guild);
    does(&world, &world.member, "DELETE", &path, None);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut own, _) = Client::sign_in_by(Codec::MessagePack, world.server.address(), &world.member, None);
    until_seen(&mut minji, &jiho, "online");
    own.ask("set_status", json!({ "status": "do_not_disturb" }))
        .unwrap();
    until_seen(&mut minji, &jiho, "do_not_disturb");
    assert_eq!(status_of(&world, &minji_id, &world.member), "online");
    minji.ask("look", json!({ "room": dm })).unwrap();
    let room = own.ask("room_presence", json!({ "room": dm })).unwrap();
    assert_eq!(room["count"], 2);
    for seen in room["users"].as_array().unwrap() {
        assert_eq!(seen["looks"], seen["user"] == minji_id.as_str(), "{seen}");
    }
    // Minji looks and misses nothing; jiho does not.
    own.ask("post", json!({ "room": dm, "text": "hello" })).unwrap();
    minji.ask("post", json!({ "room": dm, "text": "hello" })).unwrap();
    until_figure(&world, "madang_presence_absent_total 1");
    own.ask("look", json!({ "room": dm })).unwrap();
    minji
        .ask("post", json!({ "room": dm, "text": "still there?" }))
        .unwrap();
    // In a channel a message is for those who are called.
    let channel = &world.room.clone();
    let invite = does(
        &world,
        &world.owner,
        "POST",
        "/invites",
        Some(json!({ "guild": world.guild })),
    );
    let path = format!("/invites/{}/join", invite["code"].as_str().unwrap());
    does(&world, &world.member, "POST", &path, None);
    minji
        .ask("post", json!({ "room": channel, "text": "anybody?" }))
        .unwrap();
    minji
        .ask("post", json!({ "room": channel, "text": format!("<@{jiho}>?") }))
        .unwrap();
    until_figure(&world, "madang_presence_absent_total 2");
    // Whoever wants to hear of every message does, also after a crash.
    let of_room = format!("/me/notifications/rooms/{channel}");
    let of_guild = format!("/me/notifications/guilds/{}", world.guild);
    let wish = |world: &World, path: &str, wish: Value| {
        does(world, &world.member, "PATCH", path, Some(wish));
    };
    let anybody = json!({ "room": channel, "text": "anybody?" });
    let calling = json!({ "room": channel, "text": format!("<@{jiho}>?") });
    // Requests go to the node of whoever connected last: another than the one where she posts hears of a wish later.
    let _elsewhere = Client::sign_in(world.server.address(), &world.owner, None);
    wish(&world, &of_room, json!({ "level": "all" }));
    minji.ask("post", anybody.clone()).unwrap();
    until_figure(&world, "madang_presence_absent_total 3");
    drop((minji, own));
    let world = world.crash_with(at_once);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    minji.ask("post", anybody.clone()).unwrap();
    until_figure(&world, "madang_presence_absent_total 1");
    // Muted, or nothing in the room although everything in the guild: only who is called.
    wish(&world, &of_room, json!({ "muted_seconds": 60 }));
    minji.ask("post", anybody.clone()).unwrap();
    minji.ask("post", calling.clone()).unwrap();
    until_figure(&world, "madang_presence_absent_total 2");
    wish(
        &world,
        &of_room,
        json!({ "muted_seconds": 0, "level": "nothing" }),
    );
    wish(&world, &of_guild, json!({ "level": "all" }));
    minji.ask("post", anybody.clone()).unwrap();
    minji.ask("post", calling).unwrap();
    until_figure(&world, "madang_presence_absent_total 3");
    wish(&world, &of_room, json!({ "level": "default" }));
    minji.ask("post", anybody).unwrap();
    until_figure(&world, "madang_presence_absent_total 4");
}

/// Waits until the nodes together tell this figure.
fn until_figure(world: &World, line: &str) {
    let end = std::time::Instant::now() + PATIENCE;
    let (name, value) = line.split_once(' ').unwrap();
    while world.server.figure(name) != value.parse::<f64>().unwrap() {
        assert!(std::time::Instant::now() < end, "never {line}");
    }
}

pub(crate) fn a_crowd_that_comes_and_goes_is_no_storm(form: Form) {
    const ROUNDS: usize = 10;
    // Signing in takes a database longer, and whoever waits meanwhile must be heard of.
    let at_once_here = if form.is_embedded() { 100 } else { 30 };
    let world = World::with(form, at_once);
    let jiho = id_of(&world, &world.member);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let began = std::time::Instant::now();
    for _ in 0..ROUNDS {
        let crowd: Vec<Client> = (0..at_once_here)
            .map(|_| Client::sign_in(world.server.address(), &world.member, None).0)
            .collect();
        drop(crowd);
        minji.ask("heartbeat", json!({})).unwrap();
    }
    let mut told = 0;
    loop {
        let frame = minji.wait(|frame| frame["signal"] == "presence");
        let users = frame["data"]["users"].as_array().unwrap();
        let of_jiho = users.iter().find(|seen| seen["user"] == jiho.as_str());
        told += usize::from(of_jiho.is_some());
        if of_jiho.is_some_and(|seen| seen["status"] == "offline")
            && status_of(&world, &jiho, &world.owner) == "offline"
        {
            break;
        }
    }
    // One a second at most, and a coming and a going at least.
    let most = began.elapsed().as_secs() + 2;
    assert!((2..=most).contains(&(told as u64)), "{told} signals in {most} s");
    assert_eq!(world.server.figure("madang_presence_sessions"), 1.0);
}
