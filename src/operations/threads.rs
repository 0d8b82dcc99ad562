//! Threads on messages.

use super::describe::{Method, Operation, of_noun};
use super::input::{flag, id, number, page};
use super::messages::{Message, about_a_post, just_posted, post_of};
use super::{Answer, Call};
use crate::chat::view::ThreadView;
use crate::chat::{FollowedThreads, Result, Threads};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "threads",
        [
            Operation::new(
                Method::Post,
                "post_in_thread",
                "/rooms/{room}/messages/{seq}/thread",
                post,
            )
            .about("Posts in the thread on a message, which begins with its first post. The answer names its room.")
            .takes_all(about_a_post())
            .makes::<Message<'static>>()
            .once(),
            Operation::new(Method::Get, "threads", "/rooms/{room}/threads", threads)
                .about("A page of the threads on a room's messages, in the order of their ids.")
                .takes_all(page())
                .answers::<Threads>(),
            Operation::new(Method::Get, "thread", "/threads/{room}", thread)
                .about("A thread, by its room.")
                .answers::<ThreadView>(),
            Operation::new(Method::Get, "followed_threads", "/me/threads", followed)
                .about("A page of the threads that one follows, in the order of their ids.")
                .takes(id("after", "what the page before has answered as next").optional())
                .takes(number("limit", "how many to look at, 1 to 100, else 50").optional())
                .answers::<FollowedThreads>(),
            Operation::new(Method::Put, "follow_thread", "/threads/{room}/following", follow)
                .about("Follows a thread, or does so no more. Whoever posts in one follows it.")
                .takes(flag("on", "false for no more").optional()),
        ],
    )
}

async fn post(mut call: Call) -> Result<Answer> {
    let (room, seq) = (call.id("room")?, call.number("seq")?);
    let post = post_of(&mut call)?;
    let (thread, posted) = call.chat.post_in_thread(&call.identity, room, seq, post).await?;
    Ok(just_posted(thread, posted))
}

async fn threads(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let threads = call.chat.threads(&call.identity, room, after, limit);
    Ok(Answer::of(threads.await?))
}

async fn thread(mut call: Call) -> Result<Answer> {
    let room = call.id("room")?;
    Ok(Answer::of(call.chat.thread(&call.identity, room).await?))
}

async fn followed(mut call: Call) -> Result<Answer> {
    let (after, limit) = (call.optional_id("after")?, call.optional_number("limit")?);
    let threads = call.chat.followed_threads(&call.identity, after, limit);
    Ok(Answer::of(threads.await?))
}

async fn follow(mut call: Call) -> Result<Answer> {
    let (room, on) = (call.id("room")?, call.optional_flag("on")?.unwrap_or(true));
    let followed = call.chat.follow_thread(&call.identity, room, on);
    followed.await.map(|()| Answer::done())
}
