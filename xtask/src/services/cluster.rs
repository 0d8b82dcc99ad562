//! `cargo xtask cluster`: three nodes over the services, to play with.
//!
//! Each node has a folder `target/cluster/node-<n>` like that of a service. What is stopped keeps its data, so that the next
//! start finds it; `cargo xtask services down` removes what is in the services.
//!
//! No signal can be caught without unsafe code, so once everything runs this program becomes a shell that waits for
//! Ctrl+C, and then this program again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::process::{Place, text};
use super::{Environment, MONGO, SERVICES, Service, answers, bring_up, kafka, redis};
use crate::steps::{Outcome, Steps};
use crate::terminal::say;
use crate::workspace::{cargo, target};

const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
/// What the database, the topics and the keys are called. Tests take other names.
const NAME: &str = "madang_cluster";
/// Waits for Ctrl+C. What it starts must not be hit by a second one.
const WAITER: &str = "
end() { trap '' INT TERM HUP; kill $!; exec \"$0\" cluster stop; }
trap end INT TERM HUP
while :; do sleep 3600 & wait $!; done
";

/// Builds and starts everything, and runs until it is told to stop.
pub(crate) fn run(steps: &mut Steps) {
    let mut build = cargo([
        "build",
        "--locked",
        "--package",
        "madang",
        "--features",
        "cluster",
    ]);
    if !steps.program("build", &mut build) {
        return;
    }
    let ran: Vec<&str> = running().map(|service| service.name).collect();
    let environment = bring_up(steps);
    let ours = running()
        .map(|service| service.name)
        .filter(|name| !ran.contains(name));
    if let Err(why) = note_started(ours) {
        steps.missing("cluster: notes", &why);
        return;
    }
    let settings = match settings(&environment) {
        Ok(settings) => settings,
        Err(why) => {
            steps.step("cluster", || Outcome::Failed(why));
            return;
        }
    };
    for node in NODES {
        let name = format!("cluster: {node}");
        let is_up = steps.step(&name, || match start(node, &settings) {
            Ok(()) => Outcome::Passed,
            Err(why) => Outcome::Failed(why),
        });
        if !is_up {
            say(&place(node).end_of_log());
            stop(steps);
            return;
        }
    }
    say(&greeting());
    wait(steps);
}

/// Ends the nodes, and the services that were started for them. Nothing is removed.
pub(crate) fn stop(steps: &mut Steps) {
    let outcome = |ended: Result<(), String>| ended.map_or_else(Outcome::Failed, |()| Outcome::Passed);
    for node in NODES {
        if place(node).exists() {
            steps.step(&format!("cluster: end {node}"), || outcome(place(node).stop()));
        }
    }
    let started = fs::read_to_string(notes()).unwrap_or_default();
    let started: Vec<&str> = started.lines().collect();
    for service in SERVICES
        .iter()
        .rev()
        .filter(|service| started.contains(&service.name))
    {
        let name = format!("services: end {}", service.name);
        steps.step(&name, || outcome((service.stop)(&service.place())));
    }
    // Without it there is nothing to be stopped the next time either.
    let _ = fs::remove_file(notes());
}

/// The services that answer.
fn running() -> impl Iterator<Item = &'static Service> {
    SERVICES
        .iter()
        .filter(|service| service.place().port().is_some_and(service.answers))
}

/// Adds to the services that are ours to stop: an earlier start may have been killed before it stopped them.
fn note_started<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut lines = fs::read_to_string(notes()).unwrap_or_default();
    for name in names {
        lines += &format!("{name}\n");
    }
    let written = fs::create_dir_all(folder()).and_then(|()| fs::write(notes(), lines));
    written.map_err(text)
}

