//! Nodes as the composition root puts them together, over the simulated database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use madang::app::delivery::{Delivery, Ear};
use madang::app::following::Following;
use madang::broker::memory::Bus;
use madang::chat::{Absent, Chat, Missed, Places, Presences, Rules};
use madang::hub::{Encoder, FrameKey, Hub, Signal};
use madang::presence::memory::Commons;
use madang_storage::CommitSink;
use madang_storage::model::{Commit, RoomId, StreamId};
use madang_storage::sim::{Cluster, ClusterOptions, Faults, Random, Trace};
use tokio::task::JoinHandle;

use super::broker::{BadBroker, Weather};
use super::client::Line;

/// All nodes and what they share.
pub(crate) struct Nodes {
    pub(crate) cluster: Cluster,
    pub(crate) random: Random,
    broker_is_bad: Arc<AtomicBool>,
    bus: Bus,
    weather: Weather,
    sinks: Vec<Arc<Switch>>,
    present: Vec<Mutex<Option<Running>>>,
    follows: bool,
}

/// One life of a node.
struct Running {
    delivery: Delivery,
    chat: Chat,
    following: Option<JoinHandle<()>>,
    lines: Vec<Arc<Line>>,
}

/// Passes commits on to the node's present life.
#[derive(Default)]
struct Switch(Mutex<Option<Delivery>>);

impl CommitSink for Switch {
    fn committed(&self, commits: &[Arc<Commit>]) {
        if let Some(delivery) = &*self.0.lock().unwrap() {
            delivery.committed(commits);
        }
    }
}

/// Who misses a message is nobody's business here.
struct Nobody;

impl Absent for Nobody {
    fn absent(&self, _: &Missed) {}
}

/// Frames that say which event of which stream they are, or where a stream was reset to.
struct RevEncoder;

/// What a frame says.
pub(crate) enum Frame {
    /// An event of a room.
    Event(RoomId, u64),
    Reset(u64),
    Other,
}

impl Frame {
    pub(crate) fn parse(bytes: &Bytes) -> Self {
        let number = |from: usize| u64::from_be_bytes(bytes[from..from + 8].try_into().unwrap());
        match bytes[0] {
            b'e' => {
                let room = RoomId::from_bytes(bytes[9..25].try_into().unwrap());
                Self::Event(room, number(1))
            }
            b'r' => Self::Reset(number(1)),
            _ => Self::Other,
        }
    }
}

impl Encoder for RevEncoder {
    fn event(&self, _key: FrameKey, commit: &Commit) -> Bytes {
        let StreamId::Room(room) = commit.event.stream else {
            return Bytes::from_static(b"s");
        };
        let mut frame = vec![b'e'];
        frame.extend_from_slice(&commit.event.rev().to_be_bytes());
        frame.extend_from_slice(&room.to_bytes());
        frame.into()
    }

    fn signal(&self, _key: FrameKey, signal: &Signal) -> Bytes {
        let mut frame = Vec::new();
        if let Signal::Reset { head, .. } = signal {
            frame.push(b'r');
            frame.extend_from_slice(&head.rev.to_be_bytes());
        } else {
            frame.push(b's');
        }
        frame.into()
    }
}

impl Nodes {
    pub(crate) async fn start(count: usize, random: Random, trace: Trace, follows: bool) -> Self {
        let sinks: Vec<Arc<Switch>> = (0..count).map(|_| Arc::default()).collect();
        let options = ClusterOptions {
            faults: Faults::default(),
            defect: None,
            local_reads: false,
            sinks: sinks
                .iter()
                .map(|sink| Arc::clone(sink) as Arc<dyn CommitSink>)
                .collect(),
            trace,
        };
        let nodes = Self {
            cluster: Cluster::new(random.clone(), options),
            broker_is_bad: Arc::default(),
            bus: Bus::new(),
            weather: Weather::random(&random),
            random,
            sinks,
            present: (0..count).map(|_| Mutex::default()).collect(),
            follows,
        };
        for node in 0..count {
            nodes.begin(node).await;
        }
        nodes
    }

    /// From now on the broker loses what it is told, or does no more.
    pub(crate) fn bad_days(&self, on: bool) {
        self.broker_is_bad.store(on, Ordering::SeqCst);
    }

    pub(crate) fn count(&self) -> usize {
        self.present.len()
    }

    /// Starts a node again that died, or kills it first.
    pub(crate) async fn restart(&self, node: usize) {
        self.end(node);
        self.cluster.restart(node);
        self.begin(node).await;
    }

    /// Cuts everybody off who is connected to the node, and forgets all that it had in memory.
    pub(crate) fn end(&self, node: usize) {
        self.cluster.kill(node);
        *self.sinks[node].0.lock().unwrap() = None;
        if let Some(running) = self.present[node].lock().unwrap().take() {
            running.lines.iter().for_each(|line| line.cut());
            if let Some(following) = running.following {
                following.abort();
            }
        }
    }

    async fn begin(&self, node: usize) {
        let broker = BadBroker::over(
            self.bus.join(),
            self.random.clone(),
            self.weather,
            Arc::clone(&self.broker_is_bad),
        );
        let delivery = Delivery {
            places: Places::default(),
            hub: Hub::new(Arc::new(RevEncoder)),
            broker,
        };
        let Delivery { places, hub, broker } = delivery.clone();
        let (store, env) = (self.cluster.store(node), self.cluster.env(node));
        let presence = Commons::new(env.clone(), Duration::ZERO).join();
        let presences = Presences::new(presence, Arc::new(Nobody), Duration::ZERO);
        let chat = Chat::new(
            store.clone(),
            env,
            places,
            hub.clone(),
            broker.clone(),
            presences,
            Rules::default(),
        );
        hub.attach(store.clone(), Arc::new(chat.clone()));
        let ear = Ear {
            delivery: delivery.clone(),
            chat: chat.clone(),
        };
        broker.start(Arc::new(ear)).await.unwrap();
        *self.sinks[node].0.lock().unwrap() = Some(delivery.clone());
        let following = self
            .follows
            .then(|| tokio::spawn(Following::new(store, delivery.clone(), chat.clone()).run()));
        *self.present[node].lock().unwrap() = Some(Running {
            delivery,
            chat,
            following,
            lines: Vec::new(),
        });
    }

    /// The logic and the connections of a node that runs.
    pub(crate) fn of(&self, node: usize) -> Option<(Chat, Hub)> {
        let present = self.present[node].lock().unwrap();
        let running = present.as_ref().filter(|_| self.cluster.is_alive(node))?;
        Some((running.chat.clone(), running.delivery.hub.clone()))
    }

    /// Notes a connection that dies with the node.
    pub(crate) fn connected(&self, node: usize, line: &Arc<Line>) {
        match &mut *self.present[node].lock().unwrap() {
            Some(running) => running.lines.push(Arc::clone(line)),
            None => line.cut(),
        }
    }
}
