//! Several processes on one database, as in a cluster.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use madang_storage::conformance::support::{Writer, at_once, guild, room, user};
use madang_storage::model::{Fact, StreamId};
use madang_storage::mongo::{self, Options};
use madang_storage::{Env, Store};

use super::{Database, SERVER, database_or_return};

/// How a process is told which database to write to.
const DATABASE: &str = "MADANG_TEST_WRITES_TO";
/// How it is told who it is.
const NUMBER: &str = "MADANG_TEST_WRITER";
const PROCESSES: u128 = 2;
const WRITERS: u128 = 4;
const POSTS: u64 = 25;

/// All the processes' writers post to one room at once: every message is there once, each writer's in their order, and
/// what follows from them is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_one_stream() {
    let database = database_or_return!(SERVER);
    let options = Options {
        alone: false,
        ..database.options()
    };
    let store = mongo::open(options.clone()).await.expect("the database opens");
    Writer::new(&store, &Env::system())
        .create_room(guild(1), room(1))
        .await
        .expect("a new room");

    let writing: Vec<Child> = (1..=PROCESSES).map(|number| start(&options, number)).collect();
    for child in writing {
        let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await;
        let output = output.expect("no panic").expect("it ends");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    check(&store).await;
}

/// The work of a process; nothing unless the test above has started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "another test starts it, as a process of its own"]
async fn one_process_writes() {
    let variable = |name| std::env::var(name).expect("it is started by another test");
    let options = Options {
        alone: false,
        database: variable(DATABASE),
        ..Options::new(variable(SERVER))
    };
    let number: u128 = variable(NUMBER).parse().expect("a number");
    let store = mongo::open(options).await.expect("the database opens");
    let writers = (0..WRITERS).map(|writer| {
        let writer = Writer::new(&store, &Env::system()).by(user(number * WRITERS + writer));
        async move {
            for post in 0..POSTS {
                writer
                    .post(room(1), &post.to_string())
                    .await
                    .expect("a message is posted");
            }
        }
    });
    at_once(writers.collect::<Vec<_>>()).await;
    store.close().await.expect("an open store closes");
}

fn start(options: &Options, number: u128) -> Child {
    let this = std::env::current_exe().expect("this program");
    Command::new(this)
        .args(["--exact", "mongo::processes::one_process_writes", "--ignored"])
        .env(DATABASE, &options.database)
        .env(NUMBER, number.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program starts again")
}

async fn check(store: &Store) {
    let posts = u64::try_from(PROCESSES * WRITERS).expect("few") * POSTS;
    let stream = StreamId::Room(room(1));
    let head = store.head(stream).await.expect("a head");
    assert_eq!((head.rev, head.seq, head.n), (1 + posts, posts, posts));
    let mut next_of = BTreeMap::new();
    let mut rev = 1;
    while rev < head.rev {
        let page = store.events(stream, rev, 100).await.expect("a page of events");
        for commit in page.commits {
            rev += 1;
            assert_eq!(commit.event.rev(), rev, "revs are dense");
            let Fact::MessagePosted { author, .. } = commit.event.fact else {
                panic!("only messages were posted");
            };
            let record = commit.record.expect("a message's record");
            let next = next_of.entry(author).or_insert(0_u64);
            assert_eq!(
                record.text,
                next.to_string(),
                "each writer's messages keep their order"
            );
            *next += 1;
        }
    }
    for (author, written) in next_of {
        assert_eq!(written, POSTS);
        let marker = store.marker(author, room(1)).await.expect("a marker");
        let last = store
            .message(room(1), marker.seq)
            .await
            .expect("a read")
            .expect("a message");
        assert_eq!((last.author, last.text), (author, (POSTS - 1).to_string()));
    }
}
