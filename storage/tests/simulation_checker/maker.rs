//! Makes good histories by hand, with a model of the right store behind them.

use std::sync::Arc;

use madang_storage::document::StoredEvent;
use madang_storage::model::{
    Commit, Event, EventId, Fact, GuildId, Head, MessageRecord, Nonce, RoomId, Row, RowChange, RowKey, Rows,
    StateKey, StateOutcome, StateRow, StateTable, StateWrite, StateWriteKind, StreamId, Timestamp, UserId,
    advance, project, rows_needed,
};
use madang_storage::sim::history::{AppendCall, Call, History, Operation, Outcome, Rule, Told, check, fold};
use madang_storage::{Changed, NonceUse};

pub(super) const ROOM: RoomId = RoomId::from_u128(7);
pub(super) const STREAM: StreamId = StreamId::Room(ROOM);
pub(super) const USER: UserId = UserId::from_u128(3);

/// A history in the making, with a model of the right store behind it.
#[derive(Default)]
pub(super) struct Maker {
    pub(super) history: History,
    moment: u64,
    head: Head,
    rows: Rows,
    commits: Vec<Commit>,
}

impl Maker {
    pub(super) fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    pub(super) fn done(&mut self, call: Call) {
        let (invoked, returned) = (self.next(), Some(self.next()));
        self.history.operations.push(Operation {
            node: 0,
            life: 0,
            invoked,
            returned,
            call,
        });
    }

    pub(super) fn append(&mut self, fact: Fact, nonce: Option<NonceUse>) {
        let head = advance(&self.head, &fact, Timestamp::from_millis(1_000));
        let id = EventId::from_u128(100 + u128::from(head.rev));
        let used = nonce.map(|used| used.nonce);
        let event = Event {
            id,
            stream: STREAM,
            head,
            actor: Some(USER),
            access_rev: 0,
            nonce: used,
            fact: fact.clone(),
            sealed: None,
        };
        let _ = rows_needed(STREAM, &fact);
        let mut record = None;
        for change in project(&event, &self.rows).unwrap() {
            if let RowChange::Put(key, row) = change {
                if let Row::Message(message) = &row {
                    record = Some(Arc::new(message.clone()));
                }
                self.rows.insert(key, row);
            }
        }
        self.head = head;
        self.history.meant.insert(id, fact);
        let commit = Arc::new(Commit { event, record });
        let invoked = self.next();
        let at = self.next();
        self.history.told.push(Told {
            node: 0,
            life: 0,
            at,
            commit: Arc::clone(&commit),
        });
        self.commits.push((*commit).clone());
        let outcome = Outcome::Appended {
            commit,
            replayed: false,
        };
        let append = AppendCall {
            stream: STREAM,
            event_id: id,
            actor: Some(USER),
            nonce,
            outcome,
        };
        let returned = Some(self.next());
        let call = Call::Append(append);
        self.history.operations.push(Operation {
            node: 0,
            life: 0,
            invoked,
            returned,
            call,
        });
    }

    pub(super) fn state(&mut self, kind: StateWriteKind, outcome: StateOutcome) {
        let write = StateWrite {
            key: state_key(),
            kind,
        };
        self.done(Call::StateWrite {
            write,
            outcome: Some(outcome),
        });
    }

    pub(super) fn end(mut self) -> History {
        let without_text = |commit: &Commit| {
            let mut event = commit.event.clone();
            event.fact = event.fact.without_text();
            event
        };
        let record = |commit: &Commit| {
            let seq = commit.event.fact.message_seq(&commit.event.head)?;
            self.rows.message(ROOM, seq).cloned().map(Arc::new)
        };
        let page: Vec<Commit> = self
            .commits
            .iter()
            .map(|commit| Commit {
                event: without_text(commit),
                record: record(commit),
            })
            .collect();
        let end = &mut self.history.end;
        end.stored = page
            .iter()
            .map(|commit| StoredEvent {
                event: commit.event.clone(),
                fingerprint: None,
                record: None,
            })
            .collect();
        end.streams.insert(STREAM, (self.head, page));
        let followed = end.followed.entry(0).or_default();
        followed.insert(Changed::Stream(STREAM), self.head.rev);
        followed.insert(Changed::State(StateTable::Claims), 1);
        let rows = fold(&self.history).rows;
        self.history.end.rows = rows;
        self.history
    }
}

pub(super) fn nonce() -> NonceUse {
    NonceUse {
        nonce: Nonce::from_u128(5),
        fingerprint: 9,
    }
}

pub(super) fn state_key() -> StateKey {
    StateKey::new(StateTable::Claims, &[b"slot"])
}

pub(super) fn value(version: u64) -> StateRow {
    StateRow {
        version,
        value: vec![version as u8],
        expires_at: None,
    }
}

pub(super) fn insert(version: u64) -> StateWriteKind {
    StateWriteKind::Insert {
        value: vec![version as u8],
        expires_at: None,
    }
}

pub(super) fn replace(version: u64) -> StateWriteKind {
    StateWriteKind::CompareAndSet {
        version,
        value: vec![version as u8 + 1],
        expires_at: None,
    }
}

pub(super) fn posted(text: &str) -> Fact {
    Fact::MessagePosted {
        author: USER,
        text: text.to_owned(),
        reply_to: None,
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    }
}

/// A room, two messages, an edit, and a state row that is written twice.
pub(super) fn maker() -> Maker {
    let mut maker = Maker::default();
    let (name, topic) = ("room".to_owned(), String::new());
    maker.append(Fact::channel_created(GuildId::from_u128(1), name, topic), None);
    maker.append(posted("one"), Some(nonce()));
    maker.append(posted("two"), None);
    maker.append(
        Fact::MessageEdited {
            seq: 1,
            text: "uno".to_owned(),
            keeps: true,
        },
        None,
    );
    maker.state(insert(1), StateOutcome::Written { version: 1 });
    maker.state(replace(1), StateOutcome::Written { version: 2 });
    maker
}

pub(super) fn good() -> History {
    maker().end()
}

#[track_caller]
pub(super) fn breaks(history: &History, rule: Rule) {
    let violations = check(history);
    let found = violations.iter().any(|violation| violation.rule == rule);
    assert!(found, "expected {rule:?}, found {violations:#?}");
}

pub(super) fn commits(history: &mut History) -> &mut Vec<Commit> {
    &mut history.end.streams.get_mut(&STREAM).unwrap().1
}

pub(super) fn append_at(history: &mut History, place: usize) -> &mut AppendCall {
    match &mut history.operations[place].call {
        Call::Append(append) => append,
        other => panic!("{other:?}"),
    }
}

pub(super) fn read(history: &mut History, call: Call) {
    let moment = 1_000 + history.operations.len() as u64 * 2;
    let (invoked, returned) = (moment, Some(moment + 1));
    history.operations.push(Operation {
        node: 1,
        life: 0,
        invoked,
        returned,
        call,
    });
}

pub(super) fn message(history: &History, seq: u64) -> MessageRecord {
    match history.end.rows.get(&RowKey::Message { room: ROOM, seq }) {
        Some(Some(Row::Message(record))) => record.clone(),
        other => panic!("{other:?}"),
    }
}
