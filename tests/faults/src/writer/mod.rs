//! What the child process does to a store: many small writes of every kind, each told to a journal once it is
//! acknowledged, and a reader that tells what it saw before it looks further.

mod messages;
mod reader;
mod setup;
mod states;

pub(crate) use states::{BLOB, MARKER, blob_key};

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use madang_storage::engine::EngineKind;
use madang_storage::model::{GuildId, RoomId, UserId};
use madang_storage::{AppendError, Env, Error, Readiness, Store, embedded};

use crate::dice::Dice;
use crate::knowledge::{Journal, Lines};

/// How many workers write.
const WORKERS: u64 = 6;
/// How many users act. Fewer than workers, so that some share a user's marker and reactions.
const USERS: u128 = 4;
/// How many rooms are made first.
const ROOMS: u128 = 4;
/// How many more rooms are made on the way.
const LATER_ROOMS: u64 = 8;

/// What a writer does when the store refuses a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The run has failed: nothing was done to the store that excuses an error.
    Fail,
    /// Writing ends; what the journal says must still be readable from the same store.
    StopAndRead,
    /// A full disk is waited out; any other error fails.
    WaitForSpace,
}

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub folder: PathBuf,
    /// Its engine.
    pub engine: EngineKind,
    /// Where to tell what happened.
    pub journal: PathBuf,
    /// What the workers' choices follow from.
    pub seed: u64,
    /// What must stay free on the disk.
    pub min_free_bytes: u64,
    /// What an error of the store means.
    pub on_error: OnError,
}

impl Options {
    /// The store's options.
    pub fn store_options(engine: EngineKind, min_free_bytes: u64) -> embedded::Options {
        let cache_bytes = 16 * 1024 * 1024;
        embedded::Options {
            engine: Some(engine),
            cache_bytes,
            min_free_bytes,
            ..embedded::Options::default()
        }
    }
}

/// Why a run ended. A run that is not killed goes on until an error.
#[derive(Debug)]
pub enum Ended {
    /// The store would not open.
    CannotOpen(Error),
    /// The store answered an error that nothing excuses.
    Failed(String),
    /// With [`OnError::StopAndRead`]: the store refused to write, and this is still open.
    Refused(Error, Store),
}

/// What all tasks of a run share.
struct Run {
    store: Store,
    journal: Journal,
    env: Env,
    guild: GuildId,
    on_error: OnError,
    stopped: AtomicBool,
}

/// An operation that did not happen.
enum Miss {
    /// The store failed.
    Store(Error),
    /// A decision refused, or another writer was first: part of the game.
    Refused,
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<AppendError<()>> for Miss {
    fn from(error: AppendError<()>) -> Self {
        match error {
            AppendError::Store(error) => Self::Store(error),
            AppendError::Refused(()) => Self::Refused,
        }
    }
}

/// Opens the store and writes until something ends it.
pub async fn run(options: &Options) -> Ended {
    let journal = Journal::open(&options.journal).expect("the journal can be opened");
    let opened = embedded::open(
        &options.folder,
        Options::store_options(options.engine, options.min_free_bytes),
    );
    let embedded = match opened {
        Ok(embedded) => embedded,
        Err(error) => return Ended::CannotOpen(error),
    };
    let run = Arc::new(Run {
        store: embedded.store(),
        journal,
        env: Env::system(),
        guild: GuildId::from_u128(1),
        on_error: options.on_error,
        stopped: AtomicBool::new(false),
    });
    if let Err(error) = announce(&run).await {
        return run.ended(error);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let run = Arc::clone(&run);
        let dice = Dice::new(options.seed.wrapping_add(worker));
        tasks.spawn(async move { Worker::new(&run, worker, dice).work().await });
    }
    let reader = Arc::clone(&run);
    let dice = Dice::new(options.seed.wrapping_add(WORKERS));
    tasks.spawn(async move { reader::read(&reader, dice).await });
    let mut first = None;
    while let Some(ended) = tasks.join_next().await {
        let error = ended.expect("no task of a run panics");
        run.stopped.store(true, Ordering::Relaxed);
        if run.on_error != OnError::StopAndRead {
            return run.ended(error.expect("a task ends with an error"));
        }
        first = first.or(error);
    }
    run.ended(first.expect("a task ends with an error"))
}

async fn announce(run: &Run) -> Result<(), Error> {
    let mut lines = Lines::default();
    lines.epoch(run.store.epoch().await?);
    lines.remark("opened");
    run.journal.write(&lines);
    setup::make(run).await
}

impl Run {
    fn ended(&self, error: Error) -> Ended {
        self.journal.remark(&format!("ended: {error}"));
        match self.on_error {
            OnError::StopAndRead => Ended::Refused(error, self.store.clone()),
            OnError::Fail | OnError::WaitForSpace => Ended::Failed(error.to_string()),
        }
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

fn user(number: u64) -> UserId {
    UserId::from_u128(0x100 + u128::from(number) % USERS)
}

fn room(number: u64) -> RoomId {
    RoomId::from_u128(0x200 + u128::from(number))
}

/// One writer's own state.
struct Worker {
    run: Arc<Run>,
    number: u64,
    user: UserId,
    /// Tells this worker of this run from every other one in what it writes.
    writer: u64,
    dice: Dice,
    made: u64,
}

impl Worker {
    fn new(run: &Arc<Run>, number: u64, dice: Dice) -> Self {
        let random = run.env.next_id() ^ u128::from(number);
        let writer = u64::try_from(random & u128::from(u64::MAX)).expect("64 bits");
        Self {
            run: Arc::clone(run),
            number,
            user: user(number),
            writer,
            dice,
            made: 0,
        }
    }

    /// Writes until an error ends it, or until another task's error did.
    async fn work(mut self) -> Option<Error> {
        while !self.run.stopped() {
            match self.step().await {
                Ok(()) | Err(Miss::Refused) => {}
                Err(Miss::Store(error)) => {
                    let full = matches!(error, Error::DiskFull { .. });
                    if !full || self.run.on_error != OnError::WaitForSpace {
                        return Some(error);
                    }
                    match self.run.store.status().await.readiness {
                        Readiness::DiskFull => self.run.journal.remark("full"),
                        other => self
                            .run
                            .journal
                            .remark(&format!("refused, but the status is {other:?}")),
                    }
                    // The store looks again by itself; asking it all the time would only fill the journal.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        None
    }

    async fn step(&mut self) -> Result<(), Miss> {
        let room = self.pick_room();
        match self.dice.below(100) {
            0..42 => self.post(room).await,
            42..46 => self.post_many(room).await,
            46..64 => self.edit(room).await,
            64..69 => self.delete(room).await,
            69..84 => self.react(room).await,
            84..88 => self.insert_state().await,
            88..93 => self.race_state().await,
            93..95 => self.remove_state().await,
            95..99 => self.move_marker(room).await,
            _ => setup::make_room(&self.run, room_number_of_later(&mut self.dice), self.user)
                .await
                .map_err(Miss::from),
        }
    }

    fn pick_room(&mut self) -> RoomId {
        room(self.dice.below(u64::try_from(ROOMS).expect("few rooms")))
    }
}

fn room_number_of_later(dice: &mut Dice) -> u64 {
    u64::try_from(ROOMS).expect("few rooms") + dice.below(LATER_ROOMS)
}
