//! `cargo xtask services`: the outside services that tests need.
//!
//! # How it works
//! - A service that the environment points to is used as it is. Otherwise an installed program is started, and where
//!   there is none, one that is fetched or built into `target/services/programs`.
//! - Each service has a folder `target/services/<name>` with its log, its data, its process and its port. Ports are
//!   chosen when the service is started, so that several clones can run theirs beside each other.
//! - `up` answers once every service does. `down` ends them and removes their data; the programs stay.
//! - [`cluster`] runs three nodes over them.
//! - What tests must know stands in `target/services/environment`, one `NAME=value` a line.

mod answers;
pub(crate) mod cluster;
mod ferretdb;
mod kafka;
mod mongod;
mod postgresql;
mod process;
mod redis;

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::steps::{Outcome, Steps};
use crate::terminal::say;
use crate::workspace::target;
use process::Place;

/// An outside service.
struct Service {
    name: &'static str,
    /// Where tests look for its address; none for what only another service uses.
    variable: Option<&'static str>,
    /// Whether it is wanted on this machine, given what is installed.
    wanted: fn() -> bool,
    /// Fetches and builds what is missing.
    provide: fn(&mut Steps),
    /// Starts it, and answers why it could not.
    start: fn(&Place) -> Result<(), String>,
    /// Ends it. Its data stays.
    stop: fn(&Place) -> Result<(), String>,
    /// Removes its data and everything else that it has.
    remove: fn(&Place) -> Result<(), String>,
    /// Whether it answers at a port, as its clients would ask it.
    answers: fn(u16) -> bool,
    /// How tests are told of its port.
    address: fn(u16) -> String,
}

/// In the order in which they are started.
const SERVICES: [Service; 6] = [
    postgresql::SERVICE,
    mongod::SERVICE,
    ferretdb::ON_POSTGRESQL,
    ferretdb::ON_SQLITE,
    kafka::SERVICE,
    redis::SERVICE,
];

/// The address of a MongoDB, or of what stands in for one.
const MONGO: &str = "MADANG_TEST_MONGO_URL";

/// What tests are told, as names and values.
pub(crate) type Environment = Vec<(String, String)>;

/// Starts every service that does not run yet.
pub(crate) fn up(steps: &mut Steps) {
    let environment = bring_up(steps);
    say("\nFor tests:");
    for (name, value) in &environment {
        // The environment may hold the way into somebody's real database.
        let given = env::var_os(name).is_some();
        say(&format!("export {name}={}", if given { "..." } else { value }));
    }
}

/// Starts every service that does not run yet, and answers what tests must know of them.
pub(crate) fn bring_up(steps: &mut Steps) -> Environment {
    let mut environment = Vec::new();
    for service in &SERVICES {
        if let Some(given) = service.given() {
            environment.push(given);
        } else if (service.wanted)() && service.bring_up(steps) {
            environment.extend(service.told());
        }
    }
    // Whoever has a Kafka of their own says of its doors, too, if it has any.
    if kafka::SERVICE.given().is_none() {
        environment.extend(kafka::doors(&kafka::SERVICE.place()));
    }
    let text: String = environment
        .iter()
        .filter(|(name, _)| env::var_os(name).is_none())
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    if let Err(error) =
        fs::create_dir_all(folder()).and_then(|()| fs::write(folder().join("environment"), text))
    {
        steps.missing("services: environment", &error.to_string());
    }
    environment
}

/// Ends every service that was started from here, and removes its data.
pub(crate) fn down(steps: &mut Steps) {
    let _ = fs::remove_file(folder().join("environment"));
    for service in SERVICES.iter().rev().filter(|service| service.place().exists()) {
        steps.step(&format!("services: end {}", service.name), || {
            let place = service.place();
            match (service.stop)(&place).and_then(|()| (service.remove)(&place)) {
                Ok(()) => Outcome::Passed,
                Err(why) => Outcome::Failed(why),
            }
        });
    }
}

/// Says what runs where.
pub(crate) fn status(_steps: &mut Steps) {
    for service in &SERVICES {
        let state = match (service.given(), service.place().port()) {
            (Some((name, _)), _) => format!("given by {name}"),
            (None, Some(port)) if (service.answers)(port) => {
                format!("answers at {}", (service.address)(port))
            }
            (None, Some(port)) => format!(
                "does not answer at port {port}: see {}",
                service.place().log().display()
            ),
            (None, None) if (service.wanted)() => "not started".to_owned(),
            (None, None) => "not needed here".to_owned(),
        };
        say(&format!("{:<20} {state}", service.name));
    }
}

/// Whether any service was started from here.
pub(crate) fn any_started() -> bool {
    SERVICES.iter().any(|service| service.place().exists())
}

impl Service {
    fn place(&self) -> Place {
        Place::new(folder().join(self.name))
    }

    /// What the environment says of it.
    fn given(&self) -> Option<(String, String)> {
        let name = self.variable?;
        Some((name.to_owned(), env::var(name).ok()?))
    }

    fn told(&self) -> Option<(String, String)> {
        Some((self.variable?.to_owned(), (self.address)(self.place().port()?)))
    }

    /// Starts it unless it answers already; answers whether it does now.
    fn bring_up(&self, steps: &mut Steps) -> bool {
        let place = self.place();
        if place.port().is_some_and(self.answers) {
            return true;
        }
        (self.provide)(steps);
        let started = place.take_port().and_then(|port| {
            (self.start)(&place)?;
            place.wait_until(|| (self.answers)(port))
        });
        let name = format!("services: {}", self.name);
        match started {
            Ok(()) => steps.step(&name, || Outcome::Passed),
            Err(why) => {
                say(&place.end_of_log());
                // Nothing half started stays behind.
                let _ = (self.stop)(&place);
                place.give_up_port();
                steps.missing(&name, &why);
                false
            }
        }
    }
}

/// Where the services are.
fn folder() -> PathBuf {
    target().join("services")
}

/// Where fetched and built programs are.
fn programs() -> PathBuf {
    folder().join("programs")
}
