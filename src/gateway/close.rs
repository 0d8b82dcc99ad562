//! Why connections are closed. `docs/protocol.md` tells clients what each code means.

/// A close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CloseCode {
    /// The client went.
    Gone,
    /// A frame breaks RFC 6455.
    Protocol,
    /// Text on a binary subprotocol, or the other way round.
    WrongKind,
    /// A text frame is not UTF-8.
    NotUtf8,
    /// A message is over its limit.
    TooLarge,
    /// Not authenticated in time.
    NotAuthenticated,
    /// The frames cannot be read as maps of the protocol.
    Unreadable,
    /// The session has ended.
    SessionEnded,
    /// More than the bound waited to be sent, or what is to be sent cannot be had.
    TooSlow,
    /// No heart-beat.
    Silent,
    /// The server goes down for a restart.
    Draining,
    /// Too many requests.
    TooFast,
}

impl CloseCode {
    pub(super) const fn number(self) -> u16 {
        match self {
            Self::Gone => 1000,
            Self::Protocol => 1002,
            Self::WrongKind => 1003,
            Self::NotUtf8 => 1007,
            Self::TooLarge => 1009,
            Self::NotAuthenticated => 4001,
            Self::Unreadable => 4002,
            Self::SessionEnded => 4003,
            Self::TooSlow => 4004,
            Self::Silent => 4005,
            Self::Draining => 4006,
            Self::TooFast => 4008,
        }
    }

    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Gone => "bye",
            Self::Protocol => "a frame breaks the WebSocket protocol",
            Self::WrongKind => "text and binary do not fit the subprotocol",
            Self::NotUtf8 => "a text frame is not UTF-8",
            Self::TooLarge => "a message is over 64 KiB",
            Self::NotAuthenticated => "not authenticated in time",
            Self::Unreadable => "a frame is not a request of this protocol",
            Self::SessionEnded => "the session has ended",
            Self::TooSlow => "too slow: connect again and resume",
            Self::Silent => "no heart-beat",
            Self::Draining => "the server restarts",
            Self::TooFast => "too many requests",
        }
    }
}
