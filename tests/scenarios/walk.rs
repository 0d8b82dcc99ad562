//! A walk through every operation, taken from the description that the server gives of itself: as a stranger, with a session
//! that has ended, as somebody who was sent away, and as a member without the right. A new operation is walked without
//! a word here.

use serde_json::{Map, Value, json};

use super::conversations::{does, id_of, newcomer};
use super::support::{Client, Form, World};

const MISSING: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// What everybody may ask for who has an account, and what names no place: there is nothing to be hidden.
const OF_EVERYBODY: &[&str] = &["create_guild", "create_group"];
/// Runs guilds, but nobody needs a right for it that members lack.
const OF_MEMBERS: &[&str] = &[
    "create_guild",
    "leave_guild",
    "set_nickname",
    "join_by_invite",
    "join_guild",
];

/// One operation as the server describes it.
struct Described {
    name: String,
    method: String,
    path: String,
    scope: String,
    /// Its fields by where they stand: those of its path, and those others that must be there.
    path_fields: Vec<Field>,
    query: Vec<Field>,
    body: Vec<Field>,
}

/// A field: its name, and what it looks like.
struct Field {
    name: String,
    schema: Value,
}

/// Everything that an operation could be about.
struct Places {
    guild: String,
    channel: String,
    group: String,
    dm: String,
    thread: String,
    user: String,
    invite: String,
}

fn described(world: &World) -> Vec<Described> {
    let description: Value = serde_json::from_str(&world.server.text("/api/openapi.json")).unwrap();
    let mut found = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // What signs in has tests of its own.
            if operation["x-scope"].is_null() {
                continue;
            }
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named = |place: &str, all: bool| {
                parameters
                    .iter()
                    .filter(|parameter| parameter["in"] == place && (all || parameter["required"] == true))
                    .map(|parameter| Field::new(parameter["name"].as_str().unwrap(), &parameter["schema"]))
                    .collect()
            };
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let no_fields = Map::new();
            let properties = schema["properties"].as_object().unwrap_or(&no_fields);
            // A place that may be left out is named all the same: it is what is walked into.
            let is_named =
                |name: &String| required.contains(&json!(name)) || name == "guild" || name == "room";
            let body = properties
                .iter()
                .filter(|(name, _)| is_named(name))
                .map(|(name, schema)| Field::new(name, schema))
                .collect();
            found.push(Described {
                name: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                scope: operation["x-scope"].as_str().unwrap().to_owned(),
                path_fields: named("path", true),
                query: named("query", false),
                body,
            });
        }
    }
    assert!(found.len() > 40, "the description has lost its operations");
    found
}

impl Places {
    fn of(world: &World) -> Self {
        let owner = &world.owner;
        let jiho = id_of(world, &world.member);
        let rooms = format!("/rooms/{}/messages", world.room);
        does(world, owner, "POST", &rooms, Some(json!({ "text": "hello" })));
        let in_thread = does(
            world,
            owner,
            "POST",
            &format!("{rooms}/1/thread"),
            Some(json!({ "text": "hi" })),
        );
        let group = does(world, owner, "POST", "/groups", Some(json!({ "users": [jiho] })));
        let dm = does(world, owner, "PUT", &format!("/dms/{jiho}"), None);
        let invite = does(
            world,
            owner,
            "POST",
            "/invites",
            Some(json!({ "guild": world.guild })),
        );
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            guild: world.guild.clone(),
            channel: world.room.clone(),
            group: text(&group["id"]),
            dm: text(&dm["id"]),
            thread: text(&in_thread["message"]["room"]),
            user: jiho,
            invite: text(&invite["code"]),
        }
    }

    /// The same without any place: nothing of it exists.
    fn missing(&self) -> Self {
        Self {
            guild: MISSING.to_owned(),
            channel: MISSING.to_owned(),
            group: MISSING.to_owned(),
            dm: MISSING.to_owned(),
            thread: MISSING.to_owned(),
            user: self.user.clone(),
            invite: self.invite.clone(),
        }
    }

    fn room_of(&self, path: &str) -> &str {
        match path.split('/').nth(1) {
            Some("groups") => &self.group,
            Some("threads") => &self.thread,
            Some("conversations") => &self.dm,
            _ => &self.channel,
        }
    }

    /// A value for a field: by its name where that says what it is, else by what it looks like.
    fn value(&self, operation: &Described, field: &Field) -> Value {
        match &*field.name {
            "guild" => json!(self.guild),
            "room" => json!(self.room_of(&operation.path)),
            "user" => json!(self.user),
            "role" => json!(self.guild),
            "code" => json!(self.invite),
            "emoji" => json!("👍"),
            "users" | "ids" => json!([self.user]),
            _ => match field.schema["type"].as_str() {
                Some("string") if field.schema["pattern"].is_string() => json!(MISSING),
                Some("string") => json!("sample"),
                Some("integer") => json!(1),
                Some("boolean") => json!(true),
                _ => json!([]),
            },
        }
    }
}

impl Field {
    fn new(name: &str, schema: &Value) -> Self {
        Self {
            name: name.to_owned(),
            schema: schema.clone(),
        }
    }
}

