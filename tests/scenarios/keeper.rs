//! Accounts from the command line: beside a running server, and on the data alone.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::accounts::{call, done, token_of};
use super::support::{Client, Form, Server, World};

/// Runs `madang user`; answers its exit code and what it printed to both.
fn user(data: &Path, arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_madang"))
        .arg("user")
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that asks for nothing may have ended before.
    process.stdin.take().unwrap().write_all(stdin.as_bytes()).ok();
    let output = process.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Runs it, which must work; answers what it printed.
fn must(data: &Path, arguments: &[&str], stdin: &str) -> String {
    let (code, out, err) = user(data, arguments, stdin);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}: {out}");
    out
}

fn made_up(out: &str) -> String {
    let line = out.lines().find_map(|line| line.strip_prefix("password: "));
    line.unwrap_or_else(|| panic!("no password in {out}")).to_owned()
}

fn signs_in(world: &World, name: &str, password: &str) -> bool {
    let body = json!({ "name": name, "password": password, "transport": "bearer" });
    match world.server.call("POST", "/api/v1/sessions", None, Some(body)) {
        (201, _) => true,
        (401, _) => false,
        (status, problem) => panic!("{status} {problem}"),
    }
}

pub(crate) fn accounts_are_kept_from_the_command_line(form: Form) {
    let mut world = World::on(form);
    let data = world.folder.path().to_owned();
    let out = must(&data, &["add", "sora"], "");
    let password = made_up(&out);
    assert!(signs_in(&world, "sora", &password), "{out}");
    let out = must(
        &data,
        &["add", "hana", "--password-stdin", "--admin"],
        "tea and books\n",
    );
    assert!(
        !out.contains("tea and books") && !out.contains("password:"),
        "{out}"
    );
    let hana = token_of(&world, "hana", "tea and books");
    done(&world, &hana, "GET", "/accounts", json!({}));

    let (mut socket, _) = Client::sign_in(world.server.address(), &world.member, None);
    let password = made_up(&must(&data, &["passwd", "지호"], ""));
    assert_eq!(socket.read_until_closed(), 4003);
    let link = must(&data, &["password-link", "지호"], "");
    let token = link
        .split_once("/new-password#token=")
        .map(|(_, token)| token.trim());
    let choice = json!({ "token": token, "password": password, "transport": "bearer" });
    let (status, _) = world
        .server
        .call("POST", "/api/v1/password-link/use", None, Some(choice));
    assert_eq!(status, 201, "{link}");
    let jiho = token_of(&world, "지호", &password);
    let (mut socket, _) = Client::sign_in(world.server.address(), &jiho, None);
    must(&data, &["deactivate", "지호"], "");
    assert_eq!(socket.read_until_closed(), 4003);
    assert_eq!(call(&world, &jiho, "GET", "/me", json!({})).0, 401);
    must(&data, &["admin", "hana", "--revoke"], "");
    assert_eq!(call(&world, &hana, "GET", "/accounts", json!({})).0, 403);

    // The same while no server runs, where the data is in its folder.
    if form.is_embedded() {
        assert!(world.server.stop());
    }
    must(&data, &["reactivate", "지호"], "");
    must(&data, &["deactivate", "sora"], "");
    must(&data, &["admin", "지호", "--grant"], "");
    let new = made_up(&must(&data, &["passwd", "지호"], ""));
    let list = must(&data, &["list", "--json"], "");
    let list: Value = serde_json::from_str(&list).unwrap();
    let of = |name: &str| {
        let mut accounts = list.as_array().unwrap().iter();
        accounts
            .find(|account| account["name"] == name)
            .unwrap_or_else(|| panic!("{list}"))
    };
    assert_eq!(list.as_array().unwrap().len(), 4);
    assert_eq!(
        (&of("sora")["is_deactivated"], &of("hana")["is_deactivated"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(of("지호")["is_administrator"], true);
    let world = world.crash();
    let jiho = token_of(&world, "지호", &new);
    let audit = done(&world, &jiho, "GET", "/instance/audit?limit=100", json!({}));
    let kinds: Vec<&str> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["actor"].is_null())
        .filter_map(|entry| entry["kind"].as_str())
        .collect();
    for (kind, times) in [
        ("account.added", 2),
        ("password.set", 2),
        ("password_link.created", 1),
        ("account.deactivated", 2),
        ("account.reactivated", 1),
        ("administrator.granted", 2),
        ("administrator.revoked", 1),
    ] {
        let found = kinds.iter().filter(|found| **found == kind).count();
        assert_eq!(found, times, "{kind}: {kinds:?}");
    }
    let lines = must(&data, &["list"], "");
    assert_eq!(lines.lines().count(), 4, "{lines}");
    assert!(
        lines.contains("minji") && lines.contains("administrator"),
        "{lines}"
    );

    let world = world.crash();
    assert!(signs_in(&world, "지호", &new) && !signs_in(&world, "지호", &password));
    done(
        &world,
        &token_of(&world, "지호", &new),
        "GET",
        "/accounts",
        json!({}),
    );
}

pub(crate) fn what_cannot_be_done_says_why(form: Form) {
    let mut world = World::on(form);
    let data = world.folder.path().to_owned();
    let empty = tempfile::tempdir().unwrap();
    let (code, out, err) = user(&empty.path().join("none"), &["list"], "");
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("there is no data"), "{err}");
    assert!(
        !empty.path().join("none").exists(),
        "nothing is made where nothing was"
    );
    let fresh = Server::start(form, &empty.path().join("fresh"), None);
    let (code, _, err) = user(&empty.path().join("fresh"), &["add", "sora"], "");
    assert_eq!(code, 1);
    assert!(err.contains("not set up"), "{err}");
    drop(fresh);
    for running in [true, false] {
        if !running {
            if !form.is_embedded() {
                break;
            }
            assert!(world.server.stop());
        }
        for (arguments, stdin, reason) in [
            (&["passwd", "nobody"][..], "", "nobody has this name"),
            (&["passwd", "  "], "", "nobody has this name"),
            (&["add", "MINJI"], "", "taken"),
            (&["add", "x"], "", "name"),
            (&["add", "dodam", "--password-stdin"], "short\n", "password"),
            (&["add", "dodam", "--password-stdin"], "", "standard input"),
            (&["deactivate", "minji"], "", "administrator"),
            (&["admin", "minji", "--revoke"], "", "administrator"),
        ] {
            let (code, out, err) = user(&data, arguments, stdin);
            assert_eq!((code, out.as_str()), (1, ""), "{arguments:?}: {err}");
            assert!(err.contains(reason), "{arguments:?}: {err}");
        }
    }
    for arguments in [
        &["admin", "minji"][..],
        &["admin", "minji", "--grant", "--revoke"],
        &["fly"],
        &[],
    ] {
        assert_eq!(user(&data, arguments, "").0, 2, "{arguments:?}");
    }
}

pub(crate) fn a_crash_between_the_steps_of_a_sign_up_loses_nobody(form: Form) {
    let mut world = World::on(form);
    done(
        &world,
        &world.owner,
        "PATCH",
        "/instance/registration",
        json!({ "registration": "open", "welcome_guild": world.guild }),
    );
    for round in 0..4 {
        let name = format!("guest{round}");
        let body = json!({ "name": name, "password": "correct horse", "transport": "bearer" });
        let text = body.to_string();
        let request = format!(
            "POST /api/v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        let mut stream = std::net::TcpStream::connect(world.server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        // Killed somewhere on the way: hashing alone takes some milliseconds.
        std::thread::yield_now();
        for _ in 0..round * 8 {
            world.server.text("/healthz");
        }
        world = world.crash();
        // Either nothing came of it, or everything: a sign-in finishes what was begun.
        if signs_in(&world, &name, "correct horse") {
            let token = token_of(&world, &name, "correct horse");
            let guilds = done(&world, &token, "GET", "/guilds", json!({}));
            assert_eq!(guilds["guilds"][0]["id"], json!(world.guild), "{name}");
        } else {
            let (status, answer) = world.server.call("POST", "/api/v1/accounts", None, Some(body));
            // The claim of a sign-up that was cut off stands for ten minutes.
            assert!(
                status == 201 || answer["code"] == "name_taken",
                "{name}: {status} {answer}"
            );
        }
    }
}

pub(crate) fn the_command_line_finds_the_data_where_the_server_does(form: Form) {
    let mut world = World::on(form);
    let data = world.folder.path().to_owned();
    assert!(world.server.stop());
    let beside = tempfile::tempdir().unwrap();
    let config = beside.path().join("madang.toml");
    let text = format!("[storage]\nfolder = {:?}\n", data.display().to_string());
    std::fs::write(&config, text).unwrap();
    let run = |arguments: &[&str], variable: &str, value: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_madang"))
            .args(arguments)
            .env(variable, value)
            .current_dir(beside.path())
            .output()
            .unwrap();
        (output.status.code().unwrap(), format!("{output:?}"))
    };
    for (variable, value) in [("MADANG_STORAGE__FOLDER", &data), ("MADANG_CONFIG", &config)] {
        let backup = beside.path().join(variable);
        let backup = backup.to_str().unwrap();
        for arguments in [
            &["user", "list"][..],
            &["verify"],
            &["compact"],
            &["backup", backup],
        ] {
            let (code, output) = run(arguments, variable, value);
            assert_eq!(code, 0, "{variable} {arguments:?}: {output}");
        }
    }
    // What is said outright comes first, and nothing is made where nothing was.
    let (code, _) = run(
        &["user", "list", "--data", "elsewhere"],
        "MADANG_STORAGE__FOLDER",
        &data,
    );
    assert_eq!(code, 1);
    let (code, output) = run(&["config", "check"], "MADANG_FOO", &data);
    assert!(code == 0 && output.contains("MADANG_FOO"), "{output}");
    let (code, output) = run(
        &["config", "check"],
        "MADANG_SERVER__PUBLIC_URL",
        Path::new("https://a:b@c.example"),
    );
    assert!(code == 1 && output.contains("server.public_url"), "{output}");
}
