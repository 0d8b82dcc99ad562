//! Documents as they lie in MongoDB: named fields, identifiers as text, moments as dates.
//!
//! Only what the store itself cannot look into is binary: the keys and values of state rows, and settings.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{
    Binary, Bson, DateTime, Document as Fields, deserialize_from_bson, doc, serialize_to_bson,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::document::{
    Answer, Collection, Content, Document, Guard, Position, StoredEvent, StoredState, Unclear, Update,
};
use crate::model::Timestamp;

/// What stands in place of a nonce, before the document's own name: a unique index has one place for all that have
/// none, and an index of those that have one is not to be had everywhere.
const NO_NONCE: &str = "-/";

/// The name of a collection.
pub(super) const fn name_of(collection: Collection) -> &'static str {
    match collection {
        Collection::Events => "events",
        Collection::Streams => "streams",
        Collection::Rows => "rows",
        Collection::State => "state",
        Collection::Settings => "settings",
        Collection::Nodes => "nodes",
    }
}

/// A new document, without its name and the time that the server gives it.
pub(super) fn new_fields(collection: Collection, document: Document) -> Answer<Fields> {
    let mut fields = doc! {
        "list": list_of(collection, &document.id),
        "rev": integer(document.rev)?,
        "stamp": hex(document.stamp),
    };
    if let Some(message) = document.message {
        fields.insert("message", message);
    }
    if collection == Collection::Events {
        let nonce = document.nonce.unwrap_or_else(|| no_nonce(&document.id));
        fields.insert("nonce", nonce);
    }
    if let Some(at) = document.expires_at {
        fields.insert("expires_at", date(at));
    }
    fields.extend(content_fields(document.content)?);
    Ok(fields)
}

/// What an update does, as MongoDB's operators.
pub(super) fn update_fields(id: &str, update: Update) -> Answer<Fields> {
    let (mut set, mut unset) = (Fields::new(), Fields::new());
    if let Some(rev) = update.rev {
        set.insert("rev", integer(rev)?);
    }
    if let Some(stamp) = update.stamp {
        set.insert("stamp", hex(stamp));
    }
    match update.expires_at {
        Some(Some(at)) => drop(set.insert("expires_at", date(at))),
        Some(None) => drop(unset.insert("expires_at", "")),
        None => {}
    }
    if update.forget_nonce {
        set.insert("nonce", no_nonce(id));
    }
    if let Some(content) = update.content {
        set.extend(content_fields(content)?);
    }
    let mut operators = Fields::new();
    for (operator, fields) in [("$set", set), ("$unset", unset)] {
        if !fields.is_empty() {
            operators.insert(operator, fields);
        }
    }
    if update.touch {
        operators.insert("$currentDate", doc! { "stored_at": true });
    }
    Ok(operators)
}

/// The document with this name, if it fits.
pub(super) fn filter(id: &str, guard: Guard) -> Answer<Fields> {
    Ok(match guard {
        Guard::RevIs(rev) => doc! { "_id": id, "rev": integer(rev)? },
        Guard::RevBelow(rev) => doc! { "_id": id, "rev": { "$lt": integer(rev)? } },
        Guard::StampIs(stamp) => doc! { "_id": id, "stamp": hex(stamp) },
    })
}

/// A document that was found.
pub(super) fn document(mut fields: Fields) -> Answer<Document> {
    let id = text(&mut fields, "_id")?;
    let mut document = Document::new(
        id,
        number(fields.get("rev"), "rev")?,
        stamp(&text(&mut fields, "stamp")?)?,
        content(&mut fields)?,
    );
    document.message = optional_text(&mut fields, "message");
    document.nonce = optional_text(&mut fields, "nonce").filter(|nonce| !nonce.starts_with(NO_NONCE));
    document.expires_at = moment(&fields, "expires_at")?;
    document.stored_at = moment(&fields, "stored_at")?.unwrap_or_default();
    Ok(document)
}

/// A place among what was stored.
pub(super) fn position(mut fields: Fields) -> Answer<Position> {
    let stored_at = moment(&fields, "stored_at")?.ok_or_else(|| strange("stored_at"))?;
    let id = text(&mut fields, "_id")?;
    Ok(Position { stored_at, id })
}

/// What a document is listed under. A server that finds by equality only looks through one list, not through all.
pub(super) fn list_of(collection: Collection, id: &str) -> String {
    let parts = match collection {
        Collection::Events => return id.rsplit_once('/').map_or(id, |(list, _)| list).to_owned(),
        Collection::State => 1,
        _ if id.starts_with("public_guild/") => 1,
        _ => 2,
    };
    id.split('/').take(parts).collect::<Vec<_>>().join("/")
}

/// The list that holds a whole span, if one does.
pub(super) fn list_of_span(collection: Collection, from: &str, until: &str) -> Option<String> {
    let list = list_of(collection, from);
    (list_of(collection, until) == list).then_some(list)
}

/// A moment as a date.
pub(super) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(i64::try_from(at.as_millis()).unwrap_or(i64::MAX))
}

/// The moment of a date; one before 1970 counts as 1970.
pub(super) fn timestamp(date: DateTime) -> Timestamp {
    Timestamp::from_millis(u64::try_from(date.timestamp_millis()).unwrap_or(0))
}

fn content_fields(content: Content) -> Answer<Fields> {
    Ok(match content {
        Content::Event(stored) => doc! {
            "event": to_bson(&stored.event)?,
            "fingerprint": stored.fingerprint.map(|print| format!("{print:016x}")),
            "record": to_bson(&stored.record)?,
        },
        Content::Applied(head) => doc! { "head": to_bson(&head)? },
        Content::Row { key, row } => doc! { "key": to_bson(&key)?, "row": to_bson(&row)? },
        Content::State(state) => doc! {
            "key": binary(state.key),
            "version": integer(state.version)?,
            "value": state.value.map(binary),
            "row_expires_at": state.expires_at.map(date),
        },
        Content::Bytes(bytes) => doc! { "bytes": binary(bytes) },
        Content::Node(beat) => doc! { "node": to_bson(&beat)? },
    })
}

