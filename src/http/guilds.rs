//! Guilds, their channels, members and invites.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use madang_storage::model::GuildId;
use serde::Serialize;

use super::error::Result;
use super::extract::{AtTheDoor, Body, Caller, Path, Query};
use super::sessions::{Transport, credentials, signed_in};
use super::{Settings, parse_id};
use crate::chat::view::{GuildView, Time};
use crate::chat::{Channels, InviteView, Members, NewInvite};

pub(super) fn routes() -> Router<Arc<Settings>> {
    Router::new()
        .route("/api/v1/guilds", get(guilds))
        .route(
            "/api/v1/guilds/{guild}/channels",
            get(channels).post(create_channel),
        )
        .route("/api/v1/guilds/{guild}/members", get(members))
        .route("/api/v1/invites", post(create_invite))
        .route("/api/v1/invites/{code}", get(invite))
        .route("/api/v1/invites/{code}/accept", post(accept_invite))
}

async fn guilds(State(settings): State<Arc<Settings>>, caller: Caller) -> Result<Response> {
    #[derive(Serialize)]
    struct Guilds {
        guilds: Vec<GuildView>,
    }

    let guilds = settings.chat.guilds_of(&caller.identity).await?;
    Ok(Json(Guilds { guilds }).into_response())
}

async fn channels(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
    Query(mut fields): Query,
) -> Result<Json<Channels>> {
    let guild: GuildId = parse_id(&guild)?;
    let after = fields.optional_id("after")?;
    let limit = fields.query_number("limit")?;
    fields.finish()?;
    Ok(Json(
        settings
            .chat
            .channels(&caller.identity, guild, after, limit)
            .await?,
    ))
}

async fn create_channel(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
    Body(mut fields): Body,
) -> Result<Response> {
    let guild: GuildId = parse_id(&guild)?;
    let name = fields.text("name")?;
    let topic = fields.optional_text("topic")?;
    fields.finish()?;
    let channel = settings
        .chat
        .create_channel(&caller.identity, guild, &name, topic.as_deref())
        .await?;
    Ok((StatusCode::CREATED, Json(channel)).into_response())
}

async fn members(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
    Query(mut fields): Query,
) -> Result<Json<Members>> {
    let guild: GuildId = parse_id(&guild)?;
    let after = fields.optional_id("after")?;
    let limit = fields.query_number("limit")?;
    fields.finish()?;
    Ok(Json(
        settings
            .chat
            .members(&caller.identity, guild, after, limit)
            .await?,
    ))
}

async fn create_invite(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    headers: axum::http::HeaderMap,
    Body(mut fields): Body,
) -> Result<Response> {
    #[derive(Serialize)]
    struct Invite {
        url: String,
        code: String,
        uses_left: Option<u64>,
        expires_at: Time,
    }

    let new = NewInvite {
        guild: fields.id("guild")?,
        max_uses: fields.optional_number("max_uses")?,
        expires_in_seconds: fields.optional_number("expires_in_seconds")?,
    };
    fields.finish()?;
    let made = settings.chat.create_invite(&caller.identity, new).await?;
    let url = format!("{}/invite/{}", settings.own_url(&headers), made.code);
    let invite = Invite {
        url,
        code: made.code,
        uses_left: made.uses_left,
        expires_at: made.expires_at,
    };
    Ok((StatusCode::CREATED, Json(invite)).into_response())
}

async fn invite(State(settings): State<Arc<Settings>>, Path(code): Path<String>) -> Result<Json<InviteView>> {
    Ok(Json(settings.chat.invite(&code).await?))
}

async fn accept_invite(
    State(settings): State<Arc<Settings>>,
    AtTheDoor(visitor): AtTheDoor,
    Path(code): Path<String>,
    Body(mut fields): Body,
) -> Result<Response> {
    let credentials = credentials(&mut fields)?;
    let transport = Transport::read(&mut fields)?;
    fields.finish()?;
    let session = settings.chat.accept_invite(&code, &credentials, &visitor).await?;
    Ok(signed_in(&settings, session, transport))
}
