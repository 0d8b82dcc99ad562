//! A node among those that meet in one Redis: telling, beating and hearing.
//!
//! A node tells how its users are now, never what to add: telling twice does no harm. Whenever it cannot know what arrived
//! (an error, a new connection, others took it for dead, Redis knows nothing any more) it takes a new name, tells everything
//! under that, and lets the old name die. So nothing of before can be left over, and nobody seems to be away meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use redis::streams::StreamReadReply;
use redis::{ErrorKind, RedisError};
use tokio::sync::{Notify, watch};

use super::form;
use super::link::{HEARS_WITHIN, Link};
use super::own::{Own, Step};
use crate::presence::{Error, Receiver};

/// How many users one script looks at: some milliseconds, for which Redis does nothing else.
const BATCH: usize = 200;
/// After so many batches others get a turn; the rest is for the next beat.
const BATCHES_PER_BEAT: usize = 50;
/// How many changes are read at a time.
const HEARD_AT_ONCE: usize = 500;
/// How long hearing waits before it tries again.
const HEARS_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// More old names than that die by themselves, later.
const MAX_FORMER: usize = 16;

/// This node.
pub(super) struct Node {
    pub(super) link: Link,
    own: Mutex<Own>,
    /// Held by whoever tells, so that it is told in order.
    line: tokio::sync::Mutex<Line>,
    /// There is something to tell.
    has_work: Notify,
    /// The number of the newest change that was heard; 0 when it is not known where to begin.
    heard: watch::Sender<u64>,
    /// Of the changes until this one it was said that they may have been missed.
    doubted: AtomicU64,
    changes: AtomicU64,
    receiver: OnceLock<Arc<dyn Receiver>>,
}

/// Under which name this node tells.
struct Line {
    /// Nobody else has it.
    base: String,
    lives: u64,
    /// Names under which there may be sessions still.
    former: Vec<String>,
    /// What was told last did not surely arrive.
    is_in_doubt: bool,
}

impl Line {
    fn name(&self) -> String {
        format!("{}-{}", self.base, self.lives)
    }

    fn rename(&mut self) {
        if self.former.len() == MAX_FORMER {
            self.former.remove(0);
        }
        self.former.push(self.name());
        self.lives += 1;
    }
}

impl Node {
    pub(super) fn new(link: Link) -> Self {
        let line = Line {
            base: format!("{:016x}", rand::random::<u64>()),
            lives: 1,
            former: Vec::new(),
            is_in_doubt: false,
        };
        Self {
            link,
            own: Mutex::default(),
            line: tokio::sync::Mutex::new(line),
            has_work: Notify::new(),
            heard: watch::Sender::new(0),
            doubted: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            receiver: OnceLock::new(),
        }
    }

    pub(super) fn set_receiver(&self, receiver: Arc<dyn Receiver>) {
        // A second one would be a mistake of the caller's, and hears nothing.
        drop(self.receiver.set(receiver));
    }

    /// Changes what this node knows by itself, and wakes whoever tells it.
    pub(super) fn with_own(&self, change: impl FnOnce(&mut Own)) {
        change(&mut self.own());
        self.has_work.notify_one();
    }

    pub(super) fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Tells what is to be told, as soon as it is. Never ends.
    pub(super) async fn tell_always(self: Arc<Self>) {
        loop {
            self.has_work.notified().await;
            self.tell_waiting().await;
        }
    }

    /// Tells what waits. What cannot be told now is told anew with the next beat.
    pub(super) async fn tell_waiting(&self) {
        let mut line = self.line.lock().await;
        if let Err(error) = self.tell_rest(&mut line).await {
            tracing::debug!(%error, "what sessions do waits to be told");
        }
    }

    /// Becomes known to the others. A Redis that is away is waited for by the beats.
    pub(super) async fn begin(&self) -> Result<(), Error> {
        let mut line = self.line.lock().await;
        let Err(error) = self.live_and_tell(&mut line).await else {
            return Ok(());
        };
        if is_refusal(&error) {
            return Err(Error::Settings(error.to_string()));
        }
        tracing::warn!(%error, "nobody knows who is there until Redis answers");
        self.go_away(&error);
        Ok(())
    }

