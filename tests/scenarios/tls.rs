//! TLS from certificate files.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use super::support::{Form, PATIENCE, Server};
use super::trust::{self, Authority, Encrypted, Files, Trust};

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost:8443\r\nConnection: close\r\n\r\n")
}

fn post(path: &str, token: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:8443\r\nOrigin: https://localhost:8443\r\nConnection: close\r\n\
         Content-Type: application/json\r\n{token}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn set_up(server: &Server, transport: &str) -> Value {
    json!({
        "token": server.setup_token, "instance_name": "마당", "guild_name": "모임", "name": "minji",
        "password": "correct horse", "transport": transport,
    })
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

pub(crate) fn all_is_said_over_tls(form: Form) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let files = authority.write(folder.path(), |_| {});
    let redirect = trust::free_address();
    let server = trust::server(form, folder.path(), &files, |command| {
        command.env("MADANG_TLS__REDIRECT_LISTEN", &redirect);
    });
    let trust = authority.trusted();
    assert_eq!(server.listens, "https");
    let client = trust.connect(server.address()).unwrap();
    assert_eq!(client.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(
        trust
            .exchange(server.address(), &get("/healthz"))
            .ends_with("\r\n\r\nok\n")
    );

    let answer = trust.exchange(
        server.address(),
        &post("/api/v1/setup", "", &set_up(&server, "cookie")),
    );
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let session = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let listed = get("/api/v1/guilds").replace(
        "Connection",
        &format!("Origin: https://localhost:8443\r\n{session}Connection"),
    );
    let guilds = body(&trust.exchange(server.address(), &listed));
    let invite = json!({ "guild": guilds["guilds"][0]["id"] });
    let invite = body(&trust.exchange(server.address(), &post("/api/v1/invites", &session, &invite)));
    let url = invite["url"].as_str().unwrap();
    assert!(url.starts_with("https://localhost:8443/invite/"), "{url}");
    // A page in the clear, whoever made it, does not speak for the one over TLS.
    let wish = json!({ "guild": guilds["guilds"][0]["id"] });
    let foreign = post("/api/v1/invites", &session, &wish).replace("Origin: https:", "Origin: http:");
    let answer = trust.exchange(server.address(), &foreign);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");

    redirects_lead_there(&server, &redirect);
    health_is_asked_within_the_machine(server, folder.path());
}

fn health_is_asked_within_the_machine(mut server: Server, data: &Path) {
    let health = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
        let output = command.args(["health", "--data"]).arg(data).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    };
    assert_eq!(health(), (Some(0), "ready\n".to_owned()));
    assert!(server.stop());
    let (code, told) = health();
    assert_eq!(code, Some(1));
    assert!(told.contains("no server runs on"), "{told}");
}

fn redirects_lead_there(server: &Server, redirect: &str) {
    let port = server.address().rsplit_once(':').unwrap().1;
    for (asked, answered) in [
        (
            "GET /a/b?c=d HTTP/1.1\r\nHost: chat.example\r\n",
            Some("/a/b?c=d"),
        ),
        (
            "POST /api/v1/sessions HTTP/1.1\r\nHost: chat.example:80\r\n",
            Some("/api/v1/sessions"),
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: chat.example\r\n",
            Some("/healthz"),
        ),
        (
            "GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: chat.example\r\n",
            Some("/.well-known/acme-challenge/x"),
        ),
        ("GET / HTTP/1.1\r\nHost: me:secret@evil.example\r\n", None),
        ("GET / HTTP/1.0\r\n", None),
    ] {
        let mut stream = TcpStream::connect(redirect).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(format!("{asked}Connection: close\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        match answered {
            Some(path) => {
                let location = format!("location: https://chat.example:{port}{path}\r\n");
                assert!(
                    answer.starts_with("HTTP/1.1 308 ") && answer.contains(&location),
                    "{asked}: {answer}"
                );
            }
            None => assert!(answer.split(' ').nth(1) == Some("400"), "{asked}: {answer}"),
        }
    }
}

fn owner_of(server: &Server, trust: &Trust) -> String {
    let answer = trust.exchange(
        server.address(),
        &post("/api/v1/setup", "", &set_up(server, "bearer")),
    );
    body(&answer)["token"].as_str().unwrap().to_owned()
}

/// A client of the gateway over TLS that has signed in.
fn sign_in(server: &Server, trust: &Trust, token: &str) -> WebSocket<Encrypted> {
    let stream = trust.connect(server.address()).unwrap();
    let mut request = "ws://localhost:8443/gateway".into_client_request().unwrap();
    let protocol = "madang.v1.json".parse().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tungstenite::client(request, stream).unwrap();
    ask(&mut socket, 1, "authenticate", json!({ "token": token }));
    socket
}

fn send(socket: &mut WebSocket<Encrypted>, id: u64, op: &str, args: Value) {
    let request = json!({ "id": id, "op": op, "args": args });
    socket.send(Message::text(request.to_string())).unwrap();
}

fn answer(socket: &mut WebSocket<Encrypted>, id: u64) -> Value {
    loop {
        let Message::Text(text) = socket.read().unwrap() else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["id"] == id {
            assert!(frame["error"].is_null(), "{frame}");
            return frame["ok"].clone();
        }
    }
}

fn ask(socket: &mut WebSocket<Encrypted>, id: u64, op: &str, args: Value) -> Value {
    send(socket, id, op, args);
    answer(socket, id)
}

pub(crate) fn a_websocket_over_tls_loses_nothing(form: Form) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let files = authority.write(folder.path(), |_| {});
    let server = trust::server(form, folder.path(), &files, |_| {});
    let trust = authority.trusted();
    let token = owner_of(&server, &trust);
    let mut minji = sign_in(&server, &trust, &token);
    let guilds = ask(&mut minji, 2, "guilds", json!({}));
    let channels = ask(
        &mut minji,
        3,
        "channels",
        json!({ "guild": guilds["guilds"][0]["id"] }),
    );
    let room = channels["channels"][0]["id"].clone();
    // As long as the server takes: a message that is many records of TLS, in both directions.
    let text = "한".repeat(4_000);
    for id in 10..110 {
        ask(&mut minji, id, "post", json!({ "room": room, "text": text }));
    }
    // Far more than the system and the server keep for somebody who does not read: what is left over goes on when they
    // do, and not one byte is missing or twice.
    for id in 200..240 {
        send(&mut minji, id, "history", json!({ "room": room, "limit": 100 }));
    }
    std::thread::sleep(Duration::from_secs(1));
    for id in 200..240 {
        let page = answer(&mut minji, id);
        let messages = page["messages"].as_array().unwrap();
        let whole = messages
            .iter()
            .filter(|message| message["text"] == text.as_str())
            .count();
        assert!(whole >= 99, "{whole} of {}", messages.len());
    }
    minji.close(None).unwrap();
    let ended = loop {
        match minji.read() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, tungstenite::Error::ConnectionClosed), "{ended}");
}

