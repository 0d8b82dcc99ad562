//! What hangs on messages: threads and pins.

use serde_json::{Value, json};

use super::calls::{channel, post};
use super::conversations::{does, refused};
use super::gateway::nonce;
use super::support::{Client, Form, World};

/// Whether a frame tells where a room stands. Of a room that a node has just learnt of it tells what it is as well.
fn tells_where(frame: &Value, room: &str) -> bool {
    match frame["signal"].as_str() {
        Some("head") => frame["data"]["room"] == room,
        Some("room") => frame["data"]["channel"]["id"] == room,
        _ => false,
    }
}

pub(crate) fn threads_hang_on_messages(form: Form) {
    let world = World::on(form);
    let parent = post(&world, &world.owner, json!({ "text": "where to eat?" }));
    let (mut looker, _) = Client::sign_in(world.server.address(), &world.owner, None);
    looker.ask("open", json!({ "room": world.room })).unwrap();
    let path = format!("/rooms/{}/messages/{}/thread", world.room, parent["seq"]);
    let nonce = nonce();
    let body = json!({ "text": "at the market", "nonce": nonce });
    let first = does(&world, &world.member, "POST", &path, Some(body.clone()));
    let thread = first["message"]["room"].as_str().unwrap().to_owned();
    let again = does(&world, &world.member, "POST", &path, Some(body));
    assert_eq!(
        (&again["replayed"], &again["message"]["seq"]),
        (&json!(true), &json!(1))
    );
    let [started, _] = looker.wait_for_each([&|frame| frame["kind"] == "thread.started", &|frame| {
        tells_where(frame, &thread)
    }]);
    assert_eq!(started["data"]["has_thread"], true);

    let page = does(
        &world,
        &world.owner,
        "GET",
        &format!("/rooms/{}/messages", world.room),
        None,
    );
    assert_eq!(page["messages"][0]["thread"]["n"], 1);
    assert_eq!(page["messages"][0]["thread"]["id"], json!(thread));
    // Whoever posts in it or is answered follows it; others may.
    does(
        &world,
        &world.owner,
        "PUT",
        &format!("/threads/{thread}/following"),
        Some(json!({})),
    );
    let nested = format!("/rooms/{thread}/messages/1/thread");
    let answer = refused(
        &world,
        &world.owner,
        "POST",
        &nested,
        Some(json!({ "text": "x" })),
    );
    assert_eq!(answer, (403, "forbidden".to_owned()), "a thread has no threads");
    let more = json!({ "text": "with friends" });
    does(
        &world,
        &world.member,
        "POST",
        &format!("/rooms/{thread}/messages"),
        Some(more),
    );
    let world = world.crash();
    let view = does(&world, &world.owner, "GET", &format!("/threads/{thread}"), None);
    assert_eq!((&view["unread"], &view["n"]), (&json!(2), &json!(2)));
    does(
        &world,
        &world.owner,
        "PUT",
        &format!("/threads/{thread}/following"),
        Some(json!({ "on": false })),
    );
    let list = does(
        &world,
        &world.owner,
        "GET",
        &format!("/rooms/{}/threads", world.room),
        None,
    );
    assert_eq!(list["threads"][0]["unread"], Value::Null);

    // The parent goes, the thread stays; no other one begins on it.
    let delete = format!("/rooms/{}/messages/{}", world.room, parent["seq"]);
    does(&world, &world.owner, "DELETE", &delete, None);
    does(
        &world,
        &world.member,
        "POST",
        &format!("/rooms/{thread}/messages"),
        Some(json!({ "text": "still here" })),
    );
    let other = post(&world, &world.owner, json!({ "text": "gone soon" }));
    let gone = format!("/rooms/{}/messages/{}", world.room, other["seq"]);
    does(&world, &world.owner, "DELETE", &gone, None);
    let answer = refused(
        &world,
        &world.member,
        "POST",
        &format!("{gone}/thread"),
        Some(json!({ "text": "x" })),
    );
    assert_eq!(answer, (410, "message_deleted".to_owned()));
}

pub(crate) fn a_thread_is_as_private_as_its_room(form: Form) {
    let world = World::on(form);
    let parent = post(&world, &world.owner, json!({ "text": "secret plans" }));
    let path = format!("/rooms/{}/messages/{}/thread", world.room, parent["seq"]);
    let first = does(
        &world,
        &world.member,
        "POST",
        &path,
        Some(json!({ "text": "tell me" })),
    );
    let thread = first["message"]["room"].as_str().unwrap().to_owned();
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    member.ask("open", json!({ "room": thread })).unwrap();
    // The channel becomes private: what hangs in it goes with it, on the open socket, too.
    let everybody = format!("/rooms/{}/overrides/roles/{}", world.room, world.guild);
    does(
        &world,
        &world.owner,
        "PUT",
        &everybody,
        Some(json!({ "deny": ["view"] })),
    );
    does(
        &world,
        &world.owner,
        "POST",
        &path,
        Some(json!({ "text": "not for members" })),
    );
    for _ in 0..2 {
        member.ask("heartbeat", json!({})).unwrap();
    }
    assert!(!member.has_pushed(|frame| frame.to_string().contains("not for members")));
    let missing = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for path in ["/threads/ROOM", "/rooms/ROOM/messages"] {
        let answer = |room: &str| {
            let path = format!("/api/v1{}", path.replace("ROOM", room));
            world.server.call("GET", &path, Some(&world.member), None)
        };
        assert_eq!(answer(&thread), answer(missing), "{path}");
    }
    let inbox = does(&world, &world.member, "GET", "/me/inbox", None);
    assert_eq!(inbox["entries"], json!([]));
}

