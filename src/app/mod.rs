//! The composition root: from settings to a running server. The only place that names a backend.

mod absent;
pub mod accounts;
pub mod certificates;
pub mod control;
pub mod data;
pub mod delivery;
mod figures;
pub mod following;
mod health;
mod logic;
pub mod nodes;
mod roster;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use madang_storage::embedded::Embedded;
use madang_storage::model::{NodeBeat, NodeId, NodeLife};
use madang_storage::{Env, Error as StoreError, Store};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::chat::{Chat, Code};
use crate::config::Config;
use crate::gateway::{self, Gateway};
use crate::http::{self, Entrance};
use crate::hub::Hub;
use crate::origin::Origins;
use crate::presence::Presence;
use crate::tls::{CertificateError, Tls};
use absent::Missing;
use delivery::Delivery;
use following::Following;
use logic::Logic;
use roster::{Nodes, Roster};

/// Left free whatever is configured: as much may be written between two looks at the free space, and a store that hits
/// the end of its disk must be started again.
const LEAST_FREE_BYTES: u64 = 4 * 1024 * 1024;
/// How often what expired is cleared away.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often it is looked for what was begun and not carried to its end.
const WORK_EVERY: Duration = Duration::from_secs(10);
/// How many rounds of clearing away follow each other before others get a turn.
const MAX_SWEEPS: usize = 20;
/// How long a stopping server writes read markers, each of the other last things, and how long the store may take to end
/// what is under way: with `drain_seconds` before them less than what supervisors wait for. Thousands of markers may wait,
/// and each is a write.
const MARKED_WITHIN: Duration = Duration::from_secs(15);
const SAID_WITHIN: Duration = Duration::from_secs(5);
const CLOSED_WITHIN: Duration = Duration::from_secs(15);
/// How often markers are written, heads told, and overdue sockets closed.
const TICK: Duration = Duration::from_secs(1);

/// A server that is put together but does not listen yet.
pub struct App {
    config: Config,
    embedded: Option<Embedded>,
    store: Store,
    delivery: Delivery,
    chat: Chat,
    gateway: Gateway,
    control: UnixListener,
    presence: Presence,
    absent: Arc<Missing>,
    /// What this node says of itself to the others.
    me: NodeBeat,
    nodes: Arc<Nodes>,
    /// Where the server speaks TLS.
    tls: Option<Tls>,
}

/// What the caller has bound.
pub struct Listeners {
    /// Where clients connect.
    pub main: TcpListener,
    /// Where they are told to come over TLS.
    pub redirect: Option<TcpListener>,
}

