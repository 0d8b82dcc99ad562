//! The history checker, proved on wrong histories: each is a good one with one thing wrong.

use std::sync::Arc;

use madang_storage::document::StoredEvent;
use madang_storage::model::{
    Commit, Event, EventId, Fact, GuildId, Head, Marker, MessageRecord, Nonce, RoomId, Row, RowChange,
    RowKey, Rows, StateKey, StateOutcome, StateRow, StateTable, StateWrite, StateWriteKind, StreamId,
    Timestamp, UserId, advance, project, rows_needed,
};
use madang_storage::sim::history::{AppendCall, Call, History, Operation, Outcome, Rule, Told, check, fold};
use madang_storage::{Changed, EventPage, HistoryPage, NonceUse, encode};

const ROOM: RoomId = RoomId::from_u128(7);
const STREAM: StreamId = StreamId::Room(ROOM);
const USER: UserId = UserId::from_u128(3);

/// A history in the making, with a model of the right store behind it.
#[derive(Default)]
struct Maker {
    history: History,
    moment: u64,
    head: Head,
    rows: Rows,
    commits: Vec<Commit>,
}

impl Maker {
    fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    fn done(&mut self, call: Call) {
        let (invoked, returned) = (self.next(), Some(self.next()));
        self.history.operations.push(Operation {
            node: 0,
            life: 0,
            invoked,
            returned,
            call,
        });
    }

