//! What commits must leave behind, by folding them with the model's pure functions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{
    Commit, Event, Fact, Head, Marker, MessageRecord, RoomId, Row, RowChange, RowKey, RowPrefix, Rows,
    StreamId, UserId, advance, project, rows_needed,
};
use crate::{Anchor, Changed, Cursor, MAX_EVENTS_PER_PAGE, MAX_MESSAGES_PER_PAGE, MAX_ROWS_PER_PAGE, Store};

/// All that follows from a sequence of commits.
#[derive(Debug, Default)]
pub struct Fold {
    /// The commits of each stream, in the order of their `rev`.
    pub commits: BTreeMap<StreamId, Vec<Arc<Commit>>>,
    /// Where each stream stands.
    pub heads: BTreeMap<StreamId, Head>,
    /// Every row that was ever written; `None` for one that is gone again.
    pub rows: BTreeMap<RowKey, Option<Row>>,
    /// How far posts alone moved each marker.
    pub markers: BTreeMap<(UserId, RoomId), Marker>,
}

impl Fold {
    /// Folds commits as a sink was told of them.
    pub fn of(commits: &[Arc<Commit>]) -> Self {
        let mut fold = Self::default();
        for commit in commits {
            fold.add(commit);
        }
        fold
    }

    /// Adds a commit as it was told right after it became durable. Fails unless it is its stream's next one, moves
    /// the head as [`advance`] says and carries the record as [`project`] leaves it.
    pub fn add(&mut self, commit: &Arc<Commit>) {
        let event = with_text(commit);
        let head = self.heads.entry(event.stream).or_default();
        assert_eq!(
            event.rev(),
            head.rev + 1,
            "{} is told out of order or twice",
            event.stream
        );
        assert_eq!(
            event.head,
            advance(head, &event.fact, event.at()),
            "{} has a wrong head",
            event.stream
        );
        *head = event.head;

        let changes = project(&event, &self.rows_before(&event)).expect("a committed event fits its rows");
        for change in changes {
            self.apply(change);
        }
        let told = commit.record.as_deref();
        assert_eq!(
            told,
            self.record_of(&event),
            "rev {} carries another record",
            event.rev()
        );
        self.commits
            .entry(event.stream)
            .or_default()
            .push(Arc::clone(commit));
    }

    fn rows_before(&self, event: &Event) -> Rows {
        let mut rows = Rows::default();
        for key in rows_needed(event.stream, &event.fact) {
            if let Some(Some(row)) = self.rows.get(&key) {
                rows.insert(key, row.clone());
            }
        }
        rows
    }

    fn apply(&mut self, change: RowChange) {
        match change {
            RowChange::Put(key, row) => {
                self.rows.insert(key, Some(row));
            }
            RowChange::Delete(key) => {
                self.rows.insert(key, None);
            }
            RowChange::MoveMarker { user, room, to } => {
                let marker = self.markers.entry((user, room)).or_default();
                if to.seq > marker.seq {
                    *marker = to;
                }
            }
        }
    }

    fn record_of(&self, event: &Event) -> Option<&MessageRecord> {
        let StreamId::Room(room) = event.stream else {
            return None;
        };
        let seq = event.fact.message_seq(&event.head)?;
        self.message(room, seq)
    }

    /// A message as it must be now.
    pub fn message(&self, room: RoomId, seq: u64) -> Option<&MessageRecord> {
        match self.rows.get(&RowKey::Message { room, seq }) {
            Some(Some(Row::Message(record))) => Some(record),
            _ => None,
        }
    }

    /// Fails unless the store has exactly this: streams, events, heads, rows, lists and pages of messages.
    pub async fn assert_matches(&self, store: &Store) {
        assert_eq!(
            all_streams(store).await,
            self.heads.keys().copied().collect(),
            "streams"
        );
        self.assert_events(store).await;
        self.assert_rows(store).await;
        self.assert_lists(store).await;
        self.assert_history(store).await;
    }

