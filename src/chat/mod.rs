//! The logic of chat: one file per noun, written once for every transport and every store.
//!
//! Nothing in here knows of HTTP, sockets or a backend's name. Every transport calls these functions; a rule that is
//! checked in one is checked in all.

mod access;
mod accounts;
mod administrators;
mod announcements;
mod asked;
mod audience;
mod audit;
mod catching_up;
mod categories;
mod changes;
mod channels;
mod clearing;
mod conversations;
mod credentials;
mod deleting;
mod endings;
mod erasing;
mod error;
mod founding;
mod guilds;
mod inbox;
mod instance;
mod invited;
mod invites;
mod jobs;
mod limits;
mod mentions;
mod messages;
mod moderation;
pub mod names;
mod notifications;
mod once;
mod open_guilds;
mod operator;
mod ordering;
mod pace;
mod password_links;
mod passwords;
mod pins;
mod places;
mod presence;
mod profiles;
mod proofs;
mod rates;
mod reactions;
mod reads;
mod ready;
mod registration;
mod relations;
mod renaming;
mod revisions;
mod roles;
mod rooms;
mod scopes;
mod secrets;
mod sessions;
mod setup;
mod signals;
#[cfg(test)]
mod tests;
mod text;
mod thread_follows;
mod threads;
mod tokens;
mod typing;
pub mod view;

use std::sync::Arc;

use madang_storage::model::{SessionId, UserId};
use madang_storage::{Env, Store};

pub use accounts::Visitor;
pub use administrators::{AccountList, AccountView};
pub use audit::{AuditEntry, AuditFilter, AuditPage};
pub use categories::{Categories, CategoryChanges, MAX_CATEGORIES};
pub use channels::NewChannel;
pub use clearing::MAX_DELETED;
pub use conversations::{Conversations, MAX_GROUP_MEMBERS};
pub use credentials::Credentials;
pub use error::{Code, Error, Result};
pub use founding::GuildChanges;
pub use guilds::{Channels, Members, list_limit};
pub use inbox::{Inbox, InboxView};
pub use instance::{InstanceName, InstanceView};
pub use invited::{Arrivals, InviteId, InviteListed, Invites};
pub use invites::{InviteView, MadeInvite, NewInvite};
pub use messages::{DEFAULT_PAGE, History, MAX_PAGE, Post, Posted, Seen};
pub use moderation::{BanView, Bans};
pub use notifications::{Level, Place, WishView};
pub use once::Once;
pub use open_guilds::OpenGuilds;
pub use ordering::MAX_ORDERED;
pub use password_links::{MadePasswordLink, PasswordLinkView};
pub use passwords::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS};
pub use places::Places;
pub use presence::{Absent, MAX_WATCHED, Missed, NewCustom, OwnPresence, Presences, RoomPresence};
pub use profiles::{MAX_USERS, Me, Profile, ProfileChanges};
pub use reactions::People;
pub use reads::{MAX_COUNTED, Read};
pub use ready::{Ready, ReadyGuild};
pub use registration::{Registration, RegistrationChanges, RegistrationView};
pub use revisions::Revisions;
pub use roles::{RoleChanges, Roles};
pub use rooms::{Exception, RoomChanges};
pub use scopes::Scopes;
pub use sessions::{LIFETIME as SESSION_LIFETIME, Proof, SessionList, SessionView, SignedIn};
pub use setup::SetUp;
pub use thread_follows::FollowedThreads;
pub use threads::Threads;
pub use tokens::{AccessTokenView, AccessTokens, NewAccessToken};

use crate::broker::Broker;
use crate::hub::Hub;

/// Who asks: known from a verified session only, never from a field that a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The person.
    pub user: UserId,
    /// The login, or the access token.
    pub session: SessionId,
    /// What it may be used for.
    pub scopes: Scopes,
}

/// What whoever runs the server has decided for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether the author of an edited message and moderators see what it said before.
    pub keeps_edits: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { keeps_edits: true }
    }
}

/// The logic over its store and hub. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    env: Env,
    rules: Rules,
    places: Places,
    hub: Hub,
    broker: Broker,
    passwords: passwords::Passwords,
    attempts: credentials::Attempts,
    sign_ups: registration::SignUps,
    profile_changes: profiles::Changes,
    proofs: proofs::Proofs,
    reads: reads::Reads,
    typing: typing::Typing,
    pace: pace::Pace,
    jobs: jobs::Jobs,
    presences: Presences,
    asked: asked::Asked,
    ends_heeded: endings::Heeded,
    rates: rates::Rates,
    /// Conversations that people have begun of late.
    beginnings: limits::Buckets<UserId>,
}

impl Chat {
    /// Puts the logic over a store. `places` must be told of every event; the hub tells this node's connections, and the
    /// broker the other nodes.
    pub fn new(
        store: Store,
        env: Env,
        places: Places,
        hub: Hub,
        broker: Broker,
        presences: Presences,
        rules: Rules,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                env,
                rules,
                places,
                hub,
                broker,
                passwords: passwords::Passwords::new(),
                attempts: credentials::Attempts::new(),
                sign_ups: registration::SignUps::new(),
                profile_changes: profiles::Changes::new(),
                proofs: proofs::Proofs::default(),
                reads: reads::Reads::default(),
                typing: typing::Typing::default(),
                pace: pace::Pace::default(),
                jobs: jobs::Jobs::default(),
                presences,
                asked: asked::Asked::default(),
                ends_heeded: endings::Heeded::default(),
                rates: rates::Rates::default(),
                beginnings: limits::Buckets::new(conversations::BEGINNINGS, conversations::BEGINNING_EVERY),
            }),
        }
    }

    /// Does something that must not stay half done when nobody waits for it any more: a client that goes away takes its
    /// request's future with it, but not this one.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let ended = |error| {
            tracing::error!(%error, "work ended without an answer");
            Error::internal()
        };
        tokio::spawn(work).await.map_err(ended)?
    }

    /// What is stored.
    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Time and identifiers.
    pub(crate) fn env(&self) -> &Env {
        &self.inner.env
    }

    /// What was decided for everybody.
    pub(crate) fn rules(&self) -> Rules {
        self.inner.rules
    }

    /// Who belongs where.
    pub(crate) fn places(&self) -> &Places {
        &self.inner.places
    }

    /// This node's connections.
    pub(crate) fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    /// The other nodes.
    pub(crate) fn broker(&self) -> &Broker {
        &self.inner.broker
    }
}
