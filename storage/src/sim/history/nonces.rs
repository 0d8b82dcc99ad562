//! Rules about nonces: one nonce, one event, and the same answer for the same request.

use std::collections::BTreeMap;

use super::{AppendCall, Findings, History, Outcome, Rule};
use crate::model::{EventId, Nonce, StreamId, UserId};

type Request = (StreamId, Option<UserId>, Nonce);

pub(super) fn check(history: &History, findings: &mut Findings) {
    let mut used: BTreeMap<Request, Vec<EventId>> = BTreeMap::new();
    for (stream, (_, commits)) in &history.end.streams {
        for commit in commits {
            if let Some(nonce) = commit.event.nonce {
                used.entry((*stream, commit.event.actor, nonce))
                    .or_default()
                    .push(commit.event.id);
            }
        }
    }
    let fingerprints: BTreeMap<EventId, u64> = history
        .appends()
        .filter_map(|(_, append)| Some((append.event_id, append.nonce?.fingerprint)))
        .collect();
    for (request, events) in &used {
        findings.unless(events.len() == 1, Rule::NonceOnce, || {
            format!("{request:?} made {events:?}")
        });
    }
    for (_, append) in history.appends() {
        let Some(used_nonce) = append.nonce else { continue };
        let events = used.get(&(append.stream, append.actor, used_nonce.nonce));
        let first = events.and_then(|events| events.first());
        let fingerprint = first.and_then(|event| fingerprints.get(event));
        check_answer(
            append,
            first,
            fingerprint == Some(&used_nonce.fingerprint),
            findings,
        );
    }
}

fn check_answer(append: &AppendCall, first: Option<&EventId>, same_request: bool, findings: &mut Findings) {
    match &append.outcome {
        Outcome::Appended { commit, replayed } => {
            let right = first == Some(&commit.event.id) && same_request;
            findings.unless(right, Rule::NonceOnce, || {
                format!(
                    "{} was answered with {}, the nonce made {first:?}",
                    append.event_id, commit.event.id
                )
            });
            let own = commit.event.id == append.event_id;
            findings.unless(own != *replayed, Rule::NonceOnce, || {
                format!("{} was answered as replayed: {replayed}", append.event_id)
            });
        }
        Outcome::NonceConflict => {
            let right = first.is_some() && !same_request;
            findings.unless(right, Rule::NonceOnce, || {
                format!("{} had no conflict", append.event_id)
            });
        }
        Outcome::Refused | Outcome::NonceExpired | Outcome::Unclear => {}
    }
}
