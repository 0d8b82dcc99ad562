//! Categories: the headings that a guild's channels stand under.

use madang_storage::model::{Category, CategoryId, Fact, GuildId, Permissions};
use schemars::JsonSchema;
use serde::Serialize;

use super::moderation::require;
use super::places::GuildCopy;
use super::rooms::{MAX_POSITION, within};
use super::view::CategoryView;
use super::{Chat, Code, Error, Identity, Result, names};

/// How many headings a guild may have.
pub const MAX_CATEGORIES: usize = 50;

/// What is to be changed about a heading; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct CategoryChanges {
    /// Its name.
    pub name: Option<String>,
    /// Its place: lower ones come first.
    pub position: Option<u64>,
}

/// All headings of a guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Categories {
    /// From top to bottom.
    pub categories: Vec<CategoryView>,
}

impl Chat {
    /// A guild's headings, for its members.
    pub async fn categories(&self, identity: &Identity, guild: GuildId) -> Result<Categories> {
        self.guild_access(identity, guild).await?;
        self.renew_guild(guild).await?;
        let look = |copy: &GuildCopy| -> Vec<CategoryView> {
            let view = |(id, category): (&CategoryId, &Category)| CategoryView::new(*id, category);
            copy.categories().iter().map(view).collect()
        };
        let mut categories = self.look_at_guild(guild, look).await?;
        categories.sort_by_key(|category| (category.position, category.id));
        Ok(Categories { categories })
    }

    /// Makes a heading, below all others if nothing else is said.
    pub async fn create_category(
        &self,
        identity: &Identity,
        guild: GuildId,
        changes: CategoryChanges,
    ) -> Result<CategoryView> {
        let Some(name) = changes.name else {
            return Err(Error::missing("name"));
        };
        let name = names::title("name", &name)?.shown;
        let position = within("position", changes.position, MAX_POSITION)?;
        let id = CategoryId::from_u128(self.env().next_id());
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::MANAGE_CHANNELS)?;
            if copy.categories().len() >= MAX_CATEGORIES {
                let text = format!("a guild has at most {MAX_CATEGORIES} categories");
                return Err(Error::new(Code::TooMany, text));
            }
            let category = Category {
                name: name.clone(),
                position: position.unwrap_or_else(|| below_all(copy)),
            };
            Ok(Fact::CategoryChanged { id, category }.into())
        })
        .await?;
        self.category(guild, id).await
    }

    /// Changes a heading.
    pub async fn change_category(
        &self,
        identity: &Identity,
        guild: GuildId,
        id: CategoryId,
        changes: CategoryChanges,
    ) -> Result<CategoryView> {
        let name = changes.name.as_deref();
        let name = name.map(|name| names::title("name", name)).transpose()?;
        let position = within("position", changes.position, MAX_POSITION)?;
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::MANAGE_CHANNELS)?;
            let present = copy.categories().get(&id).ok_or_else(Error::not_found)?;
            let category = Category {
                name: name.as_ref().map_or(&present.name, |name| &name.shown).clone(),
                position: position.unwrap_or(present.position),
            };
            if category == *present {
                return Ok(None);
            }
            Ok(Fact::CategoryChanged { id, category }.into())
        })
        .await?;
        self.category(guild, id).await
    }

    /// Deletes a heading. Channels that stood under it stand under none.
    pub async fn delete_category(&self, identity: &Identity, guild: GuildId, id: CategoryId) -> Result<()> {
        self.change_guild(identity, guild, None, |copy| {
            require(copy, identity.user, Permissions::MANAGE_CHANNELS)?;
            if !copy.categories().contains_key(&id) {
                return Err(Error::not_found());
            }
            Ok(Fact::CategoryDeleted { id }.into())
        })
        .await
        .map(|_| ())
    }

    /// Refuses a heading that the guild does not have.
    pub(super) async fn check_category(&self, guild: GuildId, id: CategoryId) -> Result<()> {
        let is_known = |copy: &GuildCopy| copy.categories().contains_key(&id);
        if self.look_at_guild(guild, is_known).await? {
            return Ok(());
        }
        Err(Error::invalid("category", "the guild has no such category"))
    }

    async fn category(&self, guild: GuildId, id: CategoryId) -> Result<CategoryView> {
        let look = |copy: &GuildCopy| {
            let category = copy.categories().get(&id)?;
            Some(CategoryView::new(id, category))
        };
        self.look_at_guild(guild, look)
            .await?
            .ok_or_else(Error::not_found)
    }
}

fn below_all(copy: &GuildCopy) -> u32 {
    let lowest = copy.categories().values().map(|category| category.position).max();
    let most = u32::try_from(MAX_POSITION).unwrap_or(u32::MAX);
    lowest.map_or(0, |lowest| lowest.saturating_add(1).min(most))
}
