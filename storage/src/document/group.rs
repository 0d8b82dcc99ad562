//! Appends that wait for one stream: posts among them go together.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::append::{Planned, event_document, stored_event};
use super::documents::{Collection, Content, Document, Guard, Index, Inserted, StoredState, Update};
use super::retry::PATIENCE;
use super::turns::Waiting;
use super::{Defect, DocumentStore, names};
use crate::error::{Error, Result};
use crate::model::{Event, Fact, Marker, RoomId, Row, RowChange, RowKey, Rows, StateKey, StreamId, UserId};
use crate::store::backend::{AppendOutcome, Decide};
use crate::store::command::Command;
use crate::store::record::{decode, encode};

/// How many posts go together.
const MOST_TOGETHER: usize = 32;
/// How long a node goes on appending to a stream without a pause, where there are other nodes.
const LONGEST_HOLD: Duration = Duration::from_millis(100);
/// The longest such pause. It is twice as long as the last group took: others must find out where the stream stands.
const LONGEST_YIELD: Duration = Duration::from_millis(100);
/// How many rows go together.
const MOST_ROWS: usize = 100;

/// Where a marker moves by the posts of its owner: to the last of them.
#[derive(Clone, Copy)]
pub(super) struct Move {
    pub(super) rev: u64,
    pub(super) to: Marker,
    /// How many posts move it: a version for each.
    pub(super) posts: u64,
}

impl DocumentStore {
    /// Carries out what waits for a stream, until nothing does.
    pub(super) async fn work_on(self, stream: StreamId) {
        let mut since = Instant::now();
        loop {
            let group = self.turns.next(stream, MOST_TOGETHER);
            if group.is_empty() {
                return;
            }
            let store = self.clone();
            let began = Instant::now();
            // A task of its own: a decision that panics must not keep those behind it from their turns.
            let _ = tokio::spawn(async move { store.append_group(stream, group.into()).await }).await;
            // Whoever was first knows best where the stream stands, and would be first for ever. A node that is never
            // second does not hear of the others who try, so it lets go of a busy stream now and then.
            let lets_go = self.known.has_company() && since.elapsed() > LONGEST_HOLD;
            if lets_go || self.known.is_shared(stream) {
                tokio::time::sleep((2 * began.elapsed()).min(LONGEST_YIELD)).await;
                since = Instant::now();
            }
        }
    }

    async fn append_group(&self, stream: StreamId, mut group: VecDeque<Waiting>) {
        loop {
            refuse_overdue(&mut group);
            if group.len() > 1 && !self.has(Defect::AnswerEarly) {
                self.append_some(stream, &mut group).await;
            } else if let Some(waiting) = group.pop_front() {
                self.append_one(waiting, Vec::new()).await;
            } else {
                return;
            }
        }
    }

    async fn append_one(&self, waiting: Waiting, tried: Vec<Planned>) {
        let Waiting {
            command,
            decide,
            answer,
            work,
            ..
        } = waiting;
        let outcome = self.append_alone(&command, decide, tried).await;
        // Whoever asked may have gone.
        let _ = answer.send(outcome);
        drop(work);
    }

    async fn append_alone(
        &self,
        command: &Command,
        mut decide: Decide,
        mut tried: Vec<Planned>,
    ) -> Result<AppendOutcome> {
        // What was tried in a group was admitted there, and may have been done: by now its nonce may have expired.
        if tried.is_empty() {
            self.admit(command)?;
            if let Some(outcome) = self.append_at_once(command, &mut decide, &mut tried).await? {
                return Ok(outcome);
            }
        }
        self.append_in_turn(command, decide, tried).await
    }

