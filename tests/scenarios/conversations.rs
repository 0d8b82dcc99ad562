//! DMs and groups: they reach everybody who is in them, and nobody else.

use serde_json::{Value, json};

use super::gateway::nonce;
use super::support::{Client, Codec, Form, World};

/// The id of whoever has this token.
pub(crate) fn id_of(world: &World, token: &str) -> String {
    let (status, me) = world.server.call("GET", "/api/v1/me", Some(token), None);
    assert_eq!(status, 200, "{me}");
    me["user"]["id"].as_str().unwrap().to_owned()
}

/// Somebody more in the world's guild; answers the token.
pub(crate) fn newcomer(world: &World, name: &str) -> String {
    let invite = json!({ "guild": world.guild });
    let (_, invite) = world
        .server
        .call("POST", "/api/v1/invites", Some(&world.owner), Some(invite));
    let path = format!("/api/v1/invites/{}/accept", invite["code"].as_str().unwrap());
    let body = json!({ "name": name, "password": "battery staple", "transport": "bearer" });
    let (status, session) = world.server.call("POST", &path, None, Some(body));
    assert_eq!(status, 201, "{session}");
    session["token"].as_str().unwrap().to_owned()
}

/// A request that must succeed; answers the body.
pub(crate) fn does(world: &World, token: &str, method: &str, path: &str, body: Option<Value>) -> Value {
    let (status, answer) = world
        .server
        .call(method, &format!("/api/v1{path}"), Some(token), body);
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}

/// A request that must be refused; answers the status and the code.
pub(crate) fn refused(
    world: &World,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, String) {
    let (status, answer) = world
        .server
        .call(method, &format!("/api/v1{path}"), Some(token), body);
    let code = answer["code"].as_str().unwrap_or_default();
    (status, code.to_owned())
}

fn dm_with(world: &World, token: &str, user: &str) -> String {
    let dm = does(world, token, "PUT", &format!("/dms/{user}"), None);
    dm["id"].as_str().unwrap().to_owned()
}

fn post(client: &mut Client, room: &str, text: &str) -> Value {
    let args = json!({ "room": room, "text": text, "nonce": nonce() });
    client.ask("post", args).unwrap()["message"].clone()
}

pub(crate) fn a_dm_is_one_room_and_reaches_both_without_being_opened(form: Form) {
    let world = World::on(form);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let (mut one, ready) = Client::sign_in(world.server.address(), &world.owner, None);
    assert_eq!(ready["conversations"], json!([]));
    let (mut other, _) = Client::sign_in_by(Codec::MessagePack, world.server.address(), &world.member, None);

    let dm = one.ask("open_dm", json!({ "user": jiho })).unwrap();
    assert_eq!(dm["kind"], "dm");
    let room = dm["id"].as_str().unwrap().to_owned();
    assert_eq!(dm_with(&world, &world.member, &minji), room, "whoever begins");
    let created = other.wait(|frame| frame["kind"] == "room.created");
    assert_eq!(created["stream"], format!("room:{room}"));

    for number in 1..=5 {
        post(&mut one, &room, &format!("hello {number}"));
    }
    for number in 1..=5 {
        let event = other.wait(|frame| frame["kind"] == "message.posted");
        assert_eq!(
            event["data"]["text"],
            format!("hello {number}"),
            "in order, each once"
        );
    }
    post(&mut other, &room, "and back");
    one.wait(|frame| frame["data"]["text"] == "and back");

    let world = world.crash();
    let (_, ready) = Client::sign_in(world.server.address(), &world.member, None);
    let listed = &ready["conversations"][0];
    assert_eq!(
        (&listed["id"], &listed["unread"], &listed["n"]),
        (&json!(room), &json!(0), &json!(6)),
        "whoever posts has read up to there"
    );
    let (_, ready) = Client::sign_in(world.server.address(), &world.owner, None);
    assert_eq!(ready["conversations"][0]["unread"], 1);
}

