//! What a signed-in client can ask for. Each request reads its fields, calls one function of `chat`, and answers.

use madang_storage::Anchor;
use madang_storage::model::{RoomId, StreamId};
use serde::Serialize;

use super::session::{Resume, Session, SignedIn};
use super::wire::{Empty, HistoryWire, MarkedWire, MessageWire, OpenedWire};
use crate::chat::view::MessageView;
use crate::chat::{Code, DEFAULT_PAGE, Error, Post, Posted, Ready, Result};
use crate::fields::Fields;
use crate::hub::{MAX_OPEN_ROOMS, Signal};

/// How many missed events are told on resuming, over all streams.
const MAX_RESUMED_EVENTS: u64 = 2_000;

/// Carries out a request. It has answered when it returns `Ok`.
pub(super) async fn handle(session: &Session, who: &SignedIn, id: u64, op: &str, args: Fields) -> Result<()> {
    match op {
        "open" => open(session, who, id, args).await,
        "close" => close(session, who, id, args),
        "history" => history(session, who, id, args).await,
        "post" => post(session, who, id, args).await,
        "edit" => edit(session, who, id, args).await,
        "delete" => delete(session, who, id, args).await,
        "react" => react(session, who, id, args).await,
        "mark" => mark(session, who, id, args).await,
        "typing" => typing(session, who, id, args).await,
        _ => Err(Error {
            field: Some("op".into()),
            ..Error::new(Code::UnknownOp, "this gateway does not know this operation")
        }),
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

async fn history(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    let anchors = [
        args.optional_number("before")?.map(Anchor::Before),
        args.optional_number("after")?.map(Anchor::After),
        args.optional_number("around")?.map(Anchor::Around),
    ];
    let limit = args.optional_number("limit")?;
    args.finish()?;
    let mut given = anchors.into_iter().flatten();
    let anchor = given.next().unwrap_or(Anchor::Latest);
    if given.next().is_some() {
        return Err(Error::invalid(
            "before",
            "only one of before, after and around can be given",
        ));
    }
    let limit = limit.map_or(DEFAULT_PAGE, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let page = session
        .gateway
        .chat()
        .history(&who.identity, room, anchor, limit)
        .await?;
    let messages = page
        .messages
        .iter()
        .map(|(record, mine)| MessageView {
            mine: Some(mine.clone()),
            ..MessageView::new(room, record)
        })
        .collect();
    session.answer(
        id,
        HistoryWire {
            head: page.head,
            messages,
        },
    );
    Ok(())
}

async fn post(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    let text = args.text("text")?;
    let reply_to = args.optional_number("reply_to")?;
    let nonce = args.optional_id("nonce")?;
    args.finish()?;
    let posted = session
        .gateway
        .chat()
        .post(
            &who.identity,
            room,
            Post {
                text,
                reply_to,
                nonce,
            },
        )
        .await?;
    answer_message(session, id, room, &posted, Some(posted.replayed));
    Ok(())
}

async fn edit(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    let seq = args.number("seq")?;
    let text = args.text("text")?;
    args.finish()?;
    let edited = session
        .gateway
        .chat()
        .edit(&who.identity, room, seq, text)
        .await?;
    answer_message(session, id, room, &edited, None);
    Ok(())
}

async fn delete(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    let seq = args.number("seq")?;
    args.finish()?;
    let deleted = session.gateway.chat().delete(&who.identity, room, seq).await?;
    answer_message(session, id, room, &deleted, None);
    Ok(())
}

async fn react(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    let seq = args.number("seq")?;
    let emoji = args.text("emoji")?;
    let on = args.flag("on")?;
    args.finish()?;
    let reacted = session
        .gateway
        .chat()
        .react(&who.identity, room, seq, &emoji, on)
        .await?;
    answer_message(session, id, room, &reacted, None);
    Ok(())
}

async fn mark(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    let seq = args.number("seq")?;
    args.finish()?;
    let read = session.gateway.chat().mark(&who.identity, room, seq).await?;
    session.answer(
        id,
        MarkedWire {
            marker: read.marker,
            unread: read.unread,
        },
    );
    Ok(())
}

async fn typing(session: &Session, who: &SignedIn, id: u64, mut args: Fields) -> Result<()> {
    let room: RoomId = args.id("room")?;
    args.finish()?;
    session.gateway.chat().typing(&who.identity, room).await?;
    session.answer(id, Empty {});
    Ok(())
}

fn answer_message(session: &Session, id: u64, room: RoomId, posted: &Posted, replayed: Option<bool>) {
    session.answer(
        id,
        MessageWire {
            message: MessageView::new(room, &posted.record),
            replayed,
        },
    );
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
