//! Running a guild: invites, deleting what somebody wrote, deleting the guild.

use serde_json::{Value, json};

use super::people::{id_of, owner_does};
use super::support::{Client, Form, World};

const MISSING: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

pub(crate) fn get(world: &World, token: &str, path: &str) -> (u16, Value) {
    world.server.call("GET", path, Some(token), None)
}

pub(crate) fn owner_gets(world: &World, path: &str) -> Value {
    let (status, answer) = get(world, &world.owner, path);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// An invite of the owner: its code and its id.
pub(crate) fn invite(world: &World, more: Value) -> (String, String) {
    let mut body = json!({ "guild": world.guild });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let (status, made) = world
        .server
        .call("POST", "/api/v1/invites", Some(&world.owner), Some(body));
    assert_eq!(status, 201, "{made}");
    (text(&made["code"]), text(&made["id"]))
}

/// Somebody new who comes by an invite.
fn newcomer(world: &World, code: &str, name: &str) -> (u16, String) {
    let body = json!({ "name": name, "password": "battery staple", "transport": "bearer" });
    let path = format!("/api/v1/invites/{code}/accept");
    let (status, session) = world.server.call("POST", &path, None, Some(body));
    (status, session["token"].as_str().unwrap_or_default().to_owned())
}

pub(crate) fn invites_are_listed_and_taken_back(form: Form) {
    let world = World::on(form);
    let list = format!("/api/v1/guilds/{}/invites", world.guild);
    // The world's own invite, which the member came by.
    let first = owner_gets(&world, &list)["invites"][0].clone();
    assert_eq!((&first["uses"], &first["uses_left"]), (&json!(1), &Value::Null));
    let (code, id) = invite(&world, json!({ "max_uses": 2 }));
    let listed = owner_gets(&world, &list);
    assert!(!listed.to_string().contains(&code), "a code is told once");
    let ours = listed["invites"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == json!(id))
        .unwrap()
        .clone();
    assert_eq!((&ours["uses"], &ours["uses_left"]), (&json!(0), &json!(2)));
    assert_eq!(ours["inviter"], json!(id_of(&world, &world.owner)));
    let (_, sora) = newcomer(&world, &code, "소라");
    let ours = owner_gets(&world, &list)["invites"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == json!(id))
        .unwrap()
        .clone();
    assert_eq!((&ours["uses"], &ours["uses_left"]), (&json!(1), &json!(1)));
    assert_eq!(
        get(&world, &world.member, &list).0,
        403,
        "members make no invites"
    );

    // Who came by which, also after a crash; whoever is no member any more is not told of.
    let world = world.crash();
    let arrivals = format!("/api/v1/guilds/{}/arrivals", world.guild);
    let came = owner_gets(&world, &arrivals);
    let by = |user: &str| {
        came["arrivals"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["user"] == json!(user))
            .unwrap()["invite"]
            .clone()
    };
    let (jiho, sora_id) = (id_of(&world, &world.member), id_of(&world, &sora));
    assert_eq!((by(&sora_id), by(&jiho)), (json!(id), first["id"].clone()));
    assert_eq!(get(&world, &world.member, &arrivals).0, 403);
    owner_does(
        &world,
        "DELETE",
        &format!("/api/v1/guilds/{}/members/{sora_id}", world.guild),
        json!({}),
    );
    assert_eq!(
        owner_gets(&world, &arrivals)["arrivals"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    // Taken back by those who may; others do not learn whether it exists.
    let path = format!("{list}/{id}");
    let missing = world
        .server
        .call("DELETE", &format!("{list}/{MISSING}"), Some(&world.member), None);
    assert_eq!(
        world.server.call("DELETE", &path, Some(&world.member), None),
        missing
    );
    assert_eq!(missing.0, 403);
    owner_does(&world, "DELETE", &path, json!({}));
    assert_eq!(
        world.server.call("DELETE", &path, Some(&world.owner), None).0,
        404
    );
    assert_eq!(newcomer(&world, &code, "하나").0, 404);

    // A hundred a person, exactly; a place that is free again can be taken.
    let mut ids = Vec::new();
    for _ in 0..99 {
        ids.push(invite(&world, json!({})).1);
    }
    let body = json!({ "guild": world.guild });
    let one_more = || {
        world
            .server
            .call("POST", "/api/v1/invites", Some(&world.owner), Some(body.clone()))
    };
    let (status, problem) = one_more();
    assert_eq!((status, &problem["code"]), (409, &json!("too_many")), "{problem}");
    let (mut seen, mut after) = (0, String::new());
    loop {
        let page = owner_gets(&world, &format!("{list}?limit=30{after}"));
        seen += page["invites"].as_array().unwrap().len();
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 100);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("after=x", "after"),
        ("after=%C3%A9", "after"),
    ] {
        let (status, problem) = get(&world, &world.owner, &format!("{list}?{query}"));
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{query}");
    }
    owner_does(&world, "DELETE", &format!("{list}/{}", ids[7]), json!({}));
    let statuses = std::thread::scope(|scope| {
        let other = scope.spawn(|| one_more().0);
        (one_more().0, other.join().unwrap())
    });
    assert!(matches!(statuses, (201, 409) | (409, 201)), "{statuses:?}");
}

fn texts(world: &World, room: &str) -> Vec<String> {
    let page = owner_gets(world, &format!("/api/v1/rooms/{room}/messages?limit=200"));
    let messages = page["messages"].as_array().unwrap();
    messages.iter().map(|message| text(&message["text"])).collect()
}

pub(crate) fn moderators_delete_many_messages_at_once(form: Form) {
    let world = World::on(form);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    owner.ask("open", json!({ "room": world.room })).unwrap();
    for number in 1..=5 {
        member
            .ask(
                "post",
                json!({ "room": world.room, "text": format!("text {number}") }),
            )
            .unwrap();
    }
    let path = format!("/api/v1/rooms/{}/deletions", world.room);
    let body = json!({ "seqs": [1] });
    assert_eq!(
        world
            .server
            .call("POST", &path, Some(&world.member), Some(body))
            .0,
        403
    );
    let done = owner
        .ask(
            "delete_messages",
            json!({ "room": world.room, "seqs": [4, 2, 2, 99], "reason": "spam" }),
        )
        .unwrap();
    assert_eq!(done["deleted"], json!([2, 4]));
    for seq in [2, 4] {
        owner.wait(|frame| frame["kind"] == "message.deleted" && frame["data"]["seq"] == seq);
    }
    let again = owner
        .ask("delete_messages", json!({ "room": world.room, "seqs": [1, 2] }))
        .unwrap();
    assert_eq!(again["deleted"], json!([1]));
    for (seqs, code) in [
        (json!((1..=101).collect::<Vec<u64>>()), "too_large"),
        (json!([-1]), "invalid_field"),
        (json!(["1"]), "invalid_field"),
        (json!(7), "invalid_field"),
        (Value::Null, "missing_field"),
    ] {
        let problem = owner
            .ask("delete_messages", json!({ "room": world.room, "seqs": seqs }))
            .unwrap_err();
        assert_eq!(
            (&problem["code"], &problem["field"]),
            (&json!(code), &json!("seqs"))
        );
    }
    let hidden = json!({ "room": MISSING, "seqs": [1] });
    assert_eq!(
        owner.ask("delete_messages", hidden).unwrap_err()["code"],
        "not_found"
    );
    let world = world.crash();
    assert_eq!(texts(&world, &world.room), ["", "", "text 3", "", "text 5"]);
}

pub(crate) fn a_ban_takes_back_what_was_written(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let channels = format!("/api/v1/guilds/{}/channels", world.guild);
    let (_, second) = world.server.call(
        "POST",
        &channels,
        Some(&world.owner),
        Some(json!({ "name": "second" })),
    );
    let second = text(&second["id"]);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    for room in [&world.room, &second] {
        for number in 0..3 {
            member
                .ask("post", json!({ "room": room, "text": format!("spam {number}") }))
                .unwrap();
            owner
                .ask("post", json!({ "room": room, "text": "fine" }))
                .unwrap();
        }
    }
    let ban = format!("/api/v1/guilds/{}/bans/{jiho}", world.guild);
    for hours in [json!(0), json!(169), json!("x")] {
        let body = json!({ "purge_hours": hours });
        let (status, problem) = world.server.call("PUT", &ban, Some(&world.owner), Some(body));
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!("purge_hours")),
            "{problem}"
        );
    }
    owner_does(&world, "PUT", &ban, json!({ "purge_hours": 1, "reason": "spam" }));
    // Whatever was done by then, the rest is done after the crash.
    let world = world.crash();
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    for room in [&world.room, &second] {
        owner.ask("open", json!({ "room": room })).unwrap();
    }
    for room in [&world.room, &second] {
        while texts(&world, room).iter().any(|text| text.starts_with("spam")) {
            owner.wait(|frame| frame["kind"] == "message.deleted");
        }
        assert_eq!(texts(&world, room), ["", "fine", "", "fine", "", "fine"]);
    }
    assert_eq!(get(&world, &world.member, &channels).0, 404);
}

