//! Projected rows: by key and as lists.

use std::collections::{BTreeMap, BTreeSet};

use madang_storage::model::{Row, RowKey, RowPrefix};
use madang_storage::{Error, MAX_ROWS_PER_PAGE, Store};

use super::{Findings, Fold};

/// Compares every row with what the events make of it, and every list with the rows that belong into it.
pub(super) async fn check(store: &Store, fold: &Fold, findings: &mut Findings) -> Result<(), Error> {
    check_by_key(store, fold, findings).await?;
    if findings.damaged.is_empty() && findings.failed.is_empty() {
        // A list may have rows of a stream that could not be read: then nobody can say what belongs into it.
        for (prefix, expected) in lists(fold) {
            check_list(store, &prefix, &expected, findings).await?;
        }
    }
    check_counts(fold, findings);
    Ok(())
}

async fn check_by_key(store: &Store, fold: &Fold, findings: &mut Findings) -> Result<(), Error> {
    let keys: Vec<&RowKey> = fold.rows.keys().chain(&fold.gone).collect();
    for keys in keys.chunks(MAX_ROWS_PER_PAGE / 2) {
        let keys: Vec<RowKey> = keys.iter().copied().cloned().collect();
        let rows = store.rows(&keys).await?;
        findings.check(rows.len() == keys.len(), || {
            "a page of rows is too short".to_owned()
        });
        for (key, row) in keys.iter().zip(&rows) {
            findings.check(row.as_ref() == fold.rows.get(key), || {
                match (row, fold.rows.get(key)) {
                    (None, _) => format!("{key:?} is missing"),
                    (Some(_), None) => format!("{key:?} should be gone"),
                    (Some(_), Some(_)) => format!("{key:?} is not what its events make"),
                }
            });
        }
    }
    Ok(())
}

/// Every list that any row belongs to or belonged to, with its rows.
fn lists(fold: &Fold) -> Vec<(RowPrefix, BTreeSet<RowKey>)> {
    let mut lists: BTreeMap<String, (RowPrefix, BTreeSet<RowKey>)> = BTreeMap::new();
    for key in fold.rows.keys().chain(&fold.gone) {
        let Some(prefix) = list_of(key) else { continue };
        let (_, rows) = lists
            .entry(format!("{prefix:?}"))
            .or_insert_with(|| (prefix, BTreeSet::new()));
        if fold.rows.contains_key(key) {
            rows.insert(key.clone());
        }
    }
    lists.into_values().collect()
}

fn list_of(key: &RowKey) -> Option<RowPrefix> {
    Some(match key {
        RowKey::Member { guild, .. } => RowPrefix::MembersOf(*guild),
        RowKey::GuildOf { user, .. } => RowPrefix::GuildsOf(*user),
        RowKey::Channel { guild, .. } => RowPrefix::ChannelsOf(*guild),
        RowKey::Reaction { room, seq, emoji, .. } => RowPrefix::ReactionsOf {
            room: *room,
            seq: *seq,
            emoji: emoji.clone(),
        },
        _ => return None,
    })
}

async fn check_list(
    store: &Store,
    prefix: &RowPrefix,
    expected: &BTreeSet<RowKey>,
    findings: &mut Findings,
) -> Result<(), Error> {
    let page = store.list_rows(prefix, None, MAX_ROWS_PER_PAGE).await?;
    let listed: BTreeSet<RowKey> = page.rows.iter().map(|(key, _)| key.clone()).collect();
    findings.check(!page.more, || format!("{prefix:?} goes on where it should end"));
    findings.check(listed == *expected, || {
        format!(
            "{prefix:?} lists {} rows, its events make {}",
            listed.len(),
            expected.len()
        )
    });
    Ok(())
}

/// The counts on a message are the number of its reaction rows, unless it was deleted.
fn check_counts(fold: &Fold, findings: &mut Findings) {
    let mut counted: BTreeMap<(RowKey, String), u32> = BTreeMap::new();
    for key in fold.rows.keys() {
        if let RowKey::Reaction { room, seq, emoji, .. } = key {
            let message = RowKey::Message {
                room: *room,
                seq: *seq,
            };
            *counted.entry((message, emoji.clone())).or_default() += 1;
        }
    }
    for (key, row) in &fold.rows {
        let Row::Message(record) = row else { continue };
        for reaction in &record.reactions {
            let rows = counted
                .get(&(key.clone(), reaction.emoji.clone()))
                .copied()
                .unwrap_or_default();
            findings.check(rows == reaction.count, || {
                format!(
                    "{key:?} counts {} of an emoji that {rows} people put there",
                    reaction.count
                )
            });
        }
    }
}
