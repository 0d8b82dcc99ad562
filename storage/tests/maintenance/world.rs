//! Stores with something in them, and how to look at and damage their files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use madang_storage::embedded::{self, Embedded, Options, Table};
use madang_storage::engine::{self, Engine, EngineKind, EngineOptions, Entry, Pair, Previous};
use madang_storage::model::{
    Category, CategoryId, Draft, EventId, Fact, Guild, GuildId, Mentions, Nonce, Permissions, Role, RoleId,
    Room, RoomId, RoomKind, RowKey, Sealed, StateKey, StateOutcome, StateTable, StateWrite, StateWriteKind,
    StreamId, Timestamp, UserId,
};
use madang_storage::{AppendError, Appended, Backend, Command, Env, NonceUse, Store};

pub(crate) const GUILD: GuildId = GuildId::from_u128(7);
pub(crate) const ROOM: RoomId = RoomId::from_u128(70);
pub(crate) const OTHER_ROOM: RoomId = RoomId::from_u128(71);
pub(crate) const ALICE: UserId = UserId::from_u128(1);
pub(crate) const BOB: UserId = UserId::from_u128(2);

pub(crate) fn options(engine: EngineKind) -> Options {
    Options {
        engine: Some(engine),
        min_free_bytes: 0,
        ..Options::default()
    }
}

pub(crate) fn open(folder: &Path, engine: EngineKind) -> Embedded {
    embedded::open(folder, options(engine)).expect("the store opens")
}

pub(crate) async fn append(store: &Store, stream: StreamId, fact: Fact) -> Appended {
    append_with(store, stream, fact, None).await
}

pub(crate) async fn append_with(
    store: &Store,
    stream: StreamId,
    fact: Fact,
    nonce: Option<NonceUse>,
) -> Appended {
    let command = Command {
        stream,
        event_id: EventId::from_u128(Env::system().next_id()),
        actor: Some(ALICE),
        access_rev: 0,
        nonce,
        rows: Vec::new(),
    };
    let appended: Result<Appended, AppendError<()>> = store
        .append(command, move |_, _| Ok(Draft::from(fact.clone())))
        .await;
    appended.expect("the append is taken")
}

pub(crate) fn nonce() -> Nonce {
    Nonce::from_u128(Env::system().next_id())
}

pub(crate) async fn post(store: &Store, room: RoomId, author: UserId, text: &str) -> u64 {
    let fact = Fact::MessagePosted {
        author,
        text: text.to_owned(),
        reply_to: None,
        reply_to_author: None,
        mentions: Default::default(),
        system: None,
    };
    let used = NonceUse {
        nonce: nonce(),
        fingerprint: 1,
    };
    let appended = append_with(store, StreamId::Room(room), fact, Some(used)).await;
    appended.commit.event.head.seq
}

pub(crate) async fn edit(store: &Store, room: RoomId, seq: u64, text: &str) {
    edit_with(store, room, seq, text, false).await;
}

/// Replaces a text; `keeps` says whether the one before stays with the message.
pub(crate) async fn edit_with(store: &Store, room: RoomId, seq: u64, text: &str, keeps: bool) {
    let text = text.to_owned();
    let fact = Fact::MessageEdited { seq, text, keeps };
    append(store, StreamId::Room(room), fact).await;
}

pub(crate) async fn delete(store: &Store, room: RoomId, seq: u64) {
    append(
        store,
        StreamId::Room(room),
        Fact::MessageDeleted { seq, by: ALICE },
    )
    .await;
}

/// Puts a reaction on or takes it back, as the chat logic does: the count is decided from the message.
pub(crate) async fn react(store: &Store, room: RoomId, seq: u64, user: UserId, on: bool) {
    let emoji = "👍".to_owned();
    let message = RowKey::Message { room, seq };
    let reaction = RowKey::Reaction {
        room,
        seq,
        emoji: emoji.clone(),
        user,
    };
    let command = Command {
        stream: StreamId::Room(room),
        event_id: EventId::from_u128(Env::system().next_id()),
        actor: Some(user),
        access_rev: 0,
        nonce: None,
        rows: vec![message, reaction.clone()],
    };
    let decided = store
        .append(command, move |_, rows| {
            let record = rows.message(room, seq).ok_or("no message")?;
            if record.deleted.is_some() || rows.contains(&reaction) == on {
                return Err("nothing to do");
            }
            let count = record.count_of(&emoji);
            Ok(Draft::from(Fact::ReactionChanged {
                seq,
                emoji: emoji.clone(),
                user,
                on,
                count: if on { count + 1 } else { count - 1 },
            }))
        })
        .await;
    assert!(
        matches!(decided, Ok(_) | Err(AppendError::Refused(_))),
        "{decided:?}"
    );
}

pub(crate) fn setting(name: &str) -> StateKey {
    StateKey::new(StateTable::Settings, &[name.as_bytes()])
}

