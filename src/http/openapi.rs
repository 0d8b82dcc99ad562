//! The OpenAPI description at `/api/openapi.json`, made of the tables that requests are carried out by.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::chat::{Code, Scopes};
use crate::operations::{self, Answers, Door, Input, Kind, Method, Operation, Place};

/// Where the description points to its own parts.
const DEFINITIONS: &str = "/components/schemas";

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let description = Bytes::from(description().to_string());
    let answer = move || {
        let json = HeaderValue::from_static("application/json");
        let answer = ([(header::CONTENT_TYPE, json)], description.clone()).into_response();
        std::future::ready(answer)
    };
    Router::new().route("/api/openapi.json", get(answer))
}

/// The whole description.
fn description() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = DEFINITIONS.into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for door in operations::doors() {
        let described = of_door(&door, &mut generator);
        add(&mut paths, door.path, door.method, described);
    }
    for operation in operations::all() {
        let described = of_operation(operation, &mut generator);
        add(&mut paths, operation.path, operation.method, described);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Madang",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What can be asked of a Madang server. Every operation can be asked for over the WebSocket \
                gateway as well: its operationId is the `op`, and its fields are the args.",
        },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "token": [] }, { "cookie": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": crate::origin::SESSION_COOKIE },
            },
        },
    })
}

fn add(paths: &mut Map<String, Value>, path: &str, method: Method, described: Value) {
    let methods = paths.entry(path).or_insert_with(|| json!({}));
    methods[name_of(method)] = described;
}

fn of_operation(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let placed = |input: &Input| operation.place(input);
    let mut described = request(&operation.inputs, placed);
    described["operationId"] = json!(operation.name);
    described["summary"] = json!(operation.about);
    described["tags"] = json!([operation.noun]);
    described["x-scope"] = json!(Scopes::from(operation.scope).names().next());
    described["responses"] = responses(operation.answers, "application/json", generator);
    described
}

fn of_door(door: &Door, generator: &mut SchemaGenerator) -> Value {
    let parts: Vec<&str> = door.path.split('/').collect();
    let placed = |input: &Input| {
        if parts.contains(&&*format!("{{{}}}", input.name)) {
            Place::Path
        } else if door.method == Method::Get {
            Place::Query
        } else {
            Place::Body
        }
    };
    let mut described = request(&door.inputs, placed);
    described["operationId"] = json!(door.name);
    described["summary"] = json!(door.about);
    described["tags"] = json!([door.noun]);
    if !door.is_guarded {
        described["security"] = json!([]);
    }
    described["responses"] = responses(door.answers, door.media_type, generator);
    described
}

/// Fields by where they stand.
fn request(inputs: &[Input], place: impl Fn(&Input) -> Place) -> Value {
    let mut described = json!({});
    let outside: Vec<Value> = inputs
        .iter()
        .filter(|input| place(input) != Place::Body)
        .map(|input| parameter(input, place(input)))
        .collect();
    if !outside.is_empty() {
        described["parameters"] = json!(outside);
    }
    let inside: Vec<&Input> = inputs
        .iter()
        .filter(|input| place(input) == Place::Body)
        .collect();
    if inside.is_empty() {
        return described;
    }
    let fields: Map<String, Value> = inside
        .iter()
        .map(|input| (input.name.to_owned(), schema(input)))
        .collect();
    let required: Vec<&str> = inside
        .iter()
        .filter(|input| input.is_required)
        .map(|input| input.name)
        .collect();
    described["requestBody"] = json!({
        "required": !required.is_empty(),
        "content": { "application/json": { "schema": {
            "type": "object",
            "properties": fields,
            "required": required,
            "additionalProperties": false,
        } } },
    });
    described
}

fn parameter(input: &Input, place: Place) -> Value {
    let (place, is_required) = match place {
        Place::Path => ("path", true),
        Place::Header => ("header", input.is_required),
        Place::Query | Place::Body => ("query", input.is_required),
    };
    let name = if place == "header" {
        "Idempotency-Key"
    } else {
        input.name
    };
    json!({
        "name": name,
        "in": place,
        "required": is_required,
        "description": input.about,
        // A list in a query has commas between its entries.
        "explode": false,
        "schema": schema(input),
    })
}

fn schema(input: &Input) -> Value {
    let id = json!({ "type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$" });
    let mut schema = match input.kind {
        Kind::Id => id,
        Kind::Text => json!({ "type": "string" }),
        Kind::Colour => json!({ "type": "string", "pattern": "^#[0-9a-fA-F]{6}$" }),
        Kind::Number => json!({ "type": "integer", "minimum": 0, "maximum": (1_u64 << 53) - 1 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Ids(most) => json!({ "type": "array", "items": id, "maxItems": most }),
        Kind::Numbers(most) => {
            let number = json!({ "type": "integer", "minimum": 0, "maximum": (1_u64 << 53) - 1 });
            json!({ "type": "array", "items": number, "maxItems": most })
        }
        Kind::Texts(most) => json!({ "type": "array", "items": { "type": "string" }, "maxItems": most }),
    };
    if input.is_nullable {
        schema["type"] = json!([schema["type"], "null"]);
    }
    schema["description"] = json!(input.about);
    schema
}

fn responses(answers: Answers, media_type: &str, generator: &mut SchemaGenerator) -> Value {
    let mut usual = json!({ "description": "Done." });
    if let Some(schema_of) = answers.schema {
        let mut schema = schema_of(generator);
        for transform in generator.transforms_mut() {
            transform.transform(&mut schema);
        }
        usual["content"] = json!({ media_type: { "schema": schema } });
    }
    let refused = json!({ "$ref": format!("#{DEFINITIONS}/Problem") });
    let mut responses = json!({
        "default": {
            "description": "Why not.",
            "content": { "application/problem+json": { "schema": refused } },
        },
    });
    if answers.may_replay {
        let mut replayed = usual.clone();
        replayed["description"] = json!("Done by an earlier request.");
        responses["200"] = replayed;
    }
    responses[answers.status.to_string()] = usual;
    responses
}

/// RFC 9457, with a stable code and the field that is at fault.
fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "enum": codes },
            "detail": { "type": "string" },
            "field": { "type": "string", "description": "the field that is at fault" },
        },
    })
}

const fn name_of(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
    }
}
