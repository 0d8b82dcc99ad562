//! Messages: posting, editing, deleting, history.

use std::sync::Arc;
use std::time::Instant;

use madang_storage::model::{
    Draft, EventId, Fact, Head, MessageRecord, Nonce, Permissions, RoomId, RoomKind, Row, RowKey, Rows,
    StreamId, Timestamp,
};
use madang_storage::{Anchor, AppendError, Appended, Command, NonceUse};
use sha2::{Digest, Sha256};
use unicode_segmentation::UnicodeSegmentation;

use super::access::RoomAccess;
use super::audit::details;
use super::changes::{Why, check_reason};
use super::text;
use super::view::{HeadView, ThreadView};
use super::{Chat, Code, Error, Identity, Result};

/// The longest text, in grapheme clusters: what people count as characters.
pub(super) const MAX_TEXT_GRAPHEMES: usize = 4_000;
/// The longest text, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 16 * 1024;
/// How many messages a page has when nothing is said.
pub const DEFAULT_PAGE: usize = 50;
/// A thread's first messages see to it that the message says so that it hangs on. The first one is enough, unless the server
/// stopped right after it.
const TOLD_TO_PARENT: u64 = 3;
/// How many messages a page may have.
pub const MAX_PAGE: usize = madang_storage::MAX_MESSAGES_PER_PAGE;

/// A message to post.
#[derive(Debug, Clone)]
pub struct Post {
    /// Markdown source.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<u64>,
    /// The client's own id of the request.
    pub nonce: Option<Nonce>,
}

/// A message as an answer tells it.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The message as it is now.
    pub record: Arc<MessageRecord>,
    /// Whether an earlier request with the same nonce posted it.
    pub replayed: bool,
}

/// A page of messages.
#[derive(Debug, Clone)]
pub struct History {
    /// Where the room stood before the page was read.
    pub head: HeadView,
    /// Ascending.
    pub messages: Vec<Seen>,
}

/// A message as one person sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The message.
    pub record: MessageRecord,
    /// The person's own reactions.
    pub mine: Vec<String>,
    /// The thread on it.
    pub thread: Option<ThreadView>,
}

impl Chat {
    /// Posts a message.
    pub async fn post(&self, identity: &Identity, room: RoomId, mut post: Post) -> Result<Posted> {
        let access = self.room_access(identity, room).await?;
        self.check_may_post(identity, &access).await?;
        post.text = text::normalised(post.text);
        check_text(&post.text)?;
        let mut mentions = self.mentions(&access, &post.text).await?;
        mentions.users.retain(|user| *user != identity.user);
        let mut command = self.message_command(identity, &access);
        let parent = post.reply_to.map(|seq| RowKey::Message { room, seq });
        command.rows = parent.into_iter().collect();
        command.nonce = post.nonce.map(|nonce| NonceUse {
            nonce,
            fingerprint: fingerprint(&post),
        });
        let author = identity.user;
        let Post { text, reply_to, .. } = post;
        if reply_to == Some(0) {
            return Err(no_such_parent());
        }
        let on = self.check_on(author, room);
        let turn = self.inner.pace.take(author, &access, Instant::now());
        let took_turn = turn.is_ok();
        let decide = move |head: &Head, rows: &Rows| {
            // Here, because the retry of what was posted already needs no turn and no decision.
            on.clone()?;
            turn.clone()?;
            // The newest message is `head.seq`; numbers are dense, so every number up to it is a message.
            if reply_to.is_some_and(|parent| parent > head.seq) {
                return Err(no_such_parent());
            }
            let answered = reply_to.and_then(|seq| rows.message(room, seq));
            let answered = answered.filter(|parent| parent.deleted.is_none() && parent.system.is_none());
            Ok(Draft::from(Fact::MessagePosted {
                author,
                text: text.clone(),
                reply_to,
                reply_to_author: answered
                    .map(|parent| parent.author)
                    .filter(|user| *user != author),
                mentions: mentions.clone(),
                system: None,
            }))
        };
        let outcome = posted(self.store().append(command, decide).await);
        self.inner.typing.ended(author, room);
        let is_new = outcome.as_ref().is_ok_and(|posted| !posted.replayed);
        if took_turn && !is_new {
            self.inner.pace.give_back(author, &access);
        }
        if let Some(posted) = outcome.as_ref().ok().filter(|posted| !posted.replayed) {
            self.look_for_absent(&access, &posted.record);
        }
        if let (Ok(posted), RoomKind::Thread { .. }) = (&outcome, access.room.kind) {
            if posted.record.seq <= TOLD_TO_PARENT {
                self.tell_of_thread(&access).await?;
            }
            // The post has made the marker. Should the server stop before this, the person's next post in the thread does it.
            self.align_following(author, room).await?;
        }
        outcome
    }

