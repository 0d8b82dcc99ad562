//! What an event does to rows.

mod audit;
mod guild;
mod message;
mod room;
mod user;

use super::{Event, Fact, Instance, Marker, RoomId, Row, RowKey, Rows, StreamId, UserId};

/// No event changes more rows than this. What touches more is a job that is driven from an event.
pub const MAX_CHANGES_PER_EVENT: usize = 100;

/// One change that an event makes.
#[expect(
    clippy::large_enum_variant,
    reason = "changes live as long as one append: a box for each row would cost more than moving it"
)]
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
            | Fact::ReactionChanged { seq, .. }
            | Fact::MessagePinned { seq, .. }
            | Fact::ThreadStarted { seq },
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
    let mut changes = match (event.stream, &event.fact) {
        (StreamId::Instance, Fact::InstanceCreated { name }) => {
            vec![put(
                RowKey::Instance,
                Row::Instance(Instance {
                    name: name.clone(),
                    created_at: at,
                }),
            )]
        }
        (StreamId::Instance, Fact::InstanceChanged { instance }) => {
            vec![put(RowKey::Instance, Row::Instance(instance.clone()))]
        }
        (StreamId::Guild(guild), fact) => {
            guild::project(guild, fact, at).ok_or_else(|| wrong_stream(event))?
        }
        (StreamId::User(user), fact) => user::project(user, fact, at).ok_or_else(|| wrong_stream(event))?,
        (StreamId::Room(room), fact) => match room::project(room, fact, at) {
            Some(changes) => changes,
            None => message::project(event, room, rows)?,
        },
        _ => return Err(wrong_stream(event)),
    };
    changes.extend(audit::entry(event));
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

fn wrong_stream(event: &Event) -> ProjectError {
    ProjectError::WrongStream {
        fact: event.fact.name(),
        stream: event.stream,
    }
}

fn put(key: RowKey, row: Row) -> RowChange {
    RowChange::Put(key, row)
}
