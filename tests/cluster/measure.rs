//! How long things took. Said, and never judged: a machine may be busy.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::history::{History, Record};
use super::nodes::{Nodes, Place};

/// Says what was measured.
#[allow(clippy::print_stdout, reason = "it is what the test was run for")]
pub(crate) fn say(what: &str) {
    println!("    {what}");
}

/// Ends a crowd's work, checks what was seen, and says how long it took between moments.
#[track_caller]
pub(crate) fn conclude(crowd: Crowd, nodes: &Nodes, place: &Place, phases: &[(&str, Instant)]) -> History {
    let (reconnects, refusals) = (crowd.reconnects(), crowd.refusals());
    let history = crowd.finish(nodes, place);
    let faults = history.faults();
    let shown: Vec<_> = faults.iter().take(20).collect();
    assert!(
        faults.is_empty(),
        "{} faults, of which the first are {shown:#?}\n{}",
        faults.len(),
        summary(&history, phases).join("\n")
    );
    for line in summary(&history, phases) {
        say(&line);
    }
    let fills: Vec<u64> = (0..nodes.all.len())
        .map(|node| nodes.figure(node, "madang_hub_fills_total"))
        .collect();
    say(&format!(
        "{} messages to {} clients; {reconnects} connected again; refused {refusals:?}; fills per node {fills:?}",
        history.posts.len(),
        history.chains.len(),
    ));
    history
}

/// For each phase, which ends where the next one begins: how long answers took, and how long it took to clients at
/// other nodes.
fn summary(history: &History, phases: &[(&str, Instant)]) -> Vec<String> {
    let ends = phases.iter().skip(1).map(|(_, begin)| Some(*begin)).chain([None]);
    phases
        .iter()
        .zip(ends)
        .map(|((name, begin), end)| {
            let is_in = |at: Instant| at >= *begin && end.is_none_or(|end| at < end);
            let sent: HashMap<(&str, &str), (usize, Instant)> = history
                .posts
                .iter()
                .filter(|post| is_in(post.sent_at))
                .map(|post| ((&*post.room, &*post.text), (post.node, post.sent_at)))
                .collect();
            let answered = history.posts.iter().filter(|post| is_in(post.sent_at));
            let answered = answered.filter_map(|post| Some(post.acknowledged.as_ref()?.at - post.sent_at));
            let mut across = Vec::new();
            for connection in history.chains.iter().flat_map(|chain| &chain.connections) {
                for record in &connection.records {
                    across.extend(crossed(record, connection.node, &sent));
                }
            }
            format!(
                "{name:<18} {} posts; answered {}; across {}",
                sent.len(),
                spread(answered.collect()),
                spread(across)
            )
        })
        .collect()
}

/// How long a message took, if it came from another node.
fn crossed(record: &Record, node: usize, sent: &HashMap<(&str, &str), (usize, Instant)>) -> Option<Duration> {
    let room = record.stream.strip_prefix("room:")?;
    let (from, at) = sent.get(&(room, &*record.text))?;
    (*from != node).then(|| record.at - *at)
}

/// The middle, the 99th of a hundred, and the highest.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let Some(highest) = times.last() else {
        return "never".to_owned();
    };
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_millis();
    format!("p50 {} p99 {} max {} ms", at(50), at(99), highest.as_millis())
}
