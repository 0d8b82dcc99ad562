//! Two who do at the same moment what only one of them can: on the real binary, with requests that truly run at once, again
//! and again.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::accounts::{call, done, id_of};
use super::conversations::newcomer;
use super::gateway::nonce;
use super::support::{Client, Form, World};

const ROUNDS: usize = 15;

/// Two requests at once; answers their statuses.
fn both(one: impl FnOnce() -> u16 + Send, other: impl FnOnce() -> u16 + Send) -> (u16, u16) {
    let start = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        let one = scope.spawn(|| {
            start.wait();
            one()
        });
        start.wait();
        let other = other();
        (one.join().unwrap(), other)
    })
}

/// What somebody does again and again while `then` is done to them: nothing that is begun after `then` was answered works.
/// Answers how often it worked before.
fn until_refused(again: impl Fn() -> u16 + Sync, then: impl FnOnce(), refusal: u16) -> usize {
    let is_over = AtomicBool::new(false);
    let has_worked = AtomicBool::new(false);
    let has_failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let doing = scope.spawn(|| {
            let mut worked = 0;
            while !has_failed.load(Ordering::SeqCst) {
                let is_late = is_over.load(Ordering::SeqCst);
                match again() {
                    status if status == refusal => return worked,
                    200..=299 if is_late => panic!("this works although it was over"),
                    200..=299 => worked += 1,
                    status => panic!("{status}"),
                }
                has_worked.store(true, Ordering::SeqCst);
            }
            worked
        });
        // Not before it works at all: else there is nothing to be interrupted.
        while !has_worked.load(Ordering::SeqCst) && !doing.is_finished() {
            std::thread::yield_now();
        }
        // Otherwise the other thread would go on for ever, and what failed be told to nobody.
        let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(then));
        has_failed.store(end.is_err(), Ordering::SeqCst);
        is_over.store(true, Ordering::SeqCst);
        let worked = doing.join().unwrap();
        end.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        worked
    })
}

fn status(world: &World, token: &str, method: &str, path: &str, body: Value) -> u16 {
    call(world, token, method, path, body).0
}

fn owner_of(world: &World, token: &str) -> String {
    let guild = done(
        world,
        token,
        "GET",
        &format!("/guilds/{}", world.guild),
        json!({}),
    );
    guild["owner"].as_str().unwrap().to_owned()
}

pub(crate) fn a_guild_is_given_away_once(form: Form) {
    let world = World::on(form);
    let sora = newcomer(&world, "소라");
    let tokens = [&world.owner, &world.member, &sora];
    let ids: Vec<String> = tokens.iter().map(|token| id_of(&world, token)).collect();
    let give = format!("/guilds/{}/owner", world.guild);
    let mut owner = 0;
    for round in 0..ROUNDS {
        let others = [(owner + 1) % 3, (owner + 2) % 3];
        let to = |to: usize| status(&world, tokens[owner], "PUT", &give, json!({ "user": ids[to] }));
        let statuses = both(|| to(others[0]), || to(others[1]));
        let next = match statuses {
            (204, 403) => others[0],
            (403, 204) => others[1],
            other => panic!("round {round}: {other:?}"),
        };
        assert_eq!(owner_of(&world, tokens[0]), ids[next], "round {round}");
        owner = next;
    }
}

pub(crate) fn administrators_who_take_each_others_right_leave_one(form: Form) {
    let world = World::on(form);
    let tokens = [&world.owner, &world.member];
    let paths = tokens.map(|token| format!("/administrators/{}", id_of(&world, token)));
    let mut administrator = 0;
    for round in 0..ROUNDS {
        let other = 1 - administrator;
        done(&world, tokens[administrator], "PUT", &paths[other], json!({}));
        let take = |by: usize| status(&world, tokens[by], "DELETE", &paths[1 - by], json!({}));
        let statuses = both(|| take(0), || take(1));
        administrator = match statuses {
            (204, 403) => 0,
            (403, 204) => 1,
            other => panic!("round {round}: {other:?}"),
        };
        for (place, token) in tokens.iter().enumerate() {
            let me = done(&world, token, "GET", "/me", json!({}));
            assert_eq!(me["owner"], json!(place == administrator), "round {round}");
        }
    }
}

