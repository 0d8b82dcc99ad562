//! The one place that writes to the terminal.

use std::io::Write as _;

/// Writes a line to standard output, in order with what the steps write there themselves.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A closed terminal must not stop a test run; its exit code still counts.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
