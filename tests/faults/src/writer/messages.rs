//! Posts, edits, deletions and reactions.

use std::sync::Arc;

use madang_storage::model::{Draft, EventId, Fact, Head, Nonce, RoomId, RowKey, Rows, StreamId, UserId};
use madang_storage::{Command, NonceUse};

use super::{Miss, Run, Worker};
use crate::content::{hash_bytes, text_for};
use crate::knowledge::{How, Lines, Request};

/// The emoji that are used.
pub(super) const EMOJI: [&str; 3] = ["\u{1f44d}", "\u{2764}\u{fe0f}", "\u{1f389}"];

/// How many posts are sent at once, so that groups have more than one event of one stream.
const BURST: usize = 12;

impl Worker {
    pub(super) async fn post(&mut self, room: RoomId) -> Result<(), Miss> {
        let reply_to = if self.dice.percent(20) {
            self.some_message(room).await?
        } else {
            None
        };
        post(&self.run, self.user, room, reply_to).await
    }

    /// Posts many messages at once.
    pub(super) async fn post_many(&mut self, room: RoomId) -> Result<(), Miss> {
        let mut posts = tokio::task::JoinSet::new();
        for _ in 0..BURST {
            let (run, user) = (Arc::clone(&self.run), self.user);
            posts.spawn(async move { post(&run, user, room, None).await });
        }
        let mut outcome = Ok(());
        while let Some(posted) = posts.join_next().await {
            // Every post that was acknowledged is told, also beside one that failed.
            outcome = outcome.and(posted.expect("no task of a run panics"));
        }
        outcome
    }

    pub(super) async fn edit(&mut self, room: RoomId) -> Result<(), Miss> {
        let Some(seq) = self.some_message(room).await? else {
            return Ok(());
        };
        let id = EventId::from_u128(self.run.env.next_id());
        let fact = Fact::MessageEdited {
            seq,
            text: text_for(id),
            keeps: true,
        };
        let rows = vec![RowKey::Message { room, seq }];
        append(&self.run, self.user, room, id, rows, move |_head, rows| {
            unless_deleted(rows, room, seq, &fact)
        })
        .await
    }

    pub(super) async fn delete(&mut self, room: RoomId) -> Result<(), Miss> {
        let Some(seq) = self.some_message(room).await? else {
            return Ok(());
        };
        let id = EventId::from_u128(self.run.env.next_id());
        let fact = Fact::MessageDeleted { seq, by: self.user };
        let rows = vec![RowKey::Message { room, seq }];
        append(&self.run, self.user, room, id, rows, move |_head, rows| {
            unless_deleted(rows, room, seq, &fact)
        })
        .await
    }

    pub(super) async fn react(&mut self, room: RoomId) -> Result<(), Miss> {
        let Some(seq) = self.some_message(room).await? else {
            return Ok(());
        };
        let id = EventId::from_u128(self.run.env.next_id());
        let emoji = (*self.dice.pick(&EMOJI)).to_owned();
        let user = self.user;
        let own = RowKey::Reaction {
            room,
            seq,
            emoji: emoji.clone(),
            user,
        };
        let rows = vec![RowKey::Message { room, seq }, own.clone()];
        append(&self.run, user, room, id, rows, move |_head, rows| {
            let message = rows
                .message(room, seq)
                .filter(|message| message.deleted.is_none())
                .ok_or(())?;
            let on = !rows.contains(&own);
            let before = message.count_of(&emoji);
            let count = if on {
                before + 1
            } else {
                before.checked_sub(1).ok_or(())?
            };
            Ok(Fact::ReactionChanged {
                seq,
                emoji: emoji.clone(),
                user,
                on,
                count,
            }
            .into())
        })
        .await
    }

    /// The number of some message, mostly of a new one.
    async fn some_message(&mut self, room: RoomId) -> Result<Option<u64>, Miss> {
        let head = self.run.store.head(StreamId::Room(room)).await?;
        if head.seq == 0 {
            return Ok(None);
        }
        let reach = if self.dice.percent(60) {
            head.seq.min(20)
        } else {
            head.seq
        };
        Ok(Some(head.seq - self.dice.below(reach)))
    }
}

fn unless_deleted(rows: &Rows, room: RoomId, seq: u64, fact: &Fact) -> Result<Draft, ()> {
    match rows.message(room, seq) {
        Some(message) if message.deleted.is_none() => Ok(fact.clone().into()),
        _ => Err(()),
    }
}

async fn post(run: &Run, user: UserId, room: RoomId, reply_to: Option<u64>) -> Result<(), Miss> {
    let id = EventId::from_u128(run.env.next_id());
    let fact = Fact::MessagePosted {
        author: user,
        text: text_for(id),
        reply_to,
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    };
    append(run, user, room, id, Vec::new(), move |_head, _rows| {
        Ok(fact.clone().into())
    })
    .await
}

/// Appends with a nonce, and tells of it.
async fn append(
    run: &Run,
    actor: UserId,
    room: RoomId,
    event_id: EventId,
    rows: Vec<RowKey>,
    decide: impl FnMut(&Head, &Rows) -> Result<Draft, ()> + Send + 'static,
) -> Result<(), Miss> {
    let nonce = Nonce::from_u128(run.env.next_id());
    let fingerprint = hash_bytes(&event_id.to_bytes());
    let stream = StreamId::Room(room);
    let command = Command {
        stream,
        event_id,
        actor: Some(actor),
        access_rev: 1,
        nonce: Some(NonceUse { nonce, fingerprint }),
        rows,
    };
    let appended = run.store.append(command, decide).await?;
    let event = &appended.commit.event;
    let mut lines = Lines::default();
    lines.event(How::Acknowledged, event);
    if let Some(record) = &appended.commit.record {
        lines.record(How::Acknowledged, room, record);
    }
    lines.request(&Request {
        stream,
        actor,
        nonce,
        fingerprint,
        event: event_id,
        rev: event.rev(),
    });
    run.journal.write(&lines);
    Ok(())
}