pub(crate) fn a_deleted_guild_is_as_if_it_had_never_been(form: Form) {
    let world = World::on(form);
    let (_, guild) = world.server.call(
        "POST",
        "/api/v1/guilds",
        Some(&world.owner),
        Some(json!({ "name": "a b" })),
    );
    let guild = text(&guild["id"]);
    let path = format!("/api/v1/guilds/{guild}");
    owner_does(&world, "PATCH", &path, json!({ "is_public": true }));
    owner_does(
        &world,
        "POST",
        &format!("{path}/channels"),
        json!({ "name": "more" }),
    );
    let join = format!("{path}/join");
    assert_eq!(
        world
            .server
            .call("POST", &join, Some(&world.member), Some(json!({})))
            .0,
        200
    );
    let body = json!({ "guild": guild });
    let (_, invite) = world
        .server
        .call("POST", "/api/v1/invites", Some(&world.owner), Some(body));
    let room = text(&owner_gets(&world, &format!("{path}/channels"))["channels"][0]["id"]);
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    member.ask("open", json!({ "room": room })).unwrap();

    assert_eq!(
        world
            .server
            .call("DELETE", &format!("{path}?name=a%20b"), Some(&world.member), None)
            .0,
        403
    );
    for (query, code) in [
        ("", "missing_field"),
        ("?name=a", "invalid_field"),
        ("?name=A%20B", "invalid_field"),
    ] {
        let (status, problem) =
            world
                .server
                .call("DELETE", &format!("{path}{query}"), Some(&world.owner), None);
        assert_eq!(
            (status, &problem["code"], &problem["field"]),
            (400, &json!(code), &json!("name"))
        );
    }
    // Members post while it goes.
    let posted = std::thread::scope(|scope| {
        let posting = scope.spawn(|| {
            let path = format!("/api/v1/rooms/{room}/messages");
            (0..20)
                .map(|number| {
                    let body = json!({ "text": format!("post {number}") });
                    world
                        .server
                        .call("POST", &path, Some(&world.member), Some(body))
                        .0
                })
                .collect::<Vec<u16>>()
        });
        owner_does(
            &world,
            "DELETE",
            &format!("{path}?name=a%20b&reason=over"),
            json!({}),
        );
        posting.join().unwrap()
    });
    let first_refused = posted
        .iter()
        .position(|status| *status != 201)
        .unwrap_or(posted.len());
    assert!(
        posted[first_refused..].iter().all(|status| *status == 404),
        "{posted:?}"
    );
    // Either may come first: a post that was let in before the end is judged as soon as it is delivered.
    let (mut has_left, mut is_let_go) = (false, false);
    while !has_left || !is_let_go {
        let frame = member.wait(|_| true);
        has_left |= frame["signal"] == "guild_left" && frame["data"]["guild"] == json!(guild);
        is_let_go |= frame["signal"] == "reset" && frame["data"]["stream"] == format!("room:{room}");
    }

    let gone = |world: &World| {
        for token in [&world.owner, &world.member] {
            for rest in [
                "/channels",
                "/members",
                "/roles",
                "/bans",
                "/categories",
                "/invites",
                "/arrivals",
            ] {
                let missing = get(world, token, &format!("/api/v1/guilds/{MISSING}{rest}"));
                assert_eq!(get(world, token, &format!("{path}{rest}")), missing, "{rest}");
            }
            assert_eq!(
                get(world, token, &format!("/api/v1/rooms/{room}/messages")).0,
                404
            );
            let (_, guilds) = get(world, token, "/api/v1/guilds");
            assert_eq!(guilds["guilds"].as_array().unwrap().len(), 1);
            assert_eq!(
                world.server.call("POST", &join, Some(token), Some(json!({}))).0,
                404
            );
        }
        let code = text(&invite["code"]);
        let by_code = format!("/api/v1/invites/{code}");
        assert_eq!(world.server.call("GET", &by_code, None, None).0, 404);
        assert_eq!(newcomer(world, &code, "두리").0, 404);
        let again = world
            .server
            .call("DELETE", &format!("{path}?name=a%20b"), Some(&world.owner), None);
        assert_eq!(again.0, 404);
    };
    gone(&world);
    let world = world.crash();
    gone(&world);
    let (_, ready) = Client::sign_in(world.server.address(), &world.member, None);
    assert_eq!(ready["guilds"].as_array().unwrap().len(), 1);
}

