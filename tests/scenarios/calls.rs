//! What calls people: mentions, replies, and what is left to read.

use serde_json::{Value, json};

use super::conversations::{does, id_of, newcomer, refused};
use super::support::{Client, Form, World};

/// Posts in the world's room; answers the message.
pub(crate) fn post(world: &World, token: &str, body: Value) -> Value {
    let path = format!("/rooms/{}/messages", world.room);
    does(world, token, "POST", &path, Some(body))["message"].clone()
}

/// The world's room as somebody finds it in the list.
pub(crate) fn channel(world: &World, token: &str) -> Value {
    let list = does(
        world,
        token,
        "GET",
        &format!("/guilds/{}/channels", world.guild),
        None,
    );
    let channels = list["channels"].as_array().unwrap();
    let found = channels.iter().find(|channel| channel["id"] == json!(world.room));
    found.unwrap().clone()
}

pub(crate) fn mentions_and_replies_reach_the_inbox(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let own = post(&world, &world.member, json!({ "text": "what about lunch?" }));
    post(
        &world,
        &world.owner,
        json!({ "text": format!("hello <@{jiho}>") }),
    );
    post(
        &world,
        &world.owner,
        json!({ "text": "at noon", "reply_to": own["seq"] }),
    );
    post(
        &world,
        &world.owner,
        json!({ "text": format!("`<@{jiho}>` is code") }),
    );
    let own_name = post(
        &world,
        &world.member,
        json!({ "text": format!("I am <@{jiho}>") }),
    );
    assert!(
        own_name["mentions"].is_null(),
        "nobody calls themselves: {own_name}"
    );
    post(
        &world,
        &world.owner,
        json!({ "text": format!("<@{jiho}> again") }),
    );

    let inbox = does(&world, &world.member, "GET", "/me/inbox", None);
    let called: Vec<(&str, &str)> = inbox["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["called"].as_str().unwrap(),
                entry["message"]["text"].as_str().unwrap(),
            )
        })
        .collect();
    let texts = [format!("<@{jiho}> again"), format!("hello <@{jiho}>")];
    assert_eq!(
        called,
        [
            ("mention", &*texts[0]),
            ("reply", "at noon"),
            ("mention", &*texts[1])
        ],
        "the newest first"
    );
    // What the member has posted since says that everything before was read.
    let read: Vec<bool> = inbox["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["is_read"].as_bool().unwrap())
        .collect();
    assert_eq!(read, [false, true, true]);
    let view = channel(&world, &world.member);
    assert_eq!((&view["unread"], &view["mentions"]), (&json!(1), &json!(1)));

    // Page by page, after a crash.
    let world = world.crash();
    let first = does(&world, &world.member, "GET", "/me/inbox?limit=2", None);
    let next = first["next"].as_str().unwrap();
    let second = does(
        &world,
        &world.member,
        "GET",
        &format!("/me/inbox?limit=2&after={next}"),
        None,
    );
    assert_eq!(second["entries"].as_array().unwrap().len(), 1);
    assert_eq!(second["next"], Value::Null);
    for bad in ["after=x", "limit=0", "limit=101", "limit=x"] {
        let answer = refused(&world, &world.member, "GET", &format!("/me/inbox?{bad}"), None);
        assert_eq!(answer, (400, "invalid_field".to_owned()), "{bad}");
    }
    // A deleted message calls nobody.
    let delete = format!("/rooms/{}/messages/2", world.room);
    does(&world, &world.owner, "DELETE", &delete, None);
    let inbox = does(&world, &world.member, "GET", "/me/inbox", None);
    assert_eq!(inbox["entries"].as_array().unwrap().len(), 2);
}

