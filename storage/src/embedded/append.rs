//! Carries out one append within a commit group.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::group::Group;
use super::nonces::{self, Index, Place, Used};
use super::stored::{StoredEvent, StoredMessage, StoredPost, encode_row};
use super::{events, frame, tables};
use crate::error::{Error, Result};
use crate::model::{
    Commit, Event, Fact, Marker, MessageRecord, NonceAge, Row, RowChange, RowKey, Rows, StateKey, StateRow,
    StateTable, StreamId, Timestamp, advance, project, rows_needed,
};
use crate::store::backend::{AppendOutcome, Decide};
use crate::store::command::{Appended, Command};
use crate::store::record;

/// The longest emoji, in bytes: the longest sequence that Unicode recommends has 35.
const MAX_EMOJI_BYTES: usize = 128;

/// Decides and writes one event into the group. After an error or a refusal the group is as it was.
pub(crate) fn apply(
    group: &mut Group<'_>,
    known: &Index,
    command: &Command,
    decide: &mut Decide,
    now: Timestamp,
) -> Result<AppendOutcome> {
    check(command)?;
    if let Some(appended) = replay(group, known, command, now)? {
        return Ok(AppendOutcome::Appended(appended));
    }
    let head = group.head(command.stream)?;
    let rows = load(group, &command.rows)?;
    // A decision that panics must not take the committer, and with it the whole store, down.
    let draft = catch_unwind(AssertUnwindSafe(|| decide(&head, &rows)))
        .map_err(|_| Error::InvalidFact("the decision panicked".to_owned()))?;
    let Some(draft) = draft else {
        return Ok(AppendOutcome::Refused);
    };

    let event = Event {
        id: command.event_id,
        stream: command.stream,
        head: advance(&head, &draft.fact, now),
        actor: command.actor,
        access_rev: command.access_rev,
        nonce: command.nonce.map(|used| used.nonce),
        fact: draft.fact,
        sealed: draft.sealed,
    };
    let needed = load(group, &rows_needed(event.stream, &event.fact))?;
    let changes = project(&event, &needed).map_err(|error| Error::InvalidFact(error.to_string()))?;
    let record = write(group, command, &event, changes)?;
    let commit = Arc::new(Commit { event, record });
    Ok(AppendOutcome::Appended(Appended {
        commit,
        replayed: false,
    }))
}

fn check(command: &Command) -> Result<()> {
    if command.rows.len() > Command::MAX_ROWS {
        return Err(Error::TooLarge {
            what: "the rows of a decision",
            limit: Command::MAX_ROWS,
        });
    }
    match command.rows.iter().find(|row| row.stream() != command.stream) {
        Some(row) => Err(Error::InvalidFact(format!(
            "{row:?} does not follow from {}",
            command.stream
        ))),
        None => Ok(()),
    }
}

fn load(group: &mut Group<'_>, keys: &[RowKey]) -> Result<Rows> {
    let mut rows = Rows::default();
    for key in keys {
        if let Some(row) = group.row(key)? {
            rows.insert(key.clone(), row);
        }
    }
    Ok(rows)
}

/// The event that the command's nonce stands for already.
fn replay(
    group: &mut Group<'_>,
    known: &Index,
    command: &Command,
    now: Timestamp,
) -> Result<Option<Appended>> {
    let Some(used) = command.nonce else {
        return Ok(None);
    };
    if used.nonce.age(now) == NonceAge::Expired {
        return Err(Error::NonceExpired);
    }
    let hash = nonces::hash(command.stream, command.actor, used.nonce);
    let places: Vec<Place> = known.places(used.nonce, hash).chain(group.places(hash)).collect();
    for place in places {
        let Some((commit, fingerprint)) = at_place(group, command.stream, place)? else {
            continue;
        };
        // Few bits of the hash say where to look: another nonce may have the same.
        if commit.event.nonce != Some(used.nonce) || commit.event.actor != command.actor {
            continue;
        }
        if fingerprint != used.fingerprint {
            return Err(Error::NonceConflict);
        }
        return Ok(Some(Appended {
            commit: Arc::new(commit),
            replayed: true,
        }));
    }
    Ok(None)
}

