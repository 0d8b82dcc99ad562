//! Wrong state rows, markers, changes and sinks.

use madang_storage::model::{Marker, StateKey, StateOutcome, StateRow, StateTable, StateWrite};
use madang_storage::sim::history::{Call, Operation, Rule, check};
use madang_storage::{Changed, encode};

use super::maker::*;

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
