//! MongoDB itself, where somebody has it.

use std::path::PathBuf;
use std::process::Command;

use super::process::Place;
use super::{MONGO, Service, answers};
use crate::workspace::on_path;

pub(super) const SERVICE: Service = Service {
    name: "mongod",
    variable: Some(MONGO),
    wanted: || installed().is_some(),
    provide: |_| {},
    start,
    stop: Place::stop,
    remove: Place::remove,
    answers: answers::mongodb,
    address: |port| format!("mongodb://127.0.0.1:{port}"),
};

/// The program. No registry has it, so it is never fetched.
pub(super) fn installed() -> Option<PathBuf> {
    on_path(&["mongod"])
}

fn start(place: &Place) -> Result<(), String> {
    let program = installed().ok_or("no mongod")?;
    let port = place.port().unwrap_or_default().to_string();
    let mut command = Command::new(program);
    command
        .args(["--bind_ip", "127.0.0.1", "--port", &port, "--dbpath"])
        .arg(place.data());
    place.start(&mut command)
}
