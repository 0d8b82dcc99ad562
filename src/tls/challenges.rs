//! What a certificate authority must find at this server, to believe that the names are this server's (RFC 8555,
//! section 8.3).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the authority looks, over plain HTTP at port 80.
const PATH: &str = "/.well-known/acme-challenge/";

/// The open challenges: as many as there are names in an order that is under way. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Challenges(Arc<Mutex<HashMap<String, String>>>);

impl Challenges {
    /// The answer to a request for this path, if an open challenge is meant.
    pub fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PATH)?;
        self.lock().get(token).cloned()
    }

    pub(super) fn open(&self, token: String, answer: String) {
        self.lock().insert(token, answer);
    }

    pub(super) fn close_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
