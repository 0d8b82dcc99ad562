//! What happened, line by line.

use std::sync::{Arc, Mutex, PoisonError};

/// A run's log. Off, it costs nothing; a seed tells the same story when it is run again with it on. Cheap to clone.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Mutex<Vec<String>>>>);

impl Trace {
    /// A log that is kept.
    pub fn on() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether it is kept.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a line.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            let line = line();
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    /// The whole log.
    pub fn text(&self) -> String {
        let lines = self
            .0
            .as_ref()
            .map(|lines| lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n"));
        lines.unwrap_or_default()
    }
}