    pub(super) async fn beat(&self) -> Result<(), Error> {
        let mut line = self.line.lock().await;
        if self.own().is_closed {
            return Ok(());
        }
        let is_sure = match self.live_and_tell(&mut line).await {
            Ok(is_sure) => is_sure,
            Err(error) => {
                drop(line);
                return Err(self.go_away(&error));
            }
        };
        drop(line);
        let has_missed = {
            let mut own = self.own();
            own.is_away = false;
            std::mem::take(&mut own.has_missed)
        };
        if !is_sure || has_missed {
            self.tell_receiver(|receiver| receiver.unsure());
        }
        Ok(())
    }

    /// Ends all sessions of this node, as far as it can.
    pub(super) async fn close(&self) {
        self.own().close();
        let mut line = self.line.lock().await;
        line.rename();
        // Who cannot be told finds out that this node is dead.
        if let Err(error) = self.link.run(&self.link.scripts.retire, &line.former).await {
            tracing::debug!(%error, "nobody was told that this node goes");
        }
        self.link.disconnect();
    }

    /// Answers whether all that there was to hear could be heard, and the others knew all of this node.
    async fn live_and_tell(&self, line: &mut Line) -> Result<bool, RedisError> {
        let is_same = self.link.is_connected();
        let mut answer = self.live(line).await;
        // What Redis was a moment ago may be another one now: once more, from the beginning.
        let is_new = !is_same || answer.is_err();
        if is_new {
            self.link.connect().await?;
            answer = self.live(line).await;
        }
        let is_known = answer?;
        let is_sure = is_known && !is_new && !line.is_in_doubt && !self.own().is_behind;
        if is_sure {
            self.tell_rest(line).await?;
        } else {
            self.tell_everything(line).await?;
        }
        self.sweep().await?;
        Ok(is_sure)
    }