/// Why a server could not be put together or had to stop, for whoever started it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The data cannot be opened or read.
    #[error(transparent)]
    Store(#[from] madang_storage::Error),
    /// Something of the operating system did not work.
    #[error("cannot {what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The other nodes cannot be told of anything.
    #[error(transparent)]
    Broker(#[from] crate::broker::Error),
    /// The settings name something that this binary does not have.
    #[error("{0}")]
    NotBuilt(String),
    /// Nobody can know who is there.
    #[error(transparent)]
    Presence(#[from] crate::presence::Error),
    /// There is no certificate that could be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The logic refused.
    #[error(transparent)]
    Chat(#[from] crate::chat::Error),
}

impl App {
    /// Opens the data and puts everything over it. Must be called within a runtime.
    pub async fn new(config: Config) -> Result<Self, AppError> {
        let tls = certificates::source(&config).map(Tls::open).transpose()?;
        let Logic {
            embedded,
            store,
            delivery,
            chat,
            presence,
            absent,
            node,
        } = Logic::open(&config, |env, sink| data::open(&config, env, sink)).await?;
        let control = control::listen(&config.storage.folder).map_err(|error| AppError::System {
            what: "listen on the control socket".to_owned(),
            error,
        })?;
        let epoch = store.epoch().await?;
        let gateway = Gateway::new(
            chat.clone(),
            delivery.hub.clone(),
            epoch,
            origins(&config),
            gateway_settings(&config),
        );
        Ok(Self {
            me: me(node, &config),
            nodes: Arc::default(),
            config,
            embedded,
            store,
            delivery,
            chat,
            gateway,
            control,
            presence,
            absent,
            tls,
        })
    }

    /// The logic, for what is to be said at the start.
    pub fn chat(&self) -> &Chat {
        &self.chat
    }

    /// Serves on listeners that the caller has bound, until `stop` turns true; then ends in order: no new connection,
    /// clients told when to come back, requests ended, markers written, data closed.
    pub async fn run(mut self, listeners: Listeners, stop: watch::Receiver<bool>) -> Result<(), AppError> {
        let entrances = self.entrances(listeners)?;
        let drain = Duration::from_secs(self.config.server.drain_seconds);
        let limits = http::Limits {
            max_connections: self.config.server.max_connections,
            max_connections_per_address: self.config.server.max_connections_per_address,
            trusted_proxies: self.config.server.trusted_proxies.clone(),
            drain,
        };
        self.chat.limit_requests(
            self.config.server.requests_per_account_per_second,
            self.config.server.requests_per_address_per_second,
        );
        let control = tokio::spawn(control::serve(
            self.control,
            self.embedded.clone(),
            self.store.clone(),
            self.chat.clone(),
        ));
        let hub = self.delivery.hub.clone();
        let ticking = tokio::spawn(tick(self.chat.clone(), hub, self.gateway.clone()));
        let following = Following::new(self.store.clone(), self.delivery.clone(), self.chat.clone());
        let roster = Roster {
            me: self.me.clone(),
            store: self.store.clone(),
            broker: self.delivery.broker.clone(),
            chat: self.chat.clone(),
            nodes: Arc::clone(&self.nodes),
        };
        let roster = tokio::spawn(roster.run());
        let presence = tokio::spawn(tick_presence(self.chat.clone()));
        let following = tokio::spawn(following.run());
        let sweeping = tokio::spawn(sweep(self.store.clone()));
        let working = tokio::spawn(work(self.chat.clone()));
        let certificate = tokio::spawn(keep_fresh(self.tls.take()));

        let serving = tokio::spawn(http::serve(entrances, limits, stop.clone()));
        let mut stopping = stop;
        // The sender is gone only when whoever started this has gone, which is a reason to stop, too.
        let _ = stopping.wait_for(|stop| *stop).await;
        tracing::info!("stopping");
        self.gateway.drain(drain).await;
        if let Err(error) = serving.await {
            tracing::error!(%error, "the server ended badly");
        }
        for task in [
            control,
            ticking,
            presence,
            following,
            roster,
            sweeping,
            working,
            certificate,
        ] {
            task.abort();
        }
        // How far somebody has read is no reason to leave the data open behind.
        let marking = self.chat.write_markers(true);
        done_within(MARKED_WITHIN, "the last read markers were not written", marking).await;
        self.presence.close().await;
        let noting = self.chat.write_left();
        done_within(SAID_WITHIN, "where people were last was not written", noting).await;
        self.delivery.broker.close().await;
        let leaving = self.store.leave(&self.me);
        done_within(
            SAID_WITHIN,
            "the other nodes were not told that this one goes",
            leaving,
        )
        .await;
        if let Ok(closed) = tokio::time::timeout(CLOSED_WITHIN, self.store.close()).await {
            closed?;
        } else {
            // Nobody was answered, so everybody asks again: what is done by then is found by its nonce.
            tracing::warn!("the store is away: what was under way is left to it");
        }
        let socket = control::path(&self.config.storage.folder);
        if let Err(error) = std::fs::remove_file(&socket) {
            tracing::warn!(%error, "the control socket was not removed");
        }
        Ok(())
    }

    /// What is served where.
    fn entrances(&self, listeners: Listeners) -> Result<Vec<Entrance>, AppError> {
        let router = http::router(self.http_settings()).merge(self.gateway.router());
        let Listeners { main, redirect } = listeners;
        let port = main.local_addr().map_err(|error| AppError::System {
            what: "find out where the server listens".to_owned(),
            error,
        })?;
        let mut entrances = vec![Entrance {
            listener: main,
            router,
            tls: self.tls.as_ref().map(Tls::server_config).transpose()?,
        }];
        if let (Some(listener), Some(tls)) = (redirect, &self.tls) {
            let own_url = certificates::own_url(&self.config);
            entrances.push(Entrance {
                listener,
                router: http::redirect(own_url, port.port(), tls.challenges()),
                tls: None,
            });
        }
        Ok(entrances)
    }

    fn http_settings(&self) -> http::Settings {
        http::Settings {
            chat: self.chat.clone(),
            store: self.store.clone(),
            origins: origins(&self.config),
            own_url: certificates::own_url(&self.config),
            trusted_proxies: self.config.server.trusted_proxies.clone(),
            figures: figures::of(figures::Sources {
                gateway: self.gateway.clone(),
                delivery: self.delivery.clone(),
                chat: self.chat.clone(),
                presence: self.presence.clone(),
                absent: Arc::clone(&self.absent),
                nodes: Arc::clone(&self.nodes),
            }),
            health: health::of(health::Sources {
                broker: self.delivery.broker.clone(),
                presence: self.presence.clone(),
                nodes: Arc::clone(&self.nodes),
            }),
        }
    }
}

/// What a node says of itself. Two that were given one id by chance, or by a copy of a machine, differ in their lives.
fn me(node: NodeId, config: &Config) -> NodeBeat {
    let env = Env::system();
    NodeBeat {
        node,
        life: NodeLife::from_u128(env.next_id()),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        name: config.server.listen.to_string(),
        reads: roster::READS,
        started_at: env.now(),
    }
}

fn origins(config: &Config) -> Origins {
    Origins::new(
        &certificates::own_url(config),
        config.server.allowed_origins.clone(),
    )
}

fn gateway_settings(config: &Config) -> gateway::Settings {
    gateway::Settings {
        own_url: certificates::own_url(config),
        max_connections: config.gateway.max_connections,
        max_unauthenticated: config.gateway.max_unauthenticated,
        max_queue_bytes: config.gateway.max_queue_kib.saturating_mul(1024),
        heartbeat: Duration::from_secs(config.gateway.heartbeat_seconds),
        requests_per_second: config.gateway.requests_per_second,
        ..gateway::Settings::default()
    }
}

/// One of the last things to be written. While the store is away that is given up: whoever stops a server waits.
async fn done_within<T, E: Display>(
    limit: Duration,
    what_if_not: &str,
    doing: impl Future<Output = Result<T, E>>,
) {
    match tokio::time::timeout(limit, doing).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "{what_if_not}"),
        Err(_) => tracing::warn!("{what_if_not} in time"),
    }
}

/// Ends only when it is aborted, so that it can be treated like the others.
async fn keep_fresh(tls: Option<Tls>) {
    match tls {
        Some(tls) => tls.keep_fresh().await,
        None => std::future::pending().await,
    }
}

async fn tick(chat: Chat, hub: Hub, gateway: Gateway) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        gateway.tick();
        hub.tell_heads().await;
        match chat.write_markers(false).await {
            Ok(_) => {}
            // Said once, where it began; this comes every second.
            Err(error) if matches!(error.code, Code::DiskFull | Code::Unavailable) => {
                tracing::debug!(%error, "read markers wait");
            }
            Err(error) => tracing::warn!(%error, "read markers were not written"),
        }
        if let Err(error) = chat.write_left().await {
            tracing::debug!(%error, "where people were last waits to be written");
        }
    }
}

