//! A service's folder, and the process that runs in it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::workspace::output_of;

/// Java on a busy machine takes its time.
const START_LIMIT: Duration = Duration::from_secs(90);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
/// Below the ports that systems hand out to clients, where a service that is started again would find its own taken.
const PORTS: Range<u16> = 21_000..29_000;
/// Ports at which tests listen: no service takes one of them while they do not.
const PORTS_OF_TESTS: Range<u16> = 29_000..32_000;

/// Where a service keeps its log, data, process number and port.
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn exists(&self) -> bool {
        self.folder.exists()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A folder for data.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The port that was chosen when the service was started.
    pub(super) fn port(&self) -> Option<u16> {
        fs::read_to_string(self.folder.join("port"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// Chooses a port, and keeps the one that was chosen before if nobody else has it.
    pub(super) fn take_port(&self) -> Result<u16, String> {
        let port = match self.port().filter(|port| is_free(*port)) {
            Some(port) => port,
            None => free_port(&[])?,
        };
        let write = |()| fs::write(self.folder.join("port"), port.to_string());
        fs::create_dir_all(self.data()).and_then(write).map_err(text)?;
        Ok(port)
    }

    /// Starts a program that runs on when we are gone.
    pub(super) fn start(&self, command: &mut Command) -> Result<(), String> {
        let log = File::create(self.log()).map_err(text)?;
        command
            .stdin(Stdio::null())
            .stderr(log.try_clone().map_err(text)?)
            .stdout(log);
        // What is typed at the terminal is meant for us.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command
            .spawn()
            .map_err(|error| format!("cannot be started: {error}"))?;
        fs::write(self.folder.join("pid"), child.id().to_string()).map_err(text)
    }

    /// Runs a program to its end; what it says goes into the log.
    pub(super) fn run(&self, command: &mut Command) -> Result<(), String> {
        let mut log = File::options();
        let log = log.create(true).append(true).open(self.log()).map_err(text)?;
        let status = command
            .stdin(Stdio::null())
            .stderr(log.try_clone().map_err(text)?)
            .stdout(log)
            .status()
            .map_err(text)?;
        if status.success() {
            return Ok(());
        }
        let program = command.get_program().to_string_lossy();
        Err(format!("{program} failed: see {}", self.log().display()))
    }

    /// Ends the program that [`Self::start`] started.
    pub(super) fn stop(&self) -> Result<(), String> {
        let Some(pid) = self.pid() else { return Ok(()) };
        let start = Instant::now();
        while self.is_ours(&pid) {
            let signal = if start.elapsed() < STOP_LIMIT {
                "-TERM"
            } else {
                "-KILL"
            };
            let _ = output_of("kill", &[signal, &pid]);
            if start.elapsed() > STOP_LIMIT * 2 {
                return Err(format!("process {pid} does not end"));
            }
            thread::sleep(PAUSE);
        }
        fs::remove_file(self.folder.join("pid")).map_err(text)
    }

    /// Waits until the service answers. A service without a process of its own is only asked.
    pub(super) fn wait_until(&self, answers: impl Fn() -> bool) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if answers() {
                return Ok(());
            }
            if self.pid().is_some_and(|pid| !self.is_ours(&pid)) {
                return Err(format!("it ended at once: see {}", self.log().display()));
            }
            thread::sleep(PAUSE);
        }
        Err(format!(
            "it does not answer after {} s: see {}",
            START_LIMIT.as_secs(),
            self.log().display()
        ))
    }

    /// After a start that failed: the port is anybody's again, and the log stays to be read.
    pub(super) fn give_up_port(&self) {
        let _ = fs::remove_file(self.folder.join("port"));
    }

    pub(super) fn end_of_log(&self) -> String {
        const LINES: usize = 30;
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    pub(super) fn remove(&self) -> Result<(), String> {
        fs::remove_dir_all(&self.folder).map_err(text)
    }

    fn pid(&self) -> Option<String> {
        let pid = fs::read_to_string(self.folder.join("pid")).ok()?;
        pid.trim().parse::<u32>().ok().map(|pid| pid.to_string())
    }

    /// Whether the process runs and is the one we started: numbers are used again. Every service has its port or its
    /// folder among its arguments. One that has ended and waits for its parent has none.
    fn is_ours(&self, pid: &str) -> bool {
        let Some(arguments) = output_of("ps", &["-ww", "-o", "args=", "-p", pid]) else {
            return false;
        };
        let port = self.port().map(|port| port.to_string()).unwrap_or_default();
        arguments.contains(&*self.folder.to_string_lossy()) || !port.is_empty() && arguments.contains(&port)
    }
}

/// An error's text.
pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A port that nobody listens on, other than those that are spoken for.
pub(super) fn free_port(taken: &[u16]) -> Result<u16, String> {
    free_port_among(PORTS, taken)
}

/// A port for a test to listen on.
pub(super) fn free_port_for_tests(taken: &[u16]) -> Result<u16, String> {
    free_port_among(PORTS_OF_TESTS, taken)
}

fn free_port_among(ports: Range<u16>, taken: &[u16]) -> Result<u16, String> {
    // Clones that look at the same moment begin at different places.
    let width = u32::from(ports.end - ports.start);
    let offset = u16::try_from(std::process::id().wrapping_mul(61) % width).map_err(text)?;
    let begin = ports.start + offset;
    (begin..ports.end)
        .chain(ports.start..begin)
        .find(|port| !taken.contains(port) && is_free(*port))
        .ok_or_else(|| "every port is taken".to_owned())
}

/// Whether nobody listens on a port.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn ends_only_what_it_started() {
        let folder = std::env::temp_dir().join(format!("madang-xtask-{}", std::process::id()));
        let place = Place::new(folder.clone());
        place.take_port().unwrap();
        let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(folder.join("pid"), stranger.id().to_string()).unwrap();
        place.stop().unwrap();
        assert_eq!(
            stranger.try_wait().unwrap(),
            None,
            "it has nothing of ours in its arguments"
        );
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        place.remove().unwrap();
    }

    #[test]
    fn a_taken_port_is_not_chosen() {
        let port = free_port(&[]).unwrap();
        let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(!is_free(port));
        assert_ne!(free_port(&[]).unwrap(), port);
        let next = free_port(&[]).unwrap();
        assert_ne!(free_port(&[next]).unwrap(), next);
    }
}
