//! Wrong events, rows and nonces.

use std::sync::Arc;

use madang_storage::model::{Commit, EventId, Fact, Head, Row, RowKey};
use madang_storage::sim::history::{Call, Outcome, Rule, check, fold};
use madang_storage::{EventPage, HistoryPage, NonceUse};

use super::maker::*;

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
        keeps: false,
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
        keeps: false,
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
