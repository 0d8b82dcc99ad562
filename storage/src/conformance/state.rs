//! State rows: guarded writes and lists.

use serde::{Deserialize, Serialize};

use super::Fixture;
use super::support::at_once;
use crate::model::{StateKey, StateOutcome, StateRow, StateTable, Timestamp};
use crate::{Error, MAX_ROWS_PER_PAGE, Result, StateRecord, Store, encode};

/// A record of plain bytes, in the table with the highest number; no event writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl StateRecord for Setting {
    const TABLE: StateTable = StateTable::Settings;
}

/// A record of plain bytes in another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl StateRecord for Session {
    const TABLE: StateTable = StateTable::Sessions;
}

/// How many bytes the stored form adds to a record of about 64 KiB.
const OVERHEAD: usize = 4;

/// The row of a setting.
pub fn setting_key(name: &[u8]) -> StateKey {
    StateKey::new(StateTable::Settings, &[name])
}

fn setting(value: impl AsRef<[u8]>) -> Setting {
    Setting(value.as_ref().to_vec())
}

/// Makes a setting.
pub async fn insert(store: &Store, name: &[u8], value: &[u8], expires_at: Option<Timestamp>) -> StateOutcome {
    store
        .state_insert(setting_key(name), &setting(value), expires_at)
        .await
        .expect("answered")
}

/// Replaces a setting.
pub async fn replace(
    store: &Store,
    name: &[u8],
    version: u64,
    value: &[u8],
    expires_at: Option<Timestamp>,
) -> StateOutcome {
    store
        .state_replace(setting_key(name), version, &setting(value), expires_at)
        .await
        .expect("answered")
}

/// A setting's version and value.
pub async fn get(store: &Store, name: &[u8]) -> Option<(u64, Vec<u8>)> {
    let row = store.state::<Setting>(&setting_key(name)).await.expect("read")?;
    Some((row.version, row.record.0))
}

/// The outcome of a write that was done.
pub const fn written(version: u64) -> StateOutcome {
    StateOutcome::Written { version }
}

fn conflict_with(version: u64, value: &[u8]) -> StateOutcome {
    let value = encode(&setting(value)).expect("encoded");
    StateOutcome::Conflict {
        current: Some(StateRow {
            version,
            value,
            expires_at: None,
        }),
    }
}

const NO_ROW: StateOutcome = StateOutcome::Conflict { current: None };

/// A row starts with version 1, each change adds one, and a row made anew starts over.
pub async fn state_versions_count_changes(fixture: &mut Fixture) {
    let store = fixture.store();
    assert_eq!(get(store, b"k").await, None);
    assert_eq!(insert(store, b"k", b"one", None).await, written(1));
    assert_eq!(get(store, b"k").await, Some((1, b"one".to_vec())));
    assert_eq!(replace(store, b"k", 1, b"two", None).await, written(2));
    assert_eq!(
        replace(store, b"k", 2, b"two", None).await,
        written(3),
        "the same value is a change too"
    );
    assert_eq!(get(store, b"k").await, Some((3, b"two".to_vec())));
    assert_eq!(store.state_delete(setting_key(b"k"), 3).await, Ok(written(0)));
    assert_eq!(get(store, b"k").await, None);
    assert_eq!(insert(store, b"k", b"three", None).await, written(1));
    assert_eq!(get(store, b"k").await, Some((1, b"three".to_vec())));
}

/// A write that finds another row than it expects changes nothing and answers what is there.
pub async fn state_conflict_answers_the_present_row(fixture: &mut Fixture) {
    let store = fixture.store();
    let key = || setting_key(b"k");
    for version in [0, 1, 7] {
        assert_eq!(replace(store, b"k", version, b"no", None).await, NO_ROW);
        assert_eq!(store.state_delete(key(), version).await, Ok(NO_ROW));
    }
    insert(store, b"k", b"one", None).await;
    replace(store, b"k", 1, b"two", None).await;
    let present = conflict_with(2, b"two");
    assert_eq!(insert(store, b"k", b"no", None).await, present);
    for version in [0, 1, 3, u64::MAX] {
        assert_eq!(replace(store, b"k", version, b"no", None).await, present);
        assert_eq!(store.state_delete(key(), version).await, Ok(present.clone()));
    }
    assert_eq!(get(store, b"k").await, Some((2, b"two".to_vec())));
}

