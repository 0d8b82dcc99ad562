//! Who is there, and what people say of themselves.

use std::collections::HashSet;

use madang_storage::model::UserId;
use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, of_noun};
use super::input::{flag, ids, number, text};
use super::{Answer, Call};
use crate::chat::view::PresenceView;
use crate::chat::{MAX_WATCHED, NewCustom, OwnPresence, Result, RoomPresence};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "presence",
        [
            Operation::new(Method::Get, "own_presence", "/me/presence", own)
                .about("How one is seen, and where one was last. Only for one's own eyes.")
                .answers::<OwnPresence>(),
            Operation::new(Method::Put, "set_status", "/me/presence", set_status)
                .about("Chooses how to be seen on all sessions. It stays so until something else is chosen.")
                .takes(text("status", "online, idle, do_not_disturb or invisible")),
            Operation::new(Method::Put, "set_custom_status", "/me/custom-status", set_custom)
                .about("Sets a few words to be seen with, an emoji, or both.")
                .takes(text("text", "up to 100 characters").optional())
                .takes(text("emoji", "one emoji of Unicode").optional())
                .takes(
                    number(
                        "expires_in_seconds",
                        "how long they are meant, up to 1,209,600; else until something else is set",
                    )
                    .optional(),
                ),
            Operation::new(
                Method::Delete,
                "clear_custom_status",
                "/me/custom-status",
                clear_custom,
            )
            .about("Takes the words back."),
            Operation::new(Method::Get, "presence", "/presence", presence)
                .about("How some people are seen. Those whom the asker does not know are left out.")
                .takes(ids("ids", MAX_WATCHED, "whom"))
                .answers::<Presences>(),
            Operation::new(Method::Get, "room_presence", "/rooms/{room}/presence", of_room)
                .about(
                    "The members of a DM or group, or up to 100 of those who look at another room, and who of them is on.",
                )
                .answers::<RoomPresence>(),
            Operation::new(Method::Put, "switch", "/rooms/{room}/presence/me", switch)
                .about("Switches oneself on or off in a room. Whoever is off does not post there. Off lasts two weeks.")
                .takes(flag("on", "whether to be on")),
        ],
    )
}

#[derive(Serialize, JsonSchema)]
struct Presences {
    users: Vec<PresenceView>,
}

async fn own(call: Call) -> Result<Answer> {
    Ok(Answer::of(call.chat.own_presence(&call.identity).await?))
}

async fn set_status(mut call: Call) -> Result<Answer> {
    let status = call.text("status")?;
    call.chat.set_status(&call.identity, &status).await?;
    Ok(Answer::done())
}

async fn set_custom(mut call: Call) -> Result<Answer> {
    let custom = NewCustom {
        text: call.optional_text("text")?.unwrap_or_default(),
        emoji: call.optional_text("emoji")?,
        expires_in_seconds: call.optional_number("expires_in_seconds")?,
    };
    call.chat.set_custom_status(&call.identity, Some(custom)).await?;
    Ok(Answer::done())
}

async fn clear_custom(call: Call) -> Result<Answer> {
    call.chat.set_custom_status(&call.identity, None).await?;
    Ok(Answer::done())
}

async fn presence(mut call: Call) -> Result<Answer> {
    let mut ids: Vec<UserId> = call.ids("ids")?;
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let users = call.chat.presence_of(&call.identity, &ids).await?;
    Ok(Answer::of(Presences { users }))
}

async fn of_room(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    Ok(Answer::of(call.chat.room_presence(&call.identity, room).await?))
}

async fn switch(mut call: Call) -> Result<Answer> {
    let (room, on) = (call.id("room")?, call.flag("on")?);
    call.chat.switch(&call.identity, room, on).await?;
    Ok(Answer::done())
}
