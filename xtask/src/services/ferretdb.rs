//! FerretDB, which speaks MongoDB's protocol where there is no mongod: over PostgreSQL, and over SQLite.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::process::Place;
use super::{MONGO, Service, answers, folder, mongod, postgresql, programs};
use crate::apt::Apt;
use crate::steps::Steps;
use crate::workspace::{on_path, root};

const ON_POSTGRESQL_NAME: &str = "ferretdb-postgresql";

/// Good for everything.
pub(super) const ON_POSTGRESQL: Service = Service {
    name: ON_POSTGRESQL_NAME,
    variable: Some(MONGO),
    wanted: stands_in,
    provide,
    start: start_on_postgresql,
    stop: Place::stop,
    remove: Place::remove,
    answers: answers::mongodb,
    address,
};

/// Slow: only for small tests, which show that nothing rests on one of the two.
pub(super) const ON_SQLITE: Service = Service {
    name: "ferretdb-sqlite",
    variable: Some("MADANG_TEST_MONGO_SQLITE_URL"),
    wanted: stands_in,
    provide,
    start: start_on_sqlite,
    stop: Place::stop,
    remove: Place::remove,
    answers: answers::mongodb,
    address,
};

/// Whether there is no MongoDB for it to stand in for.
pub(super) fn stands_in() -> bool {
    mongod::installed().is_none() && env::var_os(MONGO).is_none()
}

fn address(port: u16) -> String {
    format!("mongodb://127.0.0.1:{port}")
}

/// What it is built from, and kept with it: another source is built anew.
const SOURCE: &str = include_str!("../../services/ferretdb/main.go");

fn program() -> PathBuf {
    programs().join("ferretdb")
}

fn is_built() -> bool {
    program().is_file()
        && fs::read_to_string(programs().join("ferretdb.go")).is_ok_and(|source| source == SOURCE)
}

fn provide(steps: &mut Steps) {
    if is_built() {
        return;
    }
    if on_path(&["go"]).is_none()
        && let Some(apt) = Apt::find()
    {
        apt.install(steps, &["golang-go"]);
    }
    if on_path(&["go"]).is_some() {
        let mut build = Command::new("go");
        build
            .args(["build", "-o"])
            .arg(program())
            .arg(".")
            .current_dir(root().join("xtask/services/ferretdb"));
        if steps.fetch("services: build ferretdb", &mut build) {
            // Without it the program is built again, which does no harm.
            let _ = fs::write(programs().join("ferretdb.go"), SOURCE);
        }
    }
}

fn start_on_postgresql(place: &Place) -> Result<(), String> {
    let postgresql = Place::new(folder().join(postgresql::SERVICE.name));
    let port = postgresql
        .port()
        .filter(|port| answers::postgresql(*port))
        .ok_or("there is no PostgreSQL for it")?;
    start(
        place,
        "postgresql",
        &format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    )
}

fn start_on_sqlite(place: &Place) -> Result<(), String> {
    start(place, "sqlite", &format!("file:{}/", place.data().display()))
}

fn start(place: &Place, handler: &str, url: &str) -> Result<(), String> {
    if !is_built() {
        return Err(format!(
            "no ferretdb: install Go 1.24, with which it is built, or name a MongoDB in {MONGO}"
        ));
    }
    let address = format!("127.0.0.1:{}", place.port().unwrap_or_default());
    // A socket's path may be no longer than a hundred characters or so: beside the data it could be.
    let socket = env::temp_dir().join(format!("madang-ferretdb-{address}.sock"));
    place.start(Command::new(program()).args([&address, handler, url]).arg(socket))
}
