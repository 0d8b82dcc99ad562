//! What messages said before they were edited, and why somebody else's was deleted.

use serde_json::{Value, json};

use super::calls::post;
use super::conversations::{does, id_of, newcomer, refused};
use super::support::{Form, World};

fn texts(answer: &Value) -> Vec<&str> {
    let revisions = answer["revisions"].as_array().unwrap();
    revisions
        .iter()
        .map(|revision| revision["text"].as_str().unwrap())
        .collect()
}

pub(crate) fn what_a_message_said_is_for_its_author_and_moderators(form: Form) {
    let world = World::on(form);
    let seq = post(&world, &world.member, json!({ "text": "one" }))["seq"].clone();
    let message = format!("/rooms/{}/messages/{seq}", world.room);
    let revisions = format!("{message}/revisions");
    let edit = |world: &World, text: &str| {
        does(
            world,
            &world.member,
            "PATCH",
            &message,
            Some(json!({ "text": text })),
        )
    };
    let untouched = does(&world, &world.member, "GET", &revisions, None);
    assert_eq!(texts(&untouched), ["one"]);
    edit(&world, "two");
    let edited = edit(&world, "three");
    let world = world.crash();
    for token in [&world.member, &world.owner] {
        let answer = does(&world, token, "GET", &revisions, None);
        assert_eq!(texts(&answer), ["one", "two", "three"]);
        let last = &answer["revisions"][2]["at"];
        assert_eq!(last, &edited["message"]["edited_at"]);
    }
    let other = newcomer(&world, "other");
    let answer = refused(&world, &other, "GET", &revisions, None);
    assert_eq!(answer, (403, "forbidden".to_owned()));
    let missing = format!("/rooms/{}/messages/999/revisions", world.room);
    assert_eq!(refused(&world, &world.owner, "GET", &missing, None).0, 404);
    // However often it is edited, a bounded number is kept; the oldest ones go.
    for number in 0..20 {
        edit(&world, &format!("again {number}"));
    }
    let answer = does(&world, &world.owner, "GET", &revisions, None);
    assert_eq!(
        (texts(&answer).len(), texts(&answer)[0]),
        (21, "one"),
        "what was said first stays"
    );
    let before = does(&world, &world.owner, "GET", &revisions, None);
    let same = edit(&world, "again 19");
    assert_eq!(same["message"]["text"], "again 19");
    let after = does(&world, &world.owner, "GET", &revisions, None);
    assert_eq!(after, before, "the same text again changes nothing");
    does(&world, &world.member, "DELETE", &message, None);
    let answer = refused(&world, &world.member, "GET", &revisions, None);
    assert_eq!(answer, (410, "message_deleted".to_owned()));
    let world = world.crash_with(|command| {
        command.env("MADANG_MESSAGES__KEEP_EDITS", "false");
    });
    let seq = post(&world, &world.member, json!({ "text": "kept by nobody" }))["seq"].clone();
    let message = format!("/rooms/{}/messages/{seq}", world.room);
    let text = json!({ "text": "present" });
    does(&world, &world.member, "PATCH", &message, Some(text));
    let answer = does(
        &world,
        &world.member,
        "GET",
        &format!("{message}/revisions"),
        None,
    );
    assert_eq!(texts(&answer), ["present"]);
}

pub(crate) fn a_moderator_says_why_a_message_goes(form: Form) {
    let world = World::on(form);
    let seq = post(&world, &world.member, json!({ "text": "rude" }))["seq"].clone();
    let message = format!("/rooms/{}/messages/{seq}", world.room);
    let too_long = json!({ "reason": "x".repeat(1_001) });
    assert_eq!(
        refused(&world, &world.owner, "DELETE", &message, Some(too_long)).0,
        413
    );
    let unknown = json!({ "because": "x" });
    assert_eq!(
        refused(&world, &world.owner, "DELETE", &message, Some(unknown)).0,
        400
    );
    let message = format!("{message}?reason=be+kind");
    does(&world, &world.owner, "DELETE", &message, None);
    let audit = format!("/guilds/{}/audit?kind=message.deleted", world.guild);
    let audit = does(&world, &world.owner, "GET", &audit, None);
    assert_eq!(audit["entries"][0]["reason"], "be kind");
    let details = &audit["entries"][0]["details"];
    assert_eq!(details["seq"], seq.to_string());
    assert_eq!(details["author"], id_of(&world, &world.member));
    // What stands in a body says the same.
    let seq = post(&world, &world.member, json!({ "text": "again" }))["seq"].clone();
    let message = format!("/rooms/{}/messages/{seq}", world.room);
    let reason = json!({ "reason": "still" });
    does(&world, &world.owner, "DELETE", &message, Some(reason));
    let audit = format!("/guilds/{}/audit?kind=message.deleted", world.guild);
    let audit = does(&world, &world.owner, "GET", &audit, None);
    assert_eq!(audit["entries"][0]["reason"], "still");
}
