//! Kafka: one broker that is its own controller.
//!
//! A client of Kafka goes on at the address that the broker tells it. So that tests can stand between a client and the
//! broker there are *doors*: further listeners, each of which tells an address at which nobody listens but a test.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::process::{Place, free_port, free_port_for_tests, is_free, text};
use super::{Service, answers, programs};
use crate::apt::Apt;
use crate::steps::Steps;
use crate::workspace::{on_path, root};

/// 16 bytes in base 64; any will do, and one broker needs no more than one.
const CLUSTER: &str = "bWFkYW5nLXRlc3RzLTAwMQ";

/// How many doors there are: one for each node that a test starts.
const DOORS: usize = 3;
/// Where tests look for them.
const DOORS_VARIABLE: &str = "MADANG_TEST_KAFKA_DOORS";

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
    let doors = take_doors(place)?;
    let taken: Vec<u16> = doors
        .iter()
        .flat_map(|door| [door.listens, door.tells])
        .chain(place.port())
        .collect();
    let text_of_settings = settings(place, free_port(&taken)?, &doors);
    fs::write(&properties, text_of_settings).map_err(text)?;
    if !place.data().join("meta.properties").exists() {
        let mut format = java("kafka.tools.StorageTool");
        format
            .args(["format", "--cluster-id", CLUSTER, "--config"])
            .arg(&properties);
        place.run(&mut format)?;
    }
    place.start(java("kafka.Kafka").arg(&properties))
}

/// A listener that tells its clients another address than its own.
struct Door {
    listens: u16,
    tells: u16,
}

/// What tests are told of the doors, as `listens:tells`, with commas. Nothing of a Kafka that was not started from here.
pub(super) fn doors(place: &Place) -> Option<(String, String)> {
    let known = fs::read_to_string(doors_file(place)).ok()?;
    Some((DOORS_VARIABLE.to_owned(), known.trim().to_owned()))
}

fn doors_file(place: &Place) -> PathBuf {
    place.folder().join("doors")
}

/// Chooses the doors' ports, and keeps those that were chosen before, unless somebody else has one by now: clients know
/// them.
fn take_doors(place: &Place) -> Result<Vec<Door>, String> {
    if let Ok(known) = fs::read_to_string(doors_file(place)) {
        let door = |pair: &str| {
            let (listens, tells) = pair.split_once(':')?;
            Some(Door {
                listens: listens.parse().ok()?,
                tells: tells.parse().ok()?,
            })
        };
        let doors: Option<Vec<Door>> = known.trim().split(',').map(door).collect();
        let doors = doors.ok_or_else(|| format!("{} cannot be read", doors_file(place).display()))?;
        if doors.iter().all(|door| is_free(door.listens)) {
            return Ok(doors);
        }
    }
    let mut taken: Vec<u16> = place.port().into_iter().collect();
    let mut doors = Vec::new();
    for _ in 0..DOORS {
        let listens = free_port(&taken)?;
        let tells = free_port_for_tests(&taken)?;
        taken.extend([listens, tells]);
        doors.push(Door { listens, tells });
    }
    let known: Vec<String> = doors
        .iter()
        .map(|door| format!("{}:{}", door.listens, door.tells))
        .collect();
    fs::write(doors_file(place), known.join(",")).map_err(text)?;
    Ok(doors)
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

fn settings(place: &Place, controller: u16, doors: &[Door]) -> String {
    let broker = place.port().unwrap_or_default();
    let data = place.data();
    let of_doors = |line: &dyn Fn(usize, &Door) -> String| -> String {
        doors
            .iter()
            .enumerate()
            .map(|(at, door)| format!(",{}", line(at, door)))
            .collect()
    };
    let listening = of_doors(&|at, door| format!("DOOR{at}://127.0.0.1:{}", door.listens));
    let told = of_doors(&|at, door| format!("DOOR{at}://127.0.0.1:{}", door.tells));
    let in_the_clear = of_doors(&|at, _| format!("DOOR{at}:PLAINTEXT"));
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}{listening}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}{told}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{in_the_clear}
inter.broker.listener.name=PLAINTEXT
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
