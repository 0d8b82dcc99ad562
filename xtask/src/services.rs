//! `cargo xtask services`: the outside services that tests need.

use crate::steps::Steps;
use crate::terminal::say;

/// Says that there are none.
pub(crate) fn run(_steps: &mut Steps) {
    say(
        "No outside service is needed: this version has only the embedded store, and its tests bring all they need.\n\
         MongoDB, Kafka and Redis will be needed, and started from here, once the clustered form exists.",
    );
}
