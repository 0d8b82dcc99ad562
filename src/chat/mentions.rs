//! Whom a message calls: `<@user>`, `<@&role>`, `@everyone` and `@here` in its Markdown source, but not within code.
//!
//! Who is called is decided when the message is posted, and stands in its record. A text that calls somebody whom its author
//! may not call, or who does not see the room, stays as it is and calls nobody.

use std::collections::BTreeSet;
use std::str::FromStr;

use madang_storage::model::{GuildId, Mentions, Permissions, RoleId, Room, RoomKind, UserId};

use super::access::RoomAccess;
use super::places::{GuildCopy, RoomCopy};
use super::{Chat, Code, Error, Result};

/// What a text names, before it is known whether its author may.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    users: BTreeSet<UserId>,
    roles: BTreeSet<RoleId>,
    everyone: bool,
    here: bool,
}

impl Chat {
    /// Whom a text calls that somebody is about to post.
    pub(super) async fn mentions(&self, access: &RoomAccess, text: &str) -> Result<Mentions> {
        let named = named(text);
        if named == Named::default() {
            return Ok(Mentions::default());
        }
        if named.users.len() > Mentions::MAX_USERS {
            let text = format!(
                "a message mentions at most {} people by name",
                Mentions::MAX_USERS
            );
            return Err(too_many(text));
        }
        if named.roles.len() > Mentions::MAX_ROLES {
            let text = format!("a message mentions at most {} roles", Mentions::MAX_ROLES);
            return Err(too_many(text));
        }
        let (deciding, guild) = match access.room.kind {
            RoomKind::Channel { guild } => (access.id, Some(guild)),
            RoomKind::Thread { parent, guild, .. } => (parent, guild),
            RoomKind::Dm { .. } | RoomKind::Group { .. } => (access.id, None),
        };
        match guild {
            Some(guild) => {
                let room = self.look_at_room(deciding, |copy| copy.room().cloned()).await?;
                let room = room.ok_or_else(Error::not_found)?;
                self.mentions_in_guild(guild, &room, access.permissions, named)
                    .await
            }
            None => {
                let in_it = |copy: &RoomCopy| copy.members().clone();
                let members = self.look_at_room(deciding, in_it).await?;
                Ok(Mentions {
                    users: named.users.intersection(&members).copied().collect(),
                    // A few people who all see every message need nobody to call them all.
                    ..Mentions::default()
                })
            }
        }
    }

    async fn mentions_in_guild(
        &self,
        guild: GuildId,
        room: &Room,
        held: Permissions,
        named: Named,
    ) -> Result<Mentions> {
        let calls_all = held.contains(Permissions::MENTION_EVERYONE);
        let look = |copy: &GuildCopy| {
            let sees = |user: &&UserId| copy.permissions_in(**user, room).contains(Permissions::VIEW);
            let may_call = |role: &&RoleId| {
                let role = copy.role(**role);
                role.is_some_and(|role| calls_all || role.is_mentionable)
            };
            Mentions {
                users: named.users.iter().filter(sees).copied().collect(),
                roles: named.roles.iter().filter(may_call).copied().collect(),
                everyone: named.everyone && calls_all,
                here: named.here && calls_all,
            }
        };
        self.look_at_guild(guild, look).await
    }
}

fn too_many(text: String) -> Error {
    Error {
        field: Some("text".into()),
        ..Error::new(Code::TooMany, text)
    }
}

/// Everything that a text names outside of code.
fn named(text: &str) -> Named {
    let mut named = Named::default();
    for part in outside_code(text) {
        collect(part, &mut named);
    }
    named
}

fn collect(text: &str, named: &mut Named) {
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, from) = rest.split_at(at);
        let after = &from[1..];
        let in_brackets = before.ends_with('<').then(|| after.split_once('>')).flatten();
        if let Some((id, _)) = in_brackets {
            if let Some(role) = id.strip_prefix('&') {
                named.roles.extend(RoleId::from_str(role).ok());
            } else {
                named.users.extend(UserId::from_str(id).ok());
            }
        } else if !before.ends_with(is_of_word) {
            named.everyone |= is_word(after, "everyone");
            named.here |= is_word(after, "here");
        }
        rest = after;
    }
}

/// Whether a text begins with this word, and the word ends there.
fn is_word(text: &str, word: &str) -> bool {
    let rest = text.strip_prefix(word);
    rest.is_some_and(|rest| !rest.starts_with(is_of_word))
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The parts of a text that no run of back-quotes encloses. As in CommonMark a run is closed by the next one of the same
/// length, and one that nothing closes is a text like any other.
fn outside_code(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while let Some(open) = text[at..].find('`').map(|found| at + found) {
        let length = run_length(&text[open..]);
        at = open + length;
        if let Some(end) = closing(&text[at..], length) {
            parts.push(&text[begin..open]);
            at += end;
            begin = at;
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// Where a run of so many back-quotes ends.
fn closing(text: &str, length: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`').map(|found| at + found) {
        let run = run_length(&text[found..]);
        at = found + run;
        if run == length {
            return Some(at);
        }
    }
    None
}

fn run_length(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'`').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANNA: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

    #[test]
    fn people_roles_and_everybody_are_found() {
        let found = named(&format!("<@{ANNA}>, <@&{ANNA}>! @everyone (@here)"));
        assert_eq!(found.users.len(), 1);
        assert_eq!(found.roles.len(), 1);
        assert!(found.everyone && found.here);
    }

    #[test]
    fn what_only_looks_like_it_calls_nobody() {
        for text in [
            "mail@everyone.example",
            "@everyones",
            "<@nobody>",
            "<@01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "`@everyone`",
            "```\n<@01ARZ3NDEKTSV4RRFFQ69G5FAV>\n@here\n```",
            "``a ` @here``",
            "@",
            "",
        ] {
            assert_eq!(named(text), Named::default(), "{text:?}");
        }
    }

    #[test]
    fn code_ends_where_it_is_closed() {
        assert!(named("`code` @here `more`").here);
        assert!(named("a ` that nothing closes @here").here);
        assert!(named("`` ` ` @here").here, "runs of other lengths close nothing");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[@<>&`a-z\\n가]{0,80}") {
            named(&text);
        }

        #[test]
        fn the_time_it_takes_is_bounded(count in 1_usize..5_000) {
            // Runs of growing length, none of which closes another one.
            let text: String = (1..count.min(150)).flat_map(|length| ["`".repeat(length), " ".to_owned()]).collect();
            prop_assert!(named(&text) == Named::default());
        }
    }
}