/// Which content it is shows in the fields that are there.
fn content(fields: &mut Fields) -> Answer<Content> {
    if let Some(event) = fields.remove("event") {
        let print = optional_text(fields, "fingerprint");
        let print = print.map(|print| u64::from_str_radix(&print, 16).map_err(|_| strange("fingerprint")));
        return Ok(Content::Event(Box::new(StoredEvent {
            event: from_bson(event)?,
            fingerprint: print.transpose()?,
            record: from_bson(fields.remove("record").unwrap_or(Bson::Null))?,
        })));
    }
    if let Some(head) = fields.remove("head") {
        return Ok(Content::Applied(from_bson(head)?));
    }
    if let Some(node) = fields.remove("node") {
        return Ok(Content::Node(from_bson(node)?));
    }
    // The key of a state row is binary. That a row was removed servers keep as nothing, or not at all.
    if let Some(key @ (Bson::Document(_) | Bson::String(_))) = fields.get("key") {
        let key = from_bson(key.clone())?;
        let row = from_bson(fields.remove("row").unwrap_or(Bson::Null))?;
        return Ok(Content::Row { key, row });
    }
    if let Some(bytes) = optional_bytes(fields, "bytes") {
        return Ok(Content::Bytes(bytes));
    }
    Ok(Content::State(StoredState {
        key: optional_bytes(fields, "key").ok_or_else(|| strange("key"))?,
        version: number(fields.get("version"), "version")?,
        value: optional_bytes(fields, "value"),
        expires_at: moment(fields, "row_expires_at")?,
    }))
}

fn no_nonce(id: &str) -> String {
    format!("{NO_NONCE}{id}")
}

fn hex(stamp: u128) -> String {
    format!("{stamp:032x}")
}

fn stamp(text: &str) -> Answer<u128> {
    u128::from_str_radix(text, 16).map_err(|_| strange("stamp"))
}

fn binary(bytes: Vec<u8>) -> Bson {
    Bson::Binary(Binary {
        subtype: BinarySubtype::Generic,
        bytes,
    })
}

fn integer(number: u64) -> Answer<i64> {
    // The greatest number stands for "whatever it is" in a guard, and no document gets near it.
    Ok(i64::try_from(number).unwrap_or(i64::MAX))
}

fn number(value: Option<&Bson>, name: &str) -> Answer<u64> {
    let number = match value {
        Some(Bson::Int64(number)) => *number,
        Some(Bson::Int32(number)) => i64::from(*number),
        _ => return Err(strange(name)),
    };
    u64::try_from(number).map_err(|_| strange(name))
}

fn text(fields: &mut Fields, name: &str) -> Answer<String> {
    optional_text(fields, name).ok_or_else(|| strange(name))
}

fn optional_text(fields: &mut Fields, name: &str) -> Option<String> {
    match fields.remove(name) {
        Some(Bson::String(text)) => Some(text),
        _ => None,
    }
}

fn optional_bytes(fields: &mut Fields, name: &str) -> Option<Vec<u8>> {
    match fields.remove(name) {
        Some(Bson::Binary(binary)) => Some(binary.bytes),
        _ => None,
    }
}

fn moment(fields: &Fields, name: &str) -> Answer<Option<Timestamp>> {
    match fields.get(name) {
        Some(Bson::DateTime(at)) => Ok(Some(timestamp(*at))),
        None | Some(Bson::Null) => Ok(None),
        _ => Err(strange(name)),
    }
}

fn to_bson(value: &impl Serialize) -> Answer<Bson> {
    let value = serialize_to_bson(value).map_err(|error| Unclear(format!("cannot be written: {error}")))?;
    Ok(with_dates(value))
}

fn from_bson<T: DeserializeOwned>(value: Bson) -> Answer<T> {
    deserialize_from_bson(without_dates(value)).map_err(|error| Unclear(format!("cannot be read: {error}")))
}

/// Turns the numbers that stand for moments into dates: what is called `at`, or ends like it.
fn with_dates(value: Bson) -> Bson {
    each(value, &|name, value| {
        let value = match value {
            Bson::Int64(millis) if name == "at" || name.ends_with("_at") => {
                Bson::DateTime(DateTime::from_millis(millis))
            }
            other => other,
        };
        (field_name(name), value)
    })
}

fn without_dates(value: Bson) -> Bson {
    each(value, &|name, value| {
        let value = match value {
            Bson::DateTime(date) => Bson::Int64(date.timestamp_millis()),
            other => other,
        };
        (name_of_field(name), value)
    })
}

/// The name of a field in the database: to it dots and dollar signs mean something, and some servers refuse them.
fn field_name(name: &str) -> String {
    name.replace('%', "%25").replace('.', "%2E").replace('$', "%24")
}

fn name_of_field(name: &str) -> String {
    name.replace("%2E", ".").replace("%24", "$").replace("%25", "%")
}

/// Changes every name and value, the inner ones as well.
fn each(value: Bson, change: &impl Fn(&str, Bson) -> (String, Bson)) -> Bson {
    match value {
        Bson::Document(fields) => Bson::Document(
            fields
                .into_iter()
                .map(|(name, value)| change(&name, each(value, change)))
                .collect(),
        ),
        Bson::Array(values) => Bson::Array(values.into_iter().map(|value| each(value, change)).collect()),
        other => other,
    }
}

fn strange(name: &str) -> Unclear {
    Unclear(format!("a document whose {name} is missing or strange"))
}
