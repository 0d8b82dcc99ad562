//! The HTTP interface of the real binary, as strangers and members see it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::support::{Client, Form, PATIENCE, Server, World};
use serde_json::{Value, json};

/// The same request from several threads at once; answers the statuses, sorted.
pub(crate) fn at_once(count: usize, request: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Vec<u16> {
    let request = Arc::new(request);
    let start = Arc::new(std::sync::Barrier::new(count));
    let threads: Vec<_> = (0..count)
        .map(|index| {
            let (request, start) = (Arc::clone(&request), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                request(index)
            })
        })
        .collect();
    let mut statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    statuses.sort_unstable();
    statuses
}

pub(crate) fn of_two_set_ups_one_wins(form: Form) {
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::start(form, folder.path(), None));
    let racing = Arc::clone(&server);
    let statuses = at_once(2, move |index| {
        let body = json!({
            "token": racing.setup_token, "instance_name": "yard", "guild_name": "guild",
            "name": format!("owner{index}"), "password": "correct horse", "transport": "bearer",
        });
        racing.call("POST", "/api/v1/setup", None, Some(body)).0
    });
    assert_eq!(statuses, [201, 409]);
    let (_, instance) = server.call("GET", "/api/v1/instance", None, None);
    assert_eq!(instance["set_up"], true);
}

pub(crate) fn a_set_up_link_works_with_its_token_only(form: Form) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(form, folder.path(), None);
    let body = |token: &str| {
        json!({
            "token": token, "instance_name": "yard", "guild_name": "guild", "name": "owner",
            "password": "correct horse",
        })
    };
    let (status, problem) = server.call("POST", "/api/v1/setup", None, Some(body(&"0".repeat(64))));
    assert!((400..500).contains(&status), "{problem}");
    let first = server.setup_token.clone().unwrap();
    let addresses = server.addresses();
    server.kill();
    let server = Server::start(form, folder.path(), Some(&addresses));
    assert_ne!(
        server.setup_token.as_deref(),
        Some(first.as_str()),
        "a start makes a new link"
    );
    let (status, problem) = server.call("POST", "/api/v1/setup", None, Some(body(&first)));
    assert_eq!(status, 201, "whoever was about to use the old one can: {problem}");
    let newest = body(server.setup_token.as_deref().unwrap());
    let (status, _) = server.call("POST", "/api/v1/setup", None, Some(newest));
    assert!((400..500).contains(&status), "there is an owner");
}

