//! Reading the audit: events of a guild that have a sealed part, and notes, together and the newest first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use madang_storage::decode;
use madang_storage::model::{
    Audited, GuildId, Permissions, Room, RoomKind, Row, RowKey, RowPrefix, Sealed, StateTable, StreamId,
    TargetId, Timestamp, UserId,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::notes::{Note, key_before, scope};
use crate::chat::places::GuildCopy;
use crate::chat::view::{Time, UserView};
use crate::chat::{Chat, Error, Identity, Result};

/// How many entries a page has at most.
const MAX_PAGE: u64 = 100;
/// How many entries are looked at for one page, whatever the filters let through.
const MAX_LOOKED_AT: usize = 1_000;
/// How many are read at a time.
const READ_AHEAD: usize = 200;

/// What is looked for; what is `None` is not asked.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Who did it.
    pub actor: Option<UserId>,
    /// The name of its kind.
    pub kind: Option<String>,
    /// To whom or what.
    pub target: Option<TargetId>,
    /// Not before this moment, as RFC 3339.
    pub from: Option<String>,
    /// Not after this moment.
    pub to: Option<String>,
}

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditEntry {
    /// When.
    pub at: Time,
    /// Who; `null` for the server itself, or whoever keeps it.
    pub actor: Option<UserId>,
    /// What: the kind of the event, or `invite.created` and the like.
    pub kind: String,
    /// To whom or what.
    pub target: Option<TargetId>,
    /// Why, in the words of whoever did it; may be empty.
    pub reason: String,
    /// What was before and is after, and the like.
    pub details: BTreeMap<String, String>,
}

/// A page of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditPage {
    /// The newest first. A page may be short, or empty, although there are more.
    pub entries: Vec<AuditEntry>,
    /// The people among actors and targets: who is gone shares nothing with the asker, who could not look the name up.
    pub users: Vec<UserView>,
    /// Where the next page goes on; `null` when there is none.
    pub next: Option<String>,
}

/// An entry before it is shown.
enum Found {
    Event {
        at: Timestamp,
        stream: StreamId,
        rev: u64,
        audited: Audited,
    },
    Note {
        note: Note,
    },
}

impl Found {
    fn at(&self) -> Timestamp {
        match self {
            Self::Event { at, .. } => *at,
            Self::Note { note, .. } => note.at,
        }
    }

    fn fits(&self, filter: &AuditFilter) -> bool {
        let (actor, kind, target) = match self {
            Self::Event { audited, .. } => (audited.actor, &audited.kind, audited.target),
            Self::Note { note, .. } => (note.actor, &note.kind, note.target),
        };
        filter.actor.is_none_or(|wanted| actor == Some(wanted))
            && filter.kind.as_ref().is_none_or(|wanted| kind == wanted)
            && filter.target.is_none_or(|wanted| target == Some(wanted))
    }
}

/// Where a reader stands in both lists.
#[derive(Debug, Clone, Default)]
struct Place {
    event: Option<RowKey>,
    note: Option<Vec<u8>>,
}

/// Both lists, read ahead of whoever takes from them.
struct Lists<'a> {
    chat: &'a Chat,
    guild: Option<GuildId>,
    place: Place,
    events: VecDeque<(RowKey, Row)>,
    notes: VecDeque<(Vec<u8>, Note)>,
    events_end: bool,
    notes_end: bool,
}

impl Chat {
    /// A page of a guild's audit, for those who may view it; without a guild of the instance's, for its administrators.
    pub async fn audit(
        &self,
        identity: &Identity,
        guild: Option<GuildId>,
        filter: &AuditFilter,
        after: Option<&str>,
        limit: Option<u64>,
    ) -> Result<AuditPage> {
        match guild {
            Some(guild) => self
                .guild_access(identity, guild)
                .await?
                .require(Permissions::VIEW_AUDIT)?,
            None => self.require_administrator(identity).await?,
        }
        let limit = limit.unwrap_or(MAX_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            let text = format!("a page has 1 to {MAX_PAGE} entries");
            return Err(Error::invalid("limit", text));
        }
        let (from, to) = (
            moment("from", filter.from.as_deref())?,
            moment("to", filter.to.as_deref())?,
        );
        let place = match after {
            Some(after) => Place::read(guild, after)?,
            None => Place::at(guild, to),
        };
        let mut lists = Lists::from(self, guild, place);
        let (mut entries, mut is_end) = (Vec::new(), false);
        for _ in 0..MAX_LOOKED_AT {
            if entries.len() as u64 == limit {
                break;
            }
            let found = lists.next().await?;
            let Some(found) = found.filter(|found| from.is_none_or(|from| found.at() >= from)) else {
                is_end = true;
                break;
            };
            if found.fits(filter) && self.may_know(identity, guild, &found).await? {
                entries.extend(self.shown(found).await?);
            }
        }
        Ok(AuditPage {
            users: self.people_in(&entries).await?,
            entries,
            next: (!is_end).then(|| lists.place.write()),
        })
    }

