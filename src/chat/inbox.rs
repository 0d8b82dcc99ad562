//! What calls somebody: the inbox of mentions and replies, and how many unread messages of a room do.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use madang_storage::MAX_ROWS_PER_PAGE;
use madang_storage::model::{
    Called, GuildId, Head, Marker, Mentions, MessageRecord, RoomId, Row, RowKey, RowPrefix, Timestamp, UserId,
};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::places::GuildCopy;
use super::view::MessageView;
use super::{Chat, Code, Error, Identity, Result};

/// How many entries of an inbox can be asked for at once.
const MAX_PAGE: u64 = 100;
/// How many rows are read to count what calls somebody; above it "more" is shown.
const MAX_COUNTED: usize = 100;

/// A page of an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// One message that calls somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In which room.
    pub room: RoomId,
    /// Why.
    pub called: Called,
    /// Whether the person's marker is there already.
    pub is_read: bool,
    /// The message.
    pub record: MessageRecord,
}

/// An inbox as it is sent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Inbox")]
pub struct InboxView<'a> {
    entries: Vec<EntryView<'a>>,
    /// Where the next page begins; null at the end.
    next: Option<&'a str>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InboxEntry")]
struct EntryView<'a> {
    /// `mention` or `reply`.
    called: &'static str,
    /// Whether the read marker is there already.
    is_read: bool,
    message: MessageView<'a>,
}

impl Serialize for Inbox {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        InboxView {
            entries: self.entries.iter().map(EntryView::from).collect(),
            next: self.next.as_deref(),
        }
        .serialize(serializer)
    }
}

impl<'a> From<&'a Entry> for EntryView<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            called: match entry.called {
                Called::Mention => "mention",
                Called::Reply => "reply",
            },
            is_read: entry.is_read,
            message: MessageView::new(entry.room, &entry.record),
        }
    }
}

/// What calls somebody by name, room by room, as far as it is counted.
#[derive(Debug, Default)]
pub(super) struct Calls {
    by_room: HashMap<RoomId, Vec<u64>>,
}

impl Chat {
    /// The messages that mention somebody or answer one of the person's, the newest first. Those of rooms that the person
    /// does not see any more, deleted ones, and those of people whom the person has blocked are left out.
    pub async fn inbox(&self, identity: &Identity, after: Option<&str>, limit: Option<u64>) -> Result<Inbox> {
        let limit = limit.unwrap_or(MAX_PAGE / 2);
        if limit == 0 || limit > MAX_PAGE {
            return Err(Error::invalid(
                "limit",
                format!("a page has 1 to {MAX_PAGE} entries"),
            ));
        }
        let user = identity.user;
        let after = after.map(|after| place_of(user, after)).transpose()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let page = self
            .store()
            .list_rows(&RowPrefix::InboxOf(user), after.as_ref(), limit)
            .await?;
        let next = page
            .rows
            .last()
            .filter(|_| page.more)
            .and_then(|(key, _)| cursor_of(key));
        let called: Vec<(RoomId, u64, Called)> = page.rows.iter().filter_map(called_by).collect();
        let keys: Vec<RowKey> = called
            .iter()
            .map(|(room, seq, _)| RowKey::Message {
                room: *room,
                seq: *seq,
            })
            .collect();
        let records = self.store().rows(&keys).await?;
        let rooms: HashSet<RoomId> = called.iter().map(|(room, ..)| *room).collect();
        let seen = self.markers_where_seen(identity, rooms).await?;
        let mut entries = Vec::with_capacity(called.len());
        for ((room, seq, called), row) in called.into_iter().zip(records) {
            let (Some(marker), Some(Row::Message(record))) = (seen.get(&room), row) else {
                continue;
            };
            let author = record.author;
            if record.deleted.is_some() || self.look_at_user(user, |copy| copy.has_blocked(author)).await? {
                continue;
            }
            entries.push(Entry {
                room,
                called,
                is_read: seq <= marker.seq,
                record,
            });
        }
        // Rows of one millisecond lie in the order of their messages.
        entries.sort_by_key(|entry| Reverse((entry.record.at, entry.record.seq)));
        Ok(Inbox { entries, next })
    }

