//! The gateway of the real binary, as a client sees it.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::support::{Client, Codec, Form, PATIENCE, World};
use serde_json::json;
use tungstenite::Message;

pub(crate) fn two_people_talk(form: Form) {
    let world = World::on(form);
    let (mut minji, ready) = Client::sign_in(world.server.address(), &world.owner, None);
    assert_eq!(ready["user"]["name"], "minji");
    assert_eq!(ready["guilds"][0]["channels"][0]["id"], json!(world.room));
    // Whoever writes JSON and whoever writes MessagePack are in one conversation.
    let (mut jiho, _) = Client::sign_in_by(Codec::MessagePack, world.server.address(), &world.member, None);
    for client in [&mut minji, &mut jiho] {
        let opened = client.ask("open", json!({ "room": world.room })).unwrap();
        assert_eq!(opened["reset"], false);
    }

    let posted = minji
        .ask("post", json!({ "room": world.room, "text": "안녕하세요" }))
        .unwrap();
    assert_eq!(posted["message"]["seq"], 1);
    let event = jiho.wait(|frame| frame["kind"] == "message.posted");
    assert_eq!(event["data"], posted["message"]);
    assert_eq!(event["stream"], format!("room:{}", world.room));

    // A signal is not stored: it comes to whoever is known to listen, as jiho is now.
    minji.ask("typing", json!({ "room": world.room })).unwrap();
    let typing = jiho.wait(|frame| frame["signal"] == "typing");
    assert_eq!(typing["data"]["user"], ready["user"]["id"]);

    jiho.ask(
        "react",
        json!({ "room": world.room, "seq": 1, "emoji": "👍", "on": true }),
    )
    .unwrap();
    let event = minji.wait(|frame| frame["kind"] == "reaction.changed");
    assert_eq!(event["data"]["count"], 1);
    minji
        .ask(
            "edit",
            json!({ "room": world.room, "seq": 1, "text": "반가워요" }),
        )
        .unwrap();
    let event = jiho.wait(|frame| frame["kind"] == "message.edited");
    assert_eq!(event["data"]["text"], "반가워요");
    assert_eq!(event["rev"], 4);
    let page = jiho.ask("history", json!({ "room": world.room })).unwrap();
    assert_eq!(page["messages"][0]["mine"], json!(["👍"]));
    let marked = jiho.ask("mark", json!({ "room": world.room, "seq": 1 })).unwrap();
    assert_eq!(marked["unread"], 0);
    minji
        .ask("delete", json!({ "room": world.room, "seq": 1 }))
        .unwrap();
    let event = jiho.wait(|frame| frame["kind"] == "message.deleted");
    assert_eq!(event["data"]["text"], "");
}

pub(crate) fn a_crash_loses_nothing_and_resuming_tells_what_was_missed(form: Form) {
    let world = World::on(form);
    let (mut minji, ready) = Client::sign_in(world.server.address(), &world.owner, None);
    let opened = minji.ask("open", json!({ "room": world.room })).unwrap();
    for index in 0..20 {
        minji
            .ask(
                "post",
                json!({ "room": world.room, "text": format!("message {index}") }),
            )
            .unwrap();
    }
    let seen = opened["head"]["rev"].as_u64().unwrap() + 5;
    let world = world.crash();
    let resume = json!({ "epoch": ready["epoch"], "rooms": { world.room.clone(): seen } });
    let (mut minji, ready) = Client::sign_in(world.server.address(), &world.owner, Some(resume));
    assert_eq!(ready["resumed"], true);
    for rev in seen + 1..=opened["head"]["rev"].as_u64().unwrap() + 20 {
        let event = minji.wait(|frame| frame["stream"] == format!("room:{}", world.room));
        assert_eq!(event["rev"], rev);
    }
    // And it goes on.
    let posted = minji
        .ask("post", json!({ "room": world.room, "text": "after" }))
        .unwrap();
    assert_eq!(posted["message"]["seq"], 21);
    minji.wait(|frame| frame["data"]["text"] == "after");
}

pub(crate) fn another_epoch_starts_over(form: Form) {
    let world = World::on(form);
    let resume = json!({ "epoch": world.room, "rooms": { world.room.clone(): 1 } });
    let (_, ready) = Client::sign_in(world.server.address(), &world.owner, Some(resume));
    assert_eq!(ready["resumed"], false);
}

