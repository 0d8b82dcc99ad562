//! What changed, in words for the audit: the fields that are different, before and after.

use std::collections::BTreeMap;

use madang_storage::model::{
    Category, Draft, Fact, Guild, Member, OverrideTarget, Role, Room, Sealed, UserId,
};

use crate::chat::changes::Why;
use crate::chat::places::GuildCopy;

/// What the sealed part of a ban has where the banned person was a member.
pub(in crate::chat) const WAS_MEMBER: &str = "was_member";

type Details = BTreeMap<String, String>;
type Shown = Vec<(&'static str, String)>;

/// A fact that the audit finds, with what there is to know of it.
pub(in crate::chat) fn audited(fact: Fact, details: Details) -> Draft {
    Draft {
        fact,
        sealed: Some(Why::default().sealed(details)),
    }
}

/// What a fact changes about a guild.
pub(in crate::chat) fn of_guild(copy: &GuildCopy, fact: &Fact) -> Details {
    match fact {
        Fact::GuildChanged { guild } => between(
            &copy.guild().map(guild_shown).unwrap_or_default(),
            &guild_shown(guild),
        ),
        Fact::GuildDeleted { guild } => between(&guild_shown(guild), &[]),
        Fact::MemberChanged { user, member } => {
            let before = copy.member(*user).map(member_shown).unwrap_or_default();
            between(&before, &member_shown(member))
        }
        Fact::MemberBanned { user, .. } if copy.member(*user).is_some() => {
            Details::from([(WAS_MEMBER.to_owned(), "true".to_owned())])
        }
        Fact::RoleChanged { id, role } => {
            let before = copy.role(*id).map(role_shown).unwrap_or_default();
            between(&before, &role_shown(role))
        }
        Fact::RoleDeleted { id } => between(&copy.role(*id).map(role_shown).unwrap_or_default(), &[]),
        Fact::CategoryChanged { id, category } => {
            let before = copy.categories().get(id).map(category_shown).unwrap_or_default();
            between(&before, &category_shown(category))
        }
        Fact::CategoryDeleted { id } => {
            let before = copy.categories().get(id).map(category_shown).unwrap_or_default();
            between(&before, &[])
        }
        _ => Details::new(),
    }
}

/// What a fact changes about a room.
pub(in crate::chat) fn of_room(before: Option<&Room>, fact: &Fact) -> Details {
    let before = before.map(room_shown).unwrap_or_default();
    match fact {
        Fact::RoomCreated { room, .. } | Fact::RoomChanged { room } | Fact::RoomAccessChanged { room } => {
            between(&before, &room_shown(room))
        }
        Fact::RoomDeleted { .. } => between(&before, &[]),
        _ => Details::new(),
    }
}

/// What the audit reads of a message that somebody else deleted; nothing where no guild decides.
pub(in crate::chat) fn of_deletion(room: &Room, why: &Why) -> Option<Sealed> {
    let guild = room.kind.guild()?;
    // The fact itself does not say which guild the room belongs to.
    Some(why.sealed(Details::from([(Sealed::GUILD.to_owned(), guild.to_string())])))
}

/// The same, when it is known whose message it is.
pub(in crate::chat) fn of_whose(sealed: Option<Sealed>, author: UserId) -> Option<Sealed> {
    sealed.map(|mut sealed| {
        sealed.details.insert("author".to_owned(), author.to_string());
        sealed
    })
}

/// Only what differs. Fields that are not there count as empty.
fn between(before: &[(&'static str, String)], after: &[(&'static str, String)]) -> Details {
    let value = |fields: &[(&'static str, String)], name: &str| {
        let found = fields.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let mut details = Details::new();
    for (name, _) in before.iter().chain(after) {
        let (old, new) = (value(before, name), value(after, name));
        if old == new {
            continue;
        }
        for (when, value) in [("before", old), ("after", new)] {
            if !value.is_empty() {
                details.insert(format!("{when}.{name}"), value);
            }
        }
    }
    details
}

fn guild_shown(guild: &Guild) -> Shown {
    vec![
        ("name", guild.name.clone()),
        ("description", guild.description.clone()),
        ("owner", guild.owner.to_string()),
        ("is_public", guild.is_public.to_string()),
        (
            "welcome_room",
            guild
                .welcome_room
                .map(|room| room.to_string())
                .unwrap_or_default(),
        ),
    ]
}

fn member_shown(member: &Member) -> Shown {
    let roles: Vec<String> = member.roles.iter().map(ToString::to_string).collect();
    vec![
        ("nickname", member.nickname.clone().unwrap_or_default()),
        ("roles", roles.join(" ")),
    ]
}

fn role_shown(role: &Role) -> Shown {
    let permissions: Vec<&str> = role.permissions.names().collect();
    let colour = role.colour.map(|colour| format!("#{colour:06x}"));
    vec![
        ("name", role.name.clone()),
        ("permissions", permissions.join(" ")),
        ("position", role.position.to_string()),
        ("colour", colour.unwrap_or_default()),
        ("is_mentionable", role.is_mentionable.to_string()),
    ]
}

fn category_shown(category: &Category) -> Shown {
    vec![
        ("name", category.name.clone()),
        ("position", category.position.to_string()),
    ]
}

fn room_shown(room: &Room) -> Shown {
    let category = room.category.map(|category| category.to_string());
    let mut shown = vec![
        ("name", room.name.clone()),
        ("topic", room.topic.clone()),
        ("category", category.unwrap_or_default()),
        ("position", room.position.to_string()),
        ("slow_mode_seconds", room.slow_mode_seconds.to_string()),
        ("is_announcement", room.is_announcement.to_string()),
    ];
    let overrides: Vec<String> = room
        .overrides
        .iter()
        .map(|exception| {
            let target = match exception.target {
                OverrideTarget::Role(role) => format!("role {role}"),
                OverrideTarget::User(user) => format!("user {user}"),
            };
            let rights = exception.allow.names().map(|name| format!(" +{name}"));
            let lost = exception.deny.names().map(|name| format!(" -{name}"));
            rights.chain(lost).fold(target, |text, right| text + &right)
        })
        .collect();
    shown.push(("overrides", overrides.join(", ")));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use madang_storage::model::{GuildId, RoomKind};

    #[test]
    fn only_what_differs_is_told() {
        let kind = RoomKind::Channel {
            guild: GuildId::from_u128(1),
        };
        let before = Room::new(kind, "tea".to_owned(), "green".to_owned());
        let mut after = before.clone();
        after.name = "coffee".to_owned();
        let details = of_room(Some(&before), &Fact::RoomChanged { room: after });
        let expected = [("after.name", "coffee"), ("before.name", "tea")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(details, Details::from(expected));
        let gone = of_room(Some(&before), &Fact::RoomDeleted { room: before.clone() });
        assert_eq!(gone.get("before.name").map(String::as_str), Some("tea"));
        assert!(!gone.keys().any(|name| name.starts_with("after")));
    }
}
