//! The documents of a simulated database: what its primary has, what a majority has, and the log between the two.

use std::collections::{BTreeMap, VecDeque};

use crate::document::{Collection, Document, Guard, Index, Inserted, Position, Span, Update};
use crate::model::Timestamp;

type Documents = BTreeMap<String, Document>;

/// One state of all collections.
#[derive(Debug, Clone, Default)]
struct Data([Documents; Collection::ALL.len()]);

impl Data {
    fn of(&self, collection: Collection) -> &Documents {
        &self.0[collection as usize]
    }

    fn set(&mut self, collection: Collection, id: &str, document: Option<Document>) {
        let documents = &mut self.0[collection as usize];
        match document {
            Some(document) => documents.insert(id.to_owned(), document),
            None => documents.remove(id),
        };
    }
}

/// A write that the primary has and a majority may not have yet.
struct Pending {
    collection: Collection,
    id: String,
    after: Option<Document>,
}

/// The place of a write in the log. It can be lost until a majority has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogPlace {
    term: usize,
    number: u64,
}

/// A write of one document.
#[derive(Debug, Clone)]
pub(super) enum Write {
    Insert(Collection, Document),
    Update(Collection, String, Guard, Update),
    Remove(Collection, String, Guard),
}

impl Write {
    /// For the trace.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Insert(collection, document) => {
                format!("insert {collection:?} {} rev {}", document.id, document.rev)
            }
            Self::Update(collection, id, guard, _) => format!("update {collection:?} {id} where {guard:?}"),
            Self::Remove(collection, id, guard) => format!("remove {collection:?} {id} where {guard:?}"),
        }
    }
}

/// A replica set, seen from its log.
#[derive(Default)]
pub(super) struct Database {
    primary: Data,
    majority: Data,
    log: VecDeque<Pending>,
    /// How many writes of all time are on a majority.
    committed: u64,
    /// How many of them were when each term ended.
    terms: Vec<u64>,
}

impl Database {
    /// Carries a write out on the primary. `None` for one that found nothing to do.
    pub(super) fn write(&mut self, write: Write, now: Timestamp) -> Option<LogPlace> {
        let (collection, id, after) = match write {
            Write::Insert(collection, mut document) => {
                if self.is_taken(collection, &document) {
                    return None;
                }
                document.stored_at = now;
                (collection, document.id.clone(), Some(document))
            }
            Write::Update(collection, id, guard, update) => {
                let before = self
                    .primary
                    .of(collection)
                    .get(&id)
                    .filter(|document| fits(document, guard))?;
                let after = updated(before, update, now);
                (collection, id, Some(after))
            }
            Write::Remove(collection, id, guard) => {
                self.primary
                    .of(collection)
                    .get(&id)
                    .filter(|document| fits(document, guard))?;
                (collection, id, None)
            }
        };
        self.primary.set(collection, &id, after.clone());
        self.log.push_back(Pending {
            collection,
            id,
            after,
        });
        Some(LogPlace {
            term: self.terms.len(),
            number: self.committed + self.log.len() as u64,
        })
    }

    fn is_taken(&self, collection: Collection, document: &Document) -> bool {
        let documents = self.primary.of(collection);
        let same_nonce = |other: &Document| other.nonce.is_some() && other.nonce == document.nonce;
        documents.contains_key(&document.id) || document.nonce.is_some() && documents.values().any(same_nonce)
    }

    /// A majority has everything up to this write now; `false` when it was lost before.
    pub(super) fn commit(&mut self, place: LogPlace) -> bool {
        if let Some(at_end) = self.terms.get(place.term) {
            return place.number <= *at_end;
        }
        while self.committed < place.number {
            let Some(pending) = self.log.pop_front() else {
                break;
            };
            self.majority.set(pending.collection, &pending.id, pending.after);
            self.committed += 1;
        }
        true
    }

    /// Another node becomes primary; it has what a majority has, and nothing else. Answers how much is lost.
    pub(super) fn fail_over(&mut self) -> usize {
        let lost = self.log.len();
        for Pending { collection, id, .. } in std::mem::take(&mut self.log) {
            let before = self.majority.of(collection).get(&id).cloned();
            self.primary.set(collection, &id, before);
        }
        self.terms.push(self.committed);
        lost
    }