    /// Carries out the first of several appends, and those behind it that can go with it.
    async fn append_some(&self, stream: StreamId, group: &mut VecDeque<Waiting>) {
        let planned = self.plan_together(stream, group).await.unwrap_or_default();
        if planned.len() < 2 {
            if let Some(first) = group.pop_front() {
                self.append_one(first, Vec::new()).await;
            }
            return;
        }
        let documents = planned
            .iter()
            .zip(group.iter())
            .map(|(planned, waiting)| event_document(&waiting.command, planned));
        let answers = self
            .documents
            .insert_all(Collection::Events, documents.collect())
            .await;
        let is_done = |answer: &&super::Answer<Inserted>| **answer == Ok(Inserted::Done);
        let done = answers.iter().take_while(is_done).count();
        let is_clear = answers.get(done) == Some(&Ok(Inserted::Taken));

        let mut planned: VecDeque<Planned> = planned.into();
        let posts: Vec<Planned> = planned.drain(..done).collect();
        self.follow_up_together(posts, group.drain(..done).collect())
            .await;
        let Some(failed) = planned.pop_front() else { return };
        self.known.doubt_head(stream);
        if let Some(waiting) = group.pop_front() {
            self.append_one(waiting, vec![failed]).await;
        }
        for planned in planned {
            // After a clear answer nothing comes later, and whatever is not there may be planned anew. But servers do
            // not all tell rightly how far they came.
            if is_clear && !self.may_be_there(&planned).await {
                return;
            }
            if let Some(waiting) = group.pop_front() {
                self.append_one(waiting, vec![planned]).await;
            }
        }
    }

    /// What the first appends of a group would insert one behind the other, as long as they are posts.
    async fn plan_together(&self, stream: StreamId, group: &mut VecDeque<Waiting>) -> Result<Vec<Planned>> {
        let mut head = self.likely_head(stream).await?;
        let mut keys: Vec<RowKey> = Vec::new();
        for waiting in group.iter() {
            if self.admit(&waiting.command).is_err() {
                break;
            }
            keys.extend(waiting.command.rows.iter().cloned());
        }
        keys.sort_unstable();
        keys.dedup();
        let Some(mut rows) = self.rows_at(&head, stream, &keys).await? else {
            self.known.doubt_head(stream);
            return Ok(Vec::new());
        };
        let mut plans = Vec::with_capacity(group.len());
        for Waiting { command, decide, .. } in group.iter_mut() {
            if self.admit(command).is_err() {
                break;
            }
            let mut named = Rows::default();
            for key in &command.rows {
                if let Some(row) = rows.get(key) {
                    named.insert(key.clone(), row.clone());
                }
            }
            let Some(draft) = decide(&head, &named) else { break };
            if !matches!(draft.fact, Fact::MessagePosted { .. }) {
                break;
            }
            let Ok(planned) = Planned::of(self.event_of(command, &head, draft), &rows) else {
                break;
            };
            for change in &planned.changes {
                if let RowChange::Put(key, row) = change {
                    rows.insert(key.clone(), row.clone());
                }
            }
            head = planned.event.head;
            plans.push(planned);
        }
        Ok(plans)
    }

    /// The events are there: writes what follows from them, and tells.
    async fn follow_up_together(&self, posts: Vec<Planned>, waiting: Vec<Waiting>) {
        let (Some(first), Some(last)) = (posts.first(), posts.last()) else {
            return;
        };
        let changes: Vec<(&Event, &[RowChange])> = posts
            .iter()
            .map(|post| (&post.event, post.changes.as_slice()))
            .collect();
        let followed = async {
            self.carry_out_posts(&changes).await?;
            self.move_head(&last.event, first.event.rev() - 1).await
        };
        let followed = followed.await;
        if followed.is_ok() {
            self.known.keep_head(last.event.stream, last.event.head);
        }
        for (post, waiting) in posts.into_iter().zip(waiting) {
            let told = followed.clone().map(|()| self.tell(&post.event, post.record));
            // Whoever asked may have gone.
            let _ = waiting.answer.send(told);
        }
    }

    /// Whether an event may have been inserted. When that cannot be read, it may.
    async fn may_be_there(&self, planned: &Planned) -> bool {
        let name = [names::event(planned.event.stream, planned.event.rev())];
        let Ok(mut found) = self.documents.find(Collection::Events, Index::Id, &name).await else {
            return true;
        };
        let Some(found) = found.pop() else { return false };
        stored_event(found).is_ok_and(|stored| stored.event.id == planned.event.id)
    }

