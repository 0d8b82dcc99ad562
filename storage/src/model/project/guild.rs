//! What happens in a guild.

use super::{RowChange, put};
use crate::model::{Ban, Fact, Guild, GuildId, Member, Role, Row, RowKey, Timestamp, UserId};

/// The changes of a guild's fact; `None` for the fact of another kind of stream.
pub(super) fn project(guild: GuildId, fact: &Fact, at: Timestamp) -> Option<Vec<RowChange>> {
    Some(match fact {
        Fact::GuildCreated { name, owner } => {
            // A guild is whole from its first event on: it has its roles, and its owner is a member.
            let row = Guild::new(name.clone(), *owner, at);
            let mut changes = vec![put(RowKey::Guild(guild), Row::Guild(row))];
            let roles = Role::built_in_of(guild);
            changes.extend(roles.map(|(role, row)| put(RowKey::Role { guild, role }, Row::Role(row))));
            changes.extend(put_member(guild, *owner, &Member::new(at)));
            changes
        }
        Fact::GuildChanged { guild: row } => put_guild(guild, row.clone()),
        Fact::GuildDeleted { guild: row } => {
            let row = Guild {
                deleted_at: Some(at),
                ..row.clone()
            };
            put_guild(guild, row)
        }
        Fact::MemberJoined { user } => put_member(guild, *user, &Member::new(at)),
        Fact::MemberChanged { user, member } => put_member(guild, *user, member),
        Fact::MemberLeft { user, .. } => remove_member(guild, *user),
        Fact::MemberBanned { user, by } => {
            let mut changes = remove_member(guild, *user);
            let ban = Row::Ban(Ban { at, by: *by });
            changes.push(put(RowKey::Ban { guild, user: *user }, ban));
            changes
        }
        Fact::BanLifted { user } => vec![RowChange::Delete(RowKey::Ban { guild, user: *user })],
        Fact::RoleChanged { id, role } => {
            vec![put(RowKey::Role { guild, role: *id }, Row::Role(role.clone()))]
        }
        Fact::RoleDeleted { id } => vec![RowChange::Delete(RowKey::Role { guild, role: *id })],
        Fact::CategoryChanged { id, category } => {
            let key = RowKey::Category { guild, category: *id };
            vec![put(key, Row::Category(category.clone()))]
        }
        Fact::CategoryDeleted { id } => vec![RowChange::Delete(RowKey::Category { guild, category: *id })],
        _ => return None,
    })
}

/// The guild, and whether it is found among those that everybody may join.
fn put_guild(guild: GuildId, row: Guild) -> Vec<RowChange> {
    let found = RowKey::PublicGuild(guild);
    let found = if row.is_open() {
        put(found, Row::PublicGuild)
    } else {
        RowChange::Delete(found)
    };
    vec![found, put(RowKey::Guild(guild), Row::Guild(row))]
}

fn put_member(guild: GuildId, user: UserId, member: &Member) -> Vec<RowChange> {
    let row = Row::Member(member.clone());
    vec![
        put(RowKey::Member { guild, user }, row.clone()),
        put(RowKey::GuildOf { user, guild }, row),
    ]
}

fn remove_member(guild: GuildId, user: UserId) -> Vec<RowChange> {
    vec![
        RowChange::Delete(RowKey::Member { guild, user }),
        RowChange::Delete(RowKey::GuildOf { user, guild }),
    ]
}
