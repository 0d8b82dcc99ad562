//! The tables of the embedded store and the bytes of their keys.
//!
//! All tables share one ordered key space: `table(1) | id(16 or 17) | number(8, most significant first)`, so that a
//! stream or a room is one range, in order.

use std::cmp::Reverse;

use crate::error::{Error, Result};
use crate::model::{
    CategoryId, GuildId, Nonce, RoleId, RoomId, RowKey, RowPrefix, StateKey, StateTable, StreamId, Timestamp,
    UserId,
};

/// What becomes of a table's rows in a backup, a restore and a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableClass {
    /// Streams and the content of their messages: backed up.
    Stream,
    /// Not derivable, has a version: backed up.
    State,
    /// Follows from streams: rebuilt.
    Derived,
    /// Belongs to this node's copy: neither backed up nor compared.
    Node,
}

/// The tables. Numbers are stored: never change or reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Format, epoch, tick and counters.
    Meta = 1,
    /// Stream -> head.
    Heads = 2,
    /// Stream and rev -> event, without the texts that message records hold.
    Events = 3,
    /// Room and seq -> message record.
    Messages = 4,
    /// Room, seq, emoji and user -> reaction.
    Reactions = 5,
    /// Guild and user -> member.
    Members = 6,
    /// User and guild -> member.
    GuildsOf = 7,
    /// The instance.
    Instance = 8,
    /// Guilds.
    Guilds = 9,
    /// Users.
    Users = 10,
    /// Rooms.
    Rooms = 11,
    /// Guild and room -> nothing.
    Channels = 12,
    /// Day, stream, actor and nonce -> rev and fingerprint.
    Nonces = 13,
    /// State table and key -> state row.
    State = 14,
    /// Expiry, state table and key -> nothing.
    Expiries = 15,
    /// Tick -> what the commit group changed.
    Changes = 16,
    /// Consumer -> cursor.
    Consumers = 17,
    /// Key and part -> the rest of a value that is too long for one row.
    Parts = 18,
    /// Guild and role -> role.
    Roles = 19,
    /// Guild and heading -> heading.
    Categories = 20,
    /// Guild and user -> ban.
    Bans = 21,
    /// Room and user -> member of a DM or group.
    RoomMembers = 22,
    /// User and room -> the same.
    RoomsOf = 23,
    /// Room and thread -> nothing.
    Threads = 24,
    /// Room and seq -> pin.
    Pins = 25,
    /// Room and seq -> whom the message calls that calls many.
    WideMentions = 26,
    /// User, time backwards, room and seq -> why the message stands in the user's inbox.
    Inbox = 27,
    /// User and user -> that the first follows the second.
    Follows = 28,
    /// User and user -> that the second follows the first.
    Followers = 29,
    /// User and user -> that the first wants nothing of the second.
    Blocks = 30,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 30] = [
        Self::Meta,
        Self::Heads,
        Self::Events,
        Self::Messages,
        Self::Reactions,
        Self::Members,
        Self::GuildsOf,
        Self::Instance,
        Self::Guilds,
        Self::Users,
        Self::Rooms,
        Self::Channels,
        Self::Nonces,
        Self::State,
        Self::Expiries,
        Self::Changes,
        Self::Consumers,
        Self::Parts,
        Self::Roles,
        Self::Categories,
        Self::Bans,
        Self::RoomMembers,
        Self::RoomsOf,
        Self::Threads,
        Self::Pins,
        Self::WideMentions,
        Self::Inbox,
        Self::Follows,
        Self::Followers,
        Self::Blocks,
    ];

    /// The stored number, the first byte of every key.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The table of a key; an undeclared one is damage.
    pub fn of(key: &[u8]) -> Result<Self> {
        let number = key.first().copied().unwrap_or(0);
        Self::ALL
            .into_iter()
            .find(|table| table.number() == number)
            .ok_or_else(|| Error::Damaged(format!("there is no table {number}")))
    }

    /// What becomes of the table's rows. The parts of a long value follow the row that they belong to.
    pub const fn class(self) -> TableClass {
        match self {
            Self::Heads | Self::Events | Self::Messages => TableClass::Stream,
            Self::State | Self::Nonces => TableClass::State,
            Self::Reactions
            | Self::Members
            | Self::GuildsOf
            | Self::Instance
            | Self::Guilds
            | Self::Users
            | Self::Rooms
            | Self::Channels
            | Self::Expiries
            | Self::Roles
            | Self::Categories
            | Self::Bans
            | Self::RoomMembers
            | Self::RoomsOf
            | Self::Threads
            | Self::Pins
            | Self::WideMentions
            | Self::Inbox
            | Self::Follows
            | Self::Followers
            | Self::Blocks => TableClass::Derived,
            Self::Meta | Self::Changes | Self::Consumers | Self::Parts => TableClass::Node,
        }
    }
}

