//! The channels of a guild: their names, their headings, their order, and what the server tells in them.

use serde_json::{Value, json};

use super::people::{id_of, owner_does};
use super::support::{Client, Form, World};

const MISSING: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn owner_asks(world: &World, method: &str, path: &str, body: Value) -> (u16, Value) {
    world.server.call(method, path, Some(&world.owner), Some(body))
}

fn id(answer: &Value) -> String {
    answer["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

fn channel(world: &World, name: &str) -> String {
    let path = format!("/api/v1/guilds/{}/channels", world.guild);
    let (status, made) = owner_asks(world, "POST", &path, json!({ "name": name }));
    assert_eq!(status, 201, "{made}");
    id(&made)
}

/// A channel as the owner's list has it.
fn listed(world: &World, room: &str) -> Value {
    let path = format!("/api/v1/guilds/{}/channels", world.guild);
    let (_, list) = world.server.call("GET", &path, Some(&world.owner), None);
    let channels = list["channels"].as_array().unwrap();
    channels
        .iter()
        .find(|channel| channel["id"] == json!(room))
        .unwrap()
        .clone()
}

fn hide(world: &World, room: &str) {
    let path = format!("/api/v1/rooms/{room}/overrides/roles/{}", world.guild);
    owner_does(world, "PUT", &path, json!({ "deny": ["view"] }));
}

pub(crate) fn headings_and_channels_keep_their_order(form: Form) {
    let world = World::on(form);
    let categories = format!("/api/v1/guilds/{}/categories", world.guild);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (status, work) = owner_asks(&world, "POST", &categories, json!({ "name": "일" }));
    assert_eq!((status, &work["position"]), (201, &json!(0)), "{work}");
    let (_, play) = owner_asks(&world, "POST", &categories, json!({ "name": "놀이" }));
    let event = member.wait(|frame| frame["kind"] == "category.changed");
    assert_eq!(event["data"]["category"]["name"], "일");
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x", "position": 100_001 }), "position"),
        (json!({ "name": "x", "position": -1 }), "position"),
        (json!({ "name": "x", "colour": 1 }), "colour"),
    ] {
        let (status, problem) = owner_asks(&world, "POST", &categories, body);
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{problem}");
    }
    let refused = |method: &str, path: &str, body: Value| {
        let (status, problem) = world.server.call(method, path, Some(&world.member), Some(body));
        assert_eq!(
            (status, &problem["code"]),
            (403, &json!("forbidden")),
            "{method} {path}"
        );
    };
    let one = format!("{categories}/{}", id(&work));
    let order = format!("/api/v1/guilds/{}/order", world.guild);
    refused("POST", &categories, json!({ "name": "x" }));
    refused("PATCH", &one, json!({ "name": "x" }));
    refused("DELETE", &one, json!({}));
    refused("PUT", &order, json!({ "order": [] }));

    let (tea, secret) = (channel(&world, "tea"), channel(&world, "secret"));
    hide(&world, &secret);
    let list = json!([world.room, id(&play), tea, id(&work), secret]);
    owner_does(&world, "PUT", &order, json!({ "order": list, "first": 10 }));
    owner_does(&world, "PUT", &order, json!({ "order": list, "first": 10 }));
    let signal = member.wait(|frame| {
        frame["signal"] == "room"
            && frame["data"]["channel"]["id"] == json!(tea)
            && frame["data"]["channel"]["category"] == play["id"]
    });
    assert_eq!(signal["data"]["channel"]["position"], 12);
    assert_eq!(signal["data"]["channel"]["is_private"], false);
    for (list, field) in [
        (json!([tea, tea]), "order"),
        (json!([tea, MISSING]), "order"),
        (json!(vec![tea.clone(); 501]), "order"),
        (json!("x"), "order"),
    ] {
        let (status, problem) = owner_asks(&world, "PUT", &order, json!({ "order": list }));
        assert!(matches!(status, 400 | 413), "{problem}");
        assert_eq!(problem["field"], field);
    }
    // Whoever may manage channels but does not see one cannot tell it from one that does not exist.
    let jiho = id_of(&world, &world.member);
    let roles = format!("/api/v1/guilds/{}/roles", world.guild);
    let role = json!({ "name": "helper", "permissions": ["manage_channels"] });
    let (_, role) = owner_asks(&world, "POST", &roles, role);
    let given = format!("/api/v1/guilds/{}/members/{jiho}/roles", world.guild);
    owner_does(&world, "PUT", &given, json!({ "roles": [role["id"]] }));
    let order_of = |room: &str| {
        let body = Some(json!({ "order": [room] }));
        world.server.call("PUT", &order, Some(&world.member), body)
    };
    assert_eq!(order_of(&secret), order_of(MISSING));
    assert_eq!(order_of(&secret).0, 400);
    assert_eq!(order_of(&tea).0, 204);
    owner_does(&world, "PUT", &order, json!({ "order": list, "first": 10 }));

    for number in 2..50 {
        owner_does(
            &world,
            "POST",
            &categories,
            json!({ "name": format!("heading {number}") }),
        );
    }
    let (status, problem) = owner_asks(&world, "POST", &categories, json!({ "name": "one more" }));
    assert_eq!((status, &problem["code"]), (409, &json!("too_many")), "{problem}");

    let world = world.crash();
    let path = format!("/api/v1/rooms/{tea}");
    let shown = listed(&world, &tea);
    assert_eq!(
        (&shown["category"], &shown["position"]),
        (&play["id"], &json!(12))
    );
    assert!(shown["at"].is_string(), "{shown}");
    let hidden = listed(&world, &secret);
    assert_eq!(
        (&hidden["category"], &hidden["is_private"]),
        (&work["id"], &json!(true))
    );
    let (_, list) = world.server.call("GET", &categories, Some(&world.member), None);
    let list = list["categories"].as_array().unwrap().clone();
    assert_eq!(list.len(), 50);
    owner_does(&world, "PATCH", &one, json!({ "name": "공부", "position": 3 }));
    owner_does(&world, "DELETE", &one, json!({}));
    assert_eq!(owner_asks(&world, "DELETE", &one, json!({})).0, 404);
    assert_eq!(owner_asks(&world, "PATCH", &one, json!({ "name": "x" })).0, 404);
    let (status, problem) = owner_asks(&world, "PATCH", &path, json!({ "category": work["id"] }));
    assert_eq!(
        (status, &problem["field"]),
        (400, &json!("category")),
        "{problem}"
    );
    owner_does(
        &world,
        "PATCH",
        &path,
        json!({ "category": null, "slow_mode_seconds": 5 }),
    );
    let shown = listed(&world, &tea);
    assert_eq!(
        (&shown["category"], &shown["slow_mode_seconds"]),
        (&Value::Null, &json!(5))
    );
}

pub(crate) fn a_name_is_one_channels(form: Form) {
    let world = World::on(form);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (tea, secret) = (channel(&world, "tea"), channel(&world, "secret"));
    hide(&world, &secret);
    member.ask("open", json!({ "room": tea })).unwrap();
    let path = format!("/api/v1/rooms/{tea}");
    assert_eq!(
        world
            .server
            .call("PATCH", &path, Some(&world.member), Some(json!({ "name": "x" })))
            .0,
        403
    );
    for name in ["", " ", "a\nb", &"x".repeat(65)] {
        let (status, problem) = owner_asks(&world, "PATCH", &path, json!({ "name": name }));
        assert!(matches!(status, 400 | 413), "{name}: {problem}");
        assert_eq!(problem["field"], "name");
    }
    owner_does(
        &world,
        "PATCH",
        &path,
        json!({ "name": "커피", "topic": "beans" }),
    );
    let changed = member.wait(|frame| frame["kind"] == "room.changed");
    assert_eq!(changed["data"]["room"]["name"], "커피");
    let told = member.wait(|frame| frame["kind"] == "message.posted");
    let system = json!({ "kind": "renamed", "name": "커피" });
    assert_eq!(
        (&told["data"]["system"], &told["data"]["n"]),
        (&system, &json!(0))
    );
    assert_eq!(listed(&world, &tea)["unread"], 0);
    // The former name is free, the new one is not, and a hidden one answers like any that is taken.
    let other = channel(&world, "tea");
    let rename = |name: &str| {
        owner_asks(
            &world,
            "PATCH",
            &format!("/api/v1/rooms/{other}"),
            json!({ "name": name }),
        )
    };
    let taken = rename("커피");
    assert_eq!((taken.0, &taken.1["code"]), (409, &json!("name_taken")));
    assert_eq!(taken, rename("SECRET"));
    assert_eq!(rename("TEA").0, 204, "its own name in other letters");

    // Of two channels that want one name one gets it; a channel that goes back and forth keeps what it has.
    for round in 0..5 {
        let name = format!("wanted {round}");
        let want = |room: &str| {
            let path = format!("/api/v1/rooms/{room}");
            owner_asks(&world, "PATCH", &path, json!({ "name": name })).0
        };
        let statuses = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| want(&other));
            (want(&tea), theirs.join().unwrap())
        });
        assert!(matches!(statuses, (204, 409) | (409, 204)), "{statuses:?}");
    }
    let world = world.crash();
    let names = [
        listed(&world, &tea)["name"].clone(),
        listed(&world, &other)["name"].clone(),
    ];
    for name in names {
        let path = format!("/api/v1/guilds/{}/channels", world.guild);
        assert_eq!(
            owner_asks(&world, "POST", &path, json!({ "name": name })).0,
            409,
            "{name}"
        );
    }
}