    /// Refuses who may not write in this room.
    async fn check_may_post(&self, identity: &Identity, access: &RoomAccess) -> Result<()> {
        access.require_to_post()?;
        self.check_may_reach(identity, access).await
    }

    /// Replaces the text of one's own message. The same text again changes nothing.
    pub async fn edit(&self, identity: &Identity, room: RoomId, seq: u64, text: String) -> Result<Posted> {
        let access = self.room_access(identity, room).await?;
        self.check_may_reach(identity, &access).await?;
        let text = text::normalised(text);
        check_text(&text)?;
        let user = identity.user;
        let is_so = |record: &MessageRecord| {
            record.author == user
                && record.deleted.is_none()
                && record.system.is_none()
                && record.text == text
        };
        if let Some(record) = self.store().message(room, seq).await?.filter(is_so) {
            return Ok(Posted {
                record: Arc::new(record),
                replayed: true,
            });
        }
        let mut command = self.message_command(identity, &access);
        command.rows = vec![RowKey::Message { room, seq }];
        let keeps = self.rules().keeps_edits;
        let decide = move |_: &Head, rows: &Rows| {
            let record = present(rows, room, seq)?;
            if record.author != user {
                return Err(Error::new(Code::Forbidden, "only its author may edit a message"));
            }
            if record.system.is_some() {
                let text = "what the server tells cannot be edited";
                return Err(Error::new(Code::Forbidden, text));
            }
            Ok(Draft::from(Fact::MessageEdited {
                seq,
                text: text.clone(),
                keeps,
            }))
        };
        posted(self.store().append(command, decide).await)
    }

    /// Deletes a message: one's own, or any for somebody who may moderate.
    pub async fn delete(
        &self,
        identity: &Identity,
        room: RoomId,
        seq: u64,
        reason: Option<String>,
    ) -> Result<Posted> {
        let why = Why::from(reason);
        check_reason(&why)?;
        let access = self.room_access(identity, room).await?;
        let mut command = self.message_command(identity, &access);
        command.rows = vec![RowKey::Message { room, seq }];
        let (user, may_moderate) = (
            identity.user,
            access.permissions.contains(Permissions::MANAGE_MESSAGES),
        );
        let sealed = details::of_deletion(&access.room, &why);
        let decide = move |_: &Head, rows: &Rows| {
            let record = present(rows, room, seq)?;
            if record.author != user && !may_moderate {
                return Err(Error::new(
                    Code::Forbidden,
                    "only its author or a moderator may delete a message",
                ));
            }
            let moderates = record.author != user;
            Ok(Draft {
                fact: Fact::MessageDeleted { seq, by: user },
                sealed: details::of_whose(sealed.clone().filter(|_| moderates), record.author),
            })
        };
        posted(self.store().append(command, decide).await)
    }

    /// A page of messages around `anchor`.
    pub async fn history(
        &self,
        identity: &Identity,
        room: RoomId,
        anchor: Anchor,
        limit: usize,
    ) -> Result<History> {
        if limit == 0 || limit > MAX_PAGE {
            return Err(Error::invalid(
                "limit",
                format!("a page has 1 to {MAX_PAGE} messages"),
            ));
        }
        self.room_access(identity, room).await?;
        let page = self.store().history(room, anchor, limit).await?;
        Ok(History {
            head: page.head.into(),
            messages: self.seen(identity, room, page.messages).await?,
        })
    }

    /// A page of messages around a moment.
    pub async fn history_at(
        &self,
        identity: &Identity,
        room: RoomId,
        at: Timestamp,
        limit: usize,
    ) -> Result<History> {
        self.room_access(identity, room).await?;
        let seq = self.first_at(room, at).await?;
        self.history(identity, room, Anchor::Around(seq), limit).await
    }

    /// The first message that is not older than a moment; the last one when all are. The times of a room never run
    /// backwards, so halving finds it with few reads in the longest room.
    async fn first_at(&self, room: RoomId, at: Timestamp) -> Result<u64> {
        let head = self.store().head(StreamId::Room(room)).await?;
        let (mut first, mut last) = (1, head.seq.max(1));
        while first < last {
            let middle = first + (last - first) / 2;
            let record = self.store().message(room, middle).await?;
            if record.is_some_and(|record| record.at < at) {
                first = middle + 1;
            } else {
                last = middle;
            }
        }
        Ok(first)
    }