pub(crate) fn conversations_are_nobody_elses(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let stranger = newcomer(&world, "sora");
    let room = dm_with(&world, &world.owner, &jiho);
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut third, _) = Client::sign_in(world.server.address(), &stranger, None);
    let message = post(&mut owner, &room, "between us");
    let missing = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for (method, rest, body) in [
        ("GET", "/rooms/ROOM/messages", None),
        ("POST", "/rooms/ROOM/messages", Some(json!({ "text": "hi" }))),
        ("GET", "/conversations/ROOM", None),
        ("GET", "/rooms/ROOM/pins", None),
        ("GET", "/rooms/ROOM/threads", None),
        ("PUT", "/rooms/ROOM/marker", Some(json!({ "seq": 1 }))),
        ("PATCH", "/groups/ROOM", Some(json!({ "name": "mine" }))),
        (
            "PATCH",
            "/me/notifications/rooms/ROOM",
            Some(json!({ "level": "all" })),
        ),
        (
            "POST",
            "/rooms/ROOM/messages/1/thread",
            Some(json!({ "text": "hi" })),
        ),
    ] {
        let answer = |room: &str| {
            let path = format!("/api/v1{}", rest.replace("ROOM", room));
            world.server.call(method, &path, Some(&stranger), body.clone())
        };
        let hidden = answer(&room);
        assert_eq!(hidden, answer(missing), "{method} {rest}");
        assert_eq!(hidden.0, 404, "{method} {rest}: {}", hidden.1);
    }
    for _ in 0..2 {
        third.ask("heartbeat", json!({})).unwrap();
    }
    assert!(
        !third.has_pushed(|frame| frame.to_string().contains("between us")),
        "{message}"
    );
    // A user whom nobody here knows answers as one that does not exist.
    let unknown = refused(&world, &stranger, "PUT", &format!("/dms/{missing}"), None);
    assert_eq!(unknown, (404, "not_found".to_owned()));
    let own = id_of(&world, &stranger);
    let oneself = refused(&world, &stranger, "PUT", &format!("/dms/{own}"), None);
    assert_eq!(oneself, (400, "invalid_field".to_owned()));
}

pub(crate) fn people_come_into_groups_and_go(form: Form) {
    let world = World::on(form);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let third = newcomer(&world, "sora");
    let sora = id_of(&world, &third);
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut late, _) = Client::sign_in(world.server.address(), &third, None);

    let group = owner
        .ask("create_group", json!({ "users": [jiho], "name": "점심" }))
        .unwrap();
    let room = group["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&group["kind"], &group["owner"]),
        (&json!("group"), &json!(minji))
    );
    post(&mut owner, &room, "before sora");
    member.wait(|frame| frame["data"]["text"] == "before sora");

    // Whoever is in it takes others in; they hear everything from then on.
    member
        .ask("add_to_group", json!({ "room": room, "user": sora }))
        .unwrap();
    late.wait(|frame| frame["kind"] == "room_member.changed");
    post(&mut owner, &room, "with sora");
    late.wait(|frame| frame["data"]["text"] == "with sora");

    let kick = format!("/groups/{room}/members/{jiho}");
    assert_eq!(
        refused(&world, &third, "DELETE", &kick, None),
        (403, "forbidden".to_owned())
    );
    does(&world, &world.owner, "DELETE", &kick, None);
    let reset = member.wait(|frame| frame["signal"] == "reset");
    assert_eq!(reset["data"]["head"]["rev"], 0, "as if it did not exist");
    post(&mut owner, &room, "about jiho");
    late.wait(|frame| frame["data"]["text"] == "about jiho");
    for _ in 0..2 {
        member.ask("heartbeat", json!({})).unwrap();
    }
    assert!(!member.has_pushed(|frame| frame.to_string().contains("about jiho")));

    // The owner leaves, and somebody else owns the group; after a crash, too.
    does(
        &world,
        &world.owner,
        "DELETE",
        &format!("/groups/{room}/members/me"),
        None,
    );
    let world = world.crash();
    let group = does(&world, &third, "GET", &format!("/conversations/{room}"), None);
    assert_eq!((&group["owner"], &group["users"]), (&json!(sora), &json!([sora])));
    does(
        &world,
        &third,
        "PATCH",
        &format!("/groups/{room}"),
        Some(json!({ "name": "혼자" })),
    );
    let group = does(&world, &third, "GET", &format!("/conversations/{room}"), None);
    assert_eq!(group["name"], "혼자");
    // Who comes back hears again.
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut late, _) = Client::sign_in(world.server.address(), &third, None);
    late.ask("add_to_group", json!({ "room": room, "user": jiho }))
        .unwrap();
    post(&mut late, &room, "welcome back");
    member.wait(|frame| frame["data"]["text"] == "welcome back");
}

