//! The audit of a guild, and of the instance.

use madang_storage::model::GuildId;

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{Input, id, number, text};
use super::{Answer, Call};
use crate::chat::{AuditFilter, AuditPage, Result};
use crate::fields::Fields;

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "audit",
        [
            Operation::new(Method::Get, "audit", "/guilds/{guild}/audit", of_guild)
                .about("Who did what in a guild, when and why, the newest first.")
                .scope(Scope::Manage)
                .takes_all(filters())
                .takes_all(place())
                .answers::<AuditPage>(),
            Operation::new(Method::Get, "instance_audit", "/instance/audit", of_instance)
                .about("What was done to the instance as a whole, the newest first, for its administrators.")
                .scope(Scope::Admin)
                .takes_all(filters())
                .takes_all(place())
                .answers::<AuditPage>(),
        ],
    )
}

/// What can be looked for.
pub(super) fn filters() -> [Input; 5] {
    [
        id("actor", "only what this user did").optional(),
        text("kind", "only this kind, like role.changed").optional(),
        id(
            "target",
            "only what was done to this user, role, category, room or invite",
        )
        .optional(),
        text("from", "not before this time").optional(),
        text("to", "not after this time").optional(),
    ]
}

fn place() -> [Input; 2] {
    [
        text("after", "what the page before has answered as next").optional(),
        number("limit", "how many entries, 1 to 100, else 100").optional(),
    ]
}

/// Reads what is looked for.
pub fn filter_of(fields: &mut Fields) -> Result<AuditFilter> {
    Ok(AuditFilter {
        actor: fields.optional_id("actor")?,
        kind: fields.optional_text("kind")?,
        target: fields.optional_id("target")?,
        from: fields.optional_text("from")?,
        to: fields.optional_text("to")?,
    })
}

async fn of_guild(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    page(call, Some(guild)).await
}

async fn of_instance(call: Call) -> Result<Answer> {
    page(call, None).await
}

async fn page(mut call: Call, guild: Option<GuildId>) -> Result<Answer> {
    let filter = filter_of(&mut call.fields)?;
    let (after, limit) = (call.optional_text("after")?, call.optional_number("limit")?);
    let page = call
        .chat
        .audit(&call.identity, guild, &filter, after.as_deref(), limit);
    Ok(Answer::of(page.await?))
}
