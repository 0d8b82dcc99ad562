//! Places in a commit where a test can look around, fail or stop. Empty outside of this crate's own tests.

use crate::error::Result;

/// How far a commit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is written yet.
    Prepared,
    /// The engine has all of the batch, the disk need not.
    Written,
    /// The batch is durable and not shown yet.
    Synced,
}

/// What to do at each stage.
#[cfg(not(test))]
#[derive(Default)]
pub(super) struct Hooks;

#[cfg(not(test))]
impl Hooks {
    #[expect(clippy::unused_self, reason = "the tests' hooks need it")]
    pub(super) fn reach(&self, _stage: Stage) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
type Hook = Box<dyn FnMut(Stage) -> Result<()> + Send>;

/// What to do at each stage.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Hooks(std::sync::Mutex<Option<Hook>>);

#[cfg(test)]
impl Hooks {
    pub(super) fn set(&self, hook: impl FnMut(Stage) -> Result<()> + Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(hook));
    }

    pub(super) fn reach(&self, stage: Stage) -> Result<()> {
        // Taken out, because a hook may panic and should not poison the lock.
        let Some(mut hook) = self.0.lock().unwrap().take() else {
            return Ok(());
        };
        let answer = hook(stage);
        self.0.lock().unwrap().get_or_insert(hook);
        answer
    }
}