    async fn assert_events(&self, store: &Store) {
        for (stream, expected) in &self.commits {
            let head = self.heads[stream];
            assert_eq!(
                store.head(*stream).await.expect("the head is read"),
                head,
                "head of {stream}"
            );
            let stored = all_events(store, *stream).await;
            assert_eq!(stored.len(), expected.len(), "number of events of {stream}");
            for (stored, expected) in stored.iter().zip(expected) {
                assert_same_event(&stored.event, &expected.event);
                let record = self.record_of(&stored.event);
                assert_eq!(
                    stored.record.as_deref(),
                    record,
                    "record with rev {} of {stream}",
                    stored.event.rev()
                );
            }
        }
    }

    async fn assert_rows(&self, store: &Store) {
        let expected: Vec<_> = self.rows.iter().collect();
        for chunk in expected.chunks(MAX_ROWS_PER_PAGE) {
            let keys: Vec<_> = chunk.iter().map(|(key, _)| (*key).clone()).collect();
            let stored = store.rows(&keys).await.expect("rows are read");
            assert_eq!(stored.len(), keys.len());
            for ((key, expected), stored) in chunk.iter().zip(stored) {
                assert_eq!(&stored, *expected, "row {key:?}");
            }
        }
    }

    async fn assert_lists(&self, store: &Store) {
        let prefixes: BTreeMap<String, RowPrefix> = self
            .rows
            .keys()
            .filter_map(list_of)
            .map(|prefix| (format!("{prefix:?}"), prefix))
            .collect();
        for prefix in prefixes.values() {
            assert_eq!(
                all_rows(store, prefix, MAX_ROWS_PER_PAGE).await,
                self.list(prefix),
                "{prefix:?}"
            );
        }
    }

    /// The rows that a list must have, in order.
    pub fn list(&self, prefix: &RowPrefix) -> Vec<(RowKey, Row)> {
        let present = self
            .rows
            .iter()
            .filter_map(|(key, row)| Some((key.clone(), row.clone()?)));
        present.filter(|(key, _)| prefix.contains(key)).collect()
    }

    async fn assert_history(&self, store: &Store) {
        let rooms: BTreeSet<RoomId> = self.heads.keys().filter_map(room_of).collect();
        for room in rooms {
            let expected =
                (1..=self.heads[&StreamId::Room(room)].seq).map(|seq| self.message(room, seq).cloned());
            let expected: Vec<_> = expected
                .collect::<Option<_>>()
                .expect("every number has its message");
            assert_eq!(all_messages(store, room).await, expected, "messages of {room}");
        }
    }
}

/// The event as it was decided: whether a commit repeats the text that its record has is not promised.
fn with_text(commit: &Commit) -> Event {
    let mut event = commit.event.clone();
    if let (Fact::MessagePosted { text, .. } | Fact::MessageEdited { text, .. }, Some(record)) =
        (&mut event.fact, &commit.record)
    {
        text.clone_from(&record.text);
    }
    event
}

/// Fails unless these are the same event, whether or not either of them carries the text of its message.
pub fn assert_same_event(left: &Event, right: &Event) {
    let bare = |event: &Event| Event {
        fact: event.fact.without_text(),
        ..event.clone()
    };
    assert_eq!(bare(left), bare(right));
}

/// Every stream that the store has, as its changes tell.
pub async fn all_streams(store: &Store) -> BTreeSet<StreamId> {
    let (mut streams, mut cursor) = (BTreeSet::new(), Cursor::start());
    loop {
        let page = store
            .changed_since(&cursor, MAX_ROWS_PER_PAGE)
            .await
            .expect("changes are read");
        streams.extend(page.entries.iter().filter_map(|change| match change.what {
            Changed::Stream(stream) => Some(stream),
            Changed::State(_) => None,
        }));
        if !page.more {
            return streams;
        }
        assert_ne!(page.cursor, cursor, "there is more, but the cursor stands still");
        cursor = page.cursor;
    }
}

/// Every event of a stream, read in pages.
pub async fn all_events(store: &Store, stream: StreamId) -> Vec<Commit> {
    let mut commits: Vec<Commit> = Vec::new();
    loop {
        let after = commits.last().map_or(0, |commit| commit.event.rev());
        let page = store
            .events(stream, after, MAX_EVENTS_PER_PAGE)
            .await
            .expect("events are read");
        let Some(first) = page.commits.first() else {
            return commits;
        };
        assert_eq!(
            first.event.rev(),
            after + 1,
            "a page of {stream} starts elsewhere"
        );
        commits.extend(page.commits);
    }
}

