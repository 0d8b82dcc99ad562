//! Whom a person follows, and of whom a person wants nothing.

use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, of_noun};
use super::input::page;
use super::{Answer, Call};
use crate::chat::view::UserView;
use crate::chat::{People, Result};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "relations",
        [
            Operation::new(Method::Get, "followed", "/me/follows", followed)
                .about("A page of those whom the asking person follows, in the order of their ids.")
                .takes_all(page())
                .answers::<Listed>(),
            Operation::new(Method::Get, "followers", "/me/followers", followers)
                .about("A page of those who follow the asking person, in the order of their ids.")
                .takes_all(page())
                .answers::<Listed>(),
            Operation::new(Method::Put, "follow", "/me/follows/{user}", follow)
                .about("Follows somebody. At most 1,000."),
            Operation::new(Method::Delete, "unfollow", "/me/follows/{user}", unfollow)
                .about("Follows somebody no more."),
            Operation::new(Method::Get, "blocked", "/me/blocks", blocked)
                .about("A page of those whom the asking person has blocked, in the order of their ids.")
                .takes_all(page())
                .answers::<Listed>(),
            Operation::new(Method::Put, "block", "/me/blocks/{user}", block)
                .about("Blocks somebody, who is not told. At most 1,000."),
            Operation::new(Method::Delete, "unblock", "/me/blocks/{user}", unblock)
                .about("Blocks somebody no more."),
        ],
    )
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    users: Vec<UserView>,
    /// Whether there are more.
    more: bool,
}

fn answer(people: People) -> Answer {
    Answer::of(Listed {
        users: people.users,
        more: people.more,
    })
}

async fn followed(mut call: Call) -> Result<Answer> {
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let people = call.chat.followed(&call.identity, after, limit);
    people.await.map(answer)
}

async fn followers(mut call: Call) -> Result<Answer> {
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let people = call.chat.followers(&call.identity, after, limit);
    people.await.map(answer)
}

async fn blocked(mut call: Call) -> Result<Answer> {
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let people = call.chat.blocked(&call.identity, after, limit);
    people.await.map(answer)
}

async fn follow(call: Call) -> Result<Answer> {
    set_follow(call, true).await
}

async fn unfollow(call: Call) -> Result<Answer> {
    set_follow(call, false).await
}

async fn set_follow(mut call: Call, on: bool) -> Result<Answer> {
    let user = call.id("user")?;
    call.chat.follow(&call.identity, user, on).await?;
    Ok(Answer::done())
}

async fn block(call: Call) -> Result<Answer> {
    set_block(call, true).await
}

async fn unblock(call: Call) -> Result<Answer> {
    set_block(call, false).await
}

async fn set_block(mut call: Call, on: bool) -> Result<Answer> {
    let user = call.id("user")?;
    call.chat.block(&call.identity, user, on).await?;
    Ok(Answer::done())
}
