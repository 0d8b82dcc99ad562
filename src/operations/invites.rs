//! Invites. What somebody without an account does with one is no operation: it signs in.

use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, of_noun};
use super::input::{id, number};
use super::{Answer, Call};
use crate::chat::view::{GuildView, Time};
use crate::chat::{NewInvite, Result};

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
        code: made.code,
        uses_left: made.uses_left,
        expires_at: made.expires_at,
    }))
}

async fn join(mut call: Call) -> Result<Answer> {
    let code = call.text("code")?;
    Ok(Answer::of(call.chat.join_by_invite(&call.identity, &code).await?))
}