/// Writes a state row whatever its version is, and answers the version it has then.
pub(crate) async fn set_state(
    store: &Embedded,
    key: StateKey,
    value: Vec<u8>,
    expires_at: Option<Timestamp>,
) -> u64 {
    let version = store
        .state_get(&key)
        .await
        .expect("the row is read")
        .map(|row| row.version);
    let kind = match version {
        Some(version) => StateWriteKind::CompareAndSet {
            version,
            value,
            expires_at,
        },
        None => StateWriteKind::Insert { value, expires_at },
    };
    match store
        .state_write(StateWrite { key, kind })
        .await
        .expect("the row is written")
    {
        StateOutcome::Written { version } => version,
        StateOutcome::Conflict { .. } => panic!("nobody else writes this row"),
    }
}

/// A bit of everything: all kinds of events, long texts, state rows with and without expiry.
pub(crate) async fn fill(embedded: &Embedded) {
    let store = embedded.store();
    append(
        &store,
        StreamId::Instance,
        Fact::InstanceCreated {
            name: "here".to_owned(),
        },
    )
    .await;
    for (user, name) in [(ALICE, "alice"), (BOB, "bob")] {
        append(
            &store,
            StreamId::User(user),
            Fact::UserCreated {
                name: name.to_owned(),
            },
        )
        .await;
    }
    let made = Fact::GuildCreated {
        name: "guild".to_owned(),
        owner: ALICE,
    };
    append(&store, StreamId::Guild(GUILD), made).await;
    for user in [ALICE, BOB] {
        append(&store, StreamId::Guild(GUILD), Fact::MemberJoined { user }).await;
    }
    for room in [ROOM, OTHER_ROOM] {
        let made = Fact::channel_created(GUILD, format!("room-{}", room.as_u128()), String::new());
        append(&store, StreamId::Room(room), made).await;
        for number in 0..10 {
            post(&store, room, ALICE, &format!("message {number}")).await;
        }
        edit_with(&store, room, 2, &"long ".repeat(3_277), true).await;
        post(&store, room, BOB, &"x".repeat(16 * 1024)).await;
        for user in [ALICE, BOB] {
            react(&store, room, 3, user, true).await;
            react(&store, room, 4, user, true).await;
            react(&store, room, 5, user, true).await;
        }
        react(&store, room, 4, BOB, false).await;
        delete(&store, room, 5).await;
        delete(&store, room, 6).await;
    }
    fill_places(&store).await;
    let later = Env::system().now().plus_millis(1_000_000);
    set_state(embedded, setting("plain"), b"value".to_vec(), None).await;
    set_state(embedded, setting("long"), vec![7; 64 * 1024], Some(later)).await;
    set_state(embedded, setting("twice"), b"one".to_vec(), Some(later)).await;
    set_state(embedded, setting("twice"), b"two".to_vec(), None).await;
}

/// What only the audit reads: of a guild's own event, of one of its channels, and of a message that a moderator deleted.
pub(crate) async fn fill_audit(store: &Store) {
    let changed = Room::new(
        RoomKind::Channel { guild: GUILD },
        "told".to_owned(),
        String::new(),
    );
    let facts = [
        (StreamId::Guild(GUILD), Fact::BanLifted { user: BOB }),
        (StreamId::Room(ROOM), Fact::RoomChanged { room: changed }),
        (StreamId::Room(ROOM), Fact::MessageDeleted { seq: 7, by: BOB }),
    ];
    for (stream, fact) in facts {
        let command = Command {
            stream,
            event_id: EventId::from_u128(Env::system().next_id()),
            actor: Some(BOB),
            access_rev: 0,
            nonce: None,
            rows: Vec::new(),
        };
        let draft = Draft {
            fact,
            sealed: Some(Sealed {
                reason: "because".to_owned(),
                details: [(Sealed::GUILD.to_owned(), GUILD.to_string())].into(),
            }),
        };
        let decide = move |_: &_, _: &_| Ok::<_, ()>(draft.clone());
        store.append(command, decide).await.expect("appended");
    }
}