impl Described {
    fn names_a_place(&self) -> bool {
        let fields = self.path_fields.iter().chain(&self.query).chain(&self.body);
        fields
            .into_iter()
            .any(|field| field.name == "guild" || field.name == "room")
    }

    fn over_rest(&self, world: &World, places: &Places, token: Option<&str>) -> (u16, Value) {
        let text = |field: &Field| match places.value(self, field) {
            Value::String(text) => text,
            Value::Array(entries) => entries
                .iter()
                .map(|entry| entry.as_str().unwrap())
                .collect::<Vec<_>>()
                .join(","),
            other => other.to_string(),
        };
        let mut path = self.path.clone();
        for field in &self.path_fields {
            path = path.replace(&format!("{{{}}}", field.name), &percent_encoded(&text(field)));
        }
        let said = |field: &Field| format!("{}={}", field.name, text(field));
        let query: Vec<String> = self.query.iter().map(said).collect();
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let value = |field: &Field| (field.name.clone(), places.value(self, field));
        let body: Map<String, Value> = self.body.iter().map(value).collect();
        let body = (self.method != "GET" && self.method != "DELETE").then_some(Value::Object(body));
        world
            .server
            .call(&self.method, &format!("/api/v1{path}"), token, body)
    }

    fn over_the_gateway(&self, client: &mut Client, places: &Places) -> Result<Value, Value> {
        let fields = self.path_fields.iter().chain(&self.query).chain(&self.body);
        let value = |field: &Field| (field.name.clone(), places.value(self, field));
        let args: Map<String, Value> = fields.map(value).collect();
        client.ask(&self.name, Value::Object(args))
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' => (byte as char).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

pub(crate) fn strangers_and_ended_sessions_are_let_in_nowhere(form: Form) {
    let world = World::on(form);
    let places = Places::of(&world);
    let ended = newcomer(&world, "sora");
    does(&world, &ended, "DELETE", "/sessions/current", None);
    let (mut stranger, _) = Client::connect(world.server.address());
    for operation in described(&world) {
        for token in [None, Some(ended.as_str())] {
            let (status, problem) = operation.over_rest(&world, &places, token);
            assert_eq!(
                (status, &problem["code"]),
                (401, &json!("unauthenticated")),
                "{} {token:?}: {problem}",
                operation.name
            );
        }
        let error = operation.over_the_gateway(&mut stranger, &places).unwrap_err();
        assert_eq!(error["code"], "unauthenticated", "{}", operation.name);
    }
}

pub(crate) fn who_was_sent_away_finds_nothing(form: Form) {
    let world = World::on(form);
    let places = Places::of(&world);
    let former = newcomer(&world, "sora");
    let (mut socket, _) = Client::sign_in(world.server.address(), &former, None);
    let kick = format!("/guilds/{}/members/{}", world.guild, id_of(&world, &former));
    does(&world, &world.owner, "DELETE", &kick, None);
    socket.wait(|frame| frame["signal"] == "guild_left");
    let missing = places.missing();
    let mut walked = 0;
    for operation in described(&world) {
        if !operation.names_a_place() || OF_EVERYBODY.contains(&&*operation.name) {
            continue;
        }
        walked += 1;
        let name = &operation.name;
        let hidden = operation.over_rest(&world, &places, Some(&former));
        assert_eq!(
            hidden,
            operation.over_rest(&world, &missing, Some(&former)),
            "{name}"
        );
        assert_eq!(
            (hidden.0, &hidden.1["code"]),
            (404, &json!("not_found")),
            "{name}: {}",
            hidden.1
        );
        let hidden = operation.over_the_gateway(&mut socket, &places);
        assert_eq!(
            hidden,
            operation.over_the_gateway(&mut socket, &missing),
            "{name}"
        );
        assert_eq!(hidden.unwrap_err()["code"], "not_found", "{name}");
    }
    assert!(walked > 30, "only {walked} operations name a place");
}

pub(crate) fn what_needs_a_right_is_refused_without_it(form: Form) {
    let world = World::on(form);
    let mut places = Places::of(&world);
    // Somebody who stands no lower: what is asked is not even tried on oneself.
    places.user = id_of(&world, &world.owner);
    let plain = newcomer(&world, "sora");
    let (mut socket, _) = Client::sign_in(world.server.address(), &plain, None);
    let mut walked = 0;
    for operation in described(&world) {
        let is_for_some = matches!(&*operation.scope, "manage" | "admin");
        if !is_for_some || OF_MEMBERS.contains(&&*operation.name) {
            continue;
        }
        walked += 1;
        let (status, problem) = operation.over_rest(&world, &places, Some(&plain));
        let name = &operation.name;
        assert_eq!(
            (status, &problem["code"]),
            (403, &json!("forbidden")),
            "{name}: {problem}"
        );
        let error = operation.over_the_gateway(&mut socket, &places).unwrap_err();
        assert_eq!(error["code"], "forbidden", "{name}");
    }
    assert!(walked > 15, "only {walked} operations need a right");
}
