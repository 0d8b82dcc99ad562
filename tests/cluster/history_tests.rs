//! The checker finds what is wrong, and nothing else.

use super::*;

const ROOM: &str = "R";

fn record(rev: u64, text: &str) -> Record {
    Record {
        at: Instant::now(),
        stream: stream_of(ROOM),
        rev,
        kind: Record::POSTED.to_owned(),
        seq: rev - 1,
        text: text.to_owned(),
    }
}

fn post(rev: u64, text: &str) -> Post {
    Post {
        room: ROOM.to_owned(),
        text: text.to_owned(),
        node: 0,
        sent_at: Instant::now(),
        acknowledged: Some(Acknowledged {
            at: Instant::now(),
            seq: rev - 1,
            rev,
            text: text.to_owned(),
        }),
    }
}

fn stored(rev: u64, text: &str) -> Stored {
    Stored {
        seq: rev - 1,
        rev,
        text: text.to_owned(),
    }
}

const SAID: [&str; 4] = ["one", "two", "three", "four"];

/// Four messages, behind the room's own first event; one client that stayed and one that went on elsewhere.
fn good() -> History {
    let all = || (2..).zip(SAID);
    let records: Vec<Record> = all().map(|(rev, text)| record(rev, text)).collect();
    let chain = |name: &str, connections: Vec<Vec<Record>>| Chain {
        name: name.to_owned(),
        from: BTreeMap::from([(stream_of(ROOM), 1)]),
        connections: connections
            .into_iter()
            .enumerate()
            .map(|(node, records)| Connection { node, records })
            .collect(),
    };
    let pages = |node| Pages {
        room: ROOM.to_owned(),
        node,
        messages: all().map(|(rev, text)| stored(rev, text)).collect(),
    };
    History {
        posts: all().map(|(rev, text)| post(rev, text)).collect(),
        chains: vec![
            chain("stays", vec![records.clone()]),
            chain("goes on", vec![records[..2].to_vec(), records[2..].to_vec()]),
        ],
        pages: vec![pages(0), pages(1)],
    }
}

/// What is found after something was done to a good history.
fn found(harm: impl FnOnce(&mut History)) -> Vec<Fault> {
    let mut history = good();
    harm(&mut history);
    history.faults()
}

fn records(history: &mut History, chain: usize, connection: usize) -> &mut Vec<Record> {
    &mut history.chains[chain].connections[connection].records
}

#[test]
fn a_good_history_has_no_faults() {
    assert_eq!(good().faults(), []);
}

#[test]
fn what_was_never_answered_may_be_there_or_not() {
    assert_eq!(found(|history| history.posts[3].acknowledged = None), []);
    let unheard = found(|history| {
        let mut lost = post(9, "nobody knows");
        lost.acknowledged = None;
        history.posts.push(lost);
    });
    assert_eq!(unheard, []);
}

#[test]
fn what_is_stored_must_arrive_though_it_was_never_answered() {
    let faults = found(|history| {
        history.posts[3].acknowledged = None;
        records(history, 0, 0).pop();
    });
    let (chain, text) = ("stays".to_owned(), "four".to_owned());
    assert_eq!(faults, [Fault::Missed { chain, text }]);
}

#[test]
fn a_message_that_is_gone_is_found() {
    let faults = found(|history| {
        for pages in &mut history.pages {
            pages.messages.pop();
        }
        records(history, 0, 0).pop();
        records(history, 1, 1).pop();
    });
    assert_eq!(
        faults,
        [Fault::Lost {
            text: "four".to_owned()
        }]
    );
}

#[test]
fn a_message_that_a_client_did_not_get_is_found() {
    let faults = found(|history| drop(records(history, 1, 1).remove(0)));
    let (chain, text) = ("goes on".to_owned(), "three".to_owned());
    assert_eq!(faults, [Fault::Missed { chain, text }]);
}

#[test]
fn an_event_that_came_twice_is_found() {
    let repeated = |chain: &str| Fault::Repeated {
        chain: chain.to_owned(),
        stream: stream_of(ROOM),
        rev: 3,
    };
    let at_once = found(|history| records(history, 0, 0).insert(2, record(3, "two")));
    assert_eq!(at_once, [repeated("stays")]);
    let after_going_on = found(|history| records(history, 1, 1).insert(0, record(3, "two")));
    assert_eq!(after_going_on, [repeated("goes on")]);
}

#[test]
fn an_event_that_came_too_late_is_found() {
    let faults = found(|history| records(history, 0, 0).swap(1, 2));
    let (chain, stream) = ("stays".to_owned(), stream_of(ROOM));
    assert_eq!(
        faults,
        [Fault::Disordered {
            chain,
            stream,
            rev: 3
        }]
    );
}

#[test]
fn an_event_from_before_the_room_was_opened_is_found() {
    let faults = found(|history| {
        history.chains[0].from.insert(stream_of(ROOM), 2);
    });
    assert!(faults.contains(&Fault::Disordered {
        chain: "stays".to_owned(),
        stream: stream_of(ROOM),
        rev: 2
    }));
}

#[test]
fn another_text_or_number_is_found() {
    let (chain, text) = ("stays".to_owned(), "two".to_owned());
    let other = [Fault::ArrivedDifferently { chain, text }];
    let text = found(|history| "zwei".clone_into(&mut records(history, 0, 0)[1].text));
    assert_eq!(text, other);
    let seq = found(|history| records(history, 0, 0)[1].seq = 7);
    assert_eq!(seq, other);
    let answered = found(|history| {
        let answer = history.posts[1].acknowledged.as_mut().unwrap();
        answer.seq = 3;
    });
    let text = "two".to_owned();
    assert_eq!(answered, [Fault::StoredDifferently { text }]);
}

#[test]
fn what_arrived_and_is_not_stored_is_found() {
    let faults = found(|history| records(history, 0, 0).push(record(6, "a ghost")));
    let (chain, text) = ("stays".to_owned(), "a ghost".to_owned());
    assert_eq!(faults, [Fault::NotStored { chain, text }]);
}

#[test]
fn a_message_that_is_stored_twice_or_was_never_sent_is_found() {
    let twice = found(|history| {
        for pages in &mut history.pages {
            pages.messages.push(stored(6, "two"));
        }
        records(history, 0, 0).push(record(6, "two"));
        records(history, 1, 1).push(record(6, "two"));
    });
    assert_eq!(
        twice,
        [Fault::StoredTwice {
            text: "two".to_owned()
        }]
    );
    let invented = found(|history| drop(history.posts.remove(0)));
    assert_eq!(
        invented,
        [Fault::Invented {
            text: "one".to_owned()
        }]
    );
}

#[test]
fn pages_with_holes_or_of_another_mind_are_found() {
    let hole = found(|history| {
        for pages in &mut history.pages {
            pages.messages.remove(1);
        }
    });
    let room = ROOM.to_owned();
    assert!(hole.contains(&Fault::BadPage { room, seq: 3 }), "{hole:?}");
    let other = found(|history| drop(history.pages[1].messages.pop()));
    let room = ROOM.to_owned();
    assert_eq!(other, [Fault::PagesDisagree { room, node: 1 }]);
}

#[test]
fn a_client_that_had_to_begin_anew_is_found() {
    let faults = found(|history| {
        let mut reset = record(4, "");
        Record::RESET.clone_into(&mut reset.kind);
        records(history, 1, 1).insert(0, reset);
    });
    assert!(
        faults.iter().any(|fault| matches!(fault, Fault::Reset { .. })),
        "{faults:?}"
    );
}