pub(crate) fn a_changed_certificate_needs_no_restart(form: Form) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let files = authority.write(folder.path(), |_| {});
    let server = trust::server(form, folder.path(), &files, |_| {});
    let trust = authority.trusted();
    let token = owner_of(&server, &trust);
    let mut minji = sign_in(&server, &trust, &token);
    let first = trust.shown("localhost", server.address()).unwrap();

    // The certificate is there before its key: for as long the old one stays.
    let key = std::fs::read(&files.key).unwrap();
    authority.write(folder.path(), |_| {});
    let new_key = std::fs::read(&files.key).unwrap();
    std::fs::write(&files.key, key).unwrap();
    look_again(&server);
    for _ in 0..20 {
        assert_eq!(trust.shown("localhost", server.address()).unwrap(), first);
    }
    std::fs::write(&files.key, new_key).unwrap();
    look_again(&server);
    let began = Instant::now();
    while trust.shown("localhost", server.address()).unwrap() == first {
        assert!(began.elapsed() < PATIENCE, "the new one is not used");
    }
    // Who was there stays.
    ask(&mut minji, 2, "me", json!({}));
}

fn look_again(server: &Server) {
    let id = server.process_id().to_string();
    let status = Command::new("kill").args(["-HUP", &id]).status().unwrap();
    assert!(status.success());
}

