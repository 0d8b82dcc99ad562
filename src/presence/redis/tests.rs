//! The conformance suite on a real Redis, each case under a prefix of its own, and what only Redis can do.
//!
//! `cargo xtask services up` says where one is. Without one the cases say so and do nothing, and with `REQUIRE_SERVICES=1`
//! they fail.

mod faults;
mod proxy;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use madang_storage::model::Timestamp;

use super::*;
use crate::presence::conformance::{GRACE, Home, presence_conformance};
use proxy::Proxy;

const SERVER: &str = "MADANG_TEST_REDIS_URL";
/// Longer than anything takes on a busy machine.
const IN_TIME: Duration = Duration::from_secs(60);

/// Where the nodes of one test meet.
struct Meeting {
    url: redis::ConnectionInfo,
    prefix: String,
    clock: Arc<AtomicU64>,
    proxy: Proxy,
    nodes: Mutex<Vec<Weak<Node>>>,
    is_away: std::sync::atomic::AtomicBool,
}

impl Meeting {
    /// On the Redis that the environment names; none where it names none and need not.
    fn new() -> Option<Self> {
        let Ok(url) = std::env::var(SERVER) else {
            let required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(!required, "{SERVER} is not set: see `cargo xtask services up`");
            eprintln!("NOT RUN: {SERVER} is not set: see `cargo xtask services up`");
            return None;
        };
        let url = redis::IntoConnectionInfo::into_connection_info(url).unwrap();
        Some(Self {
            proxy: Proxy::to(url.addr().to_string()),
            url,
            prefix: format!("madang-test:{:016x}:", rand::random::<u64>()),
            clock: Arc::new(AtomicU64::new(1_800_000_000_000)),
            nodes: Mutex::default(),
            is_away: false.into(),
        })
    }

    fn settings(&self, address: std::net::SocketAddr) -> Settings {
        Settings {
            url: format!("redis://{address}"),
            prefix: self.prefix.clone(),
            grace: GRACE,
        }
    }

    /// A node with the time of the test, behind some proxy.
    fn node_behind(&self, proxy: &Proxy) -> Presence {
        let mut link = Link::new(self.settings(proxy.address())).unwrap();
        link.common.clock = Some(Arc::clone(&self.clock));
        let presence = RedisPresence::new(link);
        self.nodes.lock().unwrap().push(Arc::downgrade(&presence.node));
        Presence::new(Arc::new(presence))
    }

    /// Another way to the same Redis.
    fn proxy(&self) -> Proxy {
        Proxy::to(self.url.addr().to_string())
    }

    /// A connection past all proxies.
    async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url.clone()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// The number of the newest change.
    async fn newest(&self) -> u64 {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(format!("{}changes", self.prefix)).arg("+").arg("-");
        let reply: redis::streams::StreamRangeReply = command
            .arg("COUNT")
            .arg(1)
            .query_async(&mut self.connection().await)
            .await
            .unwrap();
        let number = |entry: &redis::streams::StreamId| entry.id.split('-').next().unwrap().parse().unwrap();
        reply.ids.first().map_or(0, number)
    }

    /// All that the nodes of this test know together is lost at once.
    async fn lose_everything(&self) {
        let mut connection = self.connection().await;
        let lose = "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('DEL', key) end";
        let mut command = redis::cmd("EVAL");
        let () = command
            .arg(lose)
            .arg(0)
            .arg(&self.prefix)
            .query_async(&mut connection)
            .await
            .unwrap();
    }
}

impl Home for Meeting {
    async fn join(&self) -> Presence {
        self.node_behind(&self.proxy)
    }

    async fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    async fn settle(&self) {
        let nodes: Vec<Arc<Node>> = self
            .nodes
            .lock()
            .unwrap()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for node in &nodes {
            node.tell_waiting().await;
        }
        if self.is_away.load(Ordering::SeqCst) {
            return;
        }
        let newest = self.newest().await;
        for node in nodes.iter().filter(|node| !node.own().is_closed) {
            let hearing = tokio::time::timeout(IN_TIME, node.hears(newest));
            hearing.await.expect("every node hears of every change");
        }
    }

    async fn set_away(&self, is_away: bool) {
        self.settle().await;
        self.is_away.store(is_away, Ordering::SeqCst);
        self.proxy.set_cut(is_away).await;
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::SeqCst))
    }
}

/// Goes on where nodes can meet, or ends the test where there is no server.
macro_rules! meeting_or_return {
    () => {
        match Meeting::new() {
            Some(meeting) => meeting,
            None => return,
        }
    };
}
use meeting_or_return;

presence_conformance!(meeting_or_return!());

#[test]
fn figures_wait_for_nothing() {
    let settings = Settings {
        url: "redis://127.0.0.1:1".to_owned(),
        prefix: String::new(),
        grace: GRACE,
    };
    let presence = presence(settings).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(presence.figures()));
    let figures = told.recv_timeout(IN_TIME).expect("it waits for itself");
    assert_eq!(figures.sessions, 0);
}
