//! State rows: values that are overwritten in place and guarded by a version.

use super::{RoomId, Timestamp, UserId};

/// The tables of state rows. Numbers are stored: never change or reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StateTable {
    /// Credentials and rights of an account, by user.
    Accounts = 1,
    /// Folded name -> user; the row is the claim that makes names unique.
    AccountNames = 2,
    /// Logins, by the hash of their token.
    Sessions = 3,
    /// Invitations with their remaining uses, by the hash of their code.
    Invites = 4,
    /// Links that work once, by the hash of their token.
    OneTimeTokens = 5,
    /// Unique slots and names within a guild.
    Claims = 6,
    /// Read markers, by user and room.
    Markers = 7,
    /// The few values that the server itself keeps.
    Settings = 8,
    /// The places that a person's invites into a guild take up, by guild, person and number.
    InviteSlots = 16,
    /// By which invite somebody came, by guild and user.
    Arrivals = 17,
    /// Work that was begun and must be carried to its end, by its kind and what it is about.
    Jobs = 18,
    /// What the audit tells that is no event: by guild, or nothing for the instance, the newest first.
    AuditNotes = 19,
    /// The same logins, by user and login.
    SessionsOf = 9,
    /// Personal access tokens, by their hash.
    AccessTokens = 10,
    /// Which of them a user has, by user.
    AccessTokensOf = 11,
    /// When an account was last used, by user.
    AccountUses = 12,
    /// What people say of themselves, and from which rooms they have switched themselves off.
    Presence = 20,
    /// Of what people want to be told, by user and room or guild.
    Notifications = 21,
    /// Who follows which thread, by user and by thread.
    ThreadFollows = 22,
}

impl StateTable {
    /// Every table.
    pub const ALL: [Self; 19] = [
        Self::Accounts,
        Self::AccountNames,
        Self::Sessions,
        Self::Invites,
        Self::OneTimeTokens,
        Self::Claims,
        Self::Markers,
        Self::Settings,
        Self::InviteSlots,
        Self::Arrivals,
        Self::Jobs,
        Self::AuditNotes,
        Self::SessionsOf,
        Self::AccessTokens,
        Self::AccessTokensOf,
        Self::AccountUses,
        Self::Presence,
        Self::Notifications,
        Self::ThreadFollows,
    ];

    /// The stored number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The table with this stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.number() == number)
    }

    /// The table's name in logs and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::AccountNames => "account_names",
            Self::Sessions => "sessions",
            Self::Invites => "invites",
            Self::OneTimeTokens => "one_time_tokens",
            Self::Claims => "claims",
            Self::Markers => "markers",
            Self::Settings => "settings",
            Self::InviteSlots => "invite_slots",
            Self::Arrivals => "arrivals",
            Self::Jobs => "jobs",
            Self::AuditNotes => "audit_notes",
            Self::SessionsOf => "sessions_of",
            Self::AccessTokens => "access_tokens",
            Self::AccessTokensOf => "access_tokens_of",
            Self::AccountUses => "account_uses",
            Self::Presence => "presence",
            Self::Notifications => "notifications",
            Self::ThreadFollows => "thread_follows",
        }
    }
}

/// The name of a state row. Rows of a table list in byte order of `key`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey {
    /// The table.
    pub table: StateTable,
    /// At most [`StateKey::MAX_BYTES`] bytes.
    pub key: Vec<u8>,
}

impl StateKey {
    /// The longest key.
    pub const MAX_BYTES: usize = 512;

    /// A key made of parts put one after the other. Only the last part may have a varying length.
    pub fn new(table: StateTable, parts: &[&[u8]]) -> Self {
        Self {
            table,
            key: parts.concat(),
        }
    }

    /// The row of a read marker; its value is a [`super::Marker`] in [`crate::encode`]'s form.
    pub fn marker(user: UserId, room: RoomId) -> Self {
        Self::new(StateTable::Markers, &[&user.to_bytes(), &room.to_bytes()])
    }
}

/// A state row's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// 1 when inserted, one more with each change.
    pub version: u64,
    /// The content; the store does not look into it. At most [`StateRow::MAX_BYTES`].
    pub value: Vec<u8>,
    /// When a sweep may remove the row. Until then it is still returned: the reader judges.
    pub expires_at: Option<Timestamp>,
}

impl StateRow {
    /// The largest value.
    pub const MAX_BYTES: usize = 64 * 1024;
}

/// What to write into a state row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateWriteKind {
    /// Make the row; a conflict when it exists.
    Insert {
        /// The content.
        value: Vec<u8>,
        /// When a sweep may remove it.
        expires_at: Option<Timestamp>,
    },
    /// Replace the row; a conflict unless it has this version.
    CompareAndSet {
        /// The version that was read.
        version: u64,
        /// The content.
        value: Vec<u8>,
        /// When a sweep may remove it.
        expires_at: Option<Timestamp>,
    },
    /// Remove the row; a conflict unless it has this version.
    CompareAndDelete {
        /// The version that was read.
        version: u64,
    },
}

/// One write of one state row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateWrite {
    /// Which row.
    pub key: StateKey,
    /// What to do.
    pub kind: StateWriteKind,
}

/// What became of a state write. Either way it is durable when it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateOutcome {
    /// Done; the row has this version now, or 0 when it was removed.
    Written {
        /// The new version.
        version: u64,
    },
    /// Not done, because the row was not as expected. Holds the row as it is.
    Conflict {
        /// The present row; `None` when there is none.
        current: Option<StateRow>,
    },
}
