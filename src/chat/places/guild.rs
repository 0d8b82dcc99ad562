//! A guild in memory: what decides who may do what.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use madang_storage::model::{
    Category, CategoryId, Commit, Fact, Guild, GuildId, Member, Permissions, Role, RoleId, Row, RowKey,
    RowPrefix, StreamId, UserId,
};
use madang_storage::{MAX_ROWS_PER_PAGE, Store};

use super::kept::Copied;
use super::rights::{self, Rank};
use crate::chat::{Error, Result};

/// A guild as of one of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GuildCopy {
    id: GuildId,
    rev: u64,
    guild: Guild,
    roles: BTreeMap<RoleId, Role>,
    members: HashMap<UserId, Member>,
    categories: BTreeMap<CategoryId, Category>,
}

#[async_trait]
impl Copied for GuildCopy {
    async fn read(stream: StreamId, store: &Store) -> Result<Self> {
        let StreamId::Guild(id) = stream else {
            return Err(Error::not_found());
        };
        let head = store.head(stream).await?;
        let guild = store.guild(id).await?.ok_or_else(Error::not_found)?;
        let mut copy = Self {
            id,
            rev: head.rev,
            guild,
            roles: BTreeMap::new(),
            members: HashMap::new(),
            categories: BTreeMap::new(),
        };
        let lists = [
            RowPrefix::RolesOf(id),
            RowPrefix::MembersOf(id),
            RowPrefix::CategoriesOf(id),
        ];
        for prefix in lists {
            copy.read_list(&prefix, store).await?;
        }
        copy.forget_roles();
        Ok(copy)
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn apply(&mut self, commit: &Commit) {
        let event = &commit.event;
        self.rev = event.rev();
        match &event.fact {
            Fact::GuildChanged { guild } => self.guild = guild.clone(),
            Fact::GuildDeleted { .. } => self.guild.deleted_at = Some(event.at()),
            Fact::MemberJoined { user } => {
                self.members.insert(*user, Member::new(event.at()));
            }
            Fact::MemberChanged { user, member } => {
                self.members.insert(*user, member.clone());
            }
            Fact::MemberLeft { user, .. } | Fact::MemberBanned { user, .. } => {
                self.members.remove(user);
            }
            Fact::RoleChanged { id, role } => {
                self.roles.insert(*id, role.clone());
            }
            Fact::RoleDeleted { id } => {
                self.roles.remove(id);
                self.forget_roles();
            }
            Fact::CategoryChanged { id, category } => {
                self.categories.insert(*id, category.clone());
            }
            Fact::CategoryDeleted { id } => {
                self.categories.remove(id);
            }
            _ => {}
        }
    }
}

impl GuildCopy {
    /// Rows of members still name roles that were deleted.
    fn forget_roles(&mut self) {
        let Self { roles, members, .. } = self;
        for member in members.values_mut() {
            member.roles.retain(|role| roles.contains_key(role));
        }
    }

    async fn read_list(&mut self, prefix: &RowPrefix, store: &Store) -> Result<()> {
        let mut after = None;
        loop {
            let page = store.list_rows(prefix, after.as_ref(), MAX_ROWS_PER_PAGE).await?;
            for (key, row) in &page.rows {
                match (key, row) {
                    (RowKey::Role { role: id, .. }, Row::Role(role)) => {
                        self.roles.insert(*id, role.clone());
                    }
                    (RowKey::Member { user, .. }, Row::Member(member)) => {
                        self.members.insert(*user, member.clone());
                    }
                    (RowKey::Category { category: id, .. }, Row::Category(category)) => {
                        self.categories.insert(*id, category.clone());
                    }
                    _ => {}
                }
            }
            match page.rows.into_iter().next_back() {
                Some((key, _)) if page.more => after = Some(key),
                _ => return Ok(()),
            }
        }
    }

    /// The newest event that is in here.
    pub(crate) fn rev(&self) -> u64 {
        self.rev
    }

    /// The guild, unless it was deleted.
    pub(crate) fn guild(&self) -> Option<&Guild> {
        Some(&self.guild).filter(|guild| guild.deleted_at.is_none())
    }

    /// The role that everybody has.
    pub(crate) fn everybody(&self) -> RoleId {
        RoleId::from_u128(self.id.as_u128())
    }

    /// A member, unless the guild was deleted.
    pub(crate) fn member(&self, user: UserId) -> Option<&Member> {
        self.guild()?;
        self.members.get(&user)
    }

    /// All roles by their ids.
    pub(crate) fn roles(&self) -> &BTreeMap<RoleId, Role> {
        &self.roles
    }

    /// A role.
    pub(crate) fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.get(&id)
    }

    /// All headings by their ids.
    pub(crate) fn categories(&self) -> &BTreeMap<CategoryId, Category> {
        &self.categories
    }

    /// What a member may do in the guild as a whole; `None` for somebody who is none.
    pub(crate) fn permissions(&self, user: UserId) -> Option<Permissions> {
        let member = self.member(user)?;
        Some(rights::in_guild(
            self.guild.owner == user,
            self.everybody(),
            member,
            &self.roles,
        ))
    }

    /// How high a member stands.
    pub(crate) fn rank(&self, user: UserId) -> Option<Rank> {
        let member = self.member(user)?;
        Some(rights::rank(self.guild.owner == user, member, &self.roles))
    }
}
