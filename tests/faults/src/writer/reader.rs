//! A reader in a tight loop that tells what it saw before it looks further: what was shown must never go away.

use std::collections::HashMap;
use std::sync::Arc;

use madang_storage::model::{Head, Marker, MessageRecord, RoomId, StateKey, StreamId};
use madang_storage::{Anchor, Error};

use super::states::{BLOB, MARKER, blob_key, journal_name, marker_key, shared_key};
use super::{ROOMS, Run, USERS, room, user};
use crate::content::{Blob, hash_of};
use crate::dice::Dice;
use crate::knowledge::{How, Lines};

/// What was told already, so that only news is told.
#[derive(Default)]
struct Told {
    records: HashMap<(RoomId, u64), u64>,
    heads: HashMap<StreamId, u64>,
    events: HashMap<StreamId, u64>,
    states: HashMap<Vec<u8>, u64>,
}

/// Reads until an error ends it, or until another task's error did.
pub(super) async fn read(run: &Arc<Run>, mut dice: Dice) -> Option<Error> {
    let mut told = Told::default();
    while !run.stopped() {
        if let Err(error) = step(run, &mut dice, &mut told).await {
            return Some(error);
        }
        // The store's reads may never wait, and a loop without a wait would keep its thread for itself.
        tokio::task::yield_now().await;
    }
    None
}

async fn step(run: &Run, dice: &mut Dice, told: &mut Told) -> Result<(), Error> {
    let room = room(dice.below(u64::try_from(ROOMS).expect("few rooms")));
    let mut lines = Lines::default();
    match dice.below(10) {
        0..4 => {
            let page = run.store.history(room, Anchor::Latest, 30).await?;
            told.head(&mut lines, StreamId::Room(room), &page.head);
            page.messages
                .iter()
                .for_each(|record| told.record(&mut lines, room, record));
        }
        4..6 => {
            let around = 1 + dice.below(told.heads.get(&StreamId::Room(room)).copied().unwrap_or(1).max(1));
            let page = run.store.history(room, Anchor::Around(around), 20).await?;
            page.messages
                .iter()
                .for_each(|record| told.record(&mut lines, room, record));
        }
        6..8 => told.new_events(run, &mut lines, StreamId::Room(room)).await?,
        8 => {
            let head = run.store.head(StreamId::Room(room)).await?;
            told.head(&mut lines, StreamId::Room(room), &head);
            if let Some(record) = run.store.message(room, head.seq).await? {
                told.record(&mut lines, room, &record);
            }
        }
        _ => told.some_state(run, dice, &mut lines, room).await?,
    }
    run.journal.write(&lines);
    Ok(())
}

impl Told {
    fn record(&mut self, lines: &mut Lines, room: RoomId, record: &MessageRecord) {
        if self.records.insert((room, record.seq), record.rev) != Some(record.rev) {
            lines.record(How::Seen, room, record);
        }
    }

    fn head(&mut self, lines: &mut Lines, stream: StreamId, head: &Head) {
        if self.heads.insert(stream, head.rev) != Some(head.rev) {
            lines.head(stream, head.rev);
        }
    }

    fn state(&mut self, lines: &mut Lines, name: Vec<u8>, version: u64, hash: u64) {
        if self.states.insert(name.clone(), version) != Some(version) {
            lines.state(How::Seen, &name, version, hash);
        }
    }

    /// Follows a stream's events from where it was left, skipping what came before the first look.
    async fn new_events(&mut self, run: &Run, lines: &mut Lines, stream: StreamId) -> Result<(), Error> {
        let after = match self.events.get(&stream) {
            Some(rev) => *rev,
            None => run.store.head(stream).await?.rev.saturating_sub(50),
        };
        let page = run.store.events(stream, after, 100).await?;
        for commit in &page.commits {
            lines.event(How::Seen, &commit.event);
            if let (Some(record), StreamId::Room(room)) = (&commit.record, stream) {
                self.record(lines, room, record);
            }
        }
        self.events.insert(
            stream,
            page.commits.last().map_or(after, |commit| commit.event.rev()),
        );
        self.head(lines, stream, &page.head);
        Ok(())
    }

    async fn some_state(
        &mut self,
        run: &Run,
        dice: &mut Dice,
        lines: &mut Lines,
        room: RoomId,
    ) -> Result<(), Error> {
        let key = shared_key(dice.next());
        if let Some(row) = run.store.state::<Blob>(&blob_key(&key)).await? {
            self.state(lines, journal_name(BLOB, &key), row.version, hash_of(&row.record));
        }
        let user = user(dice.below(u64::try_from(USERS).expect("few users")));
        if let Some(row) = run.store.state::<Marker>(&StateKey::marker(user, room)).await? {
            let name = journal_name(MARKER, &marker_key(user, room));
            self.state(lines, name, row.version, hash_of(&row.record));
        }
        Ok(())
    }
}
