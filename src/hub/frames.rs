//! Events as bytes: encoded once for each kind of frame, shared by all receivers.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use madang_storage::model::Commit;

use super::Signal;

/// Which bytes a receiver wants. The hub does not look into it: a codec gives each of its forms a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameKey(pub u32);

/// Makes frames. An event's encoding never depends on its receiver.
pub trait Encoder: Send + Sync + 'static {
    /// A complete frame for an event. Never holds the event's sealed part.
    fn event(&self, key: FrameKey, commit: &Commit) -> Bytes;

    /// A complete frame for a signal.
    fn signal(&self, key: FrameKey, signal: &Signal) -> Bytes;
}

/// An event and its frames so far.
pub(super) struct EventFrames {
    commit: Arc<Commit>,
    encoded: Mutex<Vec<(FrameKey, Bytes)>>,
}

impl EventFrames {
    pub(super) fn new(commit: Arc<Commit>) -> Self {
        Self {
            commit,
            encoded: Mutex::default(),
        }
    }

    pub(super) fn commit(&self) -> &Commit {
        &self.commit
    }

    pub(super) fn rev(&self) -> u64 {
        self.commit.event.rev()
    }

    /// The frame, encoded on first use. There are few keys, so a list is searched.
    pub(super) fn get(&self, key: FrameKey, encoder: &dyn Encoder) -> Bytes {
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frame)) = encoded.iter().find(|(known, _)| *known == key) {
            return frame.clone();
        }
        let frame = encoder.event(key, &self.commit);
        encoded.push((key, frame.clone()));
        frame
    }
}
