//! Kafka: one broker that is its own controller.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::process::{Place, free_port, text};
use super::{Service, answers, programs};
use crate::apt::Apt;
use crate::steps::Steps;
use crate::workspace::{on_path, root};

/// 16 bytes in base 64; any will do, and one broker needs no more than one.
const CLUSTER: &str = "bWFkYW5nLXRlc3RzLTAwMQ";

pub(super) const SERVICE: Service = Service {
    name: "kafka",
    variable: Some("MADANG_TEST_KAFKA"),
    wanted: || true,
    provide,
    start,
    stop: Place::stop,
    remove: Place::remove,
    answers: answers::kafka,
    address: |port| format!("127.0.0.1:{port}"),
};

fn jars() -> PathBuf {
    programs().join("kafka")
}

/// Written last, when every jar is there.
fn complete() -> PathBuf {
    programs().join("kafka.complete")
}

fn provide(steps: &mut Steps) {
    let java = on_path(&["java"]).is_some();
    let fetched = complete().is_file();
    let mut packages = Vec::new();
    if !java {
        packages.push("default-jre-headless");
    }
    if !fetched && on_path(&["mvn"]).is_none() {
        packages.push("maven");
    }
    if !packages.is_empty()
        && let Some(apt) = Apt::find()
    {
        apt.install(steps, &packages);
    }
    if fetched || on_path(&["mvn"]).is_none() {
        return;
    }
    let mut fetch = Command::new("mvn");
    fetch
        .args(["--quiet", "--batch-mode", "dependency:copy-dependencies"])
        .arg(format!("-DoutputDirectory={}", jars().display()))
        .current_dir(root().join("xtask/services/kafka"));
    if steps.fetch("services: fetch kafka", &mut fetch) {
        // Without the mark it is fetched again, which does no harm.
        let _ = fs::write(complete(), "");
    }
}

fn start(place: &Place) -> Result<(), String> {
    if !complete().is_file() {
        return Err(
            "no Kafka: install Java 17 and Maven, with which it is fetched, or name one in MADANG_TEST_KAFKA"
                .to_owned(),
        );
    }
    let properties = place.folder().join("server.properties");
    fs::write(&properties, settings(place, free_port(place.port())?)).map_err(text)?;
    if !place.data().join("meta.properties").exists() {
        let mut format = java("kafka.tools.StorageTool");
        format
            .args(["format", "--cluster-id", CLUSTER, "--config"])
            .arg(&properties);
        place.run(&mut format)?;
    }
    place.start(java("kafka.Kafka").arg(&properties))
}

fn java(class: &str) -> Command {
    let mut command = Command::new("java");
    command
        .args(["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC"])
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"])
        // Java itself finds the jars by the star.
        .arg(jars().join("*"))
        .arg(class);
    command
}

fn settings(place: &Place, controller: u16) -> String {
    let broker = place.port().unwrap_or_default();
    let data = place.data();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
",
        data.display()
    )
}