pub(crate) fn many_are_called_only_by_those_who_may(form: Form) {
    let world = World::on(form);
    let sora = newcomer(&world, "sora");
    let quiet = post(&world, &world.member, json!({ "text": "@everyone look" }));
    assert!(
        quiet["mentions"].is_null(),
        "members call nobody all at once: {quiet}"
    );
    let loud = post(&world, &world.owner, json!({ "text": "@everyone look" }));
    assert_eq!(loud["mentions"]["everyone"], true);
    assert_eq!(channel(&world, &sora)["mentions"], 1);

    // A role calls those who have it, once it may be called.
    let roles = format!("/guilds/{}/roles", world.guild);
    let role = does(
        &world,
        &world.owner,
        "POST",
        &roles,
        Some(json!({ "name": "cooks" })),
    );
    let id = role["id"].as_str().unwrap();
    let set = format!("/guilds/{}/members/{}/roles", world.guild, id_of(&world, &sora));
    does(&world, &world.owner, "PUT", &set, Some(json!({ "roles": [id] })));
    let text = format!("<@&{id}> what is for lunch?");
    let silent = post(&world, &world.member, json!({ "text": text }));
    assert!(silent["mentions"].is_null(), "{silent}");
    let open = json!({ "is_mentionable": true });
    does(
        &world,
        &world.owner,
        "PATCH",
        &format!("{roles}/{id}"),
        Some(open),
    );
    let heard = post(&world, &world.member, json!({ "text": text }));
    assert_eq!(heard["mentions"]["roles"], json!([id]));
    assert_eq!(channel(&world, &sora)["mentions"], 2);
    assert_eq!(
        channel(&world, &world.owner)["mentions"],
        0,
        "who does not have the role is not called"
    );
    does(
        &world,
        &sora,
        "PUT",
        &format!("/rooms/{}/marker", world.room),
        Some(json!({ "seq": heard["seq"] })),
    );
    assert_eq!(channel(&world, &sora)["mentions"], 0);

    let many: String = (0..51)
        .map(|number| format!("<@01ARZ3NDEKTSV4RRFFQ69G5{number:03}>"))
        .collect();
    let path = format!("/rooms/{}/messages", world.room);
    let answer = refused(&world, &world.owner, "POST", &path, Some(json!({ "text": many })));
    assert_eq!(answer, (409, "too_many".to_owned()));
}

pub(crate) fn what_was_read_can_be_unread_again(form: Form) {
    let world = World::on(form);
    for number in 1..=5 {
        post(
            &world,
            &world.owner,
            json!({ "text": format!("message {number}") }),
        );
    }
    let marker = format!("/rooms/{}/marker", world.room);
    does(&world, &world.member, "PUT", &marker, Some(json!({ "seq": 5 })));
    let (mut other, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut client, _) = Client::sign_in(world.server.address(), &world.member, None);
    let read = client
        .ask("mark_unread", json!({ "room": world.room, "seq": 3 }))
        .unwrap();
    assert_eq!((&read["marker"]["seq"], &read["unread"]), (&json!(2), &json!(3)));
    // Both are of one session, as two tabs are.
    // That it was read to the end may still be on its way.
    other.wait(|frame| {
        frame["signal"] == "marker" && frame["data"]["seq"] == 2 && frame["data"]["back"] == true
    });
    let world = world.crash();
    assert_eq!(channel(&world, &world.member)["unread"], 3);
    let all = does(
        &world,
        &world.member,
        "POST",
        "/me/read",
        Some(json!({ "guild": world.guild })),
    );
    assert_eq!(all["rooms"], 1);
    assert_eq!(channel(&world, &world.member)["unread"], 0);
    let all = does(&world, &world.member, "POST", "/me/read", Some(json!({})));
    assert_eq!(all["rooms"], 0, "there is no conversation");
    let path = format!("/rooms/{}/messages/99/unread", world.room);
    assert_eq!(
        refused(&world, &world.member, "PUT", &path, None),
        (404, "not_found".to_owned())
    );
}

pub(crate) fn what_is_unread_again_stays_so_wherever_it_was_read(form: Form) {
    let world = World::on(form);
    for number in 1..=9 {
        let text = json!({ "text": format!("message {number}") });
        post(&world, &world.owner, text);
    }
    let (mut here, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut there, _) = Client::sign_in(world.server.address(), &world.member, None);
    // The first is written at once, the second one waits a while.
    for seq in [4, 8] {
        here.ask("mark", json!({ "room": world.room, "seq": seq }))
            .unwrap();
    }
    there
        .ask("mark_unread", json!({ "room": world.room, "seq": 7 }))
        .unwrap();
    here.wait(|frame| frame["signal"] == "marker" && frame["data"]["back"] == true);
    // Whatever waits is written before a server ends.
    let world = world.restart_with(|_| {});
    assert_eq!(channel(&world, &world.member)["unread"], 3);
}

