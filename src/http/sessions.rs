//! Set-up, signing in and out, and invites as strangers meet them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Serialize;

use super::Settings;
use super::error::Result;
use super::extract::{AtTheDoor, Body, Caller, NoQuery, Path};
use crate::chat::view::UserView;
use crate::chat::{
    Credentials, Error, InstanceView, InviteView, PasswordLinkView, SESSION_LIFETIME, SetUp, SignedIn,
};
use crate::fields::Fields;
use crate::origin::SESSION_COOKIE;

pub(super) fn routes() -> Router<Arc<Settings>> {
    Router::new()
        .route("/api/v1/instance", get(instance))
        .route("/api/v1/setup", post(set_up))
        .route("/api/v1/accounts", post(sign_up))
        .route("/api/v1/sessions", post(sign_in))
        .route("/api/v1/password-link", post(password_link))
        .route("/api/v1/password-link/use", post(use_password_link))
        .route("/api/v1/sessions/current", delete(sign_out))
        .route("/api/v1/invites/{code}", get(invite))
        .route("/api/v1/invites/{code}/accept", post(accept_invite))
}

/// How a new session's token travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Cookie,
    Bearer,
}

impl Transport {
    fn read(fields: &mut Fields) -> Result<Self> {
        match fields.optional_text("transport")?.as_deref() {
            None | Some("cookie") => Ok(Self::Cookie),
            Some("bearer") => Ok(Self::Bearer),
            Some(_) => Err(Error::invalid("transport", "expected cookie or bearer").into()),
        }
    }
}

fn credentials(fields: &mut Fields) -> Result<Credentials> {
    Ok(Credentials {
        name: fields.text("name")?,
        password: fields.text("password")?,
    })
}

/// The answer to everything that signs somebody in.
fn signed_in(settings: &Settings, signed_in: SignedIn, transport: Transport) -> Response {
    #[derive(Serialize)]
    struct Session {
        user: UserView,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    }

    let SignedIn { token, user, .. } = signed_in;
    if transport == Transport::Bearer {
        return (
            StatusCode::CREATED,
            Json(Session {
                user,
                token: Some(token),
            }),
        )
            .into_response();
    }
    let cookie = cookie(settings, &token, SESSION_LIFETIME.as_secs());
    let mut response = (StatusCode::CREATED, Json(Session { user, token: None })).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

fn cookie(settings: &Settings, token: &str, max_age: u64) -> HeaderValue {
    let secure = if settings.own_url.is_https() {
        "; Secure"
    } else {
        ""
    };
    let text = format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
    // Tokens are letters and digits, so this is always a header's value; an empty one signs nobody in.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

async fn instance(State(settings): State<Arc<Settings>>, _: NoQuery) -> Result<Json<InstanceView>> {
    Ok(Json(settings.chat.instance().await?))
}

async fn set_up(
    State(settings): State<Arc<Settings>>,
    AtTheDoor(visitor): AtTheDoor,
    _: NoQuery,
    Body(mut fields): Body,
) -> Result<Response> {
    let request = SetUp {
        token: fields.text("token")?,
        instance_name: fields.text("instance_name")?,
        guild_name: fields.text("guild_name")?,
        channel_name: fields.optional_text("channel_name")?,
        owner: credentials(&mut fields)?,
    };
    let transport = Transport::read(&mut fields)?;
    fields.finish()?;
    let session = settings.chat.set_up(request, &visitor).await?;
    Ok(signed_in(&settings, session, transport))
}

async fn sign_up(
    State(settings): State<Arc<Settings>>,
    AtTheDoor(visitor): AtTheDoor,
    _: NoQuery,
    Body(mut fields): Body,
) -> Result<Response> {
    let credentials = credentials(&mut fields)?;
    let transport = Transport::read(&mut fields)?;
    fields.finish()?;
    let session = settings.chat.sign_up(&credentials, &visitor).await?;
    Ok(signed_in(&settings, session, transport))
}

async fn sign_in(
    State(settings): State<Arc<Settings>>,
    AtTheDoor(visitor): AtTheDoor,
    _: NoQuery,
    Body(mut fields): Body,
) -> Result<Response> {
    let credentials = credentials(&mut fields)?;
    let transport = Transport::read(&mut fields)?;
    fields.finish()?;
    let session = settings.chat.sign_in(&credentials, &visitor).await?;
    Ok(signed_in(&settings, session, transport))
}

async fn password_link(
    State(settings): State<Arc<Settings>>,
    AtTheDoor(visitor): AtTheDoor,
    _: NoQuery,
    Body(mut fields): Body,
) -> Result<Json<PasswordLinkView>> {
    let token = fields.text("token")?;
    fields.finish()?;
    Ok(Json(settings.chat.password_link(&token, &visitor).await?))
}

async fn use_password_link(
    State(settings): State<Arc<Settings>>,
    AtTheDoor(visitor): AtTheDoor,
    _: NoQuery,
    Body(mut fields): Body,
) -> Result<Response> {
    let (token, password) = (fields.text("token")?, fields.text("password")?);
    let transport = Transport::read(&mut fields)?;
    fields.finish()?;
    let used = settings.chat.use_password_link(&token, &password, &visitor);
    Ok(signed_in(&settings, used.await?, transport))
}

async fn sign_out(State(settings): State<Arc<Settings>>, caller: Caller, _: NoQuery) -> Result<Response> {
    settings.chat.sign_out(&caller.token).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response
        .headers_mut()
        .insert(header::SET_COOKIE, cookie(&settings, "", 0));
    Ok(response)
}

async fn invite(
    State(settings): State<Arc<Settings>>,
    Path(code): Path<String>,
    _: NoQuery,
) -> Result<Json<InviteView>> {
    Ok(Json(settings.chat.invite(&code).await?))
}

async fn accept_invite(
    State(settings): State<Arc<Settings>>,
    AtTheDoor(visitor): AtTheDoor,
    _: NoQuery,
    Path(code): Path<String>,
    Body(mut fields): Body,
) -> Result<Response> {
    let credentials = credentials(&mut fields)?;
    let transport = Transport::read(&mut fields)?;
    fields.finish()?;
    let session = settings.chat.accept_invite(&code, &credentials, &visitor).await?;
    Ok(signed_in(&settings, session, transport))
}
