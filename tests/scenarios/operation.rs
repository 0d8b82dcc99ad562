//! The real binary in the surroundings that it meets: full disks, logs that nobody reads, clients that want too much.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use super::support::{Client, Form, Server, World};
use serde_json::json;

/// Every line of the log fails: with no space left, as on a full disk.
fn log_to_a_full_device(command: &mut Command) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    command
        .stderr(full)
        .env("MADANG_LOG__LEVEL", "debug")
        .env("MADANG_STORAGE__MIN_FREE_MIB", "1000000000");
}

pub(crate) fn a_log_that_cannot_be_written_costs_nothing(form: Form) {
    let mut world = World::on(form).crash_with(log_to_a_full_device);
    let path = format!("/api/v1/rooms/{}/messages", world.room);
    // Refusing a write for want of space is logged as an error, too.
    let text = json!({ "text": "hello" });
    let (status, refusal) = world
        .server
        .call("POST", &path, Some(&world.member), Some(text));
    assert_eq!((status, &refusal["code"]), (503, &json!("disk_full")));
    let (status, _) = world.server.call("GET", &path, Some(&world.member), None);
    assert_eq!(status, 200);
    let (mut minji, _) = Client::sign_in(&world.server.address, &world.owner, None);
    let refusal = minji.ask("post", json!({ "room": world.room, "text": "hello" }));
    assert_eq!(refusal.unwrap_err()["code"], "disk_full");
    assert!(world.server.stop(), "ends in order");

    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(form, folder.path(), None, |command| {
        log_to_a_full_device(command);
        command.env("MADANG_STORAGE__MIN_FREE_MIB", "0");
    });
    assert_eq!(server.text("/readyz"), "ready\n");
    assert!(server.stop(), "ends in order");
}

pub(crate) fn a_log_whose_reader_left_costs_nothing(form: Form) {
    let mut world = World::with(form, |command| {
        command.stderr(Stdio::piped()).env("MADANG_LOG__LEVEL", "debug");
    });
    drop(world.server.log());
    let (mut minji, _) = Client::sign_in(&world.server.address, &world.owner, None);
    minji
        .ask("post", json!({ "room": world.room, "text": "hello" }))
        .unwrap();
    assert!(world.server.stop(), "ends in order");
    assert_eq!(minji.wait(|frame| frame["signal"] == "draining")["signal"], "draining");
    assert_eq!(minji.read(), Err(4006));
}
