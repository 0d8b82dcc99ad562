//! Downloads that are longer than an answer: the audit, one entry in each line.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use madang_storage::model::GuildId;

use super::Settings;
use super::error::Result;
use super::extract::{Caller, Path};
use crate::chat::{AuditEntry, AuditFilter, Chat, Error, Identity};
use crate::fields::Fields;
use crate::operations::{self, Scope};

pub(super) fn routes() -> Router<Arc<Settings>> {
    Router::new()
        .route("/api/v1/guilds/{guild}/audit.ndjson", get(of_guild))
        .route("/api/v1/instance/audit.ndjson", get(of_instance))
}

/// A reader of the audit, page by page: no page is read before the client has taken the one before.
struct Reader {
    chat: Chat,
    identity: Identity,
    /// What proves it, each time.
    token: String,
    guild: Option<GuildId>,
    filter: AuditFilter,
    entries: VecDeque<AuditEntry>,
    /// Where the next page goes on; `None` at the end.
    next: Option<Option<String>>,
}

async fn of_guild(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(guild): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let guild = guild.parse().map_err(|_| Error::not_found())?;
    caller.identity.require(Scope::Manage.into())?;
    export(&settings, caller, Some(guild), query).await
}

async fn of_instance(
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    caller.identity.require(Scope::Admin.into())?;
    export(&settings, caller, None, query).await
}

async fn export(
    settings: &Settings,
    Caller { identity, token }: Caller,
    guild: Option<GuildId>,
    query: Option<String>,
) -> Result<Response> {
    settings.chat.count_request(&identity)?;
    let mut fields = Fields::of_query(query.as_deref().unwrap_or_default())?;
    let filter = operations::audit_filter(&mut fields)?;
    fields.finish()?;
    let mut reader = Reader {
        chat: settings.chat.clone(),
        identity,
        token,
        guild,
        filter,
        entries: VecDeque::new(),
        next: Some(None),
    };
    // Before the answer begins, so that whoever may not read it is told so.
    reader.read_ahead().await?;
    let lines = stream::try_unfold(reader, |mut reader| async move {
        let lines = reader.lines().await.inspect_err(|error| {
            tracing::warn!(%error, "an export was cut off");
        })?;
        Ok::<_, Error>((!lines.is_empty()).then_some((lines, reader)))
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"audit.ndjson\""),
        ),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

impl Reader {
    /// The next lines; none at the end.
    async fn lines(&mut self) -> std::result::Result<Bytes, Error> {
        self.read_ahead().await?;
        let mut lines = Vec::new();
        for entry in self.entries.drain(..) {
            serde_json::to_writer(&mut lines, &entry).map_err(|error| {
                tracing::error!(%error, "an entry of the audit cannot be written");
                Error::internal()
            })?;
            lines.push(b'\n');
        }
        Ok(lines.into())
    }

    /// Reads on until there is something, or nothing more: pages may be empty. Asks for the right to do so each time.
    async fn read_ahead(&mut self) -> std::result::Result<(), Error> {
        while self.entries.is_empty() {
            self.chat.authenticate(&self.token).await?;
            let Some(after) = self.next.take() else {
                return Ok(());
            };
            let page = self
                .chat
                .audit(&self.identity, self.guild, &self.filter, after.as_deref(), None);
            let page = page.await?;
            self.entries = page.entries.into();
            self.next = page.next.map(Some);
        }
        Ok(())
    }
}
