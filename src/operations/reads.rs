//! What somebody has read, what calls them, and of what they want to be told.

use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, of_noun};
use super::input::{Input, id, number, text};
use super::{Answer, Call};
use crate::chat::view::MarkerView;
use crate::chat::{InboxView, Level, Place, Read, Result, WishView};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "reads",
        [
            Operation::new(Method::Put, "mark", "/rooms/{room}/marker", mark)
                .about("Moves one's own read marker forward.")
                .takes(number("seq", "the newest message that was read"))
                .answers::<Marked>(),
            Operation::new(Method::Put, "mark_unread", "/rooms/{room}/messages/{seq}/unread", mark_unread)
                .about("Moves one's own read marker back: this message and all after it are unread.")
                .answers::<Marked>(),
            Operation::new(Method::Post, "mark_all_read", "/me/read", mark_all_read)
                .about("Moves one's own markers to the ends of all channels of a guild, or of all DMs and groups.")
                .takes(id("guild", "without it DMs and groups").optional())
                .answers::<AllMarked>(),
            Operation::new(Method::Get, "inbox", "/me/inbox", inbox)
                .about("Messages that mention the asking user or answer one of theirs, the newest first.")
                .takes(text("after", "what the page before called `next`").optional())
                .takes(number("limit", "how many entries, 1 to 100, else 50").optional())
                .answers::<InboxView<'static>>(),
            Operation::new(Method::Get, "notifications", "/me/notifications", notifications)
                .about("Of what the asking user wants to be told, where it is not as usual.")
                .answers::<Wishes>(),
            Operation::new(
                Method::Patch,
                "set_room_notifications",
                "/me/notifications/rooms/{room}",
                set_for_room,
            )
            .about("Says of what to be told in a room; what is left out stays.")
            .takes_all(about_a_wish())
            .answers::<WishView>(),
            Operation::new(
                Method::Patch,
                "set_guild_notifications",
                "/me/notifications/guilds/{guild}",
                set_for_guild,
            )
            .about("Says of what to be told in a guild; what is left out stays.")
            .takes_all(about_a_wish())
            .answers::<WishView>(),
        ],
    )
}

fn about_a_wish() -> [Input; 2] {
    [
        text("level", "`all`, `mentions`, `nothing`, or `default`").optional(),
        number(
            "muted_seconds",
            "for how long to tell nothing, up to a year; 0 ends it",
        )
        .optional(),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Marked {
    marker: MarkerView,
    /// How many messages are unread; exact up to 99, 100 stands for more.
    unread: u64,
}

#[derive(Serialize, JsonSchema)]
struct AllMarked {
    /// How many rooms had something unread.
    rooms: u64,
}

#[derive(Serialize, JsonSchema)]
struct Wishes {
    notifications: Vec<WishView>,
}

fn marked(read: Read) -> Answer {
    Answer::of(Marked {
        marker: read.marker,
        unread: read.unread,
    })
}

async fn mark(mut call: Call) -> Result<Answer> {
    let (room, seq) = (call.id("room")?, call.number("seq")?);
    Ok(marked(call.chat.mark(&call.identity, room, seq).await?))
}

async fn mark_unread(mut call: Call) -> Result<Answer> {
    let (room, seq) = (call.id("room")?, call.number("seq")?);
    Ok(marked(call.chat.mark_unread(&call.identity, room, seq).await?))
}

async fn mark_all_read(mut call: Call) -> Result<Answer> {
    let guild = call.optional_id("guild")?;
    let rooms = call.chat.mark_all_read(&call.identity, guild).await?;
    Ok(Answer::of(AllMarked { rooms }))
}

async fn inbox(mut call: Call) -> Result<Answer> {
    let (after, limit) = (call.optional_text("after")?, call.optional_number("limit")?);
    let inbox = call.chat.inbox(&call.identity, after.as_deref(), limit);
    Ok(Answer::of(inbox.await?))
}

async fn notifications(call: Call) -> Result<Answer> {
    let notifications = call.chat.wishes(&call.identity).await?;
    Ok(Answer::of(Wishes { notifications }))
}

async fn set_for_room(mut call: Call) -> Result<Answer> {
    let place = Place::Room(call.id("room")?);
    set(call, place).await
}

async fn set_for_guild(mut call: Call) -> Result<Answer> {
    let place = Place::Guild(call.id("guild")?);
    set(call, place).await
}

async fn set(mut call: Call, place: Place) -> Result<Answer> {
    let level = call
        .optional_text("level")?
        .as_deref()
        .map(Level::named)
        .transpose()?;
    let muted_seconds = call.optional_number("muted_seconds")?;
    let wish = call.chat.wish(&call.identity, place, level, muted_seconds);
    Ok(Answer::of(wish.await?))
}
