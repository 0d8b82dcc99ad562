//! Whether a store holds all that a journal obliges it to, and whether everything in it fits together.

mod fold;
mod retries;
mod rows;
mod states;

use std::collections::BTreeSet;

use madang_storage::model::{RoomId, StreamId};
use madang_storage::{
    Anchor, Changed, Cursor, Error, MAX_EVENTS_PER_PAGE, MAX_MESSAGES_PER_PAGE, Readiness, Store,
};

use crate::knowledge::Knowledge;
use fold::Fold;

/// How many findings of a kind are told.
const TOLD: usize = 5;

/// What to do beyond reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Reads only, for a store that may not write.
    ReadOnly,
    /// Also tries the last acknowledged requests again, and appends one message.
    ReadAndWrite,
}

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Events that were read.
    pub events: usize,
    /// Messages that were read.
    pub messages: usize,
    /// State rows that were read.
    pub states: usize,
    /// What the store itself says is damaged: it noticed.
    pub damaged: Vec<String>,
    /// What is missing, altered or does not fit together, and nobody said so.
    pub lost: Vec<String>,
    /// Other errors.
    pub failed: Vec<String>,
}

impl Findings {
    fn lose(&mut self, what: String) {
        self.lost.push(what);
    }

    fn check(&mut self, fits: bool, what: impl FnOnce() -> String) {
        if !fits {
            self.lose(what());
        }
    }

    fn error(&mut self, doing: &str, error: &Error) {
        let text = format!("{doing}: {error}");
        if matches!(error, Error::Damaged(_)) {
            self.damaged.push(text)
        } else {
            self.failed.push(text)
        }
    }

    /// One line for a test's output.
    pub fn verdict(&self) -> String {
        let tell = |kind: &str, texts: &[String]| {
            let first: Vec<&str> = texts.iter().take(TOLD).map(String::as_str).collect();
            format!("{kind} {} x: {}", texts.len(), first.join(" | ")).replace('\n', " ")
        };
        let mut parts = Vec::new();
        if !self.damaged.is_empty() {
            parts.push(tell("damaged", &self.damaged));
        }
        if !self.failed.is_empty() {
            parts.push(tell("failed", &self.failed));
        }
        if !self.lost.is_empty() {
            parts.push(tell("lost", &self.lost));
        }
        if parts.is_empty() {
            let Self {
                events,
                messages,
                states,
                ..
            } = self;
            parts.push(format!(
                "ok {events} events, {messages} messages, {states} states"
            ));
        }
        parts.join("; ")
    }
}

/// Reads all that the journal knows of, and everything in the same streams.
pub async fn check(store: &Store, knowledge: &Knowledge, depth: Depth) -> Findings {
    let mut findings = Findings {
        lost: knowledge.contradictions.clone(),
        ..Findings::default()
    };
    check_epoch(store, knowledge, &mut findings).await;
    let mut streams = knowledge.streams();
    match changed_streams(store).await {
        Ok(changed) => {
            for stream in streams.difference(&changed) {
                let known = knowledge.events.contains_key(stream);
                findings.check(!known, || format!("changed_since skips {stream}"));
            }
            streams.extend(changed);
        }
        Err(error) => findings.error("changed_since", &error),
    }
    let mut fold = Fold::default();
    for stream in streams {
        if let Err(error) = check_stream(store, knowledge, stream, &mut fold, &mut findings).await {
            findings.error(&format!("reading {stream}"), &error);
        }
    }
    if let Err(error) = rows::check(store, &fold, &mut findings).await {
        findings.error("reading rows", &error);
    }
    if let Err(error) = states::check(store, knowledge, &fold, &mut findings).await {
        findings.error("reading state rows", &error);
    }
    if depth == Depth::ReadAndWrite {
        retries::check(store, knowledge, &mut findings).await;
    }
    if let Readiness::Damaged(reason) = store.status().await.readiness {
        findings.damaged.push(format!("status: {reason}"));
    }
    findings
}

async fn check_epoch(store: &Store, knowledge: &Knowledge, findings: &mut Findings) {
    match (store.epoch().await, &knowledge.epoch) {
        (Ok(epoch), Some(known)) => {
            findings.check(epoch.to_string() == *known, || {
                format!("the epoch was {known} and is {epoch}")
            });
        }
        (Ok(_), None) => {}
        (Err(error), _) => findings.error("epoch", &error),
    }
}

async fn changed_streams(store: &Store) -> Result<BTreeSet<StreamId>, Error> {
    let mut cursor = Cursor::start();
    let mut streams = BTreeSet::new();
    loop {
        let page = store.changed_since(&cursor, 500).await?;
        streams.extend(page.entries.iter().filter_map(|change| match change.what {
            Changed::Stream(stream) => Some(stream),
            Changed::State(_) => None,
        }));
        if !page.more {
            return Ok(streams);
        }
        cursor = page.cursor;
    }
}

async fn check_stream(
    store: &Store,
    knowledge: &Knowledge,
    stream: StreamId,
    fold: &mut Fold,
    findings: &mut Findings,
) -> Result<(), Error> {
    let head = store.head(stream).await?;
    let known = knowledge.heads.get(&stream).copied().unwrap_or_default();
    findings.check(head.rev >= known, || {
        format!("{stream} was at {known} and is at {}", head.rev)
    });
    let mut commits = Vec::new();
    while let page = store
        .events(stream, commits.len() as u64, MAX_EVENTS_PER_PAGE)
        .await?
        && !page.commits.is_empty()
    {
        commits.extend(page.commits);
    }
    findings.events += commits.len();
    findings.check(commits.len() as u64 == head.rev, || {
        format!(
            "{stream} has {} events and its head says {}",
            commits.len(),
            head.rev
        )
    });
    let last = fold.stream(stream, &commits, findings);
    findings.check(last == head, || {
        format!("{stream}: the last event says {last:?}, the head is {head:?}")
    });
    fold::check_known(stream, &commits, knowledge, findings);
    if let StreamId::Room(room) = stream {
        check_history(store, knowledge, room, fold, findings).await?;
        fold.check_commits(room, &commits, findings);
    }
    Ok(())
}

async fn check_history(
    store: &Store,
    knowledge: &Knowledge,
    room: RoomId,
    fold: &Fold,
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut records = Vec::new();
    while let page = store
        .history(room, Anchor::After(records.len() as u64), MAX_MESSAGES_PER_PAGE)
        .await?
        && !page.messages.is_empty()
    {
        records.extend(page.messages);
    }
    findings.messages += records.len();
    fold.check_records(room, &records, findings);
    fold::check_known_records(room, &records, knowledge, findings);
    Ok(())
}