pub(crate) fn what_was_begun_ends_after_a_crash(form: Form) {
    let mut world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let posts = format!("/rooms/{}/messages", world.room);
    let audit = format!(
        "/api/v1/guilds/{}/audit?kind=message.deleted&limit=100",
        world.guild
    );
    let mut audited = 0;
    for round in 0..4_u64 {
        // Killed a little later each time: before, in the middle of and after what was asked for.
        let wait = |world: &World| (0..round * 8).for_each(|_| drop(world.server.text("/healthz")));
        let (mut theirs, mut others) = (Vec::new(), Vec::new());
        for _ in 0..30 {
            for (token, seqs) in [(&world.member, &mut theirs), (&world.owner, &mut others)] {
                let posted = super::accounts::done(&world, token, "POST", &posts, json!({ "text": "spam" }));
                seqs.push(posted["message"]["seq"].as_u64().unwrap());
            }
        }
        let body = json!({ "seqs": theirs[..20], "reason": "spam" }).to_string();
        let request = format!(
            "POST /api/v1/rooms/{}/deletions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            world.room,
            world.owner,
            body.len()
        );
        let mut stream = std::net::TcpStream::connect(world.server.address()).unwrap();
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        wait(&world);
        world = world.crash();
        // Asked again it is done, and each deletion is accounted for once.
        let again = json!({ "seqs": theirs[..20], "reason": "spam" });
        let path = format!("/rooms/{}/deletions", world.room);
        super::accounts::done(&world, &world.owner, "POST", &path, again);
        audited += 20;
        let entries = owner_gets(&world, &audit)["entries"].as_array().unwrap().len();
        assert_eq!(entries, audited, "round {round}");

        let ban = format!("/api/v1/guilds/{}/bans/{jiho}", world.guild);
        owner_does(&world, "PUT", &ban, json!({ "purge_hours": 1 }));
        wait(&world);
        world = world.crash();
        let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
        owner.ask("open", json!({ "room": world.room })).unwrap();
        let page = |seqs: &[u64]| {
            let page = owner_gets(&world, &format!("/api/v1{posts}?limit=200"));
            let messages = page["messages"].as_array().unwrap().clone();
            let is_left = |message: &&Value| {
                let is_wanted = seqs.contains(&message["seq"].as_u64().unwrap());
                is_wanted && message["deleted"].is_null()
            };
            messages.iter().filter(is_left).count()
        };
        while page(&theirs) > 0 {
            owner.wait(|frame| frame["kind"] == "message.deleted");
        }
        assert_eq!(page(&others), 30, "round {round}");
        owner_does(&world, "DELETE", &ban, json!({}));
        let (code, _) = invite(&world, json!({}));
        let join = format!("/api/v1/invites/{code}/join");
        let joined = world
            .server
            .call("POST", &join, Some(&world.member), Some(json!({})));
        assert_eq!(joined.0, 200);
        super::accounts::done(&world, &world.owner, "POST", &path, json!({ "seqs": others }));
    }
}