    /// Somebody's markers of those of these rooms that the person still sees.
    async fn markers_where_seen(
        &self,
        identity: &Identity,
        rooms: HashSet<RoomId>,
    ) -> Result<HashMap<RoomId, Marker>> {
        let mut seen = HashMap::new();
        for room in rooms {
            match self.room_access(identity, room).await {
                Ok(_) => {
                    seen.insert(room, self.marker(identity.user, room).await?);
                }
                Err(error) if error.code == Code::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(seen)
    }

    /// What calls somebody by name and is new enough to be counted.
    pub(super) async fn calls(&self, user: UserId) -> Result<Calls> {
        let page = self
            .store()
            .list_rows(&RowPrefix::InboxOf(user), None, MAX_COUNTED)
            .await?;
        let mut calls = Calls::default();
        for (room, seq, _) in page.rows.iter().filter_map(called_by) {
            calls.by_room.entry(room).or_default().push(seq);
        }
        Ok(calls)
    }

    /// How many unread messages of a room call somebody: by name, by a role, or all at once. Reads nothing where the
    /// marker is above everything that calls many.
    pub(super) async fn count_calls(
        &self,
        user: UserId,
        room: RoomId,
        guild: Option<GuildId>,
        head: &Head,
        marker: Marker,
        calls: &Calls,
    ) -> Result<u64> {
        let named = calls.by_room.get(&room).map_or(&[][..], Vec::as_slice);
        let mut unread: HashSet<u64> = named.iter().copied().filter(|seq| *seq > marker.seq).collect();
        if let Some(guild) = guild.filter(|_| head.wide_seq > marker.seq) {
            unread.extend(self.wide_calls(user, room, guild, marker).await?);
        }
        if head.deleted_seq > marker.seq {
            unread = self.still_there(room, unread).await?;
        }
        Ok(unread.len().min(MAX_COUNTED) as u64)
    }

    /// Those of some messages that were not deleted.
    async fn still_there(&self, room: RoomId, seqs: HashSet<u64>) -> Result<HashSet<u64>> {
        let seqs: Vec<u64> = seqs.into_iter().collect();
        let mut left = HashSet::with_capacity(seqs.len());
        for seqs in seqs.chunks(MAX_ROWS_PER_PAGE) {
            let keys: Vec<RowKey> = seqs
                .iter()
                .map(|seq| RowKey::Message { room, seq: *seq })
                .collect();
            let rows = self.store().rows(&keys).await?;
            let is_there =
                |row: &Option<Row>| matches!(row, Some(Row::Message(record)) if record.deleted.is_none());
            let pairs = seqs.iter().zip(rows).filter(|(_, row)| is_there(row));
            left.extend(pairs.map(|(seq, _)| *seq));
        }
        Ok(left)
    }

    /// The unread messages of a channel that call many, this person among them.
    async fn wide_calls(
        &self,
        user: UserId,
        room: RoomId,
        guild: GuildId,
        marker: Marker,
    ) -> Result<Vec<u64>> {
        let after = RowKey::WideMention {
            room,
            seq: marker.seq,
        };
        let page = self
            .store()
            .list_rows(&RowPrefix::WideMentionsOf(room), Some(&after), MAX_COUNTED)
            .await?;
        let concerns = |copy: &GuildCopy| {
            let roles = copy.member(user).map_or(&[][..], |member| &member.roles);
            let calls = |mentions: &Mentions| {
                mentions.everyone || mentions.here || mentions.roles.iter().any(|role| roles.contains(role))
            };
            let seqs = page.rows.iter().filter_map(|(key, row)| match (key, row) {
                (RowKey::WideMention { seq, .. }, Row::WideMention(mentions)) if calls(mentions) => {
                    Some(*seq)
                }
                _ => None,
            });
            seqs.collect()
        };
        self.look_at_guild(guild, concerns).await
    }
}

fn called_by((key, row): &(RowKey, Row)) -> Option<(RoomId, u64, Called)> {
    match (key, row) {
        (RowKey::Inbox { room, seq, .. }, Row::Inbox(called)) => Some((*room, *seq, *called)),
        _ => None,
    }
}

/// A place in an inbox as clients keep it: when, where, which.
fn cursor_of(key: &RowKey) -> Option<String> {
    match key {
        RowKey::Inbox { at, room, seq, .. } => Some(format!("{}-{room}-{seq}", at.0.as_millis())),
        _ => None,
    }
}

fn place_of(user: UserId, cursor: &str) -> Result<RowKey> {
    let wrong = || Error::invalid("after", "expected what a page called `next`");
    let mut parts = cursor.splitn(3, '-');
    let mut part = || parts.next().ok_or_else(wrong);
    let (at, room, seq) = (part()?, part()?, part()?);
    Ok(RowKey::Inbox {
        user,
        at: Reverse(Timestamp::from_millis(at.parse().map_err(|_| wrong())?)),
        room: room.parse().map_err(|_| wrong())?,
        seq: seq.parse().map_err(|_| wrong())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again() {
        let key = RowKey::Inbox {
            user: UserId::from_u128(1),
            at: Reverse(Timestamp::from_millis(1_700_000_000_123)),
            room: RoomId::from_u128(2),
            seq: 3,
        };
        let cursor = cursor_of(&key).unwrap_or_default();
        assert_eq!(place_of(UserId::from_u128(1), &cursor).ok(), Some(key));
        for bad in [
            "",
            "1",
            "1-2-3",
            "x-00000000000000000000000002-3",
            "1-00000000000000000000000002-",
        ] {
            assert!(place_of(UserId::from_u128(1), bad).is_err(), "{bad:?}");
        }
    }
}
