//! People who listen to a room and write in it, whatever becomes of the nodes that they are connected to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use madang::chat::{Identity, Post, Scopes};
use madang::hub::{CloseReason, FrameKey, Hub, Listener, Outlet};
use madang_storage::model::{Nonce, RoomId, SessionId, UserId};
use tokio::sync::Notify;

use super::nodes::{Frame, Nodes};

/// What a client noticed, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Event(u64),
    /// Events were left out; the client reads pages up to here.
    Reset(u64),
}

/// Somebody in a room.
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) identity: Identity,
    pub(crate) room: RoomId,
    /// What was heard after `from`.
    pub(crate) heard: Mutex<Vec<Heard>>,
    /// Texts whose posting was acknowledged.
    pub(crate) acknowledged: Mutex<Vec<String>>,
    /// Texts that the client tried to post.
    pub(crate) tried: Mutex<Vec<String>>,
}

/// A connection to a node.
pub(crate) struct Line {
    client: Arc<Client>,
    is_open: AtomicBool,
    end: Notify,
}

impl Line {
    /// The connection is gone: nothing that is sent arrives.
    pub(crate) fn cut(&self) {
        self.is_open.store(false, Ordering::SeqCst);
        self.end.notify_one();
    }

    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Outlet for Line {
    fn send(&self, frame: &Bytes) {
        if !self.is_open() {
            return;
        }
        match Frame::parse(frame) {
            Frame::Event(room, rev) if room == self.client.room => {
                self.client.note(Heard::Event(rev));
            }
            Frame::Reset(rev) => self.client.note(Heard::Reset(rev)),
            Frame::Event(..) | Frame::Other => {}
        }
    }

    fn close(&self, _reason: CloseReason) {
        self.cut();
    }

    async fn drained(&self) {}
}

impl Client {
    pub(crate) fn new(number: u128, user: UserId, room: RoomId) -> Arc<Self> {
        Arc::new(Self {
            name: format!("client {number}"),
            identity: Identity {
                user,
                session: SessionId::from_u128(1_000 + number),
                scopes: Scopes::ALL,
            },
            room,
            heard: Mutex::default(),
            acknowledged: Mutex::default(),
            tried: Mutex::default(),
        })
    }

    fn note(&self, heard: Heard) {
        self.heard.lock().unwrap().push(heard);
    }

    /// The newest event that the client has or knows of by pages.
    pub(crate) fn position(&self) -> u64 {
        let heard = self.heard.lock().unwrap();
        heard.last().map_or(0, |last| match last {
            Heard::Event(rev) | Heard::Reset(rev) => *rev,
        })
    }

    /// Connects to some node and goes on where it was. `None` when that did not work.
    pub(crate) async fn connect(self: &Arc<Self>, nodes: &Nodes) -> Option<Connected> {
        let node = nodes.random.below(nodes.count() as u64) as usize;
        let (chat, hub) = nodes.of(node)?;
        // As the gateway does: a room that one may not see cannot be opened.
        let may_see = nodes
            .cluster
            .on(node, |_| chat.may_see_room(&self.identity, self.room))
            .await?;
        may_see.ok()?;
        let line = Arc::new(Line {
            client: Arc::clone(self),
            is_open: AtomicBool::new(true),
            end: Notify::new(),
        });
        nodes.connected(node, &line);
        let outlet: Arc<dyn Outlet> = Arc::clone(&line) as Arc<dyn Outlet>;
        let listener = hub.enter(self.identity.user, self.identity.session, FrameKey(0), outlet);
        let since = Some(self.position());
        let begin = |opened: madang::hub::Opened| {
            if opened.reset && line.is_open() {
                self.note(Heard::Reset(opened.head.rev));
            }
        };
        nodes
            .cluster
            .trace()
            .note(|| format!("{}: connects to node {node} from {since:?}", self.name));
        let opened = nodes
            .cluster
            .on(node, |_| hub.open_room(&listener, self.room, since, begin))
            .await;
        let connected = Connected {
            hub: hub.clone(),
            listener: Arc::clone(&listener),
            line: Arc::clone(&line),
        };
        match opened {
            Some(Ok(Some(_))) if line.is_open() => Some(connected),
            _ => {
                connected.leave();
                None
            }
        }
    }

    /// Connects, however often it has to try; nodes that died are started on the way.
    pub(crate) async fn connect_at_last(self: &Arc<Self>, nodes: &Nodes) -> Connected {
        loop {
            if let Some(connected) = self.connect(nodes).await {
                return connected;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            for node in 0..nodes.count() {
                if nodes.of(node).is_none() {
                    nodes.restart(node).await;
                }
            }
        }
    }

    /// Connects again and again, stays a while, and goes.
    pub(crate) async fn come_and_go(self: Arc<Self>, nodes: Arc<Nodes>, rounds: u64) {
        for _ in 0..rounds {
            if let Some(connected) = self.connect(&nodes).await {
                let stay = Duration::from_millis(nodes.random.between(1, 4_000));
                // Whichever comes first; a cut line ends the stay.
                tokio::time::timeout(stay, connected.line.end.notified())
                    .await
                    .ok();
                connected.leave();
            }
            tokio::time::sleep(Duration::from_millis(nodes.random.between(1, 500))).await;
        }
    }

    /// Posts, trying again with the same nonce on any node until there is an answer.
    pub(crate) async fn post_some(self: Arc<Self>, nodes: Arc<Nodes>, count: u64) {
        for _ in 0..count {
            let text = {
                let mut tried = self.tried.lock().unwrap();
                let text = format!("{} says {}", self.name, tried.len());
                tried.push(text.clone());
                text
            };
            let clock = nodes.cluster.env(0);
            let nonce = Nonce::from_u128(clock.next_id());
            for _ in 0..40 {
                let node = nodes.random.below(nodes.count() as u64) as usize;
                if self.try_to_post(&nodes, node, &text, nonce).await {
                    nodes
                        .cluster
                        .trace()
                        .note(|| format!("{text}: acknowledged by node {node}"));
                    self.acknowledged.lock().unwrap().push(text.clone());
                    break;
                }
                tokio::time::sleep(Duration::from_millis(nodes.random.between(1, 200))).await;
            }
            tokio::time::sleep(Duration::from_millis(nodes.random.between(0, 700))).await;
        }
    }

    async fn try_to_post(&self, nodes: &Nodes, node: usize, text: &str, nonce: Nonce) -> bool {
        let Some((chat, _)) = nodes.of(node) else {
            return false;
        };
        let post = Post {
            text: text.to_owned(),
            reply_to: None,
            nonce: Some(nonce),
        };
        let posted = nodes
            .cluster
            .on(node, |_| chat.post(&self.identity, self.room, post))
            .await;
        matches!(posted, Some(Ok(_)))
    }
}

/// A client that is connected.
pub(crate) struct Connected {
    hub: Hub,
    listener: Arc<Listener>,
    line: Arc<Line>,
}

impl Connected {
    pub(crate) fn is_open(&self) -> bool {
        self.line.is_open()
    }

    pub(crate) fn leave(&self) {
        self.line.cut();
        self.hub.leave(&self.listener);
    }
}
