//! A node over a store of its own, with an owner.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use madang_storage::embedded::{self, Options};
use madang_storage::model::{Commit, StateKey, StateOutcome, StateTable, Timestamp, UserId};
use madang_storage::{Clock, Env, StateRecord, Store};
use tokio::sync::Notify;

use super::super::accounts::{Account, Visitor};
use crate::broker::memory::Bus;
use crate::broker::{self, Broker, Receiver};
use crate::chat::{
    Absent, Chat, Credentials, Identity, Missed, Places, Presences, Rules, Scopes, SetUp, SignedIn,
};
use crate::hub::{CloseReason, Encoder, FrameKey, Hub, Outlet, Signal};
use crate::presence::memory::Commons;

/// Who misses a message is nobody's business here.
struct Nobody;

impl Absent for Nobody {
    fn absent(&self, _: &Missed) {}
}

/// Nobody is connected.
struct NoFrames;

impl Encoder for NoFrames {
    fn event(&self, _key: FrameKey, _commit: &Commit) -> Bytes {
        Bytes::new()
    }

    fn signal(&self, _key: FrameKey, _signal: &Signal) -> Bytes {
        Bytes::new()
    }
}

/// A life of a node over data that may outlive it.
fn begin(store: &Store, broker: Broker, env: Env) -> Chat {
    let hub = Hub::new(Arc::new(NoFrames));
    let presence = Commons::new(env.clone(), Duration::ZERO).join();
    let presences = Presences::new(presence, Arc::new(Nobody), Duration::ZERO);
    let chat = Chat::new(
        store.clone(),
        env,
        Places::default(),
        hub.clone(),
        broker,
        presences,
        Rules::default(),
    );
    hub.attach(store.clone(), Arc::new(chat.clone()));
    chat
}

/// The machine's clock, which a test can put forward.
#[derive(Debug, Default)]
pub(super) struct Forward(AtomicU64);

impl Clock for Forward {
    fn now(&self) -> Timestamp {
        Env::system().now().plus_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Passes on what another node tells.
pub(super) struct Ear(pub(super) Chat);

impl Receiver for Ear {
    fn event(&self, _commit: Arc<Commit>) {}

    fn signal(&self, signal: broker::Signal) {
        self.0.hear_signal(&signal);
    }
}

/// A connection that notes when it is closed.
#[derive(Default)]
pub(super) struct Line {
    closed: Notify,
    pub(super) is_closed: AtomicBool,
}

impl Line {
    /// Waits until it is closed.
    pub(super) async fn closed(&self) {
        let closed = tokio::time::timeout(PATIENCE, self.closed.notified()).await;
        closed.expect("it is closed");
    }
}

#[async_trait]
impl Outlet for Line {
    fn send(&self, _frame: &Bytes) {}

    fn close(&self, _reason: CloseReason) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.closed.notify_one();
    }

    async fn drained(&self) {}
}

pub(super) struct World {
    bus: Bus,
    clock: Arc<Forward>,
    pub(super) chat: Chat,
    /// Who set the instance up.
    pub(super) owner: SignedIn,
    _folder: tempfile::TempDir,
}

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const PASSWORD: &str = "correct horse";

pub(super) fn visitor() -> Visitor {
    Visitor {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        device: "a test".to_owned(),
    }
}

pub(super) fn credentials(name: &str, password: &str) -> Credentials {
    Credentials {
        name: name.to_owned(),
        password: password.to_owned(),
    }
}

pub(super) fn identity(signed_in: &SignedIn) -> Identity {
    Identity {
        user: signed_in.user.id,
        session: signed_in.session,
        scopes: Scopes::ALL,
    }
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(Forward::default());
        let env = Env {
            clock: clock.clone(),
            ..Env::system()
        };
        let options = Options {
            env: env.clone(),
            min_free_bytes: 0,
            ..Options::default()
        };
        let store = embedded::open(folder.path(), options)
            .expect("the store opens")
            .store();
        let bus = Bus::new();
        let chat = begin(&store, bus.join(), env);
        let token = chat.open_setup().await.expect("a start").expect("a link");
        let request = SetUp {
            token,
            instance_name: "yard".to_owned(),
            guild_name: "guild".to_owned(),
            channel_name: None,
            owner: credentials("owner", PASSWORD),
        };
        let owner = chat.set_up(request, &visitor()).await.expect("a set-up");
        Self {
            bus,
            clock,
            chat,
            owner,
            _folder: folder,
        }
    }

    pub(super) fn owner(&self) -> Identity {
        identity(&self.owner)
    }

    /// Lets time pass, and what has expired be cleared away.
    pub(super) async fn pass(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
        while self.chat.store().sweep().await.expect("a sweep") > 0 {}
    }

    /// Another node over the same data.
    pub(super) fn other_node(&self) -> (Chat, Broker) {
        let broker = self.bus.join();
        let chat = begin(self.chat.store(), broker.clone(), self.chat.env().clone());
        (chat, broker)
    }

    /// The row of a token.
    pub(super) async fn row<T: StateRecord>(&self, token: &str) -> T {
        let key = crate::chat::secrets::key(T::TABLE, token).expect("a key");
        let found = self.chat.store().state(&key).await.expect("read");
        found.expect("a row").record
    }

    /// How often the row of a token was written.
    pub(super) async fn version<T: StateRecord>(&self, token: &str) -> Option<u64> {
        let key = crate::chat::secrets::key(T::TABLE, token).expect("a key");
        let found = self.chat.store().state::<T>(&key).await.expect("read");
        found.map(|found| found.version)
    }

    pub(super) async fn add(&self, name: &str) -> SignedIn {
        let added = self.chat.operator_adds(name, Some(PASSWORD)).await;
        added.expect("an account");
        self.sign_in(name).await
    }

    pub(super) async fn sign_in(&self, name: &str) -> SignedIn {
        let signed_in = self.chat.sign_in(&credentials(name, PASSWORD), &visitor()).await;
        signed_in.expect("a login")
    }

    pub(super) async fn account(&self, user: UserId) -> Account {
        let account = self.chat.account(user).await.expect("read");
        account.expect("an account").record
    }

    pub(super) async fn keys(&self, table: StateTable) -> Vec<Vec<u8>> {
        let page = self.chat.store().state_list(table, &[], None, 100).await;
        page.expect("rows").rows.into_iter().map(|(key, _)| key).collect()
    }

    /// Removes all rows of a table, as if they had never been written.
    pub(super) async fn lose<T: StateRecord>(&self) {
        for key in self.keys(T::TABLE).await {
            let key = StateKey { table: T::TABLE, key };
            let found = self.chat.store().state::<T>(&key).await.expect("read");
            let version = found.expect("a row").version;
            let outcome = self.chat.store().state_delete(key, version).await;
            assert!(matches!(outcome, Ok(StateOutcome::Written { .. })));
        }
    }
}
