//! The log on standard error.

use std::io::{self, Write};

use crate::config::{Config, LogFormat, LogLevel};

/// Starts the log as configured. Called once.
pub(super) fn start(config: &Config) {
    let level = match config.log.level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        // What cannot be logged would otherwise be complained about on standard error, which panics when that is broken.
        .log_internal_errors(false)
        .with_writer(|| Forgiving(io::stderr()));
    match config.log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// Loses what cannot be written: a full disk or a reader that has gone must cost lines of the log, never a request.
struct Forgiving<W>(W);

impl<W: Write> Write for Forgiving<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            // Taking nothing is what a full device does without an error; asked again, it would do it forever.
            Ok(0) => Ok(bytes.len()),
            Ok(written) => Ok(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(_) => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn what_cannot_be_written_is_lost() {
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
            let mut log = Forgiving(Broken(kind));
            log.write_all(b"a line\n").unwrap();
            log.flush().unwrap();
        }
        let mut full = [0; 3];
        Forgiving(&mut full[..]).write_all(b"a line\n").unwrap();
        assert_eq!(&full, b"a l");
    }
}
