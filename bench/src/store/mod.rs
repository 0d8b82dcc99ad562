//! The store without a server around it.

pub(crate) mod open;
pub(crate) mod posts;

use std::path::Path;

use madang_storage::embedded::{self, Embedded, Options};
use madang_storage::engine::EngineKind;
use madang_storage::model::{Draft, EventId, Fact, GuildId, Head, Nonce, RoomId, Rows, StreamId, UserId};
use madang_storage::{AppendError, Command, Env, NonceUse, Store};

/// Opens a store that never stops for lack of space.
fn open_store(folder: &Path, engine: Option<EngineKind>) -> anyhow::Result<Embedded> {
    Ok(embedded::open(
        folder,
        Options {
            engine,
            min_free_bytes: 0,
            ..Options::default()
        },
    )?)
}

/// What happens when a benchmark's own append is refused: never, its decisions always agree.
#[derive(Debug)]
enum Never {}

async fn append(store: &Store, command: Command, fact: Fact) -> anyhow::Result<u64> {
    let decide = move |_: &Head, _: &Rows| Ok::<Draft, Never>(fact.clone().into());
    match store.append(command, decide).await {
        Ok(appended) => Ok(appended.commit.event.head.seq),
        Err(AppendError::Refused(never)) => match never {},
        Err(AppendError::Store(error)) => Err(error.into()),
    }
}

fn command(env: &Env, stream: StreamId, actor: UserId) -> Command {
    let nonce = Some(NonceUse {
        nonce: Nonce::from_u128(env.next_id()),
        fingerprint: 1,
    });
    let event_id = EventId::from_u128(env.next_id());
    Command {
        stream,
        event_id,
        actor: Some(actor),
        access_rev: 0,
        nonce,
        rows: Vec::new(),
    }
}

async fn make_room(store: &Store, env: &Env, room: RoomId) -> anyhow::Result<()> {
    let fact = Fact::channel_created(GuildId::from_u128(1), "bench".to_owned(), String::new());
    append(
        store,
        command(env, StreamId::Room(room), UserId::from_u128(1)),
        fact,
    )
    .await?;
    Ok(())
}

async fn post(store: &Store, env: &Env, room: RoomId, author: UserId, text: String) -> anyhow::Result<u64> {
    let fact = Fact::MessagePosted {
        author,
        text,
        reply_to: None,
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    };
    append(store, command(env, StreamId::Room(room), author), fact).await
}
