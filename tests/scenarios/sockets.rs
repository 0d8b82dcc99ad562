//! Connections of the real binary: how many, how long, and how they end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::support::{Client, Form, PATIENCE, Server, World};
use serde_json::json;
use tungstenite::Message;

/// A connection that sends this and nothing else.
fn holding(address: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// What the server says until it closes.
fn rest_of(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    // A socket that is reset is closed, too.
    stream
        .read_to_end(&mut said)
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::ConnectionReset => Ok(0),
            _ => Err(error),
        })
        .unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

pub(crate) fn silent_connections_lock_nobody_out(form: Form) {
    let world = World::on(form).crash_with(|command| {
        command.env("MADANG_SERVER__MAX_CONNECTIONS", "10");
    });
    let address = world.server.address();
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let kept = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let sent: [&[u8]; 7] = [b"", b"P", b"PRI * HT", http2, b"G", b"\r\n", kept];
    let began = Instant::now();
    let silent: Vec<TcpStream> = sent.iter().map(|bytes| holding(address, bytes)).collect();
    let more: Vec<TcpStream> = (0..5).map(|_| holding(address, b"")).collect();
    // HTTP/2 is not spoken, so its connection is closed at once; all others take a place.
    let refused = holding(address, kept);
    let said = rest_of(refused);
    assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
    assert!(
        said.contains("Connection: close\r\n") && said.contains(r#""code":"unavailable""#),
        "{said}"
    );
    assert!(began.elapsed() < Duration::from_secs(5), "told at once");

    for (stream, bytes) in silent.into_iter().zip(sent) {
        let said = rest_of(stream);
        assert_eq!(said.starts_with("HTTP/1.1 200"), bytes == kept, "{said}");
    }
    more.into_iter().for_each(|stream| drop(rest_of(stream)));
    assert!(began.elapsed() < Duration::from_secs(15), "silence ends");
    assert_eq!(world.server.text("/healthz"), "ok\n");
}

pub(crate) fn one_address_does_not_take_all_connections(form: Form) {
    let world = World::on(form).crash_with(|command| {
        command.env("MADANG_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "4");
    });
    // An open WebSocket counts.
    let sockets: Vec<Client> = (0..4)
        .map(|_| Client::connect(world.server.address()).0)
        .collect();
    let said = rest_of(holding(world.server.address(), b""));
    assert!(
        said.starts_with("HTTP/1.1 503 ") && said.contains("from your address"),
        "{said}"
    );
    drop(sockets);
    let began = Instant::now();
    while rest_of(holding(world.server.address(), b"GET /healthz HTTP/1.0\r\n\r\n"))
        .starts_with("HTTP/1.1 503")
    {
        assert!(began.elapsed() < PATIENCE, "closed ones give their places back");
    }
}

pub(crate) fn what_a_closed_connection_asked_for_is_dropped(form: Form) {
    let world = World::on(form);
    let (mut minji, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let text = "한".repeat(4_000);
    for _ in 0..200 {
        minji
            .ask("post", json!({ "room": world.room, "text": text }))
            .unwrap();
    }
    let mut unread = Vec::new();
    for _ in 0..20 {
        let (mut client, _) = Client::sign_in(world.server.address(), &world.member, None);
        for id in 100..160 {
            let request = json!({ "id": id, "op": "history", "args": { "room": world.room, "limit": 200 } });
            client.socket.send(Message::text(request.to_string())).unwrap();
        }
        unread.push(client);
    }
    // While nobody reads the server waits; once they are gone it has nothing to do.
    std::thread::sleep(Duration::from_secs(2));
    let before = cpu_seconds(&world.server);
    drop(unread);
    let began = Instant::now();
    assert_eq!(world.server.text("/healthz"), "ok\n");
    minji
        .ask("post", json!({ "room": world.room, "text": "hello" }))
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    std::thread::sleep(Duration::from_secs(2));
    let took = cpu_seconds(&world.server) - before;
    assert!(took < 3.0, "{took} s of work for nobody");
}

/// How long the server's threads have worked.
fn cpu_seconds(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process_id())).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let ticks: u64 = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / 100.0
}

pub(crate) fn stopping_does_not_wait_for_sockets_that_stay_open(form: Form) {
    let mut world = World::on(form);
    // Neither one that says nothing, nor one that never closes.
    let (idle, _) = Client::sign_in(world.server.address(), &world.member, None);
    let (mut polite, _) = Client::sign_in(world.server.address(), &world.owner, None);
    let silent = holding(world.server.address(), b"");
    polite.socket.close(None).unwrap();
    polite.socket.flush().ok();
    let began = Instant::now();
    assert_eq!(polite.read(), Err(1000));
    assert!(
        polite.socket.read().is_err(),
        "the server closes after both close frames"
    );
    assert!(began.elapsed() < Duration::from_secs(1));
    let began = Instant::now();
    assert!(world.server.stop());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    drop((idle, silent));
}

pub(crate) fn broken_close_frames_are_answered_as_such(form: Form) {
    let world = World::on(form);
    // The frames' masks are zeros, so the payloads stand as they are.
    for (payload, code) in [
        (&[3_u8, 0xe8][..], 1000_u16),
        (&[3], 1002),
        (&[3, 0xed], 1002),
        (&[3, 0xe7], 1002),
        (&[3, 0xe8, 0xff], 1007),
    ] {
        let (mut client, _) = Client::connect(world.server.address());
        let mut frame = vec![0x88, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        client.socket.get_mut().write_all(&frame).unwrap();
        let mut answer = Vec::new();
        let began = std::time::Instant::now();
        client.socket.get_mut().read_to_end(&mut answer).unwrap();
        assert_eq!(answer[0], 0x88, "{payload:?}");
        assert_eq!(u16::from_be_bytes([answer[2], answer[3]]), code, "{payload:?}");
        // After a proper handshake it closes at once, else once the client has had its time.
        let patience = if code == 1000 { 1 } else { 8 };
        assert!(
            began.elapsed() < std::time::Duration::from_secs(patience),
            "{payload:?}"
        );
    }
}

pub(crate) fn strangers_who_never_sign_in_shut_nobody_out(form: Form) {
    let world = World::with(form, |command| {
        command.env("MADANG_GATEWAY__MAX_UNAUTHENTICATED", "10");
    });
    let mut strangers: Vec<Client> = (0..40)
        .map(|_| Client::connect(world.server.address()).0)
        .collect();
    // Whoever means to sign in gets in among them.
    let (mut member, _) = Client::sign_in(world.server.address(), &world.member, None);
    member.ask("heartbeat", json!({})).unwrap();
    // Who has waited longest was told to go, and who came last was not.
    assert_eq!(strangers[0].read(), Err(4001));
    let error = strangers[39].ask("me", json!({})).unwrap_err();
    assert_eq!(error["code"], "unauthenticated");
}
