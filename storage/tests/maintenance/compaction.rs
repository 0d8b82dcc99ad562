use madang_storage::Backend;
use madang_storage::embedded::{compact, verify};
use madang_storage::engine::EngineKind;

use crate::world::*;

both![
    compaction_keeps_everything,
    compaction_moves_to_the_other_engine,
    compaction_erases_replaced_text,
    compaction_refuses_what_it_cannot_do,
    an_interrupted_compaction_leaves_the_one_or_the_other,
];

async fn compaction_keeps_everything(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    let store = open(&path("data"), engine);
    fill(&store).await;
    let epoch = store.epoch().await.unwrap();
    let cursor = store
        .changed_since(&madang_storage::Cursor::start(), 1_000)
        .await
        .unwrap()
        .cursor;
    store.set_consumer("search", &cursor).await.unwrap();
    store.backup(&path("before")).await.unwrap();
    store.close().await.unwrap();

    let report = compact(&path("data"), None).unwrap();
    assert_eq!(
        (report.from.as_str(), report.to.as_str()),
        (engine.name(), engine.name())
    );
    assert!(report.rows > 50 && report.bytes_before > 0 && report.bytes_after > 0);
    assert!(verify(&path("data"), Some(&path("before"))).unwrap().is_sound());
    back_up(&path("data"), engine, &path("after")).await;
    assert_eq!(compared_bytes(&path("before")), compared_bytes(&path("after")));

    // The same life of the data: consumers and clients go on where they were.
    let store = open(&path("data"), engine);
    assert_eq!(store.epoch().await.unwrap(), epoch);
    assert_eq!(store.consumer("search").await.unwrap(), Some(cursor.clone()));
    post(&store.store(), ROOM, ALICE, "on we go").await;
    let changes = store.changed_since(&cursor, 1_000).await.unwrap();
    let room = madang_storage::Changed::Stream(madang_storage::model::StreamId::Room(ROOM));
    assert!(changes.entries.iter().any(|change| change.what == room));
    assert!(changes.entries.len() < 5, "not everything anew: {changes:?}");
    store.close().await.unwrap();
}

async fn compaction_moves_to_the_other_engine(engine: EngineKind) {
    let other = EngineKind::ALL.into_iter().find(|kind| *kind != engine).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    filled(&path("data"), engine).await;
    back_up(&path("data"), engine, &path("before")).await;
    let report = compact(&path("data"), Some(other)).unwrap();
    assert_eq!(
        (report.from.as_str(), report.to.as_str()),
        (engine.name(), other.name())
    );
    back_up(&path("data"), other, &path("after")).await;
    assert_eq!(compared_bytes(&path("before")), compared_bytes(&path("after")));
    assert!(verify(&path("data"), Some(&path("before"))).unwrap().is_sound());
    compact(&path("data"), Some(engine)).unwrap();
    back_up(&path("data"), engine, &path("again")).await;
    assert_eq!(compared_bytes(&path("before")), compared_bytes(&path("again")));
}

