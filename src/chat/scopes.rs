//! Scopes: what a personal access token may be used for. They narrow what its owner may do, and never widen it.

use std::ops::BitOr;

use super::{Code, Error, Identity, Result};

/// A set of scopes. Bits are stored: never change or reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u32);

/// Every scope, by the name that clients use.
const NAMES: [(Scopes, &str); 5] = [
    (Scopes::READ, "read"),
    (Scopes::WRITE, "write"),
    (Scopes::MANAGE, "manage"),
    (Scopes::ACCOUNT, "account"),
    (Scopes::ADMIN, "admin"),
];

impl Scopes {
    /// Seeing what the person sees.
    pub const READ: Self = Self(1);
    /// Writing, reacting, marking as read, following: what people do in conversations, and what they say of themselves.
    pub const WRITE: Self = Self(1 << 1);
    /// Making, changing and leaving guilds, channels, roles and invites; moderating.
    pub const MANAGE: Self = Self(1 << 2);
    /// The password, sessions and further tokens.
    pub const ACCOUNT: Self = Self(1 << 3);
    /// What administrators of the instance do.
    pub const ADMIN: Self = Self(1 << 4);
    /// What a login may do: everything.
    pub const ALL: Self = Self((1 << 5) - 1);
    /// How many there are.
    pub const COUNT: usize = NAMES.len();

    /// Whether all of `others` are among these.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those that are not among `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Their names, in the order of the documentation.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let held = move |(scope, name)| self.contains(scope).then_some(name);
        NAMES.into_iter().filter_map(held)
    }

    /// Reads names; at least one is needed, and an unknown one is refused.
    pub(super) fn read(names: &[String]) -> Result<Self> {
        const FIELD: &str = "scopes";
        if names.is_empty() {
            return Err(Error::invalid(FIELD, "a token needs at least one scope"));
        }
        let mut scopes = Self(0);
        for name in names {
            let known = NAMES.iter().find(|(_, known)| known == name);
            let (scope, _) = known.ok_or_else(|| Error::invalid(FIELD, "there is no such scope"))?;
            scopes = scopes | *scope;
        }
        Ok(scopes)
    }

    /// The stored form.
    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    /// The inverse of [`Scopes::bits`]. Bits that this version does not know allow nothing.
    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl BitOr for Scopes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Identity {
    /// Refuses a token that was not made for this. A login may be used for everything.
    pub fn require(&self, needed: Scopes) -> Result<()> {
        if self.scopes.contains(needed) {
            return Ok(());
        }
        let missing: Vec<&str> = needed.without(self.scopes).names().collect();
        let text = format!("this needs a token with the scope {}", missing.join(", "));
        Err(Error::new(Code::Forbidden, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> Result<Scopes> {
        Scopes::read(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_and_bits_stand_for_the_same() {
        // Stored: these must not change.
        for (bit, name) in ["read", "write", "manage", "account", "admin"]
            .into_iter()
            .enumerate()
        {
            let scope = read(&[name]).expect(name);
            assert_eq!(scope.bits(), 1 << bit);
            assert_eq!(Scopes::from_bits(scope.bits()), scope);
            assert_eq!(scope.names().collect::<Vec<_>>(), [name]);
        }
        assert_eq!(Scopes::ALL.names().count(), Scopes::COUNT);
        assert_eq!(Scopes::from_bits(u32::MAX), Scopes::ALL);
        assert_eq!(read(&["write", "read", "read"]), Ok(Scopes::READ | Scopes::WRITE));
        for bad in [&[][..], &["everything"], &["read", ""]] {
            assert_eq!(read(bad).expect_err("bad").field.as_deref(), Some("scopes"));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(Scopes::ALL.contains(Scopes::READ | Scopes::ADMIN));
        assert!(!Scopes::READ.contains(Scopes::READ | Scopes::WRITE));
        let missing = (Scopes::READ | Scopes::ACCOUNT).without(Scopes::READ);
        assert_eq!(missing.names().collect::<Vec<_>>(), ["account"]);
    }
}
