//! Messages of a room: history, posting, editing, deleting, reactions, the read marker.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, put};
use axum::{Json, Router};
use madang_storage::Anchor;
use madang_storage::model::RoomId;
use serde::Serialize;

use super::error::Result;
use super::extract::{Body, Caller, Path, Query};
use super::{Settings, parse_id, parse_number};
use crate::chat::view::{HeadView, MarkerView, MessageView, UserView};
use crate::chat::{DEFAULT_PAGE, Error, Post, Posted};

pub(super) fn routes() -> Router<Arc<Settings>> {
    Router::new()
        .route("/api/v1/rooms/{room}/messages", get(history).post(post))
        .route("/api/v1/rooms/{room}/messages/{seq}", patch(edit).delete(delete))
        .route(
            "/api/v1/rooms/{room}/messages/{seq}/reactions/{emoji}",
            put(react).delete(take_back).get(reactors),
        )
        .route("/api/v1/rooms/{room}/marker", put(mark))
}

#[derive(Serialize)]
struct Message<'a> {
    message: MessageView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
}

fn message(room: RoomId, posted: &Posted) -> Response {
    Json(Message {
        message: MessageView::new(room, &posted.record),
        replayed: None,
    })
    .into_response()
}

async fn history(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(room): Path<String>,
    Query(mut fields): Query,
) -> Result<Response> {
    #[derive(Serialize)]
    struct Page<'a> {
        head: HeadView,
        messages: Vec<MessageView<'a>>,
    }

    let room: RoomId = parse_id(&room)?;
    let anchors = [
        fields.query_number("before")?.map(Anchor::Before),
        fields.query_number("after")?.map(Anchor::After),
        fields.query_number("around")?.map(Anchor::Around),
    ];
    let limit = fields.query_number("limit")?;
    fields.finish()?;
    let mut given = anchors.into_iter().flatten();
    let anchor = given.next().unwrap_or(Anchor::Latest);
    if given.next().is_some() {
        return Err(Error::invalid("before", "only one of before, after and around can be given").into());
    }
    let limit = limit.map_or(DEFAULT_PAGE, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let page = settings
        .chat
        .history(&caller.identity, room, anchor, limit)
        .await?;
    let messages = page
        .messages
        .iter()
        .map(|(record, mine)| MessageView {
            mine: Some(mine.clone()),
            ..MessageView::new(room, record)
        })
        .collect();
    Ok(Json(Page {
        head: page.head,
        messages,
    })
    .into_response())
}

async fn post(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(room): Path<String>,
    Body(mut fields): Body,
) -> Result<Response> {
    let room: RoomId = parse_id(&room)?;
    let post = Post {
        text: fields.text("text")?,
        reply_to: fields.optional_number("reply_to")?,
        nonce: fields.optional_id("nonce")?,
    };
    fields.finish()?;
    let posted = settings.chat.post(&caller.identity, room, post).await?;
    let status = if posted.replayed {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let view = MessageView::new(room, &posted.record);
    Ok((
        status,
        Json(Message {
            message: view,
            replayed: Some(posted.replayed),
        }),
    )
        .into_response())
}

async fn edit(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((room, seq)): Path<(String, String)>,
    Body(mut fields): Body,
) -> Result<Response> {
    let (room, seq) = (parse_id(&room)?, parse_number(&seq)?);
    let text = fields.text("text")?;
    fields.finish()?;
    Ok(message(
        room,
        &settings.chat.edit(&caller.identity, room, seq, text).await?,
    ))
}

async fn delete(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((room, seq)): Path<(String, String)>,
) -> Result<Response> {
    let (room, seq) = (parse_id(&room)?, parse_number(&seq)?);
    Ok(message(
        room,
        &settings.chat.delete(&caller.identity, room, seq).await?,
    ))
}

type ReactionPath = Path<(String, String, String)>;

async fn react(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((room, seq, emoji)): ReactionPath,
) -> Result<Response> {
    let (room, seq) = (parse_id(&room)?, parse_number(&seq)?);
    Ok(message(
        room,
        &settings
            .chat
            .react(&caller.identity, room, seq, &emoji, true)
            .await?,
    ))
}

async fn take_back(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((room, seq, emoji)): ReactionPath,
) -> Result<Response> {
    let (room, seq) = (parse_id(&room)?, parse_number(&seq)?);
    Ok(message(
        room,
        &settings
            .chat
            .react(&caller.identity, room, seq, &emoji, false)
            .await?,
    ))
}

async fn reactors(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((room, seq, emoji)): ReactionPath,
    Query(mut fields): Query,
) -> Result<Response> {
    #[derive(Serialize)]
    struct People {
        users: Vec<UserView>,
        more: bool,
    }

    let (room, seq) = (parse_id(&room)?, parse_number(&seq)?);
    let after = fields.optional_id("after")?;
    let limit = crate::chat::list_limit(fields.query_number("limit")?)?;
    fields.finish()?;
    let people = settings
        .chat
        .reactors(&caller.identity, room, seq, &emoji, after, limit)
        .await?;
    Ok(Json(People {
        users: people.users,
        more: people.more,
    })
    .into_response())
}

async fn mark(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(room): Path<String>,
    Body(mut fields): Body,
) -> Result<Response> {
    #[derive(Serialize)]
    struct Marked {
        marker: MarkerView,
        unread: u64,
    }

    let room: RoomId = parse_id(&room)?;
    let seq = fields.number("seq")?;
    fields.finish()?;
    let read = settings.chat.mark(&caller.identity, room, seq).await?;
    Ok(Json(Marked {
        marker: read.marker,
        unread: read.unread,
    })
    .into_response())
}
