//! What changed since: two indexes over `(stored_at, id)`, read again and again with an overlap.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::documents::{Collection, Position};
use super::retry::read;
use super::{Defect, DocumentStore, names};
use crate::error::{Error, Result};
use crate::model::{StreamId, Timestamp};
use crate::store::changes::{Change, Changed, Changes, Cursor};
use crate::store::pages::MAX_ROWS_PER_PAGE;
use crate::store::record::{decode, encode};

/// How far the database's clocks may disagree, across fail-overs. What was stored within this time of the newest is
/// read again: something with an earlier time may still appear.
const OVERLAP_MS: u64 = 60_000;

/// What a cursor's bytes say. The indexes are read in passes, events first; a pass ends at what was newest when it
/// began, and the next one starts an overlap before that end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Place {
    /// Where the next pass over events starts.
    events_from: Timestamp,
    /// Where the next pass over state rows starts.
    state_from: Timestamp,
    /// Whether events are done in this round.
    in_state: bool,
    /// The pass under way.
    pass: Option<Pass>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pass {
    after: Position,
    until: Timestamp,
}

impl Place {
    /// Goes on with the other index; answers whether both are done.
    fn next_index(&mut self) -> bool {
        self.in_state = !self.in_state;
        !self.in_state
    }

    fn from(&self) -> Timestamp {
        if self.in_state {
            self.state_from
        } else {
            self.events_from
        }
    }

    fn end_pass(&mut self, until: Timestamp, overlap: u64) {
        let from = Timestamp::from_millis(until.as_millis().saturating_sub(overlap));
        let place = if self.in_state {
            &mut self.state_from
        } else {
            &mut self.events_from
        };
        *place = from.max(*place);
    }
}

impl DocumentStore {
    pub(super) async fn read_changes(&self, cursor: &Cursor, limit: usize) -> Result<Changes> {
        // Bytes that this store did not make say nothing: everything is answered.
        let mut place: Place = decode(cursor.as_bytes()).unwrap_or_default();
        let overlap = if self.has(Defect::SkipOverlap) {
            0
        } else {
            OVERLAP_MS
        };
        let mut left = limit.clamp(1, MAX_ROWS_PER_PAGE);
        let mut entries = Vec::new();
        loop {
            let collection = if place.in_state {
                Collection::State
            } else {
                Collection::Events
            };
            if let Some(pass) = self.pass(&mut place, collection).await? {
                let wanted = left + 1;
                let mut positions = read!(self.documents.stored(collection, &pass.after, pass.until, wanted));
                let more = positions.len() > left;
                positions.truncate(left);
                left -= positions.len();
                self.note(collection, &positions, &mut entries).await?;
                if more {
                    let after = positions.pop().unwrap_or(pass.after);
                    place.pass = Some(Pass {
                        after,
                        until: pass.until,
                    });
                    return answer(entries, &place, true);
                }
                place.end_pass(pass.until, overlap);
            }
            if place.next_index() {
                return answer(entries, &place, false);
            }
        }
    }

    /// The pass under way, or a new one; `None` when the collection is empty.
    async fn pass(&self, place: &mut Place, collection: Collection) -> Result<Option<Pass>> {
        if let Some(pass) = place.pass.take() {
            return Ok(Some(pass));
        }
        let newest = read!(self.documents.newest(collection));
        let after = Position {
            stored_at: place.from(),
            id: String::new(),
        };
        Ok(newest.map(|until| Pass { after, until }))
    }

    async fn note(
        &self,
        collection: Collection,
        found: &[Position],
        entries: &mut Vec<Change>,
    ) -> Result<()> {
        let unknown = |position: &Position| Error::Damaged(format!("{} has no known name", position.id));
        if collection == Collection::State {
            let mut tables = BTreeMap::new();
            for position in found {
                let table = names::parse_state_table(&position.id).ok_or_else(|| unknown(position))?;
                let head = tables.entry(table).or_insert(0);
                *head = position.stored_at.as_millis().max(*head);
            }
            entries.extend(tables.into_iter().map(|(table, head)| Change {
                what: Changed::State(table),
                head,
            }));
            return Ok(());
        }
        let mut streams = BTreeMap::new();
        for position in found {
            let (stream, rev) = names::parse_event(&position.id).ok_or_else(|| unknown(position))?;
            let newest = streams.entry(stream).or_insert(0);
            *newest = rev.max(*newest);
        }
        entries.extend(self.projected(streams).await?);
        Ok(())
    }

    /// The heads of streams in which these events were found. What a node left behind that died before it told
    /// anybody is projected first.
    async fn projected(&self, found: BTreeMap<StreamId, u64>) -> Result<Vec<Change>> {
        let streams: Vec<StreamId> = found.keys().copied().collect();
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        let heads = self.read_heads(&streams).await?;
        let mut changes = Vec::with_capacity(streams.len());
        for ((stream, rev), mut head) in found.into_iter().zip(heads) {
            if head.rev < rev && !self.has(Defect::SkipRepair) {
                head = self.catch_up(stream).await?;
            }
            changes.push(Change {
                what: Changed::Stream(stream),
                head: head.rev,
            });
        }
        Ok(changes)
    }
}

fn answer(entries: Vec<Change>, place: &Place, more: bool) -> Result<Changes> {
    Ok(Changes {
        entries,
        cursor: Cursor::from_bytes(encode(place)?),
        more,
    })
}
