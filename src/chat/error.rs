//! Why something that a person asked for was not done. One table of codes for every transport.

use std::borrow::Cow;

use madang_storage::Error as StoreError;

/// The result of what a person asks for.
pub type Result<T> = std::result::Result<T, Error>;

/// A stable code, the same in HTTP and in the gateway. `docs/protocol.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The body or frame cannot be read.
    Malformed,
    /// A field that the request does not have.
    UnknownField,
    /// A field that the request needs.
    MissingField,
    /// A field with a wrong type, form or range.
    InvalidField,
    /// The gateway does not know the operation.
    UnknownOp,
    /// No session, or one that has ended.
    Unauthenticated,
    /// Name and password do not fit.
    WrongCredentials,
    /// The session may see it but not do this.
    Forbidden,
    /// A browser on another site.
    WrongOrigin,
    /// There is no such thing for this user.
    NotFound,
    /// The path knows other methods.
    MethodNotAllowed,
    /// Somebody else was first.
    Conflict,
    /// The name is taken, or looks like one that is.
    NameTaken,
    /// The instance has an owner.
    AlreadySetUp,
    /// The nonce was used for another content.
    NonceConflict,
    /// The nonce is too old or too far ahead.
    NonceExpired,
    /// The message was deleted.
    MessageDeleted,
    /// The user has switched itself off in the room.
    SwitchedOff,
    /// Over a limit.
    TooLarge,
    /// A list is at its limit.
    TooMany,
    /// Not `application/json`.
    UnsupportedMediaType,
    /// Too often.
    RateLimited,
    /// The store cannot be reached or does not write.
    Unavailable,
    /// Too little space is left to write safely.
    DiskFull,
    /// The request took too long to arrive.
    Timeout,
    /// A defect.
    Internal,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 26] = [
        Self::Malformed,
        Self::UnknownField,
        Self::MissingField,
        Self::InvalidField,
        Self::UnknownOp,
        Self::Unauthenticated,
        Self::WrongCredentials,
        Self::Forbidden,
        Self::WrongOrigin,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::NameTaken,
        Self::AlreadySetUp,
        Self::NonceConflict,
        Self::NonceExpired,
        Self::MessageDeleted,
        Self::SwitchedOff,
        Self::TooLarge,
        Self::TooMany,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Unavailable,
        Self::DiskFull,
        Self::Timeout,
        Self::Internal,
    ];

    /// The code as clients read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::UnknownOp => "unknown_op",
            Self::Unauthenticated => "unauthenticated",
            Self::WrongCredentials => "wrong_credentials",
            Self::Forbidden => "forbidden",
            Self::WrongOrigin => "wrong_origin",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::NameTaken => "name_taken",
            Self::AlreadySetUp => "already_set_up",
            Self::NonceConflict => "nonce_conflict",
            Self::NonceExpired => "nonce_expired",
            Self::MessageDeleted => "message_deleted",
            Self::SwitchedOff => "switched_off",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::DiskFull => "disk_full",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }
}

/// When to try again after the disk was found full, in seconds.
const RETRY_FULL_SECONDS: u64 = 60;
/// When to try again after the data could not be reached, in seconds.
const RETRY_UNAVAILABLE_SECONDS: u64 = 5;

/// What a person is told. What only the log may say was logged where it happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Error {
    /// The stable code.
    pub code: Code,
    /// One sentence for people, in English.
    pub message: Cow<'static, str>,
    /// The field of the request that is at fault.
    pub field: Option<Cow<'static, str>>,
    /// After how many seconds trying again makes sense, where that is known.
    pub retry_after: Option<u64>,
}

impl Error {
    /// An error without a field.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            retry_after: None,
        }
    }

    /// The same, about this field.
    #[must_use]
    pub fn about(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// A field with a wrong type, form or range.
    pub fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: Code::InvalidField,
            message: message.into(),
            field: Some(field.into()),
            retry_after: None,
        }
    }

    /// A field that is needed, and is not there.
    pub fn missing(field: &'static str) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(Code::MissingField, "this field is needed")
        }
    }

    /// A field over its limit.
    pub fn too_large(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: Code::TooLarge,
            message: message.into(),
            field: Some(field.into()),
            retry_after: None,
        }
    }

    /// Too often; `seconds` says when to try again.
    pub fn rate_limited(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds.max(1)),
            ..Self::new(Code::RateLimited, "too many attempts; wait a moment")
        }
    }

    /// A defect. What it is was logged.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "something went wrong on the server")
    }

    /// There is no such thing for this user. Never says whether it exists for others.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is nothing here")
    }

    /// No session, or one that has ended.
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "sign in first")
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NonceExpired => Self {
                code: Code::NonceExpired,
                message: "the nonce is too old or too far ahead".into(),
                field: Some("nonce".into()),
                retry_after: None,
            },
            StoreError::NonceConflict => Self {
                code: Code::NonceConflict,
                message: "the nonce was used for another content".into(),
                field: Some("nonce".into()),
                retry_after: None,
            },
            // Whoever keeps the server has to make space first.
            StoreError::DiskFull { .. } => Self {
                retry_after: Some(RETRY_FULL_SECONDS),
                ..Self::new(
                    Code::DiskFull,
                    "the server has too little space left to write safely",
                )
            },
            StoreError::TooLarge { what, limit } => {
                Self::new(Code::TooLarge, format!("{what} is over its limit of {limit}"))
            }
            other @ StoreError::InvalidFact(_) => {
                tracing::error!(error = %other, "a decision does not fit its stream");
                Self::internal()
            }
            other => {
                // Why nothing is written any more was logged when it began; each refusal only repeats it.
                if matches!(other, StoreError::ReadOnly(_)) {
                    tracing::debug!(error = %other, "the store only reads");
                } else {
                    tracing::error!(error = %other, "the store failed");
                }
                Self {
                    retry_after: Some(RETRY_UNAVAILABLE_SECONDS),
                    ..Self::new(
                        Code::Unavailable,
                        "the server cannot reach its data at the moment; try again",
                    )
                }
            }
        }
    }
}
