//! The journal of a child process: what was acknowledged or seen, and so must be there for ever.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use madang_storage::model::{Event, EventId, MessageRecord, Nonce, RoomId, StreamId, UserId};

use crate::content::hash_of;

/// How many of the last acknowledged requests are tried again by a check.
const RETRIES: usize = 24;

/// Whether a fact was answered to a writer or shown to a reader. It obliges the data all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A write was acknowledged.
    Acknowledged,
    /// A read showed it.
    Seen,
}

impl How {
    const fn letter(self) -> char {
        match self {
            Self::Acknowledged => 'a',
            Self::Seen => 's',
        }
    }
}

/// Lines that are put together and then written at once.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// The store's epoch.
    pub fn epoch(&mut self, epoch: impl std::fmt::Display) {
        self.line(format_args!("epoch {epoch}"));
    }

    /// An event stands in its stream.
    pub fn event(&mut self, how: How, event: &Event) {
        let hash = hash_of_event(event);
        self.line(format_args!(
            "{} event {} {} {hash}",
            how.letter(),
            event.stream,
            event.rev()
        ));
    }

    /// A message is at least this new.
    pub fn record(&mut self, how: How, room: RoomId, record: &MessageRecord) {
        let hash = hash_of(record);
        self.line(format_args!(
            "{} record {room} {} {} {hash}",
            how.letter(),
            record.seq,
            record.rev
        ));
    }

    /// A stream is at least this long.
    pub fn head(&mut self, stream: StreamId, rev: u64) {
        self.line(format_args!("s head {stream} {rev}"));
    }

    /// A request with a nonce was acknowledged.
    pub fn request(&mut self, request: &Request) {
        let Request {
            stream,
            actor,
            nonce,
            fingerprint,
            event,
            rev,
        } = request;
        self.line(format_args!(
            "a request {stream} {actor} {nonce} {fingerprint} {event} {rev}"
        ));
    }

    /// A state row has at least this version.
    pub fn state(&mut self, how: How, key: &[u8], version: u64, hash: u64) {
        self.line(format_args!(
            "{} state {} {version} {hash}",
            how.letter(),
            hex(key)
        ));
    }

    /// A state row's removal begins: from here on it may be missing.
    pub fn removing(&mut self, key: &[u8]) {
        self.line(format_args!("a removing {}", hex(key)));
    }

    /// A state row was removed, and its key is never used again.
    pub fn removed(&mut self, key: &[u8]) {
        self.line(format_args!("a removed {}", hex(key)));
    }

    /// Something that is not knowledge: progress, errors.
    pub fn remark(&mut self, text: &str) {
        self.line(format_args!("# {}", text.replace('\n', " ")));
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("writing to a string cannot fail");
    }
}

/// The journal as a child writes it.
#[derive(Debug)]
pub struct Journal(Mutex<File>);

impl Journal {
    /// Opens a journal to go on with.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(
            OpenOptions::new().create(true).append(true).open(path)?,
        )))
    }

    /// Writes lines with one call: a kill leaves all of them or, at worst, a torn last line.
    pub fn write(&self, lines: &Lines) {
        if lines.is_empty() {
            return;
        }
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(lines.0.as_bytes())
            .expect("the journal stands on a disk with space");
    }

    /// Writes a remark.
    pub fn remark(&self, text: &str) {
        let mut lines = Lines::default();
        lines.remark(text);
        self.write(&lines);
    }
}

/// A request that a retry must find again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it was appended.
    pub stream: StreamId,
    /// By whom.
    pub actor: UserId,
    /// Under which nonce.
    pub nonce: Nonce,
    /// What it said.
    pub fingerprint: u64,
    /// The event that it became.
    pub event: EventId,
    /// That event's number.
    pub rev: u64,
}

/// A version and a hash of the content at exactly that version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtLeast {
    /// The version, or `rev`.
    pub version: u64,
    /// The hash of the content.
    pub hash: u64,
}

/// All that a journal obliges the data to.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// The epoch, once a child has read it.
    pub epoch: Option<String>,
    /// Events by stream and `rev`, with their hashes.
    pub events: BTreeMap<StreamId, BTreeMap<u64, u64>>,
    /// How long streams are at least.
    pub heads: BTreeMap<StreamId, u64>,
    /// How new messages are at least.
    pub records: BTreeMap<(RoomId, u64), AtLeast>,
    /// How new state rows are at least.
    pub states: BTreeMap<Vec<u8>, AtLeast>,
    /// State rows that may be missing.
    pub removing: BTreeSet<Vec<u8>>,
    /// State rows that must be missing.
    pub removed: BTreeSet<Vec<u8>>,
    /// The last requests.
    pub requests: VecDeque<Request>,
    /// How many lines were acknowledgements of events or state rows.
    pub acknowledged: usize,
    /// How many lines were told by readers.
    pub seen: usize,
    /// What contradicts itself: a `rev` or version that stood for two contents, a thing seen after it was removed.
    pub contradictions: Vec<String>,
}