pub(crate) fn what_is_no_certificate_is_refused_at_the_start(form: Form) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let other = tempfile::tempdir().unwrap();
    let good = authority.write(folder.path(), |_| {});
    let data = folder.path().join("data");
    let with_key = |name: &str, content: Option<&str>| {
        let key = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&key, content).unwrap();
        }
        Files { key, ..good.clone() }
    };
    let certificate = std::fs::read_to_string(&good.certificate).unwrap();
    let key = std::fs::read_to_string(&good.key).unwrap();
    for (files, said) in [
        (with_key("nowhere.pem", None), "cannot read"),
        (with_key("empty.pem", Some("")), "no private key in it"),
        (
            with_key("certificate-again.pem", Some(&certificate)),
            "no private key in it",
        ),
        (with_key("cut.pem", Some(&key[..60])), "key"),
        (authority.write(other.path(), |_| {}), ""),
    ] {
        if said.is_empty() {
            let mixed = with_key("other.pem", Some(&std::fs::read_to_string(&files.key).unwrap()));
            let told = mixed.refused(&data);
            assert!(told.contains("is the key of another certificate"), "{told}");
            continue;
        }
        let told = files.refused(&data);
        assert!(
            told.contains(said) && told.contains(files.key.to_str().unwrap()),
            "{told}"
        );
        // What a key is made of stands in no message.
        assert!(!told.contains(&key[30..50]), "{told}");
    }
    let swapped = Files {
        certificate: good.key.clone(),
        key: good.key.clone(),
    };
    let told = swapped.refused(&data);
    assert!(told.contains("no certificate in it"), "{told}");
    runs_out(form, &authority);
}

/// One that has run out is told by the check; but a server that is started stays reachable for whoever believes it.
fn runs_out(form: Form, authority: &Authority) {
    let folder = tempfile::tempdir().unwrap();
    let old = authority.write(folder.path(), |parameters| {
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2020, 4, 1);
    });
    let mut check = Command::new(env!("CARGO_BIN_EXE_madang"));
    old.set(&mut check);
    let output = check.args(["config", "check"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("has run out on 2020-04-01T00:00:00Z"), "{told}");
    let server = trust::server(form, folder.path(), &old, |_| {});
    let error = authority.trusted().connect(server.address()).unwrap_err();
    assert!(error.to_string().contains("xpired"), "{error}");
}

pub(crate) fn handshakes_that_never_end_lock_nobody_out(form: Form) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let files = authority.write(folder.path(), |_| {});
    let server = trust::server(form, folder.path(), &files, |command| {
        command.env("MADANG_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "310");
    });
    let trust = authority.trusted();
    let sent: [&[u8]; 5] = [
        b"",
        b"\x16",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\xff\xff\xff\xff\xff",
    ];
    let began = Instant::now();
    let dawdlers: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(sent[number % sent.len()]).unwrap();
            stream
        })
        .collect();
    let answer = trust.exchange(server.address(), &get("/healthz"));
    assert!(answer.ends_with("ok\n"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // They count: with some more the address has all that it may have.
    let more: Vec<TcpStream> = (0..250)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    assert!(
        trust.connect(server.address()).is_err(),
        "the limit of an address holds"
    );
    for mut stream in dawdlers {
        let mut said = Vec::new();
        // A socket that is reset is closed, too.
        let _ = stream.read_to_end(&mut said);
        assert!(said.len() < 100, "{said:?}");
    }
    drop(more);
    assert!(began.elapsed() < Duration::from_secs(16), "{:?}", began.elapsed());
    while trust.connect(server.address()).is_err() {
        assert!(began.elapsed() < PATIENCE, "places are given back");
    }
    assert!(
        trust
            .exchange(server.address(), &get("/healthz"))
            .ends_with("ok\n")
    );
}
