//! Messages of a room: history, posting, editing, deleting, reactions, pins, typing.

use std::sync::Arc;

use madang_storage::Anchor;
use madang_storage::model::{MessageRecord, RoomId};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::describe::{Method, Operation, of_noun};
use super::input::{Input, flag, id, number, page, text};
use super::{Answer, Call};
use crate::chat::view::{HeadView, MessageView, Time, UserView};
use crate::chat::{DEFAULT_PAGE, Error, History, Post, Posted, Result, Revisions, Seen, list_limit};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "messages",
        [
            Operation::new(Method::Get, "history", "/rooms/{room}/messages", history)
                .about("A page of a room's messages, ascending, without a place the newest ones.")
                .takes(number("before", "messages before this one").optional())
                .takes(number("after", "messages after this one").optional())
                .takes(number("around", "this message, and those before and after it").optional())
                .takes(text("at", "a moment as in RFC 3339: messages around it").optional())
                .takes(number("limit", "how many messages, 1 to 200, else 50").optional())
                .answers::<Page<'static>>(),
            Operation::new(Method::Post, "post", "/rooms/{room}/messages", post)
                .about(
                    "Posts a message. Answers 200 for one that an earlier request with the nonce has posted.",
                )
                .takes_all(about_a_post())
                .makes::<Message<'static>>()
                .once(),
            Operation::new(Method::Patch, "edit", "/rooms/{room}/messages/{seq}", edit)
                .about("Replaces the text of one's own message.")
                .takes(text("text", "Markdown source, up to 4,000 characters and 16 KiB"))
                .answers::<Message<'static>>(),
            Operation::new(Method::Delete, "delete", "/rooms/{room}/messages/{seq}", delete)
                .about("Deletes a message: one's own, or any for somebody who may. A tombstone stays.")
                .takes(text("reason", "why somebody else's is deleted, for the audit log").optional())
                .answers::<Message<'static>>(),
            Operation::new(
                Method::Get,
                "revisions",
                "/rooms/{room}/messages/{seq}/revisions",
                revisions,
            )
            .about("What a message has said, the oldest text first, for its author and for those who may delete it.")
            .answers::<Revisions>(),
            Operation::new(
                Method::Put,
                "react",
                "/rooms/{room}/messages/{seq}/reactions/{emoji}",
                react,
            )
            .about("Puts a reaction on a message.")
            .takes(flag("on", "false takes it back").optional())
            .answers::<Message<'static>>(),
            Operation::new(
                Method::Delete,
                "take_back_reaction",
                "/rooms/{room}/messages/{seq}/reactions/{emoji}",
                take_back,
            )
            .about("Takes a reaction back.")
            .answers::<Message<'static>>(),
            Operation::new(
                Method::Get,
                "reactors",
                "/rooms/{room}/messages/{seq}/reactions/{emoji}",
                reactors,
            )
            .about("A page of those who reacted with an emoji, in the order of their ids.")
            .takes_all(page())
            .answers::<Reactors>(),
            Operation::new(Method::Put, "pin", "/rooms/{room}/pins/{seq}", pin)
                .about("Pins a message. A room has at most 50 pinned ones.")
                .answers::<Message<'static>>(),
            Operation::new(Method::Delete, "unpin", "/rooms/{room}/pins/{seq}", unpin)
                .about("Pins a message no more.")
                .answers::<Message<'static>>(),
            Operation::new(Method::Get, "pins", "/rooms/{room}/pins", pins)
                .about("The pinned messages of a room, ascending.")
                .answers::<Pins<'static>>(),
            Operation::new(Method::Post, "typing", "/rooms/{room}/typing", typing)
                .about("Tells those who look at the room that one types in it."),
        ],
    )
}

/// What every post takes.
pub(super) fn about_a_post() -> [Input; 3] {
    [
        text("text", "Markdown source, up to 4,000 characters and 16 KiB"),
        number("reply_to", "the message that it answers").optional(),
        id(
            "nonce",
            "a ULID of the client's own; with it a retry posts nothing twice",
        )
        .optional(),
    ]
}

/// A message as an answer has it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MessageAnswer")]
pub(super) struct Message<'a> {
    message: MessageView<'a>,
    /// Whether an earlier request with the same nonce posted it. Only in answers to `post`.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
}

/// A page of messages as an answer has it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "History")]
struct Page<'a> {
    head: HeadView,
    messages: Vec<MessageView<'a>>,
}

/// A message that is shown when it is encoded: until then it is shared, not copied.
struct Shown {
    room: RoomId,
    record: Arc<MessageRecord>,
    replayed: Option<bool>,
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let message = MessageView::new(self.room, &self.record);
        let replayed = self.replayed;
        Message { message, replayed }.serialize(serializer)
    }
}

/// A page likewise.
struct ShownPage {
    room: RoomId,
    page: History,
}

impl Serialize for ShownPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Page {
            head: self.page.head,
            messages: self
                .page
                .messages
                .iter()
                .map(|seen| view(self.room, seen))
                .collect(),
        }
        .serialize(serializer)
    }
}

