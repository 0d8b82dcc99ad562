//! What this node wrote last. Nothing rests on it: it says what to try, and the database's guards say whether it holds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::documents::Document;
use crate::model::{Head, StreamId};

/// How many heads and how many markers are kept; with one more all are forgotten.
const MOST: usize = 8_192;
/// For how many appends a head is read first, after another node has appended to its stream.
const DOUBTS: u8 = 4;

#[derive(Default)]
pub(super) struct Known {
    heads: Mutex<BTreeMap<StreamId, Last>>,
    markers: Mutex<BTreeMap<String, Document>>,
    /// Whether another node lives, as far as this one's last beat told.
    has_company: AtomicBool,
}

/// The head after the last event of this node that is projected.
#[derive(Clone, Copy)]
struct Last {
    head: Head,
    doubts: u8,
}

impl Known {
    /// Where a stream stands, if nobody else has appended to it.
    pub(super) fn head(&self, stream: StreamId) -> Option<Head> {
        let last = *lock(&self.heads).get(&stream)?;
        (last.doubts == 0).then_some(last.head)
    }

    pub(super) fn note_company(&self, has_company: bool) {
        self.has_company.store(has_company, Ordering::Relaxed);
    }

    pub(super) fn has_company(&self) -> bool {
        self.has_company.load(Ordering::Relaxed)
    }

    /// Whether another node appended to a stream of late.
    pub(super) fn is_shared(&self, stream: StreamId) -> bool {
        lock(&self.heads).get(&stream).is_some_and(|last| last.doubts > 0)
    }

    /// This node's event is projected.
    pub(super) fn keep_head(&self, stream: StreamId, head: Head) {
        let mut heads = lock(&self.heads);
        make_room(&mut heads);
        let doubts = heads.get(&stream).map_or(0, |last| last.doubts.saturating_sub(1));
        heads.insert(stream, Last { head, doubts });
    }

    /// Somebody else was first, or an answer was unclear.
    pub(super) fn doubt_head(&self, stream: StreamId) {
        if let Some(last) = lock(&self.heads).get_mut(&stream) {
            last.doubts = DOUBTS;
        }
    }

    /// A marker's document as this node wrote it.
    pub(super) fn marker(&self, name: &str) -> Option<Document> {
        lock(&self.markers).get(name).cloned()
    }

    pub(super) fn keep_marker(&self, document: Document) {
        let mut markers = lock(&self.markers);
        make_room(&mut markers);
        markers.insert(document.id.clone(), document);
    }

    pub(super) fn forget_marker(&self, name: &str) {
        lock(&self.markers).remove(name);
    }
}

fn make_room<K, V>(map: &mut BTreeMap<K, V>) {
    if map.len() >= MOST {
        map.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
