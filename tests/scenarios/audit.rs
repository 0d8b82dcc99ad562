//! The audit: who did what, when and why, for those who may know.

use serde_json::{Value, json};

use super::people::{id_of, owner_does};
use super::running::{get, invite, owner_gets, text};
use super::support::{Client, Form, World};

pub(crate) fn the_audit_says_who_did_what_and_why(form: Form) {
    const REASON: &str = "sealed-7d2a91";
    let world = World::on(form);
    let audit = format!("/api/v1/guilds/{}/audit", world.guild);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let (mut socket, _) = Client::sign_in(&world.server.address, &world.owner, None);
    socket.ask("open", json!({ "room": world.room })).unwrap();
    let (mut member, _) = Client::sign_in(&world.server.address, &world.member, None);
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
}
