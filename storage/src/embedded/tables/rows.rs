//! The keys of projected rows, and the rows of keys.

use std::cmp::Reverse;

use super::{Table, key, message, short, trailing_number};
use crate::error::{Error, Result};
use crate::model::{CategoryId, GuildId, RoleId, RoomId, RowKey, RowPrefix, StreamId, Timestamp, UserId};

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
        RowKey::PublicGuild(guild) => key(Table::PublicGuilds, &[&guild.to_bytes()]),
        RowKey::Audit {
            guild,
            at,
            stream,
            rev,
        } => {
            let (at, rev) = (u64::MAX - at.0.as_millis(), u64::MAX - rev.0);
            key(
                Table::Audit,
                &[
                    &guild.to_bytes(),
                    &at.to_be_bytes(),
                    &stream.to_bytes(),
                    &rev.to_be_bytes(),
                ],
            )
        }
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
        RowPrefix::PublicGuilds => key(Table::PublicGuilds, &[]),
        RowPrefix::AuditOf(guild) => key(Table::Audit, &[&guild.to_bytes()]),
    }
}

/// The row key of a listed key: for reactions, whose keys are made of a text, what stands behind the list's own part.
pub(crate) fn listed(prefix: &RowPrefix, key: &[u8]) -> Result<RowKey> {
    if let RowPrefix::ReactionsOf { room, seq, emoji } = prefix {
        let (_, last) = key.split_last_chunk::<16>().ok_or_else(|| short(key))?;
        return Ok(RowKey::Reaction {
            room: *room,
            seq: *seq,
            emoji: emoji.clone(),
            user: UserId::from_bytes(*last),
        });
    }
    let unknown = || Error::Damaged("a list holds a key that is of no row".to_owned());
    row_key(key)?.ok_or_else(unknown)
}

/// The row that a key names; `None` for reactions, and for tables that hold no projected rows.
pub(crate) fn row_key(key: &[u8]) -> Result<Option<RowKey>> {
    let table = Table::of(key)?;
    Ok(Some(match table {
        Table::Instance => {
            exactly(key, 1)?;
            RowKey::Instance
        }
        Table::Guilds => RowKey::Guild(GuildId::from_bytes(only_id(key)?)),
        Table::PublicGuilds => RowKey::PublicGuild(GuildId::from_bytes(only_id(key)?)),
        Table::Users => RowKey::User(UserId::from_bytes(only_id(key)?)),
        Table::Rooms => RowKey::Room(RoomId::from_bytes(only_id(key)?)),
        Table::Messages | Table::Pins | Table::WideMentions => numbered(table, key)?,
        Table::Inbox => inbox_entry(key)?,
        Table::Audit => audit_entry(key)?,
        Table::Members
        | Table::GuildsOf
        | Table::Channels
        | Table::Roles
        | Table::Categories
        | Table::Bans
        | Table::RoomMembers
        | Table::RoomsOf
        | Table::Threads
        | Table::Follows
        | Table::Followers
        | Table::Blocks => return pair(table, key),
        _ => return Ok(None),
    }))
}

/// A key of two identifiers.
fn pair(table: Table, key: &[u8]) -> Result<Option<RowKey>> {
    exactly(key, 33)?;
    let (first, second) = (id_at(key, 1)?, id_at(key, 17)?);
    let (guild, room, user) = (
        GuildId::from_bytes(first),
        RoomId::from_bytes(first),
        UserId::from_bytes(first),
    );
    let other = UserId::from_bytes(second);
    Ok(Some(match table {
        Table::Members => RowKey::Member { guild, user: other },
        Table::GuildsOf => RowKey::GuildOf {
            user,
            guild: GuildId::from_bytes(second),
        },
        Table::Channels => RowKey::Channel {
            guild,
            room: RoomId::from_bytes(second),
        },
        Table::Roles => RowKey::Role {
            guild,
            role: RoleId::from_bytes(second),
        },
        Table::Categories => RowKey::Category {
            guild,
            category: CategoryId::from_bytes(second),
        },
        Table::Bans => RowKey::Ban { guild, user: other },
        Table::RoomMembers => RowKey::RoomMember { room, user: other },
        Table::RoomsOf => RowKey::RoomOf {
            user,
            room: RoomId::from_bytes(second),
        },
        Table::Threads => RowKey::Thread {
            parent: room,
            room: RoomId::from_bytes(second),
        },
        Table::Follows => RowKey::Follow {
            user,
            followed: other,
        },
        Table::Followers => RowKey::Follower {
            user,
            follower: other,
        },
        Table::Blocks => RowKey::Block { user, blocked: other },
        _ => return Ok(None),
    }))
}