/// A key: a table's number followed by parts.
fn key(table: Table, parts: &[&[u8]]) -> Vec<u8> {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut key = Vec::with_capacity(length);
    key.push(table.number());
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// Every key that starts with `prefix`, as a range: `from <= key < to`.
pub(crate) fn prefix_range(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut to = prefix.to_vec();
    while let Some(last) = to.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            break;
        }
        to.pop();
    }
    // Table numbers are far below 255, so a prefix never consists of 255s alone and `to` is never empty.
    (prefix.to_vec(), to)
}

/// The smallest key after `key`.
pub(crate) fn after(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

pub(crate) fn whole(table: Table) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&[table.number()])
}

pub(crate) fn meta(name: &str) -> Vec<u8> {
    key(Table::Meta, &[name.as_bytes()])
}

pub(crate) fn state_count(table: StateTable) -> Vec<u8> {
    key(Table::Meta, &[b"state/", &[table.number()]])
}

/// Whether a row counts the writes of a state table.
pub(crate) fn is_state_count(row: &[u8]) -> bool {
    row.starts_with(&meta("state/"))
}

pub(crate) fn head(stream: StreamId) -> Vec<u8> {
    key(Table::Heads, &[&stream.to_bytes()])
}

pub(crate) fn event(stream: StreamId, rev: u64) -> Vec<u8> {
    key(Table::Events, &[&stream.to_bytes(), &rev.to_be_bytes()])
}

pub(crate) fn message(room: RoomId, seq: u64) -> Vec<u8> {
    key(Table::Messages, &[&room.to_bytes(), &seq.to_be_bytes()])
}

/// A nonce's row is found under the day of the nonce's own time, so that a sweep removes whole days.
pub(crate) fn nonce(stream: StreamId, actor: Option<UserId>, nonce: Nonce) -> Vec<u8> {
    let actor = actor.map_or([0; 16], UserId::to_bytes);
    let day = nonce_day(nonce.time()).to_be_bytes();
    key(
        Table::Nonces,
        &[&day, &stream.to_bytes(), &actor, &nonce.to_bytes()],
    )
}

/// The day that a moment falls into, counted from 1970. A nonce's 48-bit time fits.
pub(crate) fn nonce_day(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis() / 86_400_000).unwrap_or(u32::MAX)
}

pub(crate) fn nonces_before_day(day: u32) -> (Vec<u8>, Vec<u8>) {
    (key(Table::Nonces, &[]), key(Table::Nonces, &[&day.to_be_bytes()]))
}

pub(crate) fn state(row: &StateKey) -> Vec<u8> {
    state_prefix(row.table, &row.key)
}

/// The state row that a key of its table stands for.
pub(crate) fn state_key(key: &[u8]) -> Result<StateKey> {
    let (table, rest) = key
        .get(1..)
        .and_then(<[u8]>::split_first)
        .ok_or_else(|| short(key))?;
    let table = StateTable::from_number(*table)
        .ok_or_else(|| Error::Damaged(format!("there is no state table {table}")))?;
    Ok(StateKey {
        table,
        key: rest.to_vec(),
    })
}

pub(crate) fn state_prefix(table: StateTable, prefix: &[u8]) -> Vec<u8> {
    key(Table::State, &[&[table.number()], prefix])
}