    /// Whether the reader may know of the room that an entry is about: who does not see a channel sees it nowhere.
    async fn may_know(&self, identity: &Identity, guild: Option<GuildId>, found: &Found) -> Result<bool> {
        let (
            Some(guild),
            Found::Event {
                stream: StreamId::Room(room),
                ..
            },
        ) = (guild, found)
        else {
            return Ok(true);
        };
        // The row, not the copy: of a deleted channel it still says who saw it.
        let mut row = self.store().room(*room).await?;
        if let Some(Room {
            kind: RoomKind::Thread { parent, .. },
            ..
        }) = row
        {
            row = self.store().room(parent).await?;
        }
        let Some(row) = row else { return Ok(false) };
        let sees = |copy: &GuildCopy| {
            copy.permissions_in(identity.user, &row)
                .contains(Permissions::VIEW)
        };
        self.look_at_guild(guild, sees).await
    }

    /// Everybody whom entries name. What else they are about is no user's id.
    async fn people_in(&self, entries: &[AuditEntry]) -> Result<Vec<UserView>> {
        let targets = entries.iter().filter_map(|entry| entry.target);
        let actors = entries.iter().filter_map(|entry| entry.actor);
        let named: BTreeSet<UserId> = targets
            .map(|target| UserId::from_u128(target.as_u128()))
            .chain(actors)
            .collect();
        self.views_of(named.into_iter().collect()).await
    }

    /// An entry with what only its event says; `None` for an event that is no more.
    async fn shown(&self, found: Found) -> Result<Option<AuditEntry>> {
        let (stream, rev, audited, at) = match found {
            Found::Note { note, .. } => {
                return Ok(Some(AuditEntry {
                    at: Time(note.at),
                    actor: note.actor,
                    kind: note.kind,
                    target: note.target,
                    reason: note.reason,
                    details: note.details,
                }));
            }
            Found::Event {
                stream,
                rev,
                audited,
                at,
                ..
            } => (stream, rev, audited, at),
        };
        let page = self.store().events(stream, rev.saturating_sub(1), 1).await?;
        let commit = page.commits.into_iter().find(|commit| commit.event.rev() == rev);
        let Some(event) = commit.map(|commit| commit.event) else {
            return Ok(None);
        };
        let seq = event.fact.message_seq(&event.head);
        let Some(Sealed { reason, mut details }) = event.sealed else {
            return Ok(None);
        };
        details.remove(Sealed::GUILD);
        details.extend(seq.map(|seq| ("seq".to_owned(), seq.to_string())));
        Ok(Some(AuditEntry {
            at: Time(at),
            actor: audited.actor,
            kind: audited.kind,
            target: audited.target,
            reason,
            details,
        }))
    }
}

impl<'a> Lists<'a> {
    fn from(chat: &'a Chat, guild: Option<GuildId>, place: Place) -> Self {
        Self {
            chat,
            guild,
            place,
            events: VecDeque::new(),
            notes: VecDeque::new(),
            // The instance has no events of its own that are audited.
            events_end: guild.is_none(),
            notes_end: false,
        }
    }

