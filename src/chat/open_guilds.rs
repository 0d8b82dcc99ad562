//! Guilds that everybody may join.

use madang_storage::model::{Guild, GuildId, Row, RowKey, RowPrefix};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Chat, Identity, Result, list_limit};

/// A page of the guilds that everybody may join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpenGuilds {
    /// In the order of their ids.
    pub guilds: Vec<OpenGuild>,
    /// Whether there are more.
    pub more: bool,
}

/// What is told of such a guild to those who think about joining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpenGuild {
    /// Its id.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// What it is about; may be empty.
    pub description: String,
    /// Whether the asking user is in it already.
    pub is_member: bool,
}

impl Chat {
    /// A page of the guilds that everybody may join.
    pub async fn open_guilds(
        &self,
        identity: &Identity,
        after: Option<GuildId>,
        limit: Option<u64>,
    ) -> Result<OpenGuilds> {
        let limit = list_limit(limit)?;
        let after = after.map(RowKey::PublicGuild);
        let store = self.store();
        let page = store
            .list_rows(&RowPrefix::PublicGuilds, after.as_ref(), limit)
            .await?;
        let ids: Vec<GuildId> = page.rows.iter().filter_map(|(key, _)| guild_of(key)).collect();
        let rows: Vec<RowKey> = ids.iter().copied().map(RowKey::Guild).collect();
        let user = identity.user;
        let memberships: Vec<RowKey> = ids
            .iter()
            .map(|guild| RowKey::Member { guild: *guild, user })
            .collect();
        let (rows, memberships) = (store.rows(&rows).await?, store.rows(&memberships).await?);
        let found = ids.into_iter().zip(rows).zip(memberships);
        let guilds = found.filter_map(|((id, row), membership)| view(id, row, membership.is_some()));
        Ok(OpenGuilds {
            guilds: guilds.collect(),
            more: page.more,
        })
    }
}

const fn guild_of(key: &RowKey) -> Option<GuildId> {
    match key {
        RowKey::PublicGuild(guild) => Some(*guild),
        _ => None,
    }
}

/// A guild may have been closed since its place in the list was read.
fn view(id: GuildId, row: Option<Row>, is_member: bool) -> Option<OpenGuild> {
    let Some(Row::Guild(guild)) = row.filter(|row| matches!(row, Row::Guild(guild) if guild.is_open()))
    else {
        return None;
    };
    let Guild {
        name, description, ..
    } = guild;
    Some(OpenGuild {
        id,
        name,
        description,
        is_member,
    })
}