pub(crate) fn expiry(at: Timestamp, row: &StateKey) -> Vec<u8> {
    key(
        Table::Expiries,
        &[&at.as_millis().to_be_bytes(), &[row.table.number()], &row.key],
    )
}

pub(crate) fn expiries_until(at: Timestamp) -> (Vec<u8>, Vec<u8>) {
    let end = at.as_millis().saturating_add(1);
    (
        key(Table::Expiries, &[]),
        key(Table::Expiries, &[&end.to_be_bytes()]),
    )
}

/// The row that an expiry's key stands for.
pub(crate) fn expiring_row(expiry_key: &[u8]) -> Result<StateKey> {
    let damaged = || Error::Damaged("an expiry names no state row".to_owned());
    let table = expiry_key
        .get(9)
        .copied()
        .and_then(StateTable::from_number)
        .ok_or_else(damaged)?;
    let key = expiry_key.get(10..).ok_or_else(damaged)?.to_vec();
    Ok(StateKey { table, key })
}

pub(crate) fn change(tick: u64) -> Vec<u8> {
    key(Table::Changes, &[&tick.to_be_bytes()])
}

pub(crate) fn consumer(name: &str) -> Vec<u8> {
    key(Table::Consumers, &[name.as_bytes()])
}

pub(crate) fn part(main: &[u8], number: u8) -> Vec<u8> {
    key(Table::Parts, &[main, &[number]])
}

/// Where the parts of the row `main`, and of every later row, start.
pub(crate) fn parts_from(main: &[u8]) -> Vec<u8> {
    key(Table::Parts, &[main])
}

/// The row that a part belongs to, and the part's number.
pub(crate) fn part_of(part: &[u8]) -> Result<(&[u8], u8)> {
    match part {
        [_, main @ .., number] => Ok((main, *number)),
        _ => Err(short(part)),
    }
}

/// The number that a key ends with: a rev, a seq or a tick.
pub(crate) fn trailing_number(key: &[u8]) -> Result<u64> {
    let (_, number) = key.split_last_chunk::<8>().ok_or_else(|| short(key))?;
    Ok(u64::from_be_bytes(*number))
}

/// The stream in a key of heads or events.
pub(crate) fn stream_of(key: &[u8]) -> Result<StreamId> {
    let bytes: [u8; 17] = key
        .get(1..18)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| short(key))?;
    StreamId::from_bytes(bytes).ok_or_else(|| Error::Damaged("a key names no stream".to_owned()))
}

fn short(key: &[u8]) -> Error {
    Error::Damaged(format!("a key of {} bytes is too short", key.len()))
}

/// The key of a projected row.
pub(crate) fn row(row: &RowKey) -> Vec<u8> {
    match row {
        RowKey::Instance => key(Table::Instance, &[]),
        RowKey::Guild(guild) => key(Table::Guilds, &[&guild.to_bytes()]),
        RowKey::Member { guild, user } => key(Table::Members, &[&guild.to_bytes(), &user.to_bytes()]),
        RowKey::GuildOf { user, guild } => key(Table::GuildsOf, &[&user.to_bytes(), &guild.to_bytes()]),
        RowKey::User(user) => key(Table::Users, &[&user.to_bytes()]),
        RowKey::Room(room) => key(Table::Rooms, &[&room.to_bytes()]),
        RowKey::Channel { guild, room } => key(Table::Channels, &[&guild.to_bytes(), &room.to_bytes()]),
        RowKey::Message { room, seq } => message(*room, *seq),
        RowKey::Reaction {
            room,
            seq,
            emoji,
            user,
        } => {
            let mut key = reactions(*room, *seq, emoji);
            key.extend_from_slice(&user.to_bytes());
            key
        }
        RowKey::Role { guild, role } => key(Table::Roles, &[&guild.to_bytes(), &role.to_bytes()]),
        RowKey::Category { guild, category } => {
            key(Table::Categories, &[&guild.to_bytes(), &category.to_bytes()])
        }
        RowKey::Ban { guild, user } => key(Table::Bans, &[&guild.to_bytes(), &user.to_bytes()]),
        RowKey::RoomMember { room, user } => key(Table::RoomMembers, &[&room.to_bytes(), &user.to_bytes()]),
        RowKey::RoomOf { user, room } => key(Table::RoomsOf, &[&user.to_bytes(), &room.to_bytes()]),
        RowKey::Thread { parent, room } => key(Table::Threads, &[&parent.to_bytes(), &room.to_bytes()]),
        RowKey::Pin { room, seq } => key(Table::Pins, &[&room.to_bytes(), &seq.to_be_bytes()]),
        RowKey::WideMention { room, seq } => {
            key(Table::WideMentions, &[&room.to_bytes(), &seq.to_be_bytes()])
        }
        RowKey::Inbox { user, at, room, seq } => {
            let backwards = u64::MAX - at.0.as_millis();
            key(
                Table::Inbox,
                &[
                    &user.to_bytes(),
                    &backwards.to_be_bytes(),
                    &room.to_bytes(),
                    &seq.to_be_bytes(),
                ],
            )
        }
        RowKey::Follow { user, followed } => key(Table::Follows, &[&user.to_bytes(), &followed.to_bytes()]),
        RowKey::Follower { user, follower } => {
            key(Table::Followers, &[&user.to_bytes(), &follower.to_bytes()])
        }
        RowKey::Block { user, blocked } => key(Table::Blocks, &[&user.to_bytes(), &blocked.to_bytes()]),
    }
}