pub(crate) fn a_group_tells_who_comes_and_goes(form: Form) {
    let world = World::on(form);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let sora = newcomer(&world, "sora");
    let sora = id_of(&world, &sora);
    let group = json!({ "users": [jiho], "name": "lunch" });
    let group = does(&world, &world.owner, "POST", "/groups", Some(group));
    let group = format!("/groups/{}", group["id"].as_str().unwrap());
    let member = format!("{group}/members/{sora}");
    for _ in 0..2 {
        does(&world, &world.member, "PUT", &member, Some(json!({})));
    }
    for name in ["dinner", "dinner", ""] {
        does(
            &world,
            &world.owner,
            "PATCH",
            &group,
            Some(json!({ "name": name })),
        );
    }
    does(&world, &world.owner, "DELETE", &member, None);
    does(
        &world,
        &world.member,
        "DELETE",
        &format!("{group}/members/me"),
        None,
    );
    let rooms = group.replace("/groups/", "/rooms/");
    let world = world.crash();
    let page = does(&world, &world.owner, "GET", &format!("{rooms}/messages"), None);
    let told: Vec<(&Value, &Value)> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (&message["author"], &message["system"]))
        .collect();
    let (joined, left) = (json!({ "kind": "joined" }), json!({ "kind": "left" }));
    let named = |name: &str| json!({ "kind": "renamed", "name": name });
    assert_eq!(
        told,
        [
            (&json!(sora), &joined),
            (&json!(minji), &named("dinner")),
            (&json!(minji), &named("")),
            (&json!(sora), &left),
            (&json!(jiho), &left),
        ]
    );
    let list = does(&world, &world.owner, "GET", "/conversations", None);
    assert_eq!(list["conversations"][0]["unread"], 0);
    // Nobody is left to tell.
    does(
        &world,
        &world.owner,
        "DELETE",
        &format!("{group}/members/me"),
        None,
    );
}

pub(crate) fn a_group_has_limits(form: Form) {
    let world = World::on(form);
    let missing = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let create = |users: Value, name: &str| {
        let body = json!({ "users": users, "name": name });
        refused(&world, &world.owner, "POST", "/groups", Some(body))
    };
    let many: Vec<String> = (0..21)
        .map(|number| format!("01ARZ3NDEKTSV4RRFFQ69G5{number:03}"))
        .collect();
    assert_eq!(create(json!(many), "x"), (413, "too_large".to_owned()));
    assert_eq!(create(json!(many[..20]), "x"), (409, "too_many".to_owned()));
    assert_eq!(create(json!([missing]), "x"), (404, "not_found".to_owned()));
    assert_eq!(create(json!(["nobody"]), "x"), (400, "invalid_field".to_owned()));
    assert_eq!(create(json!([]), "a\nb"), (400, "invalid_field".to_owned()));
    assert_eq!(create(json!([]), &"a".repeat(65)), (413, "too_large".to_owned()));
    let no_page = refused(
        &world,
        &world.owner,
        "GET",
        &format!("/conversations?after={missing}"),
        None,
    );
    assert_eq!(no_page, (400, "invalid_field".to_owned()));
}