/// What the nodes are told by their environment.
fn settings(environment: &Environment) -> Result<Environment, String> {
    let address = |variable: &str| {
        let found = environment.iter().find(|(name, _)| name == variable);
        found
            .map(|(_, value)| value.clone())
            .ok_or_else(|| format!("nothing answers that {variable} could name: see above"))
    };
    let variable = |service: &Service| service.variable.unwrap_or_default();
    let settings = [
        ("STORAGE__KIND", "mongodb".to_owned()),
        ("STORAGE__URL", address(MONGO)?),
        ("STORAGE__DATABASE", NAME.to_owned()),
        ("BROKER__KIND", "kafka".to_owned()),
        ("BROKER__SERVERS", address(variable(&kafka::SERVICE))?),
        ("BROKER__TOPICS", NAME.to_owned()),
        ("PRESENCE__KIND", "redis".to_owned()),
        ("PRESENCE__URL", address(variable(&redis::SERVICE))?),
        ("PRESENCE__PREFIX", format!("{NAME}:")),
    ];
    let named = settings.map(|(name, value)| (format!("MADANG_{name}"), value));
    Ok(named.into())
}

/// Starts a node unless it runs.
fn start(node: &str, settings: &Environment) -> Result<(), String> {
    let place = place(node);
    if place.port().is_some_and(answers::madang) {
        return Ok(());
    }
    let port = place.take_port()?;
    let program = format!("madang{}", std::env::consts::EXE_SUFFIX);
    let mut command = Command::new(target().join("debug").join(program));
    command
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(place.data())
        .envs(settings.iter().cloned());
    place.start(&mut command)?;
    place.wait_until(|| answers::madang(port))
}

/// What to open, and how to stop.
fn greeting() -> String {
    let port = |node: &&str| place(node).port();
    let addresses: Vec<String> = NODES
        .iter()
        .filter_map(port)
        .map(|port| format!("http://127.0.0.1:{port}"))
        .collect();
    // Every node prints a set-up link; the newest one lasts.
    let last = NODES.last().map_or_else(String::new, |node| {
        fs::read_to_string(place(node).log()).unwrap_or_default()
    });
    let open = link(&last).unwrap_or_else(|| addresses.first().cloned().unwrap_or_default());
    format!(
        "\nopen {open}    (the nodes: {})\nCtrl+C stops them; their data stays in {} and in the services",
        addresses.join(" "),
        folder().display()
    )
}

/// The set-up link in what a node has printed.
fn link(log: &str) -> Option<String> {
    let lines = log.lines().rev();
    let mut links = lines.filter_map(|line| line.strip_prefix("set-up link: "));
    links.next().map(str::to_owned)
}

#[cfg(unix)]
fn wait(steps: &mut Steps) {
    use std::os::unix::process::CommandExt as _;

    let failed = std::env::current_exe().map_or_else(
        |error| error,
        // It only comes back when it fails.
        |program| Command::new("sh").args(["-c", WAITER]).arg(program).exec(),
    );
    steps.missing("cluster: wait for Ctrl+C", &failed.to_string());
}

#[cfg(not(unix))]
fn wait(_steps: &mut Steps) {
    let _ = WAITER;
    say("`cargo xtask cluster stop` stops them: Ctrl+C does not, on this system");
}

fn place(node: &str) -> Place {
    Place::new(folder().join(node))
}

fn folder() -> PathBuf {
    target().join("cluster")
}

/// The services that were started for the nodes, one a line.
fn notes() -> PathBuf {
    folder().join("services")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_link_is_found() {
        let log = "listening on http://127.0.0.1:1\nset-up link: http://127.0.0.1:1/setup#token=a\n\
                   listening on http://127.0.0.1:1\nset-up link: http://127.0.0.1:1/setup#token=b\nonly this machine\n";
        assert_eq!(link(log).as_deref(), Some("http://127.0.0.1:1/setup#token=b"));
        assert_eq!(link("open http://127.0.0.1:1\n"), None);
    }

    #[test]
    fn nodes_are_told_of_every_service() {
        let service = |service: &Service| (service.variable.unwrap().to_owned(), "there".to_owned());
        let mut environment = vec![(MONGO.to_owned(), "mongodb://there".to_owned())];
        assert!(settings(&environment).is_err(), "Kafka and Redis are missing");
        environment.extend([service(&kafka::SERVICE), service(&redis::SERVICE)]);
        let told = settings(&environment).unwrap();
        assert!(told.contains(&("MADANG_STORAGE__URL".to_owned(), "mongodb://there".to_owned())));
        assert!(told.contains(&("MADANG_BROKER__SERVERS".to_owned(), "there".to_owned())));
    }
}
