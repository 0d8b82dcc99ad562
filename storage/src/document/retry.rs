//! Trying again, for a bounded time.

use std::time::Duration;

use tokio::time::Instant;

use super::documents::Unclear;
use crate::error::{Error, Result};

/// How long one piece of work may take before it is given up, and how long one may wait before it is begun.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause after somebody else was first.
const LONGEST_SHORT_PAUSE_MS: u128 = 16;

/// How long to go on trying, and how long to pause in between.
pub(super) struct Patience {
    until: Instant,
    pause: Duration,
    /// The last unclear answer, for the error's text.
    last: Option<Unclear>,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self {
            until: Instant::now() + PATIENCE,
            pause: FIRST_PAUSE,
            last: None,
        }
    }

    /// Pauses before the next try, or says that there is none.
    pub(super) async fn pause(&mut self) -> Result<()> {
        if Instant::now() >= self.until {
            let last = self.last.take();
            let last = last.map_or_else(
                || "others were always first".to_owned(),
                |unclear| unclear.to_string(),
            );
            return Err(Error::Unavailable(last));
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// Pauses after somebody else was first: not for long, and not for as long as others who were told the same.
    pub(super) async fn pause_shortly(&mut self, random: u128) -> Result<()> {
        let longest = self.pause.as_millis().min(LONGEST_SHORT_PAUSE_MS);
        let rest = self.pause;
        // The random part of an identifier is its low end.
        let millis = u64::try_from(random % (longest + 1)).unwrap_or(1);
        self.pause = Duration::from_millis(millis);
        let paused = self.pause().await;
        self.pause = (rest * 2).min(LONGEST_PAUSE);
        paused
    }

    /// Notes an unclear answer and pauses.
    pub(super) async fn pause_after(&mut self, unclear: Unclear) -> Result<()> {
        self.last = Some(unclear);
        self.pause().await
    }
}

/// Tries a read until it is answered. Reads change nothing, so every failure may be tried again.
macro_rules! read {
    ($operation:expr) => {{
        let mut patience = $crate::document::retry::Patience::new();
        loop {
            match $operation.await {
                Ok(answer) => break answer,
                Err(unclear) => patience.pause_after(unclear).await?,
            }
        }
    }};
}
pub(super) use read;
