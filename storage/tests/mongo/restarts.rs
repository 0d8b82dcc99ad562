//! A server that is killed while it is written to. By name only: it starts a server of its own.
//!
//! `MADANG_TEST_FERRETDB=target/services/programs/ferretdb cargo test -p madang-storage --features mongodb --test conformance
//! a_server_is_killed -- --ignored`

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madang_storage::conformance::support::{Writer, guild, room, user};
use madang_storage::model::StreamId;
use madang_storage::mongo::{self, Options};
use madang_storage::{Env, Store};

const WRITERS: u128 = 4;
const KILLS: usize = 2;
const POSTS_BETWEEN: usize = 12;

struct Server {
    port: u16,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Server {
    fn start(&mut self, program: &str) {
        let url = format!("file:{}/", self.folder.path().display());
        let process = Command::new(program)
            .args([&format!("127.0.0.1:{}", self.port), "sqlite", &url])
            .arg(self.folder.path().join("socket"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.expect("the server starts"));
    }

    fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it is killed");
        process.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

/// What is acknowledged stays, nothing is there twice, and the store goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it starts a server of its own: MADANG_TEST_FERRETDB names the program"]
async fn a_server_is_killed_while_it_is_written_to() {
    let program = std::env::var("MADANG_TEST_FERRETDB").expect("MADANG_TEST_FERRETDB names a ferretdb");
    assert!(Path::new(&program).is_file(), "there is no {program}");
    let port = TcpListener::bind(("127.0.0.1", 0))
        .expect("a port")
        .local_addr()
        .expect("its address")
        .port();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = Server {
        port,
        folder,
        process: None,
    };
    server.start(&program);
    let options = Options::new(format!("mongodb://127.0.0.1:{port}"));
    let store = mongo::open(options).await.expect("the database opens");
    let writer = Writer::new(&store, &Env::system());
    writer.create_room(guild(1), room(1)).await.expect("a new room");

    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let (tried, ends) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let writing = (0..WRITERS).map(|number| {
        let writer = Writer::new(&store, &Env::system()).by(user(number));
        let (acknowledged, tried, ends) = (Arc::clone(&acknowledged), Arc::clone(&tried), Arc::clone(&ends));
        tokio::spawn(async move {
            while !ends.load(Ordering::SeqCst) {
                let text = tried.fetch_add(1, Ordering::SeqCst).to_string();
                if writer.post(room(1), &text).await.is_ok() {
                    acknowledged.lock().expect("no panic").insert(text);
                }
            }
        })
    });
    let writing: Vec<_> = writing.collect();
    let until = |more: usize| {
        let acknowledged = Arc::clone(&acknowledged);
        async move {
            let wanted = acknowledged.lock().expect("no panic").len() + more;
            while acknowledged.lock().expect("no panic").len() < wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    for _ in 0..KILLS {
        in_time(until(POSTS_BETWEEN)).await;
        server.kill();
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.start(&program);
        in_time(until(POSTS_BETWEEN)).await;
    }
    ends.store(true, Ordering::SeqCst);
    for writer in writing {
        in_time(writer).await.expect("no writer panics");
    }
    let acknowledged = acknowledged.lock().expect("no panic").clone();
    check(&store, &acknowledged, tried.load(Ordering::SeqCst)).await;
    store.close().await.expect("an open store closes");
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), work)
        .await
        .expect("the store heals")
}

async fn check(store: &Store, acknowledged: &BTreeSet<String>, tried: usize) {
    let head = store.head(StreamId::Room(room(1))).await.expect("a head");
    let mut there = BTreeSet::new();
    let mut rev = 1;
    while rev < head.rev {
        for commit in store
            .events(StreamId::Room(room(1)), rev, 100)
            .await
            .expect("a page")
            .commits
        {
            rev += 1;
            assert_eq!(commit.event.rev(), rev, "revs are dense");
            let text = commit.record.as_ref().expect("a message").text.clone();
            assert!(there.insert(text.clone()), "{text} is there twice");
        }
    }
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "{lost:?} are lost");
    eprintln!(
        "{tried} posts tried, {} acknowledged, {} there",
        acknowledged.len(),
        there.len()
    );
}
