//! What happens to messages.

use std::cmp::Reverse;

use super::{ProjectError, RowChange, put, wrong_stream};
use crate::model::{
    Called, Deletion, EarlierText, Event, Fact, Marker, Mentions, MessageRecord, Pin, Reaction,
    ReactionCount, RoomId, Row, RowKey, Rows, UserId,
};

/// The changes of a fact about a message, given the message as it was before.
pub(super) fn project(event: &Event, room: RoomId, rows: &Rows) -> Result<Vec<RowChange>, ProjectError> {
    let seq = event
        .fact
        .message_seq(&event.head)
        .ok_or_else(|| wrong_stream(event))?;
    let key = RowKey::Message { room, seq };
    if let Fact::MessagePosted { .. } = event.fact {
        return Ok(posted(event, room, seq));
    }
    let before = rows
        .message(room, seq)
        .ok_or_else(|| ProjectError::MissingRow(key.clone()))?;
    if before.rev >= event.rev() {
        return Ok(Vec::new());
    }
    // Content that comes back onto a tombstone would undo somebody's deletion; no decision may do that.
    if before.deleted.is_some() && !matches!(event.fact, Fact::MessageDeleted { .. }) {
        return Err(ProjectError::Deleted {
            stream: event.stream,
            seq,
        });
    }
    let mut record = before.clone();
    record.rev = event.rev();
    let mut changes = changed(event, room, &mut record)?;
    changes.push(put(key, Row::Message(record)));
    Ok(changes)
}

/// A new message, its author's marker, and a row for each person that it calls.
fn posted(event: &Event, room: RoomId, seq: u64) -> Vec<RowChange> {
    let Fact::MessagePosted {
        author,
        text,
        reply_to,
        reply_to_author,
        mentions,
        system,
    } = &event.fact
    else {
        return Vec::new();
    };
    let (author, n) = (*author, event.head.n);
    let record = MessageRecord {
        seq,
        rev: event.rev(),
        author,
        at: event.at(),
        n,
        text: text.clone(),
        reply_to: *reply_to,
        reply_to_author: *reply_to_author,
        edited_at: None,
        deleted: None,
        reactions: Vec::new(),
        mentions: mentions.clone(),
        system: system.clone(),
        pinned_at: None,
        has_thread: false,
        earlier: Vec::new(),
    };
    let mut changes = vec![put(RowKey::Message { room, seq }, Row::Message(record))];
    // What the server tells in somebody's name does not mean that the person has read up to there.
    if system.is_none() {
        changes.push(RowChange::MoveMarker {
            user: author,
            room,
            to: Marker { seq, n },
        });
    }
    changes.extend(calls(event, room, seq, mentions, *reply_to_author));
    changes
}

/// One row for each person that is called by name, and one for all others.
fn calls(
    event: &Event,
    room: RoomId,
    seq: u64,
    mentions: &Mentions,
    answered: Option<UserId>,
) -> Vec<RowChange> {
    let inbox = |user, called| {
        let at = Reverse(event.at());
        put(RowKey::Inbox { user, at, room, seq }, Row::Inbox(called))
    };
    let mut changes: Vec<RowChange> = mentions
        .users
        .iter()
        .map(|user| inbox(*user, Called::Mention))
        .collect();
    let answered = answered.filter(|user| !mentions.users.contains(user));
    changes.extend(answered.map(|user| inbox(user, Called::Reply)));
    if mentions.is_wide() {
        let key = RowKey::WideMention { room, seq };
        changes.push(put(key, Row::WideMention(mentions.clone())));
    }
    changes
}

/// What the fact does to the message, and to other rows.
fn changed(event: &Event, room: RoomId, record: &mut MessageRecord) -> Result<Vec<RowChange>, ProjectError> {
    let (seq, at) = (record.seq, event.at());
    let mut changes = Vec::new();
    match &event.fact {
        Fact::MessageEdited { text, keeps, .. } => {
            let replaced = EarlierText {
                at: record.edited_at.unwrap_or(record.at),
                text: std::mem::replace(&mut record.text, text.clone()),
            };
            if *keeps {
                EarlierText::keep(&mut record.earlier, replaced);
            } else {
                record.earlier = Vec::new();
            }
            record.edited_at = Some(at);
        }
        Fact::MessageDeleted { by, .. } => {
            // Whether there are such rows or not: whoever derives rows anew does not know the message as it was.
            changes.push(RowChange::Delete(RowKey::Pin { room, seq }));
            changes.push(RowChange::Delete(RowKey::WideMention { room, seq }));
            record.pinned_at = None;
            record.text = String::new();
            record.earlier = Vec::new();
            record.reactions = Vec::new();
            record.deleted = Some(Deletion { at, by: *by });
        }
        Fact::ReactionChanged {
            emoji,
            user,
            on,
            count,
            ..
        } => {
            set_count(&mut record.reactions, emoji, *count);
            let reaction = RowKey::Reaction {
                room,
                seq,
                emoji: emoji.clone(),
                user: *user,
            };
            changes.push(if *on {
                put(reaction, Row::Reaction(Reaction { at }))
            } else {
                RowChange::Delete(reaction)
            });
        }
        Fact::MessagePinned { on, by, .. } => {
            record.pinned_at = on.then_some(at);
            let pin = RowKey::Pin { room, seq };
            changes.push(if *on {
                put(pin, Row::Pin(Pin { at, by: *by }))
            } else {
                RowChange::Delete(pin)
            });
        }
        Fact::ThreadStarted { .. } => record.has_thread = true,
        _ => return Err(wrong_stream(event)),
    }
    Ok(changes)
}

fn set_count(reactions: &mut Vec<ReactionCount>, emoji: &str, count: u32) {
    let place = reactions.iter().position(|reaction| reaction.emoji == emoji);
    match (place, count) {
        (Some(place), 0) => {
            reactions.remove(place);
        }
        (Some(place), count) => reactions[place].count = count,
        (None, 0) => {}
        (None, count) => reactions.push(ReactionCount {
            emoji: emoji.to_owned(),
            count,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, Head, StreamId, Timestamp};

    fn keys_of(mentions: Mentions) -> usize {
        let room = RoomId::from_u128(1);
        let event = Event {
            id: EventId::from_u128(2),
            stream: StreamId::Room(room),
            head: Head {
                rev: 2,
                seq: 1,
                n: 1,
                at: Timestamp::from_millis(1),
                ..Head::default()
            },
            actor: None,
            access_rev: 1,
            nonce: None,
            fact: Fact::MessagePosted {
                author: UserId::from_u128(3),
                text: "hello".to_owned(),
                reply_to: None,
                reply_to_author: None,
                mentions,
                system: None,
            },
            sealed: None,
        };
        posted(&event, room, 1).len()
    }

    #[test]
    fn calling_everybody_writes_one_key_more_however_many_they_are() {
        let everyone = Mentions {
            everyone: true,
            ..Mentions::default()
        };
        // Whoever is a member is not even known here.
        assert_eq!(keys_of(everyone), keys_of(Mentions::default()) + 1);
        let named = |count| Mentions {
            users: (0..count).map(UserId::from_u128).collect(),
            ..Mentions::default()
        };
        let most = Mentions::MAX_USERS;
        assert_eq!(keys_of(named(most as u128)), keys_of(Mentions::default()) + most);
    }
}