/// Every row of a list, read in pages of `limit`. Fails when `more` is ever wrong.
pub async fn all_rows(store: &Store, prefix: &RowPrefix, limit: usize) -> Vec<(RowKey, Row)> {
    let mut rows: Vec<(RowKey, Row)> = Vec::new();
    loop {
        let after = rows.last().map(|(key, _)| key);
        let page = store
            .list_rows(prefix, after, limit)
            .await
            .expect("a list is read");
        assert!(
            page.rows.len() == limit || !page.more,
            "a page that is not full says that there is more"
        );
        let goes_on = page
            .rows
            .first()
            .is_none_or(|(first, _)| after.is_none_or(|after| first > after));
        assert!(goes_on, "a page does not start behind the one before");
        assert!(
            !page.rows.is_empty() || rows.is_empty(),
            "there was nothing behind a page that said more"
        );
        rows.extend(page.rows);
        if !page.more {
            return rows;
        }
    }
}

/// Every message of a room, read in pages from the front.
pub async fn all_messages(store: &Store, room: RoomId) -> Vec<MessageRecord> {
    let mut messages: Vec<MessageRecord> = Vec::new();
    loop {
        let after = messages.last().map_or(0, |record| record.seq);
        let page = store
            .history(room, Anchor::After(after), MAX_MESSAGES_PER_PAGE)
            .await;
        let page = page.expect("messages are read").messages;
        let Some(first) = page.first() else {
            return messages;
        };
        assert_eq!(first.seq, after + 1, "a page of {room} starts elsewhere");
        messages.extend(page);
    }
}

fn list_of(key: &RowKey) -> Option<RowPrefix> {
    match key {
        RowKey::Member { guild, .. } => Some(RowPrefix::MembersOf(*guild)),
        RowKey::GuildOf { user, .. } => Some(RowPrefix::GuildsOf(*user)),
        RowKey::Channel { guild, .. } => Some(RowPrefix::ChannelsOf(*guild)),
        RowKey::Reaction { room, seq, emoji, .. } => Some(RowPrefix::ReactionsOf {
            room: *room,
            seq: *seq,
            emoji: emoji.clone(),
        }),
        RowKey::Role { guild, .. } => Some(RowPrefix::RolesOf(*guild)),
        RowKey::Category { guild, .. } => Some(RowPrefix::CategoriesOf(*guild)),
        RowKey::Ban { guild, .. } => Some(RowPrefix::BansOf(*guild)),
        RowKey::RoomMember { room, .. } => Some(RowPrefix::MembersOfRoom(*room)),
        RowKey::RoomOf { user, .. } => Some(RowPrefix::RoomsOf(*user)),
        RowKey::Thread { parent, .. } => Some(RowPrefix::ThreadsOf(*parent)),
        RowKey::Pin { room, .. } => Some(RowPrefix::PinsOf(*room)),
        RowKey::WideMention { room, .. } => Some(RowPrefix::WideMentionsOf(*room)),
        RowKey::Inbox { user, .. } => Some(RowPrefix::InboxOf(*user)),
        RowKey::Follow { user, .. } => Some(RowPrefix::FollowedBy(*user)),
        RowKey::Follower { user, .. } => Some(RowPrefix::FollowersOf(*user)),
        RowKey::Block { user, .. } => Some(RowPrefix::BlockedBy(*user)),
        RowKey::PublicGuild(_) => Some(RowPrefix::PublicGuilds),
        RowKey::Audit { guild, .. } => Some(RowPrefix::AuditOf(*guild)),
        RowKey::Instance | RowKey::Guild(_) | RowKey::User(_) | RowKey::Room(_) | RowKey::Message { .. } => {
            None
        }
    }
}

fn room_of(stream: &StreamId) -> Option<RoomId> {
    match stream {
        StreamId::Room(room) => Some(*room),
        StreamId::Instance | StreamId::Guild(_) | StreamId::User(_) => None,
    }
}
