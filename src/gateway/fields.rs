//! Reads the fields of a request, and names the one that is at fault.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::chat::{Code, Error, Result};

/// The largest integer on the wire: 2^53 - 1, which every client can hold.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Fields that were not read yet. Whoever has read all that it knows calls [`Fields::finish`].
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of a map; nothing at all counts as an empty one.
    pub(super) fn of(value: Option<Value>, name: &'static str) -> Result<Self> {
        match value {
            None | Some(Value::Null) => Ok(Self(Map::new())),
            Some(Value::Object(fields)) => Ok(Self(fields)),
            Some(_) => Err(Error::invalid(name, "expected a map")),
        }
    }

    /// A field that may be left out, or be null.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    /// A text that may be left out.
    pub(super) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::invalid(name, "expected a text")),
        }
    }

    /// An identifier.
    pub(super) fn id<T: FromStr>(&mut self, name: &'static str) -> Result<T> {
        parse_id(&self.text(name)?, name)
    }

    /// An identifier that may be left out.
    pub(super) fn optional_id<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>> {
        self.optional_text(name)?
            .map(|text| parse_id(&text, name))
            .transpose()
    }

    /// A whole number from 0 to 2^53 - 1.
    pub(super) fn number(&mut self, name: &'static str) -> Result<u64> {
        self.optional_number(name)?.ok_or_else(|| missing(name))
    }

    /// A whole number that may be left out.
    pub(super) fn optional_number(&mut self, name: &'static str) -> Result<Option<u64>> {
        self.value(name).map(|value| to_number(&value, name)).transpose()
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool> {
        match self.value(name) {
            None => Err(missing(name)),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(Error::invalid(name, "expected true or false")),
        }
    }

    /// Pairs of an identifier and a number, at most `limit`.
    pub(super) fn numbers_by_id<T: FromStr>(
        &mut self,
        name: &'static str,
        limit: usize,
    ) -> Result<Vec<(T, u64)>> {
        let Some(value) = self.value(name) else {
            return Ok(Vec::new());
        };
        let Value::Object(pairs) = value else {
            return Err(Error::invalid(name, "expected a map"));
        };
        if pairs.len() > limit {
            return Err(Error::too_large(name, format!("at most {limit} entries")));
        }
        pairs
            .iter()
            .map(|(id, value)| Ok((parse_id(id, name)?, to_number(value, name)?)))
            .collect()
    }

    /// Refuses what nobody read.
    pub(super) fn finish(self) -> Result<()> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Error {
                code: Code::UnknownField,
                message: Cow::Borrowed("this request has no such field"),
                // Of a name that a client made up only so much is told back as helps to find it.
                field: Some(name.chars().take(64).collect::<String>().into()),
            }),
        }
    }
}

fn missing(name: &'static str) -> Error {
    Error {
        code: Code::MissingField,
        message: Cow::Borrowed("this field is needed"),
        field: Some(name.into()),
    }
}

fn parse_id<T: FromStr>(text: &str, name: &'static str) -> Result<T> {
    text.parse()
        .map_err(|_| Error::invalid(name, "expected 26 characters of ULID's alphabet in upper case"))
}

fn to_number(value: &Value, name: &'static str) -> Result<u64> {
    value
        .as_u64()
        .filter(|number| *number <= MAX_INTEGER)
        .ok_or_else(|| Error::invalid(name, "expected a whole number from 0 to 2^53 - 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use madang_storage::model::RoomId;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::of(Some(value), "args").unwrap()
    }

    #[test]
    fn errors_name_their_field() {
        let code =
            |result: Result<u64>| result.map_err(|error| (error.code, error.field.unwrap().into_owned()));
        let of = |code, field: &str| Err((code, field.to_owned()));
        assert_eq!(
            code(fields(json!({})).number("seq")),
            of(Code::MissingField, "seq")
        );
        assert_eq!(
            code(fields(json!({"seq": null})).number("seq")),
            of(Code::MissingField, "seq")
        );
        for bad in [json!(-1), json!(1.5), json!("1"), json!(1_u64 << 53), json!([])] {
            assert_eq!(
                code(fields(json!({"seq": bad})).number("seq")),
                of(Code::InvalidField, "seq")
            );
        }
        assert_eq!(code(fields(json!({"seq": 7})).number("seq")), Ok(7));
        let unknown = fields(json!({"sequence": 7})).finish().unwrap_err();
        assert_eq!(
            (unknown.code, unknown.field.as_deref()),
            (Code::UnknownField, Some("sequence"))
        );
        let id = fields(json!({"room": "x"})).id::<RoomId>("room").unwrap_err();
        assert_eq!((id.code, id.field.as_deref()), (Code::InvalidField, Some("room")));
        assert!(Fields::of(Some(json!([])), "args").is_err());
    }
}