pub(crate) fn the_last_use_of_an_invite_is_one_members(form: Form) {
    let world = World::on(form);
    let tokens = [newcomer(&world, "소라"), newcomer(&world, "하나")];
    let guild = json!({ "guild": world.guild, "max_uses": 1 });
    let own = format!("/guilds/{}/members/me", world.guild);
    for token in &tokens {
        done(&world, token, "DELETE", &own, json!({}));
    }
    for round in 0..ROUNDS {
        let invite = done(&world, &world.owner, "POST", "/invites", guild.clone());
        let path = format!("/invites/{}/join", invite["code"].as_str().unwrap());
        let join = |place: usize| status(&world, &tokens[place], "POST", &path, json!({}));
        let came = match both(|| join(0), || join(1)) {
            (200, 404) => 0,
            (404, 200) => 1,
            other => panic!("round {round}: {other:?}"),
        };
        done(&world, &tokens[came], "DELETE", &own, json!({}));
    }
}

pub(crate) fn whoever_is_banned_while_joining_stays_out(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let guild = format!("/guilds/{}", world.guild);
    done(
        &world,
        &world.owner,
        "PATCH",
        &guild,
        json!({ "is_public": true }),
    );
    let own = format!("{guild}/members/me");
    let ban = format!("{guild}/bans/{jiho}");
    for round in 0..ROUNDS {
        done(&world, &world.member, "DELETE", &own, json!({}));
        let join = || status(&world, &world.member, "POST", &format!("{guild}/join"), json!({}));
        let statuses = both(join, || status(&world, &world.owner, "PUT", &ban, json!({})));
        assert!(
            matches!(statuses, (200 | 403, 204)),
            "round {round}: {statuses:?}"
        );
        let seen = status(&world, &world.member, "GET", &guild, json!({}));
        assert_eq!(seen, 404, "round {round}: banned, and a member");
        done(&world, &world.owner, "DELETE", &ban, json!({}));
        done(&world, &world.member, "POST", &format!("{guild}/join"), json!({}));
    }
}

pub(crate) fn what_is_deleted_while_it_is_edited_stays_deleted(form: Form) {
    let world = World::on(form);
    let (mut owner, _) = Client::sign_in(world.server.address(), &world.owner, None);
    owner.ask("open", json!({ "room": world.room })).unwrap();
    for round in 0..ROUNDS {
        let posts = format!("/rooms/{}/messages", world.room);
        let posted = done(&world, &world.member, "POST", &posts, json!({ "text": "secret" }));
        let message = format!("{posts}/{}", posted["message"]["seq"]);
        let edit = || {
            let body = json!({ "text": "secret, too" });
            status(&world, &world.member, "PATCH", &message, body)
        };
        let statuses = both(edit, || {
            status(&world, &world.owner, "DELETE", &message, json!({}))
        });
        assert!(
            matches!(statuses, (200 | 410, 200)),
            "round {round}: {statuses:?}"
        );
        let page = done(
            &world,
            &world.owner,
            "GET",
            &format!("{posts}?limit=1"),
            json!({}),
        );
        let left = &page["messages"][0];
        assert_eq!(left["text"], "", "round {round}: {left}");
        assert!(left["deleted"].is_object(), "round {round}: {left}");
        // Everybody hears of an edit before the deletion, or not at all.
        let seq = posted["message"]["seq"].clone();
        owner.wait(|frame| frame["kind"] == "message.deleted" && frame["data"]["seq"] == seq);
        owner.ask("heartbeat", json!({})).unwrap();
        let is_late = |frame: &Value| frame["kind"] == "message.edited" && frame["data"]["seq"] == seq;
        assert!(!owner.has_pushed(is_late), "round {round}");
    }
}

