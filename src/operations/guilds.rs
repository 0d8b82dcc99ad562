//! Guilds: how they come to be, what they say of themselves, and who owns them.

use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{flag, id, idempotency_key, page, text};
use super::{Answer, Call};
use crate::chat::view::{GuildView, PermissionsView};
use crate::chat::{GuildChanges, OpenGuilds, Result};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "guilds",
        [
            Operation::new(Method::Get, "guilds", "/guilds", guilds)
                .about("The guilds of the asking user, in the order of their ids.")
                .answers::<Guilds>(),
            Operation::new(Method::Get, "open_guilds", "/guilds/open", open)
                .about("A page of the guilds that everybody may join, in the order of their ids.")
                .takes_all(page())
                .answers::<OpenGuilds>(),
            Operation::new(Method::Post, "create_guild", "/guilds", create)
                .about("Makes a guild with a first channel. Whoever asks owns it.")
                .takes(text("name", "up to 64 characters"))
                .takes(text("channel_name", "the name of its first channel, `general` without").optional())
                .takes(idempotency_key())
                .makes::<GuildView>(),
            Operation::new(Method::Get, "guild", "/guilds/{guild}", guild)
                .about("A guild, and what the asking user may do in it.")
                .answers::<GuildAndRights>(),
            Operation::new(Method::Patch, "change_guild", "/guilds/{guild}", change)
                .about("Changes what a guild says of itself; what is left out stays.")
                .scope(Scope::Manage)
                .takes(text("name", "up to 64 characters").optional())
                .takes(text("description", "up to 1,000 characters").optional())
                .takes(flag("is_public", "whether everybody on the instance may join").optional())
                .takes(id("welcome_room", "where the server tells who came and went").or_null())
                .answers::<GuildView>(),
            Operation::new(Method::Delete, "delete_guild", "/guilds/{guild}", delete)
                .about("Deletes a guild with all that is in it. Only its owner can, by saying its name.")
                .scope(Scope::Manage)
                .takes(text("name", "the guild's name, to confirm"))
                .takes(text("reason", "for the audit log").optional()),
            Operation::new(Method::Post, "join_guild", "/guilds/{guild}/join", join)
                .about("Joins a public guild.")
                .answers::<GuildView>(),
            Operation::new(Method::Delete, "leave_guild", "/guilds/{guild}/members/me", leave)
                .about("Leaves a guild. Its owner gives it away before."),
            Operation::new(Method::Put, "transfer_guild", "/guilds/{guild}/owner", transfer)
                .about("Gives a guild to another member. Only its owner can.")
                .scope(Scope::Manage)
                .takes(id("user", "the new owner")),
        ],
    )
}

#[derive(Serialize, JsonSchema)]
struct Guilds {
    guilds: Vec<GuildView>,
}

#[derive(Serialize, JsonSchema)]
struct GuildAndRights {
    #[serde(flatten)]
    guild: GuildView,
    /// What the asking user may do in the guild as a whole.
    permissions: PermissionsView,
}

async fn guild(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let (guild, permissions) = call.chat.guild(&call.identity, guild).await?;
    Ok(Answer::of(GuildAndRights { guild, permissions }))
}

async fn guilds(call: Call) -> Result<Answer> {
    let guilds = call.chat.guilds_of(&call.identity).await?;
    Ok(Answer::of(Guilds { guilds }))
}

async fn open(mut call: Call) -> Result<Answer> {
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let guilds = call.chat.open_guilds(&call.identity, after, limit);
    Ok(Answer::of(guilds.await?))
}

async fn create(mut call: Call) -> Result<Answer> {
    let (name, channel) = (call.text("name")?, call.optional_text("channel_name")?);
    let once = call.once()?;
    let made = call
        .chat
        .create_guild(&call.identity, &once, &name, channel.as_deref());
    Ok(Answer::of(made.await?))
}

async fn change(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let changes = GuildChanges {
        name: call.optional_text("name")?,
        description: call.optional_text("description")?,
        is_public: call.optional_flag("is_public")?,
        welcome_room: call.nullable_id("welcome_room")?,
    };
    let changed = call.chat.change_guild_details(&call.identity, guild, changes);
    Ok(Answer::of(changed.await?))
}

async fn delete(mut call: Call) -> Result<Answer> {
    let (guild, name) = (call.id("guild")?, call.text("name")?);
    let reason = call.optional_text("reason")?;
    let deleted = call.chat.delete_guild(&call.identity, guild, &name, reason);
    deleted.await.map(|()| Answer::done())
}

async fn join(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    Ok(Answer::of(
        call.chat.join_public_guild(&call.identity, guild).await?,
    ))
}

async fn leave(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    call.chat.leave_guild(&call.identity, guild).await?;
    Ok(Answer::done())
}

async fn transfer(mut call: Call) -> Result<Answer> {
    let (guild, user) = (call.id("guild")?, call.id("user")?);
    call.chat.transfer_guild(&call.identity, guild, user).await?;
    Ok(Answer::done())
}