/// The event that is kept at a place of a stream, with the message that it is about, and its request's fingerprint.
/// `None` when the stream has no such place: it is another stream's.
fn at_place(group: &mut Group<'_>, stream: StreamId, place: Place) -> Result<Option<(Commit, u64)>> {
    let head = group.head(stream)?;
    match (place, stream) {
        (Place::Message(seq), StreamId::Room(room)) if seq <= head.seq => {
            let key = tables::message(room, seq);
            let stored = group.get::<StoredMessage>(&key)?;
            let stored = stored.ok_or_else(|| missing(&key))?;
            let (event, fingerprint) = (stored.event(room), stored.post.fingerprint);
            let record = Some(Arc::new(stored.record));
            Ok(Some((Commit { event, record }, fingerprint)))
        }
        (Place::Event(rev), _) if rev <= head.rev => {
            let key = tables::event(stream, rev);
            let Some(stored) = group.get::<StoredEvent>(&key)? else {
                // That rev posted a message, so the place is another stream's; or there is a hole, which is told.
                events::page(group.engine(), stream, rev.saturating_sub(1), 1)?;
                return Ok(None);
            };
            let fingerprint = stored.fingerprint;
            let event = stored.into_event(stream);
            let record = match (stream, event.fact.message_seq(&event.head)) {
                (StreamId::Room(room), Some(seq)) => group.row(&RowKey::Message { room, seq })?,
                _ => None,
            };
            let record = record.and_then(|row| match row {
                Row::Message(record) => Some(Arc::new(record)),
                _ => None,
            });
            Ok(Some((Commit { event, record }, fingerprint)))
        }
        _ => Ok(None),
    }
}

fn missing(key: &[u8]) -> Error {
    Error::Damaged(format!("{} is missing", frame::describe(key)))
}

/// A change that is encoded, so that nothing can fail for the caller's reasons any more.
enum Encoded {
    New(Vec<u8>, Vec<u8>),
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    Marker(StateKey, Marker),
}

/// Writes an event and what follows from it, and answers the message that it is about. Everything that can fail for
/// the caller's reasons is done before the first write.
fn write(
    group: &mut Group<'_>,
    command: &Command,
    event: &Event,
    changes: Vec<RowChange>,
) -> Result<Option<Arc<MessageRecord>>> {
    let fingerprint = command.nonce.map_or(0, |used| used.fingerprint);
    let mut encoded = Vec::with_capacity(changes.len() + 1);
    let mut record = None;
    for change in changes {
        encoded.push(match change {
            RowChange::Put(row, Row::Message(message)) => {
                let change = encode_message(group, event, fingerprint, tables::row(&row), &message)?;
                record = Some(Arc::new(message));
                change
            }
            RowChange::Put(row, value) => {
                check_row(&row)?;
                Encoded::Put(tables::row(&row), fitting("a record", encode_row(&value)?)?)
            }
            RowChange::Delete(row) => Encoded::Delete(tables::row(&row)),
            RowChange::MoveMarker { user, room, to } => Encoded::Marker(StateKey::marker(user, room), to),
        });
    }
    // A posted message is the row of its event.
    if !matches!(event.fact, Fact::MessagePosted { .. }) {
        let content = frame::encode(&StoredEvent::new(event, fingerprint))?;
        let key = tables::event(event.stream, event.rev());
        encoded.push(Encoded::New(key, fitting("an event", content)?));
    }

    group.set_head(event.stream, event.head)?;
    for change in encoded {
        match change {
            Encoded::New(key, content) => group.put_new(key, &content)?,
            Encoded::Put(key, content) => group.put(key, &content)?,
            Encoded::Delete(key) => group.delete(key)?,
            Encoded::Marker(key, to) => move_marker(group, &key, to)?,
        }
    }
    if let Some(used) = Used::of(event) {
        group.note_nonce(used);
    }
    Ok(record)
}

/// A message with what its posted event needs: of this event, or as it was kept.
fn encode_message(
    group: &mut Group<'_>,
    event: &Event,
    fingerprint: u64,
    key: Vec<u8>,
    message: &MessageRecord,
) -> Result<Encoded> {
    let encode = |post: &StoredPost| fitting("a record", StoredMessage::encode(message, post)?);
    if let Fact::MessagePosted { author, .. } = event.fact {
        let content = encode(&StoredPost::new(event, author, fingerprint))?;
        return Ok(Encoded::New(key, content));
    }
    let stored = group.get::<StoredMessage>(&key)?;
    let content = encode(&stored.ok_or_else(|| missing(&key))?.post)?;
    Ok(Encoded::Put(key, content))
}

