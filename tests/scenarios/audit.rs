//! The audit: who did what, when and why, for those who may know.

use serde_json::{Value, json};

use super::accounts::done;
use super::conversations::newcomer;
use super::people::{id_of, owner_does};
use super::running::{get, invite, owner_gets, text};
use super::support::{Client, Form, World};

pub(crate) fn the_audit_says_who_did_what_and_why(form: Form) {
    const REASON: &str = "sealed-7d2a91";
    let world = World::on(form);
    let audit = format!("/api/v1/guilds/{}/audit", world.guild);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let (mut socket, _) = Client::sign_in(world.server.address(), &world.owner, None);
    socket.ask("open", json!({ "room": world.room })).unwrap();
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    for number in 0..3 {
        member
            .ask(
                "post",
                json!({ "room": world.room, "text": format!("text {number}") }),
            )
            .unwrap();
    }
    owner_does(
        &world,
        "PATCH",
        &format!("/api/v1/rooms/{}", world.room),
        json!({ "topic": "tea" }),
    );
    let many = json!({ "room": world.room, "seqs": [1, 2], "reason": REASON });
    socket.ask("delete_messages", many).unwrap();
    // One's own is nobody's business.
    member
        .ask("delete", json!({ "room": world.room, "seq": 3 }))
        .unwrap();
    let (_, invite_id) = invite(&world, json!({ "max_uses": 3 }));
    let revoke = format!("/api/v1/guilds/{}/invites/{invite_id}", world.guild);
    owner_does(&world, "DELETE", &revoke, json!({}));
    let ban = format!("/api/v1/guilds/{}/bans/{jiho}", world.guild);
    assert_eq!(get(&world, &world.member, &audit).0, 403);
    owner_does(&world, "PUT", &ban, json!({ "reason": REASON }));
    socket.wait(|frame| frame["kind"] == "member.banned");
    socket.ask("heartbeat", json!({})).unwrap();
    assert!(
        !socket.has_pushed(|frame| frame.to_string().contains(REASON)),
        "a reason is in no frame"
    );

    let world = world.crash();
    let all = owner_gets(&world, &audit);
    let kinds = |page: &Value| -> Vec<String> {
        page["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| text(&entry["kind"]))
            .collect()
    };
    let newest = [
        "member.banned",
        "invite.revoked",
        "invite.created",
        "message.deleted",
        "message.deleted",
        "room.changed",
    ];
    assert_eq!(kinds(&all)[..6], newest, "{all}");
    let banned = &all["entries"][0];
    let is_named = |user: &Value| user["id"] == banned["target"] && user["name"].is_string();
    assert!(
        all["users"].as_array().unwrap().iter().any(is_named),
        "also who is gone has a name: {all}"
    );
    assert_eq!(
        (&banned["actor"], &banned["target"], &banned["reason"]),
        (&json!(minji), &json!(jiho), &json!(REASON))
    );
    assert_eq!(all["entries"][3]["details"]["seq"], "2");
    assert_eq!(all["entries"][5]["details"], json!({ "after.topic": "tea" }));
    // Page by page it is the same.
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = owner_gets(&world, &format!("{audit}?limit=2{after}"));
        paged.extend(page["entries"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(json!(paged), all["entries"]);
    let filtered = |query: &str| kinds(&owner_gets(&world, &format!("{audit}?{query}")));
    assert_eq!(filtered("kind=message.deleted").len(), 2);
    assert_eq!(
        filtered(&format!("target={jiho}&actor={minji}")),
        ["member.banned"]
    );
    assert_eq!(
        filtered(&format!("target={invite_id}")),
        ["invite.revoked", "invite.created"]
    );
    let at = text(&banned["at"]);
    assert!(filtered(&format!("from={at}")).contains(&"member.banned".to_owned()));
    assert_eq!(
        filtered(&format!("to={at}")).len(),
        all["entries"].as_array().unwrap().len()
    );
    assert!(filtered("to=2001-01-01T00:00:00Z").is_empty());
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=x", "after"),
        ("after=-zz", "after"),
        ("from=yesterday", "from"),
        ("to=", "to"),
        ("actor=x", "actor"),
    ] {
        let (status, problem) = get(&world, &world.owner, &format!("{audit}?{query}"));
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{query}: {problem}"
        );
    }
    // The instance has its own, for those who run it.
    let instance = "/api/v1/instance/audit";
    assert_eq!(get(&world, &world.member, instance).0, 403);
    owner_does(
        &world,
        "PATCH",
        "/api/v1/instance/registration",
        json!({ "registration": "open" }),
    );
    let page = owner_gets(&world, instance);
    assert_eq!(kinds(&page), ["registration.changed"], "{page}");
    let told = json!({ "before.registration": "invite", "after.registration": "open" });
    assert_eq!(page["entries"][0]["details"], told);
}

/// The lines of an export.
fn lines(world: &World, path: &str) -> Vec<Value> {
    let token = &world.owner;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let answer = world.server.exchange(request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/x-ndjson"), "{head}");
    // Between the lines stand the lengths of chunks.
    let entries = body.lines().filter(|line| line.starts_with('{'));
    entries.map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn the_audit_is_exported_whole(form: Form) {
    let world = World::on(form);
    let room = format!("/api/v1/rooms/{}", world.room);
    for number in 0..120 {
        owner_does(&world, "PATCH", &room, json!({ "topic": number.to_string() }));
    }
    let audit = format!("/api/v1/guilds/{}/audit", world.guild);
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = owner_gets(&world, &format!("{audit}?{after}"));
        paged.extend(page["entries"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("after={next}"),
            None => break,
        }
    }
    assert!(paged.len() > 120, "more than a page: {}", paged.len());
    let export = format!("{audit}.ndjson");
    assert_eq!(lines(&world, &export), paged);
    let found = lines(&world, &format!("{export}?kind=room.changed"));
    assert_eq!(found.len(), 120);
    assert!(lines(&world, &format!("{export}?kind=nothing")).is_empty());
    let refused = |token: &str, path: &str| {
        let (status, problem) = get(&world, token, path);
        (status, problem["field"].clone())
    };
    assert_eq!(refused(&world.member, &export).0, 403);
    assert_eq!(
        refused(&world.owner, &format!("{export}?limit=1")),
        (400, json!("limit"))
    );
    assert_eq!(
        refused(&world.owner, &format!("{export}?from=now")),
        (400, json!("from"))
    );
    assert_eq!(refused(&world.member, "/api/v1/instance/audit.ndjson").0, 403);
    assert!(lines(&world, "/api/v1/instance/audit.ndjson").is_empty());
}

pub(crate) fn each_deed_leaves_one_entry_and_nothing_else_does(form: Form) {
    let world = World::on(form);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let sora = id_of(&world, &newcomer(&world, "소라"));
    let guild = format!("/guilds/{}", world.guild);
    let role = done(
        &world,
        &world.owner,
        "POST",
        &format!("{guild}/roles"),
        json!({ "name": "cooks" }),
    );
    let role = text(&role["id"]);
    let room = format!("/rooms/{}", world.room);
    let post = |token: &str| {
        let posted = done(
            &world,
            token,
            "POST",
            &format!("{room}/messages"),
            json!({ "text": "x" }),
        );
        posted["message"]["seq"].as_u64().unwrap()
    };
    let (theirs, own) = (post(&world.member), post(&world.owner));
    let (jihos, soras) = (format!("{guild}/members/{jiho}"), format!("{guild}/bans/{sora}"));
    let entries = |world: &World, path: &str| {
        let page = done(world, &world.owner, "GET", path, json!({}));
        assert_eq!(page["next"], Value::Null, "{page}");
        page["entries"].as_array().unwrap().clone()
    };
    let audit = format!("{guild}/audit");
    // Each deed, what it leaves behind the first time, about whom, and the same again: then it is so already.
    let deeds = [
        (
            "PATCH",
            guild.clone(),
            json!({ "description": "tea" }),
            Some(("guild.changed", None)),
            true,
        ),
        (
            "PATCH",
            room.clone(),
            json!({ "topic": "tea" }),
            Some(("room.changed", Some(&world.room))),
            true,
        ),
        (
            "PATCH",
            jihos.clone(),
            json!({ "nickname": "호" }),
            Some(("member.changed", Some(&jiho))),
            true,
        ),
        (
            "PUT",
            format!("{jihos}/roles"),
            json!({ "roles": [role] }),
            Some(("member.changed", Some(&jiho))),
            true,
        ),
        (
            "PATCH",
            format!("{guild}/roles/{role}"),
            json!({ "name": "bakers" }),
            Some(("role.changed", Some(&role))),
            true,
        ),
        (
            "PUT",
            format!("{room}/overrides/roles/{role}"),
            json!({ "deny": ["post"] }),
            Some(("room_access.changed", Some(&world.room))),
            true,
        ),
        (
            "POST",
            format!("{room}/deletions"),
            json!({ "seqs": [theirs], "reason": "why" }),
            Some(("message.deleted", Some(&world.room))),
            true,
        ),
        (
            "POST",
            format!("{room}/deletions"),
            json!({ "seqs": [own], "reason": "why" }),
            None,
            true,
        ),
        (
            "PUT",
            soras.clone(),
            json!({ "reason": "why" }),
            Some(("member.banned", Some(&sora))),
            false,
        ),
        (
            "DELETE",
            soras,
            json!({}),
            Some(("ban.lifted", Some(&sora))),
            true,
        ),
        (
            "DELETE",
            format!("{jihos}?reason=why"),
            json!({}),
            Some(("member.left", Some(&jiho))),
            false,
        ),
        (
            "DELETE",
            format!("{guild}/roles/{role}"),
            json!({}),
            Some(("role.deleted", Some(&role))),
            false,
        ),
    ];
    for (method, path, body, left, again) in deeds {
        let before = entries(&world, &audit);
        done(&world, &world.owner, method, &path, body.clone());
        if again {
            done(&world, &world.owner, method, &path, body.clone());
        }
        let after = entries(&world, &audit);
        let new = &after[..after.len() - before.len()];
        assert_eq!(new.len(), usize::from(left.is_some()), "{method} {path}: {new:?}");
        assert_eq!(after[new.len()..], before[..], "what was written stays");
        let (Some((kind, target)), [entry]) = (left, new) else {
            continue;
        };
        assert_eq!(
            (&entry["kind"], &entry["actor"]),
            (&json!(kind), &json!(minji)),
            "{path}"
        );
        assert_eq!(entry["target"], json!(target), "{path}");
        let has_reason = body["reason"] == "why" || path.ends_with("reason=why");
        assert_eq!(entry["reason"], if has_reason { "why" } else { "" }, "{path}");
    }
    // The same of the instance.
    let deeds = [
        (
            "PUT",
            format!("/administrators/{jiho}"),
            json!({}),
            "administrator.granted",
        ),
        (
            "DELETE",
            format!("/administrators/{jiho}"),
            json!({}),
            "administrator.revoked",
        ),
        (
            "PUT",
            format!("/accounts/{jiho}/deactivation"),
            json!({}),
            "account.deactivated",
        ),
        (
            "DELETE",
            format!("/accounts/{jiho}/deactivation"),
            json!({}),
            "account.reactivated",
        ),
        (
            "PATCH",
            "/instance/registration".to_owned(),
            json!({ "registration": "open" }),
            "registration.changed",
        ),
    ];
    let audit = "/instance/audit";
    for (method, path, body, kind) in deeds {
        let before = entries(&world, audit);
        for _ in 0..2 {
            done(&world, &world.owner, method, &path, body.clone());
        }
        let after = entries(&world, audit);
        assert_eq!(after.len(), before.len() + 1, "{method} {path}: {after:?}");
        assert_eq!(
            (&after[0]["kind"], &after[0]["actor"]),
            (&json!(kind), &json!(minji))
        );
        let target = if path.contains(&jiho) {
            json!(jiho)
        } else {
            Value::Null
        };
        assert_eq!(after[0]["target"], target, "{path}");
    }
}

pub(crate) fn the_audit_hides_channels_from_those_who_do_not_see_them(form: Form) {
    let world = World::on(form);
    let (guild, everyone) = (format!("/guilds/{}", world.guild), &world.guild);
    let role = json!({ "name": "watchers", "permissions": ["view_audit"] });
    let role = text(&done(&world, &world.owner, "POST", &format!("{guild}/roles"), role)["id"]);
    let jiho = id_of(&world, &world.member);
    let roles = format!("{guild}/members/{jiho}/roles");
    done(&world, &world.owner, "PUT", &roles, json!({ "roles": [role] }));
    let channel = json!({ "name": "secret-plans" });
    let secret = text(
        &done(
            &world,
            &world.owner,
            "POST",
            &format!("{guild}/channels"),
            channel,
        )["id"],
    );
    let hidden = format!("/rooms/{secret}/overrides/roles/{everyone}");
    done(&world, &world.owner, "PUT", &hidden, json!({ "deny": ["view"] }));
    let topic = json!({ "topic": "who goes" });
    done(&world, &world.owner, "PATCH", &format!("/rooms/{secret}"), topic);
    let tells = |token: &str| {
        let audit = done(&world, token, "GET", &format!("{guild}/audit"), json!({}));
        let known = audit.to_string();
        assert!(known.contains("watchers"), "the rest is told: {known}");
        known.contains("secret-plans") || known.contains("who goes") || known.contains(&secret)
    };
    assert!(tells(&world.owner) && !tells(&world.member));
    done(
        &world,
        &world.owner,
        "DELETE",
        &format!("/rooms/{secret}"),
        json!({}),
    );
    assert!(
        tells(&world.owner) && !tells(&world.member),
        "nor when it is deleted"
    );
}