pub(crate) fn pins_are_few_and_told(form: Form) {
    let world = World::on(form);
    let first = post(&world, &world.member, json!({ "text": "the rules" }));
    let pin = |seq: &Value| format!("/rooms/{}/pins/{seq}", world.room);
    let (status, code) = refused(&world, &world.member, "PUT", &pin(&first["seq"]), Some(json!({})));
    assert_eq!(
        (status, &*code),
        (403, "forbidden"),
        "members pin nothing in channels"
    );
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    member.ask("open", json!({ "room": world.room })).unwrap();
    let before = channel(&world, &world.owner)["unread"].clone();
    does(&world, &world.owner, "PUT", &pin(&first["seq"]), Some(json!({})));
    let event = member.wait(|frame| frame["kind"] == "message.pinned");
    assert!(event["data"]["pinned_at"].is_string());
    let told = member.wait(|frame| frame["kind"] == "message.posted");
    assert_eq!(
        told["data"]["system"],
        json!({ "kind": "pinned", "seq": first["seq"] })
    );
    assert_eq!(
        channel(&world, &world.owner)["unread"],
        before,
        "what the server tells is not unread, nor read"
    );
    assert_eq!(channel(&world, &world.member)["unread"], 0);
    // Again changes nothing, and what the server tells is not pinned.
    does(&world, &world.owner, "PUT", &pin(&first["seq"]), Some(json!({})));
    let answer = refused(
        &world,
        &world.owner,
        "PUT",
        &pin(&told["data"]["seq"]),
        Some(json!({})),
    );
    assert_eq!(answer, (403, "forbidden".to_owned()));
    for number in 2..=50 {
        let message = post(&world, &world.owner, json!({ "text": format!("rule {number}") }));
        does(
            &world,
            &world.owner,
            "PUT",
            &pin(&message["seq"]),
            Some(json!({})),
        );
    }
    let one_more = post(&world, &world.owner, json!({ "text": "rule 51" }));
    let answer = refused(
        &world,
        &world.owner,
        "PUT",
        &pin(&one_more["seq"]),
        Some(json!({})),
    );
    assert_eq!(answer, (409, "too_many".to_owned()));
    // What is so already is no more, and what does not exist is not at a limit.
    does(&world, &world.owner, "PUT", &pin(&first["seq"]), Some(json!({})));
    let answer = refused(&world, &world.owner, "PUT", &pin(&json!(9_999)), Some(json!({})));
    assert_eq!(answer, (404, "not_found".to_owned()));
    // A deleted message is pinned no more.
    let delete = format!("/rooms/{}/messages/{}", world.room, first["seq"]);
    does(&world, &world.owner, "DELETE", &delete, None);
    let world = world.crash();
    let pins = does(
        &world,
        &world.member,
        "GET",
        &format!("/rooms/{}/pins", world.room),
        None,
    );
    assert_eq!(pins["messages"].as_array().unwrap().len(), 49);
}

pub(crate) fn a_pin_and_a_crash_leave_a_server_that_writes(form: Form) {
    let world = World::on(form);
    let message = post(&world, &world.member, json!({ "text": "the rules" }));
    let pin = format!("/rooms/{}/pins/{}", world.room, message["seq"]);
    does(&world, &world.owner, "PUT", &pin, Some(json!({})));
    // What was told last is in the owner's name, who has read nothing of it.
    let world = world.crash();
    let after = post(&world, &world.owner, json!({ "text": "still here" }));
    assert_eq!(after["text"], "still here");
}