/// Roles, headings, bans, groups, threads, pins, mentions, and what people want of each other.
async fn fill_places(store: &Store) {
    let guild = StreamId::Guild(GUILD);
    let role = Role {
        name: "role".to_owned(),
        permissions: Permissions::of_moderators(),
        position: 1,
        colour: None,
        is_mentionable: true,
        built_in: None,
    };
    let category = Category {
        name: "heading".to_owned(),
        position: 1,
    };
    let (first, second) = (RoleId::from_u128(1), RoleId::from_u128(2));
    let banned = UserId::from_u128(66);
    let opened = Guild {
        is_public: true,
        ..Guild::new("guild".to_owned(), ALICE, Timestamp::default())
    };
    for fact in [
        Fact::GuildChanged { guild: opened },
        Fact::RoleChanged {
            id: first,
            role: role.clone(),
        },
        Fact::RoleChanged { id: second, role },
        Fact::RoleDeleted { id: second },
        Fact::CategoryChanged {
            id: CategoryId::from_u128(3),
            category,
        },
        Fact::MemberJoined { user: banned },
        Fact::MemberBanned {
            user: banned,
            by: ALICE,
        },
    ] {
        append(store, guild, fact).await;
    }
    for fact in [
        Fact::FollowChanged { user: BOB, on: true },
        Fact::BlockChanged {
            user: banned,
            on: true,
        },
    ] {
        append(store, StreamId::User(ALICE), fact).await;
    }
    let group = StreamId::Room(RoomId::from_u128(900));
    let thread = StreamId::Room(RoomId::from_u128(901));
    let room = |kind| Room::new(kind, String::new(), String::new());
    let thread_kind = RoomKind::Thread {
        parent: ROOM,
        seq: 1,
        guild: Some(GUILD),
    };
    let (group_room, thread_room) = (room(RoomKind::Group { owner: ALICE }), room(thread_kind));
    let members = vec![ALICE, BOB];
    append(
        store,
        group,
        Fact::RoomCreated {
            room: group_room,
            members,
        },
    )
    .await;
    append(
        store,
        thread,
        Fact::RoomCreated {
            room: thread_room,
            members: Vec::new(),
        },
    )
    .await;
    fill_calls(store).await;
}

async fn fill_calls(store: &Store) {
    let mentions = Mentions {
        users: vec![BOB],
        everyone: true,
        ..Mentions::default()
    };
    let call = Fact::MessagePosted {
        author: ALICE,
        text: "come".to_owned(),
        reply_to: Some(1),
        reply_to_author: Some(ALICE),
        mentions,
        system: None,
    };
    let room = StreamId::Room(ROOM);
    let seq = store.head(room).await.unwrap().seq;
    let pin = |seq| Fact::MessagePinned {
        seq,
        on: true,
        by: ALICE,
    };
    // The second of the two is deleted: its pin and its call of everybody go with it.
    for fact in [
        call.clone(),
        call,
        pin(seq + 1),
        pin(seq + 2),
        Fact::ThreadStarted { seq: 1 },
        Fact::MessageDeleted {
            seq: seq + 2,
            by: ALICE,
        },
    ] {
        append(store, room, fact).await;
    }
}

/// A closed store with a bit of everything in `folder`.
pub(crate) async fn filled(folder: &Path, engine: EngineKind) {
    let store = open(folder, engine);
    fill(&store).await;
    store.close().await.expect("the store closes");
}

/// Everything but the manifest.
pub(crate) fn compared_bytes(file: &Path) -> Vec<u8> {
    let from = embedded::archive::compared_from(file).expect("the file is a backup");
    let bytes = std::fs::read(file).expect("the file is there");
    bytes[usize::try_from(from).unwrap()..].to_vec()
}

/// Makes a backup of a folder that nobody uses.
pub(crate) async fn back_up(folder: &Path, engine: EngineKind, to: &Path) {
    let store = open(folder, engine);
    store.backup(to).await.expect("the backup is made");
    store.close().await.expect("the store closes");
}

/// The engine of a folder that nobody uses.
pub(crate) fn engine_of(folder: &Path, kind: EngineKind) -> Arc<dyn Engine> {
    engine::open(kind, &folder.join("store"), &EngineOptions::default()).expect("the engine opens")
}

pub(crate) fn rows_of(engine: &dyn Engine, table: Table) -> Vec<Pair> {
    let number = table.number();
    let rows = engine.range(&[number], &[number + 1], 100_000, false);
    rows.expect("the rows are read")
}

/// Writes or removes one row behind the store's back.
pub(crate) fn plant(
    folder: &Path,
    kind: EngineKind,
    change: impl FnOnce(&dyn Engine) -> (Vec<u8>, Option<Vec<u8>>),
) {
    let engine = engine_of(folder, kind);
    let (key, value) = change(&*engine);
    let entry = Entry {
        key,
        value,
        previous: Previous::Unknown,
    };
    engine.commit(vec![entry]).expect("the row is written");
    engine.close().expect("the engine closes");
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is read") {
        let path = entry.expect("the folder is read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, &target).unwrap();
    }
}

/// Whether the data folder has a complete set of data or the start of one.
pub(crate) fn has_data(folder: &Path) -> bool {
    folder.join("store").exists() || folder.join("store.new").exists() || folder.join("store.old").exists()
}

/// Runs each named test with both engines.
macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(madang_storage::engine::EngineKind::Sled).await;
            })*
        }
        mod redb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(madang_storage::engine::EngineKind::Redb).await;
            })*
        }
    };
}