pub(crate) fn wishes_about_notifications_are_kept(form: Form) {
    let world = World::on(form);
    let room = format!("/me/notifications/rooms/{}", world.room);
    let guild = format!("/me/notifications/guilds/{}", world.guild);
    does(
        &world,
        &world.member,
        "PATCH",
        &room,
        Some(json!({ "level": "all" })),
    );
    does(
        &world,
        &world.member,
        "PATCH",
        &guild,
        Some(json!({ "level": "nothing", "muted_seconds": 3600 })),
    );
    let world = world.crash();
    let wishes = does(&world, &world.member, "GET", "/me/notifications", None);
    let levels: Vec<&Value> = wishes["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wish| &wish["level"])
        .collect();
    assert_eq!(levels, [&json!("nothing"), &json!("all")]);
    assert!(wishes["notifications"][0]["muted_until"].is_string());
    let others = does(&world, &world.owner, "GET", "/me/notifications", None);
    assert_eq!(others["notifications"], json!([]));
    does(
        &world,
        &world.member,
        "PATCH",
        &guild,
        Some(json!({ "level": "default", "muted_seconds": 0 })),
    );
    let wishes = does(&world, &world.member, "GET", "/me/notifications", None);
    assert_eq!(wishes["notifications"].as_array().unwrap().len(), 1);
    // A mute that has run out is none, and what one sees no more one has no wishes about.
    let soon = json!({ "level": "default", "muted_seconds": 1 });
    let until = does(&world, &world.member, "PATCH", &guild, Some(soon))["muted_until"].clone();
    let until = until.as_str().unwrap().to_owned();
    let list = || does(&world, &world.member, "GET", "/me/notifications", None)["notifications"].clone();
    while channel_time(&world) <= until {
        post(&world, &world.owner, json!({ "text": "time goes by" }));
    }
    assert_eq!(list().as_array().unwrap().len(), 1);
    for bad in [
        json!({ "level": "loud" }),
        json!({ "muted_seconds": 31_536_001 }),
        json!({ "level": 1 }),
    ] {
        let answer = refused(&world, &world.member, "PATCH", &room, Some(bad.clone()));
        assert_eq!(answer, (400, "invalid_field".to_owned()), "{bad}");
    }
    let leave = format!("/guilds/{}/members/me", world.guild);
    does(&world, &world.member, "DELETE", &leave, None);
    assert_eq!(list(), json!([]));
}

/// When the newest event of the world's room was.
fn channel_time(world: &World) -> String {
    channel(world, &world.owner)["at"].as_str().unwrap().to_owned()
}

pub(crate) fn a_deleted_mention_calls_nobody(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let counts = || {
        let channel = channel(&world, &world.member);
        [channel["unread"].clone(), channel["mentions"].clone()]
    };
    let by_name = post(
        &world,
        &world.owner,
        json!({ "text": format!("hello <@{jiho}>") }),
    );
    let to_all = post(&world, &world.owner, json!({ "text": "@everyone eats" }));
    post(&world, &world.owner, json!({ "text": format!("<@{jiho}>?") }));
    assert_eq!(counts(), [json!(3), json!(3)]);
    for (message, left) in [(by_name, 2), (to_all, 1)] {
        let path = format!("/rooms/{}/messages/{}", world.room, message["seq"]);
        does(&world, &world.owner, "DELETE", &path, None);
        assert_eq!(counts(), [json!(left), json!(left)]);
    }
}

pub(crate) fn a_page_is_found_by_its_date(form: Form) {
    let world = World::on(form);
    let mut times = Vec::new();
    for number in 1..=30 {
        let message = post(
            &world,
            &world.owner,
            json!({ "text": format!("message {number}") }),
        );
        times.push(message["at"].as_str().unwrap().to_owned());
    }
    let page = |at: &str| {
        let path = format!(
            "/rooms/{}/messages?limit=3&at={}",
            world.room,
            at.replace('+', "%2B")
        );
        let page = does(&world, &world.owner, "GET", &path, None);
        let seqs = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["seq"].as_u64().unwrap());
        seqs.collect::<Vec<_>>()
    };
    let middle = &times[14];
    let first = times.iter().position(|time| time == middle).unwrap() as u64 + 1;
    assert!(page(middle).contains(&first), "the first message of that moment");
    assert!(page("1999-01-01T00:00:00+09:00").is_empty() || page("1999-01-01T00:00:00+09:00")[0] == 1);
    assert!(page("2999-01-01T00:00:00Z").contains(&30));
    for bad in ["at=yesterday", "at=2030-01-31T09:30:00Z&before=3", "at="] {
        let path = format!("/rooms/{}/messages?{bad}", world.room);
        let (status, code) = refused(&world, &world.owner, "GET", &path, None);
        assert_eq!((status, &*code), (400, "invalid_field"), "{bad}");
    }
}
