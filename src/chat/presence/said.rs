//! What somebody says of itself: a status and a few words, kept for all sessions and across restarts.

use std::sync::Arc;

use madang_storage::StateRecord;
use madang_storage::model::{StateKey, StateOutcome, StateTable, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::chat::{Chat, Code, Error, Identity, Result, names, reactions};
use crate::presence::{Choice, Custom, Said};

/// How often a write is tried again when another one came first.
const MAX_TRIES: usize = 8;
/// The longest time that words are meant, in seconds: two weeks.
const MAX_SECONDS: u64 = 14 * 24 * 60 * 60;
/// What stands before the users in the keys of these rows.
const SAID: &[u8] = b"s";

/// What somebody says, as it is kept. The row is never removed, so its version only grows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Row {
    choice: u8,
    custom: Option<CustomRow>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct CustomRow {
    text: String,
    emoji: Option<String>,
    expires_at: Option<Timestamp>,
}

impl StateRecord for Row {
    const TABLE: StateTable = StateTable::Presence;
}

/// A few words to be seen with.
#[derive(Debug, Clone, Default)]
pub struct NewCustom {
    /// At most 100 characters.
    pub text: String,
    /// One emoji before them.
    pub emoji: Option<String>,
    /// When they are not meant any more; `None` for never.
    pub expires_in_seconds: Option<u64>,
}

impl Chat {
    /// Chooses how to be seen, on all sessions.
    pub async fn set_status(&self, identity: &Identity, status: &str) -> Result<()> {
        let choice = choice_named(status)?;
        self.presences().take_saying(identity.user)?;
        self.change_said(identity.user, move |row| row.choice = number_of(choice))
            .await
    }

    /// Sets the words to be seen with; `None` takes them back.
    pub async fn set_custom_status(&self, identity: &Identity, custom: Option<NewCustom>) -> Result<()> {
        let custom = match custom {
            Some(custom) => Some(self.checked(custom)?),
            None => None,
        };
        self.presences().take_saying(identity.user)?;
        self.change_said(identity.user, move |row| row.custom.clone_from(&custom))
            .await
    }

    /// What somebody says; `None` for somebody who never said anything.
    pub(super) async fn said_by(&self, user: UserId) -> Result<Option<Arc<Said>>> {
        let found = self.store().state::<Row>(&key_of(user)).await?;
        Ok(found.map(|found| Arc::new(said_of(found.version, found.record))))
    }

    async fn change_said(
        &self,
        user: UserId,
        change: impl Fn(&mut Row) + Send + Sync + 'static,
    ) -> Result<()> {
        let chat = self.clone();
        self.to_the_end(async move {
            for _ in 0..MAX_TRIES {
                let found = chat.store().state::<Row>(&key_of(user)).await?;
                let (version, mut row) =
                    found.map_or((0, Row::default()), |found| (found.version, found.record));
                change(&mut row);
                let outcome = match version {
                    0 => chat.store().state_insert(key_of(user), &row, None).await?,
                    _ => {
                        chat.store()
                            .state_replace(key_of(user), version, &row, None)
                            .await?
                    }
                };
                if let StateOutcome::Written { version } = outcome {
                    let said = Arc::new(said_of(version, row));
                    chat.presences().backend.say(user, said);
                    return Ok(());
                }
            }
            Err(Error::new(Code::Conflict, "your status kept changing; try again"))
        })
        .await
    }

    fn checked(&self, custom: NewCustom) -> Result<CustomRow> {
        let text = names::words("text", &custom.text)?;
        let emoji = custom.emoji.as_deref().map(reactions::canonical).transpose()?;
        if text.is_empty() && emoji.is_none() {
            return Err(Error::invalid("text", "words or an emoji are needed"));
        }
        let within = 1..=MAX_SECONDS;
        if custom
            .expires_in_seconds
            .is_some_and(|seconds| !within.contains(&seconds))
        {
            let text = format!("1 to {MAX_SECONDS} seconds");
            return Err(Error::invalid("expires_in_seconds", text));
        }
        let expires_at = custom
            .expires_in_seconds
            .map(|seconds| self.env().now().plus_millis(seconds * 1000));
        Ok(CustomRow {
            text,
            emoji: emoji.map(str::to_owned),
            expires_at,
        })
    }
}

fn key_of(user: UserId) -> StateKey {
    StateKey::new(StateTable::Presence, &[SAID, &user.to_bytes()])
}

fn said_of(version: u64, row: Row) -> Said {
    Said {
        version,
        choice: choice_numbered(row.choice),
        custom: row.custom.map(|custom| Custom {
            text: custom.text,
            emoji: custom.emoji,
            expires_at: custom.expires_at,
        }),
    }
}

fn choice_named(status: &str) -> Result<Choice> {
    match status {
        "online" => Ok(Choice::Online),
        "idle" => Ok(Choice::Idle),
        "do_not_disturb" => Ok(Choice::DoNotDisturb),
        "invisible" => Ok(Choice::Invisible),
        _ => Err(Error::invalid(
            "status",
            "expected online, idle, do_not_disturb or invisible",
        )),
    }
}

/// What clients call it.
pub(super) const fn name_of_choice(choice: Choice) -> &'static str {
    match choice {
        Choice::Online => "online",
        Choice::Idle => "idle",
        Choice::DoNotDisturb => "do_not_disturb",
        Choice::Invisible => "invisible",
    }
}

/// Stored: never change or reuse one.
const fn number_of(choice: Choice) -> u8 {
    match choice {
        Choice::Online => 0,
        Choice::Idle => 1,
        Choice::DoNotDisturb => 2,
        Choice::Invisible => 3,
    }
}

/// What a later version wrote and this one does not know shows nothing.
const fn choice_numbered(number: u8) -> Choice {
    match number {
        0 => Choice::Online,
        1 => Choice::Idle,
        2 => Choice::DoNotDisturb,
        _ => Choice::Invisible,
    }
}
