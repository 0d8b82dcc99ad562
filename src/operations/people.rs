//! People, as each other see them.

use std::collections::HashSet;

use madang_storage::model::UserId;
use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, of_noun};
use super::input::ids;
use super::{Answer, Call};
use crate::chat::view::UserView;
use crate::chat::{MAX_USERS, Me, Result};

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