    fn data(&self, local: bool) -> &Data {
        if local { &self.primary } else { &self.majority }
    }

    pub(super) fn find(
        &self,
        local: bool,
        collection: Collection,
        index: Index,
        keys: &[String],
    ) -> Vec<Document> {
        let documents = self.data(local).of(collection);
        if index == Index::Id {
            let mut keys: Vec<&String> = keys.iter().collect();
            keys.sort_unstable();
            keys.dedup();
            return keys
                .into_iter()
                .filter_map(|key| documents.get(key))
                .cloned()
                .collect();
        }
        let asked = |document: &&Document| key_of(document, index).is_some_and(|key| keys.contains(key));
        documents.values().filter(asked).cloned().collect()
    }

    pub(super) fn range(
        &self,
        local: bool,
        collection: Collection,
        index: Index,
        span: &Span,
    ) -> Vec<Document> {
        let documents = self.data(local).of(collection);
        if index == Index::Id {
            if span.from >= span.until {
                return Vec::new();
            }
            let found = documents.range(span.from.clone()..span.until.clone());
            return found
                .take(span.limit)
                .map(|(_, document)| document.clone())
                .collect();
        }
        let within = |key: &String| *key >= span.from && *key < span.until;
        let mut found: Vec<&Document> = documents
            .values()
            .filter(|document| key_of(document, index).is_some_and(within))
            .collect();
        found.sort_by(|one, other| key_of(one, index).cmp(&key_of(other, index)));
        found.into_iter().take(span.limit).cloned().collect()
    }

    pub(super) fn expired(
        &self,
        local: bool,
        collection: Collection,
        now: Timestamp,
        limit: usize,
    ) -> Vec<Document> {
        let expired = |document: &&Document| document.expires_at.is_some_and(|at| at < now);
        self.data(local)
            .of(collection)
            .values()
            .filter(expired)
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn stored(
        &self,
        local: bool,
        collection: Collection,
        after: &Position,
        limit: usize,
    ) -> Vec<Position> {
        let position = |document: &Document| Position {
            stored_at: document.stored_at,
            id: document.id.clone(),
        };
        let documents = self.data(local).of(collection).values();
        let mut found: Vec<Position> = documents.map(position).filter(|place| place > after).collect();
        found.sort_unstable();
        found.truncate(limit);
        found
    }

    pub(super) fn newest(&self, local: bool, collection: Collection, from: Timestamp) -> Option<Timestamp> {
        let documents = self.data(local).of(collection).values();
        let times = documents.map(|document| document.stored_at);
        times.filter(|stored_at| *stored_at >= from).max()
    }

    /// Everything that a majority has in a collection.
    pub(super) fn all(&self, collection: Collection) -> Vec<Document> {
        self.majority.of(collection).values().cloned().collect()
    }
}

/// The answer to an insert, from what became of it.
pub(super) fn inserted(place: Option<LogPlace>) -> Inserted {
    if place.is_some() {
        Inserted::Done
    } else {
        Inserted::Taken
    }
}

fn key_of(document: &Document, index: Index) -> Option<&String> {
    match index {
        Index::Id => Some(&document.id),
        Index::Message => document.message.as_ref(),
        Index::Nonce => document.nonce.as_ref(),
    }
}

fn fits(document: &Document, guard: Guard) -> bool {
    match guard {
        Guard::RevIs(rev) => document.rev == rev,
        Guard::RevBelow(rev) => document.rev < rev,
        Guard::StampIs(stamp) => document.stamp == stamp,
    }
}

fn updated(before: &Document, update: Update, now: Timestamp) -> Document {
    let mut after = before.clone();
    after.rev = update.rev.unwrap_or(after.rev);
    after.stamp = update.stamp.unwrap_or(after.stamp);
    after.content = update.content.unwrap_or(after.content);
    after.expires_at = update.expires_at.unwrap_or(after.expires_at);
    if update.forget_nonce {
        after.nonce = None;
    }
    if update.touch {
        after.stored_at = now;
    }
    after
}
