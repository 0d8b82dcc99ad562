//! What others learn of those who want nothing of them, and of those whom they do not meet any more.

use serde_json::{Value, json};

use super::conversations::{does, id_of};
use super::presence::{at_once, status_of, until_seen};
use super::support::{Client, Form, World};

fn dm_with(world: &World, token: &str, user: &str) -> String {
    let dm = does(world, token, "PUT", &format!("/dms/{user}"), None);
    dm["id"].as_str().unwrap().to_owned()
}

pub(crate) fn a_block_looks_like_somebody_who_has_left(form: Form) {
    let world = World::on(form);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    // Somebody else who is deactivated, and one who blocks: both have a DM with minji from before.
    let sora = super::conversations::newcomer(&world, "sora");
    let sora_id = id_of(&world, &sora);
    let (with_jiho, with_sora) = (
        dm_with(&world, &world.owner, &jiho),
        dm_with(&world, &world.owner, &sora_id),
    );
    does(&world, &world.member, "PUT", &format!("/me/blocks/{minji}"), None);
    let path = format!("/accounts/{sora_id}/deactivation");
    does(&world, &world.owner, "PUT", &path, Some(json!({})));
    let answers = [&with_jiho, &with_sora].map(|room| {
        let path = format!("/api/v1/rooms/{room}/messages");
        let text = Some(json!({ "text": "hello" }));
        world.server.call("POST", &path, Some(&world.owner), text)
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 403);
    let begun = [&jiho, &sora_id].map(|user| {
        let body = Some(json!({ "users": [user] }));
        let answer = world
            .server
            .call("POST", "/api/v1/groups", Some(&world.owner), body);
        (answer.0, answer.1["code"].clone(), answer.1["detail"].clone())
    });
    assert_eq!(begun[0], begun[1]);
}

pub(crate) fn who_is_blocked_sees_nobody_come_and_go(form: Form) {
    let world = World::with(form, at_once);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    let room = dm_with(&world, &world.owner, &jiho);
    let (mut blocked, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let (mut blocker, _) = Client::sign_in(world.server.address(), &world.member, None);
    until_seen(&mut blocked, &jiho, "online");
    let watch = json!({ "guild": world.guild, "users": [jiho] });
    blocked.ask("watch", watch.clone()).unwrap();
    does(&world, &world.member, "PUT", &format!("/me/blocks/{minji}"), None);
    until_seen(&mut blocked, &jiho, "offline");

    blocker.ask("set_status", json!({ "status": "idle" })).unwrap();
    blocker.ask("look", json!({ "room": world.room })).unwrap();
    let words = json!({ "text": "lunch" });
    blocker.ask("set_custom_status", words).unwrap();
    assert_eq!(status_of(&world, &jiho, &world.owner), "offline");
    assert_eq!(
        blocked.ask("watch", watch).unwrap()["users"][0]["status"],
        "offline"
    );
    for room in [&room, &world.room] {
        let seen = does(
            &world,
            &world.owner,
            "GET",
            &format!("/rooms/{room}/presence"),
            None,
        );
        let found = seen["users"]
            .as_array()
            .unwrap()
            .iter()
            .find(|seen| seen["user"] == json!(jiho));
        if let Some(found) = found {
            assert_eq!(
                (&found["status"], &found["looks"]),
                (&json!("offline"), &json!(false))
            );
        }
    }
    // What somebody else is told in the same round comes, and nothing of the blocker before it.
    let sora = super::conversations::newcomer(&world, "sora");
    let sora_id = id_of(&world, &sora);
    let (_client, _) = Client::sign_in(world.server.address(), &sora, None);
    let told_of_jiho = std::cell::Cell::new(false);
    blocked.wait(|frame| {
        let users = frame["data"]["users"].as_array().cloned().unwrap_or_default();
        let is_of_jiho = users.iter().any(|seen| seen["user"] == json!(jiho));
        told_of_jiho.set(told_of_jiho.get() || is_of_jiho);
        users
            .iter()
            .any(|seen| seen["user"] == json!(sora_id) && seen["status"] == "online")
    });
    assert!(!told_of_jiho.get(), "the blocked one is told of the blocker");
    // The other way nothing has changed.
    assert_eq!(status_of(&world, &minji, &world.member), "online");
    does(
        &world,
        &world.member,
        "DELETE",
        &format!("/me/blocks/{minji}"),
        None,
    );
    until_seen(&mut blocked, &jiho, "idle");
}

pub(crate) fn who_left_learns_nothing_new_of_those_on_the_lists(form: Form) {
    let world = World::on(form);
    let (minji, jiho) = (id_of(&world, &world.owner), id_of(&world, &world.member));
    for path in ["follows", "blocks"] {
        does(&world, &world.member, "PUT", &format!("/me/{path}/{minji}"), None);
    }
    does(&world, &world.owner, "PUT", &format!("/me/follows/{jiho}"), None);
    let leave = format!("/guilds/{}/members/me", world.guild);
    does(&world, &world.member, "DELETE", &leave, None);
    let face = json!({ "display_name": "new", "colour": "#0000ff" });
    does(&world, &world.owner, "PATCH", "/me", Some(face));
    let users = does(&world, &world.member, "GET", &format!("/users?ids={minji}"), None);
    assert_eq!(users["users"], json!([]));
    for path in ["follows", "followers", "blocks"] {
        let list = does(&world, &world.member, "GET", &format!("/me/{path}"), None);
        assert_eq!(list["users"], json!([{ "id": minji, "name": "minji" }]), "{path}");
    }
    does(
        &world,
        &world.member,
        "DELETE",
        &format!("/me/blocks/{minji}"),
        None,
    );
    let list = does(&world, &world.member, "GET", "/me/blocks", None);
    assert_eq!(list["users"], Value::Array(Vec::new()));
}
