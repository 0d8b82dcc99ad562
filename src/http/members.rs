//! Members of a guild: who they are in it, and how they go.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, patch, put};
use axum::{Json, Router};
use madang_storage::model::{GuildId, Member, UserId};

use super::error::Result;
use super::extract::{Body, Caller, Path, Query};
use super::{Settings, parse_id};
use crate::chat::{Bans, Members};

pub(super) fn routes() -> Router<Arc<Settings>> {
    Router::new()
        .route("/api/v1/guilds/{guild}/members", get(members))
        .route("/api/v1/guilds/{guild}/members/me", delete(leave))
        .route(
            "/api/v1/guilds/{guild}/members/{user}",
            patch(nickname).delete(kick),
        )
        .route("/api/v1/guilds/{guild}/members/{user}/roles", put(roles))
        .route("/api/v1/guilds/{guild}/owner", put(transfer))
        .route("/api/v1/guilds/{guild}/bans", get(bans))
        .route("/api/v1/guilds/{guild}/bans/{user}", put(ban).delete(lift_ban))
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
    let chat = &settings.chat;
    Ok(Json(chat.members(&caller.identity, guild, after, limit).await?))
}

async fn leave(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<StatusCode> {
    let guild: GuildId = parse_id(&guild)?;
    settings.chat.leave_guild(&caller.identity, guild).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn nickname(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((guild, user)): Path<(String, String)>,
    Body(mut fields): Body,
) -> Result<StatusCode> {
    let (guild, user): (GuildId, UserId) = (parse_id(&guild)?, parse_id(&user)?);
    let nickname = fields.text("nickname")?;
    fields.finish()?;
    let chat = &settings.chat;
    chat.set_nickname(&caller.identity, guild, user, &nickname)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn kick(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((guild, user)): Path<(String, String)>,
    Query(mut fields): Query,
) -> Result<StatusCode> {
    let (guild, user): (GuildId, UserId) = (parse_id(&guild)?, parse_id(&user)?);
    let reason = fields.optional_text("reason")?;
    fields.finish()?;
    settings.chat.kick(&caller.identity, guild, user, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn roles(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((guild, user)): Path<(String, String)>,
    Body(mut fields): Body,
) -> Result<StatusCode> {
    let (guild, user): (GuildId, UserId) = (parse_id(&guild)?, parse_id(&user)?);
    let roles = fields.ids("roles", Member::MAX_ROLES)?;
    fields.finish()?;
    settings
        .chat
        .set_roles(&caller.identity, guild, user, roles)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn transfer(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
    Body(mut fields): Body,
) -> Result<StatusCode> {
    let guild: GuildId = parse_id(&guild)?;
    let user: UserId = fields.id("user")?;
    fields.finish()?;
    settings
        .chat
        .transfer_guild(&caller.identity, guild, user)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn bans(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
    Query(mut fields): Query,
) -> Result<Json<Bans>> {
    let guild: GuildId = parse_id(&guild)?;
    let after = fields.optional_id("after")?;
    let limit = fields.query_number("limit")?;
    fields.finish()?;
    Ok(Json(
        settings.chat.bans(&caller.identity, guild, after, limit).await?,
    ))
}

async fn ban(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((guild, user)): Path<(String, String)>,
    Body(mut fields): Body,
) -> Result<StatusCode> {
    let (guild, user): (GuildId, UserId) = (parse_id(&guild)?, parse_id(&user)?);
    let reason = fields.optional_text("reason")?;
    fields.finish()?;
    settings.chat.ban(&caller.identity, guild, user, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn lift_ban(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((guild, user)): Path<(String, String)>,
) -> Result<StatusCode> {
    let (guild, user): (GuildId, UserId) = (parse_id(&guild)?, parse_id(&user)?);
    settings.chat.lift_ban(&caller.identity, guild, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
