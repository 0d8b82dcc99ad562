//! The nonces of events against the rows that list them.

use super::Checker;
use super::streams::event_key;
use crate::Result;
use crate::embedded::current_tick;
use crate::embedded::nonces::{Index, Used};
use crate::error::Error;
use crate::model::Event;

/// What the rows of nonces list.
#[derive(Default)]
pub(super) struct Nonces {
    index: Index,
    /// Earlier days were swept.
    from: u32,
    /// Whether they were read at the moment that the check is at.
    pub(super) are_present: bool,
}

impl Checker<'_> {
    /// Notes an event whose nonce would be taken for a new one.
    pub(super) fn nonce_of(&mut self, event: &Event) -> Result<()> {
        let Some(used) = Used::of(event) else {
            return Ok(());
        };
        if self.nonces.index.has(&used) {
            return Ok(());
        }
        // Nonces come and go while a running store is checked.
        if !self.nonces.are_present {
            self.read_nonces()?;
        }
        if used.day >= self.nonces.from && !self.nonces.index.has(&used) {
            self.problem(&event_key(event), "its nonce is not noted");
        }
        Ok(())
    }

    fn read_nonces(&mut self) -> Result<()> {
        let read = Index::load(&*self.engine).and_then(|index| {
            let from = current_tick(&*self.engine)?.nonces_from;
            Ok((index, from))
        });
        match read {
            Ok((index, from)) => (self.nonces.index, self.nonces.from) = (index, from),
            // Told of where the rows were looked at.
            Err(Error::Damaged(_)) => self.nonces.from = u32::MAX,
            Err(error) => return Err(error),
        }
        self.nonces.are_present = true;
        Ok(())
    }
}
