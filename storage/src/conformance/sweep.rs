//! Sweeping: what expired goes, and nothing else.

use std::time::Duration;

use super::Fixture;
use super::state::{get, insert, replace, setting_key, written};
use super::support::at_once;
use crate::model::StateOutcome;

/// Sweeps until nothing is left to remove, and answers how many were removed.
pub async fn sweep_all(fixture: &Fixture) -> usize {
    let mut removed = 0;
    for _ in 0..1_000 {
        match fixture.store().sweep().await.expect("a sweep") {
            0 => return removed,
            count => removed += count,
        }
    }
    panic!("a sweep never comes to its end: {removed} removed");
}

/// A sweep removes every row that has expired and no other, whatever the order of keys and times.
pub async fn sweep_removes_exactly_what_expired(fixture: &mut Fixture) {
    let store = fixture.store();
    for number in 0..200_u8 {
        let in_seconds = u64::from(number).wrapping_mul(37) % 200;
        let expires_at = (number % 5 != 0).then(|| Fixture::START.plus_millis(in_seconds * 1_000));
        insert(store, &[number], &[number], expires_at).await;
    }
    for after_seconds in [50_u64, 120, 1_000] {
        fixture
            .clock()
            .set(Fixture::START.plus_millis(after_seconds * 1_000 + 500));
        sweep_all(fixture).await;
        for number in 0..200_u8 {
            let in_seconds = u64::from(number).wrapping_mul(37) % 200;
            let expired = number % 5 != 0 && in_seconds <= after_seconds;
            assert_eq!(
                get(store, &[number]).await.is_none(),
                expired,
                "{number} after {after_seconds} s"
            );
        }
    }
}

/// A sweep says how many rows it removed; with nothing to remove it says 0 at once.
pub async fn sweep_counts_what_it_removed(fixture: &mut Fixture) {
    sweep_all(fixture).await;
    for number in 0..250_u8 {
        insert(
            fixture.store(),
            &[number],
            &[],
            Some(Fixture::START.plus_millis(1_000)),
        )
        .await;
    }
    fixture.clock().advance(Duration::from_secs(60));
    let removed = sweep_all(fixture).await;
    assert!(removed >= 250, "{removed}");
    assert_eq!(fixture.store().sweep().await, Ok(0));
}

/// What counts is the row's present expiry, not one that it had before.
pub async fn sweep_goes_by_the_present_expiry(fixture: &mut Fixture) {
    let store = fixture.store();
    let (soon, late) = (
        Some(Fixture::START.plus_millis(1_000)),
        Some(Fixture::START.plus_millis(100_000)),
    );
    for name in [b"put off", b"lifted.", b"kept...", b"anew..."] {
        insert(store, name, b"one", soon).await;
    }
    insert(store, b"hurried", b"one", late).await;
    insert(store, b"limited", b"one", None).await;
    assert_eq!(replace(store, b"put off", 1, b"two", late).await, written(2));
    assert_eq!(replace(store, b"lifted.", 1, b"two", None).await, written(2));
    assert_eq!(replace(store, b"hurried", 1, b"two", soon).await, written(2));
    assert_eq!(replace(store, b"limited", 1, b"two", soon).await, written(2));
    assert_eq!(
        store.state_delete(setting_key(b"anew..."), 1).await,
        Ok(written(0))
    );
    insert(store, b"anew...", b"two", late).await;
    fixture.clock().set(Fixture::START.plus_millis(50_000));
    sweep_all(fixture).await;
    for (name, stays) in [
        (b"put off", true),
        (b"lifted.", true),
        (b"kept...", false),
        (b"anew...", true),
        (b"hurried", false),
        (b"limited", false),
    ] {
        assert_eq!(
            get(store, name).await.is_some(),
            stays,
            "{}",
            String::from_utf8_lossy(name)
        );
    }
}

/// A row that was swept is gone: it can be made anew, and stays away after a restart.
pub async fn sweep_makes_room_for_new_rows(fixture: &mut Fixture) {
    let soon = Some(Fixture::START.plus_millis(1_000));
    insert(fixture.store(), b"k", &[1; 30_000], soon).await;
    insert(fixture.store(), b"l", b"one", soon).await;
    fixture.clock().advance(Duration::from_secs(60));
    sweep_all(fixture).await;
    assert_eq!(
        replace(fixture.store(), b"k", 1, b"no", None).await,
        StateOutcome::Conflict { current: None }
    );
    assert_eq!(insert(fixture.store(), b"k", b"two", None).await, written(1));
    fixture.reopen().await;
    assert_eq!(get(fixture.store(), b"k").await, Some((1, b"two".to_vec())));
    assert_eq!(get(fixture.store(), b"l").await, None);
}

/// A sweep that races with those who put the expiry off removes no row that was put off in time.
pub async fn sweep_spares_what_is_put_off_meanwhile(fixture: &mut Fixture) {
    let (soon, late) = (
        Some(Fixture::START.plus_millis(1_000)),
        Some(Fixture::START.plus_millis(900_000)),
    );
    for number in 0..64_u8 {
        insert(fixture.store(), &[number], b"one", soon).await;
    }
    fixture.clock().advance(Duration::from_secs(60));
    let tasks = (0..8_u8).map(|task| {
        let store = fixture.store().clone();
        async move {
            let mut put_off = Vec::new();
            for number in (0..64).filter(|number| number % 8 == task) {
                store.sweep().await.expect("a sweep");
                if replace(&store, &[number], 1, b"two", late).await == written(2) {
                    put_off.push(number);
                }
            }
            put_off
        }
    });
    let put_off: Vec<u8> = at_once(tasks).await.into_iter().flatten().collect();
    sweep_all(fixture).await;
    for number in 0..64_u8 {
        assert_eq!(
            get(fixture.store(), &[number]).await.is_some(),
            put_off.contains(&number),
            "{number}"
        );
    }
}
