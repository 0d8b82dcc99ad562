//! State rows: at least as new as acknowledged, and exactly the content of their version.

use std::collections::BTreeMap;

use madang_storage::model::{Marker, StateKey, StateRow, StateTable};
use madang_storage::{Error, MAX_ROWS_PER_PAGE, Store, decode};

use super::{Findings, Fold};
use crate::content::{Blob, hash_of};
use crate::knowledge::{AtLeast, Knowledge};
use crate::writer::{BLOB, MARKER, blob_key};

/// Checks every state row that is known of, and every one that is listed.
pub(super) async fn check(
    store: &Store,
    knowledge: &Knowledge,
    fold: &Fold,
    findings: &mut Findings,
) -> Result<(), Error> {
    let blobs = list(store, StateTable::Sessions).await?;
    findings.states += blobs.len();
    for (key, row) in &blobs {
        let blob = decode::<Blob>(&row.value)?;
        let expected = Blob::new(key, row.version, blob.writer);
        findings.check(blob == expected, || format!("state row {} is altered", name(key)));
    }
    let markers = list(store, StateTable::Markers).await?;
    for (known, least) in &knowledge.states {
        let Some((kind, key)) = known.split_first() else {
            continue;
        };
        let (table, gone) = match *kind {
            BLOB => (&blobs, knowledge.removed.contains(known)),
            MARKER => (&markers, false),
            _ => continue,
        };
        let row = table.get(key);
        findings.check(row.is_none() || !gone, || {
            format!("state row {} was removed and is back", name(key))
        });
        match row {
            None if knowledge.removing.contains(known) => {}
            None => findings.lose(format!("state row {} is missing", name(key))),
            Some(row) => check_row(*kind, key, row, *least, findings)?,
        }
        if *kind == BLOB {
            check_single(store, key, row, findings).await?;
        }
    }
    check_markers(store, fold, findings).await
}

fn check_row(
    kind: u8,
    key: &[u8],
    row: &StateRow,
    least: AtLeast,
    findings: &mut Findings,
) -> Result<(), Error> {
    let version = row.version;
    findings.check(version >= least.version, || {
        format!(
            "state row {} was at version {} and is at {version}",
            name(key),
            least.version
        )
    });
    if version == least.version {
        let hash = match kind {
            BLOB => hash_of(&decode::<Blob>(&row.value)?),
            _ => hash_of(&decode::<Marker>(&row.value)?),
        };
        findings.check(hash == least.hash, || {
            format!("state row {} has another content", name(key))
        });
    }
    Ok(())
}

/// A row on its own is what the list shows.
async fn check_single(
    store: &Store,
    key: &[u8],
    listed: Option<&StateRow>,
    findings: &mut Findings,
) -> Result<(), Error> {
    let single = store.state::<Blob>(&blob_key(key)).await?;
    let same = single.as_ref().map(|row| row.version) == listed.map(|row| row.version);
    findings.check(same, || {
        format!("state row {} differs between a list and a read", name(key))
    });
    Ok(())
}

/// Whoever posted has read that far.
async fn check_markers(store: &Store, fold: &Fold, findings: &mut Findings) -> Result<(), Error> {
    for ((user, room), least) in &fold.markers {
        let marker = store.state::<Marker>(&StateKey::marker(*user, *room)).await?;
        let seq = marker.map_or(0, |row| row.record.seq);
        findings.check(seq >= least.seq, || {
            format!(
                "the marker of {user} in {room} stands at {seq}, a post moved it to {}",
                least.seq
            )
        });
    }
    Ok(())
}

async fn list(store: &Store, table: StateTable) -> Result<BTreeMap<Vec<u8>, StateRow>, Error> {
    let mut rows = BTreeMap::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store
            .state_list(table, &[], after.as_deref(), MAX_ROWS_PER_PAGE / 4)
            .await?;
        after = page.rows.last().map(|(key, _)| key.clone());
        rows.extend(page.rows);
        if !page.more {
            return Ok(rows);
        }
    }
}

fn name(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
