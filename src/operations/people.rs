//! People, as each other see them.

use std::collections::HashSet;

use madang_storage::model::UserId;
use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, of_noun};
use super::input::{colour, ids, text};
use super::{Answer, Call};
use crate::chat::view::UserView;
use crate::chat::{MAX_USERS, Me, Profile, ProfileChanges, Result};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "people",
        [
            Operation::new(Method::Get, "me", "/me", me)
                .about("Who asks.")
                .answers::<Me>(),
            Operation::new(Method::Get, "users", "/users", users)
                .about("Users by their ids. Each is answered once; those whom the asker does not know are left out.")
                .takes(ids("ids", MAX_USERS, "whom"))
                .answers::<Users>(),
            Operation::new(Method::Get, "profile", "/users/{user}", profile)
                .about("What somebody says of itself, for those who share a guild or a conversation with the person.")
                .answers::<Profile>(),
            Operation::new(Method::Patch, "change_profile", "/me", change_profile)
                .about("Changes what the asking person says of itself; what is left out stays.")
                .takes(text("display_name", "up to 64 characters; an empty one takes it back").optional())
                .takes(text("bio", "up to 500 characters").optional())
                .takes(colour("colour"))
                .answers::<Profile>(),
        ],
    )
}

#[derive(Serialize, JsonSchema)]
struct Users {
    users: Vec<UserView>,
}

async fn me(call: Call) -> Result<Answer> {
    Ok(Answer::of(call.chat.me(&call.identity).await?))
}

async fn users(mut call: Call) -> Result<Answer> {
    let mut ids: Vec<UserId> = call.ids("ids")?;
    // Whoever is named again was answered already.
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let users = call.chat.users(&call.identity, &ids).await?;
    Ok(Answer::of(Users { users }))
}

async fn profile(mut call: Call) -> Result<Answer> {
    let user = call.id("user")?;
    Ok(Answer::of(call.chat.profile(&call.identity, user).await?))
}

async fn change_profile(mut call: Call) -> Result<Answer> {
    let changes = ProfileChanges {
        display_name: call.optional_text("display_name")?,
        bio: call.optional_text("bio")?,
        colour: call.nullable_colour("colour")?,
    };
    let changed = call.chat.change_profile(&call.identity, changes);
    Ok(Answer::of(changed.await?))
}
