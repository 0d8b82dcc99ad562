//! What can be asked of Madang: one table of operations, from which the REST routes, the gateway's requests and the
//! OpenAPI description are made.
//!
//! One file per noun. An operation is an entry in its noun's table and a function below it, which reads its fields, calls
//! one function of `chat`, and answers. A request is checked against the entry before the function sees it, so the
//! description is what holds.

mod accounts;
mod answer;
mod audit;
mod categories;
mod channels;
mod clearing;
mod conversations;
mod describe;
mod doors;
mod guilds;
mod input;
mod instance;
mod invites;
mod members;
mod messages;
mod people;
mod presence;
mod reads;
mod relations;
mod roles;
mod threads;

use std::collections::HashMap;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::LazyLock;

pub use answer::Answer;
pub use audit::filter_of as audit_filter;
pub use describe::{Answers, Method, Operation, Scope};
pub use doors::{Door, doors};
pub use input::{Input, Kind, Place};

use serde_json::Value;

use crate::chat::{Chat, Code, Error, Identity, Once, Result};
use crate::fields::Fields;

/// All operations, by name.
struct Table {
    operations: Vec<Operation>,
    by_name: HashMap<&'static str, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let operations: Vec<Operation> = [
        people::operations(),
        relations::operations(),
        accounts::operations(),
        instance::operations(),
        guilds::operations(),
        members::operations(),
        roles::operations(),
        invites::operations(),
        categories::operations(),
        channels::operations(),
        conversations::operations(),
        messages::operations(),
        clearing::operations(),
        audit::operations(),
        presence::operations(),
        threads::operations(),
        reads::operations(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let names = operations.iter().map(|operation| operation.name);
    let by_name = names.enumerate().map(|(at, name)| (name, at)).collect();
    Table { operations, by_name }
});

/// Every operation, noun by noun.
pub fn all() -> &'static [Operation] {
    &TABLE.operations
}

/// The operation with this name.
pub fn find(name: &str) -> Option<&'static Operation> {
    TABLE.by_name.get(name).map(|at| &TABLE.operations[*at])
}

/// A request on its way to its function: who asks, and the fields, which fit the operation's description.
pub struct Call {
    /// The logic.
    pub chat: Chat,
    /// Who asks.
    pub identity: Identity,
    /// The address by which the asking client knows this server; links are made with it.
    pub own_url: String,
    /// What was asked. Read by [`Call::id`] and the like.
    pub fields: Fields,
}

/// What a function's future is.
type Running = Pin<Box<dyn Future<Output = Result<Answer>> + Send>>;

/// A request that fits its operation.
pub struct Checked {
    operation: &'static Operation,
    call: Call,
}

impl Operation {
    /// Holds a request against the description: the first half of the one door for every transport.
    pub fn check(&'static self, mut call: Call) -> Result<Checked> {
        call.chat.count_request(&call.identity)?;
        call.identity.require(self.scope.into())?;
        let mut checked = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            if let Some(value) = input.take(&mut call.fields)? {
                checked.push((input.name, value));
            }
        }
        std::mem::replace(&mut call.fields, Fields::from_iter(checked)).finish()?;
        Ok(Checked {
            operation: self,
            call,
        })
    }
}

impl Checked {
    /// Carries the request out.
    pub async fn answer(self) -> Result<Answer> {
        (self.operation.run)(self.call).await
    }
}

/// Functions read what the description has already found to be there and well formed. What it does not describe is never
/// there, which the first try of a new operation shows.
impl Call {
    fn id<T: FromStr>(&mut self, name: &'static str) -> Result<T> {
        self.fields.id(name)
    }

    /// What the client calls the request.
    fn once(&mut self) -> Result<Once> {
        Once::called(self.optional_text(input::IDEMPOTENCY_KEY)?)
    }

    fn optional_id<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>> {
        self.fields.optional_id(name)
    }

    fn text(&mut self, name: &'static str) -> Result<String> {
        self.fields.text(name)
    }

    fn optional_text(&mut self, name: &'static str) -> Result<Option<String>> {
        self.fields.optional_text(name)
    }

    fn number(&mut self, name: &'static str) -> Result<u64> {
        self.fields.number(name)
    }

    fn optional_number(&mut self, name: &'static str) -> Result<Option<u64>> {
        self.fields.optional_number(name)
    }

    fn flag(&mut self, name: &'static str) -> Result<bool> {
        self.fields.flag(name)
    }

    fn optional_flag(&mut self, name: &'static str) -> Result<Option<bool>> {
        self.fields.optional_flag(name)
    }

    /// At most as many as the description allows.
    fn ids<T: FromStr>(&mut self, name: &'static str) -> Result<Vec<T>> {
        self.fields.ids(name, usize::MAX)
    }

    /// The same, none where nothing is said.
    fn optional_ids<T: FromStr>(&mut self, name: &'static str) -> Result<Vec<T>> {
        self.fields.optional_ids(name, usize::MAX)
    }

    fn optional_texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>> {
        self.fields.optional_texts(name, usize::MAX)
    }

    /// At most as many as the description allows.
    fn numbers(&mut self, name: &'static str) -> Result<Vec<u64>> {
        self.fields.numbers(name, usize::MAX)
    }

    fn nullable_id<T: FromStr>(&mut self, name: &'static str) -> Result<Option<Option<T>>> {
        self.fields.nullable_id(name)
    }

    /// `Some(None)` for null, which takes it back.
    fn nullable_colour(&mut self, name: &'static str) -> Result<Option<Option<u32>>> {
        match self.fields.take(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => {
                let colour = value.as_str().and_then(input::colour_of);
                let colour = colour.ok_or_else(|| Error::invalid(name, Kind::Colour.expected()))?;
                Ok(Some(Some(colour)))
            }
        }
    }
}

/// What a client gets that asks for something that is not in the table.
pub fn unknown() -> Error {
    Error {
        field: Some("op".into()),
        ..Error::new(Code::UnknownOp, "there is no such operation")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_operation_is_there_once_and_says_what_it_is() {
        let mut names = HashSet::new();
        let mut routes = HashSet::new();
        for operation in all() {
            let Operation { name, path, .. } = operation;
            assert!(names.insert(name), "{name} is there twice");
            assert!(routes.insert((operation.method, path)), "{path} is there twice");
            assert!(operation.about.ends_with('.'), "{name} does not say what it does");
            let mut inputs = HashSet::new();
            for input in &operation.inputs {
                assert!(inputs.insert(input.name), "{name} takes {} twice", input.name);
                assert!(!input.about.is_empty(), "{name}: {} is not described", input.name);
            }
            for part in operation.path_parts() {
                assert!(inputs.contains(part), "{name} does not describe {part}");
            }
        }
    }

    #[test]
    fn an_operation_is_found_by_its_name() {
        assert_eq!(
            find("post").map(|operation| operation.path),
            Some("/rooms/{room}/messages")
        );
        assert!(find("unheard_of").is_none());
    }
}