/// Of sixteen who insert one key, one wins, and the others are shown its row.
pub async fn state_insert_has_one_winner(fixture: &mut Fixture) {
    for round in 0..8_u8 {
        let tasks = (0..16_u8).map(|number| {
            let store = fixture.store().clone();
            async move { (number, insert(&store, &[round], &[number], None).await) }
        });
        let answers = at_once(tasks).await;
        let winners: Vec<u8> = answers
            .iter()
            .filter(|(_, answer)| *answer == written(1))
            .map(|(number, _)| *number)
            .collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        let shown = conflict_with(1, &winners);
        assert_eq!(answers.iter().filter(|(_, answer)| *answer == shown).count(), 15);
        assert_eq!(get(fixture.store(), &[round]).await, Some((1, winners)));
    }
}

/// Of those who replace one version, one wins: sixteen who count upwards and try again lose no step.
pub async fn state_replace_has_one_winner(fixture: &mut Fixture) {
    insert(fixture.store(), b"k", &0_u64.to_be_bytes(), None).await;
    let tasks = (0..16).map(|_| {
        let store = fixture.store().clone();
        async move {
            let (mut done, mut tries) = (0, 0);
            while done < 8 {
                tries += 1;
                assert!(tries < 10_000, "somebody must win each time");
                let (version, value) = get(&store, b"k").await.expect("there");
                let count = u64::from_be_bytes(value.try_into().expect("8 bytes"));
                let answer = replace(&store, b"k", version, &(count + 1).to_be_bytes(), None).await;
                done += u32::from(answer == written(version + 1));
            }
        }
    });
    at_once(tasks).await;
    assert_eq!(
        get(fixture.store(), b"k").await,
        Some((129, 128_u64.to_be_bytes().to_vec()))
    );
}

/// Of a removal and changes of one version at once, one wins.
pub async fn state_delete_races_with_changes(fixture: &mut Fixture) {
    for round in 0..8_u8 {
        insert(fixture.store(), &[round], b"one", None).await;
        let tasks = (0..8).map(|number| {
            let store = fixture.store().clone();
            async move {
                match number {
                    0 | 1 => store
                        .state_delete(setting_key(&[round]), 1)
                        .await
                        .expect("answered"),
                    _ => replace(&store, &[round], 1, b"two", None).await,
                }
            }
        });
        let answers = at_once(tasks).await;
        let done: Vec<_> = answers
            .iter()
            .filter(|answer| matches!(answer, StateOutcome::Written { .. }))
            .collect();
        assert_eq!(done.len(), 1, "{answers:?}");
        let expected = if *done[0] == written(0) {
            None
        } else {
            Some((2, b"two".to_vec()))
        };
        assert_eq!(get(fixture.store(), &[round]).await, expected);
    }
}

