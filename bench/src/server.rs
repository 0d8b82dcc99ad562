//! Starting and ending what is measured, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use crate::net::http::Asker;

/// How long a server may take until it listens.
const START_WITHIN: Duration = Duration::from_secs(60);

/// Which server is measured, and where its data goes.
#[derive(Args, Clone)]
pub(crate) struct ServerArguments {
    /// The server's binary; a release build, or the figures mean nothing.
    #[arg(long, default_value = "target/release/madang")]
    pub(crate) server: PathBuf,
    /// Where to put the data, on the disk that is meant; a temporary folder there is used and removed.
    #[arg(long, default_value = ".")]
    pub(crate) folder: PathBuf,
}

impl ServerArguments {
    /// A folder for one server's data.
    pub(crate) fn data(&self) -> anyhow::Result<tempfile::TempDir> {
        tempfile::tempdir_in(&self.folder)
            .with_context(|| format!("cannot make a folder in {}", self.folder.display()))
    }

    /// Starts the server on a free port, with a folder that is removed with it.
    pub(crate) fn start_in_new_folder(&self, settings: &[(&str, &str)]) -> anyhow::Result<Process> {
        let data = self.data()?;
        let mut process = self.start(data.path(), settings)?;
        process.data = Some(data);
        Ok(process)
    }

    /// Starts the server on a free port. `settings` are names and values of environment variables.
    pub(crate) fn start(&self, data: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Process> {
        let mut command = Command::new(&self.server);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("MADANG_LOG__LEVEL", "warn")
            // The whole crowd comes from one address, and some of it is one person.
            .env("MADANG_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "0")
            .env("MADANG_SERVER__REQUESTS_PER_ACCOUNT_PER_SECOND", "0")
            .env("MADANG_SERVER__REQUESTS_PER_ADDRESS_PER_SECOND", "0")
            .envs(settings.iter().copied());
        Process::start(command).with_context(|| format!("cannot start {}", self.server.display()))
    }
}

/// A process that listens. It ends with this value, if it was started here.
pub(crate) struct Process {
    child: Option<Child>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The token of the set-up link, when it printed one.
    pub(crate) setup_token: Option<String>,
    /// A folder that is removed with it.
    data: Option<tempfile::TempDir>,
}

impl Process {
    /// Starts it, and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("no output to read")?;
        let lines = lines_of(stdout);
        let mut process = Self {
            child: Some(child),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            setup_token: None,
            data: None,
        };
        let deadline = Instant::now() + START_WITHIN;
        loop {
            // The set-up link follows the address at once, or never.
            let listens = process.address.port() != 0;
            let patience = if listens {
                Duration::from_millis(200)
            } else {
                deadline.saturating_duration_since(Instant::now())
            };
            let Ok(line) = lines.recv_timeout(patience) else {
                anyhow::ensure!(listens, "it did not say where it listens");
                return Ok(process);
            };
            if let Some((_, address)) = line.split_once("listening on http://") {
                process.address = address.trim().trim_end_matches('/').parse()?;
            }
            if let Some((_, token)) = line.split_once("/setup#token=") {
                process.setup_token = Some(token.trim().to_owned());
                return Ok(process);
            }
            // What a server that is set up says instead.
            if line.starts_with("open ") {
                return Ok(process);
            }
        }
    }

    /// One that somebody else has started.
    pub(crate) fn there(address: SocketAddr) -> Self {
        Self {
            child: None,
            address,
            setup_token: None,
            data: None,
        }
    }

    /// Its number; 0 for one that somebody else has started.
    pub(crate) fn id(&self) -> u32 {
        self.started_id().unwrap_or_default()
    }

    /// Its number, if it was started here.
    pub(crate) fn started_id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Asks it, without a session.
    pub(crate) fn stranger(&self) -> Asker {
        Asker {
            address: self.address,
            token: None,
        }
    }

    /// Waits until it says that it is ready.
    pub(crate) fn wait_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        while Instant::now() < deadline {
            if let Ok(answer) = self.stranger().ask("GET", "/readyz", None)
                && answer.status == 200
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        anyhow::bail!("it did not become ready")
    }

    /// Ends it without warning, as a loss of power would (SIGKILL), and waits until it is gone.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; nobody is left to be told.
        let _ = self.kill();
    }
}

/// The lines that a process prints. They are read to the end, so that it never waits for a reader.
fn lines_of(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Whoever started the process has heard enough.
            let _ = sender.send(line);
        }
    });
    lines
}
