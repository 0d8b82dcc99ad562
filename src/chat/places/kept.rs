//! A copy of something that a stream decides about, kept current by the stream's events.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use madang_storage::Store;
use madang_storage::model::{Commit, StreamId};
use tokio::sync::Mutex;

use crate::chat::Result;

/// A copy that is further behind is made anew.
const MAX_BEHIND: u64 = 1_000;
/// How many events are read at a time.
const EVENTS_PER_PAGE: usize = 100;

/// What can be kept.
#[async_trait]
pub(super) trait Copied: Sized + Send + Sync {
    /// Reads it as of a head that is read before anything else. Later events may be applied to what shows them
    /// already; in the end that changes nothing.
    async fn read(stream: StreamId, store: &Store) -> Result<Self>;

    /// The newest event that is in it.
    fn rev(&self) -> u64;

    /// Takes the event that comes right after.
    fn apply(&mut self, commit: &Commit);
}

/// A copy as this node has it.
pub(super) struct Kept<T> {
    copy: RwLock<Option<T>>,
    /// The newest `rev` that this node has heard of.
    heard: AtomicU64,
    /// Held by whoever reads from the store, so that many who wait make one read.
    reading: Mutex<()>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            copy: RwLock::default(),
            heard: AtomicU64::new(0),
            reading: Mutex::default(),
        }
    }
}

impl<T: Copied> Kept<T> {
    /// What this node knows; `None` while it knows that it does not know everything.
    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        let copy = self.copy.read().unwrap_or_else(PoisonError::into_inner);
        copy.as_ref().filter(|copy| copy.rev() >= self.heard()).map(look)
    }

    /// Notes that the stream is at `rev`.
    pub(super) fn hear_of(&self, rev: u64) {
        self.heard.fetch_max(rev, Ordering::AcqRel);
    }

    /// Takes an event of the stream. One that is in the copy is passed over, and so is one that comes too early.
    pub(super) fn hear(&self, commit: &Commit) {
        let mut copy = self.copy.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: nobody sees the copy as behind that is about to be brought forward.
        self.hear_of(commit.event.rev());
        if let Some(copy) = &mut *copy {
            apply_next(copy, commit);
        }
    }

    /// Reads what is missing. Whoever waited for another's reading finds it done.
    pub(super) async fn read(&self, stream: StreamId, store: &Store) -> Result<()> {
        let _turn = self.reading.lock().await;
        loop {
            let heard = self.heard();
            match self.rev() {
                Some(rev) if rev >= heard => return Ok(()),
                Some(rev) if heard - rev <= MAX_BEHIND => self.read_events(stream, rev, store).await?,
                _ => {
                    let read = read_whole(stream, store).await?;
                    *self.copy.write().unwrap_or_else(PoisonError::into_inner) = Some(read);
                }
            }
        }
    }

    async fn read_events(&self, stream: StreamId, after: u64, store: &Store) -> Result<()> {
        let page = store.events(stream, after, EVENTS_PER_PAGE).await?;
        let mut copy = self.copy.write().unwrap_or_else(PoisonError::into_inner);
        if page.commits.is_empty() {
            // What was heard of is not there: this node heard of another life of the data.
            tracing::warn!(%stream, after, heard = self.heard(), "a stream is not as far as was told");
            self.heard.store(after, Ordering::Release);
        }
        if let Some(copy) = &mut *copy {
            page.commits.iter().for_each(|commit| apply_next(copy, commit));
        }
        Ok(())
    }

    fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    fn rev(&self) -> Option<u64> {
        let copy = self.copy.read().unwrap_or_else(PoisonError::into_inner);
        copy.as_ref().map(T::rev)
    }
}

/// Reads it with everything that it may show already: while its rows are read the stream goes on, and what is judged by
/// a copy names the copy's `rev`.
async fn read_whole<T: Copied>(stream: StreamId, store: &Store) -> Result<T> {
    let mut copy = T::read(stream, store).await?;
    loop {
        let page = store.events(stream, copy.rev(), EVENTS_PER_PAGE).await?;
        if page.commits.is_empty() {
            return Ok(copy);
        }
        page.commits
            .iter()
            .for_each(|commit| apply_next(&mut copy, commit));
    }
}

fn apply_next(copy: &mut impl Copied, commit: &Commit) {
    if commit.event.rev() == copy.rev() + 1 {
        copy.apply(commit);
    }
}

#[cfg(test)]
mod tests {
    use madang_storage::embedded::{self, Options};
    use madang_storage::model::{EventId, Fact, Head, Rows, User, UserId};
    use madang_storage::{Command, Env};

    use super::*;

    const USER: UserId = UserId::from_u128(1);

    /// A copy whose stream goes on while it is read.
    struct Overtaken {
        rev: u64,
        name: String,
    }

    async fn append(store: &Store, fact: Fact) {
        let command = Command {
            stream: StreamId::User(USER),
            event_id: EventId::from_u128(Env::system().next_id()),
            actor: None,
            access_rev: 0,
            nonce: None,
            rows: Vec::new(),
        };
        let decide = move |_: &Head, _: &Rows| Ok::<_, ()>(fact.clone().into());
        store.append(command, decide).await.expect("appended");
    }

    fn renamed(name: &str) -> Fact {
        let user = User {
            display_name: Some(name.to_owned()),
            ..User::new("user".to_owned(), Env::system().now())
        };
        Fact::UserChanged { user }
    }

    #[async_trait]
    impl Copied for Overtaken {
        async fn read(stream: StreamId, store: &Store) -> Result<Self> {
            let rev = store.head(stream).await?.rev;
            append(store, renamed("later")).await;
            let user = store.user(USER).await?.expect("a user");
            Ok(Self {
                rev,
                name: user.display_name.unwrap_or_default(),
            })
        }

        fn rev(&self) -> u64 {
            self.rev
        }

        fn apply(&mut self, commit: &Commit) {
            self.rev = commit.event.rev();
            if let Fact::UserChanged { user } = &commit.event.fact {
                self.name = user.display_name.clone().unwrap_or_default();
            }
        }
    }

    #[tokio::test]
    async fn a_copy_says_of_everything_that_it_shows_when_that_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            min_free_bytes: 0,
            ..Options::default()
        };
        let store = embedded::open(folder.path(), options).expect("it opens").store();
        let name = "user".to_owned();
        append(&store, Fact::UserCreated { name }).await;
        let kept = Kept::<Overtaken>::default();
        kept.hear_of(1);
        kept.read(StreamId::User(USER), &store).await.expect("read");
        let seen = kept.look(|copy| (copy.rev, copy.name.clone()));
        assert_eq!(seen, Some((2, "later".to_owned())));
    }
}