/// What the server itself told in a room: kind and author.
fn told(world: &World, room: &str) -> Vec<(String, String)> {
    let path = format!("/api/v1/rooms/{room}/messages?limit=200");
    let (_, page) = world.server.call("GET", &path, Some(&world.owner), None);
    let messages = page["messages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let systems = messages.iter().filter(|message| !message["system"].is_null());
    systems
        .map(|message| (text(&message["system"]["kind"]), text(&message["author"])))
        .collect()
}

pub(crate) fn who_comes_and_goes_is_told_once(form: Form) {
    let world = World::on(form);
    let body = json!({ "name": "open house" });
    let (_, guild) = owner_asks(&world, "POST", "/api/v1/guilds", body);
    let path = format!("/api/v1/guilds/{}", id(&guild));
    owner_does(&world, "PATCH", &path, json!({ "is_public": true }));
    let (_, channels) = world
        .server
        .call("GET", &format!("{path}/channels"), Some(&world.owner), None);
    let general = id(&channels["channels"][0]);
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    owner.ask("open", json!({ "room": general })).unwrap();
    let jiho = id_of(&world, &world.member);
    let join = format!("{path}/join");
    let heard = |client: &mut Client, kind: &str| {
        let event = client.wait(|frame| frame["data"]["system"]["kind"] == kind);
        assert_eq!(event["data"]["author"], json!(jiho));
    };
    let member_does = |method: &str, path: &str| {
        let (status, answer) = world
            .server
            .call(method, path, Some(&world.member), Some(json!({})));
        assert!((200..300).contains(&status), "{answer}");
    };
    member_does("POST", &join);
    heard(&mut owner, "joined");
    member_does("POST", &join);
    member_does("DELETE", &format!("{path}/members/me"));
    heard(&mut owner, "left");
    member_does("POST", &join);
    heard(&mut owner, "joined");
    owner_does(&world, "DELETE", &format!("{path}/members/{jiho}"), json!({}));
    heard(&mut owner, "left");
    let ban = format!("{path}/bans/{jiho}");
    owner_does(&world, "PUT", &ban, json!({}));
    owner_does(&world, "DELETE", &ban, json!({}));
    member_does("POST", &join);
    heard(&mut owner, "joined");
    owner_does(&world, "PUT", &ban, json!({}));
    heard(&mut owner, "left");
    let expected: Vec<(String, String)> = ["joined", "left", "joined", "left", "joined", "left"]
        .map(|kind| (kind.to_owned(), jiho.clone()))
        .to_vec();
    assert_eq!(
        told(&world, &general),
        expected,
        "who is banned without being there does not leave"
    );
    let (_, channels) = world
        .server
        .call("GET", &format!("{path}/channels"), Some(&world.owner), None);
    assert_eq!(channels["channels"][0]["unread"], 0);

    // A crash tells nothing twice, and what it cut off is told afterwards.
    owner_does(&world, "DELETE", &ban, json!({}));
    member_does("POST", &join);
    let world = world.crash();
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    owner.ask("open", json!({ "room": general })).unwrap();
    if told(&world, &general).len() == 6 {
        owner.wait(|frame| frame["data"]["system"]["kind"] == "joined");
    }
    assert_eq!(told(&world, &general).len(), 7);

    // Elsewhere, or nowhere.
    let wrong = json!({ "welcome_room": world.room });
    let (status, problem) = owner_asks(&world, "PATCH", &path, wrong);
    assert_eq!(
        (status, &problem["field"]),
        (400, &json!("welcome_room")),
        "{problem}"
    );
    let (status, problem) = owner_asks(&world, "PATCH", &path, json!({ "welcome_room": MISSING }));
    assert_eq!(
        (status, &problem["field"]),
        (400, &json!("welcome_room")),
        "{problem}"
    );
    owner_does(&world, "PATCH", &path, json!({ "welcome_room": null }));
    let leave = format!("{path}/members/me");
    assert_eq!(
        world.server.call("DELETE", &leave, Some(&world.member), None).0,
        204
    );
    assert_eq!(told(&world, &general).len(), 7);
}

pub(crate) fn a_change_is_told_to_those_whom_it_concerns(form: Form) {
    let world = World::on(form);
    let owner = |method: &str, path: &str, body: Value| {
        super::accounts::done(&world, &world.owner, method, path, body)
    };
    let jiho = super::accounts::id_of(&world, &world.member);
    let guild = format!("/guilds/{}", world.guild);
    let role = owner("POST", &format!("{guild}/roles"), json!({ "name": "cooks" }));
    let role = role["id"].as_str().unwrap();
    let hidden = owner("POST", &format!("{guild}/channels"), json!({ "name": "hidden" }));
    let hidden = hidden["id"].as_str().unwrap();
    let everybody = format!("/rooms/{hidden}/overrides/roles/{}", world.guild);
    owner("PUT", &everybody, json!({ "deny": ["view"] }));

    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    let is_reset = |frame: &Value| frame["signal"] == "reset";
    let cooks = format!("{guild}/roles/{role}");
    let cooks_in = format!("/rooms/{hidden}/overrides/roles/{role}");
    // What is hidden before and after, and a role that nobody has.
    owner("PUT", &cooks_in, json!({ "allow": ["view"] }));
    owner("PATCH", &cooks, json!({ "permissions": ["kick"] }));
    owner("PUT", &everybody, json!({ "deny": ["view", "post"] }));
    // What is told of another channel comes after all that could have been told before.
    let open = owner("POST", &format!("{guild}/channels"), json!({ "name": "open" }));
    let of_open = |frame: &Value| frame["signal"] == "room" && frame["data"]["channel"]["id"] == open["id"];
    member.ask("heartbeat", json!({})).unwrap();
    let told = std::cell::Cell::new(0);
    let count = |frame: &Value| told.set(told.get() + usize::from(is_reset(frame)));
    member.wait(|frame| {
        count(frame);
        of_open(frame)
    });
    assert_eq!(told.get(), 0, "an outsider hears of what is hidden");

    // Whoever gets the role sees the channel; whoever sees it hears that it is gone.
    owner(
        "PUT",
        &format!("{guild}/members/{jiho}/roles"),
        json!({ "roles": [role] }),
    );
    member.wait(is_reset);
    owner("PATCH", &cooks, json!({ "permissions": [] }));
    member.wait(is_reset);
    owner("PUT", &cooks_in, json!({ "deny": ["view"] }));
    member.wait(is_reset);
    owner("PUT", &cooks_in, json!({ "allow": ["view"] }));
    member.wait(|frame| frame["signal"] == "room" && frame["data"]["channel"]["id"] == json!(hidden));
    owner("DELETE", &format!("/rooms/{hidden}"), json!({}));
    member.wait(is_reset);
}