    /// Messages of a room as somebody sees them.
    pub(super) async fn seen(
        &self,
        identity: &Identity,
        room: RoomId,
        messages: Vec<MessageRecord>,
    ) -> Result<Vec<Seen>> {
        let mine = self.own_reactions(identity, room, &messages).await?;
        let has_thread = |message: &&MessageRecord| message.has_thread;
        let with_threads: Vec<u64> = messages
            .iter()
            .filter(has_thread)
            .map(|message| message.seq)
            .collect();
        let mut threads = self.threads_on(room, &with_threads).await?.into_iter().peekable();
        let seen = messages.into_iter().zip(mine).map(|(record, mine)| Seen {
            thread: threads.next_if(|thread| thread.parent_seq == record.seq),
            record,
            mine,
        });
        Ok(seen.collect())
    }

    /// The asking user's reactions on each of these messages.
    async fn own_reactions(
        &self,
        identity: &Identity,
        room: RoomId,
        messages: &[MessageRecord],
    ) -> Result<Vec<Vec<String>>> {
        let mut mine = vec![Vec::new(); messages.len()];
        let mut keys = Vec::new();
        let mut places = Vec::new();
        for (place, message) in messages.iter().enumerate() {
            for reaction in &message.reactions {
                let emoji = reaction.emoji.clone();
                keys.push(RowKey::Reaction {
                    room,
                    seq: message.seq,
                    emoji,
                    user: identity.user,
                });
                places.push(place);
            }
        }
        for (keys, places) in keys
            .chunks(madang_storage::MAX_ROWS_PER_PAGE)
            .zip(places.chunks(madang_storage::MAX_ROWS_PER_PAGE))
        {
            let rows = self.store().rows(keys).await?;
            for ((key, place), row) in keys.iter().zip(places).zip(rows) {
                if let (RowKey::Reaction { emoji, .. }, Some(Row::Reaction(_))) = (key, row) {
                    mine[*place].push(emoji.clone());
                }
            }
        }
        Ok(mine)
    }

    /// An append to a room by this person.
    pub(super) fn message_command(&self, identity: &Identity, access: &RoomAccess) -> Command {
        Command {
            stream: StreamId::Room(access.id),
            event_id: EventId::from_u128(self.env().next_id()),
            actor: Some(identity.user),
            access_rev: access.access_rev,
            nonce: None,
            rows: Vec::new(),
        }
    }
}

/// The message with this number, if it can still be acted on.
pub(super) fn present(rows: &Rows, room: RoomId, seq: u64) -> Result<&MessageRecord> {
    let record = rows.message(room, seq).ok_or_else(Error::not_found)?;
    if record.deleted.is_some() {
        return Err(Error::new(Code::MessageDeleted, "the message was deleted"));
    }
    Ok(record)
}

/// What an append of a message tells.
pub(super) fn posted(outcome: std::result::Result<Appended, AppendError<Error>>) -> Result<Posted> {
    let appended = match outcome {
        Ok(appended) => appended,
        Err(AppendError::Refused(reason)) => return Err(reason),
        Err(AppendError::Store(error)) => return Err(error.into()),
    };
    let Some(record) = appended.commit.record.clone() else {
        tracing::error!(stream = %appended.commit.event.stream, "a message's event came without its message");
        return Err(Error::internal());
    };
    Ok(Posted {
        record,
        replayed: appended.replayed,
    })
}

fn check_text(text: &str) -> Result<()> {
    // Bytes first: counting clusters of a huge text would be work for nothing.
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::too_large(
            "text",
            format!("a message has at most {MAX_TEXT_BYTES} bytes"),
        ));
    }
    if text.graphemes(true).nth(MAX_TEXT_GRAPHEMES).is_some() {
        return Err(Error::too_large(
            "text",
            format!("a message has at most {MAX_TEXT_GRAPHEMES} characters"),
        ));
    }
    if text
        .chars()
        .any(|character| character.is_control() && !matches!(character, '\n' | '\t'))
    {
        return Err(Error::invalid(
            "text",
            "a message has no control characters but line breaks and tabs",
        ));
    }
    if text.chars().all(super::names::is_blank) {
        return Err(Error::invalid("text", "a message needs a text"));
    }
    Ok(())
}

fn no_such_parent() -> Error {
    Error::invalid(
        "reply_to",
        "the message that is answered does not exist in this room",
    )
}

/// What a retry must have in common with its first try.
fn fingerprint(post: &Post) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(post.reply_to.unwrap_or(0).to_be_bytes());
    hasher.update(post.text.as_bytes());
    let digest = hasher.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}