    /// Answers whether this node was known to live.
    async fn live(&self, line: &Line) -> Result<bool, RedisError> {
        // Looked at before: what is heard while this is asked may be newer than the answer.
        let heard = *self.heard.borrow();
        let answer = self.link.run(&self.link.scripts.live, &[line.name()]).await?;
        let newest = answer.get(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        let is_known = answer.first().is_some_and(|text| text == "1");
        if !is_known {
            self.doubted.store(newest, Ordering::SeqCst);
        }
        let is_older_redis = heard > newest;
        if heard == 0 || is_older_redis {
            self.own().has_missed |= is_older_redis;
            self.heard.send_replace(newest);
        }
        Ok(is_known)
    }

    async fn tell_rest(&self, line: &mut Line) -> Result<(), RedisError> {
        loop {
            let steps = self.own().take_waiting(BATCH);
            if steps.is_empty() {
                return Ok(());
            }
            self.tell(line, &steps).await?;
        }
    }

    /// Tells everything anew. What is different meanwhile waits behind it.
    async fn tell_everything(&self, line: &mut Line) -> Result<(), RedisError> {
        line.rename();
        line.is_in_doubt = true;
        self.live(line).await?;
        let steps = self.own().everything();
        for (place, batch) in steps.chunks(BATCH).enumerate() {
            if let Err(error) = self.tell(line, batch).await {
                let untold = steps.iter().skip(place * BATCH).cloned();
                self.own().fall_behind(untold);
                return Err(error);
            }
        }
        let retire = &self.link.scripts.retire;
        self.link.run(retire, &line.former).await?;
        line.former.clear();
        line.is_in_doubt = false;
        self.tell_rest(line).await
    }

    async fn tell(&self, line: &mut Line, steps: &[Step]) -> Result<(), RedisError> {
        let was_in_doubt = std::mem::replace(&mut line.is_in_doubt, true);
        let mut arguments = Vec::with_capacity(1 + 3 * steps.len());
        arguments.push(line.name());
        arguments.extend(steps.iter().flat_map(form::step));
        let answer = self.link.run(&self.link.scripts.tell, &arguments).await;
        let answer = match answer {
            Ok(answer) if answer.first().is_some_and(|text| text == "1") => answer,
            // Others took this node for dead. The next beat says that it lives.
            Ok(_) => {
                self.own().fall_behind(steps.iter().cloned());
                return Ok(());
            }
            Err(error) => {
                self.own().fall_behind(steps.iter().cloned());
                return Err(error);
            }
        };
        line.is_in_doubt = was_in_doubt;
        self.tell_leavings(&answer);
        Ok(())
    }

    /// Ends what is overdue, whoever began it.
    async fn sweep(&self) -> Result<(), RedisError> {
        for _ in 0..BATCHES_PER_BEAT {
            let limit = [BATCH.to_string()];
            let answer = self.link.run(&self.link.scripts.sweep, &limit).await?;
            self.tell_leavings(&answer);
            if answer.first().is_none_or(|text| text != "1") {
                break;
            }
        }
        Ok(())
    }

    /// What follows the first text of an answer.
    fn tell_leavings(&self, answer: &[String]) {
        let Some((_, leavings)) = answer.split_first() else {
            return;
        };
        for (user, left) in form::leavings(leavings) {
            self.tell_receiver(|receiver| receiver.left(user, left));
        }
    }

    fn go_away(&self, error: &RedisError) -> Error {
        let was_away = {
            let mut own = self.own();
            own.fall_behind([]);
            std::mem::replace(&mut own.is_away, true)
        };
        if !was_away {
            self.tell_receiver(|receiver| receiver.unsure());
        }
        Error::Unavailable(error.to_string())
    }

    fn tell_receiver(&self, tell: impl FnOnce(&dyn Receiver)) {
        if let Some(receiver) = self.receiver.get() {
            tell(receiver.as_ref());
        }
    }

    /// Hears what becomes different. Never ends: where it was interrupted it goes on.
    pub(super) async fn hear_always(self: Arc<Self>) {
        loop {
            if let Err(error) = self.hear().await {
                tracing::debug!(%error, "changes are not heard just now");
            }
            tokio::time::sleep(HEARS_AGAIN_AFTER).await;
        }
    }

    async fn hear(&self) -> Result<(), RedisError> {
        let mut place = self.heard.subscribe();
        if place.wait_for(|heard| *heard != 0).await.is_err() {
            return Ok(());
        }
        let mut connection = self.link.open_for_hearing().await?;
        loop {
            let last = format!("{}-1", *self.heard.borrow());
            let mut command = redis::cmd("XREAD");
            command.arg("COUNT").arg(HEARD_AT_ONCE);
            command.arg("BLOCK").arg(HEARS_WITHIN.as_millis().to_string());
            command
                .arg("STREAMS")
                .arg(self.link.common.key("changes"))
                .arg(last);
            let reply: Option<StreamReadReply> = command.query_async(&mut connection).await?;
            for entry in reply
                .into_iter()
                .flat_map(|reply| reply.keys)
                .flat_map(|key| key.ids)
            {
                let number = entry.id.split('-').next().and_then(|number| number.parse().ok());
                let fields = entry.map.iter().filter_map(|(name, value)| {
                    let value: String = redis::from_redis_value_ref(value).ok()?;
                    Some((name.clone(), value))
                });
                self.note(number.unwrap_or(0), &fields.collect());
            }
        }
    }

    /// One entry of what all are told. Numbers have no holes: a hole was missed.
    pub(super) fn note(&self, number: u64, fields: &HashMap<String, String>) {
        let heard = *self.heard.borrow();
        if number <= heard {
            return;
        }
        let change = form::change(number, fields);
        let is_hole = number != heard + 1 && number > self.doubted.load(Ordering::SeqCst);
        if is_hole || (change.is_none() && !fields.contains_key("begin")) {
            self.own().has_missed = true;
        }
        if let Some(change) = change {
            self.changes.fetch_add(1, Ordering::Relaxed);
            self.tell_receiver(|receiver| receiver.changed(&change));
        }
        self.heard.send_replace(number);
    }
}

#[cfg(test)]
impl Node {
    /// Waits until it has heard of a change.
    pub(super) async fn hears(&self, number: u64) {
        let mut heard = self.heard.subscribe();
        heard.wait_for(|heard| *heard >= number).await.unwrap();
    }

    pub(super) fn hears_from(&self, number: u64) {
        self.heard.send_replace(number);
    }
}

/// Whether waiting does not help.
fn is_refusal(error: &RedisError) -> bool {
    let is_denied = matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    is_denied
        || matches!(
            error.kind(),
            ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig
        )
}
