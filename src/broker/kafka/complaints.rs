//! What librdkafka complains of, several times a second while Kafka is away: said now and then, and remembered for whoever
//! must say why nothing works.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::broker::Error;

/// How often the same is said at most.
const SAY_EVERY: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Complaints(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    /// When each kind of error was said last. Kinds are librdkafka's codes, some dozens.
    said: HashMap<String, Instant>,
    last: Option<String>,
}

impl Complaints {
    pub(super) fn hear(&self, error: &KafkaError, reason: &str) {
        if self.is_to_be_said(error, reason) {
            tracing::warn!(%error, reason, "kafka");
        } else {
            tracing::debug!(%error, reason, "kafka");
        }
    }

    /// Adds to an error what was complained of: a password that Kafka refuses ends in no answer and nothing else.
    pub(super) fn explain(&self, error: Error) -> Error {
        match (error, &self.heard().last) {
            (Error::Unavailable(what), Some(reason)) => Error::Unavailable(format!("{what}: {reason}")),
            (error, _) => error,
        }
    }

    fn is_to_be_said(&self, error: &KafkaError, reason: &str) -> bool {
        let mut heard = self.heard();
        // That no server is left follows from what is wrong with each of them.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            heard.last = Some(reason.to_owned());
        }
        let (kind, now) = (error.to_string(), Instant::now());
        let said = heard.said.get(&kind);
        let is_due = said.is_none_or(|at| now.duration_since(*at) >= SAY_EVERY);
        if is_due {
            heard.said.insert(kind, now);
        }
        is_due
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_and_explains_what_fails() {
        let complaints = Complaints::default();
        let unavailable = || Error::Unavailable("no answer".to_owned());
        assert_eq!(
            complaints.explain(unavailable()).to_string(),
            unavailable().to_string()
        );
        let refused = KafkaError::Global(RDKafkaErrorCode::Authentication);
        assert!(complaints.is_to_be_said(&refused, "wrong password"));
        assert!(!complaints.is_to_be_said(&refused, "wrong password (1 more)"));
        let none_left = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        assert!(complaints.is_to_be_said(&none_left, "1/1 brokers are down"));
        let told = complaints.explain(unavailable()).to_string();
        assert!(told.ends_with("no answer: wrong password (1 more)"), "{told}");
    }
}
