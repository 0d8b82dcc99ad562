//! Runs steps one after the other and sums them up.

use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::terminal::say;

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it should.
    Passed,
    /// It did not, for this reason.
    Failed(String),
    /// It could not be done here, for this reason, and that is no failure.
    NotRun(String),
}

struct Done {
    name: String,
    outcome: Outcome,
    took: Duration,
    /// How many tests passed in it.
    passed: Option<usize>,
}

/// The steps that were done so far.
pub(crate) struct Steps {
    done: Vec<Done>,
    /// Whether something missing is a failure.
    require_all: bool,
}

impl Steps {
    /// Nothing done yet.
    pub(crate) const fn new(require_all: bool) -> Self {
        Self {
            done: Vec::new(),
            require_all,
        }
    }

    /// From here on something missing is a failure, for the steps that are started, too.
    pub(crate) const fn require_all(&mut self) {
        self.require_all = true;
    }

    /// Runs a program as a step; its output streams through. Answers whether it succeeded.
    pub(crate) fn program(&mut self, name: &str, command: &mut Command) -> bool {
        if self.require_all {
            command.env("REQUIRE_SERVICES", "1");
        }
        let line = command_line(command);
        self.step(name, || {
            say(&line);
            outcome_of(command.stdin(Stdio::null()).status())
        })
    }

    /// Runs Rust tests as a step; the summary says how many passed. Of none it is a failure: their names have changed.
    pub(crate) fn tests(&mut self, name: &str, command: &mut Command) -> bool {
        if self.require_all {
            command.env("REQUIRE_SERVICES", "1");
        }
        let line = command_line(command);
        let mut passed = 0;
        let is_good = self.step(name, || {
            say(&line);
            let outcome = outcome_of(run_read(command, |line| {
                passed += passed_of(line);
                say(line);
            }));
            match outcome {
                Outcome::Passed if passed == 0 => Outcome::Failed("no test ran".to_owned()),
                other => other,
            }
        });
        if let Some(done) = self.done.last_mut() {
            done.passed = Some(passed);
        }
        is_good
    }

    /// Runs a program that fetches something tests need. Where not everything is required, it may fail.
    pub(crate) fn fetch(&mut self, name: &str, command: &mut Command) -> bool {
        let line = command_line(command);
        let require_all = self.require_all;
        self.step(name, || {
            say(&line);
            match outcome_of(command.stdin(Stdio::null()).status()) {
                Outcome::Failed(why) if !require_all => Outcome::NotRun(why),
                other => other,
            }
        })
    }

    /// Does a step. Answers whether it passed.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Outcome) -> bool {
        say(&format!("\n==> {name}"));
        let start = Instant::now();
        let outcome = work();
        let passed = outcome == Outcome::Passed;
        self.note(name, outcome, start.elapsed());
        passed
    }

    /// Notes that a step is left out, which is no failure.
    pub(crate) fn not_run(&mut self, name: &str, why: &str) {
        self.note(name, Outcome::NotRun(why.to_owned()), Duration::ZERO);
    }

    /// Notes that a step is left out because something is missing: a failure where everything is required.
    pub(crate) fn missing(&mut self, name: &str, what: &str) {
        let outcome = if self.require_all {
            Outcome::Failed
        } else {
            Outcome::NotRun
        };
        self.note(name, outcome(what.to_owned()), Duration::ZERO);
    }

    fn note(&mut self, name: &str, outcome: Outcome, took: Duration) {
        self.done.push(Done {
            name: name.to_owned(),
            outcome,
            took,
            passed: None,
        });
    }

    /// Prints the summary and answers the exit code.
    pub(crate) fn finish(self) -> ExitCode {
        if !self.done.is_empty() {
            say(&self.summary());
        }
        if self.failures() == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn failures(&self) -> usize {
        self.done
            .iter()
            .filter(|done| matches!(done.outcome, Outcome::Failed(_)))
            .count()
    }

    fn summary(&self) -> String {
        let width = self
            .done
            .iter()
            .map(|done| done.name.chars().count())
            .max()
            .unwrap_or(0);
        let mut text = String::from("\n==> summary\n");
        for Done {
            name,
            outcome,
            took,
            passed,
        } in &self.done
        {
            let (word, why) = match outcome {
                Outcome::Passed => ("ok", String::new()),
                Outcome::Failed(why) => ("FAILED", format!("  {why}")),
                Outcome::NotRun(why) => ("not run", format!("  {why}")),
            };
            let passed = passed.map_or(String::new(), |passed| format!("  {passed} tests passed"));
            text += &format!(
                "{word:<8}{:>7.1} s  {name:<width$}{passed}{why}",
                took.as_secs_f64()
            );
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        let not_run = self
            .done
            .iter()
            .filter(|done| matches!(done.outcome, Outcome::NotRun(_)))
            .count();
        let passed = self.done.len() - not_run - self.failures();
        text += &format!("{passed} ok, {} failed, {not_run} not run", self.failures());
        text
    }
}

/// Runs a program without its input and with a limit of time, after which it is ended.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> io::Result<ExitStatus> {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut child = command.stdin(Stdio::null()).spawn()?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("took longer than {} s", limit.as_secs()),
            ));
        }
        thread::sleep(PAUSE);
    }
}

