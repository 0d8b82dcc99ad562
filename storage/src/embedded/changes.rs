//! What changed since: read from the change rows of commit groups, or from all heads when those are gone.

use std::collections::BTreeMap;

use super::stored::{StoredChanges, Tick};
use super::{frame, tables};
use crate::MAX_ROWS_PER_PAGE;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{Head, StateTable};
use crate::store::changes::{Change, Changed, Changes, Cursor};

/// Where a cursor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Position {
    /// Every change up to this group was told, and of the next group so many entries.
    After { tick: u64, told: u32 },
    /// All heads are being told, after this key; then it goes on with the group after `tick`.
    Scanning { tick: u64, after_key: Vec<u8> },
}

impl Position {
    /// The position of a cursor's bytes; `Scanning` from the start is made by the caller for an empty cursor.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let number = |range: std::ops::Range<usize>| -> Option<u64> {
            bytes.get(range)?.try_into().ok().map(u64::from_be_bytes)
        };
        let parsed = match bytes.first() {
            Some(1) if bytes.len() == 13 => number(1..9).and_then(|tick| {
                let told = bytes.get(9..13)?.try_into().ok().map(u32::from_be_bytes)?;
                Some(Self::After { tick, told })
            }),
            Some(2) => number(1..9).map(|tick| Self::Scanning {
                tick,
                after_key: bytes.get(9..).unwrap_or_default().to_vec(),
            }),
            _ => None,
        };
        parsed.ok_or_else(|| Error::Damaged("a cursor has an unknown form".to_owned()))
    }

    pub(crate) fn cursor(&self) -> Cursor {
        let mut bytes = Vec::with_capacity(32);
        match self {
            Self::After { tick, told } => {
                bytes.push(1);
                bytes.extend_from_slice(&tick.to_be_bytes());
                bytes.extend_from_slice(&told.to_be_bytes());
            }
            Self::Scanning { tick, after_key } => {
                bytes.push(2);
                bytes.extend_from_slice(&tick.to_be_bytes());
                bytes.extend_from_slice(after_key);
            }
        }
        Cursor::from_bytes(bytes)
    }

    /// The newest group that need not be kept for this position.
    pub(crate) fn tick(&self) -> u64 {
        match self {
            Self::After { tick, .. } | Self::Scanning { tick, .. } => *tick,
        }
    }
}

/// See [`crate::Backend::changed_since`].
pub(crate) fn read(engine: &dyn Engine, cursor: &Cursor, limit: usize) -> Result<Changes> {
    if limit == 0 || limit > MAX_ROWS_PER_PAGE {
        return Err(Error::TooLarge {
            what: "a page of changes",
            limit: MAX_ROWS_PER_PAGE,
        });
    }
    let tick = super::current_tick(engine)?;
    let scan = Position::Scanning {
        tick: tick.number,
        after_key: Vec::new(),
    };
    let position = if cursor.as_bytes().is_empty() {
        scan.clone()
    } else {
        Position::parse(cursor.as_bytes())?
    };
    match position {
        // A cursor from ahead of the data was made by another life of it.
        Position::After { tick: at, .. } if at > tick.number || at + 1 < tick.changes_from => {
            read_heads(engine, scan, limit)
        }
        Position::After { tick: at, told } => read_groups(engine, &tick, at, told, limit),
        scanning @ Position::Scanning { .. } => read_heads(engine, scanning, limit),
    }
}

fn read_groups(engine: &dyn Engine, tick: &Tick, at: u64, told: u32, limit: usize) -> Result<Changes> {
    let mut found = BTreeMap::new();
    let (mut at, mut told) = (at, told);
    while at < tick.number && found.len() < limit {
        let key = tables::change(at + 1);
        let Some(changes) = frame::read_as::<StoredChanges>(engine, &key)? else {
            // A sweep may have removed the row since the tick was read; then all heads are told instead.
            let now = super::current_tick(engine)?;
            if at + 1 < now.changes_from {
                let scan = Position::Scanning {
                    tick: now.number,
                    after_key: Vec::new(),
                };
                return read_heads(engine, scan, limit);
            }
            return Err(Error::Damaged(format!("{} is missing", frame::describe(&key))));
        };
        let entries = entries(&changes)?;
        let total = entries.len();
        for change in entries.into_iter().skip(told as usize) {
            if found.len() == limit && !found.contains_key(&change.what) {
                break;
            }
            let head = found.entry(change.what).or_insert(change.head);
            *head = change.head.max(*head);
            told += 1;
        }
        if told as usize == total {
            (at, told) = (at + 1, 0);
        } else {
            break;
        }
    }
    let entries = found
        .into_iter()
        .map(|(what, head)| Change { what, head })
        .collect();
    Ok(Changes {
        entries,
        cursor: Position::After { tick: at, told }.cursor(),
        more: at < tick.number,
    })
}

fn entries(changes: &StoredChanges) -> Result<Vec<Change>> {
    let mut entries = Vec::with_capacity(changes.streams.len() + changes.tables.len());
    entries.extend(changes.streams.iter().map(|(stream, head)| Change {
        what: Changed::Stream(*stream),
        head: *head,
    }));
    for (number, head) in &changes.tables {
        let table = StateTable::from_number(*number)
            .ok_or_else(|| Error::Damaged(format!("a change names the unknown state table {number}")))?;
        entries.push(Change {
            what: Changed::State(table),
            head: *head,
        });
    }
    Ok(entries)
}

/// Tells all heads, then all state tables; `after_key` is the key of the one that was told last.
fn read_heads(engine: &dyn Engine, scan: Position, limit: usize) -> Result<Changes> {
    let Position::Scanning { tick, mut after_key } = scan else {
        return Err(Error::Damaged("a cursor has an unknown form".to_owned()));
    };
    let mut entries = Vec::new();
    if after_key.first() != Some(&tables::Table::Meta.number()) {
        let (start, end) = tables::whole(tables::Table::Heads);
        let from = if after_key.is_empty() {
            start
        } else {
            tables::after(&after_key)
        };
        for (key, main) in engine.range(&from, &end, limit, false)? {
            let Some(content) = frame::read(engine, &key, Some(main))? else {
                continue;
            };
            let head: Head = frame::decode(&key, &content)?;
            entries.push(Change {
                what: Changed::Stream(tables::stream_of(&key)?),
                head: head.rev,
            });
            after_key = key;
        }
    }
    let told =
        |key: &[u8]| after_key.first() == Some(&tables::Table::Meta.number()) && key <= after_key.as_slice();
    let tables_left = StateTable::ALL.map(|table| (table, tables::state_count(table)));
    let mut last_table = None;
    for (table, key) in tables_left.iter().filter(|(_, key)| !told(key)) {
        if entries.len() == limit {
            let after_key = last_table.unwrap_or(after_key);
            return Ok(Changes {
                entries,
                cursor: Position::Scanning { tick, after_key }.cursor(),
                more: true,
            });
        }
        if let Some(head) = frame::read_as::<u64>(engine, key)? {
            entries.push(Change {
                what: Changed::State(*table),
                head,
            });
        }
        last_table = Some(key.clone());
    }
    let more = super::current_tick(engine)?.number > tick;
    Ok(Changes {
        entries,
        cursor: Position::After { tick, told: 0 }.cursor(),
        more,
    })
}
