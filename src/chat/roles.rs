//! Roles: what members are, and what that allows.

use madang_storage::model::{BuiltInRole, Fact, GuildId, Permissions, Role, RoleId, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use super::moderation::{may_give, require};
use super::once::same;
use super::places::{GuildCopy, Rank};
use super::view::RoleView;
use super::{Chat, Code, Error, Identity, Once, Result, names};

/// How many roles a guild may have.
const MAX_ROLES: usize = 250;
/// The highest place of a role that a guild makes: built-in administrators stand above all of them.
const MAX_POSITION: u64 = Role::ADMINISTRATOR_POSITION as u64 - 1;

/// What is to be changed about a role; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct RoleChanges {
    /// The name.
    pub name: Option<String>,
    /// The names of what it allows.
    pub permissions: Option<Vec<String>>,
    /// Who stands above whom.
    pub position: Option<u64>,
    /// A colour; `Some(None)` for none.
    pub colour: Option<Option<u32>>,
    /// Whether every member may mention it.
    pub is_mentionable: Option<bool>,
}

/// All roles of a guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Roles {
    /// The highest first.
    pub roles: Vec<RoleView>,
}

impl Chat {
    /// A guild's roles, for its members.
    pub async fn roles(&self, identity: &Identity, guild: GuildId) -> Result<Roles> {
        self.guild_access(identity, guild).await?;
        self.renew_guild(guild).await?;
        let look = |copy: &GuildCopy| -> Vec<RoleView> {
            copy.roles()
                .iter()
                .map(|(id, role)| RoleView::new(*id, role))
                .collect()
        };
        let mut roles = self.look_at_guild(guild, look).await?;
        roles.sort_by_key(|role| (std::cmp::Reverse(role.position), role.id));
        Ok(Roles { roles })
    }

    /// Makes a role. It allows nothing that its maker may not do, and stands below its maker.
    pub async fn create_role(
        &self,
        identity: &Identity,
        once: &Once,
        guild: GuildId,
        changes: RoleChanges,
    ) -> Result<RoleView> {
        if changes.name.is_none() {
            return Err(Error::new(Code::MissingField, "a role needs a name").about("name"));
        }
        let id = RoleId::from_u128(self.new_id(identity, once, &format!("role of {guild}")));
        let blank = Role {
            name: String::new(),
            permissions: Permissions::NONE,
            position: 1,
            colour: None,
            is_mentionable: false,
            built_in: None,
        };
        let role = changed(blank, &changes)?;
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::MANAGE_ROLES)?;
            if let Some(present) = copy.role(id) {
                same(*present == role)?;
                return Ok(None);
            }
            if copy.roles().len() >= MAX_ROLES {
                let text = format!("a guild has at most {MAX_ROLES} roles");
                return Err(Error::new(Code::TooMany, text));
            }
            within_own(copy, identity.user, &role)?;
            Ok(Fact::RoleChanged {
                id,
                role: role.clone(),
            }
            .into())
        })
        .await?;
        Ok(RoleView::new(id, &role))
    }

    /// Changes a role that stands below oneself. Of the roles that every guild has only what everybody may do can be
    /// changed.
    pub async fn change_role(
        &self,
        identity: &Identity,
        guild: GuildId,
        id: RoleId,
        changes: RoleChanges,
    ) -> Result<RoleView> {
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::MANAGE_ROLES)?;
            let present = copy.role(id).ok_or_else(Error::not_found)?;
            let role = changed(present.clone(), &changes)?;
            match present.built_in {
                None => may_give(copy, identity.user, id)?,
                Some(BuiltInRole::Member) if only_permissions(&changes) => {}
                Some(_) => {
                    let text = "this role is the same in every guild";
                    return Err(Error::new(Code::Forbidden, text));
                }
            }
            within_own(copy, identity.user, &role)?;
            if role == *present {
                return Ok(None);
            }
            Ok(Fact::RoleChanged { id, role }.into())
        })
        .await?;
        let look = |copy: &GuildCopy| copy.role(id).map(|role| RoleView::new(id, role));
        self.look_at_guild(guild, look)
            .await?
            .ok_or_else(Error::not_found)
    }

    /// Takes a role away from the guild, and from everybody who has it.
    pub async fn delete_role(&self, identity: &Identity, guild: GuildId, id: RoleId) -> Result<()> {
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::MANAGE_ROLES)?;
            let present = copy.role(id).ok_or_else(Error::not_found)?;
            if present.built_in.is_some() {
                return Err(Error::new(Code::Forbidden, "every guild has this role"));
            }
            may_give(copy, identity.user, id)?;
            Ok(Fact::RoleDeleted { id }.into())
        })
        .await
        .map(|_| ())
    }
}

fn only_permissions(changes: &RoleChanges) -> bool {
    changes.name.is_none()
        && changes.position.is_none()
        && changes.colour.is_none()
        && changes.is_mentionable.is_none()
}

/// The role with the changes.
fn changed(mut role: Role, changes: &RoleChanges) -> Result<Role> {
    if let Some(name) = &changes.name {
        role.name = names::title("name", name)?.shown;
    }
    if let Some(names) = &changes.permissions {
        role.permissions = permissions("permissions", names)?;
    }
    if let Some(position) = changes.position {
        let place = u32::try_from(position)
            .ok()
            .filter(|_| (1..=MAX_POSITION).contains(&position));
        let wrong = || Error::invalid("position", format!("a role stands at 1 to {MAX_POSITION}"));
        role.position = place.ok_or_else(wrong)?;
    }
    if let Some(colour) = changes.colour {
        role.colour = colour;
    }
    if let Some(is_mentionable) = changes.is_mentionable {
        role.is_mentionable = is_mentionable;
    }
    Ok(role)
}

/// Rights by their names.
pub(super) fn permissions(field: &'static str, names: &[String]) -> Result<Permissions> {
    names.iter().try_fold(Permissions::NONE, |held, name| {
        let unknown = || Error::invalid(field, format!("there is no permission {name:?}"));
        Ok(held | Permissions::named(name).ok_or_else(unknown)?)
    })
}

/// Refuses a role that stands at least as high as its maker, or allows what its maker may not do.
fn within_own(copy: &GuildCopy, user: UserId, role: &Role) -> Result<()> {
    let held = copy.permissions(user).ok_or_else(Error::not_found)?;
    if !held.contains(role.permissions) {
        let lacking: Vec<&str> = role.permissions.without(held).names().collect();
        let text = format!("you cannot give what you do not have: {}", lacking.join(", "));
        return Err(Error::new(Code::Forbidden, text).about("permissions"));
    }
    if copy.rank(user) <= Some(Rank::Role(role.position)) {
        let text = "a role that you make or change stands below your own";
        return Err(Error::new(Code::Forbidden, text).about("position"));
    }
    Ok(())
}
