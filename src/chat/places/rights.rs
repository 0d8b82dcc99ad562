//! Who may do what: one function for guilds and one for rooms, and nothing else decides.
//!
//! - The owner, and whoever has the right `administrator`, may do everything everywhere.
//! - In a guild one has the rights of the role of everybody and of all roles that one has.
//! - In a room exceptions apply in this order, so that what is closer to the person wins: the role of everybody; then all
//!   other roles of the person together, where what any of them gives wins over what another takes; then the person.
//! - Whoever does not see a room has no right in it. Where only announcements are made, posting takes that right, in threads, too.

use std::collections::BTreeMap;

use madang_storage::model::{Member, Override, OverrideTarget, Permissions, Role, RoleId, UserId};

/// How high somebody stands in a guild. Nobody acts on somebody who is not lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The place of the person's highest role; 0 for those who have none.
    Role(u32),
    /// Nobody is higher.
    Owner,
}

/// What a member may do in a guild as a whole.
pub(super) fn in_guild(
    is_owner: bool,
    everybody: RoleId,
    member: &Member,
    roles: &BTreeMap<RoleId, Role>,
) -> Permissions {
    if is_owner {
        return Permissions::all();
    }
    let own = member.roles.iter().chain([&everybody]);
    let held = own
        .filter_map(|id| roles.get(id))
        .fold(Permissions::NONE, |held, role| held | role.permissions);
    if held.contains(Permissions::ADMINISTRATOR) {
        Permissions::all()
    } else {
        held
    }
}

/// What somebody may do in a room of the guild, given what the person may do in the guild.
pub(super) fn in_room(
    in_guild: Permissions,
    everybody: RoleId,
    user: UserId,
    member: &Member,
    overrides: &[Override],
    is_announcement: bool,
) -> Permissions {
    if in_guild.contains(Permissions::ADMINISTRATOR) {
        return Permissions::all();
    }
    let mut held = in_guild;
    for exception in overrides {
        if exception.target == OverrideTarget::Role(everybody) {
            held = held.without(exception.deny) | exception.allow;
        }
    }
    let (mut allow, mut deny) = (Permissions::NONE, Permissions::NONE);
    for exception in overrides {
        if let OverrideTarget::Role(role) = exception.target
            && role != everybody
            && member.roles.contains(&role)
        {
            allow = allow | exception.allow;
            deny = deny | exception.deny;
        }
    }
    held = held.without(deny) | allow;
    for exception in overrides {
        if exception.target == OverrideTarget::User(user) {
            held = held.without(exception.deny) | exception.allow;
        }
    }
    if !held.contains(Permissions::VIEW) {
        return Permissions::NONE;
    }
    if is_announcement && !held.contains(Permissions::ANNOUNCE) {
        held = held.without(Permissions::POST | Permissions::THREADS);
    }
    held
}

/// How high a member stands.
pub(super) fn rank(is_owner: bool, member: &Member, roles: &BTreeMap<RoleId, Role>) -> Rank {
    if is_owner {
        return Rank::Owner;
    }
    let places = member.roles.iter().filter_map(|id| roles.get(id));
    Rank::Role(places.map(|role| role.position).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use madang_storage::model::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const EVERYBODY: RoleId = RoleId::from_u128(1);
    const PERSON: UserId = UserId::from_u128(7);

    /// The same rules, slowly: each right by itself, asking who says something about it, the closest first.
    fn may(
        right: Permissions,
        is_owner: bool,
        member: &Member,
        roles: &BTreeMap<RoleId, Role>,
        overrides: &[Override],
        is_announcement: bool,
    ) -> bool {
        let own: Vec<RoleId> = member
            .roles
            .iter()
            .copied()
            .filter(|id| *id != EVERYBODY)
            .collect();
        let all: Vec<RoleId> = own.iter().copied().chain([EVERYBODY]).collect();
        let guild_gives = |right| {
            all.iter()
                .any(|id| roles.get(id).is_some_and(|role| role.permissions.contains(right)))
        };
        if is_owner || guild_gives(Permissions::ADMINISTRATOR) {
            return true;
        }
        let held = |right: Permissions| {
            let says = |target: OverrideTarget| {
                let exception = overrides.iter().find(|exception| exception.target == target)?;
                if exception.allow.contains(right) {
                    return Some(true);
                }
                exception.deny.contains(right).then_some(false)
            };
            if let Some(answer) = says(OverrideTarget::User(PERSON)) {
                return answer;
            }
            let of_roles: Vec<bool> = own
                .iter()
                .filter_map(|id| says(OverrideTarget::Role(*id)))
                .collect();
            if !of_roles.is_empty() {
                return of_roles.contains(&true);
            }
            says(OverrideTarget::Role(EVERYBODY)).unwrap_or_else(|| guild_gives(right))
        };
        if !held(Permissions::VIEW) {
            return false;
        }
        let posts = right == Permissions::POST || right == Permissions::THREADS;
        if posts && is_announcement && !held(Permissions::ANNOUNCE) {
            return false;
        }
        held(right)
    }

    fn permissions() -> impl Strategy<Value = Permissions> {
        let one = (0..Permissions::NAMED.len()).prop_map(|place| Permissions::NAMED[place].1);
        // Few rights at a time, so that exceptions matter; the right to do everything is rare.
        proptest::collection::vec(one, 0..6).prop_map(|rights| {
            rights
                .into_iter()
                .fold(Permissions::NONE, |held, right| held | right)
        })
    }

    fn role() -> impl Strategy<Value = Role> {
        (permissions(), 0..50_u32, 0..8_u32).prop_map(|(permissions, position, luck)| Role {
            name: "role".to_owned(),
            permissions: if luck == 0 {
                permissions
            } else {
                permissions.without(Permissions::ADMINISTRATOR)
            },
            position,
            colour: None,
            is_mentionable: false,
            built_in: None,
        })
    }

    fn overrides() -> impl Strategy<Value = Vec<Override>> {
        let target = prop_oneof![
            (1..6_u128).prop_map(|id| OverrideTarget::Role(RoleId::from_u128(id))),
            (6..9_u128).prop_map(|id| OverrideTarget::User(UserId::from_u128(id))),
        ];
        let sets = (permissions(), permissions());
        proptest::collection::btree_map(target, sets, 0..8).prop_map(|exceptions| {
            exceptions
                .into_iter()
                .map(|(target, (allow, deny))| Override {
                    target,
                    allow,
                    deny: deny.without(allow),
                })
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn rights_are_what_the_slow_rules_say(
            roles in proptest::collection::btree_map((1..6_u128).prop_map(RoleId::from_u128), role(), 0..5),
            own in proptest::collection::btree_set((2..6_u128).prop_map(RoleId::from_u128), 0..4),
            overrides in overrides(),
            is_owner in proptest::bool::weighted(0.05),
            is_announcement: bool,
        ) {
            let member = Member {
                roles: own.into_iter().collect(),
                ..Member::new(Timestamp::default())
            };
            let guild = in_guild(is_owner, EVERYBODY, &member, &roles);
            let room = in_room(guild, EVERYBODY, PERSON, &member, &overrides, is_announcement);
            for (name, right) in Permissions::NAMED {
                let slow = may(*right, is_owner, &member, &roles, &overrides, is_announcement);
                prop_assert_eq!(room.contains(*right), slow, "{} with {:?}", name, overrides);
            }
        }
    }

    #[test]
    fn the_owner_stands_above_all() {
        assert!(Rank::Owner > Rank::Role(u32::MAX));
        assert!(Rank::Role(1) > Rank::Role(0));
    }
}