pub(crate) fn nobody_posts_after_being_sent_away(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let guild = format!("/guilds/{}", world.guild);
    done(
        &world,
        &world.owner,
        "PATCH",
        &guild,
        json!({ "is_public": true }),
    );
    let posts = format!("/rooms/{}/messages", world.room);
    let post = || status(&world, &world.member, "POST", &posts, json!({ "text": "hello" }));
    let mut posted = 0;
    for round in 0..ROUNDS {
        let (mut socket, _) = Client::sign_in(world.server.address(), &world.member, None);
        socket.ask("open", json!({ "room": world.room })).unwrap();
        let (token, path) = match round % 3 {
            0 => (&world.owner, format!("{guild}/members/{jiho}")),
            1 => (&world.member, format!("{guild}/members/me")),
            _ => (&world.owner, format!("{guild}/bans/{jiho}")),
        };
        let method = if round % 3 == 2 { "PUT" } else { "DELETE" };
        posted += until_refused(post, || drop(done(&world, token, method, &path, json!({}))), 404);
        // What is said then reaches everybody else.
        let about = format!("about jiho {round}");
        done(&world, &world.owner, "POST", &posts, json!({ "text": about }));
        socket.wait(|frame| frame["signal"] == "guild_left");
        for _ in 0..2 {
            socket.ask("heartbeat", json!({})).unwrap();
        }
        let has_heard = socket.has_pushed(|frame| frame.to_string().contains(&about));
        assert!(!has_heard, "round {round}");
        if round % 3 == 2 {
            done(&world, &world.owner, "DELETE", &path, json!({}));
        }
        done(&world, &world.member, "POST", &format!("{guild}/join"), json!({}));
    }
    let page = done(&world, &world.owner, "GET", &posts, json!({}));
    assert_eq!(
        page["head"]["n"],
        json!(posted + ROUNDS),
        "what was answered is there, once"
    );
}

pub(crate) fn a_right_that_is_taken_away_works_no_more(form: Form) {
    let world = World::on(form);
    let jiho = id_of(&world, &world.member);
    let [sora, hana] = ["소라", "하나"].map(|name| id_of(&world, &newcomer(&world, name)));
    let guild = format!("/guilds/{}", world.guild);
    let role = |name: &str, permissions: Value, position: u64| {
        let body = json!({ "name": name, "permissions": permissions, "position": position });
        let role = done(&world, &world.owner, "POST", &format!("{guild}/roles"), body);
        role["id"].as_str().unwrap().to_owned()
    };
    let helper = role("helper", json!(["manage_roles", "ban", "manage_messages"]), 10);
    let small = role("small", json!([]), 1);
    let roles_of = |user: &str| format!("{guild}/members/{user}/roles");
    let give = |roles: Value| {
        drop(done(
            &world,
            &world.owner,
            "PUT",
            &roles_of(&jiho),
            json!({ "roles": roles }),
        ));
    };
    let missing = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let post = || {
        let body = json!({ "text": "hello", "nonce": nonce() });
        status(
            &world,
            &world.member,
            "POST",
            &format!("/rooms/{}/messages", world.room),
            body,
        )
    };
    let has_small = AtomicBool::new(false);
    let grant = || {
        let on = has_small.fetch_xor(true, Ordering::SeqCst);
        let roles = if on { json!([]) } else { json!([small]) };
        status(
            &world,
            &world.member,
            "PUT",
            &roles_of(&sora),
            json!({ "roles": roles }),
        )
    };
    let ban = || {
        status(
            &world,
            &world.member,
            "PUT",
            &format!("{guild}/bans/{hana}"),
            json!({}),
        )
    };
    let everybody = format!("{guild}/roles/{}", world.guild);
    for round in 0..ROUNDS / 3 {
        give(json!([helper]));
        until_refused(grant, || give(json!([])), 403);
        give(json!([helper]));
        until_refused(ban, || give(json!([])), 403);
        let silent = json!({ "permissions": ["view"] });
        let talking = json!({ "permissions": ["view", "post", "react", "threads", "change_nickname"] });
        let silence = || drop(done(&world, &world.owner, "PATCH", &everybody, silent));
        until_refused(post, silence, 403);
        done(&world, &world.owner, "PATCH", &everybody, talking);
        // What the right was used for stands in the audit before it was taken away, and never after.
        let audit = done(
            &world,
            &world.owner,
            "GET",
            &format!("{guild}/audit?target={jiho}&limit=1"),
            json!({}),
        );
        let taken_at = audit["entries"][0]["at"].as_str().unwrap().to_owned();
        let late = format!("{guild}/audit?actor={jiho}&limit=1");
        let last = done(&world, &world.owner, "GET", &late, json!({}));
        let last = last["entries"][0]["at"].as_str().unwrap_or_default().to_owned();
        assert!(last <= taken_at, "round {round}: {last} after {taken_at}");
    }
    assert_eq!(
        status(
            &world,
            &world.member,
            "PUT",
            &format!("{guild}/bans/{missing}"),
            json!({})
        ),
        403
    );
}
