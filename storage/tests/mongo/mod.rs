//! The suite on servers that speak MongoDB's protocol, each case in a database of its own.
//!
//! `cargo xtask services up` says where the servers are. Without one the cases say so and do nothing, and with
//! `REQUIRE_SERVICES=1` they fail.

mod processes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use madang_storage::conformance::{Home, ManualClock};
use madang_storage::mongo::{self, Options};
use madang_storage::{CommitSink, Env, Result, Store};

/// MongoDB, or FerretDB over PostgreSQL.
const SERVER: &str = "MADANG_TEST_MONGO_URL";
/// FerretDB over SQLite.
const SMALL_SERVER: &str = "MADANG_TEST_MONGO_SQLITE_URL";

/// A database that is removed with the test.
struct Database(Options);

impl Database {
    /// A new database on the server that the environment names; none where it names none and need not.
    fn on(server: &str) -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Ok(url) = std::env::var(server) else {
            let required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(!required, "{server} is not set: see `cargo xtask services up`");
            eprintln!("NOT RUN: {server} is not set: see `cargo xtask services up`");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let started = std::time::UNIX_EPOCH
            .elapsed()
            .expect("a clock after 1970")
            .as_millis();
        let name = format!("madang_test_{started}_{}_{number}", std::process::id());
        let options = Options {
            database: name,
            ..Options::new(url)
        };
        Some(Self(options))
    }

    fn options(&self) -> Options {
        self.0.clone()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let options = self.0.clone();
        // The test's runtime may be ending, and must not wait for itself.
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(mongo::remove(&options))
        });
        let removed = removing.join().expect("nothing panics");
        if !std::thread::panicking() {
            removed.expect("a test's database is removed");
        }
    }
}

#[async_trait]
impl Home for Database {
    async fn open(&mut self, env: Env, sink: Arc<dyn CommitSink>) -> Result<Store> {
        let options = Options {
            env,
            sink,
            ..self.options()
        };
        mongo::open(options).await
    }

    async fn pass_time(&self, _clock: &ManualClock, by: Duration) {
        let aged = mongo::age_beats(&self.options(), by).await;
        aged.expect("the beats are made older");
    }
}

/// Goes on with a database, or ends the test where there is no server.
macro_rules! database_or_return {
    ($server:expr) => {
        match Database::on($server) {
            Some(database) => database,
            None => return,
        }
    };
}
use database_or_return;

mod server {
    use super::*;
    madang_storage::store_conformance!(database_or_return!(SERVER));
    madang_storage::store_conformance!(shared database_or_return!(SERVER));
}

mod small_server {
    use super::*;
    madang_storage::store_conformance!(database_or_return!(SMALL_SERVER));
    madang_storage::store_conformance!(shared database_or_return!(SMALL_SERVER));
}
