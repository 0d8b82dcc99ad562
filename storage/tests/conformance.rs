//! Runs the conformance suite on every store.

// A failed expectation is a failed test, in helpers too.
#![allow(clippy::expect_used)]
// A test that is left out says so.
#![allow(clippy::print_stderr)]

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use madang_storage::conformance::Home;
use madang_storage::conformance::reference::ReferenceHome;
use madang_storage::embedded::{self, Options};
use madang_storage::engine::EngineKind;
use madang_storage::sim::QuietDatabase;
use madang_storage::{CommitSink, Env, Result, Store, document, store_conformance};
use tempfile::TempDir;

/// A folder that is removed with the test.
struct EmbeddedHome {
    engine: EngineKind,
    folder: TempDir,
}

fn embedded_home(engine: EngineKind) -> EmbeddedHome {
    EmbeddedHome {
        engine,
        folder: tempfile::tempdir().expect("a temporary folder"),
    }
}

#[async_trait]
impl Home for EmbeddedHome {
    async fn open(&mut self, env: Env, sink: Arc<dyn CommitSink>) -> Result<Store> {
        let options = Options {
            engine: Some(self.engine),
            min_free_bytes: 0,
            env,
            sink,
            ..Options::default()
        };
        embedded::open(self.folder.path(), options).map(|embedded| embedded.store())
    }
}

mod reference {
    use super::*;
    store_conformance!(ReferenceHome::default());
}

/// On one thread and with paused time, as a simulated store needs it.
mod reference_on_one_thread {
    use super::*;
    store_conformance!(ReferenceHome::default(), (start_paused = true));
}

/// A database in memory that outlives the store that is open on it.
#[derive(Default)]
struct DocumentHome {
    database: QuietDatabase,
}

#[async_trait]
impl Home for DocumentHome {
    async fn open(&mut self, env: Env, sink: Arc<dyn CommitSink>) -> Result<Store> {
        let store = self.database.open(document::Options {
            env,
            sink,
            ..document::Options::default()
        });
        Ok(Store::new(Arc::new(store)))
    }
}

mod document_store {
    use super::*;
    store_conformance!(DocumentHome::default());
    store_conformance!(shared DocumentHome::default());
}

mod sled {
    use super::*;
    store_conformance!(embedded_home(EngineKind::Sled));
}

mod redb {
    use super::*;
    store_conformance!(embedded_home(EngineKind::Redb));
}

#[cfg(feature = "mongodb")]
#[path = "mongo/mod.rs"]
mod mongo;

/// A case that no list names would never run, and nothing else would say so.
#[test]
fn every_case_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance");
    let list = std::fs::read_to_string(folder.join("mod.rs")).expect("the list of cases");
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).expect("the suite's folder") {
        let source = std::fs::read_to_string(entry.expect("a file").path()).expect("a source file");
        for line in source.lines() {
            let case = line
                .strip_prefix("pub async fn ")
                .and_then(|rest| rest.split_once("(fixture: &mut Fixture)"));
            if let Some((case, _)) = case {
                assert!(list.contains(&format!(" {case},\n")), "{case} is not listed");
                cases += 1;
            }
        }
    }
    assert!(cases > 80, "only {cases} cases were found");
}