/// State rows survive a restart with their versions and expiry.
pub async fn state_survives_reopening(fixture: &mut Fixture) {
    let expires_at = Some(Fixture::START.plus_millis(1_000));
    insert(fixture.store(), b"a", b"one", None).await;
    insert(fixture.store(), b"b", b"one", None).await;
    replace(fixture.store(), b"b", 1, b"two", expires_at).await;
    insert(fixture.store(), b"c", b"one", None).await;
    assert_eq!(
        fixture.store().state_delete(setting_key(b"c"), 1).await,
        Ok(written(0))
    );
    fixture.reopen().await;
    assert_eq!(get(fixture.store(), b"a").await, Some((1, b"one".to_vec())));
    let row = fixture
        .store()
        .state::<Setting>(&setting_key(b"b"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!(
        (row.version, row.record, row.expires_at),
        (2, setting(b"two"), expires_at)
    );
    assert_eq!(get(fixture.store(), b"c").await, None);
    assert_eq!(
        replace(fixture.store(), b"b", 2, b"three", None).await,
        written(3)
    );
}

/// The longest key and the largest value are kept; a byte more is refused and nothing is written.
pub async fn state_keys_and_values_have_limits(fixture: &mut Fixture) {
    let (longest, largest) = (
        [0xff; StateKey::MAX_BYTES],
        vec![7; StateRow::MAX_BYTES - OVERHEAD],
    );
    assert_eq!(
        encode(&setting(&largest)).map(|bytes| bytes.len()),
        Ok(StateRow::MAX_BYTES)
    );
    assert_eq!(
        insert(fixture.store(), &longest, &largest, None).await,
        written(1)
    );
    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!(get(store, &longest).await, Some((1, largest.clone())));
    let page = store
        .state_list(StateTable::Settings, &longest, None, 10)
        .await
        .expect("a page");
    assert_eq!((page.rows.len(), page.more), (1, false));

    let (longer, larger) = (
        [0xff; StateKey::MAX_BYTES + 1],
        [largest.as_slice(), &[7]].concat(),
    );
    let answers = [
        store
            .state_insert(setting_key(&longer), &setting(b"short"), None)
            .await,
        store
            .state_insert(setting_key(b"k"), &setting(&larger), None)
            .await,
        store
            .state_replace(setting_key(&longest), 1, &setting(&larger), None)
            .await,
    ];
    for (answer, limit) in answers
        .iter()
        .zip([StateKey::MAX_BYTES, StateRow::MAX_BYTES, StateRow::MAX_BYTES])
    {
        assert!(
            matches!(answer, Err(Error::TooLarge { limit: said, .. }) if *said == limit),
            "{answer:?}"
        );
    }
    assert_eq!(get(store, b"k").await, None);
    assert_eq!(get(store, &longest).await, Some((1, largest)));
}

/// A large value may become small and large again; nothing of one is left in the other.
pub async fn state_value_may_shrink_and_grow(fixture: &mut Fixture) {
    insert(fixture.store(), b"k", &[0; 60_000], None).await;
    insert(fixture.store(), b"l", b"the neighbour", None).await;
    for (version, bytes) in (1..).zip([3, 40_000, 5_000, 0, 9_000, 60_000]) {
        let value = vec![version as u8; bytes];
        assert_eq!(
            replace(fixture.store(), b"k", version, &value, None).await,
            written(version + 1)
        );
        fixture.reopen().await;
        assert_eq!(get(fixture.store(), b"k").await, Some((version + 1, value)));
        assert_eq!(
            get(fixture.store(), b"l").await,
            Some((1, b"the neighbour".to_vec()))
        );
    }
    assert_eq!(
        fixture.store().state_delete(setting_key(b"k"), 7).await,
        Ok(written(0))
    );
    assert_eq!(insert(fixture.store(), b"k", b"anew", None).await, written(1));
    assert_eq!(get(fixture.store(), b"k").await, Some((1, b"anew".to_vec())));
}

/// A row that has expired is there until a sweep: it is read, listed, and in the way of an insert.
pub async fn state_expired_row_is_there_until_swept(fixture: &mut Fixture) {
    let expires_at = Some(Fixture::START.plus_millis(1));
    insert(fixture.store(), b"k", b"one", expires_at).await;
    fixture.clock().set(Fixture::START.plus_millis(60_000));
    let store = fixture.store();
    let row = store
        .state::<Setting>(&setting_key(b"k"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!((row.version, row.expires_at), (1, expires_at));
    let page = store
        .state_list(StateTable::Settings, b"", None, 10)
        .await
        .expect("a page");
    assert_eq!(page.rows.len(), 1);
    let answer = insert(store, b"k", b"two", None).await;
    assert!(matches!(answer, StateOutcome::Conflict { current: Some(row) } if row.expires_at == expires_at));
    assert_eq!(replace(store, b"k", 1, b"two", None).await, written(2));
}

/// Tables do not see each other's rows.
pub async fn state_tables_stay_apart(fixture: &mut Fixture) {
    let store = fixture.store();
    let session = StateKey::new(StateTable::Sessions, &[b"k"]);
    insert(store, b"k", b"a setting", None).await;
    let made = store
        .state_insert(session.clone(), &Session(b"a session".to_vec()), None)
        .await;
    assert_eq!(made, Ok(written(1)));
    assert_eq!(store.state_delete(setting_key(b"k"), 1).await, Ok(written(0)));
    let kept = store
        .state::<Session>(&session)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(kept.record.0, b"a session");
    for table in StateTable::ALL {
        let page = store.state_list(table, b"", None, 10).await.expect("a page");
        assert_eq!(
            page.rows.len(),
            usize::from(table == StateTable::Sessions),
            "{}",
            table.name()
        );
    }
}

/// Keys at the edges of ranges, in byte order.
const KEYS: [&[u8]; 14] = [
    b"",
    b"\0",
    b"\0\0",
    b"\0\xff",
    b"a",
    b"a\0",
    b"aa",
    b"a\xff",
    b"a\xff\xff",
    b"b",
    b"\xfe\xff",
    b"\xff",
    b"\xff\xff",
    b"\xff\xff\xff\x01",
];

async fn list(
    store: &Store,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<(Vec<Vec<u8>>, bool)> {
    let page = store
        .state_list(StateTable::Settings, prefix, after, limit)
        .await?;
    Ok((page.rows.into_iter().map(|(key, _)| key).collect(), page.more))
}

async fn insert_keys(fixture: &Fixture) {
    for key in KEYS.into_iter().rev() {
        assert_eq!(insert(fixture.store(), key, key, None).await, written(1));
        // The same keys in the table before: a list must not start in there.
        let session = StateKey::new(StateTable::Sessions, &[key]);
        fixture
            .store()
            .state_insert(session, &Session(Vec::new()), None)
            .await
            .expect("answered");
    }
}

/// Lists have exactly what starts with the prefix and comes after `after`, in byte order, with `more` always right.
pub async fn state_list_pages_in_byte_order(fixture: &mut Fixture) {
    assert!(KEYS.is_sorted());
    insert_keys(fixture).await;
    let prefixes = KEYS
        .into_iter()
        .chain([b"c".as_slice(), b"\xff\xff\xff", b"\xff\xff\xff\xff", b"a\xfe"]);
    for prefix in prefixes {
        for after in [None].into_iter().chain(KEYS.map(Some)) {
            let matches = |key: &&[u8]| key.starts_with(prefix) && after.is_none_or(|after| *key > after);
            let matching: Vec<Vec<u8>> = KEYS.into_iter().filter(matches).map(<[u8]>::to_vec).collect();
            for limit in [1, 2, matching.len().max(1), MAX_ROWS_PER_PAGE] {
                let (keys, more) = list(fixture.store(), prefix, after, limit).await.expect("a page");
                let expected = &matching[..limit.min(matching.len())];
                assert_eq!(keys, expected, "{prefix:?} after {after:?}");
                assert_eq!(
                    more,
                    matching.len() > limit,
                    "{prefix:?} after {after:?} with {limit}"
                );
            }
        }
    }
}

/// A listed row is the row that a read answers.
pub async fn state_list_answers_whole_rows(fixture: &mut Fixture) {
    let expires_at = Some(Fixture::START.plus_millis(5));
    insert(fixture.store(), b"k", b"one", None).await;
    replace(fixture.store(), b"k", 1, &[9; 20_000], expires_at).await;
    insert(fixture.store(), b"l", b"two", None).await;
    let page = fixture
        .store()
        .state_list(StateTable::Settings, b"", None, 10)
        .await
        .expect("a page");
    let value = |value: &[u8]| encode(&setting(value)).expect("encoded");
    let large = StateRow {
        version: 2,
        value: value(&[9; 20_000]),
        expires_at,
    };
    let small = StateRow {
        version: 1,
        value: value(b"two"),
        expires_at: None,
    };
    assert!(
        page.rows == [(b"k".to_vec(), large), (b"l".to_vec(), small)],
        "a row is listed altered"
    );
}

/// More than a page may hold is an error, not a shorter page.
pub async fn state_list_has_a_limit(fixture: &mut Fixture) {
    let answer = list(fixture.store(), b"", None, MAX_ROWS_PER_PAGE + 1).await;
    assert!(
        matches!(
            answer,
            Err(Error::TooLarge {
                limit: MAX_ROWS_PER_PAGE,
                ..
            })
        ),
        "{answer:?}"
    );
}