fn fitting(what: &'static str, content: Vec<u8>) -> Result<Vec<u8>> {
    let limit = frame::MAX_CONTENT_BYTES;
    if content.len() > limit {
        return Err(Error::TooLarge { what, limit });
    }
    Ok(content)
}

fn check_row(row: &RowKey) -> Result<()> {
    match row {
        RowKey::Reaction { emoji, .. } if emoji.len() > MAX_EMOJI_BYTES => Err(Error::TooLarge {
            what: "an emoji",
            limit: MAX_EMOJI_BYTES,
        }),
        _ => Ok(()),
    }
}

/// Moves a read marker forward; a marker that is further already stays. The group need not note the row: the event
/// that moved it tells the start check.
fn move_marker(group: &mut Group<'_>, row: &StateKey, to: Marker) -> Result<()> {
    debug_assert_eq!(row.table, StateTable::Markers);
    let present = super::state::load(group, row)?;
    let version = match &present {
        Some(present) if record::decode::<Marker>(&present.value)?.seq >= to.seq => return Ok(()),
        Some(present) => present.version + 1,
        None => 1,
    };
    let next = StateRow {
        version,
        value: record::encode(&to)?,
        expires_at: None,
    };
    super::state::store(group, row, present.as_ref(), Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{Embedded, Options, open};
    use crate::engine::{EngineKind, Entry, Previous};
    use crate::model::{Draft, EventId, GuildId, Nonce, RoomId, UserId};
    use crate::store::backend::Backend;
    use crate::store::command::NonceUse;
    use crate::{AppendError, Env};

    const ROOM: RoomId = RoomId::from_u128(7);
    const USER: UserId = UserId::from_u128(1);

    async fn append(store: &Embedded, nonce: Nonce, fact: Fact) -> Result<Appended> {
        let used = NonceUse {
            nonce,
            fingerprint: 1,
        };
        let command = Command {
            stream: StreamId::Room(ROOM),
            event_id: EventId::from_u128(Env::system().next_id()),
            actor: Some(USER),
            access_rev: 0,
            nonce: Some(used),
            rows: Vec::new(),
        };
        let decide = move |_: &_, _: &_| Ok::<_, ()>(Draft::from(fact.clone()));
        let decided = store.store().append(command, decide).await;
        decided.map_err(|error| match error {
            AppendError::Store(error) => error,
            AppendError::Refused(()) => Error::InvalidFact("refused".to_owned()),
        })
    }

    fn facts() -> [Fact; 3] {
        [
            Fact::channel_created(GuildId::from_u128(1), "room", ""),
            Fact::MessagePosted {
                author: USER,
                text: "text".to_owned(),
                reply_to: None,
                reply_to_author: None,
                mentions: Default::default(),
                system: None,
            },
            Fact::MessageEdited {
                seq: 1,
                text: "other".to_owned(),
                keeps: false,
            },
        ]
    }

    /// A nonce whose event is gone was used all the same: it is never taken for a new one.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_retry_of_what_is_lost_is_damage() {
        for kind in EngineKind::ALL {
            let lost = [
                (1, tables::message(ROOM, 1)),
                (2, tables::event(StreamId::Room(ROOM), 3)),
            ];
            for (which, key) in lost {
                let folder = tempfile::tempdir().unwrap();
                let options = Options {
                    engine: Some(kind),
                    min_free_bytes: 0,
                    ..Options::default()
                };
                let store = open(folder.path(), options).unwrap();
                let nonces = [(); 3].map(|()| Nonce::from_u128(Env::system().next_id()));
                for (nonce, fact) in nonces.into_iter().zip(facts()) {
                    assert!(!append(&store, nonce, fact).await.unwrap().replayed);
                }
                for (nonce, fact) in nonces.into_iter().zip(facts()) {
                    assert!(append(&store, nonce, fact).await.unwrap().replayed);
                }
                let entry = Entry {
                    key,
                    value: None,
                    previous: Previous::Unknown,
                };
                store.engine().unwrap().commit(vec![entry]).unwrap();
                let again = append(&store, nonces[which], facts()[which].clone()).await;
                assert!(matches!(again, Err(Error::Damaged(_))), "{kind}: {again:?}");
                store.close().await.unwrap();
            }
        }
    }
}
