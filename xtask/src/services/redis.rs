//! Redis, as it is installed.

use std::process::Command;

use super::process::Place;
use super::{Service, answers};
use crate::apt::Apt;
use crate::steps::Steps;
use crate::workspace::on_path;

const PROGRAM: &str = "redis-server";

pub(super) const SERVICE: Service = Service {
    name: "redis",
    variable: Some("MADANG_TEST_REDIS_URL"),
    wanted: || true,
    provide,
    start,
    stop: Place::stop,
    remove: Place::remove,
    answers: answers::redis,
    address: |port| format!("redis://127.0.0.1:{port}"),
};

fn provide(steps: &mut Steps) {
    if on_path(&[PROGRAM]).is_none()
        && let Some(apt) = Apt::find()
    {
        apt.install(steps, &[PROGRAM]);
    }
}

fn start(place: &Place) -> Result<(), String> {
    let program = on_path(&[PROGRAM])
        .ok_or("no redis-server: install Redis 7, or name one in MADANG_TEST_REDIS_URL")?;
    let port = place.port().unwrap_or_default().to_string();
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--port", &port])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(place.data());
    place.start(&mut command)
}
