//! The tables of the embedded store and the bytes of their keys.
//!
//! All tables share one ordered key space: `table(1) | id(16 or 17) | number(8, most significant first)`, so that a
//! stream or a room is one range, in order.

mod rows;

use crate::error::{Error, Result};
use crate::model::{RoomId, StateKey, StateTable, StreamId, Timestamp};
pub(crate) use rows::{list, listed, reactions_from, reactions_of, row, row_key};

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
    /// Stream and rev -> event. Events that post a message are not among them: their messages hold them.
    Events = 3,
    /// Room and seq -> message record, and the event that posted it.
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
    /// Day and tick -> hashes of the nonces that the commit group used, and where their events are.
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
    /// Guild, time backwards, stream and rev backwards -> what the audit finds the event by.
    Audit = 31,
    /// Guilds that everybody may join -> nothing.
    PublicGuilds = 32,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 32] = [
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
        Self::Audit,
        Self::PublicGuilds,
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
            Self::State => TableClass::State,
            Self::Reactions
            | Self::Members
            | Self::GuildsOf
            | Self::Instance
            | Self::Guilds
            | Self::Users
            | Self::Rooms
            | Self::Channels
            | Self::Nonces
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
            | Self::Blocks
            | Self::Audit
            | Self::PublicGuilds => TableClass::Derived,
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

/// The nonces of one commit group are found under the day of their own time, so that a sweep removes whole days.
pub(crate) fn nonces(day: u32, tick: u64) -> Vec<u8> {
    key(Table::Nonces, &[&day.to_be_bytes(), &tick.to_be_bytes()])
}

/// The day in the key of a row of nonces.
pub(crate) fn day_of(key: &[u8]) -> Result<u32> {
    let day = key.get(1..5).and_then(|bytes| bytes.try_into().ok());
    day.map(u32::from_be_bytes).ok_or_else(|| short(key))
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

/// The room in a key of messages.
pub(crate) fn room_of(key: &[u8]) -> Result<RoomId> {
    let bytes = key.get(1..17).and_then(|bytes| bytes.try_into().ok());
    bytes.map(RoomId::from_bytes).ok_or_else(|| short(key))
}

fn short(key: &[u8]) -> Error {
    Error::Damaged(format!("a key of {} bytes is too short", key.len()))
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
