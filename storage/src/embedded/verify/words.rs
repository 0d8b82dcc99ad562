//! Rows in the words of whoever has to find out what was lost.

use crate::embedded::frame::describe;
use crate::embedded::tables::{self, Table};
use crate::model::{CategoryId, GuildId, RoleId, RoomId, StateKey, StreamId, UserId};

/// What a row is, by its key. A key that says nothing is shown as bytes.
pub(super) fn words(key: &[u8]) -> String {
    let named = Table::of(key).ok().and_then(|table| name(table, key));
    named.unwrap_or_else(|| describe(key))
}

fn name(table: Table, key: &[u8]) -> Option<String> {
    let rest = key.get(1..)?;
    Some(match table {
        Table::Meta => format!("the data's {}", String::from_utf8_lossy(rest).escape_debug()),
        Table::Heads => format!("the head of {}", stream(key)?),
        Table::Events => format!("event {} of {}", number(key)?, stream(key)?),
        Table::Messages => format!("message {} of {}", number(key)?, room(rest)?),
        Table::Reactions => reaction(rest)?,
        Table::Members => format!("{} as a member of {}", user(rest.get(16..)?)?, guild(rest)?),
        Table::GuildsOf => format!("{} among the guilds of {}", guild(rest.get(16..)?)?, user(rest)?),
        Table::Instance => "the instance".to_owned(),
        Table::Guilds => guild(rest)?,
        Table::Users => user(rest)?,
        Table::Rooms => room(rest)?,
        Table::Channels => format!("{} as a channel of {}", room(rest.get(16..)?)?, guild(rest)?),
        Table::Nonces => format!("the nonces of commit group {}", number(key)?),
        Table::State => state(&tables::state_key(key).ok()?),
        Table::Expiries => format!("the expiry of {}", state(&tables::expiring_row(key).ok()?)),
        Table::Changes => format!("the note of commit group {}", number(key)?),
        Table::Consumers => format!("the consumer {}", String::from_utf8_lossy(rest).escape_debug()),
        Table::Roles => format!(
            "role {} of {}",
            RoleId::from_bytes(id(rest.get(16..)?)?),
            guild(rest)?
        ),
        Table::Categories => {
            let category = CategoryId::from_bytes(id(rest.get(16..)?)?);
            format!("heading {category} of {}", guild(rest)?)
        }
        Table::Bans => format!("the ban of {} from {}", user(rest.get(16..)?)?, guild(rest)?),
        Table::RoomMembers => format!("{} as a member of {}", user(rest.get(16..)?)?, room(rest)?),
        Table::RoomsOf => format!("{} among the rooms of {}", room(rest.get(16..)?)?, user(rest)?),
        Table::Threads => format!("{} as a thread of {}", room(rest.get(16..)?)?, room(rest)?),
        Table::Pins => format!("the pin of message {} of {}", number(key)?, room(rest)?),
        Table::WideMentions => format!(
            "the mention of many by message {} of {}",
            number(key)?,
            room(rest)?
        ),
        Table::Inbox => format!("message {} in the inbox of {}", number(key)?, user(rest)?),
        Table::Follows => format!("{} as followed by {}", user(rest.get(16..)?)?, user(rest)?),
        Table::Followers => format!("{} as a follower of {}", user(rest.get(16..)?)?, user(rest)?),
        Table::Blocks => format!("{} as blocked by {}", user(rest.get(16..)?)?, user(rest)?),
        Table::PublicGuilds => format!("{} as one that everybody may join", guild(rest)?),
        Table::Audit => format!(
            "an entry in the audit of {}: {}",
            guild(rest)?,
            StreamId::from_bytes(rest.get(24..41)?.try_into().ok()?)?
        ),
        Table::Parts => {
            let (main, number) = tables::part_of(key).ok()?;
            format!("part {number} of {}", words(main))
        }
    })
}

fn number(key: &[u8]) -> Option<u64> {
    tables::trailing_number(key).ok()
}

fn stream(key: &[u8]) -> Option<StreamId> {
    tables::stream_of(key).ok()
}

fn id(bytes: &[u8]) -> Option<[u8; 16]> {
    bytes.first_chunk::<16>().copied()
}

fn room(bytes: &[u8]) -> Option<String> {
    Some(StreamId::Room(RoomId::from_bytes(id(bytes)?)).to_string())
}

fn guild(bytes: &[u8]) -> Option<String> {
    Some(StreamId::Guild(GuildId::from_bytes(id(bytes)?)).to_string())
}

fn user(bytes: &[u8]) -> Option<String> {
    Some(StreamId::User(UserId::from_bytes(id(bytes)?)).to_string())
}

fn reaction(rest: &[u8]) -> Option<String> {
    let seq = u64::from_be_bytes(rest.get(16..24)?.try_into().ok()?);
    let length = usize::from(*rest.get(24)?);
    let emoji = String::from_utf8_lossy(rest.get(25..25 + length)?).into_owned();
    let by = user(rest.get(25 + length..)?)?;
    Some(format!(
        "the reaction {emoji} of {by} on message {seq} of {}",
        room(rest)?
    ))
}

fn state(row: &StateKey) -> String {
    let hex: String = row
        .key
        .iter()
        .take(40)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("row {hex} of the state table {}", row.table.name())
}