pub(crate) fn conversations_come_by_their_newest_message(form: Form) {
    let world = World::on(form);
    let (mut client, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let rooms: Vec<String> = (0..3)
        .map(|number| {
            let group = client
                .ask(
                    "create_group",
                    json!({ "users": [], "name": format!("group {number}") }),
                )
                .unwrap();
            group["id"].as_str().unwrap().to_owned()
        })
        .collect();
    // Times are in milliseconds: each post is a later one than the one before.
    for room in [&rooms[2], &rooms[0], &rooms[1]] {
        let before = post(&mut client, room, "hello");
        while post(&mut client, room, "later")["at"] == before["at"] {}
    }
    let mut order = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/conversations?limit=1{after}");
        let page = does(&world, &world.owner, "GET", &path, None);
        let id = page["conversations"][0]["id"].as_str().unwrap().to_owned();
        after = format!("&after={id}");
        order.push(id);
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(order, [rooms[1].clone(), rooms[0].clone(), rooms[2].clone()]);
}

pub(crate) fn what_is_asked_for_twice_with_one_key_is_made_once(form: Form) {
    let world = World::on(form);
    let keyed = |world: &World, path: &str, key: &str, body: &Value| {
        let body = body.to_string();
        let request = format!(
            "POST /api/v1{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {}\r\nIdempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
            world.server.address(),
            world.owner,
            body.len()
        );
        world.server.raw(request.as_bytes())
    };
    let channels = format!("/guilds/{}/channels", world.guild);
    let roles = format!("/guilds/{}/roles", world.guild);
    let requests = [
        ("/guilds", json!({ "name": "once" })),
        (&*channels, json!({ "name": "once" })),
        (&*roles, json!({ "name": "once" })),
        ("/groups", json!({ "users": [], "name": "once" })),
    ];
    let mut made = Vec::new();
    for (path, body) in &requests {
        let (status, first) = keyed(&world, path, "try-1", body);
        assert_eq!(status, 201, "{path}: {first}");
        made.push(first["id"].clone());
    }
    // The answer was lost, and the server with it.
    let world = world.crash();
    for ((path, body), made) in requests.iter().zip(&made) {
        let (status, again) = keyed(&world, path, "try-1", body);
        assert_eq!((status, &again["id"]), (201, made), "{path}: {again}");
        let mut other = body.clone();
        other["name"] = json!("another");
        let (status, problem) = keyed(&world, path, "try-1", &other);
        let refusal = (&problem["code"], &problem["field"]);
        assert_eq!(status, 409, "{path}: {problem}");
        assert_eq!(
            refusal,
            (&json!("nonce_conflict"), &json!("idempotency_key")),
            "{path}"
        );
        let (_, problem) = keyed(&world, path, &"k".repeat(129), body);
        assert_eq!(problem["field"], "idempotency_key", "{path}");
    }
    // All of what is asked for counts, and not what has become of it since.
    let jiho = id_of(&world, &world.member);
    for (path, other) in [
        (&*channels, json!({ "name": "once", "topic": "another" })),
        ("/groups", json!({ "users": [jiho], "name": "once" })),
    ] {
        let (status, problem) = keyed(&world, path, "try-1", &other);
        assert_eq!(
            (status, &problem["code"]),
            (409, &json!("nonce_conflict")),
            "{path}"
        );
    }
    for (path, made) in [("/rooms", &made[1]), ("/groups", &made[3])] {
        let path = format!("{path}/{}", made.as_str().unwrap());
        does(
            &world,
            &world.owner,
            "PATCH",
            &path,
            Some(json!({ "name": "renamed" })),
        );
    }
    for at in [1, 3] {
        let (path, body) = &requests[at];
        let (status, again) = keyed(&world, path, "try-1", body);
        assert_eq!((status, &again["id"]), (201, &made[at]), "{path}: {again}");
    }
    // Over the gateway it is the same request.
    let (mut client, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let args = json!({ "name": "once", "idempotency_key": "try-1" });
    assert_eq!(client.ask("create_guild", args).unwrap()["id"], made[0]);
}

pub(crate) fn who_is_blocked_reaches_nobody_in_any_way(form: Form) {
    let world = World::on(form);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let room = dm_with(&world, &world.member, &minji);
    let (mut blocked, _) = Client::sign_in(world.server.address(), &world.member, None);
    let own = post(&mut blocked, &room, "hello");
    does(
        &world,
        &world.owner,
        "PUT",
        &format!("/me/blocks/{jiho}"),
        Some(json!({})),
    );
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    owner.ask("open", json!({ "room": room })).unwrap();
    let seq = &own["seq"];
    for (op, args) in [
        ("post", json!({ "room": room, "text": "please" })),
        ("edit", json!({ "room": room, "seq": seq, "text": "please" })),
        ("react", json!({ "room": room, "seq": seq, "emoji": "👍" })),
        ("pin", json!({ "room": room, "seq": seq })),
        ("typing", json!({ "room": room })),
        (
            "post_in_thread",
            json!({ "room": room, "seq": seq, "text": "please" }),
        ),
    ] {
        let error = blocked.ask(op, args).unwrap_err();
        assert_eq!(error["code"], "forbidden", "{op}");
        assert!(
            !error.to_string().contains("block"),
            "{op} tells of the block: {error}"
        );
    }
    for _ in 0..2 {
        owner.ask("heartbeat", json!({})).unwrap();
    }
    assert!(
        !owner.has_pushed(|frame| frame["stream"] == format!("room:{room}") || frame["signal"] == "typing")
    );
    // One's own words can be taken back all the same.
    blocked
        .ask("delete", json!({ "room": room, "seq": seq }))
        .unwrap();
}

pub(crate) fn nobody_is_drawn_into_conversations_without_end(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let (mut flooder, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let begun = (0..100).take_while(|_| flooder.ask("create_group", json!({ "users": [jiho] })).is_ok());
    assert!(begun.count() < 100, "one person begins conversations without end");
    let error = flooder
        .ask("create_group", json!({ "users": [jiho] }))
        .unwrap_err();
    assert_eq!(error["code"], "rate_limited");
    let sora = newcomer(&world, "sora");
    let sora = id_of(&world, &sora);
    dm_with(&world, &world.member, &sora);
}
