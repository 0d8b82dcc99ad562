//! The presence of nodes that meet in one Redis.
//!
//! Each node keeps its own sessions and tells Redis how its users are now (`own.rs`, `node.rs`). What follows from it for all
//! nodes is decided by scripts within Redis (`scripts/people.lua` lists the keys), so that however many nodes tell, end what
//! is overdue and watch, each transition is made once; a stream tells it to every node. Times are those of Redis.

mod form;
mod link;
mod node;
mod own;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use madang_storage::model::{RoomId, UserId};
use redis::RedisError;
use tokio::task::JoinHandle;

use super::{Backend, Entry, Error, Figures, Left, Lookers, Presence, Receiver, Said, State};
use link::Link;
use node::Node;

/// Where nodes meet.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// How to reach the Redis, as "redis://name:password@host:6379/0", or "rediss://" with TLS. A secret.
    pub url: String,
    /// What the names of all keys begin with.
    pub prefix: String,
    /// How long somebody who has lost the last connection is still seen to be there. The same on all nodes.
    pub grace: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("prefix", &self.prefix)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// A node's presence. Nothing is connected before it is started; settings that can never work are refused here.
pub fn presence(settings: Settings) -> Result<Presence, Error> {
    Ok(Presence::new(Arc::new(RedisPresence::new(Link::new(settings)?))))
}

struct RedisPresence {
    node: Arc<Node>,
    /// What tells and hears.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl RedisPresence {
    fn new(link: Link) -> Self {
        Self {
            node: Arc::new(Node::new(link)),
            tasks: Mutex::default(),
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.tasks().drain(..).for_each(|task| task.abort());
    }
}

impl Drop for RedisPresence {
    fn drop(&mut self) {
        self.stop();
    }
}

#[async_trait]
impl Backend for RedisPresence {
    fn name(&self) -> &'static str {
        "redis"
    }

    /// A Redis that is away keeps no node from starting; one that refuses its password does.
    async fn start(&self, receiver: Arc<dyn Receiver>) -> Result<(), Error> {
        self.node.set_receiver(receiver);
        self.node.begin().await?;
        let telling = tokio::spawn(Arc::clone(&self.node).tell_always());
        let hearing = tokio::spawn(Arc::clone(&self.node).hear_always());
        self.tasks().extend([telling, hearing]);
        Ok(())
    }

    fn put(&self, number: u64, entry: Entry) {
        self.node.with_own(|own| own.put(number, entry));
    }

    fn end(&self, number: u64) {
        self.node.with_own(|own| own.end(number));
    }

    fn say(&self, user: UserId, said: Arc<Said>) {
        self.node.with_own(|own| own.say(user, said));
    }

    async fn beat(&self) -> Result<(), Error> {
        self.node.beat().await
    }

    async fn states(&self, users: &[UserId]) -> Result<Vec<State>, Error> {
        let common = &self.node.link.common;
        let mut questions = redis::pipe();
        for user in users {
            let key = common.key_of("user", user);
            questions.cmd("HMGET").arg(key).arg("told").arg("told_said");
        }
        let found: Vec<(Option<String>, Option<String>)> = self.ask(&questions).await?;
        let states = found
            .iter()
            .map(|(told, said)| form::state(told.as_deref(), said.as_deref()));
        states.map(understood).collect()
    }

    async fn lookers(&self, room: RoomId, limit: usize) -> Result<Lookers, Error> {
        let key = self.node.link.common.key_of("room", room);
        let mut questions = redis::pipe();
        questions.atomic().cmd("ZCARD").arg(&key);
        // The last place is counted, too, and -1 would be all of them.
        if limit > 0 {
            questions.cmd("ZRANGE").arg(&key).arg(0).arg(limit - 1);
        } else {
            questions.cmd("ZRANGE").arg(&key).arg(1).arg(0);
        }
        let (count, users): (usize, Vec<String>) = self.ask(&questions).await?;
        let users = users.iter().map(|user| understood(user.parse().ok()));
        Ok(Lookers {
            users: users.collect::<Result<_, _>>()?,
            count,
        })
    }

    async fn looking(&self, room: RoomId, users: &[UserId]) -> Result<Vec<bool>, Error> {
        let common = &self.node.link.common;
        let mut questions = redis::pipe();
        for user in users {
            questions
                .cmd("HGET")
                .arg(common.key_of("user", user))
                .arg("rooms");
        }
        let found: Vec<Option<String>> = self.ask(&questions).await?;
        let looks = |rooms: &Option<String>| {
            let rooms = understood(form::rooms(rooms.as_deref().unwrap_or_default()))?;
            Ok(rooms.contains(&room))
        };
        found.iter().map(looks).collect()
    }

    async fn left(&self, user: UserId) -> Result<Option<Left>, Error> {
        let key = self.node.link.common.key_of("user", user);
        let mut questions = redis::pipe();
        questions.cmd("HGET").arg(key).arg("left");
        let (left,): (Option<String>,) = self.ask(&questions).await?;
        left.map(|left| understood(form::left(&left))).transpose()
    }

    fn figures(&self) -> Figures {
        // Held once: a second look within one expression would wait for the first for ever.
        let own = self.node.own();
        Figures {
            sessions: own.sessions(),
            changes: self.node.changes(),
            is_known: !own.is_away,
        }
    }

    async fn close(&self) {
        self.stop();
        self.node.close().await;
    }
}

impl RedisPresence {
    async fn ask<T: redis::FromRedisValue>(&self, questions: &redis::Pipeline) -> Result<T, Error> {
        let asked = self.node.link.ask(questions).await;
        asked.map_err(|error: RedisError| Error::Unavailable(error.to_string()))
    }
}

/// What is not understood a later version wrote, or somebody else.
fn understood<T>(parsed: Option<T>) -> Result<T, Error> {
    parsed.ok_or_else(|| Error::Unavailable("what Redis knows is not understood".to_owned()))
}
