//! What a guild's history must keep, whoever raced with whom: everything in it was allowed at that very moment.
//!
//! The rules are told here once more, slowly, from the events alone: a guild as it stood after each of them.

use std::collections::{BTreeMap, BTreeSet};

use madang_storage::model::{BuiltInRole, Event, Fact, GuildId, Member, Permissions, Role, RoleId, UserId};

use super::check::Violation;

/// A guild as it stood after one of its events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    owner: Option<UserId>,
    members: BTreeMap<UserId, Member>,
    roles: BTreeMap<RoleId, Role>,
    banned: BTreeSet<UserId>,
}

impl Standing {
    pub(crate) fn is_member(&self, user: UserId) -> bool {
        self.members.contains_key(&user)
    }

    pub(crate) fn is_banned(&self, user: UserId) -> bool {
        self.banned.contains(&user)
    }

    fn may(&self, user: UserId, needed: Permissions) -> bool {
        let Some(member) = self.members.get(&user) else {
            return false;
        };
        let everybody = |role: &&Role| role.built_in == Some(BuiltInRole::Member);
        let own = member.roles.iter().filter_map(|id| self.roles.get(id));
        let held = own
            .chain(self.roles.values().filter(everybody))
            .fold(Permissions::NONE, |held, role| held | role.permissions);
        self.owner == Some(user) || held.contains(Permissions::ADMINISTRATOR) || held.contains(needed)
    }

    /// How high somebody stands; the owner above all.
    fn place(&self, user: UserId) -> u32 {
        if self.owner == Some(user) {
            return u32::MAX;
        }
        let roles = self.members.get(&user).map(|member| &member.roles[..]);
        let places = roles
            .unwrap_or_default()
            .iter()
            .filter_map(|id| self.roles.get(id));
        places.map(|role| role.position).max().unwrap_or(0)
    }

    fn stands_above(&self, actor: UserId, target: UserId) -> bool {
        !self.is_member(target) || self.place(actor) > self.place(target)
    }

    fn is_below(&self, actor: UserId, role: RoleId) -> bool {
        self.roles
            .get(&role)
            .is_none_or(|role| role.position < self.place(actor))
    }

    /// What is wrong with an event that comes next.
    fn objection(&self, actor: UserId, fact: &Fact) -> Option<&'static str> {
        let may = |needed| self.may(actor, needed);
        match fact {
            Fact::GuildChanged { guild } if Some(guild.owner) != self.owner => {
                if self.owner != Some(actor) {
                    return Some("gives away what is another one's");
                }
                (!self.is_member(guild.owner)).then_some("gives the guild to somebody who has left")
            }
            Fact::MemberJoined { user } => self.is_banned(*user).then_some("joins and is banned"),
            Fact::MemberLeft {
                user,
                kicked_by: None,
            } => (self.owner == Some(*user)).then_some("leaves the guild without an owner"),
            Fact::MemberLeft {
                user,
                kicked_by: Some(_),
            } => (!may(Permissions::KICK) || !self.stands_above(actor, *user))
                .then_some("kicks without the right"),
            Fact::MemberBanned { user, .. } => (!may(Permissions::BAN) || !self.stands_above(actor, *user))
                .then_some("bans without the right"),
            Fact::BanLifted { .. } => (!may(Permissions::BAN)).then_some("lifts a ban without the right"),
            Fact::MemberChanged { user, member } => {
                let before = self.members.get(user).map(|member| &member.roles[..]);
                let before = before.unwrap_or_default();
                let given = member.roles.iter().filter(|role| !before.contains(role));
                let taken = before.iter().filter(|role| !member.roles.contains(role));
                let is_allowed = self.is_member(*user)
                    && may(Permissions::MANAGE_ROLES)
                    && (actor == *user || self.stands_above(actor, *user))
                    && given.chain(taken).all(|role| self.is_below(actor, *role));
                (!is_allowed).then_some("gives or takes a role without the right")
            }
            Fact::RoleChanged { id, .. } | Fact::RoleDeleted { id } => {
                let is_allowed = may(Permissions::MANAGE_ROLES) && self.is_below(actor, *id);
                (!is_allowed).then_some("changes a role without the right")
            }
            _ => None,
        }
    }

    fn apply(&mut self, guild: GuildId, event: &Event) {
        match &event.fact {
            Fact::GuildCreated { owner, .. } => {
                self.owner = Some(*owner);
                self.roles.extend(Role::built_in_of(guild));
                self.members.insert(*owner, Member::new(event.at()));
            }
            Fact::GuildChanged { guild } => self.owner = Some(guild.owner),
            Fact::MemberJoined { user } => {
                self.members.insert(*user, Member::new(event.at()));
            }
            Fact::MemberChanged { user, member } => {
                self.members.insert(*user, member.clone());
            }
            Fact::MemberLeft { user, .. } => {
                self.members.remove(user);
            }
            Fact::MemberBanned { user, .. } => {
                self.members.remove(user);
                self.banned.insert(*user);
            }
            Fact::BanLifted { user } => {
                self.banned.remove(user);
            }
            Fact::RoleChanged { id, role } => {
                self.roles.insert(*id, role.clone());
            }
            Fact::RoleDeleted { id } => {
                self.roles.remove(id);
            }
            _ => {}
        }
    }
}

