//! What documents are called. Names order by their bytes, like the things they stand for.

use std::fmt::Write as _;

use crate::model::{Nonce, RoomId, RowKey, RowPrefix, StateKey, StateTable, StreamId, UserId};

/// Comes after every character that a name may go on with.
const AFTER_ALL: char = '~';

/// The event number `rev` of a stream. Twelve digits: byte order is number order.
pub(super) fn event(stream: StreamId, rev: u64) -> String {
    format!("{stream}/{rev:012}")
}

/// The stream and rev that [`event`] was made of.
pub(super) fn parse_event(name: &str) -> Option<(StreamId, u64)> {
    let (stream, rev) = name.rsplit_once('/')?;
    Some((StreamId::parse(stream)?, rev.parse().ok()?))
}

/// A message, in the index over messages.
pub(super) fn message(room: RoomId, seq: u64) -> String {
    format!("{}/{seq:012}", StreamId::Room(room))
}

/// A nonce, in the index over nonces. The server itself is an actor like any other.
pub(super) fn nonce(stream: StreamId, actor: Option<UserId>, nonce: Nonce) -> String {
    match actor {
        Some(actor) => format!("{stream}/{actor}/{nonce}"),
        None => format!("{stream}/-/{nonce}"),
    }
}

/// A row that has a document of its own: every row but messages.
pub(super) fn row(key: &RowKey) -> String {
    match key {
        RowKey::Instance => "instance".to_owned(),
        RowKey::Guild(guild) => format!("guild/{guild}"),
        RowKey::Member { guild, user } => format!("member/{guild}/{user}"),
        RowKey::GuildOf { user, guild } => format!("guild_of/{user}/{guild}"),
        RowKey::User(user) => format!("user/{user}"),
        RowKey::Room(room) => format!("room/{room}"),
        RowKey::Channel { guild, room } => format!("channel/{guild}/{room}"),
        RowKey::Message { room, seq } => format!("message/{room}/{seq:012}"),
        RowKey::Reaction {
            room,
            seq,
            emoji,
            user,
        } => {
            format!("reaction/{room}/{seq:012}/{}/{user}", hex(emoji.as_bytes()))
        }
        RowKey::Role { guild, role } => format!("role/{guild}/{role}"),
        RowKey::Category { guild, category } => format!("category/{guild}/{category}"),
        RowKey::Ban { guild, user } => format!("ban/{guild}/{user}"),
        RowKey::RoomMember { room, user } => format!("room_member/{room}/{user}"),
        RowKey::RoomOf { user, room } => format!("room_of/{user}/{room}"),
        RowKey::Thread { parent, room } => format!("thread/{parent}/{room}"),
        RowKey::Pin { room, seq } => format!("pin/{room}/{seq:012}"),
        RowKey::WideMention { room, seq } => format!("wide_mention/{room}/{seq:012}"),
        RowKey::Inbox { user, at, room, seq } => {
            // Twenty digits: byte order is number order, and newer ones come first.
            let backwards = u64::MAX - at.0.as_millis();
            format!("inbox/{user}/{backwards:020}/{room}/{seq:012}")
        }
        RowKey::Follow { user, followed } => format!("follow/{user}/{followed}"),
        RowKey::Follower { user, follower } => format!("follower/{user}/{follower}"),
        RowKey::Block { user, blocked } => format!("block/{user}/{blocked}"),
        RowKey::PublicGuild(guild) => format!("public_guild/{guild}"),
        RowKey::Audit {
            guild,
            at,
            stream,
            rev,
        } => {
            let (at, rev) = (u64::MAX - at.0.as_millis(), u64::MAX - rev.0);
            format!("audit/{guild}/{at:020}/{stream}/{rev:020}")
        }
    }
}

/// What the names of a list's rows start with.
pub(super) fn row_prefix(prefix: &RowPrefix) -> String {
    match prefix {
        RowPrefix::MembersOf(guild) => format!("member/{guild}/"),
        RowPrefix::GuildsOf(user) => format!("guild_of/{user}/"),
        RowPrefix::ChannelsOf(guild) => format!("channel/{guild}/"),
        RowPrefix::ReactionsOf { room, seq, emoji } => {
            format!("reaction/{room}/{seq:012}/{}/", hex(emoji.as_bytes()))
        }
        RowPrefix::RolesOf(guild) => format!("role/{guild}/"),
        RowPrefix::CategoriesOf(guild) => format!("category/{guild}/"),
        RowPrefix::BansOf(guild) => format!("ban/{guild}/"),
        RowPrefix::MembersOfRoom(room) => format!("room_member/{room}/"),
        RowPrefix::RoomsOf(user) => format!("room_of/{user}/"),
        RowPrefix::ThreadsOf(room) => format!("thread/{room}/"),
        RowPrefix::PinsOf(room) => format!("pin/{room}/"),
        RowPrefix::WideMentionsOf(room) => format!("wide_mention/{room}/"),
        RowPrefix::InboxOf(user) => format!("inbox/{user}/"),
        RowPrefix::FollowedBy(user) => format!("follow/{user}/"),
        RowPrefix::FollowersOf(user) => format!("follower/{user}/"),
        RowPrefix::BlockedBy(user) => format!("block/{user}/"),
        RowPrefix::PublicGuilds => "public_guild/".to_owned(),
        RowPrefix::AuditOf(guild) => format!("audit/{guild}/"),
    }
}

/// A state row. Hexadecimal, because databases order byte strings by length first.
pub(super) fn state(key: &StateKey) -> String {
    state_prefix(key.table, &key.key)
}

/// What the names of state rows with this prefix start with.
pub(super) fn state_prefix(table: StateTable, prefix: &[u8]) -> String {
    format!("{:03}/{}", table.number(), hex(prefix))
}

/// The table that a state row's name tells.
pub(super) fn parse_state_table(name: &str) -> Option<StateTable> {
    StateTable::from_number(name.split_once('/')?.0.parse().ok()?)
}

/// A consumer's cursor.
pub(super) fn consumer(name: &str) -> String {
    format!("consumer/{name}")
}

/// The epoch.
pub(super) const EPOCH: &str = "epoch";

/// The first name behind all names that start with `prefix`.
pub(super) fn end_of(prefix: &str) -> String {
    format!("{prefix}{AFTER_ALL}")
}

/// The first name behind `name` itself.
pub(super) fn just_after(name: &str) -> String {
    format!("{name}\0")
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing into a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