/// Runs a program without its input, and reads what it prints line by line.
fn run_read(command: &mut Command, mut read: impl FnMut(&str)) -> io::Result<ExitStatus> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).split(b'\n') {
            read(&String::from_utf8_lossy(&line?));
        }
    }
    child.wait()
}

/// How many tests passed, if a line is the end of a test program's report.
fn passed_of(line: &str) -> usize {
    let report = line
        .strip_prefix("test result: ")
        .and_then(|rest| rest.split_once(". "));
    let count = report.and_then(|(_, counts)| counts.split_once(" passed"));
    count.and_then(|(count, _)| count.parse().ok()).unwrap_or(0)
}

fn outcome_of(status: io::Result<ExitStatus>) -> Outcome {
    match status {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(status) => Outcome::Failed(status.to_string()),
        Err(error) => Outcome::Failed(format!("cannot be started: {error}")),
    }
}

/// The command as one would type it.
fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let words = std::iter::once(program.file_name().unwrap_or_default()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    format!("$ {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_tells_each_outcome() {
        let mut steps = Steps::new(false);
        steps.note("formatting", Outcome::Passed, Duration::from_millis(1500));
        steps.note(
            "tests",
            Outcome::Failed("exit status: 101".to_owned()),
            Duration::from_secs(61),
        );
        steps.not_run("advisories", "the database cannot be reached");
        let expected = "
==> summary
ok          1.5 s  formatting
FAILED     61.0 s  tests       exit status: 101
not run     0.0 s  advisories  the database cannot be reached
1 ok, 1 failed, 1 not run";
        assert_eq!(steps.summary(), expected);
    }

    #[cfg(unix)]
    #[test]
    fn tests_that_passed_are_counted() {
        let report = |text: &str| {
            let mut command = Command::new("printf");
            command.arg(text);
            command
        };
        let mut steps = Steps::new(false);
        let two =
            "test a ... ok\ntest result: ok. 2 passed; 0 failed\ntest result: ok. 40 passed; 0 failed\n";
        assert!(steps.tests("many", &mut report(two)));
        assert!(
            steps.summary().contains("many  42 tests passed"),
            "{}",
            steps.summary()
        );
        assert!(!steps.tests("none", &mut report("test result: ok. 0 passed; 9 filtered out\n")));
        assert!(steps.summary().contains("no test ran"), "{}", steps.summary());
    }

    #[test]
    fn something_missing_is_a_failure_where_all_is_required() {
        let mut steps = Steps::new(false);
        steps.missing("browser", "no browser");
        assert_eq!(steps.failures(), 0);
        steps.require_all();
        steps.missing("browser", "no browser");
        assert_eq!(steps.failures(), 1);
        steps.not_run("advisories", "unreachable");
        assert_eq!(steps.failures(), 1);
    }

    #[test]
    fn a_program_that_cannot_start_is_a_failure() {
        let mut command = Command::new("madang-no-such-program");
        assert!(matches!(outcome_of(command.status()), Outcome::Failed(_)));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_is_judged_by_its_exit_code() {
        assert_eq!(outcome_of(Command::new("true").status()), Outcome::Passed);
        assert_eq!(
            outcome_of(Command::new("false").status()),
            Outcome::Failed("exit status: 1".to_owned())
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let mut sleep = Command::new("sleep");
        let error = run_within(sleep.arg("60"), Duration::from_millis(200)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