pub(crate) fn the_last_use_of_an_invite_lets_one_in(form: Form) {
    let world = World::on(form);
    let invite = json!({ "guild": world.guild, "max_uses": 1 });
    let (_, invite) = world
        .server
        .call("POST", "/api/v1/invites", Some(&world.owner), Some(invite));
    let path = format!("/api/v1/invites/{}/accept", invite["code"].as_str().unwrap());
    let server = Arc::new(world.server);
    let racing = (Arc::clone(&server), path.clone());
    let statuses = at_once(3, move |index| {
        let body = json!({ "name": format!("guest{index}"), "password": "correct horse" });
        racing.0.call("POST", &racing.1, None, Some(body)).0
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    let body = json!({ "name": "late", "password": "correct horse" });
    assert_eq!(server.call("POST", &path, None, Some(body)).0, 404);
}

pub(crate) fn of_two_same_names_one_is_taken(form: Form) {
    let world = World::on(form);
    let invite = json!({ "guild": world.guild });
    let (_, invite) = world
        .server
        .call("POST", "/api/v1/invites", Some(&world.owner), Some(invite));
    let path = format!("/api/v1/invites/{}/accept", invite["code"].as_str().unwrap());
    let server = Arc::new(world.server);
    let racing = (Arc::clone(&server), path.clone());
    let statuses = at_once(2, move |index| {
        let name = if index == 0 { "Sora" } else { "sora" };
        racing
            .0
            .call(
                "POST",
                &racing.1,
                None,
                Some(json!({ "name": name, "password": "correct horse" })),
            )
            .0
    });
    assert_eq!(statuses, [201, 409]);
    for name in ["MINJI", "s\u{200b}ora", "an\u{202e}na", "a\u{7}b", "x"] {
        let body = json!({ "name": name, "password": "correct horse" });
        let (status, problem) = server.call("POST", &path, None, Some(body));
        assert!(
            status == 409 || problem["field"] == "name",
            "{name:?}: {status} {problem}"
        );
    }
    let short = json!({ "name": "hana", "password": "short" });
    assert_eq!(
        server.call("POST", &path, None, Some(short)).1["field"],
        "password"
    );
}

pub(crate) fn every_door_is_closed_to_strangers(form: Form) {
    let world = World::on(form);
    let (guild, room) = (&world.guild, &world.room);
    for (method, path) in [
        ("GET", "/api/v1/me".to_owned()),
        ("GET", "/api/v1/users?ids=01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()),
        ("GET", "/api/v1/guilds".to_owned()),
        ("GET", format!("/api/v1/guilds/{guild}/channels")),
        ("POST", format!("/api/v1/guilds/{guild}/channels")),
        ("GET", format!("/api/v1/guilds/{guild}/members")),
        ("POST", "/api/v1/guilds".to_owned()),
        ("PATCH", format!("/api/v1/guilds/{guild}")),
        ("POST", format!("/api/v1/guilds/{guild}/join")),
        ("POST", "/api/v1/invites/x/join".to_owned()),
        ("DELETE", format!("/api/v1/guilds/{guild}/members/me")),
        ("PATCH", format!("/api/v1/guilds/{guild}/members/{guild}")),
        ("DELETE", format!("/api/v1/guilds/{guild}/members/{guild}")),
        ("PUT", format!("/api/v1/guilds/{guild}/members/{guild}/roles")),
        ("PUT", format!("/api/v1/guilds/{guild}/owner")),
        ("GET", format!("/api/v1/guilds/{guild}/bans")),
        ("PUT", format!("/api/v1/guilds/{guild}/bans/{guild}")),
        ("DELETE", format!("/api/v1/guilds/{guild}/bans/{guild}")),
        ("GET", format!("/api/v1/guilds/{guild}/roles")),
        ("POST", format!("/api/v1/guilds/{guild}/roles")),
        ("PATCH", format!("/api/v1/guilds/{guild}/roles/{guild}")),
        ("DELETE", format!("/api/v1/guilds/{guild}/roles/{guild}")),
        ("PATCH", format!("/api/v1/rooms/{room}")),
        ("DELETE", format!("/api/v1/rooms/{room}")),
        ("PUT", format!("/api/v1/rooms/{room}/overrides/roles/{guild}")),
        ("PUT", format!("/api/v1/rooms/{room}/overrides/users/{guild}")),
        ("POST", "/api/v1/invites".to_owned()),
        ("DELETE", "/api/v1/sessions/current".to_owned()),
        ("GET", format!("/api/v1/rooms/{room}/messages")),
        ("POST", format!("/api/v1/rooms/{room}/messages")),
        ("PATCH", format!("/api/v1/rooms/{room}/messages/1")),
        ("DELETE", format!("/api/v1/rooms/{room}/messages/1")),
        ("PUT", format!("/api/v1/rooms/{room}/messages/1/reactions/x")),
        ("GET", format!("/api/v1/rooms/{room}/messages/1/reactions/x")),
        ("PUT", format!("/api/v1/rooms/{room}/marker")),
    ] {
        for token in [None, Some("0".repeat(64))] {
            let (status, problem) = world
                .server
                .call(method, &path, token.as_deref(), Some(json!({})));
            assert_eq!(
                (status, &problem["code"]),
                (401, &json!("unauthenticated")),
                "{method} {path}"
            );
        }
    }
    // What a member may not do is not what nobody may do.
    let channel = Some(json!({ "name": "mine" }));
    let path = format!("/api/v1/guilds/{guild}/channels");
    assert_eq!(
        world.server.call("POST", &path, Some(&world.member), channel).0,
        403
    );
    let (status, _) = world.server.call(
        "POST",
        "/api/v1/invites",
        Some(&world.member),
        Some(json!({ "guild": guild })),
    );
    assert_eq!(status, 403);
}

pub(crate) fn bad_bodies_have_their_codes(form: Form) {
    let world = World::on(form);
    let path = format!("/api/v1/rooms/{}/messages", world.room);
    let request = |content_type: &str, body: &[u8]| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            world.server.address(),
            world.owner,
            body.len()
        );
        let (status, problem) = world.server.raw(&[head.as_bytes(), body].concat());
        (status, problem["code"].as_str().unwrap_or_default().to_owned())
    };
    let json_type = "application/json";
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(request("text/plain", b"{}"), is(415, "unsupported_media_type"));
    assert_eq!(request(json_type, b""), is(400, "malformed"));
    assert_eq!(request(json_type, b"[]"), is(400, "malformed"));
    assert_eq!(request(json_type, b"{\"text\":\"\xff\"}"), is(400, "malformed"));
    assert_eq!(
        request(json_type, b"{\"text\":\"\\ud800\"}"),
        is(400, "malformed")
    );
    assert_eq!(
        request(json_type, "{\"a\":".repeat(5_000).as_bytes()),
        is(400, "malformed")
    );
    assert_eq!(request(json_type, b"{\"text\":1}"), is(400, "invalid_field"));
    assert_eq!(
        request(json_type, b"{\"text\":\"x\",\"more\":1}"),
        is(400, "unknown_field")
    );
    assert_eq!(request(json_type, b"{}"), is(400, "missing_field"));
    assert_eq!(request(json_type, b"{\"text\":\"x\"}"), (201, String::new()));
    let (status, _) = world.server.call("GET", "/api/v1/nothing", None, None);
    assert_eq!(status, 404);
    let (status, _) = world
        .server
        .call("PUT", "/api/v1/me", Some(&world.owner), Some(json!({})));
    assert_eq!(status, 405);
}

pub(crate) fn another_sites_page_does_nothing_with_a_cookie(form: Form) {
    let world = World::on(form);
    let address = world.server.address();
    let request = |origin: &str| {
        let body = r#"{"text":"from elsewhere"}"#;
        let request = format!(
            "POST /api/v1/rooms/{}/messages HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{origin}\
             Cookie: madang_session={}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            world.room,
            address,
            world.owner,
            body.len()
        );
        world.server.raw(request.as_bytes()).0
    };
    assert_eq!(request("Origin: https://evil.example\r\n"), 403);
    assert_eq!(request("Origin: null\r\n"), 403);
    assert_eq!(request(""), 403);
    assert_eq!(request(&format!("Origin: http://{}\r\n", address)), 201);
}

pub(crate) fn everything_is_there_after_a_crash(form: Form) {
    let world = World::on(form);
    let path = format!("/api/v1/rooms/{}/messages", world.room);
    for index in 0..30 {
        let body = json!({ "text": format!("메시지 {index}") });
        assert_eq!(
            world.server.call("POST", &path, Some(&world.owner), Some(body)).0,
            201
        );
    }
    let world = world.crash();
    let read = |query: &str| {
        world
            .server
            .call("GET", &format!("{path}?{query}"), Some(&world.member), None)
            .1
    };
    let seqs = |page: &Value| -> Vec<u64> {
        page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["seq"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(seqs(&read("limit=10")), (21..=30).collect::<Vec<_>>());
    assert_eq!(seqs(&read("before=21&limit=10")), (11..=20).collect::<Vec<_>>());
    assert_eq!(seqs(&read("after=28")), [29, 30]);
    assert_eq!(seqs(&read("around=15&limit=4")), [13, 14, 15, 16]);
    let channels = format!("/api/v1/guilds/{}/channels", world.guild);
    let (_, page) = world.server.call("GET", &channels, Some(&world.member), None);
    assert_eq!(page["channels"][0]["unread"], 30);
    let (_, page) = world.server.call("GET", &channels, Some(&world.owner), None);
    assert_eq!(page["channels"][0]["unread"], 0, "one's own messages are read");
}

pub(crate) fn slow_clients_are_cut_off_and_disturb_nobody(form: Form) {
    let world = World::on(form);
    let mut head = TcpStream::connect(world.server.address()).unwrap();
    head.set_read_timeout(Some(PATIENCE)).unwrap();
    head.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        .unwrap();
    let mut body = TcpStream::connect(world.server.address()).unwrap();
    body.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "POST /api/v1/rooms/{}/messages HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        world.room,
        world.server.address(),
        world.owner
    );
    body.write_all(request.as_bytes()).unwrap();
    let (mut silent, _) = Client::connect(world.server.address());

    assert_eq!(
        world.server.call("GET", "/api/v1/me", Some(&world.owner), None).0,
        200
    );
    let mut answer = Vec::new();
    head.read_to_end(&mut answer).unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "the head never ended");
    let mut answer = [0; 12];
    body.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(
        silent.read(),
        Err(4001),
        "whoever does not authenticate is closed"
    );
}

pub(crate) fn guessing_passwords_is_slowed_and_the_owner_still_gets_in(form: Form) {
    let world = World::on(form);
    let try_to_sign_in = |name: &str, password: &str| {
        let body = json!({ "name": name, "password": password, "transport": "bearer" });
        world.server.call("POST", "/api/v1/sessions", None, Some(body))
    };
    // A name that nobody has is answered like a wrong password, and counts like one.
    for name in ["minji", "nobody"] {
        let mut codes = Vec::new();
        loop {
            let (status, problem) = try_to_sign_in(name, "a wrong guess");
            codes.push(status);
            if status == 429 {
                assert_eq!(problem["code"], "rate_limited", "{problem}");
                break;
            }
            assert_eq!(
                (status, problem["code"].as_str()),
                (401, Some("wrong_credentials"))
            );
            assert!(codes.len() < 100, "{name} can be guessed for ever");
        }
        assert!(codes.len() > 3, "people mistype: {codes:?}");
        // Also with the right password: otherwise the limit would tell which guess was right.
        assert_eq!(try_to_sign_in(name, "correct horse").0, 429);
    }
    // Whoever is signed in already does not notice.
    let (status, _) = world.server.call("GET", "/api/v1/me", Some(&world.owner), None);
    assert_eq!(status, 200);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    minji
        .ask("post", json!({ "room": world.room, "text": "still here" }))
        .unwrap();
}

pub(crate) fn the_figures_tell_what_happened(form: Form) {
    let world = World::on(form);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    minji.ask("open", json!({ "room": world.room })).unwrap();
    for _ in 0..3 {
        minji
            .ask("post", json!({ "room": world.room, "text": "hello" }))
            .unwrap();
        minji.wait(|frame| frame["kind"] == "message.posted");
    }
    assert_eq!(world.server.call("GET", "/api/v1/me", None, None).0, 401);
    let text = world.server.text("/metrics");
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is in no line of\n{text}"))[name.len()..]
            .trim()
            .parse()
            .unwrap()
    };
    assert_eq!(value("madang_store_ready"), 1.0);
    assert_eq!(value("madang_hub_connections"), 1.0);
    assert_eq!(value("madang_hub_deliveries_total"), 3.0);
    assert!(value("madang_http_requests_total{class=\"4xx\"}") >= 1.0);
    assert!(value("madang_http_request_duration_seconds_count") >= 4.0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, number) = line.rsplit_once(' ').unwrap();
        number.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
    }
}

