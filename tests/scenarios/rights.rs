//! What rights do not reach: nobody gains by an exception, by a role that is gone, or by deeds that change nothing.

use serde_json::{Value, json};

use super::accounts::{call, done, id_of};
use super::conversations::newcomer;
use super::support::{Client, Form, World};

fn role(world: &World, name: &str, permissions: Value, position: u64) -> String {
    let body = json!({ "name": name, "permissions": permissions, "position": position });
    let path = format!("/guilds/{}/roles", world.guild);
    let role = done(world, &world.owner, "POST", &path, body);
    role["id"].as_str().unwrap().to_owned()
}

fn give(world: &World, user: &str, roles: Value) -> (u16, Value) {
    let path = format!("/guilds/{}/members/{user}/roles", world.guild);
    call(world, &world.owner, "PUT", &path, json!({ "roles": roles }))
}

pub(crate) fn nobody_takes_an_exception_back_that_holds_them(form: Form) {
    let world = World::on(form);
    let (jiho, sora) = (id_of(&world, &world.member), newcomer(&world, "소라"));
    let sora_id = id_of(&world, &sora);
    let keeper = role(&world, "keeper", json!(["manage_channels"]), 5);
    let higher = role(&world, "higher", json!([]), 9);
    assert_eq!(give(&world, &jiho, json!([keeper])).0, 204);
    assert_eq!(give(&world, &sora_id, json!([higher])).0, 204);
    let on_role = |role: &str| format!("/rooms/{}/overrides/roles/{role}", world.room);
    let on_user = |user: &str| format!("/rooms/{}/overrides/users/{user}", world.room);
    let asks = |path: &str, body: Value| call(&world, &world.member, "PUT", path, body);
    let post = || {
        let path = format!("/rooms/{}/messages", world.room);
        call(&world, &world.member, "POST", &path, json!({ "text": "hello" })).0
    };

    // The owner forbids the keeper to post, and mentions to everybody.
    done(
        &world,
        &world.owner,
        "PUT",
        &on_user(&jiho),
        json!({ "deny": ["post"] }),
    );
    let everybody = on_role(&world.guild);
    done(
        &world,
        &world.owner,
        "PUT",
        &everybody,
        json!({ "deny": ["mention_everyone", "react"] }),
    );
    assert_eq!(post(), 403);
    for (path, body) in [
        (on_user(&jiho), json!({})),
        (on_user(&jiho), json!({ "deny": ["threads"] })),
        (on_user(&jiho), json!({ "allow": ["post"] })),
        (everybody.clone(), json!({})),
        (everybody.clone(), json!({ "deny": ["react"] })),
        (everybody.clone(), json!({ "deny": ["mention_everyone"] })),
    ] {
        let (status, problem) = asks(&path, body.clone());
        assert_eq!(
            (status, &problem["code"]),
            (403, &json!("forbidden")),
            "{path} {body}"
        );
    }
    assert_eq!(post(), 403);
    // What the keeper does have can be given and taken, beside what stays as it is.
    let more = json!({ "deny": ["mention_everyone", "react", "threads"] });
    assert_eq!(asks(&everybody, more).0, 204);

    // Nobody acts on somebody, or on a role, that does not stand lower.
    let minji = id_of(&world, &world.owner);
    for path in [
        on_user(&minji),
        on_user(&sora_id),
        on_role(&higher),
        on_role(&keeper),
    ] {
        let (status, problem) = asks(&path, json!({ "deny": ["view"] }));
        assert_eq!((status, &problem["code"]), (403, &json!("forbidden")), "{path}");
    }
    let lower = role(&world, "lower", json!([]), 2);
    assert_eq!(asks(&on_role(&lower), json!({ "deny": ["view"] })).0, 204);
    assert_eq!(asks(&on_role(&lower), json!({})).0, 204);
}

