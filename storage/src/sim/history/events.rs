//! Rules about events: kept, dense, ordered, fixed.

use std::collections::BTreeMap;

use super::{Findings, History, Outcome, Rule};
use crate::model::{Event, EventId, Head, advance};

pub(super) fn check(history: &History, findings: &mut Findings) {
    answered_is_kept(history, findings);
    nothing_unasked(history, findings);
    dense(history, findings);
    real_time(history, findings);
    seen_stays(history, findings);
    stored(history, findings);
}

fn answered_is_kept(history: &History, findings: &mut Findings) {
    let mut places: BTreeMap<EventId, usize> = BTreeMap::new();
    for (_, commits) in history.end.streams.values() {
        for commit in commits {
            *places.entry(commit.event.id).or_default() += 1;
        }
    }
    for (id, count) in &places {
        findings.unless(*count == 1, Rule::AnsweredIsKept, || {
            format!("{id} stands {count} times")
        });
    }
    for (_, append) in history.appends() {
        match &append.outcome {
            Outcome::Appended { commit, replayed } => {
                let event = &commit.event;
                let own = *replayed || event.id == append.event_id;
                let kept = history
                    .event(append.stream, event.rev())
                    .is_some_and(|end| end.event.id == event.id);
                findings.unless(own && kept, Rule::AnsweredIsKept, || {
                    format!(
                        "{} was answered at rev {} of {}",
                        event.id,
                        event.rev(),
                        append.stream
                    )
                });
            }
            Outcome::Refused | Outcome::NonceConflict | Outcome::NonceExpired => {
                let nothing = !places.contains_key(&append.event_id);
                findings.unless(nothing, Rule::RefusedIsNothing, || {
                    format!("{} was refused", append.event_id)
                });
            }
            Outcome::Unclear => {}
        }
    }
}

fn nothing_unasked(history: &History, findings: &mut Findings) {
    for (stream, (_, commits)) in &history.end.streams {
        for commit in commits {
            let id = commit.event.id;
            let asked = history
                .appends()
                .any(|(_, append)| append.event_id == id && append.stream == *stream);
            findings.unless(asked, Rule::NothingUnasked, || format!("{id} in {stream}"));
        }
    }
}

fn dense(history: &History, findings: &mut Findings) {
    for (stream, (head, commits)) in &history.end.streams {
        let mut expected = Head::default();
        for commit in commits {
            let event = &commit.event;
            expected = advance(&expected, &event.fact, event.head.at);
            findings.unless(event.head == expected, Rule::Dense, || {
                format!("{stream}: {:?} where {expected:?} belongs", event.head)
            });
        }
        findings.unless(*head == expected, Rule::Dense, || {
            format!("{stream} ends at {head:?}, not {expected:?}")
        });
    }
}

fn real_time(history: &History, findings: &mut Findings) {
    let fresh: Vec<_> = history
        .appends()
        .filter_map(|(operation, append)| match &append.outcome {
            Outcome::Appended {
                commit,
                replayed: false,
            } => Some((operation, append.stream, commit.event.rev())),
            _ => None,
        })
        .collect();
    for (first, stream, rev) in &fresh {
        for (second, other, later) in &fresh {
            let precedes = first.returned.is_some_and(|returned| returned < second.invoked);
            findings.unless(
                !(precedes && stream == other && rev >= later),
                Rule::RealTime,
                || format!("{stream}: rev {rev} had returned before rev {later} was asked for"),
            );
        }
    }
}

fn seen_stays(history: &History, findings: &mut Findings) {
    for seen in history.seen() {
        let (event, stream) = (&seen.event, seen.event.stream);
        match history.event(stream, event.rev()) {
            Some(end) if end.event.id == event.id => {
                let same = without_text(&end.event) == without_text(event);
                findings.unless(same, Rule::EventsAreFixed, || {
                    format!("{stream} rev {}: {event:?} became {:?}", event.rev(), end.event)
                });
            }
            other => {
                let now = other.map(|commit| commit.event.id);
                findings.add(
                    Rule::SeenStays,
                    format!(
                        "{stream} rev {}: {} was seen, now it is {now:?}",
                        event.rev(),
                        event.id
                    ),
                );
            }
        }
    }
}

/// Rules about what lies in the database, behind the store's back.
fn stored(history: &History, findings: &mut Findings) {
    for stored in &history.end.stored {
        let event = &stored.event;
        let head = history
            .end
            .streams
            .get(&event.stream)
            .map_or(0, |(head, _)| head.rev);
        findings.unless(event.rev() <= head, Rule::Projected, || {
            format!(
                "rev {} of {} is stored and the head is {head}",
                event.rev(),
                event.stream
            )
        });
        findings.unless(
            event.fact == event.fact.without_text(),
            Rule::NoTextBehind,
            || format!("rev {} of {} keeps {:?}", event.rev(), event.stream, event.fact),
        );
    }
}

fn without_text(event: &Event) -> Event {
    Event {
        fact: event.fact.without_text(),
        ..event.clone()
    }
}
