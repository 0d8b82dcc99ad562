//! Running the child process, and what became of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use madang_storage::engine::EngineKind;

use crate::verify::{Depth, Findings};

/// How long a check may take before it counts as a hang.
pub const CHECK_LIMIT: Duration = Duration::from_secs(60);

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is there and fits together.
    Whole(String),
    /// The data would not open, and said so.
    Refused(String),
    /// The store noticed that something is missing or altered.
    Damaged(String),
    /// Something is missing or altered, and nobody noticed.
    Lost(String),
    /// Another error.
    Failed(String),
    /// A panic, an abort or a hang.
    Crashed(String),
}

impl Verdict {
    /// What findings amount to. What the store noticed counts more than what follows from it.
    pub fn of(findings: &Findings) -> Self {
        let text = findings.verdict();
        if !findings.damaged.is_empty() {
            Self::Damaged(text)
        } else if !findings.lost.is_empty() {
            Self::Lost(text)
        } else if !findings.failed.is_empty() {
            Self::Failed(text)
        } else {
            Self::Whole(text)
        }
    }

    /// The exit code by which a child tells it.
    pub const fn code(&self) -> i32 {
        match self {
            Self::Whole(_) => 0,
            Self::Refused(_) => 10,
            Self::Damaged(_) => 11,
            Self::Lost(_) => 12,
            Self::Failed(_) => 13,
            Self::Crashed(_) => 14,
        }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Self::Whole(text)
            | Self::Refused(text)
            | Self::Damaged(text)
            | Self::Lost(text)
            | Self::Failed(text)
            | Self::Crashed(text) => text,
        }
    }

    /// The same outcome with more to say.
    #[must_use]
    pub fn with(self, more: &str) -> Self {
        let text = format!("{}; {more}", self.text());
        match self {
            Self::Whole(_) => Self::Whole(text),
            Self::Refused(_) => Self::Refused(text),
            Self::Damaged(_) => Self::Damaged(text),
            Self::Lost(_) => Self::Lost(text),
            Self::Failed(_) => Self::Failed(text),
            Self::Crashed(_) => Self::Crashed(text),
        }
    }

    /// Whether everything is there.
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    fn from_exit(status: ExitStatus, text: String, errors: &str) -> Self {
        match status.code() {
            Some(0) => Self::Whole(text),
            Some(10) => Self::Refused(text),
            Some(11) => Self::Damaged(text),
            Some(12) => Self::Lost(text),
            Some(13) => Self::Failed(text),
            _ => Self::Crashed(format!("{status}: {text} {}", tail(errors))),
        }
    }
}

fn tail(errors: &str) -> String {
    let skipped = errors.chars().count().saturating_sub(1_500);
    errors
        .chars()
        .skip(skipped)
        .collect::<String>()
        .replace('\n', " / ")
}

/// Where the child's program is; set by the tests, because only they are built after it.
#[derive(Debug, Clone)]
pub struct Program(pub PathBuf);

/// How a writer is started.
#[derive(Debug, Clone)]
pub struct Writing<'a> {
    /// The data folder.
    pub folder: &'a Path,
    /// Its engine.
    pub engine: EngineKind,
    /// Its journal.
    pub journal: &'a Path,
    /// What its choices follow from.
    pub seed: u64,
    /// What must stay free.
    pub min_free_bytes: u64,
    /// `fail`, `read` or `wait`.
    pub on_error: &'a str,
}

impl Program {
    /// Starts a writer, with more in its environment.
    pub fn write(&self, writing: &Writing<'_>, environment: &[(&str, OsString)]) -> Running {
        let Writing {
            folder,
            engine,
            journal,
            seed,
            min_free_bytes,
            on_error,
        } = writing;
        let mut command = Command::new(&self.0);
        command
            .arg("write")
            .arg(named("folder", folder))
            .arg(format!("engine={engine}"))
            .arg(named("journal", journal))
            .arg(format!("seed={seed}"))
            .arg(format!("min_free={min_free_bytes}"))
            .arg(format!("on_error={on_error}"));
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        Running::start(command)
    }

    /// Checks a folder.
    pub fn check(&self, folder: &Path, engine: EngineKind, journal: &Path, depth: Depth) -> Verdict {
        let mut command = Command::new(&self.0);
        command
            .arg("check")
            .arg(named("folder", folder))
            .arg(format!("engine={engine}"))
            .arg(named("journal", journal))
            .arg(format!(
                "depth={}",
                if depth == Depth::ReadOnly { "read" } else { "write" }
            ));
        Running::start(command).wait(CHECK_LIMIT)
    }

    /// Does a little of everything under the recorder.
    pub fn scribble(&self, folder: &Path, journal: &Path, environment: &[(&str, OsString)]) -> Verdict {
        let mut command = Command::new(&self.0);
        command
            .arg("scribble")
            .arg(named("folder", folder))
            .arg(named("journal", journal));
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        Running::start(command).wait(CHECK_LIMIT)
    }
}

fn named(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(format!("{name}="));
    argument.push(path);
    argument
}

/// A child that is killed when nobody waits for it any more.
#[derive(Debug)]
pub struct Running {
    child: Child,
    // Files instead of pipes: a child never waits for a parent that does not read.
    output: File,
    errors: File,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let output = tempfile::tempfile().expect("a file for the child's output");
        let errors = tempfile::tempfile().expect("a file for the child's errors");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a duplicate"))
            .stderr(errors.try_clone().expect("a duplicate"))
            .spawn()
            .expect("the child can be started");
        Self {
            child,
            output,
            errors,
        }
    }

    /// Whether it ended by itself.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().expect("the child can be asked").is_some()
    }

    /// Kills it with SIGKILL. Answers its verdict if it had ended by itself before.
    pub fn kill(mut self) -> Option<Verdict> {
        let ended = self.child.try_wait().expect("the child can be asked");
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
        ended.map(|status| self.verdict(status))
    }

    /// Waits for its end, at most for this long.
    pub fn wait(mut self, limit: Duration) -> Verdict {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return self.verdict(status);
            }
            if start.elapsed() > limit {
                return Verdict::Crashed(format!(
                    "no end within {limit:?}: {}",
                    tail(&read(&mut self.errors))
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until it was killed by a signal, at most for this long; answers what happened instead otherwise.
    pub fn wait_for_signal(mut self, limit: Duration) -> Result<(), Verdict> {
        use std::os::unix::process::ExitStatusExt as _;
        let start = Instant::now();
        loop {
            match self.child.try_wait().expect("the child can be asked") {
                Some(status) if status.signal() == Some(9) => return Ok(()),
                Some(status) => return Err(self.verdict(status)),
                None if start.elapsed() > limit => {
                    return Err(Verdict::Crashed(format!("no end within {limit:?}")));
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    fn verdict(&mut self, status: ExitStatus) -> Verdict {
        let text = read(&mut self.output).trim().to_owned();
        Verdict::from_exit(status, text, &read(&mut self.errors))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when the child has ended and was waited for, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(file: &mut File) -> String {
    use std::io::{Seek as _, SeekFrom};
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).expect("a file can be read again");
    file.read_to_end(&mut bytes).expect("a file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until `condition` holds; answers whether it did within the limit.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    condition()
}