fn view(room: RoomId, seen: &Seen) -> MessageView<'_> {
    MessageView {
        mine: Some(seen.mine.clone()),
        thread: seen.thread.clone(),
        ..MessageView::new(room, &seen.record)
    }
}

#[derive(Serialize, JsonSchema)]
struct Reactors {
    users: Vec<UserView>,
    more: bool,
}

#[derive(Serialize, JsonSchema)]
struct Pins<'a> {
    messages: Vec<MessageView<'a>>,
}

struct ShownPins {
    room: RoomId,
    messages: Vec<Seen>,
}

impl Serialize for ShownPins {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let messages = self.messages.iter().map(|seen| view(self.room, seen)).collect();
        Pins { messages }.serialize(serializer)
    }
}

fn shown(room: RoomId, posted: Posted) -> Answer {
    Answer::of(Shown {
        room,
        record: posted.record,
        replayed: None,
    })
}

async fn history(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    let anchors = [
        call.optional_number("before")?.map(Anchor::Before),
        call.optional_number("after")?.map(Anchor::After),
        call.optional_number("around")?.map(Anchor::Around),
    ];
    let limit = call.optional_number("limit")?;
    let at = call.optional_text("at")?;
    let at = at.map(|at| Time::read(&at, "at")).transpose()?;
    let mut given = anchors.into_iter().flatten();
    let anchor = given.next().unwrap_or(Anchor::Latest);
    if given.next().is_some() || (anchor != Anchor::Latest && at.is_some()) {
        return Err(Error::invalid(
            "before",
            "only one of before, after, around and at can be given",
        ));
    }
    let limit = limit.map_or(DEFAULT_PAGE, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let page = match at {
        Some(Time(at)) => call.chat.history_at(&call.identity, room, at, limit).await?,
        None => call.chat.history(&call.identity, room, anchor, limit).await?,
    };
    Ok(Answer::of(ShownPage { room, page }))
}

async fn post(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    let post = post_of(&mut call)?;
    let posted = call.chat.post(&call.identity, room, post).await?;
    Ok(just_posted(room, posted))
}

/// What a request wants to post.
pub(super) fn post_of(call: &mut Call) -> Result<Post> {
    Ok(Post {
        text: call.text("text")?,
        reply_to: call.optional_number("reply_to")?,
        nonce: call.optional_id("nonce")?,
    })
}

/// The answer to a post.
pub(super) fn just_posted(room: RoomId, posted: Posted) -> Answer {
    let status = if posted.replayed { 200 } else { 201 };
    let shown = Shown {
        room,
        record: posted.record,
        replayed: Some(posted.replayed),
    };
    Answer::of(shown).with_status(status)
}

async fn edit(mut call: Call) -> Result<Answer> {
    let (room, seq, text) = (call.id("room")?, call.number("seq")?, call.text("text")?);
    let edited = call.chat.edit(&call.identity, room, seq, text).await?;
    Ok(shown(room, edited))
}

async fn delete(mut call: Call) -> Result<Answer> {
    let (room, seq) = (call.id("room")?, call.number("seq")?);
    let reason = call.optional_text("reason")?;
    let deleted = call.chat.delete(&call.identity, room, seq, reason).await?;
    Ok(shown(room, deleted))
}

async fn revisions(mut call: Call) -> Result<Answer> {
    let (room, seq) = (call.id("room")?, call.number("seq")?);
    Ok(Answer::of(call.chat.revisions(&call.identity, room, seq).await?))
}

async fn react(mut call: Call) -> Result<Answer> {
    let on = call.optional_flag("on")?.unwrap_or(true);
    set_reaction(call, on).await
}

async fn take_back(call: Call) -> Result<Answer> {
    set_reaction(call, false).await
}

async fn set_reaction(mut call: Call, on: bool) -> Result<Answer> {
    let (room, seq, emoji) = (call.id("room")?, call.number("seq")?, call.text("emoji")?);
    let reacted = call.chat.react(&call.identity, room, seq, &emoji, on).await?;
    Ok(shown(room, reacted))
}

async fn reactors(mut call: Call) -> Result<Answer> {
    let (room, seq, emoji) = (call.id("room")?, call.number("seq")?, call.text("emoji")?);
    let after = call.optional_id("after")?;
    let limit = list_limit(call.optional_number("limit")?)?;
    let people = call
        .chat
        .reactors(&call.identity, room, seq, &emoji, after, limit)
        .await?;
    Ok(Answer::of(Reactors {
        users: people.users,
        more: people.more,
    }))
}

async fn pin(call: Call) -> Result<Answer> {
    set_pin(call, true).await
}

async fn unpin(call: Call) -> Result<Answer> {
    set_pin(call, false).await
}

async fn set_pin(mut call: Call, on: bool) -> Result<Answer> {
    let (room, seq) = (call.id("room")?, call.number("seq")?);
    let pinned = call.chat.pin(&call.identity, room, seq, on).await?;
    Ok(shown(room, pinned))
}

async fn pins(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    let messages = call.chat.pins(&call.identity, room).await?;
    Ok(Answer::of(ShownPins { room, messages }))
}

async fn typing(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    call.chat.typing(&call.identity, room).await?;
    Ok(Answer::done())
}