    /// Writes what follows from posts, but for their heads. It follows from the posts alone, so the order does not matter.
    pub(super) async fn carry_out_posts(&self, posts: &[(&Event, &[RowChange])]) -> Result<()> {
        let mut rows = Vec::new();
        let mut markers = BTreeMap::new();
        for (event, changes) in posts {
            for change in *changes {
                match change {
                    // The event's own document is the record.
                    RowChange::Put(RowKey::Message { .. }, _) => {}
                    RowChange::Put(key, row) => rows.push((*event, key, Some(row))),
                    RowChange::Delete(key) => rows.push((*event, key, None)),
                    RowChange::MoveMarker { user, room, to } => {
                        let marker = markers.entry((*user, *room)).or_insert(Move {
                            rev: 0,
                            to: *to,
                            posts: 0,
                        });
                        *marker = Move {
                            rev: event.rev(),
                            to: *to,
                            posts: marker.posts + 1,
                        };
                    }
                }
            }
        }
        let (rows, markers) = tokio::join!(self.put_new_rows(&rows), self.move_markers(&markers));
        rows.and(markers)
    }

    /// Writes rows that are hardly there already.
    async fn put_new_rows(&self, rows: &[(&Event, &RowKey, Option<&Row>)]) -> Result<()> {
        for rows in rows.chunks(MOST_ROWS) {
            let document = |(event, key, row): &(&Event, &RowKey, Option<&Row>)| {
                let content = Content::Row {
                    key: (*key).clone(),
                    row: row.cloned(),
                };
                Document::new(names::row(key), event.rev(), event.id.as_u128(), content)
            };
            let is_new = rows.iter().all(|(_, _, row)| row.is_some());
            let answers = if is_new {
                let documents = rows.iter().map(document).collect();
                self.documents.insert_all(Collection::Rows, documents).await
            } else {
                Vec::new()
            };
            let done = answers
                .iter()
                .take_while(|answer| **answer == Ok(Inserted::Done))
                .count();
            for (event, key, row) in &rows[done..] {
                self.put_row(event, (*key).clone(), row.cloned()).await?;
            }
        }
        Ok(())
    }

    /// Moves markers on what this node wrote last, and those that fail one by one.
    async fn move_markers(&self, markers: &BTreeMap<(UserId, RoomId), Move>) -> Result<()> {
        let mut others = Vec::new();
        let (mut tried, mut updates) = (Vec::new(), Vec::new());
        for (&(user, room), &to) in markers {
            let name = names::state(&StateKey::marker(user, room));
            let before = self.known.marker(&name);
            match before.map(|before| self.marker_after(&before, to)).transpose()? {
                Some(Some(after)) => {
                    let (document, guard, update) = after;
                    updates.push((name, guard, update));
                    tried.push((document, (user, room, to)));
                }
                _ => others.push((user, room, to)),
            }
        }
        let answers = if updates.is_empty() {
            Vec::new()
        } else {
            self.documents.update_all(Collection::State, updates).await
        };
        for ((document, marker), answer) in tried.into_iter().zip(answers) {
            if answer == Ok(true) {
                self.known.keep_marker(document);
            } else {
                self.known.forget_marker(&document.id);
                others.push(marker);
            }
        }
        for (user, room, to) in others {
            self.move_marker(user, room, to).await?;
        }
        Ok(())
    }

    /// A marker's document moved on; `None` where it has to be looked at more closely.
    fn marker_after(&self, before: &Document, to: Move) -> Result<Option<(Document, Guard, Update)>> {
        let state = super::state::stored_state(before)?;
        let Some(value) = &state.value else {
            return Ok(None);
        };
        if before.rev >= to.rev || decode::<Marker>(value)?.seq >= to.to.seq {
            return Ok(None);
        }
        let state = StoredState {
            key: state.key.clone(),
            version: state.version + to.posts,
            value: Some(encode(&to.to)?),
            expires_at: state.expires_at,
        };
        let mut after = Document::new(
            before.id.clone(),
            to.rev,
            self.env.next_id(),
            Content::State(state.clone()),
        );
        after.expires_at = state.expires_at;
        let update = Update {
            rev: Some(to.rev),
            stamp: Some(after.stamp),
            expires_at: Some(state.expires_at),
            content: Some(Content::State(state)),
            forget_nonce: false,
            touch: true,
        };
        Ok(Some((after, Guard::StampIs(before.stamp), update)))
    }
}

/// While the database is away each in the queue would otherwise try for as long as the one before it.
fn refuse_overdue(group: &mut VecDeque<Waiting>) {
    let is_overdue = |waiting: &mut Waiting| waiting.since.elapsed() > PATIENCE;
    while let Some(waiting) = group.pop_front_if(is_overdue) {
        let late = Error::Unavailable("others before it took too long".to_owned());
        // Whoever asked may have gone.
        let _ = waiting.answer.send(Err(late));
    }
}
