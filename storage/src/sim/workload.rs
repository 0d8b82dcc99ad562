//! What clients do in a simulated run.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cluster::Cluster;
use super::history::{AppendCall, Call, Outcome};
use super::random::Random;
use super::recorder::Recorder;
use crate::error::{AppendError, Error};
use crate::model::{Draft, EventId, Fact, GuildId, Head, Nonce, RoomId, RowKey, Rows, StreamId, UserId};
use crate::{Appended, Command, NonceUse, Store};

/// What all clients of a run share.
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) recorder: Recorder,
    pub(super) random: Random,
    pub(super) guild: GuildId,
    pub(super) rooms: Vec<RoomId>,
    pub(super) users: Vec<UserId>,
    /// Posts with a nonce, to be made again elsewhere.
    posted: Mutex<Vec<Post>>,
    /// Nothing goes wrong, and clients wait until they are answered.
    calm: AtomicBool,
}

/// A post with a nonce.
#[derive(Clone)]
struct Post {
    room: RoomId,
    author: UserId,
    nonce: NonceUse,
    text: String,
}

/// Decides, as [`Store::append`] wants it, and may refuse for no particular reason.
type Decision = Box<dyn FnMut(&Head, &Rows) -> std::result::Result<Draft, ()> + Send>;

/// One client: who it is and where it is connected.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) world: Arc<World>,
    pub(super) node: usize,
    pub(super) user: UserId,
    /// Names the client's follower of changes.
    pub(super) number: usize,
}

impl World {
    pub(super) fn new(
        cluster: Cluster,
        recorder: Recorder,
        random: Random,
        rooms: u128,
        users: u128,
    ) -> Self {
        Self {
            cluster,
            recorder,
            random,
            guild: GuildId::from_u128(1),
            rooms: (1..=rooms).map(RoomId::from_u128).collect(),
            users: (1..=users).map(UserId::from_u128).collect(),
            posted: Mutex::default(),
            calm: AtomicBool::new(false),
        }
    }

    pub(super) fn streams(&self) -> Vec<StreamId> {
        let rooms = self.rooms.iter().map(|room| StreamId::Room(*room));
        std::iter::once(StreamId::Guild(self.guild))
            .chain(rooms)
            .collect()
    }

    /// From now on whoever asks must be answered.
    pub(super) fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    fn posted(&self) -> MutexGuard<'_, Vec<Post>> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unique_text(&self) -> String {
        format!("text {}", self.random.bits())
    }
}

impl Client {
    /// Makes the guild and the rooms.
    pub(super) async fn set_up(&self) {
        let (guild, owner) = (self.world.guild, self.user);
        let fact = Fact::GuildCreated {
            name: "guild".to_owned(),
            owner,
        };
        self.append(StreamId::Guild(guild), None, Vec::new(), always(fact))
            .await;
        for room in &self.world.rooms {
            let fact = Fact::channel_created(guild, "room".to_owned(), String::new());
            self.append(StreamId::Room(*room), None, Vec::new(), always(fact))
                .await;
        }
    }