/// The start of the keys of all reactions with one emoji on one message. An emoji is at most 255 bytes: appends check.
fn reactions(room: RoomId, seq: u64, emoji: &str) -> Vec<u8> {
    let length = u8::try_from(emoji.len()).unwrap_or(u8::MAX);
    key(
        Table::Reactions,
        &[&room.to_bytes(), &seq.to_be_bytes(), &[length], emoji.as_bytes()],
    )
}

/// The start of the keys of all reactions in a room.
pub(crate) fn reactions_of(room: RoomId) -> Vec<u8> {
    key(Table::Reactions, &[&room.to_bytes()])
}

/// Where the reactions on the message `seq`, and on every later one of the room, start.
pub(crate) fn reactions_from(room: RoomId, seq: u64) -> Vec<u8> {
    key(Table::Reactions, &[&room.to_bytes(), &seq.to_be_bytes()])
}

/// The start of the keys of a list.
pub(crate) fn list(prefix: &RowPrefix) -> Vec<u8> {
    match prefix {
        RowPrefix::MembersOf(guild) => key(Table::Members, &[&guild.to_bytes()]),
        RowPrefix::GuildsOf(user) => key(Table::GuildsOf, &[&user.to_bytes()]),
        RowPrefix::ChannelsOf(guild) => key(Table::Channels, &[&guild.to_bytes()]),
        RowPrefix::ReactionsOf { room, seq, emoji } => reactions(*room, *seq, emoji),
        RowPrefix::RolesOf(guild) => key(Table::Roles, &[&guild.to_bytes()]),
        RowPrefix::CategoriesOf(guild) => key(Table::Categories, &[&guild.to_bytes()]),
        RowPrefix::BansOf(guild) => key(Table::Bans, &[&guild.to_bytes()]),
        RowPrefix::MembersOfRoom(room) => key(Table::RoomMembers, &[&room.to_bytes()]),
        RowPrefix::RoomsOf(user) => key(Table::RoomsOf, &[&user.to_bytes()]),
        RowPrefix::ThreadsOf(room) => key(Table::Threads, &[&room.to_bytes()]),
        RowPrefix::PinsOf(room) => key(Table::Pins, &[&room.to_bytes()]),
        RowPrefix::WideMentionsOf(room) => key(Table::WideMentions, &[&room.to_bytes()]),
        RowPrefix::InboxOf(user) => key(Table::Inbox, &[&user.to_bytes()]),
        RowPrefix::FollowedBy(user) => key(Table::Follows, &[&user.to_bytes()]),
        RowPrefix::FollowersOf(user) => key(Table::Followers, &[&user.to_bytes()]),
        RowPrefix::BlockedBy(user) => key(Table::Blocks, &[&user.to_bytes()]),
    }
}

