//! What an operation answers, before a transport has encoded it.

use erased_serde::Serialize as Erased;
use serde::{Serialize, Serializer};

/// An answer. Serialises as its body; one without a body as an empty map.
pub struct Answer {
    body: Option<Box<dyn Erased + Send + Sync>>,
    status: Option<u16>,
}

impl Answer {
    /// An answer that says something.
    pub(super) fn of(body: impl Serialize + Send + Sync + 'static) -> Self {
        Self {
            body: Some(Box::new(body)),
            status: None,
        }
    }

    /// An answer that only says that it is done.
    pub(super) const fn done() -> Self {
        Self {
            body: None,
            status: None,
        }
    }

    /// With another HTTP status than the one that the operation has as a rule.
    #[must_use]
    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// What there is to say.
    pub fn body(&self) -> Option<&(dyn Erased + Send + Sync)> {
        self.body.as_deref()
    }

    /// The HTTP status, if it differs from the operation's own.
    pub const fn status(&self) -> Option<u16> {
        self.status
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Empty {}

        match &self.body {
            Some(body) => erased_serde::serialize(body, serializer),
            None => Empty {}.serialize(serializer),
        }
    }
}
