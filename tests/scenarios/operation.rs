//! The real binary in the surroundings that it meets: full disks, logs that nobody reads, clients that want too much.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

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
    let (status, refusal) = world.server.call("POST", &path, Some(&world.member), Some(text));
    assert_eq!((status, &refusal["code"]), (503, &json!("disk_full")));
    let (status, _) = world.server.call("GET", &path, Some(&world.member), None);
    assert_eq!(status, 200);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
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
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    minji
        .ask("post", json!({ "room": world.room, "text": "hello" }))
        .unwrap();
    assert!(world.server.stop(), "ends in order");
    assert_eq!(
        minji.wait(|frame| frame["signal"] == "draining")["signal"],
        "draining"
    );
    assert_eq!(minji.read(), Err(4006));
}

/// What other accounts could do with a path.
fn rights_of_others(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077
}

pub(crate) fn data_is_for_its_owner_only(form: Form) {
    let world = World::on(form);
    let data = world.folder.path().to_owned();
    // As an older version has left it.
    for path in [
        data.clone(),
        data.join("store"),
        data.join("store/tip"),
        data.join("lock"),
    ] {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let world = world.crash();
    let mut folders = vec![data.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(rights_of_others(&folder), 0, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(rights_of_others(&path), 0, "{}", path.display());
            seen += 1;
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    assert!(seen > 5, "{seen}");
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("backup");
    let made = Command::new(env!("CARGO_BIN_EXE_madang"))
        .args(["backup", "--data"])
        .arg(&data)
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    assert_eq!(rights_of_others(&file), 0);
    drop(world);
}

pub(crate) fn a_full_disk_is_said_once_and_from_the_start(form: Form) {
    let world = World::on(form);
    let messages = format!("/api/v1/rooms/{}/messages", world.room);
    let text = Some(json!({ "text": "hello" }));
    assert_eq!(
        world.server.call("POST", &messages, Some(&world.owner), text).0,
        201
    );
    let mut world = world.crash_with(|command| {
        command
            .stderr(Stdio::piped())
            .env("MADANG_STORAGE__MIN_FREE_MIB", "1000000000");
    });
    assert_eq!(
        world.server.text("/readyz"),
        "the disk is nearly full: nothing is written\n"
    );
    let body = r#"{"text":"hello"}"#;
    let request = format!(
        "POST /api/v1/rooms/{}/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        world.room,
        world.member,
        body.len()
    );
    for _ in 0..5 {
        let answer = world.server.exchange(request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(
            answer.to_lowercase().contains("\r\nretry-after: 60\r\n"),
            "{answer}"
        );
    }
    // A marker that is not written keeps nobody from stopping in order.
    let marker = format!("/api/v1/rooms/{}/marker", world.room);
    let read = Some(json!({ "seq": 1 }));
    assert_eq!(
        world.server.call("PUT", &marker, Some(&world.member), read).0,
        503
    );
    std::thread::sleep(Duration::from_secs(3));
    let mut log = world.server.log().unwrap();
    assert!(world.server.stop());
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("ERROR").count(), 1, "{text}");
    assert!(text.contains("the disk is nearly full, writes stop"), "{text}");
    assert!(text.matches("WARN").count() <= 1, "{text}");
}

pub(crate) fn an_account_that_asks_too_much_is_slowed_and_others_are_not(form: Form) {
    let world = World::with(form, |command| {
        command.env("MADANG_SERVER__REQUESTS_PER_ACCOUNT_PER_SECOND", "1");
        command.env("MADANG_SERVER__REQUESTS_PER_ADDRESS_PER_SECOND", "10");
    });
    let ask = |token: &str| world.server.call("GET", "/api/v1/me", Some(token), None);
    let refused = (0..30)
        .map(|_| ask(&world.member))
        .find(|(status, _)| *status != 200);
    let (status, problem) = refused.expect("nobody may ask forever");
    assert_eq!(
        (status, &problem["code"]),
        (429, &json!("rate_limited")),
        "{problem}"
    );
    assert_eq!(ask(&world.owner).0, 200, "somebody else may");
    // Over the gateway it is the same account.
    let (mut client, _) = Client::sign_in(world.server.address(), &world.member, None);
    let error = client.ask("me", json!({})).unwrap_err();
    assert_eq!(error["code"], "rate_limited");
    // A whole address is slowed, too, but not what stands outside of the API.
    let refused = (0..200).map(|_| world.server.call("GET", "/api/v1/instance", None, None));
    assert!(
        refused.into_iter().any(|(status, _)| status == 429),
        "an address may not ask forever"
    );
    assert!(world.server.text("/healthz").contains("ok"));
}

pub(crate) fn the_log_tells_what_is_done_about_accounts(form: Form) {
    let mut world = World::with(form, |command| {
        command.stderr(Stdio::piped());
    });
    let id = |token: &str| super::people::id_of(&world, token);
    let (minji, jiho) = (id(&world.owner), id(&world.member));
    for name in ["지호", "my secret password"] {
        let body = json!({ "name": name, "password": "a wrong guess" });
        let (status, _) = world.server.call("POST", "/api/v1/sessions", None, Some(body));
        assert_eq!(status, 401);
    }
    for path in [
        format!("/api/v1/administrators/{jiho}"),
        format!("/api/v1/accounts/{jiho}/deactivation"),
    ] {
        let (status, _) = world
            .server
            .call("PUT", &path, Some(&world.owner), Some(json!({})));
        assert_eq!(status, 204);
    }
    let mut log = world.server.log().unwrap();
    assert!(world.server.stop());
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    let failed: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("a sign-in failed"))
        .collect();
    assert_eq!(failed.len(), 2, "{text}");
    assert!(
        failed[0].contains(&jiho) && failed[0].contains("127.0.0.1"),
        "{text}"
    );
    assert!(
        !text.contains("secret"),
        "what is no name may be a password: {text}"
    );
    for kind in ["administrator.granted", "account.deactivated"] {
        let mut lines = text.lines().filter(|line| line.contains(kind));
        let line = lines.next().unwrap_or_else(|| panic!("{kind}: {text}"));
        assert!(line.contains(&jiho) && line.contains(&minji), "{line}");
    }
}
