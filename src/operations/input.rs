//! What an operation takes: its fields, described once for checks and for the OpenAPI description.

use std::str::FromStr;

use madang_storage::model::RoomId;
use serde_json::Value;

use crate::chat::{Error, Result};
use crate::fields::Fields;

/// One field.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name, the same in every transport.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub about: &'static str,
    /// What it looks like.
    pub kind: Kind,
    /// Whether it must be there.
    pub is_required: bool,
    /// Whether `null` says something else than its absence.
    pub is_nullable: bool,
}

/// What a field looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identifier: 26 characters of ULID's alphabet.
    Id,
    /// A text.
    Text,
    /// A whole number from 0 to 2^53 - 1.
    Number,
    /// A colour: `#` and six digits of red, green and blue.
    Colour,
    /// True or false.
    Flag,
    /// Identifiers, at most so many.
    Ids(usize),
    /// Texts, at most so many.
    Texts(usize),
    /// Whole numbers, at most so many.
    Numbers(usize),
}

/// Where a field stands in an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query; a list with commas between its entries.
    Query,
    /// In the body, which is a JSON map.
    Body,
    /// In the header `Idempotency-Key`.
    Header,
}

/// The field that stands in a header of its own, as in other APIs.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency_key";

/// What everything takes that makes something new.
pub(super) const fn idempotency_key() -> Input {
    let about = "what the client calls this request: sent again with the same key it makes nothing twice";
    text(IDEMPOTENCY_KEY, about).optional()
}

pub(super) const fn id(name: &'static str, about: &'static str) -> Input {
    Input::new(name, Kind::Id, about)
}

pub(super) const fn text(name: &'static str, about: &'static str) -> Input {
    Input::new(name, Kind::Text, about)
}

pub(super) const fn number(name: &'static str, about: &'static str) -> Input {
    Input::new(name, Kind::Number, about)
}

pub(super) const fn colour(name: &'static str) -> Input {
    Input::new(name, Kind::Colour, "as #rrggbb; null takes it back").or_null()
}

pub(super) const fn flag(name: &'static str, about: &'static str) -> Input {
    Input::new(name, Kind::Flag, about)
}

pub(super) const fn ids(name: &'static str, at_most: usize, about: &'static str) -> Input {
    Input::new(name, Kind::Ids(at_most), about)
}

pub(super) const fn texts(name: &'static str, at_most: usize, about: &'static str) -> Input {
    Input::new(name, Kind::Texts(at_most), about)
}

pub(super) const fn numbers(name: &'static str, at_most: usize, about: &'static str) -> Input {
    Input::new(name, Kind::Numbers(at_most), about)
}

/// What every list in the order of ids takes.
pub(super) fn page() -> [Input; 2] {
    [
        id("after", "the last entry of the page before").optional(),
        number("limit", "how many entries, 1 to 500, else 100").optional(),
    ]
}

impl Input {
    const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            about,
            kind,
            is_required: true,
            is_nullable: false,
        }
    }

    /// May be left out.
    #[must_use]
    pub(super) const fn optional(mut self) -> Self {
        self.is_required = false;
        self
    }

    /// May be left out, and says something by being `null`.
    #[must_use]
    pub(super) const fn or_null(mut self) -> Self {
        self.is_required = false;
        self.is_nullable = true;
        self
    }

    /// A part of a path, described by its name.
    pub(super) fn of_path(name: &'static str) -> Self {
        match name {
            "room" => id(name, "which room"),
            "guild" => id(name, "which guild"),
            "user" => id(name, "which user"),
            "role" => id(name, "which role"),
            "category" => id(name, "which category"),
            "invite" => id(name, "which invite"),
            "session" => id(name, "which login"),
            "token" => id(name, "which token"),
            "seq" => number(name, "which message, by its number in the room"),
            "emoji" => text(name, "which emoji, as Unicode"),
            "code" => text(name, "the invite's code"),
            _ => id(name, "which one"),
        }
    }

    /// The value that a text in a path or query stands for. One that fits nothing stays a text, and is refused as such.
    pub fn of_text(&self, text: String) -> Value {
        // One number has one form: what is at another address is something else.
        let is_padded = text.len() > 1 && text.starts_with('0');
        let is_number = !text.is_empty() && !is_padded && text.bytes().all(|byte| byte.is_ascii_digit());
        match (self.kind, text.as_str()) {
            (Kind::Number, digits) if is_number => {
                digits.parse::<u64>().map_or(Value::String(text), Value::from)
            }
            (Kind::Flag, "true") => Value::Bool(true),
            (Kind::Flag, "false") => Value::Bool(false),
            (Kind::Ids(_) | Kind::Texts(_), list) => list.split(',').map(Value::from).collect(),
            _ => Value::String(text),
        }
    }

    /// Takes the field out of a request, if it is there and looks as it should.
    pub(super) fn take(&self, fields: &mut Fields) -> Result<Option<Value>> {
        match fields.take(self.name) {
            None if self.is_required => Err(Error::missing(self.name)),
            None => Ok(None),
            Some(Value::Null) if self.is_nullable => Ok(Some(Value::Null)),
            Some(Value::Null) if self.is_required => Err(Error::missing(self.name)),
            Some(Value::Null) => Ok(None),
            Some(value) => {
                self.check(&value)?;
                Ok(Some(value))
            }
        }
    }

    fn check(&self, value: &Value) -> Result<()> {
        let Self { name, kind, .. } = *self;
        match (kind, value) {
            (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Bool(_)) => Ok(()),
            (Kind::Id, Value::String(text)) if is_id(text) => Ok(()),
            (Kind::Colour, Value::String(text)) if colour_of(text).is_some() => Ok(()),
            (Kind::Number, Value::Number(number)) if is_fitting(number) => Ok(()),
            (Kind::Ids(most) | Kind::Texts(most) | Kind::Numbers(most), Value::Array(entries)) => {
                if entries.len() > most {
                    return Err(Error::too_large(name, format!("at most {most} entries")));
                }
                let is_entry = |entry: &Value| match entry {
                    Value::String(text) if matches!(kind, Kind::Ids(_)) => is_id(text),
                    Value::String(_) => matches!(kind, Kind::Texts(_)),
                    Value::Number(number) => matches!(kind, Kind::Numbers(_)) && is_fitting(number),
                    _ => false,
                };
                if entries.iter().all(is_entry) {
                    return Ok(());
                }
                Err(Error::invalid(name, kind.expected()))
            }
            _ => Err(Error::invalid(name, kind.expected())),
        }
    }
}

impl Kind {
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Id => "expected 26 characters of ULID's alphabet in upper case",
            Self::Text => "expected a text",
            Self::Number => "expected a whole number from 0 to 2^53 - 1",
            Self::Colour => "expected a colour as #rrggbb",
            Self::Flag => "expected true or false",
            Self::Ids(_) => "expected a list of ids",
            Self::Texts(_) => "expected a list of texts",
            Self::Numbers(_) => "expected a list of whole numbers from 0 to 2^53 - 1",
        }
    }
}

/// All identifiers look the same.
fn is_id(text: &str) -> bool {
    RoomId::from_str(text).is_ok()
}

/// The 24 bits of a colour.
pub(super) fn colour_of(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

fn is_fitting(number: &serde_json::Number) -> bool {
    number.as_u64().is_some_and(|number| number < 1 << 53)
}
