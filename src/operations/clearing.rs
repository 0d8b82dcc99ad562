//! Deleting many messages at once.

use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{numbers, text};
use super::{Answer, Call};
use crate::chat::{MAX_DELETED, Result};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "messages",
        [
            Operation::new(Method::Post, "delete_messages", "/rooms/{room}/deletions", delete)
                .about("Deletes messages of a room, for those who moderate it. Answers which were deleted by it.")
                .scope(Scope::Manage)
                .takes(numbers("seqs", MAX_DELETED, "which messages, by their numbers"))
                .takes(text("reason", "for the audit log").optional())
                .answers::<Deleted>(),
        ],
    )
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    /// Ascending. Those that were not there, or were deleted before, are not among them.
    deleted: Vec<u64>,
}

async fn delete(mut call: Call) -> Result<Answer> {
    let (room, seqs) = (call.id("room")?, call.numbers("seqs")?);
    let reason = call.optional_text("reason")?;
    let deleted = call
        .chat
        .delete_messages(&call.identity, room, &seqs, reason)
        .await?;
    Ok(Answer::of(Deleted { deleted }))
}
