//! Reactions: an emoji on a message, once per person.

use madang_storage::model::{
    Draft, Fact, Head, MessageRecord, Permissions, RoomId, Row, RowKey, RowPrefix, Rows, UserId,
};

use super::messages::{Posted, posted, present};
use super::view::UserView;
use super::{Chat, Code, Error, Identity, Result};
use madang_storage::AppendError;

/// How many different emoji one message may carry.
pub(super) const MAX_KINDS: usize = 20;
/// The longest emoji, in bytes; the longest sequence that Unicode recommends has 35.
const MAX_EMOJI_BYTES: usize = 64;

/// Why a reaction changes nothing.
enum Refusal {
    /// The reaction is already as asked: the message as it is.
    AlreadySo(Box<MessageRecord>),
    /// It may not be.
    Error(Error),
}

/// A page of people.
#[derive(Debug, Clone)]
pub struct People {
    /// In the order of their ids.
    pub users: Vec<UserView>,
    /// Whether there are more.
    pub more: bool,
}

impl Chat {
    /// Puts a reaction on a message, or takes it back. Asking for what is already so changes nothing.
    pub async fn react(
        &self,
        identity: &Identity,
        room: RoomId,
        seq: u64,
        emoji: &str,
        on: bool,
    ) -> Result<Posted> {
        let access = self.room_access(identity, room).await?;
        access.require(Permissions::REACT)?;
        self.check_may_reach(identity, &access).await?;
        let (emoji, user) = (canonical(emoji)?.to_owned(), identity.user);
        let own = RowKey::Reaction {
            room,
            seq,
            emoji: emoji.clone(),
            user,
        };
        let mut command = self.message_command(identity, &access);
        command.rows = vec![RowKey::Message { room, seq }, own.clone()];
        let decide = move |_: &Head, rows: &Rows| {
            let record = present(rows, room, seq).map_err(Refusal::Error)?;
            if rows.contains(&own) == on {
                return Err(Refusal::AlreadySo(Box::new(record.clone())));
            }
            let count = record.count_of(&emoji);
            if on && count == 0 && record.reactions.len() >= MAX_KINDS {
                let text = format!("a message carries at most {MAX_KINDS} different reactions");
                return Err(Refusal::Error(Error::new(Code::TooMany, text)));
            }
            let count = if on { count + 1 } else { count.saturating_sub(1) };
            Ok(Draft::from(Fact::ReactionChanged {
                seq,
                emoji: emoji.clone(),
                user,
                on,
                count,
            }))
        };
        match self.store().append(command, decide).await {
            Err(AppendError::Refused(Refusal::AlreadySo(record))) => Ok(Posted {
                record: (*record).into(),
                replayed: true,
            }),
            Err(AppendError::Refused(Refusal::Error(error))) => Err(error),
            Err(AppendError::Store(error)) => Err(error.into()),
            Ok(appended) => posted(Ok(appended)),
        }
    }

    /// Who put this emoji on this message.
    pub async fn reactors(
        &self,
        identity: &Identity,
        room: RoomId,
        seq: u64,
        emoji: &str,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<People> {
        self.room_access(identity, room).await?;
        let emoji = canonical(emoji)?;
        // A deleted message keeps its reactions' rows until they are cleared away; nobody sees them.
        let shown = self
            .store()
            .message(room, seq)
            .await?
            .is_some_and(|record| record.deleted.is_none());
        if !shown {
            return Err(Error::not_found());
        }
        let prefix = RowPrefix::ReactionsOf {
            room,
            seq,
            emoji: emoji.to_owned(),
        };
        let after = after.map(|user| RowKey::Reaction {
            room,
            seq,
            emoji: emoji.to_owned(),
            user,
        });
        let page = self.store().list_rows(&prefix, after.as_ref(), limit).await?;
        let ids = page.rows.iter().filter_map(|(key, row)| match (key, row) {
            (RowKey::Reaction { user, .. }, Row::Reaction(_)) => Some(*user),
            _ => None,
        });
        let users = self.views_of(ids.collect()).await?;
        Ok(People {
            users,
            more: page.more,
        })
    }
}

/// Any emoji that Unicode recommends for interchange, in its full spelling or without its presentation selectors; answers
/// its full spelling: what looks the same is the same reaction.
pub(super) fn canonical(emoji: &str) -> Result<&'static str> {
    let known = Some(emoji)
        .filter(|emoji| emoji.len() <= MAX_EMOJI_BYTES)
        .and_then(emojis::get);
    known
        .map(emojis::Emoji::as_str)
        .ok_or_else(|| Error::invalid("emoji", "expected one emoji of Unicode"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_emoji_are_one() {
        for (written, kept) in [
            ("❤", "❤\u{fe0f}"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("☺", "☺\u{fe0f}"),
            ("©", "©\u{fe0f}"),
            ("👍", "👍"),
            ("👍🏽", "👍🏽"),
            ("👩\u{200d}❤\u{200d}👨", "👩\u{200d}❤\u{fe0f}\u{200d}👨"),
        ] {
            assert_eq!(canonical(written), Ok(kept), "{written:?}");
        }
        for none in ["", "x", "❤❤", "\u{fe0f}", "👍👍"] {
            assert!(canonical(none).is_err(), "{none:?}");
        }
    }
}
