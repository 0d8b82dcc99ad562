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

/// How far before the newest a late cursor stands. Nodes look at least every ten seconds: whatever was left undone for so
/// long was left by nobody.
const LATE_MS: u64 = 10 * 60 * 1_000;

/// What a cursor's bytes say: a place in each of the two indexes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Place {
    events: Track,
    state: Track,
    round: Round,
}

/// A round ends where both indexes do. What was stored while it took several pages may have been put in front of its
/// place, so such a round is followed by another one before the end is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Round {
    /// Nothing is read yet.
    #[default]
    New,
    /// Some pages are read.
    Long,
    /// Reads again what a long round may have missed.
    Closing,
}

/// How far one index is read. It is read in passes, each of which starts an overlap before what was newest when the
/// pass before began: whatever was there to be read then has been read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Track {
    /// Where the next pass starts.
    from: Timestamp,
    /// The pass under way.
    pass: Option<Pass>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pass {
    /// What was read last.
    after: Position,
    /// Where the pass after this one starts.
    next_from: Timestamp,
}

impl Track {
    fn end_pass(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.from = pass.next_from.max(self.from);
        }
    }
}

impl DocumentStore {
    pub(super) async fn read_late_cursor(&self) -> Result<Cursor> {
        let mut place = Place::default();
        for (collection, track) in [
            (Collection::Events, &mut place.events),
            (Collection::State, &mut place.state),
        ] {
            let newest = read!(self.documents.newest(collection, Timestamp::default())).unwrap_or_default();
            track.from = Timestamp::from_millis(newest.as_millis().saturating_sub(LATE_MS));
        }
        Ok(Cursor::from_bytes(encode(&place)?))
    }

    pub(super) async fn read_changes(&self, cursor: &Cursor, limit: usize) -> Result<Changes> {
        // Bytes that this store did not make say nothing: everything is answered.
        let mut place: Place = decode(cursor.as_bytes()).unwrap_or_default();
        let mut left = limit.clamp(1, MAX_ROWS_PER_PAGE);
        let mut entries = Vec::new();
        let tracks = [
            (Collection::Events, &mut place.events),
            (Collection::State, &mut place.state),
        ];
        let mut more = false;
        for (collection, track) in tracks {
            let (found, goes_on) = self.read_track(collection, track, left).await?;
            left -= found.len();
            more |= goes_on;
            self.note(collection, &found, &mut entries).await?;
        }
        if more && place.round == Round::New {
            place.round = Round::Long;
        }
        if !more {
            more = place.round == Round::Long;
            place.round = if more { Round::Closing } else { Round::New };
            // Only now, when both indexes came to their ends: otherwise one would be read again and again while the
            // other goes on.
            place.events.end_pass();
            place.state.end_pass();
        }
        Ok(Changes {
            entries,
            cursor: Cursor::from_bytes(encode(&place)?),
            more,
        })
    }

    /// Goes on with a pass, or begins one; answers what it found and whether there is more.
    async fn read_track(
        &self,
        collection: Collection,
        track: &mut Track,
        limit: usize,
    ) -> Result<(Vec<Position>, bool)> {
        let mut pass = match track.pass.take() {
            Some(pass) => pass,
            None => {
                let overlap = if self.has(Defect::SkipOverlap) {
                    0
                } else {
                    OVERLAP_MS
                };
                // What is older than this pass's start changes nothing about the next one's.
                let newest = read!(self.documents.newest(collection, track.from)).unwrap_or_default();
                let next_from = Timestamp::from_millis(newest.as_millis().saturating_sub(overlap));
                Pass {
                    after: Position {
                        stored_at: track.from,
                        id: String::new(),
                    },
                    next_from,
                }
            }
        };
        let mut found = read!(self.documents.stored(collection, &pass.after, limit + 1));
        let more = found.len() > limit;
        found.truncate(limit);
        if let Some(last) = found.last() {
            pass.after = last.clone();
        }
        track.pass = Some(pass);
        Ok((found, more))
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