async fn compaction_erases_replaced_text(engine: EngineKind) {
    const MARKERS: [&str; 4] = [
        "replaced-text-vanishes",
        "deleted-text-vanishes",
        "earlier-text-vanishes",
        "replaced-part-vanishes",
    ];
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    let store = open(&folder, engine);
    fill(&store).await;
    let edited = post(&store.store(), ROOM, ALICE, MARKERS[0]).await;
    let deleted = post(&store.store(), ROOM, ALICE, MARKERS[1]).await;
    let long = post(
        &store.store(),
        ROOM,
        ALICE,
        &format!("{} {}", "x".repeat(12_000), MARKERS[3]),
    )
    .await;
    let with_earlier = post(&store.store(), ROOM, ALICE, MARKERS[2]).await;
    let kept = post(&store.store(), ROOM, ALICE, "kept-text-stays").await;
    edit_with(&store.store(), ROOM, with_earlier, "harmless", true).await;
    delete(&store.store(), ROOM, with_earlier).await;
    edit(&store.store(), ROOM, edited, "harmless").await;
    edit(&store.store(), ROOM, long, "harmless").await;
    delete(&store.store(), ROOM, deleted).await;
    store.close().await.unwrap();

    let in_files = |needle: &str| {
        let finder = |bytes: Vec<u8>| {
            bytes
                .windows(needle.len())
                .any(|window| window == needle.as_bytes())
        };
        files(&folder)
            .into_iter()
            .any(|file| finder(std::fs::read(file).unwrap()))
    };
    assert!(
        MARKERS.iter().any(|marker| in_files(marker)),
        "without compaction the engines keep old pages"
    );
    compact(&folder, None).unwrap();
    for marker in MARKERS {
        assert!(!in_files(marker), "{marker}");
    }
    assert!(in_files("kept-text-stays"), "the search finds what is there");
    let store = open(&folder, engine);
    assert_eq!(
        store.store().message(ROOM, kept).await.unwrap().unwrap().text,
        "kept-text-stays"
    );
    store.close().await.unwrap();
}

async fn compaction_refuses_what_it_cannot_do(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name| temporary.path().join(name);
    let error = compact(&path("nothing"), None).unwrap_err();
    assert!(error.to_string().contains("there is no data"), "{error}");
    assert!(!path("nothing").exists());
    filled(&path("data"), engine).await;
    let store = open(&path("data"), engine);
    assert!(
        compact(&path("data"), None)
            .unwrap_err()
            .to_string()
            .contains("in use")
    );
    store.close().await.unwrap();

    // Damage: everything stays where it was.
    plant(&path("data"), engine, |engine| {
        let (key, mut value) = rows_of(engine, madang_storage::embedded::Table::Messages).swap_remove(0);
        *value.last_mut().unwrap() ^= 1;
        (key, Some(value))
    });
    let error = compact(&path("data"), None).unwrap_err();
    assert!(matches!(error, madang_storage::Error::Damaged(_)), "{error}");
    assert!(path("data").join("store").exists() && !path("data").join("store.new").exists());
    assert_eq!(verify(&path("data"), None).unwrap().problem_count, 1);
}

async fn an_interrupted_compaction_leaves_the_one_or_the_other(engine: EngineKind) {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| temporary.path().join(name);
    filled(&path("data"), engine).await;
    back_up(&path("data"), engine, &path("before")).await;
    copy_folder(&path("data").join("store"), &path("old"));
    compact(&path("data"), None).unwrap();
    let complete = path("data").join("store");
    let unfinished = path("unfinished");
    copy_folder(&complete, &unfinished);
    std::fs::remove_file(unfinished.join("engine")).unwrap();

    let old = path("old");
    let arrangements: [(&str, &[(&str, &std::path::Path)]); 6] = [
        (
            "while it is written",
            &[("store", &old), ("store.new", &unfinished)],
        ),
        (
            "before the first rename",
            &[("store", &old), ("store.new", &complete)],
        ),
        (
            "between the renames",
            &[("store.old", &old), ("store.new", &complete)],
        ),
        (
            "after the second rename",
            &[("store", &complete), ("store.old", &old)],
        ),
        ("with the new one lost", &[("store.old", &old)]),
        (
            "with the new one unfinished",
            &[("store.old", &old), ("store.new", &unfinished)],
        ),
    ];
    for (number, (when, folders)) in arrangements.iter().enumerate() {
        let folder = path(&format!("case {number}"));
        for (name, from) in *folders {
            copy_folder(from, &folder.join(name));
        }
        let to = path(&format!("after {number}"));
        back_up(&folder, engine, &to).await;
        assert_eq!(compared_bytes(&path("before")), compared_bytes(&to), "{when}");
        assert!(folder.join("store").exists(), "{when}");
        assert!(
            !folder.join("store.new").exists() && !folder.join("store.old").exists(),
            "{when}"
        );
        assert!(verify(&folder, None).unwrap().is_sound(), "{when}");
    }
}
