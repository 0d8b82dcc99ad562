//! The logic of chat: one file per noun, written once for every transport and every store.
//!
//! Nothing in here knows of HTTP, sockets or a backend's name. Every transport calls these functions; a rule that is
//! checked in one is checked in all.

mod access;
pub mod accounts;
mod error;
mod guilds;
mod invites;
mod messages;
pub mod names;
mod reactions;
mod reads;
mod ready;
mod sessions;
mod setup;
mod typing;
pub mod view;

use std::sync::Arc;

use madang_storage::model::{SessionId, UserId};
use madang_storage::{Env, Store};

pub use error::{Code, Error, Result};
pub use messages::{DEFAULT_PAGE, History, MAX_PAGE, Post, Posted};
pub use reactions::People;
pub use reads::{MAX_COUNTED, Read};
pub use ready::{Ready, ReadyGuild};

use crate::hub::Hub;

/// Who asks: known from a verified session only, never from a field that a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The person.
    pub user: UserId,
    /// The login.
    pub session: SessionId,
}

/// The logic over its store and hub. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    env: Env,
    hub: Hub,
    accounts: accounts::Accounts,
    reads: reads::Reads,
    typing: typing::Typing,
}

impl Chat {
    /// Puts the logic over a store; the hub tells this node's connections.
    pub fn new(store: Store, env: Env, hub: Hub) -> Self {
        let accounts = accounts::Accounts::new();
        let reads = reads::Reads::default();
        Self {
            inner: Arc::new(Inner {
                store,
                env,
                hub,
                accounts,
                reads,
                typing: typing::Typing::default(),
            }),
        }
    }

    /// What is stored.
    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Time and identifiers.
    pub(crate) fn env(&self) -> &Env {
        &self.inner.env
    }

    /// This node's connections.
    pub(crate) fn hub(&self) -> &Hub {
        &self.inner.hub
    }
}