pub(crate) fn what_is_said_twice_or_too_long_is_refused_at_once(form: Form) {
    let world = World::on(form);
    let room = &world.room;
    let member = Some(world.member.as_str());
    let (status, problem) = world.server.call(
        "GET",
        &format!("/api/v1/rooms/{room}/messages?limit=1&limit=2"),
        member,
        None,
    );
    assert_eq!((status, &problem["field"]), (400, &json!("limit")));
    let request = |method: &str, path: &str, length: u64, body: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}",
            world.member
        )
    };
    let path = format!("/api/v1/rooms/{room}/messages");
    let body = r#"{"text":"a","text":"b"}"#;
    let (status, problem) = world
        .server
        .raw(request("POST", &path, body.len() as u64, body).as_bytes());
    assert_eq!((status, &problem["code"]), (400, &json!("malformed")));
    // Nothing of the body is ever sent.
    let began = std::time::Instant::now();
    let (status, problem) = world
        .server
        .raw(request("POST", &path, 99_999_999_999, "").as_bytes());
    assert_eq!((status, &problem["code"]), (413, &json!("too_large")));
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    let (status, problem) = world
        .server
        .raw(request("PUT", &format!("{path}/1/reactions/%FF"), 0, "").as_bytes());
    assert_eq!((status, &problem["code"]), (400, &json!("malformed")));

    let (_, me) = world.server.call("GET", "/api/v1/me", member, None);
    let id = me["user"]["id"].as_str().unwrap();
    let (status, users) = world
        .server
        .call("GET", &format!("/api/v1/users?ids={id},{id}"), member, None);
    assert_eq!((status, users["users"].as_array().unwrap().len()), (200, 1));
}

pub(crate) fn one_emoji_is_one_reaction(form: Form) {
    let world = World::on(form);
    let path = format!("/api/v1/rooms/{}/messages", world.room);
    let text = json!({ "text": "hello" });
    assert_eq!(
        world.server.call("POST", &path, Some(&world.owner), Some(text)).0,
        201
    );
    // U+2764 alone, and with U+FE0F.
    for (token, emoji) in [(&world.owner, "%E2%9D%A4"), (&world.member, "%E2%9D%A4%EF%B8%8F")] {
        let path = format!("{path}/1/reactions/{emoji}");
        assert_eq!(
            world.server.call("PUT", &path, Some(token), Some(json!({}))).0,
            200
        );
    }
    let (_, page) = world.server.call("GET", &path, Some(&world.member), None);
    let full = "❤\u{fe0f}";
    assert_eq!(
        page["messages"][0]["reactions"],
        json!([{ "emoji": full, "count": 2 }])
    );
    assert_eq!(page["messages"][0]["mine"], json!([full]));
    let (_, people) = world.server.call(
        "GET",
        &format!("{path}/1/reactions/%E2%9D%A4"),
        Some(&world.member),
        None,
    );
    assert_eq!(people["users"].as_array().unwrap().len(), 2);
}
