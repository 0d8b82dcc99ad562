//! Limits, exactly at them and one over.

use serde_json::{Value, json};

use super::accounts::{call, done, id_of};
use super::conversations::newcomer;
use super::support::{Form, World};

/// What the last place on a list answers, and then one more.
fn assert_full(world: &World, method: &str, path: &str, bodies: [Value; 2]) {
    let [last, over] = bodies;
    done(world, &world.owner, method, path, last);
    let (status, problem) = call(world, &world.owner, method, path, over);
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("too_many")),
        "{path}: {problem}"
    );
}

pub(crate) fn lists_of_a_guild_are_full_at_their_limit(form: Form) {
    let world = World::on(form);
    let guild = format!("/guilds/{}", world.guild);
    let named = |number: usize| json!({ "name": format!("name {number}") });
    let roles = format!("{guild}/roles");
    // Three are there from the beginning.
    let mut made = Vec::new();
    for number in 4..250 {
        let role = done(&world, &world.owner, "POST", &roles, named(number));
        made.push(role["id"].as_str().unwrap().to_owned());
    }
    assert_full(&world, "POST", &roles, [named(250), named(251)]);
    let path = format!("{roles}/{}", made[0]);
    done(&world, &world.owner, "DELETE", &path, json!({}));
    assert_full(&world, "POST", &roles, [named(1), named(2)]);

    let categories = format!("{guild}/categories");
    for number in 1..50 {
        done(&world, &world.owner, "POST", &categories, named(number));
    }
    assert_full(&world, "POST", &categories, [named(50), named(51)]);

    let exception = |role: &str| format!("/rooms/{}/overrides/roles/{role}", world.room);
    let deny = json!({ "deny": ["react"] });
    for role in &made[1..51] {
        done(&world, &world.owner, "PUT", &exception(role), deny.clone());
    }
    let (status, problem) = call(&world, &world.owner, "PUT", &exception(&made[51]), deny);
    assert_eq!((status, &problem["code"]), (409, &json!("too_many")), "{problem}");
    // What is there can still be changed, and a place that is given back can be taken.
    let change = json!({ "deny": ["post"] });
    done(&world, &world.owner, "PUT", &exception(&made[50]), change.clone());
    done(&world, &world.owner, "PUT", &exception(&made[1]), json!({}));
    done(&world, &world.owner, "PUT", &exception(&made[51]), change);

    let user = id_of(&world, &world.member);
    let given = |count: usize| {
        let path = format!("{guild}/members/{user}/roles");
        call(
            &world,
            &world.owner,
            "PUT",
            &path,
            json!({ "roles": made[1..=count] }),
        )
        .0
    };
    assert_eq!((given(20), given(21)), (204, 413));
}

pub(crate) fn a_group_is_full_at_twenty(form: Form) {
    let world = World::on(form);
    let others: Vec<String> = (0..20)
        .map(|number| id_of(&world, &newcomer(&world, &format!("guest{number}"))))
        .collect();
    let group = done(
        &world,
        &world.owner,
        "POST",
        "/groups",
        json!({ "users": others[..18] }),
    );
    let members = format!("/groups/{}/members", group["id"].as_str().unwrap());
    let add = |user: &str| {
        call(
            &world,
            &world.owner,
            "PUT",
            &format!("{members}/{user}"),
            json!({}),
        )
    };
    assert_eq!(add(&others[18]).0, 204);
    let (status, problem) = add(&others[19]);
    assert_eq!((status, &problem["code"]), (409, &json!("too_many")), "{problem}");
    assert_eq!(add(&others[18]).0, 204, "whoever is in it stays so");
    done(
        &world,
        &world.owner,
        "DELETE",
        &format!("{members}/{}", others[0]),
        json!({}),
    );
    assert_eq!(add(&others[19]).0, 204);
    let whole = json!({ "users": others[..19] });
    done(&world, &world.owner, "POST", "/groups", whole);
}

pub(crate) fn pages_and_texts_have_their_limits(form: Form) {
    let world = World::on(form);
    let (guild, room) = (
        format!("/guilds/{}", world.guild),
        format!("/rooms/{}", world.room),
    );
    let posts = format!("{room}/messages");
    done(&world, &world.owner, "POST", &posts, json!({ "text": "hello" }));
    for (path, most) in [
        (format!("{guild}/channels"), 500),
        (format!("{guild}/members"), 500),
        (format!("{guild}/bans"), 500),
        (format!("{guild}/invites"), 500),
        (format!("{guild}/arrivals"), 500),
        (format!("{guild}/audit"), 100),
        ("/instance/audit".to_owned(), 100),
        ("/accounts".to_owned(), 500),
        ("/me/follows".to_owned(), 500),
        ("/me/followers".to_owned(), 500),
        ("/me/blocks".to_owned(), 500),
        ("/me/inbox".to_owned(), 100),
        ("/conversations".to_owned(), 500),
        (format!("{room}/threads"), 500),
        (format!("{posts}/1/reactions/👍"), 500),
        (posts.clone(), 200),
    ] {
        let path = path.replace("👍", "%F0%9F%91%8D");
        for limit in [1, most] {
            done(
                &world,
                &world.owner,
                "GET",
                &format!("{path}?limit={limit}"),
                json!({}),
            );
        }
        for limit in ["0", &(most + 1).to_string(), "-1", "x"] {
            let path = format!("{path}?limit={limit}");
            let (status, problem) = call(&world, &world.owner, "GET", &path, json!({}));
            assert_eq!(
                (status, &problem["code"], &problem["field"]),
                (400, &json!("invalid_field"), &json!("limit")),
                "{path}: {problem}"
            );
        }
    }
    let kick = format!("{guild}/bans/{}", id_of(&world, &world.member));
    for (method, path, field, most) in [
        ("PATCH", guild.clone(), "name", 64),
        ("PATCH", guild.clone(), "description", 1_000),
        ("PATCH", room.clone(), "name", 64),
        ("PATCH", room.clone(), "topic", 250),
        ("POST", posts, "text", 4_000),
        ("PATCH", "/me".to_owned(), "display_name", 64),
        ("PATCH", "/me".to_owned(), "bio", 500),
        ("PUT", kick, "reason", 500),
    ] {
        done(
            &world,
            &world.owner,
            method,
            &path,
            json!({ field: "글".repeat(most) }),
        );
        let over = json!({ field: "글".repeat(most + 1) });
        let (status, problem) = call(&world, &world.owner, method, &path, over);
        assert_eq!(
            (status, &problem["code"], &problem["field"]),
            (413, &json!("too_large"), &json!(field)),
            "{path}: {problem}"
        );
    }
}
