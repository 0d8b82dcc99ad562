//! What an event does to rows.

use super::{
    Deletion, Event, Fact, Guild, Instance, Marker, Member, MessageRecord, Reaction, ReactionCount, Room,
    RoomId, Row, RowKey, Rows, StreamId, User, UserId,
};

/// No event changes more rows than this. What touches more is a job that is driven from an event.
pub const MAX_CHANGES_PER_EVENT: usize = 100;

/// One change that an event makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowChange {
    /// The row has this value now.
    Put(RowKey, Row),
    /// The row is gone.
    Delete(RowKey),
    /// The user's read marker in the room is at least here: applied only where it moves the marker forward.
    /// A state row, because its owner moves it too; see [`super::StateKey::marker`].
    MoveMarker {
        /// Whose.
        user: UserId,
        /// In which room.
        room: RoomId,
        /// At least here.
        to: Marker,
    },
}

/// An event that does not fit its rows: the data is damaged, or a decision broke its contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// The fact belongs to another kind of stream.
    #[error("{fact} does not belong into {stream}")]
    WrongStream {
        /// The kind of the fact.
        fact: &'static str,
        /// Where it was to be appended.
        stream: StreamId,
    },
    /// A first fact on a stream with events, or another fact on an empty one.
    #[error("{fact} cannot stand at rev {rev} of {stream}")]
    WrongPlace {
        /// The kind of the fact.
        fact: &'static str,
        /// Where it was to be appended.
        stream: StreamId,
        /// The number it would have.
        rev: u64,
    },
    /// The fact would give a deleted message content again.
    #[error("message {seq} of {stream} is deleted")]
    Deleted {
        /// The room's stream.
        stream: StreamId,
        /// Which message.
        seq: u64,
    },
    /// A row that the fact is about does not exist.
    #[error("{0:?} does not exist")]
    MissingRow(RowKey),
}

/// The rows that [`project`] reads for this fact, given its stream.
pub fn rows_needed(stream: StreamId, fact: &Fact) -> Vec<RowKey> {
    match (stream, fact) {
        (
            StreamId::Room(room),
            Fact::MessageEdited { seq, .. }
            | Fact::MessageDeleted { seq, .. }
            | Fact::ReactionChanged { seq, .. },
        ) => vec![RowKey::Message { room, seq: *seq }],
        _ => Vec::new(),
    }
}

/// The changes that `event` makes, given the rows that [`rows_needed`] names as they were before it.
///
/// At most [`MAX_CHANGES_PER_EVENT`]. Doing the same event twice is the same as doing it once.
pub fn project(event: &Event, rows: &Rows) -> Result<Vec<RowChange>, ProjectError> {
    check_place(event)?;
    let at = event.at();
    let changes = match (event.stream, &event.fact) {
        (StreamId::Instance, Fact::InstanceCreated { name }) => {
            vec![put(
                RowKey::Instance,
                Row::Instance(Instance {
                    name: name.clone(),
                    created_at: at,
                }),
            )]
        }
        (StreamId::Guild(guild), Fact::GuildCreated { name, owner }) => {
            let row = Guild {
                name: name.clone(),
                owner: *owner,
                created_at: at,
            };
            vec![put(RowKey::Guild(guild), Row::Guild(row))]
        }
        (StreamId::Guild(guild), Fact::MemberJoined { user }) => {
            let member = Row::Member(Member { joined_at: at });
            vec![
                put(RowKey::Member { guild, user: *user }, member.clone()),
                put(RowKey::GuildOf { user: *user, guild }, member),
            ]
        }
        (StreamId::User(user), Fact::UserCreated { name }) => {
            vec![put(
                RowKey::User(user),
                Row::User(User {
                    name: name.clone(),
                    created_at: at,
                }),
            )]
        }
        (StreamId::Room(room), Fact::RoomCreated { guild, name, topic }) => {
            let row = Room {
                guild: *guild,
                name: name.clone(),
                topic: topic.clone(),
                created_at: at,
            };
            vec![
                put(RowKey::Room(room), Row::Room(row)),
                put(RowKey::Channel { guild: *guild, room }, Row::Channel),
            ]
        }
        (StreamId::Room(room), fact) => project_message(event, room, fact, rows)?,
        _ => {
            return Err(ProjectError::WrongStream {
                fact: event.fact.name(),
                stream: event.stream,
            });
        }
    };
    debug_assert!(changes.len() <= MAX_CHANGES_PER_EVENT);
    Ok(changes)
}

fn check_place(event: &Event) -> Result<(), ProjectError> {
    let (stream, fact) = (event.stream, event.fact.name());
    if event.fact.stream_kind() != stream.kind() {
        return Err(ProjectError::WrongStream { fact, stream });
    }
    if event.fact.starts_stream() != (event.rev() == 1) {
        return Err(ProjectError::WrongPlace {
            fact,
            stream,
            rev: event.rev(),
        });
    }
    Ok(())
}

fn project_message(
    event: &Event,
    room: RoomId,
    fact: &Fact,
    rows: &Rows,
) -> Result<Vec<RowChange>, ProjectError> {
    let wrong = ProjectError::WrongStream {
        fact: fact.name(),
        stream: event.stream,
    };
    let Some(seq) = fact.message_seq(&event.head) else {
        return Err(wrong);
    };
    let key = RowKey::Message { room, seq };
    if let Fact::MessagePosted {
        author,
        text,
        reply_to,
    } = fact
    {
        let record = MessageRecord {
            seq,
            rev: event.rev(),
            author: *author,
            at: event.at(),
            n: event.head.n,
            text: text.clone(),
            reply_to: *reply_to,
            edited_at: None,
            deleted: None,
            reactions: Vec::new(),
        };
        let to = Marker { seq, n: event.head.n };
        return Ok(vec![
            put(key, Row::Message(record)),
            RowChange::MoveMarker {
                user: *author,
                room,
                to,
            },
        ]);
    }

    let before = rows
        .message(room, seq)
        .ok_or_else(|| ProjectError::MissingRow(key.clone()))?;
    if before.rev >= event.rev() {
        return Ok(Vec::new());
    }
    // Content that comes back onto a tombstone would undo somebody's deletion; no decision may do that.
    if before.deleted.is_some() && !matches!(fact, Fact::MessageDeleted { .. }) {
        return Err(ProjectError::Deleted {
            stream: event.stream,
            seq,
        });
    }
    let mut record = before.clone();
    record.rev = event.rev();
    let mut changes = Vec::with_capacity(2);
    match fact {
        Fact::MessageEdited { text, .. } => {
            record.text.clone_from(text);
            record.edited_at = Some(event.at());
        }
        Fact::MessageDeleted { by, .. } => {
            record.text = String::new();
            record.reactions = Vec::new();
            record.deleted = Some(Deletion {
                at: event.at(),
                by: *by,
            });
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
                put(reaction, Row::Reaction(Reaction { at: event.at() }))
            } else {
                RowChange::Delete(reaction)
            });
        }
        _ => return Err(wrong),
    }
    changes.push(put(key, Row::Message(record)));
    Ok(changes)
}

fn put(key: RowKey, row: Row) -> RowChange {
    RowChange::Put(key, row)
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
