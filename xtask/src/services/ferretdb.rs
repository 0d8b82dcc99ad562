//! FerretDB, which speaks MongoDB's protocol where there is no mongod: over PostgreSQL, and over SQLite.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::process::{Place, text};
use super::{MONGO, Service, answers, folder, mongod, postgresql, programs};
use crate::apt::Apt;
use crate::steps::{Outcome, Steps};
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
const SOURCE: &str = concat!(
    include_str!("../../services/ferretdb/main.go"),
    include_str!("../../services/ferretdb/_postgresql/search.go"),
    include_str!("../../services/ferretdb/_handler/sorted.go"),
);

/// What is put into FerretDB's packages.
const ADDED: [(&str, &str); 2] = [
    (
        "backends/postgresql/search.go",
        include_str!("../../services/ferretdb/_postgresql/search.go"),
    ),
    (
        "handler/sorted.go",
        include_str!("../../services/ferretdb/_handler/sorted.go"),
    ),
];

/// Where it is called from: the file, a line that is there once, and what comes instead.
const CALLED: [(&str, &str, &str); 6] = [
    (
        "backends/postgresql/query.go",
        "switch k {\n\t\t\t\tcase \"$eq\":",
        "if f, a := comparison(p, key, k, v, keyOperator); f != \"\" {\n\
         filters = append(filters, f)\nargs = append(args, a...)\ncontinue\n}\n\
         switch k {\ncase \"$eq\":",
    ),
    (
        "backends/postgresql/query.go",
        "sql := `%[1]s%[2]s%[3]s @> %[4]s`\n",
        "if f, a := comparison(p, k, \"$eq\", v, operator); f != \"\" {\nreturn f, a\n}\n\
         sql := `%[1]s%[2]s%[3]s @> %[4]s`\n",
    ),
    (
        "backends/postgresql/query.go",
        "if sort.Len() != 1 {",
        "if by := order(sort); by != \"\" {\nreturn by, nil\n}\nif sort.Len() != 1 {",
    ),
    (
        "backends/collection.go",
        "QueryParams) (*QueryResult, error) {",
        "QueryParams) (*QueryResult, error) {\nif params != nil && params.Sort.Len() > 0 && \
         params.Sort.Keys()[0] != \"$natural\" {\nreturn cc.c.Query(ctx, params)\n}",
    ),
    (
        "handler/msg_find.go",
        "case params.Sort.Len() == 1:",
        "case databaseSorts(params.Sort):\nqp.Sort = params.Sort\ncase params.Sort.Len() == 1:",
    ),
    (
        "handler/msg_find.go",
        "common.SortIterator(iter, closer, params.Sort)",
        "sorted(iter, closer, params.Sort)",
    ),
];

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
    if on_path(&["go"]).is_none()
        || !steps.step("services: copy ferretdb's source", || outcome(copy_source()))
    {
        return;
    }
    let built = steps.fetch("services: fetch ferretdb", &mut go(["mod", "vendor"]))
        && steps.step("services: change ferretdb", || outcome(change()))
        && steps.fetch(
            "services: build ferretdb",
            go(["build", "-o"]).arg(program()).arg("."),
        );
    if built {
        // Without it the program is built again, which does no harm.
        let _ = fs::write(programs().join("ferretdb.go"), SOURCE);
    }
}

/// Where it is built: with its dependencies beside it, which can be changed there.
fn workshop() -> PathBuf {
    programs().join("ferretdb-source")
}

fn go<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new("go");
    command.args(arguments).current_dir(workshop());
    command
}

fn copy_source() -> Result<(), String> {
    let ours = root().join("xtask/services/ferretdb");
    fs::create_dir_all(workshop()).map_err(text)?;
    for file in ["main.go", "go.mod", "go.sum"] {
        fs::copy(ours.join(file), workshop().join(file)).map_err(text)?;
    }
    Ok(())
}

/// Lets PostgreSQL answer what FerretDB would look through everything for.
fn change() -> Result<(), String> {
    let packages = workshop().join("vendor/github.com/FerretDB/FerretDB/internal");
    for (file, source) in ADDED {
        fs::write(packages.join(file), source).map_err(text)?;
    }
    for (file, before, after) in CALLED {
        let path = packages.join(file);
        let source = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        if source.matches(before).count() != 1 {
            return Err(format!("FerretDB's {file} is not as it was: {before}"));
        }
        fs::write(&path, source.replace(before, after)).map_err(text)?;
    }
    Ok(())
}

fn outcome(done: Result<(), String>) -> Outcome {
    done.map_or_else(Outcome::Failed, |()| Outcome::Passed)
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
