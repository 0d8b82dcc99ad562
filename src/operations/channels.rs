//! Channels of a guild.

use madang_storage::model::{Permissions, Room, RoomId};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{Input, flag, id, idempotency_key, ids, number, page, text};
use super::{Answer, Call};
use crate::chat::view::{ChannelView, PermissionsView, RoomDetails};
use crate::chat::{Channels, NewChannel, Result, RoomChanges};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "channels",
        [
            Operation::new(Method::Get, "channels", "/guilds/{guild}/channels", channels)
                .about("A page of a guild's channels, in the order of their ids.")
                .takes_all(page())
                .answers::<Channels>(),
            Operation::new(Method::Post, "create_channel", "/guilds/{guild}/channels", create)
                .about("Makes a channel, all at once: a private one is so from the beginning.")
                .scope(Scope::Manage)
                .takes(text("name", "up to 64 characters"))
                .takes(text("topic", "up to 250 characters").optional())
                .takes(id("category", "the heading that it stands under").optional())
                .takes(
                    number(
                        "position",
                        "its place there: lower ones come first; without it the last",
                    )
                    .optional(),
                )
                .takes(slow_mode())
                .takes(announcement())
                .takes(
                    flag(
                        "is_private",
                        "whether only those see it who are named, whoever makes it, and administrators",
                    )
                    .optional(),
                )
                .takes(ids("roles", Room::MAX_OVERRIDES, "roles that see a private channel").optional())
                .takes(ids("users", Room::MAX_OVERRIDES, "people who see a private channel").optional())
                .takes(idempotency_key())
                .makes::<ChannelView>(),
            Operation::new(Method::Get, "room", "/rooms/{room}", room)
                .about("A room of any kind, its exceptions, and what the asking user may do in it.")
                .answers::<RoomAndRights<'static>>(),
            Operation::new(Method::Patch, "change_room", "/rooms/{room}", change)
                .about("Changes a channel; what is left out stays.")
                .scope(Scope::Manage)
                .takes(text("name", "up to 64 characters").optional())
                .takes(id("category", "the heading that it stands under").or_null())
                .takes(text("topic", "up to 250 characters").optional())
                .takes(number("position", "its place: lower ones come first").optional())
                .takes(slow_mode())
                .takes(announcement()),
            Operation::new(Method::Delete, "delete_room", "/rooms/{room}", delete)
                .about("Deletes a channel.")
                .scope(Scope::Manage)
                .takes(text("reason", "for the audit log").optional()),
        ],
    )
}

const fn slow_mode() -> Input {
    let about = "how long one waits between two posts, up to 21,600";
    number("slow_mode_seconds", about).optional()
}

const fn announcement() -> Input {
    flag("is_announcement", "whether only those may post who may announce").optional()
}

#[derive(Serialize, JsonSchema)]
struct RoomAndRights<'a> {
    id: RoomId,
    #[serde(flatten)]
    room: RoomDetails<'a>,
    /// What the asking user may do here.
    permissions: PermissionsView,
}

struct ShownRoom {
    id: RoomId,
    room: Room,
    permissions: Permissions,
}

impl Serialize for ShownRoom {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        RoomAndRights {
            id: self.id,
            room: RoomDetails::from(&self.room),
            permissions: PermissionsView(self.permissions),
        }
        .serialize(serializer)
    }
}

async fn room(mut call: Call) -> Result<Answer> {
    let id = call.id("room")?;
    let (room, permissions) = call.chat.room(&call.identity, id).await?;
    Ok(Answer::of(ShownRoom {
        id,
        room,
        permissions,
    }))
}

async fn channels(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let channels = call.chat.channels(&call.identity, guild, after, limit);
    Ok(Answer::of(channels.await?))
}

async fn create(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let once = call.once()?;
    let new = NewChannel {
        name: call.text("name")?,
        topic: call.optional_text("topic")?,
        category: call.optional_id("category")?,
        position: call.optional_number("position")?,
        slow_mode_seconds: call.optional_number("slow_mode_seconds")?,
        is_announcement: call.optional_flag("is_announcement")?.unwrap_or_default(),
        is_private: call.optional_flag("is_private")?.unwrap_or_default(),
        roles: call.optional_ids("roles")?,
        users: call.optional_ids("users")?,
    };
    let created = call.chat.create_channel(&call.identity, &once, guild, new);
    Ok(Answer::of(created.await?))
}

async fn change(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    let changes = RoomChanges {
        name: call.optional_text("name")?,
        category: call.nullable_id("category")?,
        topic: call.optional_text("topic")?,
        position: call.optional_number("position")?,
        slow_mode_seconds: call.optional_number("slow_mode_seconds")?,
        is_announcement: call.optional_flag("is_announcement")?,
    };
    let changed = call.chat.change_channel(&call.identity, room, changes);
    changed.await.map(|()| Answer::done())
}

async fn delete(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    let reason = call.optional_text("reason")?;
    let deleted = call.chat.delete_channel(&call.identity, room, reason);
    deleted.await.map(|()| Answer::done())
}
