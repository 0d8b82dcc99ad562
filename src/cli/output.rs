//! The one place that writes to the terminal. Everything else that the server has to say is a log line.

use std::io::{self, ErrorKind, Write};

/// Where a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// What was asked for: it may be piped into another program.
    Out,
    /// Why it did not work.
    Err,
}

/// Writes `text` as it is. A reader that has gone away, as in `madang --help | head -1`, is no failure.
pub(super) fn write(stream: Stream, text: &str) -> io::Result<()> {
    let written = match stream {
        Stream::Out => write_all(&mut io::stdout().lock(), text),
        Stream::Err => write_all(&mut io::stderr().lock(), text),
    };
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn write_all(to: &mut dyn Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}
