//! Whom a message calls: `<@user>`, `<@&role>`, `@everyone` and `@here` in its Markdown source, but not within code or an
//! address, nor after a backslash: whoever is called is whose name the page shows.
//!
//! Who is called is decided when the message is posted, and stands in its record. A text that calls somebody whom its author
//! may not call, or who does not see the room, stays as it is and calls nobody.

use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;

use madang_storage::model::{GuildId, Mentions, Permissions, RoleId, Room, RoomKind, UserId};

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Parser, Tag};

use super::access::RoomAccess;
use super::places::{GuildCopy, RoomCopy};
use super::{Chat, Code, Error, Result};

/// The longest identifier in brackets, with the sign of a role before it.
const MAX_ID: usize = 27;
/// So far back an address is looked for.
const MAX_ADDRESS: usize = 2_048;

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

/// Everything that a text names where the page shows it as a name: outside of code and of addresses.
fn named(text: &str) -> Named {
    let mut named = Named::default();
    if text.contains('@') {
        for part in shown_as_text(text) {
            collect(text, part, &mut named);
        }
    }
    named
}

/// Collects what stands in one part of a text.
fn collect(text: &str, part: Range<usize>, named: &mut Named) {
    // A backslash right before a part is in none: it takes its meaning from the part's first character.
    let is_escaped = |at: usize| at == part.start && text[..at].ends_with('\\');
    let mut begin = part.start;
    while let Some(at) = text[begin..part.end].find('@').map(|found| begin + found) {
        begin = at + 1;
        let (before, after) = (&text[..at], &text[begin..part.end]);
        let is_opened = at > part.start && before.ends_with('<') && !is_escaped(at - 1);
        if let Some(id) = is_opened.then(|| in_brackets(after)).flatten() {
            if let Some(role) = id.strip_prefix('&') {
                named.roles.extend(RoleId::from_str(role).ok());
            } else {
                named.users.extend(UserId::from_str(id).ok());
            }
            continue;
        }
        let (everyone, here) = (is_word(after, "everyone"), is_word(after, "here"));
        let stands_alone = !is_escaped(at) && !before.ends_with(is_of_word);
        if (everyone || here) && stands_alone && !is_in_address(before) {
            named.everyone |= everyone;
            named.here |= here;
        }
    }
}

/// What stands before the closing bracket, if that is near enough for an identifier.
fn in_brackets(after: &str) -> Option<&str> {
    let end = after.bytes().take(MAX_ID + 1).position(|byte| byte == b'>')?;
    after.get(..end)
}

/// Whether a text begins with this word, and the word ends there.
fn is_word(text: &str, word: &str) -> bool {
    let rest = text.strip_prefix(word);
    rest.is_some_and(|rest| !rest.starts_with(is_of_word))
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether what comes next belongs to an address of the web that has begun. The page makes links of those, and shows
/// nobody's name in them.
fn is_in_address(before: &str) -> bool {
    // No address is longer, and a text without spaces costs no more than one with them.
    let longest = before.len().saturating_sub(MAX_ADDRESS);
    let from = (longest..=before.len()).find(|at| before.is_char_boundary(*at));
    let before = &before[from.unwrap_or(before.len())..];
    let begin = before.rfind(|character: char| character.is_whitespace() || character == '<');
    let word = &before[begin.map_or(0, |at| at + 1)..];
    ["https://", "http://", "ftp://", "www."]
        .iter()
        .any(|begins| word.contains(begins))
}

/// The parts of a text that are shown as text: all but code and addresses in brackets. As on the page, lines that are
/// only indented are no code, and HTML is text like any other.
fn shown_as_text(text: &str) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut hidden_until = 0;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(tag) if is_hidden(&tag) => hidden_until = hidden_until.max(range.end),
            Event::Text(_) | Event::Html(_) | Event::InlineHtml(_) if range.start >= hidden_until => {
                match parts.last_mut() {
                    // One text comes in several pieces where a character in it might have been something else.
                    Some(last) if last.end == range.start => last.end = range.end,
                    _ => parts.push(range),
                }
            }
            _ => {}
        }
    }
    parts
}

/// Whether everything within is code or an address.
fn is_hidden(tag: &Tag<'_>) -> bool {
    match tag {
        Tag::CodeBlock(kind) => matches!(kind, CodeBlockKind::Fenced(_)),
        Tag::Link { link_type, .. } => matches!(link_type, LinkType::Autolink | LinkType::Email),
        _ => false,
    }
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
            "~~~\n@here\n~~~",
            "> ~~~\n> @here\n> ~~~",
            "- ```\n  @here\n  ```",
            "```\n@here and no end",
            "\\@everyone",
            "\\<@01ARZ3NDEKTSV4RRFFQ69G5FAV>",
            "<\\@01ARZ3NDEKTSV4RRFFQ69G5FAV>",
            "https://x.example/@everyone",
            "(see www.x.example/a/@here)",
            "<https://x.example/@everyone>",
            "[there](https://x.example/@everyone)",
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
        assert!(
            named("one ` here\n\n@here and ` there").here,
            "nothing reaches over a paragraph"
        );
        assert!(named("~~~\ncode\n~~~\n@here").here);
    }

    #[test]
    fn what_stands_beside_code_and_addresses_calls() {
        for text in [
            "    @here",
            "\\\\@here",
            "**@here**",
            "> @here",
            "- @here",
            "[@here](https://x.example/)",
            "https://x.example/ @here",
            "<b>@here</b>",
            "# @here",
            "~~@here~~",
        ] {
            assert!(named(text).here, "{text:?}");
        }
        let after = format!("https://x.example/<@{ANNA}>");
        assert_eq!(named(&after).users.len(), 1);
        let long = "가".repeat(5_000);
        assert!(named(&format!("{long} @here")).here);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[@<>&`~\\\\/:.a-z\\n가 -]{0,80}") {
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
