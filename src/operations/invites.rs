//! Invites. What somebody without an account does with one is no operation: it signs in.

use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{id, number, page, text};
use super::{Answer, Call};
use crate::chat::view::{GuildView, Time};
use crate::chat::{Arrivals, Invites, NewInvite, Result};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "invites",
        [
            Operation::new(Method::Post, "create_invite", "/invites", create)
                .about("Makes an invite into a guild. Its code cannot be read again.")
                .takes(id("guild", "where it leads"))
                .takes(number("max_uses", "1 to 1,000; without it as often as one likes").optional())
                .takes(number("expires_in_seconds", "up to a year; without it seven days").optional())
                .makes::<Made>(),
            Operation::new(Method::Get, "invites", "/guilds/{guild}/invites", invites)
                .about("A page of a guild's living invites: all for those who manage them, else one's own.")
                .scope(Scope::Manage)
                .takes(text("after", "what the page before has answered as next").optional())
                .takes(number("limit", "how many entries, 1 to 500, else 100").optional())
                .answers::<Invites>(),
            Operation::new(
                Method::Delete,
                "revoke_invite",
                "/guilds/{guild}/invites/{invite}",
                revoke,
            )
            .about("Takes an invite back: one's own, or any for those who manage them.")
            .scope(Scope::Manage),
            Operation::new(Method::Get, "arrivals", "/guilds/{guild}/arrivals", arrivals)
                .about(
                    "A page of the members who came by an invite, in the order of their ids, and by which.",
                )
                .scope(Scope::Manage)
                .takes_all(page())
                .answers::<Arrivals>(),
            Operation::new(Method::Post, "join_by_invite", "/invites/{code}/join", join)
                .about("Joins the guild of an invite, for somebody who has an account.")
                .answers::<GuildView>(),
        ],
    )
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MadeInvite")]
struct Made {
    /// The link that lets people in.
    url: String,
    /// By what it is found in lists.
    id: String,
    code: String,
    uses_left: Option<u64>,
    expires_at: Time,
}

async fn create(mut call: Call) -> Result<Answer> {
    let new = NewInvite {
        guild: call.id("guild")?,
        max_uses: call.optional_number("max_uses")?,
        expires_in_seconds: call.optional_number("expires_in_seconds")?,
    };
    let made = call.chat.create_invite(&call.identity, new).await?;
    Ok(Answer::of(Made {
        url: format!("{}/invite/{}", call.own_url, made.code),
        id: made.id,
        code: made.code,
        uses_left: made.uses_left,
        expires_at: made.expires_at,
    }))
}

async fn invites(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let (after, limit) = (call.optional_text("after")?, call.optional_number("limit")?);
    let invites = call.chat.invites(&call.identity, guild, after.as_deref(), limit);
    Ok(Answer::of(invites.await?))
}

async fn revoke(mut call: Call) -> Result<Answer> {
    let (guild, invite) = (call.id("guild")?, call.id("invite")?);
    let revoked = call.chat.revoke_invite(&call.identity, guild, invite);
    revoked.await.map(|()| Answer::done())
}

async fn arrivals(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let arrivals = call.chat.arrivals(&call.identity, guild, after, limit);
    Ok(Answer::of(arrivals.await?))
}

async fn join(mut call: Call) -> Result<Answer> {
    let code = call.text("code")?;
    Ok(Answer::of(call.chat.join_by_invite(&call.identity, &code).await?))
}
