//! Every row by itself: its table is declared, its checksum fits, it decodes, and what it belongs to exists.

use super::{Checker, SLICE};
use crate::Result;
use crate::embedded::bulk::everything;
use crate::embedded::changes::Position;
use crate::embedded::nonces::{Place, Used};
use crate::embedded::stored::{StoredEvent, StoredMessage, StoredNonces, StoredState, decode_row};
use crate::embedded::tables::{self, Table};
use crate::embedded::{frame, reads};
use crate::error::Error;
use crate::model::{Event, GuildId, Head, RoomId, RoomKind, Row, RowKey, StateKey, StateRow, StreamId};

impl Checker<'_> {
    pub(super) fn rows(&mut self) -> Result<()> {
        let (mut from, to) = everything();
        loop {
            let pairs = self.engine.range(&from, &to, SLICE, false)?;
            let Some((last, _)) = pairs.last() else {
                return Ok(());
            };
            from = tables::after(last);
            for (key, main) in pairs {
                self.report.rows += 1;
                self.row(&key, main)?;
            }
            self.step()?;
        }
    }

    fn row(&mut self, key: &[u8], main: Vec<u8>) -> Result<()> {
        let Ok(table) = Table::of(key) else {
            self.problem(key, "no version has declared its table");
            return Ok(());
        };
        if table == Table::Parts {
            let checked = self.part(key);
            return self.noted(key, checked).map(|_| ());
        }
        let Some(content) = self.content(key, Some(main))? else {
            return Ok(());
        };
        let checked = self.content_of(table, key, &content);
        self.noted(key, checked).map(|_| ())
    }

    /// A part belongs to a row that has so many.
    fn part(&mut self, key: &[u8]) -> Result<()> {
        let (main, number) = tables::part_of(key)?;
        let parts = match self.engine.get(main)? {
            // What is wrong with the row itself is told of the row.
            Some(value) => frame::part_count(main, &value).unwrap_or(u8::MAX),
            None => 0,
        };
        if number < parts {
            Ok(())
        } else {
            damaged("it belongs to no row")
        }
    }

    fn content_of(&mut self, table: Table, key: &[u8], content: &[u8]) -> Result<()> {
        match table {
            Table::Meta | Table::Changes | Table::Parts => Ok(()),
            Table::Heads => {
                let head: Head = frame::decode(key, content)?;
                exact(key, 18)?;
                tables::stream_of(key)?;
                if head.exists() {
                    Ok(())
                } else {
                    damaged("it is of no event")
                }
            }
            Table::Events => {
                let stream = tables::stream_of(key)?;
                exact(key, 26)?;
                let event = frame::decode::<StoredEvent>(key, content)?.into_event(stream);
                self.within(stream, event.rev())
            }
            Table::Messages => self.message_row(key, content),
            Table::Reactions => {
                frame::decode::<crate::model::Reaction>(key, content)?;
                let message = key.get(1..25).unwrap_or_default();
                let message = [&[Table::Messages.number()], message].concat();
                self.belongs_to(&message)
            }
            Table::Instance
            | Table::Guilds
            | Table::Users
            | Table::Rooms
            | Table::Members
            | Table::GuildsOf
            | Table::Channels
            | Table::Roles
            | Table::Categories
            | Table::Bans
            | Table::RoomMembers
            | Table::RoomsOf
            | Table::Threads
            | Table::Pins
            | Table::WideMentions
            | Table::Inbox
            | Table::Follows
            | Table::Followers
            | Table::Blocks
            | Table::Audit
            | Table::PublicGuilds => self.projected(key, content),
            Table::Nonces => self.nonces(key, content),
            Table::State => self.state(key, content),
            Table::Expiries => self.expiry(key, content),
            Table::Consumers => {
                let bytes: serde_bytes::ByteBuf = frame::decode(key, content)?;
                Position::parse(&bytes).map(|_| ())
            }
        }
    }

    fn belongs_to(&self, key: &[u8]) -> Result<()> {
        match self.engine.get(key)? {
            Some(_) => Ok(()),
            None => damaged(format_args!(
                "it belongs to {}, which is missing",
                super::words(key)
            )),
        }
    }

    /// No row is of an event that its stream does not have.
    fn within(&self, stream: StreamId, rev: u64) -> Result<()> {
        let head = reads::head(&*self.engine, stream)?;
        if rev <= head.rev {
            return Ok(());
        }
        damaged(format_args!("it is of rev {rev}, {stream} ends at {}", head.rev))
    }

    fn message_row(&self, key: &[u8], content: &[u8]) -> Result<()> {
        let StoredMessage { record, post } = frame::decode(key, content)?;
        exact(key, 25)?;
        let stream = StreamId::Room(RoomId::from_bytes(id(key, 1)?));
        if tables::trailing_number(key)? != record.seq {
            return damaged(format_args!("it says that it is message {}", record.seq));
        }
        let head = reads::head(&*self.engine, stream)?;
        if record.seq > head.seq {
            return damaged(format_args!("{stream} ends at message {}", head.seq));
        }
        if post.rev > record.rev {
            return damaged(format_args!(
                "it was posted by event {} and is at rev {}",
                post.rev, record.rev
            ));
        }
        self.within(stream, record.rev)
    }

    /// A row belongs to a stream; one that is found both ways is the same both ways, and one that points to another
    /// row points to one that fits.
    fn projected(&self, key: &[u8], content: &[u8]) -> Result<()> {
        let Some(row) = tables::row_key(key)? else {
            return damaged("its key names no row");
        };
        let value = decode_row(&row, key, content)?;
        self.belongs_to(&tables::head(row.stream()))?;
        let other = match row {
            RowKey::GuildOf { user, guild } => RowKey::Member { guild, user },
            RowKey::RoomOf { user, room } => RowKey::RoomMember { room, user },
            RowKey::Follower { user, follower } => RowKey::Follow {
                user: follower,
                followed: user,
            },
            RowKey::Channel { guild, room } => return self.room_of(room, |kind| kind.guild() == Some(guild)),
            RowKey::Thread { parent, room } => {
                let hangs =
                    |kind: &RoomKind| matches!(kind, RoomKind::Thread { parent: on, .. } if *on == parent);
                return self.room_of(room, hangs);
            }
            RowKey::Pin { room, seq }
            | RowKey::WideMention { room, seq }
            | RowKey::Inbox { room, seq, .. } => {
                return self.belongs_to(&tables::message(room, seq));
            }
            RowKey::PublicGuild(guild) => return self.is_open(guild),
            _ => return Ok(()),
        };
        if reads::row(&*self.engine, &other)? == Some(value) {
            return Ok(());
        }
        damaged("it is not the same when it is found the other way")
    }

    fn room_of(&self, room: RoomId, fits: impl Fn(&RoomKind) -> bool) -> Result<()> {
        match reads::row(&*self.engine, &RowKey::Room(room))? {
            Some(Row::Room(room)) if fits(&room.kind) => Ok(()),
            _ => damaged("the room belongs elsewhere"),
        }
    }

    fn is_open(&self, guild: GuildId) -> Result<()> {
        match reads::row(&*self.engine, &RowKey::Guild(guild))? {
            Some(Row::Guild(guild)) if guild.is_open() => Ok(()),
            _ => damaged("not everybody may join the guild"),
        }
    }

    /// Each hash is that of the nonce of the event that it stands for.
    fn nonces(&self, key: &[u8], content: &[u8]) -> Result<()> {
        exact(key, 13)?;
        let day = tables::day_of(key)?;
        let row: StoredNonces = frame::decode(key, content)?;
        for (stream, hash, place) in row.all() {
            // A row that cannot be read is told of by itself.
            let Ok(event) = self.event_at(stream, place) else {
                continue;
            };
            let own = event.as_ref().and_then(Used::of);
            let noted = Used {
                day,
                stream,
                hash,
                place,
            };
            if own != Some(noted) {
                return damaged(format_args!("{place:?} of {stream} does not have its nonce"));
            }
        }
        Ok(())
    }

    fn event_at(&self, stream: StreamId, place: Place) -> Result<Option<Event>> {
        match (place, stream) {
            (Place::Message(seq), StreamId::Room(room)) => {
                let key = tables::message(room, seq);
                let stored = frame::read_as::<StoredMessage>(&*self.engine, &key)?;
                Ok(stored.map(|stored| stored.event(room)))
            }
            (Place::Message(_), _) => Ok(None),
            (Place::Event(rev), _) => {
                let key = tables::event(stream, rev);
                let stored = frame::read_as::<StoredEvent>(&*self.engine, &key)?;
                Ok(stored.map(|stored| stored.into_event(stream)))
            }
        }
    }

    /// A state row has its counter, and the note of its expiry if it has one.
    fn state(&self, key: &[u8], content: &[u8]) -> Result<()> {
        let row = StateRow::from(frame::decode::<StoredState>(key, content)?);
        let name = tables::state_key(key)?;
        let count = frame::read_as::<u64>(&*self.engine, &tables::state_count(name.table))?.unwrap_or(0);
        if row.version == 0 || row.version > count {
            return damaged(format_args!(
                "it has version {}, its table was written {count} times",
                row.version
            ));
        }
        match row.expires_at {
            Some(at) if self.engine.get(&tables::expiry(at, &name))?.is_none() => {
                damaged("the note of its expiry is missing")
            }
            _ => Ok(()),
        }
    }

    fn expiry(&self, key: &[u8], content: &[u8]) -> Result<()> {
        frame::decode::<()>(key, content)?;
        let name: StateKey = tables::expiring_row(key)?;
        let row = reads::state(&*self.engine, &name)?;
        match row.and_then(|row| row.expires_at) {
            Some(at) if tables::expiry(at, &name) == key => Ok(()),
            _ => damaged("no row expires then"),
        }
    }
}

fn id(key: &[u8], at: usize) -> Result<[u8; 16]> {
    let bytes = key.get(at..at + 16).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Error::Damaged("its key is too short".to_owned()))
}

fn exact(key: &[u8], length: usize) -> Result<()> {
    if key.len() == length {
        return Ok(());
    }
    damaged(format_args!("its key has {} bytes, not {length}", key.len()))
}

fn damaged(what: impl std::fmt::Display) -> Result<()> {
    Err(Error::Damaged(what.to_string()))
}