pub(crate) fn a_thread_keeps_the_rules_of_its_channel(form: Form) {
    let world = World::on(form);
    let room = format!("/rooms/{}", world.room);
    let parent = post(&world, &world.owner, json!({ "text": "news" }));
    let begin = format!("{room}/messages/{}/thread", parent["seq"]);
    let say = |token: &str, path: &str| {
        let path = format!("/api/v1{path}");
        world
            .server
            .call("POST", &path, Some(token), Some(json!({ "text": "hello" })))
    };
    let first = does(
        &world,
        &world.owner,
        "POST",
        &begin,
        Some(json!({ "text": "first" })),
    );
    let thread = format!("/rooms/{}/messages", first["message"]["room"].as_str().unwrap());

    let slow = json!({ "slow_mode_seconds": 3600 });
    does(&world, &world.owner, "PATCH", &room, Some(slow));
    assert_eq!(say(&world.member, &thread).0, 201);
    // The channel and all of its threads have one pace together.
    for path in [&thread, &begin, &format!("{room}/messages")] {
        let (status, problem) = say(&world.member, path);
        assert_eq!(
            (status, &problem["code"]),
            (429, &json!("rate_limited")),
            "{path}"
        );
    }
    assert_eq!(
        say(&world.owner, &thread).0,
        201,
        "whoever may skip it does not wait"
    );

    let announce = json!({ "slow_mode_seconds": 0, "is_announcement": true });
    does(&world, &world.owner, "PATCH", &room, Some(announce));
    for path in [&thread, &begin, &format!("{room}/messages")] {
        let (status, problem) = say(&world.member, path);
        assert_eq!((status, &problem["code"]), (403, &json!("forbidden")), "{path}");
        let text = problem["detail"].as_str().unwrap();
        assert!(text.ends_with("the permission announce"), "{path}: {text}");
        assert_eq!(say(&world.owner, path).0, 201, "{path}");
    }
}

pub(crate) fn followers_hear_of_a_thread_wherever_they_are(form: Form) {
    let world = World::on(form);
    let parent = post(&world, &world.member, json!({ "text": "who comes along?" }));
    let path = format!("/rooms/{}/messages/{}/thread", world.room, parent["seq"]);
    let say = |world: &World, token: &str| {
        let posted = does(world, token, "POST", &path, Some(json!({ "text": "me" })));
        posted["message"]["room"].as_str().unwrap().to_owned()
    };
    let list = |world: &World, token: &str| {
        let answer = does(world, token, "GET", "/me/threads", None);
        answer["threads"].as_array().unwrap().clone()
    };
    // Nobody has the room open, and the thread does not exist yet.
    let (mut asker, _) = Client::sign_in(world.server.address(), &world.member, None);
    let thread = say(&world, &world.owner);
    // A look that comes between may tell of it before anything is said in it.
    asker.wait(|frame| tells_where(frame, &thread) && frame["data"]["seq"] == 1);
    assert_eq!(
        list(&world, &world.owner)[0]["unread"],
        0,
        "whoever posts follows"
    );
    let followed = &list(&world, &world.member)[0];
    assert_eq!(
        (
            &followed["id"],
            &followed["parent"],
            &followed["parent_seq"],
            &followed["unread"]
        ),
        (&json!(thread), &json!(world.room), &parent["seq"], &json!(1)),
        "whoever is answered follows"
    );
    let following = format!("/threads/{thread}/following");
    does(
        &world,
        &world.member,
        "PUT",
        &following,
        Some(json!({ "on": false })),
    );
    assert!(list(&world, &world.member).is_empty());
    let world = world.crash();
    assert!(list(&world, &world.member).is_empty());
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut asker, _) = Client::sign_in(world.server.address(), &world.member, None);
    say(&world, &world.owner);
    // The head of the room comes in the same second to whoever watches the guild; that of the thread to nobody.
    post(&world, &world.owner, json!({ "text": "and now?" }));
    asker.wait(|frame| tells_where(frame, world.room.as_str()));
    say(&world, &world.member);
    owner.wait(|frame| tells_where(frame, &thread));
    assert!(!asker.has_pushed(|frame| frame["data"]["room"] == json!(thread)));
    assert_eq!(
        list(&world, &world.member).len(),
        1,
        "whoever posts follows again"
    );
    let leave = format!("/guilds/{}/members/me", world.guild);
    does(&world, &world.member, "DELETE", &leave, None);
    assert!(
        list(&world, &world.member).is_empty(),
        "what cannot be seen is not there"
    );
    for (query, field) in [("limit=0", "limit"), ("after=x", "after")] {
        let path = format!("/api/v1/me/threads?{query}");
        let (status, problem) = world.server.call("GET", &path, Some(&world.owner), None);
        assert_eq!((status, &problem["field"]), (400, &json!(field)));
    }
}

pub(crate) fn an_open_thread_ends_with_its_channel(form: Form) {
    let world = World::on(form);
    let parent = post(&world, &world.owner, json!({ "text": "here" }));
    let path = format!("/rooms/{}/messages/{}/thread", world.room, parent["seq"]);
    let posted = does(
        &world,
        &world.owner,
        "POST",
        &path,
        Some(json!({ "text": "there" })),
    );
    let thread = posted["message"]["room"].as_str().unwrap().to_owned();
    let (mut looker, _) = Client::sign_in(world.server.address(), &world.member, None);
    looker.ask("open", json!({ "room": thread })).unwrap();
    does(
        &world,
        &world.owner,
        "DELETE",
        &format!("/rooms/{}", world.room),
        None,
    );
    let stream = format!("room:{thread}");
    let reset = looker.wait(|frame| frame["signal"] == "reset" && frame["data"]["stream"] == stream);
    assert_eq!(reset["data"]["head"]["rev"], 0);
}
