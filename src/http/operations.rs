//! Every operation as a REST route.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Json, Router};
use serde_json::Value;

use super::Settings;
use super::error::{Problem, Result};
use super::extract::{Body, Caller, Path};
use crate::chat::{Code, Error};
use crate::fields::Fields;
use crate::operations::{self, Call, Kind, Method, Operation, Place};

/// The header of draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) fn routes() -> Router<Arc<Settings>> {
    let mut routes = Router::new();
    for operation in operations::all() {
        let handler = move |State(settings), request| answer(operation, settings, request);
        let path = format!("/api/v1{}", operation.path);
        routes = routes.route(&path, on(filter(operation.method), handler));
    }
    routes
}

async fn answer(
    operation: &'static Operation,
    settings: Arc<Settings>,
    request: Request,
) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    let Caller { identity, .. } = Caller::from_request_parts(&mut parts, &settings).await?;
    let Path(path): Path<Vec<(String, String)>> = Path::from_request_parts(&mut parts, &settings).await?;
    let mut query = Fields::of_query(parts.uri.query().unwrap_or_default())?;
    for (name, text) in path {
        add(&mut query, &name, Value::String(text))?;
    }
    query.map_texts(|name, text| value_of(operation, name, text));
    let takes_key = operation
        .inputs
        .iter()
        .any(|input| operation.place(input) == Place::Header);
    if let Some(key) = parts.headers.get(IDEMPOTENCY_KEY).filter(|_| takes_key) {
        let key = key.to_str().unwrap_or_default().to_owned();
        add(&mut query, "idempotency_key", Value::String(key))?;
    }
    let own_url = settings.own_url.called_by(&parts.headers);
    let mut fields = query;
    let request = Request::from_parts(parts, body);
    let Body(body) = if operation.needs_body() {
        Body::from_request(request, &settings).await?
    } else {
        Body::if_any(request).await?
    };
    for (name, value) in body {
        add(&mut fields, &name, value)?;
    }
    let call = Call {
        chat: settings.chat.clone(),
        identity,
        own_url,
        fields,
    };
    let checked = operation
        .check(call)
        .map_err(|error| names_nothing(operation, error))?;
    let answer = checked.answer().await?;
    let status = answer.status().unwrap_or(operation.answers.status);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok(match answer.body() {
        Some(body) => (status, Json(body)).into_response(),
        None => status.into_response(),
    })
}

/// A field in two places says two things.
fn add(fields: &mut Fields, name: &str, value: Value) -> Result<()> {
    if fields.add(name, value) {
        return Ok(());
    }
    let name: String = name.chars().take(64).collect();
    Err(Error::invalid(name, "this field is there twice").into())
}

fn value_of(operation: &Operation, name: &str, text: String) -> Value {
    match operation.inputs.iter().find(|input| input.name == name) {
        Some(input) if operation.place(input) != Place::Body => input.of_text(text),
        _ => Value::String(text),
    }
}

/// A part of a path that is no identifier and no number names nothing.
fn names_nothing(operation: &Operation, error: Error) -> Problem {
    let is_part = |field: &str| {
        operation.inputs.iter().any(|input| {
            input.name == field
                && matches!(input.kind, Kind::Id | Kind::Number)
                && operation.place(input) == Place::Path
        })
    };
    if error.code == Code::InvalidField && error.field.as_deref().is_some_and(is_part) {
        return Error::not_found().into();
    }
    error.into()
}

const fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}