/// A guild's events: what was not allowed when it happened, and how the guild stood after each, beginning with nothing.
pub(crate) fn check_guild(guild: GuildId, events: &[Event]) -> (Vec<Violation>, Vec<Standing>) {
    let mut standings = vec![Standing::default()];
    let mut violations = Vec::new();
    for event in events {
        let mut standing = standings.last().cloned().unwrap_or_default();
        // What nobody did is how the world was set up.
        if let Some(objection) = event
            .actor
            .and_then(|actor| standing.objection(actor, &event.fact))
        {
            violations.push(Violation(format!("{event:?} {objection}")));
        }
        standing.apply(guild, event);
        let is_owned = standing.owner.is_some_and(|owner| standing.is_member(owner));
        if !is_owned {
            violations.push(Violation(format!("after {event:?} the owner is no member")));
        }
        standings.push(standing);
    }
    (violations, standings)
}

/// A channel's events, each judged by the guild as it stood where the event says that its author was judged; or one event
/// later: the rows of an event may be seen before its stream is said to be there, and before anybody is told that it was
/// done.
pub(crate) fn check_channel(standings: &[Standing], events: &[Event]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let (mut authors, mut deleted) = (BTreeMap::new(), BTreeSet::new());
    for event in events {
        let Some(actor) = event.actor else { continue };
        let rev = usize::try_from(event.access_rev).unwrap_or(usize::MAX);
        let mut judged = standings.iter().skip(rev).take(2);
        let seq = event.fact.message_seq(&event.head);
        let needed = match &event.fact {
            Fact::MessagePosted { author, .. } => {
                authors.extend(seq.map(|seq| (seq, *author)));
                Permissions::VIEW | Permissions::POST
            }
            Fact::MessageEdited { seq, .. } if authors.get(seq) != Some(&actor) => {
                violations.push(Violation(format!("{event:?} is of another one's message")));
                Permissions::VIEW
            }
            Fact::MessageDeleted { seq, .. } if authors.get(seq) != Some(&actor) => {
                Permissions::MANAGE_MESSAGES
            }
            Fact::RoomChanged { .. } | Fact::RoomAccessChanged { .. } | Fact::RoomDeleted { .. } => {
                Permissions::MANAGE_CHANNELS
            }
            _ => Permissions::VIEW,
        };
        if !judged.any(|standing| standing.may(actor, needed)) {
            violations.push(Violation(format!(
                "{event:?} was not allowed where it was judged"
            )));
        }
        if seq.is_some_and(|seq| deleted.contains(&seq)) {
            violations.push(Violation(format!("{event:?} is of a deleted message")));
        }
        if let Fact::MessageDeleted { seq, .. } = &event.fact {
            deleted.insert(*seq);
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use madang_storage::model::{EventId, Guild, Head, RoomId, StreamId, Timestamp};

    use super::*;

    const GUILD: GuildId = GuildId::from_u128(1);

    fn user(number: u128) -> UserId {
        UserId::from_u128(number)
    }

    fn event(stream: StreamId, rev: u64, access_rev: u64, actor: Option<u128>, fact: Fact) -> Event {
        Event {
            id: EventId::from_u128(rev.into()),
            stream,
            head: Head {
                rev,
                seq: rev,
                ..Head::default()
            },
            actor: actor.map(user),
            access_rev,
            nonce: None,
            fact,
            sealed: None,
        }
    }

    /// A guild of user 1, in which 2 and 3 are, and what comes then.
    fn guild(more: Vec<(u128, Fact)>) -> (Vec<Violation>, Vec<Standing>) {
        let name = "guild".to_owned();
        let mut facts = vec![(None, Fact::GuildCreated { name, owner: user(1) })];
        facts.extend([2, 3].map(|number| (None, Fact::MemberJoined { user: user(number) })));
        facts.extend(more.into_iter().map(|(actor, fact)| (Some(actor), fact)));
        let event = |(place, (actor, fact)): (usize, (Option<u128>, Fact))| {
            event(StreamId::Guild(GUILD), place as u64 + 1, 0, actor, fact)
        };
        let events: Vec<Event> = facts.into_iter().enumerate().map(event).collect();
        check_guild(GUILD, &events)
    }

    fn to(owner: u128) -> Fact {
        let guild = Guild::new("guild".to_owned(), user(owner), Timestamp::from_millis(0));
        Fact::GuildChanged { guild }
    }

    fn left(number: u128, by: Option<u128>) -> Fact {
        Fact::MemberLeft {
            user: user(number),
            kicked_by: by.map(user),
        }
    }

    fn banned(number: u128, by: u128) -> Fact {
        Fact::MemberBanned {
            user: user(number),
            by: user(by),
        }
    }

    fn moderator(number: u128) -> Fact {
        let [_, (role, _), _] = Role::built_in_of(GUILD);
        let member = Member {
            roles: vec![role],
            ..Member::new(Timestamp::from_millis(0))
        };
        Fact::MemberChanged {
            user: user(number),
            member,
        }
    }

    #[test]
    fn what_is_allowed_passes() {
        let done = vec![
            (1, moderator(2)),
            (2, left(3, Some(2))),
            (1, to(2)),
            (1, left(1, None)),
            (2, banned(3, 2)),
        ];
        assert_eq!(guild(done).0, vec![]);
    }

    #[test]
    fn what_is_not_allowed_is_found() {
        let wrong: Vec<Vec<(u128, Fact)>> = vec![
            vec![(2, to(2))],
            vec![(2, left(2, None)), (1, to(2))],
            vec![(1, left(1, None))],
            vec![(2, left(3, Some(2)))],
            vec![(1, moderator(2)), (1, moderator(3)), (2, left(3, Some(2)))],
            vec![(2, banned(3, 2))],
            vec![(1, banned(3, 1)), (3, Fact::MemberJoined { user: user(3) })],
            vec![(2, moderator(3))],
            vec![(1, moderator(2)), (2, moderator(3))],
        ];
        for done in wrong {
            assert!(!guild(done.clone()).0.is_empty(), "{done:?}");
        }
    }

    #[test]
    fn what_is_not_allowed_in_a_channel_is_found() {
        let (_, standings) = guild(vec![(1, left(3, Some(1)))]);
        let room = StreamId::Room(RoomId::from_u128(9));
        let post = |rev, access_rev, author: u128| {
            event(
                room,
                rev,
                access_rev,
                Some(author),
                Fact::posted(user(author), "x"),
            )
        };
        let edit = |rev, seq, author: u128| {
            let text = "y".to_owned();
            event(
                room,
                rev,
                4,
                Some(author),
                Fact::MessageEdited {
                    seq,
                    text,
                    keeps: false,
                },
            )
        };
        let delete =
            |rev, seq, by: u128| event(room, rev, 4, Some(by), Fact::MessageDeleted { seq, by: user(by) });
        let check = |events: &[Event]| check_channel(&standings, events).len();
        assert_eq!(
            check(&[post(1, 3, 3), post(2, 4, 2), edit(3, 2, 2), delete(4, 1, 1)]),
            0
        );
        let wrong = [
            vec![post(1, 4, 3)],
            vec![post(1, 0, 2)],
            vec![post(1, 9, 2)],
            vec![post(1, 3, 2), edit(2, 1, 1)],
            vec![post(1, 3, 3), delete(2, 1, 2)],
            vec![post(1, 3, 2), delete(2, 1, 2), edit(3, 1, 2)],
        ];
        for events in wrong {
            assert!(check(&events) > 0, "{events:?}");
        }
    }
}
