//! The subcommands that look after data, through the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test; clippy's own allowance covers test functions only"
)]

use std::path::Path;
use std::process::{Command, Output};

use madang_storage::embedded::{self, Embedded, Options};
use madang_storage::engine::{self, EngineKind, EngineOptions, Entry, Previous};
use madang_storage::model::{Draft, EventId, Fact, StreamId};
use madang_storage::{AppendError, Appended, Env};

fn open(folder: &Path) -> Embedded {
    let options = Options {
        min_free_bytes: 0,
        ..Options::default()
    };
    embedded::open(folder, options).expect("the store opens")
}

async fn filled(folder: &Path) {
    let store = open(folder).store();
    let command = madang_storage::Command {
        stream: StreamId::Instance,
        event_id: EventId::from_u128(Env::system().next_id()),
        actor: None,
        access_rev: 0,
        nonce: None,
        rows: Vec::new(),
    };
    let fact = Fact::InstanceCreated {
        name: "here".to_owned(),
    };
    let appended: Result<Appended, AppendError<()>> = store
        .append(command, move |_, _| Ok(Draft::from(fact.clone())))
        .await;
    appended.expect("the append is taken");
    store.close().await.expect("the store closes");
}

fn madang(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_madang"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary runs")
}

/// Runs, expects this exit code, and answers what it printed to both.
fn expect(folder: &Path, arguments: &[&str], code: i32) -> (String, String) {
    let output = madang(folder, arguments);
    let out = String::from_utf8(output.stdout).expect("text");
    let err = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    (out, err)
}

#[tokio::test]
async fn data_goes_through_a_backup_and_the_other_engine() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path();
    filled(&folder.join("data")).await;

    let (out, _) = expect(folder, &["backup", "--data", "data", "first"], 0);
    assert!(out.contains("first: 2 rows"), "{out}");
    let (out, _) = expect(folder, &["verify", "--data", "data", "--against", "first"], 0);
    assert!(out.contains("of 1 streams checked, 2 compared"), "{out}");
    let (out, _) = expect(folder, &["compact", "--data", "data", "--engine", "redb"], 0);
    assert!(
        out.contains("with sled before") && out.contains("with redb now"),
        "{out}"
    );
    let (out, _) = expect(
        folder,
        &["restore", "first", "--data", "copy", "--engine", "redb"],
        0,
    );
    assert!(
        out.contains("copy: 2 rows restored and 1 made from them, kept by redb"),
        "{out}"
    );

    for (data, file) in [("data", "second"), ("copy", "third")] {
        expect(folder, &["backup", "--data", data, file], 0);
        let hash = |file| embedded::archive::content_hash(&folder.join(file)).expect("a backup");
        assert_eq!(hash("first"), hash(file), "{data}");
    }
}

#[tokio::test]
async fn reports_are_json_when_asked() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path();
    filled(&folder.join("data")).await;
    let (backup, _) = expect(folder, &["backup", "file", "--json"], 0);
    let (restore, _) = expect(folder, &["restore", "file", "--data", "copy", "--json"], 0);
    let (compact, _) = expect(folder, &["compact", "--json"], 0);
    let (verify, _) = expect(folder, &["verify", "--json"], 0);
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    assert_eq!(parse(&backup)["contents"], parse(&restore)["contents"]);
    assert_ne!(parse(&backup)["manifest"]["epoch"], parse(&restore)["epoch"]);
    assert_eq!(parse(&compact)["to"], "sled");
    assert_eq!(parse(&verify)["problem_count"], 0);
}

#[tokio::test]
async fn damage_ends_with_one() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path();
    filled(&folder.join("data")).await;
    let rows = engine::open(
        EngineKind::Sled,
        &folder.join("data/store"),
        &EngineOptions::default(),
    );
    let rows = rows.expect("the engine opens");
    let planted = Entry {
        key: vec![200],
        value: Some(vec![1]),
        previous: Previous::Unknown,
    };
    rows.commit(vec![planted]).expect("the row is written");
    rows.close().expect("the engine closes");
    drop(rows);
    let (out, err) = expect(folder, &["verify"], 1);
    assert!(out.contains("unknown table"), "{out}");
    assert_eq!(err, "error: there is 1 problem\n");
}

#[tokio::test]
async fn a_restore_that_failed_leaves_nothing() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path();
    filled(&folder.join("data")).await;
    expect(folder, &["backup", "file"], 0);
    let whole = std::fs::read(folder.join("file")).expect("the backup");
    std::fs::write(folder.join("half"), &whole[..whole.len() - 10]).expect("a file");
    std::fs::create_dir(folder.join("empty")).expect("a folder");
    for engine in ["sled", "redb"] {
        for data in ["new/deep", "empty"] {
            expect(
                folder,
                &["restore", "half", "--data", data, "--engine", engine],
                1,
            );
        }
    }
    assert!(!folder.join("new").exists());
    let left = std::fs::read_dir(folder.join("empty")).expect("a folder");
    assert_eq!(left.count(), 0);
    expect(folder, &["restore", "file", "--data", "new/deep"], 0);
}

#[test]
fn a_reader_that_leaves_ends_a_command_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_madang"))
        .args(["config", "example"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path();
    for arguments in [&["verify"][..], &["compact"], &["backup", "file"]] {
        let (out, err) = expect(folder, arguments, 1);
        assert_eq!(out, "");
        assert_eq!(err, "error: there is no data in data\n");
    }
    let (_, err) = expect(folder, &["restore", "file"], 1);
    assert_eq!(err, "error: there is no file file\n");
    assert_eq!(
        std::fs::read_dir(folder).expect("a folder").count(),
        0,
        "nothing was made"
    );
    expect(folder, &["backup"], 2);
    expect(folder, &["compact", "--engine", "leveldb"], 2);

    filled(&folder.join("data")).await;
    let store = open(&folder.join("data"));
    for arguments in [&["verify"][..], &["compact"], &["backup", "file"]] {
        let (_, err) = expect(folder, arguments, 1);
        assert!(err.contains("is in use by another process"), "{err}");
    }
    let (_, err) = expect(folder, &["backup", "file"], 1);
    assert!(
        err.contains("Only the server itself can back up its data while it runs"),
        "{err}"
    );
    store.store().close().await.expect("the store closes");
    std::fs::write(folder.join("file"), "mine").expect("a file");
    let (_, err) = expect(folder, &["backup", "file"], 1);
    assert!(err.contains("exists already"), "{err}");
    let (_, err) = expect(folder, &["restore", "file", "--data", "new"], 1);
    assert_eq!(err, "error: file is no whole backup: it ends after byte 0\n");
    std::fs::write(folder.join("file"), "something else").expect("a file");
    let (_, err) = expect(folder, &["restore", "file", "--data", "new"], 1);
    assert_eq!(err, "error: file is no backup of Madang\n");
}
