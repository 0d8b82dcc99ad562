//! What an operation is: its name, its route, what it takes and what it answers.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::input::{IDEMPOTENCY_KEY, Input, Place};
use super::{Answer, Call, Running};
use crate::chat::{Result, Scopes};

/// How a REST request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads, and changes nothing.
    Get,
    /// Makes something new.
    Post,
    /// Sets something; again is the same.
    Put,
    /// Changes what is named.
    Patch,
    /// Removes something; again is the same.
    Delete,
}

/// What a token must be good for to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Reading what its owner can read.
    Read,
    /// Saying and doing what members say and do.
    Write,
    /// Running guilds: what needs rights that not every member has.
    Manage,
    /// The owner's own account.
    Account,
    /// Running the instance.
    Admin,
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::READ,
            Scope::Write => Self::WRITE,
            Scope::Manage => Self::MANAGE,
            Scope::Account => Self::ACCOUNT,
            Scope::Admin => Self::ADMIN,
        }
    }
}

/// One thing that can be asked for.
pub struct Operation {
    /// The gateway's `op`, and OpenAPI's `operationId`.
    pub name: &'static str,
    /// How it is asked for over REST,
    pub method: Method,
    /// and where: below `/api/v1`, parts in braces are fields.
    pub path: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The noun that it belongs to.
    pub noun: &'static str,
    /// What a token must be good for.
    pub scope: Scope,
    /// What it takes.
    pub inputs: Vec<Input>,
    /// What it answers.
    pub answers: Answers,
    pub(super) run: Box<dyn Fn(Call) -> Running + Send + Sync>,
}

/// What an operation answers as a rule.
#[derive(Clone, Copy)]
pub struct Answers {
    /// The HTTP status.
    pub status: u16,
    /// Whether the status is 200 where an earlier request has done it already.
    pub may_replay: bool,
    /// What the body looks like; `None` when there is none.
    pub schema: Option<fn(&mut SchemaGenerator) -> Schema>,
}

impl Operation {
    /// An operation that answers nothing but that it is done, until something else is said.
    pub(super) fn new<F>(
        method: Method,
        name: &'static str,
        path: &'static str,
        run: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Answer>> + Send + 'static,
    {
        let inputs = parts(path).map(Input::of_path).collect();
        let scope = if method == Method::Get {
            Scope::Read
        } else {
            Scope::Write
        };
        Self {
            name,
            method,
            path,
            about: "",
            noun: "",
            scope,
            inputs,
            answers: Answers {
                status: 204,
                may_replay: false,
                schema: None,
            },
            run: Box::new(move |call| Box::pin(run(call))),
        }
    }

    /// Says what it does, in one sentence or two.
    #[must_use]
    pub(super) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Takes a field more.
    #[must_use]
    pub(super) fn takes(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }

    /// Takes some fields more.
    #[must_use]
    pub(super) fn takes_all(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// Needs a token that is good for this.
    #[must_use]
    pub(super) const fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Answers something of this shape.
    #[must_use]
    pub(super) fn answers<T: JsonSchema>(mut self) -> Self {
        self.answers = Answers {
            status: 200,
            may_replay: false,
            schema: Some(SchemaGenerator::subschema_for::<T>),
        };
        self
    }

    /// Makes something, and answers it in this shape.
    #[must_use]
    pub(super) fn makes<T: JsonSchema>(self) -> Self {
        let mut operation = self.answers::<T>();
        operation.answers.status = 201;
        operation
    }

    /// Answers 200 where an earlier request has made it already.
    #[must_use]
    pub(super) const fn once(mut self) -> Self {
        self.answers.may_replay = true;
        self
    }

    /// The names of the variable parts of the path.
    pub fn path_parts(&self) -> impl Iterator<Item = &'static str> {
        parts(self.path)
    }

    /// Where a field stands in an HTTP request.
    pub fn place(&self, input: &Input) -> Place {
        if self.path_parts().any(|part| part == input.name) {
            Place::Path
        } else if input.name == IDEMPOTENCY_KEY {
            Place::Header
        } else if matches!(self.method, Method::Get | Method::Delete) {
            Place::Query
        } else {
            Place::Body
        }
    }

    /// Whether an HTTP request must have a body.
    pub fn needs_body(&self) -> bool {
        let mut inputs = self.inputs.iter();
        inputs.any(|input| input.is_required && self.place(input) == Place::Body)
    }
}

/// All operations of a noun.
pub(super) fn of_noun(noun: &'static str, operations: impl IntoIterator<Item = Operation>) -> Vec<Operation> {
    let named = |operation| Operation { noun, ..operation };
    operations.into_iter().map(named).collect()
}

/// The names of the variable parts of a path.
pub(super) fn parts(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
