//! The child process of the fault tests: writes until it is killed, checks what is left, or scribbles for the recorder.

// A harness fails by panicking with a text that says what was expected.
#![allow(clippy::expect_used)]

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use madang_faults::child::Verdict;
use madang_faults::knowledge::Knowledge;
use madang_faults::verify::{self, Depth, Findings};
use madang_faults::writer::{self, Ended, OnError, Options};
use madang_storage::{Error, Store, embedded};

fn main() {
    let mut words = std::env::args().skip(1);
    let mode = words.next().expect("a mode");
    let arguments = Arguments(
        words
            .map(|word| {
                word.split_once('=')
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .expect("a=b")
            })
            .collect(),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let verdict = match mode.as_str() {
        "write" => runtime.block_on(write(&arguments)),
        "check" => runtime.block_on(check(&arguments)),
        "scribble" => scribble(&arguments.path("folder"), &arguments.path("journal")),
        other => panic!("unknown mode {other}"),
    };
    let code = verdict.code();
    writeln!(std::io::stdout(), "{}", verdict.text()).expect("the parent reads");
    // Without running destructors: what was not closed in order stays as a crash would leave it.
    std::process::exit(code);
}

struct Arguments(HashMap<String, String>);

impl Arguments {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("{name}= is missing"))
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.text(name))
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().expect("a number")
    }
}

async fn write(arguments: &Arguments) -> Verdict {
    let options = Options {
        folder: arguments.path("folder"),
        engine: arguments.text("engine").parse().expect("an engine"),
        journal: arguments.path("journal"),
        seed: arguments.number("seed"),
        min_free_bytes: arguments.number("min_free"),
        on_error: match arguments.text("on_error") {
            "fail" => OnError::Fail,
            "read" => OnError::StopAndRead,
            "wait" => OnError::WaitForSpace,
            other => panic!("unknown on_error {other}"),
        },
    };
    match writer::run(&options).await {
        Ended::CannotOpen(error) => refusal(&error),
        Ended::Failed(error) => Verdict::Failed(error),
        Ended::Refused(error, store) => {
            let knowledge = Knowledge::read(&options.journal);
            let findings = verify::check(&store, &knowledge, Depth::ReadOnly).await;
            Verdict::of(&findings).with(&format!("writing ended: {error}"))
        }
    }
}

async fn check(arguments: &Arguments) -> Verdict {
    let knowledge = Knowledge::read(&arguments.path("journal"));
    let depth = match arguments.text("depth") {
        "read" => Depth::ReadOnly,
        _ => Depth::ReadAndWrite,
    };
    let engine = arguments.text("engine").parse().expect("an engine");
    let folder = arguments.path("folder");
    match embedded::open(&folder, Options::store_options(engine, 0)) {
        Ok(embedded) => check_and_close(embedded.store(), &knowledge, depth).await,
        Err(error) => refusal(&error),
    }
}

async fn check_and_close(store: Store, knowledge: &Knowledge, depth: Depth) -> Verdict {
    let findings = verify::check(&store, knowledge, depth).await;
    let verdict = Verdict::of(&findings);
    match (store.close().await, verdict) {
        (Err(error), Verdict::Whole(_)) => {
            let mut findings = Findings::default();
            findings.failed.push(format!("closing: {error}"));
            Verdict::of(&findings)
        }
        (_, verdict) => verdict,
    }
}

fn refusal(error: &Error) -> Verdict {
    match error {
        Error::CannotOpen(_) | Error::Damaged(_) => Verdict::Refused(error.to_string()),
        other => Verdict::Failed(format!("opening: {other}")),
    }
}

/// Does a little of everything that the recorder knows; `tests/recorder.rs` says what has to come out.
fn scribble(folder: &Path, journal: &Path) -> Verdict {
    let told = |text: &str| {
        let mut journal = OpenOptions::new()
            .create(true)
            .append(true)
            .open(journal)
            .expect("the journal");
        journal
            .write_all(text.as_bytes())
            .expect("the journal is written");
    };
    std::fs::create_dir(folder.join("sub")).expect("a folder is made");
    let mut data = File::create(folder.join("sub/data")).expect("a file is made");
    data.write_all(&[1; 10_000]).expect("written");
    data.write_all(&[2; 10_000]).expect("written behind");
    data.sync_data().expect("synced");
    told("synced\n");
    data.write_all_at(&[3; 4_096], 4_096).expect("written in place");
    data.seek(SeekFrom::Start(0)).expect("moved");
    data.write_all(&[4; 100]).expect("written at the start");
    told("changed\n");
    let mut appended = OpenOptions::new()
        .append(true)
        .create(true)
        .open(folder.join("log"))
        .expect("a log");
    appended.write_all(b"one").expect("appended");
    appended.write_all(b"two").expect("appended");
    std::fs::write(folder.join("new"), b"renamed").expect("written");
    std::fs::rename(folder.join("new"), folder.join("renamed")).expect("renamed");
    std::fs::write(folder.join("gone"), b"gone").expect("written");
    std::fs::remove_file(folder.join("gone")).expect("removed");
    let copy = data.try_clone().expect("duplicated");
    copy.set_len(15_000).expect("cut");
    copy.set_len(30_000).expect("grown");
    copy.sync_all().expect("synced");
    told("end\n");
    Verdict::Whole("scribbled".to_owned())
}