pub(crate) fn a_nonce_is_one_message_across_crashes(form: Form) {
    let world = World::on(form);
    let nonce = nonce();
    let post = json!({ "room": world.room, "text": "once", "nonce": nonce });
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let first = minji.ask("post", post.clone()).unwrap();
    assert_eq!(first["replayed"], false);
    let world = world.crash();
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let again = minji.ask("post", post).unwrap();
    assert_eq!(again["replayed"], true);
    assert_eq!(again["message"]["seq"], first["message"]["seq"]);
    let other = json!({ "room": world.room, "text": "twice", "nonce": nonce });
    assert_eq!(minji.ask("post", other).unwrap_err()["code"], "nonce_conflict");
    let old = json!({ "room": world.room, "text": "old", "nonce": "01ARZ3NDEKTSV4RRFFQ69G5FAV" });
    assert_eq!(minji.ask("post", old).unwrap_err()["code"], "nonce_expired");
}

pub(crate) fn bad_requests_have_codes_and_the_connection_lives_on(form: Form) {
    let world = World::on(form);
    let (mut jiho, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    minji
        .ask("post", json!({ "room": world.room, "text": "mine" }))
        .unwrap();
    let room = world.room.as_str();
    let hidden = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for (op, args, code, field) in [
        ("fly", json!({}), "unknown_op", Some("op")),
        (
            "post",
            json!({ "room": room, "text": "x", "color": "red" }),
            "unknown_field",
            Some("color"),
        ),
        ("post", json!({ "room": room }), "missing_field", Some("text")),
        (
            "post",
            json!({ "room": room, "text": 7 }),
            "invalid_field",
            Some("text"),
        ),
        (
            "post",
            json!({ "room": room, "text": " \u{200b}" }),
            "invalid_field",
            Some("text"),
        ),
        (
            "post",
            json!({ "room": room, "text": "x\u{0}" }),
            "invalid_field",
            Some("text"),
        ),
        (
            "post",
            json!({ "room": room, "text": "가".repeat(4_001) }),
            "too_large",
            Some("text"),
        ),
        (
            "post",
            json!({ "room": room, "text": "x".repeat(16 * 1024 + 1) }),
            "too_large",
            Some("text"),
        ),
        (
            "post",
            json!({ "room": room, "text": "x", "reply_to": 99 }),
            "invalid_field",
            Some("reply_to"),
        ),
        (
            "post",
            json!({ "room": "x", "text": "x" }),
            "invalid_field",
            Some("room"),
        ),
        ("post", json!({ "room": hidden, "text": "x" }), "not_found", None),
        ("open", json!({ "room": hidden }), "not_found", None),
        (
            "edit",
            json!({ "room": room, "seq": 1, "text": "theirs" }),
            "forbidden",
            None,
        ),
        ("delete", json!({ "room": room, "seq": 1 }), "forbidden", None),
        ("delete", json!({ "room": room, "seq": 2 }), "not_found", None),
        (
            "edit",
            json!({ "room": room, "seq": -1, "text": "x" }),
            "invalid_field",
            Some("seq"),
        ),
        (
            "edit",
            json!({ "room": room, "seq": 1_u64 << 53, "text": "x" }),
            "invalid_field",
            Some("seq"),
        ),
        (
            "react",
            json!({ "room": room, "seq": 1, "emoji": "yes", "on": true }),
            "invalid_field",
            Some("emoji"),
        ),
        (
            "react",
            json!({ "room": room, "seq": 1, "emoji": "👍", "on": 1 }),
            "invalid_field",
            Some("on"),
        ),
        (
            "mark",
            json!({ "room": room, "seq": 99 }),
            "invalid_field",
            Some("seq"),
        ),
        (
            "history",
            json!({ "room": room, "limit": 201 }),
            "invalid_field",
            Some("limit"),
        ),
        (
            "history",
            json!({ "room": room, "before": 1, "after": 1 }),
            "invalid_field",
            Some("before"),
        ),
        ("authenticate", json!({ "token": world.owner }), "conflict", None),
    ] {
        let error = jiho.ask(op, args.clone()).expect_err(op);
        assert_eq!(error["code"], code, "{op} {args}: {error}");
        assert_eq!(error["field"].as_str(), field, "{op} {args}: {error}");
    }
    jiho.ask("heartbeat", json!({})).unwrap();
}

pub(crate) fn strangers_are_told_to_sign_in(form: Form) {
    let world = World::on(form);
    let (mut stranger, _) = Client::connect(world.server.address());
    let error = stranger.ask("open", json!({ "room": world.room })).unwrap_err();
    assert_eq!(error["code"], "unauthenticated");
    let error = stranger
        .ask("authenticate", json!({ "token": "0".repeat(64) }))
        .unwrap_err();
    assert_eq!(error["code"], "unauthenticated");
}

pub(crate) fn broken_frames_close_with_a_code_and_disturb_nobody(form: Form) {
    let world = World::on(form);
    let (mut witness, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let deep = "[".repeat(10_000);
    for (message, code) in [
        (Message::text("not json"), 4002),
        (Message::text(r#"{"op":"post"}"#), 4002),
        (Message::text(r#"{"id":0,"op":"heartbeat"}"#), 4002),
        (Message::text(deep), 4002),
        (Message::binary(vec![0x93]), 1003),
        (Message::text("x".repeat(65 * 1024)), 1009),
    ] {
        let (mut client, _) = Client::connect(world.server.address());
        client.socket.send(message.clone()).unwrap();
        assert_eq!(client.read(), Err(code), "{message:.40}");
    }
    // Unmasked, and with a reserved bit.
    for bytes in [
        &[0x81, 0x02, b'h', b'i'][..],
        &[0xc1, 0x82, 0, 0, 0, 0, b'h', b'i'][..],
    ] {
        let (mut client, _) = Client::connect(world.server.address());
        client.socket.get_mut().write_all(bytes).unwrap();
        assert_eq!(client.read(), Err(1002));
    }
    witness.ask("heartbeat", json!({})).unwrap();
}

pub(crate) fn other_sites_may_not_connect(form: Form) {
    let world = World::on(form);
    let address = world.server.address();
    let handshake = |origin: &str| {
        format!(
            "GET /gateway HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{origin}\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: madang.v1.json\r\n\r\n",
            address
        )
    };
    let status = |request: String| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    };
    assert_eq!(status(handshake("Origin: https://evil.example\r\n")), "403");
    assert_eq!(
        status(handshake("Cookie: madang_session=x\r\n")),
        "403",
        "a cookie without an origin"
    );
    assert_eq!(
        status(handshake(&format!("Origin: http://{}\r\n", address))),
        "101"
    );
    assert_eq!(status(handshake("")), "101");
    assert_eq!(status(handshake("").replace("Version: 13", "Version: 8")), "400");
    assert_eq!(status(handshake("").replace("madang.v1.json", "chat")), "400");
}

pub(crate) fn signing_out_closes_open_sockets(form: Form) {
    let world = World::on(form);
    let (mut jiho, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (status, _) = world
        .server
        .call("DELETE", "/api/v1/sessions/current", Some(&world.member), None);
    assert_eq!(status, 204);
    loop {
        match jiho.read() {
            Ok(_) => {}
            Err(code) => {
                assert_eq!(code, 4003);
                break;
            }
        }
    }
    let (mut again, _) = Client::connect(world.server.address());
    let error = again
        .ask("authenticate", json!({ "token": world.member }))
        .unwrap_err();
    assert_eq!(error["code"], "unauthenticated");
}

pub(crate) fn stopping_tells_clients_when_to_come_back(form: Form) {
    let mut world = World::on(form);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let stopping = std::thread::spawn(move || {
        let ended_well = world.server.stop();
        (world, ended_well)
    });
    let draining = minji.wait(|frame| frame["signal"] == "draining");
    let retry_ms = draining["data"]["retry_ms"].as_u64().unwrap();
    assert!((500..5_000).contains(&retry_ms), "{retry_ms}");
    assert_eq!(minji.read(), Err(4006));
    drop(minji);
    let (_, ended_well) = stopping.join().unwrap();
    assert!(ended_well);
}

pub(crate) fn rooms_that_are_not_open_send_heads(form: Form) {
    let world = World::on(form);
    let (mut jiho, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    minji
        .ask("post", json!({ "room": world.room, "text": "unread" }))
        .unwrap();
    // A room that was made within the same second is told as a new room, with its head in it.
    jiho.wait(|frame| {
        let head = if frame["signal"] == "room" {
            &frame["data"]["channel"]
        } else {
            &frame["data"]
        };
        let room = if frame["signal"] == "room" {
            &head["id"]
        } else {
            &head["room"]
        };
        *room == json!(world.room) && head["n"] == 1
    });
    let channel = json!({ "name": "둘째", "topic": "이야기" });
    let path = format!("/api/v1/guilds/{}/channels", world.guild);
    let (status, made) = world
        .server
        .call("POST", &path, Some(&world.owner), Some(channel));
    assert_eq!(status, 201);
    let room = jiho.wait(|frame| frame["signal"] == "room");
    assert_eq!(room["data"]["channel"]["id"], made["id"]);
    assert_eq!(room["data"]["channel"]["name"], "둘째");
}

/// A ULID of now.
pub(crate) fn nonce() -> String {
    use madang_storage::{Env, model::Nonce};
    Nonce::from_u128(Env::system().next_id()).to_string()
}

pub(crate) fn a_reader_that_stopped_is_closed_and_resumes_to_the_same_log(form: Form) {
    let world = World::on(form);
    let (mut slow, ready) = Client::sign_in(world.server.address(), &world.member, None);
    slow.ask("open", json!({ "room": world.room })).unwrap();
    let (mut reader, _) = Client::sign_in(world.server.address(), &world.member, None);
    reader.ask("open", json!({ "room": world.room })).unwrap();
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);

    // More than sockets and queues of this machine hold, by a wide margin.
    const POSTS: u64 = 900;
    let text = "🌲".repeat(4_000);
    for seq in 1..=POSTS {
        minji
            .ask("post", json!({ "room": world.room, "text": text }))
            .unwrap();
        let event = reader.wait(|frame| frame["kind"] == "message.posted");
        assert_eq!(
            event["data"]["seq"], seq,
            "nobody waits for the reader that stopped"
        );
        if seq % 100 == 0 {
            reader.ask("heartbeat", json!({})).unwrap();
        }
    }

    let mut log = Vec::new();
    let mut rev = 0;
    loop {
        match slow.socket.read() {
            Ok(Message::Text(text)) => {
                let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
                if frame["kind"] == "message.posted" {
                    log.push(frame["data"]["seq"].as_u64().unwrap());
                    rev = frame["rev"].as_u64().unwrap();
                }
            }
            Ok(Message::Close(frame)) => {
                assert_eq!(u16::from(frame.unwrap().code), 4004);
                break;
            }
            Ok(_) => {}
            // Whoever does not even take the close frame within a few seconds is cut off without it.
            Err(_) => break,
        }
    }
    assert!(
        log.len() < POSTS as usize,
        "the reader was closed before it had everything"
    );
    let resume = json!({ "epoch": ready["epoch"], "rooms": { world.room.clone(): rev } });
    let (mut slow, ready) = Client::sign_in(world.server.address(), &world.member, Some(resume));
    assert_eq!(ready["resumed"], true);
    let first = slow.wait(|frame| frame["signal"] == "reset" || frame["kind"] == "message.posted");
    if first["signal"] == "reset" {
        while log.len() < POSTS as usize {
            let page = json!({ "room": world.room, "after": log.len(), "limit": 200 });
            let page = slow.ask("history", page).unwrap();
            log.extend(
                page["messages"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|message| message["seq"].as_u64().unwrap()),
            );
        }
    } else {
        log.push(first["data"]["seq"].as_u64().unwrap());
        while log.len() < POSTS as usize {
            let event = slow.wait(|frame| frame["kind"] == "message.posted");
            log.push(event["data"]["seq"].as_u64().unwrap());
        }
    }
    assert_eq!(log, (1..=POSTS).collect::<Vec<_>>());
}

pub(crate) fn both_codecs_say_the_same(form: Form) {
    let world = World::on(form);
    let address = world.server.address();
    let (mut json, json_ready) = Client::sign_in_by(Codec::Json, address, &world.owner, None);
    let (mut pack, pack_ready) = Client::sign_in_by(Codec::MessagePack, address, &world.owner, None);
    assert_eq!(json_ready, pack_ready);
    for client in [&mut json, &mut pack] {
        client.ask("open", json!({ "room": world.room })).unwrap();
    }
    for text in ["plain", "안녕하세요 👨‍👩‍👧‍👦", "\"quoted\" \\ `code`\n\ttab"] {
        pack.ask("post", json!({ "room": world.room, "text": text }))
            .unwrap();
        let told = json.wait(|frame| frame["kind"] == "message.posted");
        assert_eq!(told["data"]["text"], text);
        assert_eq!(told, pack.wait(|frame| frame["kind"] == "message.posted"));
    }
    for (op, args) in [
        ("history", json!({ "room": world.room, "limit": 2 })),
        ("history", json!({ "room": world.room, "limit": -1 })),
        (
            "post",
            json!({ "room": world.room, "text": "x", "colour": "red" }),
        ),
        ("dance", json!({})),
    ] {
        assert_eq!(
            json.ask(op, args.clone()),
            pack.ask(op, args.clone()),
            "{op} {args}"
        );
    }
}