    fn append(&mut self, fact: Fact, nonce: Option<NonceUse>) {
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

    fn state(&mut self, kind: StateWriteKind, outcome: StateOutcome) {
        let write = StateWrite {
            key: state_key(),
            kind,
        };
        self.done(Call::StateWrite {
            write,
            outcome: Some(outcome),
        });
    }

    fn end(mut self) -> History {
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

fn nonce() -> NonceUse {
    NonceUse {
        nonce: Nonce::from_u128(5),
        fingerprint: 9,
    }
}

fn state_key() -> StateKey {
    StateKey::new(StateTable::Claims, &[b"slot"])
}

fn value(version: u64) -> StateRow {
    StateRow {
        version,
        value: vec![version as u8],
        expires_at: None,
    }
}

fn insert(version: u64) -> StateWriteKind {
    StateWriteKind::Insert {
        value: vec![version as u8],
        expires_at: None,
    }
}

fn replace(version: u64) -> StateWriteKind {
    StateWriteKind::CompareAndSet {
        version,
        value: vec![version as u8 + 1],
        expires_at: None,
    }
}

fn posted(text: &str) -> Fact {
    Fact::MessagePosted {
        author: USER,
        text: text.to_owned(),
        reply_to: None,
    }
}

/// A room, two messages, an edit, and a state row that is written twice.
fn maker() -> Maker {
    let mut maker = Maker::default();
    let (name, topic) = ("room".to_owned(), String::new());
    maker.append(
        Fact::RoomCreated {
            guild: GuildId::from_u128(1),
            name,
            topic,
        },
        None,
    );
    maker.append(posted("one"), Some(nonce()));
    maker.append(posted("two"), None);
    maker.append(
        Fact::MessageEdited {
            seq: 1,
            text: "uno".to_owned(),
        },
        None,
    );
    maker.state(insert(1), StateOutcome::Written { version: 1 });
    maker.state(replace(1), StateOutcome::Written { version: 2 });
    maker
}

fn good() -> History {
    maker().end()
}

#[track_caller]
fn breaks(history: &History, rule: Rule) {
    let violations = check(history);
    let found = violations.iter().any(|violation| violation.rule == rule);
    assert!(found, "expected {rule:?}, found {violations:#?}");
}

fn commits(history: &mut History) -> &mut Vec<Commit> {
    &mut history.end.streams.get_mut(&STREAM).unwrap().1
}

fn append_at(history: &mut History, place: usize) -> &mut AppendCall {
    match &mut history.operations[place].call {
        Call::Append(append) => append,
        other => panic!("{other:?}"),
    }
}

fn read(history: &mut History, call: Call) {
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

fn message(history: &History, seq: u64) -> MessageRecord {
    match history.end.rows.get(&RowKey::Message { room: ROOM, seq }) {
        Some(Some(Row::Message(record))) => record.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_history_breaks_nothing() {
    assert_eq!(check(&good()), []);
}

#[test]
fn an_answered_append_that_is_gone() {
    let mut history = good();
    commits(&mut history).pop();
    breaks(&history, Rule::AnsweredIsKept);
}

#[test]
fn an_event_that_stands_twice() {
    let mut history = good();
    let mut again = commits(&mut history)[2].clone();
    again.event.head.rev = 5;
    commits(&mut history).push(again);
    breaks(&history, Rule::AnsweredIsKept);
}

#[test]
fn an_event_that_nobody_asked_for() {
    let mut history = good();
    commits(&mut history)[2].event.id = EventId::from_u128(999);
    breaks(&history, Rule::NothingUnasked);
}

#[test]
fn a_hole_in_the_revs() {
    let mut history = good();
    commits(&mut history).remove(2);
    breaks(&history, Rule::Dense);
}

#[test]
fn a_seq_that_is_used_twice() {
    let mut history = good();
    commits(&mut history)[2].event.head.seq = 1;
    breaks(&history, Rule::Dense);
}

#[test]
fn a_page_with_a_hole() {
    let mut history = good();
    let (head, mut commits) = history.end.streams[&STREAM].clone();
    commits.remove(1);
    read(
        &mut history,
        Call::Events {
            stream: STREAM,
            after: 0,
            page: EventPage { head, commits },
        },
    );
    breaks(&history, Rule::Dense);
}

#[test]
fn a_later_append_that_stands_before() {
    let mut history = good();
    let first = history.operations[1].clone();
    let second = history.operations[2].clone();
    (history.operations[1].invoked, history.operations[1].returned) = (second.invoked, second.returned);
    (history.operations[2].invoked, history.operations[2].returned) = (first.invoked, first.returned);
    breaks(&history, Rule::RealTime);
}

#[test]
fn an_event_that_was_seen_and_is_another_now() {
    let mut history = good();
    let (head, mut commits) = history.end.streams[&STREAM].clone();
    commits[3].event.id = EventId::from_u128(999);
    read(
        &mut history,
        Call::Events {
            stream: STREAM,
            after: 0,
            page: EventPage { head, commits },
        },
    );
    breaks(&history, Rule::SeenStays);
}

#[test]
fn a_head_that_goes_back() {
    let mut history = good();
    let (head, _) = history.end.streams[&STREAM].clone();
    let before = Head {
        rev: head.rev + 1,
        ..head
    };
    read(&mut history, Call::Heads(vec![(STREAM, before)]));
    read(&mut history, Call::Heads(vec![(STREAM, head)]));
    breaks(&history, Rule::SeenStays);
}

#[test]
fn an_answered_append_that_is_not_seen() {
    let mut history = good();
    let (head, _) = history.end.streams[&STREAM].clone();
    read(&mut history, Call::Heads(vec![(STREAM, Head { rev: 3, ..head })]));
    breaks(&history, Rule::AnsweredIsSeen);
}

#[test]
fn an_answered_edit_that_is_not_seen() {
    let mut history = good();
    let (head, _) = history.end.streams[&STREAM].clone();
    let old = fold(&history).records[&(ROOM, 1, 2)].clone();
    let page = HistoryPage {
        head,
        messages: vec![old],
    };
    read(&mut history, Call::History { room: ROOM, page });
    breaks(&history, Rule::AnsweredIsSeen);
}

#[test]
fn a_message_that_is_not_there() {
    let mut history = good();
    read(
        &mut history,
        Call::Rows(vec![(RowKey::Message { room: ROOM, seq: 1 }, None)]),
    );
    breaks(&history, Rule::AnsweredIsSeen);
}

#[test]
fn an_event_that_changes() {
    let mut history = good();
    commits(&mut history)[3].event.fact = Fact::MessageEdited {
        seq: 2,
        text: String::new(),
    };
    breaks(&history, Rule::EventsAreFixed);
}

#[test]
fn a_row_that_does_not_follow() {
    let mut history = good();
    let mut record = message(&history, 1);
    record.text = "one".to_owned();
    history
        .end
        .rows
        .insert(RowKey::Message { room: ROOM, seq: 1 }, Some(Row::Message(record)));
    breaks(&history, Rule::RowsFollow);
}

#[test]
fn a_row_that_is_missing() {
    let mut history = good();
    history.end.rows.insert(RowKey::Room(ROOM), None);
    breaks(&history, Rule::RowsFollow);
}

#[test]
fn a_message_that_never_was_like_that() {
    let mut history = good();
    let (head, _) = history.end.streams[&STREAM].clone();
    let mut record = message(&history, 1);
    record.text = "due".to_owned();
    let page = HistoryPage {
        head,
        messages: vec![record],
    };
    read(&mut history, Call::History { room: ROOM, page });
    breaks(&history, Rule::RowsFollow);
}

#[test]
fn an_answer_with_a_later_record() {
    let mut history = good();
    let record = Some(Arc::new(message(&history, 1)));
    let Outcome::Appended { commit, .. } = &mut append_at(&mut history, 1).outcome else {
        panic!()
    };
    *commit = Arc::new(Commit {
        event: commit.event.clone(),
        record,
    });
    breaks(&history, Rule::RowsFollow);
}

#[test]
fn an_event_that_is_never_projected() {
    let mut history = good();
    let mut left = history.end.stored[3].clone();
    left.event.head.rev = 5;
    history.end.stored.push(left);
    breaks(&history, Rule::Projected);
}

#[test]
fn a_text_that_stays_behind() {
    let mut history = good();
    history.end.stored[3].event.fact = Fact::MessageEdited {
        seq: 1,
        text: "uno".to_owned(),
    };
    breaks(&history, Rule::NoTextBehind);
}

#[test]
fn a_nonce_that_makes_two_messages() {
    let mut history = good();
    commits(&mut history)[2].event.nonce = Some(nonce().nonce);
    breaks(&history, Rule::NonceOnce);
}

#[test]
fn a_retry_that_is_answered_with_another_message() {
    let mut history = good();
    let other = commits(&mut history)[2].clone();
    let mut retry = append_at(&mut history, 1).clone();
    retry.event_id = EventId::from_u128(999);
    retry.outcome = Outcome::Appended {
        commit: Arc::new(other),
        replayed: true,
    };
    read(&mut history, Call::Append(retry));
    breaks(&history, Rule::NonceOnce);
}

#[test]
fn a_retry_that_conflicts_with_itself() {
    let mut history = good();
    let mut retry = append_at(&mut history, 1).clone();
    retry.event_id = EventId::from_u128(999);
    retry.outcome = Outcome::NonceConflict;
    read(&mut history, Call::Append(retry));
    breaks(&history, Rule::NonceOnce);
}

#[test]
fn another_request_that_is_answered_by_the_nonce() {
    let mut history = good();
    let mut retry = append_at(&mut history, 1).clone();
    retry.event_id = EventId::from_u128(999);
    retry.nonce = Some(NonceUse {
        fingerprint: 10,
        ..nonce()
    });
    if let Outcome::Appended { replayed, .. } = &mut retry.outcome {
        *replayed = true;
    }
    read(&mut history, Call::Append(retry));
    breaks(&history, Rule::NonceOnce);
}

#[test]
fn a_refused_append_that_is_there() {
    let mut history = good();
    append_at(&mut history, 2).outcome = Outcome::Refused;
    breaks(&history, Rule::RefusedIsNothing);
}

#[test]
fn a_version_with_two_writers() {
    let mut maker = maker();
    maker.state(replace(1), StateOutcome::Written { version: 2 });
    breaks(&maker.end(), Rule::VersionOnce);
}

#[test]
fn two_inserts_that_both_win() {
    let mut maker = maker();
    maker.state(insert(1), StateOutcome::Written { version: 1 });
    breaks(&maker.end(), Rule::InsertOnce);
}

#[test]
fn a_version_that_is_left_out() {
    let mut maker = maker();
    maker.state(replace(3), StateOutcome::Written { version: 4 });
    breaks(&maker.end(), Rule::Linearizable);
}

#[test]
fn a_state_row_that_is_read_as_it_was() {
    let mut maker = maker();
    maker.done(Call::StateRead {
        key: state_key(),
        row: Some(value(1)),
    });
    breaks(&maker.end(), Rule::Linearizable);
}

#[test]
fn a_write_without_an_answer_may_have_happened_but_not_sometimes() {
    let unanswered = |maker: &mut Maker| {
        let invoked = maker.next();
        let write = StateWrite {
            key: state_key(),
            kind: replace(2),
        };
        let call = Call::StateWrite { write, outcome: None };
        maker.history.operations.push(Operation {
            node: 0,
            life: 0,
            invoked,
            returned: None,
            call,
        });
    };
    let read = |maker: &mut Maker, version| {
        maker.done(Call::StateRead {
            key: state_key(),
            row: Some(value(version)),
        });
    };
    for (first, second) in [(2, 2), (2, 3), (3, 3)] {
        let mut maker = maker();
        unanswered(&mut maker);
        read(&mut maker, first);
        read(&mut maker, second);
        assert_eq!(check(&maker.end()), [], "{first}, then {second}");
    }
    let mut maker = maker();
    unanswered(&mut maker);
    read(&mut maker, 3);
    read(&mut maker, 2);
    breaks(&maker.end(), Rule::Linearizable);
}

#[test]
fn a_marker_that_shrinks() {
    let mut history = good();
    let marker = |seq| StateRow {
        version: 3,
        value: encode(&Marker { seq, n: seq }).unwrap(),
        expires_at: None,
    };
    let key = StateKey::marker(USER, ROOM);
    read(
        &mut history,
        Call::StateRead {
            key: key.clone(),
            row: Some(marker(2)),
        },
    );
    assert_eq!(check(&history), []);
    read(
        &mut history,
        Call::StateRead {
            key,
            row: Some(marker(1)),
        },
    );
    breaks(&history, Rule::MarkerGrows);
}

#[test]
fn a_post_that_does_not_move_its_authors_marker() {
    let mut history = good();
    read(
        &mut history,
        Call::StateRead {
            key: StateKey::marker(USER, ROOM),
            row: None,
        },
    );
    breaks(&history, Rule::MarkerGrows);
}

#[test]
fn a_change_that_a_follower_never_learns_of() {
    let mut history = good();
    history
        .end
        .followed
        .get_mut(&0)
        .unwrap()
        .insert(Changed::Stream(STREAM), 3);
    breaks(&history, Rule::ChangesComplete);
}

#[test]
fn a_table_that_a_follower_never_learns_of() {
    let mut history = good();
    history
        .end
        .followed
        .get_mut(&0)
        .unwrap()
        .remove(&Changed::State(StateTable::Claims));
    breaks(&history, Rule::ChangesComplete);
}

#[test]
fn a_sink_that_is_told_out_of_order() {
    let mut history = good();
    history.told.swap(1, 2);
    breaks(&history, Rule::SinkInOrder);
}

#[test]
fn a_sink_that_is_told_twice() {
    let mut history = good();
    let again = history.told[3].clone();
    history.told.push(again);
    breaks(&history, Rule::SinkInOrder);
}

#[test]
fn a_sink_that_is_told_after_the_caller() {
    let mut history = good();
    history.told[3].at = 900;
    breaks(&history, Rule::SinkInOrder);
}

#[test]
fn a_sink_that_is_told_of_others_commits() {
    let mut history = good();
    history.told[3].node = 1;
    breaks(&history, Rule::SinkInOrder);
}

#[test]
fn something_that_no_fault_excuses() {
    let mut history = good();
    read(&mut history, Call::Broken("damaged".to_owned()));
    breaks(&history, Rule::NoExcuse);
}