/// The row key of a listed key: what stands behind the list's own part of it.
pub(crate) fn listed(prefix: &RowPrefix, key: &[u8]) -> Result<RowKey> {
    match prefix {
        RowPrefix::PinsOf(room) => {
            let (room, seq) = (*room, trailing_number(key)?);
            return Ok(RowKey::Pin { room, seq });
        }
        RowPrefix::WideMentionsOf(room) => {
            let (room, seq) = (*room, trailing_number(key)?);
            return Ok(RowKey::WideMention { room, seq });
        }
        RowPrefix::InboxOf(user) => return inbox_entry(*user, key),
        _ => {}
    }
    let (_, last) = key.split_last_chunk::<16>().ok_or_else(|| short(key))?;
    Ok(match prefix {
        RowPrefix::MembersOf(guild) => RowKey::Member {
            guild: *guild,
            user: UserId::from_bytes(*last),
        },
        RowPrefix::GuildsOf(user) => RowKey::GuildOf {
            user: *user,
            guild: GuildId::from_bytes(*last),
        },
        RowPrefix::ChannelsOf(guild) => RowKey::Channel {
            guild: *guild,
            room: RoomId::from_bytes(*last),
        },
        RowPrefix::ReactionsOf { room, seq, emoji } => {
            let user = UserId::from_bytes(*last);
            RowKey::Reaction {
                room: *room,
                seq: *seq,
                emoji: emoji.clone(),
                user,
            }
        }
        RowPrefix::RolesOf(guild) => RowKey::Role {
            guild: *guild,
            role: RoleId::from_bytes(*last),
        },
        RowPrefix::CategoriesOf(guild) => RowKey::Category {
            guild: *guild,
            category: CategoryId::from_bytes(*last),
        },
        RowPrefix::BansOf(guild) => RowKey::Ban {
            guild: *guild,
            user: UserId::from_bytes(*last),
        },
        RowPrefix::MembersOfRoom(room) => RowKey::RoomMember {
            room: *room,
            user: UserId::from_bytes(*last),
        },
        RowPrefix::RoomsOf(user) => RowKey::RoomOf {
            user: *user,
            room: RoomId::from_bytes(*last),
        },
        RowPrefix::ThreadsOf(parent) => RowKey::Thread {
            parent: *parent,
            room: RoomId::from_bytes(*last),
        },
        RowPrefix::FollowedBy(user) => RowKey::Follow {
            user: *user,
            followed: UserId::from_bytes(*last),
        },
        RowPrefix::FollowersOf(user) => RowKey::Follower {
            user: *user,
            follower: UserId::from_bytes(*last),
        },
        RowPrefix::BlockedBy(user) => RowKey::Block {
            user: *user,
            blocked: UserId::from_bytes(*last),
        },
        RowPrefix::PinsOf(_) | RowPrefix::WideMentionsOf(_) | RowPrefix::InboxOf(_) => {
            return Err(Error::Damaged("a list of numbers has no identifiers".to_owned()));
        }
    })
}

/// The entry of an inbox that a key stands for: `table | user | time backwards | room | seq`.
fn inbox_entry(user: UserId, key: &[u8]) -> Result<RowKey> {
    let part = |from: usize, to: usize| key.get(from..to).ok_or_else(|| short(key));
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(|_| short(key));
    let backwards = number(part(17, 25)?)?;
    let room: [u8; 16] = part(25, 41)?.try_into().map_err(|_| short(key))?;
    Ok(RowKey::Inbox {
        user,
        at: Reverse(Timestamp::from_millis(u64::MAX - backwards)),
        room: RoomId::from_bytes(room),
        seq: number(part(41, 49)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_a_prefix() {
        assert_eq!(prefix_range(&[3, 1]), (vec![3, 1], vec![3, 2]));
        assert_eq!(prefix_range(&[3, 255, 255]), (vec![3, 255, 255], vec![4]));
    }

    #[test]
    fn every_table_has_its_own_number() {
        let mut numbers: Vec<u8> = Table::ALL.iter().map(|table| table.number()).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), Table::ALL.len());
        assert!(Table::of(&[0]).is_err());
        assert!(Table::of(&[]).is_err());
    }
}