    /// The newest entry that was not taken yet.
    async fn next(&mut self) -> Result<Option<Found>> {
        self.read_ahead().await?;
        let event_at = self.events.front().and_then(|(key, _)| match key {
            RowKey::Audit { at, .. } => Some(at.0),
            _ => None,
        });
        let note_at = self.notes.front().map(|(_, note)| note.at);
        if event_at.is_none() || note_at > event_at {
            let Some((key, note)) = self.notes.pop_front() else {
                return Ok(None);
            };
            self.place.note = Some(key.clone());
            return Ok(Some(Found::Note { note }));
        }
        let Some((key, Row::Audit(audited))) = self.events.pop_front() else {
            return Ok(None);
        };
        self.place.event = Some(key.clone());
        Ok(match key {
            RowKey::Audit { at, stream, rev, .. } => Some(Found::Event {
                at: at.0,
                stream,
                rev: rev.0,
                audited,
            }),
            _ => None,
        })
    }

    async fn read_ahead(&mut self) -> Result<()> {
        if let (Some(guild), true, false) = (self.guild, self.events.is_empty(), self.events_end) {
            let list = RowPrefix::AuditOf(guild);
            let store = self.chat.store();
            let page = store
                .list_rows(&list, self.place.event.as_ref(), READ_AHEAD)
                .await?;
            self.events_end = !page.more;
            self.events.extend(page.rows);
        }
        if self.notes.is_empty() && !self.notes_end {
            let (store, prefix) = (self.chat.store(), scope(self.guild));
            let after = self.place.note.as_deref();
            let page = store
                .state_list(StateTable::AuditNotes, &prefix, after, READ_AHEAD)
                .await?;
            self.notes_end = !page.more;
            for (key, row) in page.rows {
                self.notes.push_back((key, decode(&row.value)?));
            }
        }
        Ok(())
    }
}

impl Place {
    /// Before everything that is not newer than a moment.
    fn at(guild: Option<GuildId>, to: Option<Timestamp>) -> Self {
        let Some(to) = to else { return Self::default() };
        let event = guild.map(|guild| RowKey::Audit {
            guild,
            // Behind all that happened a millisecond later.
            at: Reverse(to.plus_millis(1)),
            stream: StreamId::User(UserId::from_u128(u128::MAX)),
            rev: Reverse(0),
        });
        Self {
            event,
            note: Some(key_before(guild, to)),
        }
    }

    /// As clients hand it back: the time, stream and rev of an event, and the key of a note.
    fn write(&self) -> String {
        let event = match &self.event {
            Some(RowKey::Audit { at, stream, rev, .. }) => [
                &at.0.as_millis().to_be_bytes()[..],
                &stream.to_bytes(),
                &rev.0.to_be_bytes(),
            ]
            .concat(),
            _ => Vec::new(),
        };
        let note = self.note.as_deref().and_then(|key| key.get(16..));
        format!("{}-{}", hex(&event), hex(note.unwrap_or_default()))
    }

    fn read(guild: Option<GuildId>, text: &str) -> Result<Self> {
        let wrong = || Error::invalid("after", "expected what a page has answered as next");
        let (event, note) = text.split_once('-').ok_or_else(wrong)?;
        let (event, note) = (unhex(event).ok_or_else(wrong)?, unhex(note).ok_or_else(wrong)?);
        let event = match (guild, event.len()) {
            (_, 0) => None,
            (Some(guild), 33) => Some(event_key(guild, &event).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        };
        let note = match note.len() {
            0 => None,
            8 | 24 => Some([&scope(guild)[..], &note].concat()),
            _ => return Err(wrong()),
        };
        Ok(Self { event, note })
    }
}

fn event_key(guild: GuildId, bytes: &[u8]) -> Option<RowKey> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (stream, rev) = rest.split_first_chunk::<17>()?;
    Some(RowKey::Audit {
        guild,
        at: Reverse(Timestamp::from_millis(u64::from_be_bytes(*at))),
        stream: StreamId::from_bytes(*stream)?,
        rev: Reverse(u64::from_be_bytes(rev.try_into().ok()?)),
    })
}

/// A moment as clients write it.
fn moment(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || Error::invalid(field, "expected a time like 2026-11-20T09:30:00Z");
    let moment: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    let millis = u64::try_from(moment.as_millisecond()).map_err(|_| wrong())?;
    Ok(Some(Timestamp::from_millis(millis)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let is_fit = text.len() <= 128 && text.len().is_multiple_of(2) && text.is_ascii();
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    is_fit.then(|| (0..text.len()).step_by(2).map(byte).collect())?
}
