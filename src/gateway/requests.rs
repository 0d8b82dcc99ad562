//! What a signed-in client can ask for: its connection's own rooms here, everything else from the table of operations.

use madang_storage::model::{GuildId, RoomId, StreamId, UserId};
use serde::Serialize;

use super::session::{Resume, Session, SignedIn};
use super::wire::{Empty, OpenedWire};
use crate::chat::view::PresenceView;
use crate::chat::{Code, Error, MAX_WATCHED, Ready, Result};
use crate::fields::Fields;
use crate::hub::{MAX_OPEN_ROOMS, Signal};
use crate::operations::{self, Call};

/// How many missed events are told on resuming, over all streams.
const MAX_RESUMED_EVENTS: u64 = 2_000;

/// Carries out a request. It has answered when it returns `Ok`.
pub(super) async fn handle(session: &Session, who: &SignedIn, id: u64, op: &str, args: Fields) -> Result<()> {
    match op {
        "open" => open(session, who, id, args).await,
        "close" => close(session, who, id, args),
        "look" => look(session, who, id, args).await,
        "watch" => watch(session, who, id, args).await,
        _ => operation(session, who, id, op, args).await,
    }
}

async fn open(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    let since = args.optional_number("since_rev")?;
    args.finish()?;
    session.gateway.chat().may_see_room(&who.identity, room).await?;
    let hub = session.gateway.hub();
    let opened = hub
        .open_room(&who.listener, room, since, |opened| {
            session.answer(
                id,
                OpenedWire {
                    head: opened.head.into(),
                    reset: opened.reset,
                },
            );
        })
        .await?;
    match opened {
        Some(_) => Ok(()),
        None => Err(Error {
            field: Some("room".into()),
            ..Error::new(
                Code::TooMany,
                format!("at most {MAX_OPEN_ROOMS} rooms are open at a time"),
            )
        }),
    }
}

fn close(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    args.finish()?;
    session.gateway.hub().close_room(&who.listener, room);
    session.answer(id, Empty {});
    Ok(())
}

async fn look(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: Option<RoomId> = args.optional_id("room")?;
    let is_idle = args.optional_flag("idle")?.unwrap_or(false);
    args.finish()?;
    let chat = session.gateway.chat();
    chat.look(&who.identity, &who.listener, room, is_idle).await?;
    session.answer(id, Empty {});
    Ok(())
}

async fn watch(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    #[derive(Serialize)]
    struct Watched {
        users: Vec<PresenceView>,
    }

    let guild: GuildId = args.id("guild")?;
    let users: Vec<UserId> = args.ids("users", MAX_WATCHED)?;
    args.finish()?;
    let chat = session.gateway.chat();
    let users = chat.watch(&who.identity, &who.listener, guild, &users).await?;
    session.answer(id, Watched { users });
    Ok(())
}

/// Everything that has nothing to do with the connection itself.
async fn operation(session: &Session, who: &SignedIn, id: u64, op: &str, args: Fields) -> Result<()> {
    let operation = operations::find(op).ok_or_else(operations::unknown)?;
    let call = Call {
        chat: session.gateway.chat().clone(),
        identity: who.identity,
        own_url: session.own_url.to_string(),
        fields: args,
    };
    session.answer(id, operation.check(call)?.answer().await?);
    Ok(())
}

/// Answers `authenticate`: the snapshot first, then what was missed since the last connection.
pub(super) async fn ready(session: &Session, who: &SignedIn, id: u64, asked: Resume) -> Result<()> {
    #[derive(Serialize)]
    struct ReadyWire {
        #[serde(flatten)]
        ready: Ready,
        resumed: bool,
    }

    let gateway = &session.gateway;
    let ready = gateway.chat().ready(&who.identity).await?;
    let resumed = asked
        .epoch
        .is_some_and(|epoch| epoch == gateway.epoch().to_string());
    let guilds: Vec<_> = ready.guilds.iter().map(|guild| guild.guild.id).collect();
    session.answer(id, ReadyWire { ready, resumed });

    let mut left = MAX_RESUMED_EVENTS;
    for guild in guilds {
        let since = asked
            .guilds
            .iter()
            .find(|(known, _)| *known == guild && resumed)
            .map(|(_, rev)| *rev);
        let signal_reset = |opened: crate::hub::Opened| {
            if opened.reset {
                gateway
                    .hub()
                    .signal_to(&who.listener, &Signal::ResetGuild { guild });
            }
        };
        let opened = gateway
            .hub()
            .watch_guild(&who.listener, guild, since, signal_reset)
            .await?;
        left = left.saturating_sub(missed(since, &opened));
    }
    if resumed {
        for (room, since) in asked.rooms {
            left = resume_room(session, who, room, since, left).await?;
        }
    }
    Ok(())
}

/// Opens a room again; answers how many events may still be told.
async fn resume_room(session: &Session, who: &SignedIn, room: RoomId, since: u64, left: u64) -> Result<u64> {
    let (chat, hub) = (session.gateway.chat(), session.gateway.hub());
    let stream = StreamId::Room(room);
    if let Err(error) = chat.may_see_room(&who.identity, room).await {
        if error.code != Code::NotFound {
            return Err(error);
        }
        let reset = Signal::Reset {
            stream,
            head: madang_storage::model::Head::default(),
        };
        hub.signal_to(&who.listener, &reset);
        return Ok(left);
    }
    // With nothing left to spend, being at the start of everything makes the hub tell a reset.
    let since = if left == 0 { u64::MAX } else { since };
    let signal_reset = |opened: crate::hub::Opened| {
        if opened.reset {
            hub.signal_to(
                &who.listener,
                &Signal::Reset {
                    stream,
                    head: opened.head,
                },
            );
        }
    };
    let opened = hub
        .open_room(&who.listener, room, Some(since), signal_reset)
        .await?;
    Ok(opened.map_or(left, |opened| left.saturating_sub(missed(Some(since), &opened))))
}

fn missed(since: Option<u64>, opened: &crate::hub::Opened) -> u64 {
    if opened.reset {
        0
    } else {
        since.map_or(0, |since| opened.head.rev.saturating_sub(since))
    }
}
