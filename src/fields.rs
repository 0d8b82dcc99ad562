//! Reads the fields of a request, and names the one that is at fault. The same for every transport, so that the same
//! mistake is answered with the same code.

mod distinct;

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::chat::{Code, Error, Result};
pub use distinct::Distinct;

impl FromIterator<(&'static str, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'static str, Value)>>(fields: I) -> Self {
        let named = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self(named.collect())
    }
}

impl IntoIterator for Fields {
    type Item = (String, Value);
    type IntoIter = serde_json::map::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// How deep a request may be nested.
pub const MAX_DEPTH: usize = 8;
/// The largest integer on the wire: 2^53 - 1, which every client can hold.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Fields that were not read yet. Whoever has read all that it knows calls [`Fields::finish`].
pub struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of a map; nothing at all counts as an empty one.
    pub fn of(value: Option<Value>, name: &'static str) -> Result<Self> {
        match value {
            None | Some(Value::Null) => Ok(Self(Map::new())),
            Some(Value::Object(fields)) => Ok(Self(fields)),
            Some(_) => Err(Error::invalid(name, "expected a map")),
        }
    }

    /// Fields of a query: texts that may stand for numbers.
    pub fn of_query(query: &str) -> Result<Self> {
        let mut fields = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decoded(value)
                .ok_or_else(|| Error::invalid(name.to_owned(), "expected percent-encoded UTF-8"))?;
            if fields.insert(name.to_owned(), Value::String(value)).is_some() {
                return Err(Error::invalid(name.to_owned(), "this field is there twice"));
            }
        }
        Ok(Self(fields))
    }

    /// A field as it is, `null` included.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Adds a field; `false` when it is there already.
    pub fn add(&mut self, name: &str, value: Value) -> bool {
        if self.0.contains_key(name) {
            return false;
        }
        self.0.insert(name.to_owned(), value);
        true
    }

    /// The texts of a query or path as the values that they stand for.
    pub fn map_texts(&mut self, value_of: impl Fn(&str, String) -> Value) {
        for (name, value) in &mut self.0 {
            if let Value::String(text) = value {
                *value = value_of(name, std::mem::take(text));
            }
        }
    }

    /// A field that may be left out, or be null.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Result<String> {
        self.optional_text(name)?.ok_or_else(|| Error::missing(name))
    }

    /// A text that may be left out.
    pub fn optional_text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::invalid(name, "expected a text")),
        }
    }

    /// An identifier.
    pub fn id<T: FromStr>(&mut self, name: &'static str) -> Result<T> {
        parse_id(&self.text(name)?, name)
    }

    /// An identifier that may be left out.
    pub fn optional_id<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>> {
        self.optional_text(name)?
            .map(|text| parse_id(&text, name))
            .transpose()
    }

    /// A whole number from 0 to 2^53 - 1.
    pub fn number(&mut self, name: &'static str) -> Result<u64> {
        self.optional_number(name)?.ok_or_else(|| Error::missing(name))
    }

    /// A whole number that may be left out.
    pub fn optional_number(&mut self, name: &'static str) -> Result<Option<u64>> {
        self.value(name).map(|value| to_number(&value, name)).transpose()
    }

    /// True or false.
    pub fn flag(&mut self, name: &'static str) -> Result<bool> {
        match self.value(name) {
            None => Err(Error::missing(name)),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(Error::invalid(name, "expected true or false")),
        }
    }

    /// Pairs of an identifier and a number, at most `limit`.
    pub fn numbers_by_id<T: FromStr>(&mut self, name: &'static str, limit: usize) -> Result<Vec<(T, u64)>> {
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

    /// A field that may be left out: whether it is true.
    pub fn optional_flag(&mut self, name: &'static str) -> Result<Option<bool>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Error::invalid(name, "expected true or false")),
        }
    }

    /// A list of texts that may be left out, at most `limit`.
    pub fn optional_texts(&mut self, name: &'static str, limit: usize) -> Result<Option<Vec<String>>> {
        let texts = match self.value(name) {
            None => return Ok(None),
            Some(Value::Array(texts)) => texts,
            Some(_) => return Err(Error::invalid(name, "expected a list of texts")),
        };
        if texts.len() > limit {
            return Err(Error::too_large(name, format!("at most {limit} entries")));
        }
        let text = |value| match value {
            Value::String(text) => Ok(text),
            _ => Err(Error::invalid(name, "expected a list of texts")),
        };
        texts.into_iter().map(text).collect::<Result<_>>().map(Some)
    }

    /// A list of identifiers, at most `limit`.
    pub fn ids<T: FromStr>(&mut self, name: &'static str, limit: usize) -> Result<Vec<T>> {
        let texts = self
            .optional_texts(name, limit)?
            .ok_or_else(|| Error::missing(name))?;
        texts.iter().map(|text| parse_id(text, name)).collect()
    }

    /// The same; none where it is left out.
    pub fn optional_ids<T: FromStr>(&mut self, name: &'static str, limit: usize) -> Result<Vec<T>> {
        let texts = self.optional_texts(name, limit)?.unwrap_or_default();
        texts.iter().map(|text| parse_id(text, name)).collect()
    }

    /// A list of whole numbers from 0 to 2^53 - 1, at most `limit`.
    pub fn numbers(&mut self, name: &'static str, limit: usize) -> Result<Vec<u64>> {
        match self.value(name) {
            None => Err(Error::missing(name)),
            Some(Value::Array(numbers)) if numbers.len() > limit => {
                Err(Error::too_large(name, format!("at most {limit} entries")))
            }
            Some(Value::Array(numbers)) => numbers.iter().map(|number| to_number(number, name)).collect(),
            Some(_) => Err(Error::invalid(name, "expected a list of whole numbers")),
        }
    }

    /// An identifier that may be left out, or be null, which then says something: `Some(None)`.
    pub fn nullable_id<T: FromStr>(&mut self, name: &'static str) -> Result<Option<Option<T>>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::String(text)) => parse_id(&text, name).map(|id| Some(Some(id))),
            Some(_) => Err(Error::invalid(name, "expected a text")),
        }
    }

    /// A number that may be left out, or be null, which then says something: `Some(None)`.
    pub fn nullable_number(&mut self, name: &'static str) -> Result<Option<Option<u64>>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => to_number(&value, name).map(|number| Some(Some(number))),
        }
    }

    /// Refuses what nobody read.
    pub fn finish(self) -> Result<()> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Error {
                // Of a name that a client made up only so much is told back as helps to find it.
                field: Some(name.chars().take(64).collect::<String>().into()),
                ..Error::new(Code::UnknownField, "this request has no such field")
            }),
        }
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

/// Whether a value is nested at most `depth` deep.
pub fn is_shallow(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_shallow(item, depth - 1)),
        Value::Object(fields) => depth > 0 && fields.values().all(|field| is_shallow(field, depth - 1)),
        _ => true,
    }
}

/// The text that a part of a URL stands for.
pub fn percent_decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = tail;
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
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
    fn a_query_says_each_field_once() {
        let error = Fields::of_query("limit=1&after=x&limit=2").err().unwrap();
        assert_eq!(
            (error.code, error.field.as_deref()),
            (Code::InvalidField, Some("limit"))
        );
        assert_eq!(Fields::of_query("limit=1&&after=x").unwrap().0.len(), 2);
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
