//! A guild in memory: what decides who may do what.

use std::collections::HashMap;

use madang_storage::model::{Commit, Fact, Member, UserId};

/// A guild as of one of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GuildCopy {
    rev: u64,
    owner: UserId,
    members: HashMap<UserId, Member>,
}

impl GuildCopy {
    /// A guild without members.
    pub(super) fn new(rev: u64, owner: UserId) -> Self {
        Self {
            rev,
            owner,
            members: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, user: UserId, member: Member) {
        self.members.insert(user, member);
    }

    /// Takes the guild's next event. One that it has is passed over, and so is one that comes too early: whoever holds
    /// the copy knows that something is missing.
    pub(super) fn apply(&mut self, commit: &Commit) {
        let event = &commit.event;
        if event.rev() != self.rev + 1 {
            return;
        }
        self.rev = event.rev();
        if let Fact::MemberJoined { user } = event.fact {
            let member = Member {
                joined_at: event.at(),
            };
            self.members.insert(user, member);
        }
    }

    /// The newest event that is in here.
    pub(crate) fn rev(&self) -> u64 {
        self.rev
    }

    /// Who owns the guild.
    pub(crate) fn owner(&self) -> UserId {
        self.owner
    }

    /// Whether somebody is a member.
    pub(crate) fn has_member(&self, user: UserId) -> bool {
        self.members.contains_key(&user)
    }
}
