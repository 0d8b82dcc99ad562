//! Roles of a guild, and exceptions from them in its channels.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, put};
use axum::{Json, Router};
use madang_storage::model::{GuildId, RoleId, RoomId};

use super::error::Result;
use super::extract::{Body, Caller, Path};
use super::{Settings, parse_id};
use crate::chat::view::RoleView;
use crate::chat::{Exception, RoleChanges, Roles, RoomChanges};
use crate::fields::Fields;

/// More rights than there are.
const MAX_PERMISSIONS: usize = 64;

pub(super) fn routes() -> Router<Arc<Settings>> {
    Router::new()
        .route("/api/v1/guilds/{guild}/roles", get(roles).post(create_role))
        .route(
            "/api/v1/guilds/{guild}/roles/{role}",
            patch(change_role).delete(delete_role),
        )
        .route(
            "/api/v1/rooms/{room}",
            patch(change_channel).delete(delete_channel),
        )
        .route("/api/v1/rooms/{room}/overrides/roles/{role}", put(override_role))
        .route("/api/v1/rooms/{room}/overrides/users/{user}", put(override_user))
}

async fn roles(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Json<Roles>> {
    let guild: GuildId = parse_id(&guild)?;
    Ok(Json(settings.chat.roles(&caller.identity, guild).await?))
}

async fn create_role(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
    Body(fields): Body,
) -> Result<Response> {
    let guild: GuildId = parse_id(&guild)?;
    let changes = role_changes(fields)?;
    let role = settings
        .chat
        .create_role(&caller.identity, guild, changes)
        .await?;
    Ok((StatusCode::CREATED, Json(role)).into_response())
}

async fn change_role(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((guild, role)): Path<(String, String)>,
    Body(fields): Body,
) -> Result<Json<RoleView>> {
    let (guild, role): (GuildId, RoleId) = (parse_id(&guild)?, parse_id(&role)?);
    let changes = role_changes(fields)?;
    let chat = &settings.chat;
    Ok(Json(
        chat.change_role(&caller.identity, guild, role, changes).await?,
    ))
}

fn role_changes(mut fields: Fields) -> Result<RoleChanges> {
    let changes = RoleChanges {
        name: fields.optional_text("name")?,
        permissions: fields.optional_texts("permissions", MAX_PERMISSIONS)?,
        position: fields.optional_number("position")?,
        colour: fields.nullable_number("colour")?,
        is_mentionable: fields.optional_flag("is_mentionable")?,
    };
    fields.finish()?;
    Ok(changes)
}

async fn delete_role(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path((guild, role)): Path<(String, String)>,
) -> Result<StatusCode> {
    let (guild, role): (GuildId, RoleId) = (parse_id(&guild)?, parse_id(&role)?);
    settings.chat.delete_role(&caller.identity, guild, role).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change_channel(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(room): Path<String>,
    Body(mut fields): Body,
) -> Result<StatusCode> {
    let room: RoomId = parse_id(&room)?;
    let changes = RoomChanges {
        topic: fields.optional_text("topic")?,
        position: fields.optional_number("position")?,
        slow_mode_seconds: fields.optional_number("slow_mode_seconds")?,
        is_announcement: fields.optional_flag("is_announcement")?,
    };
    fields.finish()?;
    settings
        .chat
        .change_channel(&caller.identity, room, changes)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_channel(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<StatusCode> {
    let room: RoomId = parse_id(&room)?;
    settings.chat.delete_channel(&caller.identity, room, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn override_role(
    settings: State<Arc<Settings>>,
    caller: Caller,
    Path((room, role)): Path<(String, String)>,
    body: Body,
) -> Result<StatusCode> {
    let exception = Exception::Role(parse_id(&role)?);
    set_override(settings, caller, &room, exception, body).await
}

async fn override_user(
    settings: State<Arc<Settings>>,
    caller: Caller,
    Path((room, user)): Path<(String, String)>,
    body: Body,
) -> Result<StatusCode> {
    let exception = Exception::User(parse_id(&user)?);
    set_override(settings, caller, &room, exception, body).await
}

async fn set_override(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    room: &str,
    exception: Exception,
    Body(mut fields): Body,
) -> Result<StatusCode> {
    let room: RoomId = parse_id(room)?;
    let allow = fields
        .optional_texts("allow", MAX_PERMISSIONS)?
        .unwrap_or_default();
    let deny = fields
        .optional_texts("deny", MAX_PERMISSIONS)?
        .unwrap_or_default();
    fields.finish()?;
    let chat = &settings.chat;
    chat.set_override(&caller.identity, room, exception, &allow, &deny)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