impl Knowledge {
    /// Reads a journal; a torn last line does not count.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        Self::parse(&bytes)
    }

    /// Reads a journal's content.
    pub fn parse(bytes: &[u8]) -> Self {
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let text = std::str::from_utf8(&bytes[..whole]).expect("a journal is text");
        let mut knowledge = Self::default();
        for line in text.lines() {
            if !line.starts_with('#') {
                knowledge
                    .learn(line)
                    .unwrap_or_else(|| panic!("not a line of a journal: {line:?}"));
            }
        }
        knowledge
    }

    /// Adds one line; `None` when it is not one.
    pub fn learn(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["epoch", epoch] => self.learn_epoch(epoch),
            [how, "event", stream, rev, hash] => {
                self.count(how);
                self.learn_event(StreamId::parse(stream)?, rev.parse().ok()?, hash.parse().ok()?);
            }
            [how, "record", room, seq, rev, hash] => {
                self.count(how);
                let told = AtLeast {
                    version: rev.parse().ok()?,
                    hash: hash.parse().ok()?,
                };
                let key = (room.parse().ok()?, seq.parse().ok()?);
                raise(
                    self.records.entry(key).or_insert(told),
                    told,
                    line,
                    &mut self.contradictions,
                );
            }
            ["s", "head", stream, rev] => {
                let head = self.heads.entry(StreamId::parse(stream)?).or_default();
                *head = (*head).max(rev.parse().ok()?);
            }
            ["a", "request", stream, actor, nonce, fingerprint, event, rev] => {
                self.learn_request(Request {
                    stream: StreamId::parse(stream)?,
                    actor: actor.parse().ok()?,
                    nonce: nonce.parse().ok()?,
                    fingerprint: fingerprint.parse().ok()?,
                    event: event.parse().ok()?,
                    rev: rev.parse().ok()?,
                });
            }
            [how, "state", key, version, hash] => {
                self.count(how);
                let told = AtLeast {
                    version: version.parse().ok()?,
                    hash: hash.parse().ok()?,
                };
                let key = unhex(key)?;
                raise(
                    self.states.entry(key).or_insert(told),
                    told,
                    line,
                    &mut self.contradictions,
                );
            }
            ["a", "removing", key] => {
                self.removing.insert(unhex(key)?);
            }
            ["a", "removed", key] => {
                self.removed.insert(unhex(key)?);
            }
            _ => return None,
        }
        Some(())
    }

    /// Every stream that anything is known of.
    pub fn streams(&self) -> BTreeSet<StreamId> {
        let rooms = self.records.keys().map(|(room, _)| StreamId::Room(*room));
        self.events
            .keys()
            .copied()
            .chain(self.heads.keys().copied())
            .chain(rooms)
            .collect()
    }

    fn count(&mut self, how: &str) {
        match how {
            "a" => self.acknowledged += 1,
            _ => self.seen += 1,
        }
    }

    fn learn_epoch(&mut self, epoch: &str) {
        match &self.epoch {
            Some(known) if known != epoch => {
                self.contradictions
                    .push(format!("the epoch was {known} and became {epoch}"));
            }
            _ => self.epoch = Some(epoch.to_owned()),
        }
    }

    fn learn_event(&mut self, stream: StreamId, rev: u64, hash: u64) {
        let known = *self.events.entry(stream).or_default().entry(rev).or_insert(hash);
        if known != hash {
            self.contradictions
                .push(format!("rev {rev} of {stream} was used twice"));
        }
    }

    fn learn_request(&mut self, request: Request) {
        self.requests.push_back(request);
        if self.requests.len() > RETRIES {
            self.requests.pop_front();
        }
    }
}

/// What an event's hash covers: all of it but text, which a store may keep in the message alone.
pub fn hash_of_event(event: &Event) -> u64 {
    let kept = Event {
        fact: event.fact.without_text(),
        ..event.clone()
    };
    hash_of(&kept)
}

fn raise(known: &mut AtLeast, told: AtLeast, line: &str, contradictions: &mut Vec<String>) {
    if told.version == known.version && told.hash != known.hash {
        contradictions.push(format!("one version had two contents: {line}"));
    }
    if told.version > known.version {
        *known = told;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_does_not_count_and_a_reused_rev_does() {
        let text = b"epoch X\na event instance 1 7\ns event instance 1 8\na event instance 2 9";
        let knowledge = Knowledge::parse(text);
        assert_eq!(knowledge.contradictions, ["rev 1 of instance was used twice"]);
        assert_eq!(knowledge.events[&StreamId::Instance].len(), 1);
        assert_eq!(knowledge.acknowledged, 1);
        assert_eq!(knowledge.seen, 1);
    }

    #[test]
    fn versions_only_grow() {
        let mut knowledge = Knowledge::default();
        for (version, hash) in [(1, 10), (3, 30), (2, 20)] {
            let mut lines = Lines::default();
            lines.state(How::Acknowledged, b"\x00key", version, hash);
            assert_eq!(knowledge.learn(lines.0.trim_end()), Some(()));
        }
        assert_eq!(
            knowledge.states[b"\x00key".as_slice()],
            AtLeast { version: 3, hash: 30 }
        );
        assert!(knowledge.contradictions.is_empty());
    }
}
