//! How things are written in Redis: as texts that an operator can read.

use std::collections::HashMap;
use std::sync::Arc;

use madang_storage::model::{RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::own::{Sessions, Step};
use crate::presence::{Change, Choice, Custom, Left, Said, State, Status};

/// The rest of what somebody says, behind the version and the choice, which the scripts read.
#[derive(Serialize, Deserialize)]
struct Words {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    emoji: Option<String>,
    /// In milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// The three arguments that stand for a step in the script `tell`.
pub(super) fn step(step: &Step) -> [String; 3] {
    let sessions = match &step.sessions {
        Sessions::Same => "=".to_owned(),
        Sessions::None => "-".to_owned(),
        Sessions::Some { are_idle, rooms } => {
            let start = if *are_idle { "1" } else { "0" };
            rooms
                .iter()
                .fold(start.to_owned(), |text, room| format!("{text} {room}"))
        }
    };
    let said = step.said.as_deref().map(said).unwrap_or_default();
    [step.user.to_string(), sessions, said]
}

/// A change, from the fields of an entry of the stream; `None` when a later version wrote what this one does not know.
pub(super) fn change(number: u64, fields: &HashMap<String, String>) -> Option<Change> {
    let state = |status_field: &str, said_field: &str| {
        state(
            fields.get(status_field).map(String::as_str),
            fields.get(said_field).map(String::as_str),
        )
    };
    Some(Change {
        user: fields.get("user")?.parse().ok()?,
        number,
        before: state("before", "said_before")?,
        after: state("after", "said_after")?,
        rooms: rooms(fields.get("rooms")?)?,
    })
}

/// What was told of a user, from its fields.
pub(super) fn state(told: Option<&str>, said: Option<&str>) -> Option<State> {
    let status = told.map_or(Some(Status::Offline), status)?;
    let said = said.filter(|said| !said.is_empty());
    let said = match said {
        Some(text) => Some(Arc::new(parse_said(text)?)),
        None => None,
    };
    Some(State { status, said })
}

/// The rooms of a list.
pub(super) fn rooms(text: &str) -> Option<Vec<RoomId>> {
    text.split_whitespace().map(|room| room.parse().ok()).collect()
}

/// Where somebody was last.
pub(super) fn left(text: &str) -> Option<Left> {
    let (room, at) = text.split_once(' ')?;
    Some(Left {
        room: room.parse().ok()?,
        at: Timestamp::from_millis(at.parse().ok()?),
    })
}

/// Who left which room when, one after the other, as scripts answer it.
pub(super) fn leavings(texts: &[String]) -> Vec<(UserId, Left)> {
    let leaving = |three: &[String]| {
        let [user, room, at] = three else { return None };
        let left = Left {
            room: room.parse().ok()?,
            at: Timestamp::from_millis(at.parse().ok()?),
        };
        Some((user.parse().ok()?, left))
    };
    texts.chunks(3).filter_map(leaving).collect()
}

fn said(said: &Said) -> String {
    let choice = match said.choice {
        Choice::Online => "online",
        Choice::Idle => "idle",
        Choice::DoNotDisturb => "do_not_disturb",
        Choice::Invisible => "invisible",
    };
    let words = said.custom.as_ref().map(|custom| Words {
        text: custom.text.clone(),
        emoji: custom.emoji.clone(),
        expires_at: custom.expires_at.map(Timestamp::as_millis),
    });
    // Texts and a number always are JSON; were they not, nothing would be said.
    let words = words.and_then(|words| serde_json::to_string(&words).ok());
    format!("{} {choice} {}", said.version, words.unwrap_or_default())
}

fn parse_said(text: &str) -> Option<Said> {
    let mut parts = text.splitn(3, ' ');
    let version = parts.next()?.parse().ok()?;
    let choice = match parts.next()? {
        "online" => Choice::Online,
        "idle" => Choice::Idle,
        "do_not_disturb" => Choice::DoNotDisturb,
        "invisible" => Choice::Invisible,
        _ => return None,
    };
    let custom = match parts.next()? {
        "" => None,
        words => {
            let words: Words = serde_json::from_str(words).ok()?;
            Some(Custom {
                text: words.text,
                emoji: words.emoji,
                expires_at: words.expires_at.map(Timestamp::from_millis),
            })
        }
    };
    Some(Said {
        version,
        choice,
        custom,
    })
}

fn status(text: &str) -> Option<Status> {
    match text {
        "offline" => Some(Status::Offline),
        "online" => Some(Status::Online),
        "idle" => Some(Status::Idle),
        "do_not_disturb" => Some(Status::DoNotDisturb),
        "invisible" => Some(Status::Invisible),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes_back_as_it_was() {
        let custom = Custom {
            text: "점심 \"먹는\" 중\n - = 1 2".to_owned(),
            emoji: Some("🍜".to_owned()),
            expires_at: Some(Timestamp::from_millis(7)),
        };
        for choice in [
            Choice::Online,
            Choice::Idle,
            Choice::DoNotDisturb,
            Choice::Invisible,
        ] {
            for custom in [None, Some(custom.clone())] {
                let before = Said {
                    version: 3,
                    choice,
                    custom,
                };
                assert_eq!(parse_said(&said(&before)), Some(before));
            }
        }
    }

    #[test]
    fn what_a_later_version_wrote_is_not_guessed_at() {
        assert_eq!(state(Some("dancing"), None), None);
        assert_eq!(state(Some("online"), Some("1 dancing ")), None);
        assert_eq!(state(None, None), Some(State::default()));
        assert_eq!(rooms("nowhere"), None);
        assert_eq!(change(1, &HashMap::new()), None);
    }
}
