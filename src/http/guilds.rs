//! Guilds, their channels and invites.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use madang_storage::model::GuildId;
use serde::Serialize;

use super::error::Result;
use super::extract::{AtTheDoor, Body, Caller, Path, Query};
use super::sessions::{Transport, credentials, signed_in};
use super::{Settings, parse_id};
use crate::chat::view::{GuildView, Time};
use crate::chat::{Channels, GuildChanges, InviteView, NewInvite};

pub(super) fn routes() -> Router<Arc<Settings>> {
    Router::new()
        .route("/api/v1/guilds", get(guilds).post(create_guild))
        .route("/api/v1/guilds/{guild}", patch(change_guild))
        .route("/api/v1/guilds/{guild}/join", post(join_public))
        .route(
            "/api/v1/guilds/{guild}/channels",
            get(channels).post(create_channel),
        )
        .route("/api/v1/invites", post(create_invite))
        .route("/api/v1/invites/{code}", get(invite))
        .route("/api/v1/invites/{code}/accept", post(accept_invite))
        .route("/api/v1/invites/{code}/join", post(join_by_invite))
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

async fn create_guild(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Body(mut fields): Body,
) -> Result<Response> {
    let name = fields.text("name")?;
    fields.finish()?;
    let guild = settings.chat.create_guild(&caller.identity, &name).await?;
    Ok((StatusCode::CREATED, Json(guild)).into_response())
}

async fn change_guild(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<GuildView>> {
    let guild: GuildId = parse_id(&guild)?;
    let changes = GuildChanges {
        name: fields.optional_text("name")?,
        description: fields.optional_text("description")?,
        is_public: fields.optional_flag("is_public")?,
    };
    fields.finish()?;
    let chat = &settings.chat;
    Ok(Json(
        chat.change_guild_details(&caller.identity, guild, changes)
            .await?,
    ))
}

async fn join_public(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Json<GuildView>> {
    let guild: GuildId = parse_id(&guild)?;
    Ok(Json(
        settings.chat.join_public_guild(&caller.identity, guild).await?,
    ))
}

async fn join_by_invite(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Json<GuildView>> {
    Ok(Json(settings.chat.join_by_invite(&caller.identity, &code).await?))
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