/// On its own: who is there may be long in coming, and nothing else waits for it.
async fn tick_presence(chat: Chat) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        chat.beat().await;
        chat.tell_presence().await;
    }
}

/// Carries on with what was begun, also before a crash or on another node.
async fn work(chat: Chat) {
    loop {
        match chat.carry_on().await {
            Ok(()) => chat.wait_for_work(WORK_EVERY).await,
            // Said once, where it began; this comes again and again.
            Err(error) if matches!(error.code, Code::DiskFull | Code::Unavailable) => {
                tracing::debug!(%error, "what was begun waits");
                tokio::time::sleep(WORK_EVERY).await;
            }
            Err(error) => {
                tracing::warn!(%error, "what was begun was not carried on");
                tokio::time::sleep(WORK_EVERY).await;
            }
        }
    }
}

async fn sweep(store: Store) {
    let mut rounds = tokio::time::interval(SWEEP_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        for _ in 0..MAX_SWEEPS {
            match store.sweep().await {
                Ok(0) => break,
                Ok(_) => {}
                // Said once, where it began; this comes every minute.
                Err(error @ (StoreError::DiskFull { .. } | StoreError::ReadOnly(_))) => {
                    tracing::debug!(%error, "what expired waits to be cleared away");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "what expired was not cleared away");
                    break;
                }
            }
        }
    }
}
