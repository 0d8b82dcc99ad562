//! Accounts.

/// What accounts need at hand.
#[derive(Debug, Default)]
pub struct Accounts {}

impl Accounts {
    pub(super) fn new() -> Self {
        Self::default()
    }
}