    /// Does so many things, one after the other.
    pub(super) async fn work(self, count: u64) {
        for _ in 0..count {
            while !self.world.cluster.is_alive(self.node) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.do_something().await;
            if self.world.random.chance(300) {
                let pause = self.world.random.between(1, 30);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        }
    }

    async fn do_something(&self) {
        match self.world.random.below(100) {
            0..20 => self.post().await,
            20..28 => self.post_again().await,
            28..38 => self.edit().await,
            38..43 => self.delete().await,
            43..54 => self.react().await,
            54..58 => self.join().await,
            58..78 => self.use_state().await,
            78..92 => self.look().await,
            92..99 => {
                self.follow().await;
            }
            _ => {
                let _ = self.ask(|store| async move { store.sweep().await }).await;
            }
        }
    }

    /// Carries out work on the client's node. `None` when it is open what became of it.
    pub(super) async fn ask<T, W: Future<Output = T>>(&self, work: impl FnOnce(Store) -> W) -> Option<T> {
        let work = self.world.cluster.on(self.node, work);
        if !self.world.is_calm() && self.world.random.chance(50) {
            let patience = Duration::from_millis(self.world.random.between(1, 60));
            return tokio::time::timeout(patience, work).await.ok().flatten();
        }
        work.await
    }

    pub(super) fn some_room(&self) -> RoomId {
        self.world
            .random
            .pick(&self.world.rooms)
            .copied()
            .unwrap_or(RoomId::from_u128(1))
    }

    async fn post(&self) {
        let (room, text) = (self.some_room(), self.world.unique_text());
        let nonce = self.world.random.chance(600).then(|| NonceUse {
            nonce: Nonce::from_u128(self.world.cluster.env(self.node).next_id()),
            fingerprint: self.world.random.bits(),
        });
        if let Some(nonce) = nonce {
            self.world.posted().push(Post {
                room,
                author: self.user,
                nonce,
                text: text.clone(),
            });
        }
        let fact = Fact::MessagePosted {
            author: self.user,
            text,
            reply_to: None,
            reply_to_author: None,
            mentions: Default::default(),
            system: None,
        };
        self.append(StreamId::Room(room), nonce, Vec::new(), always(fact))
            .await;
    }

    /// The same request once more, perhaps on another node; sometimes with another content, which is a mistake.
    async fn post_again(&self) {
        let post = self.world.random.pick(&self.world.posted()).cloned();
        let Some(mut post) = post else { return };
        if self.world.random.chance(200) {
            post.nonce.fingerprint ^= 1;
            post.text = self.world.unique_text();
        }
        self.make(post).await;
    }

    /// Makes some of the posts with a nonce once more.
    pub(super) async fn post_all_again(&self) {
        let posts: Vec<Post> = self.world.posted().iter().take(3).cloned().collect();
        for post in posts {
            self.make(post).await;
        }
    }

    async fn make(
        &self,
        Post {
            room,
            author,
            nonce,
            text,
        }: Post,
    ) {
        let fact = Fact::MessagePosted {
            author,
            text,
            reply_to: None,
            reply_to_author: None,
            mentions: Default::default(),
            system: None,
        };
        let client = Self {
            user: author,
            ..self.clone()
        };
        client
            .append(StreamId::Room(room), Some(nonce), Vec::new(), always(fact))
            .await;
    }

    async fn edit(&self) {
        let (room, seq) = (self.some_room(), self.world.random.between(1, 5));
        let text = self.world.unique_text();
        let decide = move |_: &Head, rows: &Rows| {
            let record = rows
                .message(room, seq)
                .filter(|record| record.deleted.is_none())
                .ok_or(())?;
            Ok(Fact::MessageEdited {
                seq: record.seq,
                text: text.clone(),
                // Every other message, so that both ways happen without another draw.
                keeps: seq.is_multiple_of(2),
            }
            .into())
        };
        self.append_about(room, vec![RowKey::Message { room, seq }], Box::new(decide))
            .await;
    }

    async fn delete(&self) {
        let (room, seq, by) = (self.some_room(), self.world.random.between(1, 5), self.user);
        let decide = move |_: &Head, rows: &Rows| {
            let record = rows
                .message(room, seq)
                .filter(|record| record.deleted.is_none())
                .ok_or(())?;
            Ok(Fact::MessageDeleted { seq: record.seq, by }.into())
        };
        self.append_about(room, vec![RowKey::Message { room, seq }], Box::new(decide))
            .await;
    }

    async fn react(&self) {
        let (room, seq, user) = (self.some_room(), self.world.random.between(1, 3), self.user);
        let emoji = "🌱".to_owned();
        let reaction = RowKey::Reaction {
            room,
            seq,
            emoji: emoji.clone(),
            user,
        };
        let rows = vec![RowKey::Message { room, seq }, reaction.clone()];
        let decide = move |_: &Head, rows: &Rows| {
            let record = rows
                .message(room, seq)
                .filter(|record| record.deleted.is_none())
                .ok_or(())?;
            let (on, before) = (!rows.contains(&reaction), record.count_of(&emoji));
            let count = if on { before + 1 } else { before.saturating_sub(1) };
            Ok(Fact::ReactionChanged {
                seq,
                emoji: emoji.clone(),
                user,
                on,
                count,
            }
            .into())
        };
        self.append_about(room, rows, Box::new(decide)).await;
    }

    async fn join(&self) {
        let (guild, user) = (self.world.guild, self.user);
        let key = RowKey::Member { guild, user };
        let asked = vec![key.clone()];
        let decide = move |_: &Head, rows: &Rows| {
            if rows.contains(&key) {
                Err(())
            } else {
                Ok(Fact::MemberJoined { user }.into())
            }
        };
        self.append(StreamId::Guild(guild), None, asked, Box::new(decide))
            .await;
    }

    async fn append_about(&self, room: RoomId, rows: Vec<RowKey>, decide: Decision) {
        self.append(StreamId::Room(room), None, rows, decide).await;
    }

    async fn append(&self, stream: StreamId, nonce: Option<NonceUse>, rows: Vec<RowKey>, decide: Decision) {
        let event_id = EventId::from_u128(self.world.cluster.env(self.node).next_id());
        let command = Command {
            stream,
            event_id,
            actor: Some(self.user),
            access_rev: 0,
            nonce,
            rows,
        };
        let decide = observed(decide, command.clone(), self.clone());
        let invoked = self.world.recorder.invoke(self.node);
        let answer = self
            .ask(|store| async move { store.append(command, decide).await })
            .await;

        let outcome = match answer {
            Some(Ok(Appended { commit, replayed })) => Outcome::Appended { commit, replayed },
            Some(Err(AppendError::Refused(()))) => Outcome::Refused,
            Some(Err(AppendError::Store(Error::NonceConflict))) => Outcome::NonceConflict,
            Some(Err(AppendError::Store(Error::NonceExpired))) => Outcome::NonceExpired,
            Some(Err(AppendError::Store(Error::Unavailable(_)))) | None => Outcome::Unclear,
            Some(Err(AppendError::Store(error))) => {
                self.broken(error.to_string());
                Outcome::Unclear
            }
        };
        let unclear = matches!(outcome, Outcome::Unclear);
        let actor = Some(self.user);
        let call = Call::Append(AppendCall {
            stream,
            event_id,
            actor,
            nonce,
            outcome,
        });
        if unclear && self.world.is_calm() {
            self.broken(format!("{event_id} was not answered although nothing went wrong"));
        }
        if unclear {
            self.world.recorder.unclear(invoked, call);
        } else {
            self.world.recorder.answered(invoked, call);
        }
    }

    /// Something that no fault of the database excuses.
    pub(super) fn broken(&self, text: String) {
        let invoked = self.world.recorder.invoke(self.node);
        self.world.recorder.answered(invoked, Call::Broken(text));
    }
}

fn always(fact: Fact) -> Decision {
    Box::new(move |_, _| Ok(fact.clone().into()))
}

/// The decision, with a look at what it is shown and what it answers.
fn observed(
    mut decide: Decision,
    command: Command,
    client: Client,
) -> impl FnMut(&Head, &Rows) -> std::result::Result<Draft, ()> + Send {
    move |head, rows| {
        for key in &command.rows {
            if let Some(text) = out_of_step(head, rows, key) {
                client.broken(text);
            }
        }
        let draft = decide(head, rows)?;
        client
            .world
            .recorder
            .decided(command.event_id, draft.fact.clone());
        Ok(draft)
    }
}

/// What is wrong with a row that is not as it was at exactly this head.
fn out_of_step(head: &Head, rows: &Rows, key: &RowKey) -> Option<String> {
    let RowKey::Message { room, seq } = key else {
        return None;
    };
    match rows.message(*room, *seq) {
        Some(record) if record.rev > head.rev => Some(format!(
            "a decision at rev {} saw a message of rev {}",
            head.rev, record.rev
        )),
        None if *seq <= head.seq => Some(format!(
            "a decision at seq {} did not see message {seq}",
            head.seq
        )),
        _ => None,
    }
}