pub(crate) fn a_deleted_role_is_nobodys(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let (cooks, guests) = (
        role(&world, "cooks", json!(["kick"]), 3),
        role(&world, "guests", json!([]), 1),
    );
    assert_eq!(give(&world, &jiho, json!([cooks])).0, 204);
    let path = format!("/guilds/{}/roles/{cooks}", world.guild);
    done(&world, &world.owner, "DELETE", &path, json!({}));
    let roles_of = |world: &World| {
        let path = format!("/guilds/{}/members", world.guild);
        let list = done(world, &world.owner, "GET", &path, json!({}));
        let members = list["members"].as_array().unwrap();
        let member = members.iter().find(|member| member["user"]["id"] == json!(jiho));
        member.unwrap()["roles"].clone()
    };
    assert_eq!(roles_of(&world), json!([]));
    let world = world.crash();
    assert_eq!(roles_of(&world), json!([]));
    // The person goes on to be given roles.
    assert_eq!(give(&world, &jiho, json!([guests])), (204, Value::Null));
    assert_eq!(roles_of(&world), json!([guests]));
    assert_eq!(give(&world, &jiho, json!([])).0, 204);
    let (status, problem) = give(&world, &jiho, json!([cooks]));
    assert_eq!((status, &problem["field"]), (400, &json!("roles")), "{problem}");
}

pub(crate) fn exceptions_of_whoever_is_gone_are_in_nobodys_way(form: Form) {
    let world = World::on(form);
    let gone = role(&world, "gone", json!([]), 2);
    let sora = id_of(&world, &newcomer(&world, "소라"));
    let exceptions = format!("/rooms/{}/overrides", world.room);
    let (of_role, of_user) = (
        format!("{exceptions}/roles/{gone}"),
        format!("{exceptions}/users/{sora}"),
    );
    let deny = json!({ "deny": ["react"] });
    for path in [&of_role, &of_user] {
        done(&world, &world.owner, "PUT", path, deny.clone());
    }
    let left = |world: &World| {
        let room = done(
            world,
            &world.owner,
            "GET",
            &format!("/rooms/{}", world.room),
            json!({}),
        );
        room["overrides"].as_array().unwrap().len()
    };
    assert_eq!(left(&world), 2);
    let guild = format!("/guilds/{}", world.guild);
    done(
        &world,
        &world.owner,
        "DELETE",
        &format!("{guild}/roles/{gone}"),
        json!({}),
    );
    done(
        &world,
        &world.owner,
        "PUT",
        &format!("{guild}/bans/{sora}"),
        json!({}),
    );
    assert_eq!(call(&world, &world.owner, "PUT", &of_role, deny.clone()).0, 404);
    done(&world, &world.owner, "PUT", &of_user, json!({}));
    assert_eq!(left(&world), 0, "one takes the other along");
}

pub(crate) fn a_ban_takes_back_only_what_its_maker_could_delete(form: Form) {
    let world = World::on(form);
    let sora = newcomer(&world, "소라");
    let (jiho, sora_id) = (id_of(&world, &world.member), id_of(&world, &sora));
    let keeper = role(&world, "keeper", json!(["ban", "manage_messages"]), 5);
    assert_eq!(give(&world, &jiho, json!([keeper])).0, 204);
    let denied = format!("/rooms/{}/overrides/roles/{keeper}", world.room);
    done(
        &world,
        &world.owner,
        "PUT",
        &denied,
        json!({ "deny": ["manage_messages"] }),
    );
    let channels = format!("/guilds/{}/channels", world.guild);
    let other = done(
        &world,
        &world.owner,
        "POST",
        &channels,
        json!({ "name": "other" }),
    );
    let other = other["id"].as_str().unwrap().to_owned();
    for room in [&world.room, &other] {
        done(
            &world,
            &sora,
            "POST",
            &format!("/rooms/{room}/messages"),
            json!({ "text": "spam" }),
        );
    }
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    owner.ask("open", json!({ "room": other })).unwrap();
    let ban = format!("/guilds/{}/bans/{sora_id}", world.guild);
    done(&world, &world.member, "PUT", &ban, json!({ "purge_hours": 1 }));
    // Channels are worked on in the order of their ids: the other one comes last.
    owner.wait(|frame| frame["kind"] == "message.deleted");
    let history = format!("/rooms/{}/messages", world.room);
    let page = done(&world, &world.owner, "GET", &history, json!({}));
    let texts: Vec<&Value> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["text"])
        .collect();
    assert!(texts.contains(&&json!("spam")), "{page}");
}
