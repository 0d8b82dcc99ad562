//! DMs and groups.

use super::describe::{Method, Operation, of_noun};
use super::input::{idempotency_key, ids, page, text};
use super::{Answer, Call};
use crate::chat::view::ConversationView;
use crate::chat::{Conversations, MAX_GROUP_MEMBERS, Result};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "conversations",
        [
            Operation::new(Method::Get, "conversations", "/conversations", conversations)
                .about("A page of the asking user's DMs and groups, the one with the newest event first.")
                .takes_all(page())
                .answers::<Conversations>(),
            Operation::new(Method::Get, "conversation", "/conversations/{room}", conversation)
                .about("A DM or group.")
                .answers::<ConversationView>(),
            Operation::new(Method::Put, "open_dm", "/dms/{user}", open_dm)
                .about("Begins a DM with somebody, or finds the one that there is.")
                .answers::<ConversationView>(),
            Operation::new(Method::Post, "create_group", "/groups", create_group)
                .about("Begins a group. Whoever asks owns it, and is in it without being named.")
                .takes(ids("users", MAX_GROUP_MEMBERS, "who else is in it"))
                .takes(text("name", "up to 64 characters").optional())
                .takes(idempotency_key())
                .makes::<ConversationView>(),
            Operation::new(Method::Patch, "rename_group", "/groups/{room}", rename)
                .about("Gives a group another name. Whoever is in it may do that.")
                .takes(text("name", "up to 64 characters; an empty one takes it back")),
            Operation::new(Method::Put, "add_to_group", "/groups/{room}/members/{user}", add)
                .about("Takes somebody into a group. Whoever is in it may do that."),
            Operation::new(Method::Delete, "leave_group", "/groups/{room}/members/me", leave)
                .about("Leaves a group. An owner is followed by somebody else who is in it."),
            Operation::new(
                Method::Delete,
                "remove_from_group",
                "/groups/{room}/members/{user}",
                remove,
            )
            .about("Sends somebody away from a group. Only its owner can."),
        ],
    )
}

async fn conversations(mut call: Call) -> Result<Answer> {
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let conversations = call.chat.conversations(&call.identity, after, limit);
    Ok(Answer::of(conversations.await?))
}

async fn conversation(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    Ok(Answer::of(call.chat.conversation(&call.identity, room).await?))
}

async fn open_dm(mut call: Call) -> Result<Answer> {
    let user = call.id("user")?;
    Ok(Answer::of(call.chat.open_dm(&call.identity, user).await?))
}

async fn create_group(mut call: Call) -> Result<Answer> {
    let once = call.once()?;
    let (name, users) = (call.optional_text("name")?, call.ids("users")?);
    let created = call
        .chat
        .create_group(&call.identity, &once, name.as_deref(), &users);
    Ok(Answer::of(created.await?))
}

async fn rename(mut call: Call) -> Result<Answer> {
    let (room, name) = (call.id("room")?, call.text("name")?);
    let renamed = call.chat.rename_group(&call.identity, room, &name);
    renamed.await.map(|()| Answer::done())
}

async fn add(mut call: Call) -> Result<Answer> {
    let (room, user) = (call.id("room")?, call.id("user")?);
    let added = call.chat.add_to_group(&call.identity, room, user);
    added.await.map(|()| Answer::done())
}

async fn leave(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    let left = call
        .chat
        .remove_from_group(&call.identity, room, call.identity.user);
    left.await.map(|()| Answer::done())
}

async fn remove(mut call: Call) -> Result<Answer> {
    let (room, user) = (call.id("room")?, call.id("user")?);
    let removed = call.chat.remove_from_group(&call.identity, room, user);
    removed.await.map(|()| Answer::done())
}
