//! What a subcommand has done, for people or for programs.

use serde::Serialize;

use super::Failure;
use super::output::{self, Stream};

/// Prints a report: as one line of JSON, or as `text`.
pub(super) fn print(
    json: bool,
    report: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let text = if json {
        let line = serde_json::to_string(report);
        line.map_err(|error| Failure(format!("cannot write the report: {error}")))? + "\n"
    } else {
        text()
    };
    output::write(Stream::Out, &text).map_err(|error| Failure(format!("cannot write the report: {error}")))
}
