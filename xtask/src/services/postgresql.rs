//! PostgreSQL, for FerretDB.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Place, text};
use super::{Service, answers, ferretdb};
use crate::apt::Apt;
use crate::steps::Steps;
use crate::workspace::{on_path, output_of};

/// Who owns the data where we are root, which PostgreSQL refuses to be.
const OWNER: &str = "postgres";

pub(super) const SERVICE: Service = Service {
    name: "postgresql",
    variable: None,
    wanted: ferretdb::stands_in,
    provide,
    start,
    stop,
    remove,
    answers: answers::postgresql,
    address: |port| format!("postgres://127.0.0.1:{port}"),
};

fn provide(steps: &mut Steps) {
    if program("initdb").is_none()
        && let Some(apt) = Apt::find()
    {
        apt.install(steps, &["postgresql"]);
    }
}

fn start(place: &Place) -> Result<(), String> {
    let data = data(place)?;
    if !data.join("PG_VERSION").exists() {
        let mut initialise = as_owner("initdb")?;
        initialise
            .args([
                "--username",
                OWNER,
                "--auth",
                "trust",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--pgdata",
            ])
            .arg(&data);
        place.run(&mut initialise)?;
    }
    // One connection for each of many tests; no socket in a folder that may not be ours. FerretDB passes the searched
    // field's name as an argument: only a plan that is made for it knows that there is an index.
    let options = format!(
        "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
         -c plan_cache_mode=force_custom_plan",
        place.port().unwrap_or_default()
    );
    let mut start = as_owner("pg_ctl")?;
    start
        .args(["start", "--wait", "--silent", "--options", &options, "--log"])
        .arg(data.join("server.log"))
        .arg("--pgdata")
        .arg(&data);
    place.run(&mut start)
}

fn stop(place: &Place) -> Result<(), String> {
    let data = data(place)?;
    if data.join("postmaster.pid").exists() {
        let mut stop = as_owner("pg_ctl")?;
        stop.args(["stop", "--wait", "--mode", "fast", "--pgdata"])
            .arg(&data);
        place.run(&mut stop)?;
    }
    Ok(())
}

fn remove(place: &Place) -> Result<(), String> {
    fs::remove_dir_all(data(place)?).map_err(text)?;
    place.remove()
}

/// Where the data lies: with the service, unless its owner is another user who cannot get there.
fn data(place: &Place) -> Result<PathBuf, String> {
    let inside = place.data();
    fs::create_dir_all(&inside).map_err(text)?;
    if !we_are_root() || reaches(&inside) {
        return own(inside);
    }
    // By the clone's path, and not by the port, which may be another one at the next start.
    let name = inside.to_string_lossy().replace(['/', '.'], "-");
    let outside = env::temp_dir().join(format!("madang-postgresql{name}"));
    fs::create_dir_all(&outside).map_err(text)?;
    own(outside)
}

fn own(folder: PathBuf) -> Result<PathBuf, String> {
    if we_are_root() {
        let path = folder.to_string_lossy();
        output_of("chown", &[OWNER, &path]).ok_or_else(|| format!("{path} cannot be given to {OWNER}"))?;
    }
    Ok(folder)
}

fn reaches(folder: &Path) -> bool {
    let path = folder.to_string_lossy();
    output_of("runuser", &["-u", OWNER, "--", "test", "-x", &path]).is_some()
}

/// A program of PostgreSQL's, run by somebody who is not root.
fn as_owner(name: &str) -> Result<Command, String> {
    let program = program(name).ok_or_else(|| format!("no {name}: install PostgreSQL 15 or newer"))?;
    let mut command = if we_are_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", OWNER, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // Whoever starts us may stand where the owner may not.
    command.current_dir("/");
    Ok(command)
}

/// Debian keeps these programs off the path, in a folder for each version: the newest is taken.
fn program(name: &str) -> Option<PathBuf> {
    const VERSIONS: &str = "/usr/lib/postgresql";
    if let Some(found) = on_path(&[name]) {
        return Some(found);
    }
    let versions = fs::read_dir(VERSIONS).ok()?.flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin").join(name),
            ))
        })
        .filter(|(_, path)| path.is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

fn we_are_root() -> bool {
    output_of("id", &["-u"]).is_some_and(|id| id.trim() == "0")
}
