//! What becomes of what somebody leaves behind: guilds, and invites into them.

use serde_json::{Value, json};

use super::accounts::{call, done, id_of, refused, token_of};
use super::conversations::newcomer;
use super::support::{Form, World};

fn deactivate(world: &World, user: &str) {
    let path = format!("/accounts/{user}/deactivation");
    done(world, &world.owner, "PUT", &path, json!({}));
}

pub(crate) fn a_guild_whose_owner_is_gone_is_handed_on(form: Form) {
    let world = World::on(form);
    let (owner, member) = (&world.owner, &world.member);
    let (minji, jiho) = (id_of(&world, owner), id_of(&world, member));
    let guild = done(&world, member, "POST", "/guilds", json!({ "name": "second" }));
    let guild = guild["id"].as_str().unwrap();
    let sora = newcomer(&world, "sora");
    let sora_id = id_of(&world, &sora);
    let invite = done(&world, member, "POST", "/invites", json!({ "guild": guild }));
    let join = format!("/invites/{}/join", invite["code"].as_str().unwrap());
    done(&world, &sora, "POST", &join, json!({}));
    let transfer = format!("/guilds/{guild}/owner");
    let missing = "/guilds/01ARZ3NDEKTSV4RRFFQ69G5FAV/owner";
    let to = |user: &str| json!({ "user": user });

    // To an administrator of the instance a guild that has its owner is like one that does not exist.
    let hidden = call(&world, owner, "PUT", &transfer, to(&sora_id));
    assert_eq!(hidden, call(&world, owner, "PUT", missing, to(&sora_id)));
    assert_eq!(hidden.0, 404);
    deactivate(&world, &sora_id);
    let unfit = (400, "invalid_field", json!("user"));
    refused(&world, member, ("PUT", &transfer, to(&sora_id)), unfit.clone());
    let path = format!("/accounts/{sora_id}/deactivation");
    done(&world, owner, "DELETE", &path, json!({}));
    let sora = token_of(&world, "sora", "battery staple");

    deactivate(&world, &jiho);
    let other = newcomer(&world, "hana");
    assert_eq!(call(&world, &other, "PUT", &transfer, to(&sora_id)).0, 404);
    let forbidden = (403, "forbidden", Value::Null);
    refused(&world, &sora, ("PUT", &transfer, to(&sora_id)), forbidden);
    refused(&world, owner, ("PUT", &transfer, to(&minji)), unfit);
    done(&world, owner, "PUT", &transfer, to(&sora_id));
    let path = format!("/guilds/{guild}");
    assert_eq!(
        done(&world, &sora, "GET", &path, json!({}))["owner"],
        json!(sora_id)
    );
    assert_eq!(call(&world, owner, "PUT", &transfer, to(&sora_id)).0, 404);
    let audit = done(
        &world,
        owner,
        "GET",
        "/instance/audit?kind=guild.taken_over",
        json!({}),
    );
    let entry = &audit["entries"][0];
    assert_eq!(
        (&entry["actor"], &entry["details"]["to"]),
        (&json!(minji), &json!(sora_id))
    );
}

pub(crate) fn invites_end_with_whoever_made_them(form: Form) {
    let world = World::on(form);
    let sora = newcomer(&world, "sora");
    let sora_id = id_of(&world, &sora);
    let give = format!("/guilds/{}/members/{sora_id}/roles", world.guild);
    let roles = done(
        &world,
        &world.owner,
        "GET",
        &format!("/guilds/{}/roles", world.guild),
        json!({}),
    );
    let moderators = roles["roles"].as_array().unwrap().iter();
    let moderators = moderators
        .clone()
        .find(|role| role["built_in"] == "moderator")
        .unwrap()["id"]
        .clone();
    let invite = || {
        done(
            &world,
            &world.owner,
            "PUT",
            &give,
            json!({ "roles": [moderators] }),
        );
        let made = done(&world, &sora, "POST", "/invites", json!({ "guild": world.guild }));
        format!("/invites/{}", made["code"].as_str().unwrap())
    };
    let works = |code: &str| match world.server.call("GET", &format!("/api/v1{code}"), None, None) {
        (200, _) => true,
        (404, _) => false,
        (status, answer) => panic!("{status} {answer}"),
    };
    let comes_back = || {
        let made = done(
            &world,
            &world.owner,
            "POST",
            "/invites",
            json!({ "guild": world.guild }),
        );
        let join = format!("/invites/{}/join", made["code"].as_str().unwrap());
        done(&world, &sora, "POST", &join, json!({}));
    };

    let code = invite();
    assert!(works(&code));
    let kick = format!("/guilds/{}/members/{sora_id}", world.guild);
    done(&world, &world.owner, "DELETE", &kick, json!({}));
    assert!(!works(&code), "kicked");
    let body = json!({ "name": "again", "password": "battery staple" });
    let accept = world
        .server
        .call("POST", &format!("/api/v1{code}/accept"), None, Some(body));
    assert_eq!(accept.0, 404);
    comes_back();
    assert!(!works(&code), "what ended stays so");

    let code = invite();
    let ban = format!("/guilds/{}/bans/{sora_id}", world.guild);
    done(&world, &world.owner, "PUT", &ban, json!({}));
    assert!(!works(&code), "banned");
    let path = format!("/guilds/{}/invites", world.guild);
    let list = done(&world, &world.owner, "GET", &path, json!({}));
    let theirs = list["invites"].as_array().unwrap().iter();
    assert!(
        theirs.clone().all(|invite| invite["inviter"] != json!(sora_id)),
        "{list}"
    );
    done(&world, &world.owner, "DELETE", &ban, json!({}));
    comes_back();
    assert!(!works(&code));

    let code = invite();
    deactivate(&world, &sora_id);
    assert!(!works(&code), "deactivated");
}
