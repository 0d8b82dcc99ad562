//! What the conformance suite does not ask: who may use a database, and how it is asked.

// A test that is left out says so.
#![allow(clippy::print_stderr)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use mongodb::bson::doc;

use super::*;
use crate::document::Collection;
use crate::error::Error;
use crate::model::{Draft, EventId, Fact, GuildId, Nonce, RoomId, StreamId, UserId};

/// A new database, removed by [`Self::remove`].
struct Database(Options);

impl Database {
    fn new(test: &str) -> Option<Self> {
        let Ok(url) = std::env::var("MADANG_TEST_MONGO_URL") else {
            let required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(
                !required,
                "MADANG_TEST_MONGO_URL is not set: see `cargo xtask services up`"
            );
            eprintln!("NOT RUN: MADANG_TEST_MONGO_URL is not set: see `cargo xtask services up`");
            return None;
        };
        let database = format!("madang_test_{test}_{:x}", Env::system().next_id());
        Some(Self(Options {
            database,
            ..Options::new(url)
        }))
    }

    async fn open(&self) -> Result<Store> {
        super::open(self.0.clone()).await
    }

    async fn connection(&self) -> Connection {
        Connection::open(&self.0).await.unwrap()
    }

    async fn remove(self) {
        remove(&self.0).await.unwrap();
    }
}

#[tokio::test]
async fn a_second_node_is_refused_until_the_first_one_closes() {
    let Some(database) = Database::new("second") else {
        return;
    };
    let first = database.open().await.unwrap();
    let refused = database.open().await.unwrap_err();
    assert!(refused.to_string().contains("another node"), "{refused}");
    first.epoch().await.unwrap();

    first.close().await.unwrap();
    let second = database.open().await.unwrap();
    second.close().await.unwrap();
    database.remove().await;
}

#[tokio::test]
async fn a_node_that_is_gone_is_followed_by_the_next_one() {
    let Some(database) = Database::new("gone") else {
        return;
    };
    // Dropped and not closed, as by a crash.
    drop(database.open().await.unwrap());
    let next = tokio::time::timeout(Duration::from_secs(40), database.open());
    next.await.expect("a lease ends").unwrap().close().await.unwrap();
    database.remove().await;
}

#[tokio::test]
async fn a_node_whose_lease_another_one_took_writes_no_more() {
    let Some(database) = Database::new("lost") else {
        return;
    };
    let connection = Arc::new(database.connection().await);
    let lease = Lease::take(&connection, &Env::system()).await.unwrap();
    lease.check().unwrap();
    let take = doc! {
        "update": "settings",
        "updates": [{ "q": { "_id": "lease" }, "u": { "$set": { "holder": "somebody else" } } }],
    };
    connection.write(take).await.unwrap();
    let lost = async {
        while lease.check().is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), lost)
        .await
        .expect("it notices");
    database.remove().await;
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused() {
    let Some(database) = Database::new("newer") else {
        return;
    };
    database.open().await.unwrap().close().await.unwrap();
    let newer = doc! {
        "update": "settings",
        "updates": [{ "q": { "_id": "format" }, "u": { "$set": { "number": 99 } } }],
    };
    database.connection().await.write(newer).await.unwrap();
    let refused = database.open().await.unwrap_err();
    assert!(
        matches!(&refused, Error::CannotOpen(why) if why.contains("newer version")),
        "{refused}"
    );
    database.remove().await;
}

/// Only MongoDB itself has plans worth looking at.
#[tokio::test]
async fn every_query_rests_on_an_index() {
    let Some(database) = Database::new("plans") else {
        return;
    };
    database.open().await.unwrap().close().await.unwrap();
    let connection = database.connection().await;
    if connection.finds_by_equality_only() {
        eprintln!("NOT RUN: the server is not MongoDB itself");
    } else {
        assert_eq!(
            documents::slow_queries(&connection).await.unwrap(),
            Vec::<String>::new()
        );
    }
    database.remove().await;
}

#[tokio::test]
async fn a_reading_goes_through_many_answers() {
    let Some(database) = Database::new("pages") else {
        return;
    };
    let connection = database.connection().await;
    // More than the 16 MB that one answer may hold.
    let text = "x".repeat(1024 * 1024);
    for number in 0..20 {
        let insert = doc! { "insert": "rows", "documents": [{ "_id": number, "text": &text }] };
        connection.write(insert).await.unwrap();
    }
    let found = connection
        .find(form::name_of(Collection::Rows), 20, doc! {})
        .await
        .unwrap();
    assert_eq!(found.len(), 20);
    database.remove().await;
}

/// A post must not read what this node has written, and posts that wait for one room go together.
#[tokio::test]
async fn a_post_takes_few_commands() {
    let Some(database) = Database::new("commands") else {
        return;
    };
    let connection = Arc::new(database.connection().await);
    indexes::make(&connection).await.unwrap();
    let documents = MongoDocuments::new(Arc::clone(&connection), None);
    let store = DocumentStore::new(Arc::new(documents), document::Options::default()).store();
    let count = || connection.commands.load(Ordering::SeqCst);
    let room = RoomId::from_u128(1);
    append(
        &store,
        room,
        1,
        Fact::channel_created(GuildId::from_u128(1), "a", ""),
    )
    .await;
    append(&store, room, 1, Fact::posted(UserId::from_u128(1), "first")).await;

    let before = count();
    append(&store, room, 1, Fact::posted(UserId::from_u128(1), "second")).await;
    let alone = count() - before;
    // The event, the author's marker, the head.
    assert_eq!(alone, 3, "commands of one post");

    let at_once = || async {
        let posts = (1..=16).map(|user| {
            let store = store.clone();
            let posted = Fact::posted(UserId::from_u128(user), "at once");
            tokio::spawn(async move { append(&store, room, user, posted).await })
        });
        for post in posts.collect::<Vec<_>>() {
            post.await.unwrap();
        }
    };
    // Of new authors the markers are read and made one by one.
    at_once().await;
    let before = count();
    at_once().await;
    let together = count() - before;
    assert!(together <= 12, "{together} commands of 16 posts");
    eprintln!("commands: {alone} of one post, {together} of 16 posts at once");
    store.close().await.unwrap();
    database.remove().await;
}

async fn append(store: &Store, room: RoomId, user: u128, fact: Fact) {
    let id = Env::system().next_id();
    let nonce = crate::NonceUse {
        nonce: Nonce::from_u128(id),
        fingerprint: 1,
    };
    let command = crate::Command {
        stream: StreamId::Room(room),
        event_id: EventId::from_u128(id),
        actor: Some(UserId::from_u128(user)),
        access_rev: 0,
        nonce: Some(nonce),
        rows: Vec::new(),
    };
    let decide = move |_: &_, _: &_| Ok::<_, ()>(Draft::from(fact.clone()));
    store.append(command, decide).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_not_understood_is_not_repeated() {
    let refused = open(Options::new("mongodb://me:se@cret@/x:y".to_owned()))
        .await
        .unwrap_err();
    assert!(!refused.to_string().contains("cret"), "{refused}");
}
