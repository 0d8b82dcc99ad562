//! What members may do: a set of rights, and exceptions from it in single rooms.

use std::ops::{BitAnd, BitOr, Not};

use serde::{Deserialize, Serialize};

use super::{RoleId, UserId};

/// A set of rights. Bits are stored: never change or reuse one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(u64);

/// Defines the rights, each with its bit and its name on the wire.
macro_rules! permissions {
    ($($(#[$doc:meta])* $constant:ident = $bit:literal, $name:literal;)*) => {
        impl Permissions {
            $($(#[$doc])* pub const $constant: Self = Self(1 << $bit);)*

            /// Every right with its name on the wire, in the order of their bits.
            pub const NAMED: &'static [(&'static str, Self)] = &[$(($name, Self::$constant)),*];
        }
    };
}

permissions! {
    /// Everything, in every room, whatever a room says.
    ADMINISTRATOR = 0, "administrator";
    /// The guild's name, description and openness.
    MANAGE_GUILD = 1, "manage_guild";
    /// Making, changing and giving roles below one's own.
    MANAGE_ROLES = 2, "manage_roles";
    /// Making, changing, ordering and deleting channels and categories, and exceptions in them.
    MANAGE_CHANNELS = 3, "manage_channels";
    /// Removing members.
    KICK = 4, "kick";
    /// Removing members for good, and letting them back in.
    BAN = 5, "ban";
    /// Making invites.
    INVITE = 6, "invite";
    /// Seeing and revoking the invites of others.
    MANAGE_INVITES = 7, "manage_invites";
    /// Changing one's own nickname.
    CHANGE_NICKNAME = 8, "change_nickname";
    /// Changing the nicknames of others.
    MANAGE_NICKNAMES = 9, "manage_nicknames";
    /// Reading who did what, and why.
    VIEW_AUDIT = 10, "view_audit";
    /// Seeing a room and reading it.
    VIEW = 11, "view";
    /// Posting.
    POST = 12, "post";
    /// Putting reactions on messages.
    REACT = 13, "react";
    /// Starting threads and writing in them.
    THREADS = 14, "threads";
    /// Pinning messages.
    PIN = 15, "pin";
    /// Deleting what others wrote, and reading what was edited.
    MANAGE_MESSAGES = 16, "manage_messages";
    /// Mentioning everybody, everybody who is here, and roles that are not open to it.
    MENTION_EVERYONE = 17, "mention_everyone";
    /// Posting in announcement channels.
    ANNOUNCE = 18, "announce";
    /// Posting without waiting where a room is slow.
    SKIP_SLOW_MODE = 19, "skip_slow_mode";
}

impl Permissions {
    /// No right.
    pub const NONE: Self = Self(0);

    /// These rights and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Every right.
    pub const fn all() -> Self {
        let (mut all, mut place) = (0, 0);
        while place < Self::NAMED.len() {
            all |= Self::NAMED[place].1.0;
            place += 1;
        }
        Self(all)
    }

    /// Rights that a room can except from; the others belong to the guild as a whole.
    pub const fn of_rooms() -> Self {
        Self(
            Self::VIEW.0
                | Self::POST.0
                | Self::REACT.0
                | Self::THREADS.0
                | Self::PIN.0
                | Self::MANAGE_MESSAGES.0
                | Self::MENTION_EVERYONE.0
                | Self::ANNOUNCE.0
                | Self::SKIP_SLOW_MODE.0
                | Self::MANAGE_CHANNELS.0,
        )
    }

    /// What every member may do unless the guild says otherwise.
    pub const fn of_members() -> Self {
        Self(Self::CHANGE_NICKNAME.0 | Self::VIEW.0 | Self::POST.0 | Self::REACT.0 | Self::THREADS.0)
    }

    /// What moderators may do besides.
    pub const fn of_moderators() -> Self {
        Self(
            Self::of_members().0
                | Self::INVITE.0
                | Self::KICK.0
                | Self::BAN.0
                | Self::MANAGE_INVITES.0
                | Self::MANAGE_NICKNAMES.0
                | Self::VIEW_AUDIT.0
                | Self::PIN.0
                | Self::MANAGE_MESSAGES.0
                | Self::MENTION_EVERYONE.0
                | Self::ANNOUNCE.0
                | Self::SKIP_SLOW_MODE.0,
        )
    }

    /// Whether all of `other` are in here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These without the others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The right of this name on the wire.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::NAMED.iter().find(|(known, _)| *known == name);
        found.map(|(_, permission)| *permission)
    }

    /// The names on the wire, in the order of their bits.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let held = Self::NAMED
            .iter()
            .filter(move |(_, permission)| self.contains(*permission));
        held.map(|(name, _)| *name)
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Permissions {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Everything that is not in here, of what there is.
impl Not for Permissions {
    type Output = Self;

    fn not(self) -> Self {
        Self(Self::all().0 & !self.0)
    }
}

/// Whom an exception in a room is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OverrideTarget {
    /// All who have the role. The guild's own id as a role is everybody.
    Role(RoleId),
    /// One member.
    User(UserId),
}

/// An exception in a room. What is in neither set is as in the guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// For whom.
    pub target: OverrideTarget,
    /// Rights that are given.
    pub allow: Permissions,
    /// Rights that are taken.
    pub deny: Permissions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_has_a_bit_and_a_name_of_its_own() {
        for (place, (name, permission)) in Permissions::NAMED.iter().enumerate() {
            assert_eq!(permission.0, 1 << place, "{name}");
            assert_eq!(Permissions::named(name), Some(*permission));
            assert!(Permissions::all().contains(*permission));
        }
        assert_eq!(Permissions::named("fly"), None);
    }

    #[test]
    fn sets_behave_like_sets() {
        let both = Permissions::VIEW | Permissions::POST;
        assert!(both.contains(Permissions::VIEW) && !Permissions::VIEW.contains(both));
        assert_eq!(both.without(Permissions::VIEW), Permissions::POST);
        assert_eq!(both & Permissions::VIEW, Permissions::VIEW);
        assert_eq!(!Permissions::all(), Permissions::NONE);
        assert_eq!(both.names().collect::<Vec<_>>(), ["view", "post"]);
        assert!(Permissions::of_moderators().contains(Permissions::of_members()));
    }
}
