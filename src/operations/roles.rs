//! Roles of a guild, and exceptions from them in its channels.

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{Input, colour, flag, idempotency_key, number, text, texts};
use super::{Answer, Call};
use crate::chat::view::RoleView;
use crate::chat::{Exception, Result, RoleChanges, Roles};

/// More rights than there are.
const MAX_PERMISSIONS: usize = 64;

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "roles",
        [
            Operation::new(Method::Get, "roles", "/guilds/{guild}/roles", roles)
                .about("The roles of a guild, the highest first.")
                .answers::<Roles>(),
            Operation::new(Method::Post, "create_role", "/guilds/{guild}/roles", create)
                .about("Makes a role.")
                .scope(Scope::Manage)
                .takes(text("name", "up to 64 characters"))
                .takes_all(about_a_role())
                .takes(idempotency_key())
                .makes::<RoleView>(),
            Operation::new(Method::Patch, "change_role", "/guilds/{guild}/roles/{role}", change)
                .about("Changes a role; what is left out stays.")
                .scope(Scope::Manage)
                .takes(text("name", "up to 64 characters").optional())
                .takes_all(about_a_role())
                .answers::<RoleView>(),
            Operation::new(Method::Delete, "delete_role", "/guilds/{guild}/roles/{role}", delete)
                .about("Deletes a role. Members that had it have it no more.")
                .scope(Scope::Manage),
            Operation::new(
                Method::Put,
                "override_role",
                "/rooms/{room}/overrides/roles/{role}",
                override_role,
            )
            .about("Makes an exception in a channel for all who have a role. Without any right the exception goes.")
            .scope(Scope::Manage)
            .takes_all(rights()),
            Operation::new(
                Method::Put,
                "override_user",
                "/rooms/{room}/overrides/users/{user}",
                override_user,
            )
            .about("Makes an exception in a channel for one member. Without any right the exception goes.")
            .scope(Scope::Manage)
            .takes_all(rights()),
        ],
    )
}

fn about_a_role() -> [Input; 4] {
    [
        texts("permissions", MAX_PERMISSIONS, "what it allows, by name").optional(),
        number("position", "a higher one stands above a lower one").optional(),
        colour("colour"),
        flag("is_mentionable", "whether every member may mention it").optional(),
    ]
}

fn rights() -> [Input; 2] {
    [
        texts("allow", MAX_PERMISSIONS, "rights that are given, by name").optional(),
        texts("deny", MAX_PERMISSIONS, "rights that are taken, by name").optional(),
    ]
}

async fn roles(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    Ok(Answer::of(call.chat.roles(&call.identity, guild).await?))
}

async fn create(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let once = call.once()?;
    let changes = changes(&mut call)?;
    let created = call.chat.create_role(&call.identity, &once, guild, changes);
    Ok(Answer::of(created.await?))
}

async fn change(mut call: Call) -> Result<Answer> {
    let (guild, role) = (call.id("guild")?, call.id("role")?);
    let changes = changes(&mut call)?;
    let changed = call.chat.change_role(&call.identity, guild, role, changes);
    Ok(Answer::of(changed.await?))
}

fn changes(call: &mut Call) -> Result<RoleChanges> {
    Ok(RoleChanges {
        name: call.optional_text("name")?,
        permissions: call.optional_texts("permissions")?,
        position: call.optional_number("position")?,
        colour: call.nullable_colour("colour")?,
        is_mentionable: call.optional_flag("is_mentionable")?,
    })
}

async fn delete(mut call: Call) -> Result<Answer> {
    let (guild, role) = (call.id("guild")?, call.id("role")?);
    let deleted = call.chat.delete_role(&call.identity, guild, role);
    deleted.await.map(|()| Answer::done())
}

async fn override_role(mut call: Call) -> Result<Answer> {
    let exception = Exception::Role(call.id("role")?);
    set_override(call, exception).await
}

async fn override_user(mut call: Call) -> Result<Answer> {
    let exception = Exception::User(call.id("user")?);
    set_override(call, exception).await
}

async fn set_override(mut call: Call, exception: Exception) -> Result<Answer> {
    let room = call.id("room")?;
    let allow = call.optional_texts("allow")?.unwrap_or_default();
    let deny = call.optional_texts("deny")?.unwrap_or_default();
    let set = call
        .chat
        .set_override(&call.identity, room, exception, &allow, &deny);
    set.await.map(|()| Answer::done())
}