/// A key of a room and a message's number.
fn numbered(table: Table, key: &[u8]) -> Result<RowKey> {
    exactly(key, 25)?;
    let (room, seq) = (RoomId::from_bytes(id_at(key, 1)?), trailing_number(key)?);
    Ok(match table {
        Table::Pins => RowKey::Pin { room, seq },
        Table::WideMentions => RowKey::WideMention { room, seq },
        _ => RowKey::Message { room, seq },
    })
}

/// The entry of an inbox that a key stands for: `table | user | time backwards | room | seq`.
fn inbox_entry(key: &[u8]) -> Result<RowKey> {
    exactly(key, 49)?;
    let backwards = key.get(17..25).and_then(|bytes| bytes.try_into().ok());
    let backwards = backwards.map(u64::from_be_bytes).ok_or_else(|| short(key))?;
    Ok(RowKey::Inbox {
        user: UserId::from_bytes(id_at(key, 1)?),
        at: Reverse(Timestamp::from_millis(u64::MAX - backwards)),
        room: RoomId::from_bytes(id_at(key, 25)?),
        seq: trailing_number(key)?,
    })
}

/// The entry of the audit that a key stands for: `table | guild | time backwards | stream | rev backwards`.
fn audit_entry(key: &[u8]) -> Result<RowKey> {
    exactly(key, 50)?;
    let backwards = key.get(17..25).and_then(|bytes| bytes.try_into().ok());
    let backwards = backwards.map(u64::from_be_bytes).ok_or_else(|| short(key))?;
    let stream = key.get(25..42).and_then(|bytes| bytes.try_into().ok());
    Ok(RowKey::Audit {
        guild: GuildId::from_bytes(id_at(key, 1)?),
        at: Reverse(Timestamp::from_millis(u64::MAX - backwards)),
        stream: stream.and_then(StreamId::from_bytes).ok_or_else(|| short(key))?,
        rev: Reverse(u64::MAX - trailing_number(key)?),
    })
}

fn only_id(key: &[u8]) -> Result<[u8; 16]> {
    exactly(key, 17)?;
    id_at(key, 1)
}

fn id_at(key: &[u8], at: usize) -> Result<[u8; 16]> {
    let bytes = key.get(at..at + 16).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| short(key))
}

fn exactly(key: &[u8], length: usize) -> Result<()> {
    if key.len() == length {
        return Ok(());
    }
    let found = key.len();
    Err(Error::Damaged(format!("its key has {found} bytes, not {length}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_row() {
        let (guild, room, user) = (GuildId::from_u128(1), RoomId::from_u128(2), UserId::from_u128(3));
        let (other, role) = (UserId::from_u128(4), RoleId::from_u128(5));
        let (category, thread) = (CategoryId::from_u128(6), RoomId::from_u128(7));
        let (seq, at) = (9, Reverse(Timestamp::from_millis(1_800_000_000_123)));
        let rows = [
            RowKey::Instance,
            RowKey::Guild(guild),
            RowKey::PublicGuild(guild),
            RowKey::User(user),
            RowKey::Room(room),
            RowKey::Member { guild, user },
            RowKey::GuildOf { user, guild },
            RowKey::Channel { guild, room },
            RowKey::Message { room, seq },
            RowKey::Role { guild, role },
            RowKey::Category { guild, category },
            RowKey::Ban { guild, user },
            RowKey::RoomMember { room, user },
            RowKey::RoomOf { user, room },
            RowKey::Thread {
                parent: room,
                room: thread,
            },
            RowKey::Pin { room, seq },
            RowKey::WideMention { room, seq },
            RowKey::Inbox { user, at, room, seq },
            RowKey::Follow {
                user,
                followed: other,
            },
            RowKey::Follower {
                user,
                follower: other,
            },
            RowKey::Block { user, blocked: other },
            RowKey::Audit {
                guild,
                at,
                stream: StreamId::Room(room),
                rev: Reverse(seq),
            },
        ];
        for expected in rows {
            let key = row(&expected);
            assert_eq!(row_key(&key).ok().flatten(), Some(expected));
            let cut_off = &key[..key.len() - 1];
            assert!(row_key(cut_off).is_err(), "a key that was cut off names nothing");
        }
    }

    #[test]
    fn newer_entries_of_an_inbox_come_first() {
        let entry = |millis| {
            row(&RowKey::Inbox {
                user: UserId::from_u128(1),
                at: Reverse(Timestamp::from_millis(millis)),
                room: RoomId::from_u128(2),
                seq: 1,
            })
        };
        assert!(entry(2) < entry(1));
    }
}
